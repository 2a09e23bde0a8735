"""Search by words: what is found, in what order, and that the index comes back by itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.search.files import is_sound
from adapters.search.lexical import LexicalIndex
from bot.domain.papers import Paper
from bot.services.query import parse
from tests.examples import paper, paper_id

TODAY = date(2026, 5, 7)
ROOT = Path(__file__).parents[3]


async def index(**titles: str) -> LexicalIndex:
    """Return an index of papers ``p1``, ``p2`` … with these titles."""
    made = LexicalIndex()
    await made.add(
        paper(int(name[1:]), title=title, abstract="", authors=()) for name, title in titles.items()
    )
    return made


async def found(made: LexicalIndex, line: str) -> list[int]:
    answer = await made.search(parse(line, TODAY), limit=10)
    return [int(each.key[-5:]) for each in answer.papers]


async def test_a_paper_is_found_by_title_abstract_and_keyword() -> None:
    made = LexicalIndex()
    await made.add([paper(1, title="Walking", abstract="On legs.", keywords=("robots",))])
    for query in ("walking", "LEG", "robot", "walks", "title:walking"):
        assert await found(made, query) == [1], query
    assert await found(made, "zebra") == []
    assert await found(made, "title:legs") == []


async def test_those_with_all_words_come_first_and_then_those_with_some() -> None:
    made = await index(p1="Walking robots", p2="Walking dogs", p3="Singing robots")
    assert (await found(made, "walking robots"))[0] == 1
    assert set(await found(made, "walking robots")) == {1, 2, 3}
    answer = await made.search(parse("walking robots", TODAY), limit=1)
    assert (answer.total, answer.whole) == (1, 1)
    answer = await made.search(parse("singing dogs", TODAY), limit=5)
    assert (answer.total, answer.whole) == (2, 0)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('"walking robots"', {1}),
        ('"robots walking"', set()),
        ("robots -singing", {1}),
        ('robots -"walking robots"', {3}),
        ("author:hopper", {2}),
        ('author:"Grace Hopper"', {2}),
        ('author:"Hopper Grace"', set()),
        ("author:muller", {3}),
        ("author:MÜLLER robots", {3}),
        ("org:acme", {1}),
        ("robots since:2026-05-01", {3}),
        ("robots until:2026-04", {1}),
        ("walking votes:>50", {2}),
        ("walking votes:<=50", {1}),
        ("has:code", {2}),
        ("since:2020", {1, 2, 3}),
        ("-walking", {3}),
    ],
)
async def test_what_narrows_a_query_down(query: str, expected: set[int]) -> None:
    made = LexicalIndex()
    await made.add(
        [
            paper(1, title="Walking robots", abstract="", authors=("Ada Lovelace",),
                  organization="Acme Labs", upvotes=50, published=date(2026, 4, 30)),
            paper(2, title="Walking dogs", abstract="", authors=("Grace Hopper",), upvotes=51,
                  published=date(2026, 3, 1), code_url="https://code.example/"),
            paper(3, title="Singing robots", abstract="", authors=("Łukasz Müller",),
                  published=date(2026, 5, 1)),
        ]
    )  # fmt: skip
    assert set(await found(made, query)) == expected


async def test_order_is_by_relevance_date_or_votes() -> None:
    made = LexicalIndex()
    await made.add(
        [
            paper(1, title="Robots", abstract="", upvotes=1, published=date(2026, 5, 1)),
            paper(2, title="On", abstract="robots and more", upvotes=9, published=date(2026, 4, 1)),
            paper(3, title="On", abstract="more robots", upvotes=5, published=date(2026, 5, 3)),
        ]
    )
    assert (await found(made, "robots"))[0] == 1
    assert await found(made, "robots sort:votes") == [2, 3, 1]
    assert await found(made, "robots sort:new") == [3, 1, 2]
    assert await found(made, "votes:>=0") == [3, 1, 2]


async def test_a_mistyped_word_is_corrected_and_a_rare_one_is_not() -> None:
    made = await index(p1="Diffusion models", p2="Diffusion maps", p3="Perplexity")
    answer = await made.search(parse("difusion", TODAY), limit=5)
    assert answer.corrected == {"difusion": "diffusion"}
    assert len(answer.papers) == 2
    answer = await made.search(parse("idffusion mdoels", TODAY), limit=5)
    assert answer.corrected == {"idffusion": "diffusion", "mdoels": "models"}
    for right in ("perplexity", "diffusions", "zzz", "xylophone"):
        assert (await made.search(parse(right, TODAY), limit=5)).corrected == {}


async def test_words_that_were_looked_for_are_told_in_whatever_form() -> None:
    made = await index(p1="Walking robots")
    tells = made.telling(parse('robot "walks slow" -zebra the', TODAY))
    told = [word for word in ("Robots", "walking", "slow", "zebra", "the") if tells(word)]
    assert told == ["Robots", "walking", "slow"]


async def test_a_paper_described_anew_is_found_by_its_new_words_alone() -> None:
    made = await index(p1="Walking")
    assert await found(made, "walking") == [1]
    await made.add([paper(1, title="Running", abstract="", authors=())])
    assert await found(made, "walking") == []
    assert await found(made, "running") == [1]
    assert made.papers == 1


async def test_pages_follow_one_another_without_gap_or_repeat() -> None:
    made = await index(**{f"p{n}": f"Robots {n}" for n in range(1, 24)})
    query = parse("robots", TODAY)
    pages = [await made.search(query, limit=10, offset=offset) for offset in (0, 10, 20, 30)]
    assert [page.total for page in pages] == [23] * 4
    ids = [each for page in pages for each in page.papers]
    assert sorted(ids) == [paper_id(n) for n in range(1, 24)]


async def test_only_some_papers_may_come_into_question() -> None:
    made = await index(p1="Robots", p2="Robots", p3="Robots")
    answer = await made.search(parse("robots", TODAY), limit=5, among={paper_id(2), paper_id(9)})
    assert list(answer.papers) == [paper_id(2)]
    assert (await made.search(parse("robots", TODAY), limit=5, among=set())).total == 0


async def test_related_papers_share_telling_words() -> None:
    made = LexicalIndex()
    papers = [
        paper(1, title="World models for robots", abstract="Dreams of robots in latent space."),
        paper(2, title="Dreaming robots", abstract="A world model dreams in latent space."),
        paper(3, title="Cooking", abstract="On soup and bread."),
    ]
    await made.add(papers)
    assert (await made.related(papers[0], limit=5))[0] == paper_id(2)
    assert paper_id(1) not in await made.related(papers[0], limit=5)
    assert await LexicalIndex().related(papers[0], limit=5) == []


async def test_a_title_is_completed_from_its_words_the_last_one_begun() -> None:
    made = await index(p1="Walking robots", p2="Walking dogs", p3="A robot that walks")
    assert set(await made.complete("walking ", limit=5)) == {paper_id(1), paper_id(2)}
    assert set(await made.complete("rob", limit=5)) == {paper_id(1), paper_id(3)}
    assert await made.complete("Walking ro", limit=5) == [paper_id(1)]
    assert len(await made.complete("rob", limit=1)) == 1
    assert await made.complete("zeb", limit=5) == await made.complete("  ", limit=5) == []


NASTY = (
    "", " ", '"', '""', "-", "--", "(", "(x", "a AND", "foo:bar", "o'neil", "-only", "c++", "C#",
    "*", "?", "~", "^", "+", "a:b:c", "author:", 'author:"', "since:", "since:tomorrow", "votes:x",
    "👍", "語" * 100, "\0", "\u202e", "a" * 10_000, '"' * 999, "-" * 999, "title:" * 999,
    "NOT OR AND TO", "[1 TO 2]", "{}", "id:1", "all:x", "\\", "a\\", "sort:", "since:99999d",
    "votes:99999999999", "until:0000-00-00", "source:*", "seen:maybe", "has:", "since:0000",
)  # fmt: skip


@pytest.mark.parametrize("line", NASTY)
async def test_a_nasty_line_is_a_query_too(line: str) -> None:
    made = await index(p1="Walking robots", p2="C++ for robots")
    answer = await made.search(parse(line, TODAY), limit=5)
    assert answer.total >= len(answer.papers)
    made.telling(parse(line, TODAY))("robots")
    await made.complete(line, limit=5)


@given(st.text(max_size=60), st.integers(1, 5), st.integers(0, 5))
async def test_any_input_is_a_query(line: str, limit: int, offset: int) -> None:
    made = await index(p1="Walking robots", p2="C++ for robots")
    answer = await made.search(parse(line, TODAY), limit=limit, offset=offset)
    assert len(answer.papers) <= min(limit, answer.total)


# --- in a folder ---


def papers(number: int) -> list[Paper]:
    return [paper(n, title=f"Robots {n}") for n in range(1, number + 1)]


class Shelf:
    """All papers there are, as the store has them."""

    def __init__(self, number: int) -> None:
        self.papers = papers(number)

    async def __call__(self) -> Iterable[Paper]:
        return self.papers


async def opened(folder: Path, shelf: Shelf) -> LexicalIndex:
    return await LexicalIndex.open(folder, shelf)


async def test_an_index_lasts_and_takes_in_what_is_new(tmp_path: Path) -> None:
    folder, shelf = tmp_path / "search", Shelf(5)
    first = await opened(folder, shelf)
    assert first.papers == 5
    await first.close()
    del first
    shelf.papers = papers(7)
    with capture_logs() as logs:
        again = await opened(folder, shelf)
    assert again.papers == 7
    assert await found(again, "robots 6") != []
    assert logs == []
    assert is_sound(folder)


@pytest.mark.parametrize("damage", ["meta", "byte", "missing", "version", "foreign"])
async def test_a_damaged_index_is_made_anew(tmp_path: Path, damage: str) -> None:
    folder, shelf = tmp_path / "search", Shelf(5)
    first = await opened(folder, shelf)
    await first.close()
    del first
    segment = next(folder.glob("*.idx"))
    if damage == "meta":
        (folder / "meta.json").write_text("{", encoding="utf-8")
    elif damage == "byte":
        content = bytearray(segment.read_bytes())
        content[len(content) // 3] ^= 1
        segment.write_bytes(content)
    elif damage == "missing":
        segment.unlink()
    elif damage == "version":
        (folder / "version").write_text("0", encoding="utf-8")
    else:
        shutil.rmtree(folder)
        folder.write_text("a file", encoding="utf-8")
    with capture_logs() as logs:
        again = await opened(folder, shelf)
    assert again.papers == 5
    assert len(await found(again, "robots")) == 5
    assert logs


async def test_a_folder_that_is_deleted_under_a_running_bot_comes_back(tmp_path: Path) -> None:
    folder, shelf = tmp_path / "search", Shelf(5)
    made = await opened(folder, shelf)
    shutil.rmtree(folder)
    assert len(await found(made, "robots")) == 5  # what is open stays open
    await made.add([paper(6, title="Robots 6")])
    assert made.papers == 6
    assert is_sound(folder)


async def test_an_index_that_cannot_be_written_is_kept_in_memory(tmp_path: Path) -> None:
    folder, shelf = tmp_path / "search", Shelf(5)
    made = await opened(folder, shelf)
    shutil.rmtree(folder)
    folder.write_text("no folder", encoding="utf-8")
    with capture_logs() as logs:
        await made.add([paper(6, title="Robots 6")])
    assert made.papers == 6
    assert "search index kept in memory" in [each["event"] for each in logs]
    assert len(await found(made, "robots")) == 6


async def test_a_second_process_searches_in_memory(tmp_path: Path) -> None:
    folder, shelf = tmp_path / "search", Shelf(5)
    first = await opened(folder, shelf)
    with capture_logs() as logs:
        second = await opened(folder, shelf)
    assert "search index kept in memory" in [each["event"] for each in logs]
    assert len(await found(second, "robots")) == len(await found(first, "robots")) == 5


async def test_a_write_that_nobody_waits_for_any_more_is_finished_before_the_end(
    tmp_path: Path,
) -> None:
    made = await opened(tmp_path / "search", Shelf(5))
    for n in range(10, 20):
        adding = asyncio.create_task(made.add([paper(n, title=f"Robots {n}")]))
        await asyncio.sleep(0.001)
        adding.cancel()
        with suppress(asyncio.CancelledError):
            await adding
    await made.close()
    assert is_sound(tmp_path / "search")


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.adapters.search.test_lexical import Shelf, opened, paper
async def main():
    made = await opened(Path(sys.argv[1]), Shelf(50))
    print("ready", flush=True)
    for n in range(51, 100_000):
        await made.add([paper(n, title=f"Robots {n}")])
asyncio.run(main())
"""


@pytest.mark.parametrize("after", [0.0, 0.05, 0.2])
async def test_killed_while_it_writes_it_comes_back(tmp_path: Path, after: float) -> None:
    folder = tmp_path / "search"
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(folder), cwd=ROOT, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert victim.stdout is not None
    await victim.stdout.readline()
    await asyncio.sleep(after)
    victim.send_signal(signal.SIGKILL)
    await victim.wait()
    made = await opened(folder, Shelf(60))
    assert made.papers >= 60
    assert (await made.search(parse("robots", TODAY), limit=100)).total >= 60


FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from tests.adapters.search.test_lexical import Shelf, TODAY, opened, parse
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
async def main():
    made = await opened(Path(sys.argv[1]), Shelf(2_000))
    answer = await made.search(parse("robots", TODAY), limit=10)
    print(made.papers, answer.total)
asyncio.run(main())
"""


async def test_a_full_disk_costs_nothing_but_the_folder(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk's end."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FULL, str(tmp_path / "search"), cwd=ROOT, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    said, _ = await child.communicate()
    assert said.decode().splitlines()[-1] == "2000 2000"


def test_a_sum_is_told_from_a_wrong_one(tmp_path: Path) -> None:
    assert not is_sound(tmp_path)
    (tmp_path / "meta.json").write_text('{"segments": []}', encoding="utf-8")
    assert is_sound(tmp_path)
