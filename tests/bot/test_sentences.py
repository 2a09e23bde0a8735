from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.sentences import sentences
from bot.text import one_line

GOLD = Path(__file__).parents[3] / "shared" / "data" / "scitldr" / "dev.jsonl"
"""Abstracts that others have split, not without errors; no part of this repository."""

foreign = st.text(st.one_of(st.characters(), st.sampled_from("\n .!?\"”')(]AaiI1$\\")), max_size=80)


@given(foreign)
@example('It says "so." Then more.')
@example("(Or so.) Then more.")
@example("It ends.We go on.")
def test_sentences_lose_nothing_but_white_space(text: str) -> None:
    found = sentences(text)
    assert re.sub(r"\s", "", "".join(found)) == re.sub(r"\s", "", one_line(text))
    assert all(each == each.strip() != "" for each in found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "One only",
        "We walk.| We run!| Do we?| Yes.",
        "It is e.g. Good, i.e. The best.| Yes.",
        "See Fig. 3 and Smith et al. 2020.| Done.",
        "Many are known (Chelba et al., 2014).| We add one.",
        "It is by Jones et al.| We do better.",
        "By J. Smith and K. L. Jones.| Done.",
        "We saw vitamin C.| We saw ImageNet-C.| Models fail.",
        "Made in the U.S. Congress.| Seen in the U.S.| We agree.",
        "Cats, dogs, etc.| They walk.",
        "We give No. 3 away.| No.| We keep it.",
        "It costs 3.5 dollars.| 2 are enough.",
        "We walk. and run.",
        'They say "walk."| We run (or so we think).| “Done.”| Yes.',
        "We walk (see there. It is far) and run.| Done.",
        "An open ( is never closed.| We go on.| And on.",
        "We (i) walk, and (ii) run.| (iii) We rest.| iRNNs do not.",
        "1. We walk.| 2. We run.",
        "We walk.|We run.|This is all. \t",
        r"It is small.| $n$ grows.| \emph{Then} it ends.",
        "Is it so?!| Ünal says yes...| Здесь too.",
    ],
)
def test_an_abstract_is_split_where_a_reader_would(text: str) -> None:
    whole = text.replace("|", "")
    assert sentences(whole) == tuple(each.strip() for each in text.split("|") if each)


@pytest.mark.parametrize(
    "part", [".", ". ", ".)", "(", "(a. A", "A.", "\"'(", "? ", "1. ", ".This "]
)
def test_no_text_takes_more_than_a_time_in_proportion(part: str) -> None:
    assert sentences(part * (100_000 // len(part)))  # would not end within minutes, else


@pytest.mark.skipif(not GOLD.exists(), reason="the split abstracts are not here")
def test_most_ends_are_those_that_others_found() -> None:
    right = found = expected = 0
    for line in GOLD.read_text("utf-8").splitlines():
        parts = [one_line(each) for each in json.loads(line)["source"]]
        wanted, ours = ends(parts), ends(sentences(" ".join(parts)))
        right, found, expected = (
            right + len(wanted & ours),
            found + len(ours),
            expected + len(wanted),
        )
    f1 = 2 * right / (found + expected)
    assert f1 > 0.955, f1  # 0.9467 where every . ! ? before a space is an end


def ends(parts: Iterable[str]) -> set[int]:
    """Return where parts end, in characters that are no white space; the last is no choice."""
    places, place = [], 0
    for part in parts:
        place += len(re.sub(r"\s", "", part))
        places.append(place)
    return set(places[:-1])
