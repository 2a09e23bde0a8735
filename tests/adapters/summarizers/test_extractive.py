from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from adapters.summarizers.compression import compressed, is_from
from adapters.summarizers.extractive import ExtractiveSummarizer, chosen, is_telling
from bot.domain.summaries import Point
from bot.sentences import sentences as split_sentences
from bot.text import one_line as on_one_line

OURS = ExtractiveSummarizer()
TITLE = "Cats: walks on graphs"
ABSTRACT = (
    "Graphs have been widely studied in recent years. However, existing methods remain expensive. "
    "In this paper, we propose Cats, a new method for walks on graphs. "
    "Experiments show that it is better than dogs on 3 datasets. "
    "Code is available at https://example.org."
)


def one_line(title: str, abstract: str) -> tuple[str, int | None] | None:
    """Return a digest's line of an abstract, and which of its sentences that is."""
    gist = OURS.gist(title, split_sentences(abstract))
    return (gist.text, gist.place) if gist else None


def test_the_line_is_what_the_paper_offers_compressed() -> None:
    assert one_line(TITLE, ABSTRACT) == ("We propose Cats, a new method for walks on graphs.", 2)


@pytest.mark.parametrize("abstract", ["", " \n", "\u200b"])
def test_without_an_abstract_there_is_no_line(abstract: str) -> None:
    assert one_line(TITLE, abstract) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "Code is available at https://example.org/walks.",
        "https://example.org/walks",
        "Our code and models are publicly available.",
        "The project page is at example.org/walks.",
        "1. Introduction.",
        "Abstract:",
        "",
    ],
)
def test_headings_links_and_words_on_the_code_are_chosen_only_where_nothing_else_is(
    sentence: str,
) -> None:
    assert not is_telling(sentence)
    assert chosen("Code", [sentence, "Cats walk on all graphs."], 1) == (1,)
    assert chosen("Code", [sentence], 1) == ((0,) if sentence else ())


def test_a_line_above_sixty_words_gives_way_to_one_that_is_nearly_as_good() -> None:
    long = "This paper is about Cats, which walk on graphs," + " and more" * 30 + "."
    near = "We present Cats, a new method for walks on graphs."
    far = "Our method for walks on graphs is fast on many tasks."
    assert chosen(TITLE, [long, near], 1) == (1,)
    assert chosen(TITLE, [long, far], 1) == (0,)


def test_key_points_are_whole_sentences_in_the_order_of_the_text() -> None:
    split = split_sentences(ABSTRACT)
    points = OURS.key_points(TITLE, split, 2)
    assert "In this paper, we propose Cats, a new method for walks on graphs." in [
        point.text for point in points
    ]
    places = [point.place for point in points]
    assert [split[place or 0] for place in places] == [point.text for point in points]
    assert places == sorted(places, key=lambda place: place or 0)


def test_the_gist_says_what_it_was_shortened_from() -> None:
    split = split_sentences(ABSTRACT)
    assert OURS.gist(TITLE, split) == Point(
        "We propose Cats, a new method for walks on graphs.", split[2], 2
    )
    assert OURS.gist(TITLE, ()) is None


@pytest.mark.parametrize(
    ("question", "places"),
    [
        ("how many datasets?", [3]),
        ("Which method do they propose?", [2]),
        ("is the code available?", [4]),
        ("what about zebras?", []),
        ("what is it?", []),
        ("", []),
    ],
)
def test_a_question_is_answered_by_the_sentences_that_hold_its_words(
    question: str, places: list[int]
) -> None:
    points = OURS.answers(question, split_sentences(ABSTRACT), 2)
    assert [point.place for point in points] == places


def test_a_sentence_said_twice_is_shown_once() -> None:
    twice = "We propose Cats, a new method for walks on graphs."
    other = "Cats beat the best dogs on three large datasets."
    assert chosen(TITLE, [twice, twice, other], 2) == (0, 2)


@given(st.text(max_size=40), st.text(), st.integers(1, 6))
def test_places_are_valid_in_order_and_at_most_as_many_as_asked(
    title: str, abstract: str, number: int
) -> None:
    split = split_sentences(abstract)
    places = chosen(title, split, number)
    assert bool(places) == bool(split)
    assert len(places) <= number
    assert list(places) == sorted(set(places))
    assert all(0 <= place < len(split) for place in places)
    assert chosen(title, split, number) == places


@given(st.text(max_size=40), st.text())
def test_every_abstract_has_a_line_which_is_from_the_sentence_it_names(
    title: str, abstract: str
) -> None:
    found = one_line(title, abstract)
    assert (found is None) == (not on_one_line(abstract))
    if found:
        assert found[1] is not None
        sentence = split_sentences(abstract)[found[1]]
        assert found[0].strip()
        assert is_from(found[0], sentence)


def test_lines_are_as_near_to_what_people_wrote_as_was_measured(shared: Path) -> None:
    file = shared / "data" / "scitldr" / "dev.jsonl"
    if not file.is_file():
        pytest.skip(f"SciTLDR is not at {file}")
    judge = rouge_scorer.RougeScorer(["rouge1"], use_stemmer=True)
    found = []
    for line in file.read_text("utf-8").splitlines()[:200]:
        each = json.loads(line)
        (place,) = chosen(each["title"], each["source"], 1)
        short = compressed(each["source"][place])
        found.append(
            max(judge.score(target, short)["rouge1"].fmeasure for target in each["target"])
        )
    assert statistics.fmean(found) >= 0.41
