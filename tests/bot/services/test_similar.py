"""Twins are told from papers that are merely alike."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.papers import Paper
from bot.services.similar import is_twin, twins
from tests.examples import paper

ABSTRACT = (
    "We train agents in their own dreams and measure how they do once they are awake. "
    "Dreams cost less than data, and agents that dreamt need half as much of it."
)
DREAMS = paper(
    1, title="Dreams of robots", abstract=ABSTRACT, authors=("Ada Lovelace", "Alan Turing")
)


def other(**changes: object) -> Paper:
    return replace(DREAMS, id=paper(2).id, **changes)  # type: ignore[arg-type]


def test_the_same_work_under_another_id_or_title_is_a_twin() -> None:
    assert is_twin(DREAMS, other())
    assert is_twin(DREAMS, other(title="Robots' dreams", abstract=ABSTRACT))
    assert is_twin(DREAMS, other(title="What agents see at night"))
    assert is_twin(DREAMS, other(abstract="", authors=()))


def test_a_teams_next_paper_is_none() -> None:
    after = "A year later we ask what became of the robots, and find them asleep in new beds."
    assert not is_twin(DREAMS, other(title="Dreams of robots in the wild", abstract=after))
    assert not is_twin(DREAMS, other(title="Dreams of robots", abstract=after, authors=("Eve X",)))
    assert not is_twin(DREAMS, other(title="Nightmares", abstract=after))


def test_a_paper_is_no_twin_of_its_own() -> None:
    assert twins(DREAMS, [DREAMS, other(), other(title="Cooking", abstract="On soup.")]) == [
        other()
    ]


@given(st.text(max_size=80), st.text(max_size=80), st.lists(st.text(max_size=20), max_size=3))
def test_any_texts_can_be_compared_either_way(title: str, abstract: str, names: list[str]) -> None:
    strange = other(title=title, abstract=abstract, authors=tuple(names))
    assert is_twin(DREAMS, strange) == is_twin(strange, DREAMS)
