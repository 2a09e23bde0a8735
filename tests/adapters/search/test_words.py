from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.search.words import WordIndex, words
from bot.domain.papers import PaperId
from tests.examples import paper, paper_id


async def index(**titles: str) -> WordIndex:
    """Return an index of papers ``p1``, ``p2`` … with these titles."""
    made = WordIndex()
    await made.add(
        paper(int(name[1:]), title=title, abstract="", authors=()) for name, title in titles.items()
    )
    return made


async def found(made: WordIndex, query: str) -> list[int]:
    _, ids = await made.search(query, limit=10)
    return [int(each.key[-5:]) for each in ids]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Walking Robots", ["walking", "robot"]),
        ("The class of a glass", ["class", "glass"]),
        ("naïve Bayes", ["naive", "baye"]),
        ("C++ and F#", ["c++", "f#"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("", []),
        ("... !?", []),
    ],
)
def test_a_text_is_taken_apart_case_accents_and_plurals_aside(
    text: str, expected: list[str]
) -> None:
    assert words(text) == expected


async def test_a_paper_is_found_by_title_abstract_keyword_and_author() -> None:
    made = WordIndex()
    await made.add([paper(1, title="Walking", abstract="On legs.", keywords=("robots",))])
    for query in ("walking", "LEG", "robot", "author"):
        assert await found(made, query) == [1], query
    assert await found(made, "zebra") == []


async def test_all_words_are_wanted_and_any_if_no_paper_has_all() -> None:
    made = await index(p1="Walking robots", p2="Walking dogs", p3="Singing robots")
    assert await found(made, "walking robots") == [1]
    assert set(await found(made, "singing dogs")) == {2, 3}
    assert await found(made, "walking zebras") == await found(made, "walking")


async def test_rare_words_weigh_more_and_titles_twice() -> None:
    made = await index(p1="Robots walking", p2="Robots running", p3="Robots robots", p4="Zebra")
    assert (await found(made, "zebra robots"))[0] == 4
    await made.add([paper(5, title="On birds", abstract="", authors=())])
    await made.add([paper(6, title="Elsewhere", abstract="Of birds.", authors=())])
    assert await found(made, "birds") == [5, 6]


async def test_a_paper_described_anew_is_found_by_its_new_words_alone() -> None:
    made = await index(p1="Walking")
    await made.add([paper(1, title="Running", abstract="", authors=())])
    assert await found(made, "walking") == []
    assert await found(made, "running") == [1]


async def test_pages_follow_one_another_without_gap_or_repeat() -> None:
    made = await index(**{f"p{n}": f"Robots {n}" for n in range(1, 24)})
    pages = [await made.search("robots", limit=10, offset=offset) for offset in (0, 10, 20, 30)]
    assert [total for total, _ in pages] == [23] * 4
    ids = [each for _, page in pages for each in page]
    assert sorted(ids) == [paper_id(n) for n in range(1, 24)]


@given(st.text(max_size=60), st.integers(1, 5), st.integers(0, 5))
async def test_any_input_is_a_query(query: str, limit: int, offset: int) -> None:
    made = await index(p1="Walking robots", p2="C++ for robots")
    total, ids = await made.search(query, limit=limit, offset=offset)
    assert len(ids) <= min(limit, total)
    assert set(ids) <= {PaperId("arxiv", "2605.00001"), PaperId("arxiv", "2605.00002")}


async def test_an_empty_index_finds_nothing() -> None:
    assert await WordIndex().search("anything", limit=5) == (0, [])


async def test_a_title_is_completed_from_its_words_the_last_one_begun_newest_first() -> None:
    made = await index(p1="Walking robots", p2="Walking dogs", p3="A robot that walks")
    complete = made.complete
    assert [each.key[-1] for each in await complete("walking ", limit=5)] == ["2", "1"]
    assert [each.key[-1] for each in await complete("rob", limit=5)] == ["3", "1"]
    assert [each.key[-1] for each in await complete("Walking ro", limit=5)] == ["1"]
    assert [each.key[-1] for each in await complete("rob", limit=1)] == ["3"]
    assert await complete("zeb", limit=5) == await complete("  ", limit=5) == []
    await made.add([paper(1, title="Singing birds", abstract="", authors=())])
    assert [each.key[-1] for each in await complete("walking", limit=5)] == ["2"]


@given(st.text(max_size=60))
async def test_anything_can_be_typed(typed: str) -> None:
    made = await index(p1="Walking robots", p2="C++ for robots")
    assert len(await made.complete(typed, limit=1)) <= 1
