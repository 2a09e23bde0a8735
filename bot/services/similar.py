"""Tell a paper's twin: the same work under another id or another title. Pure.

The thresholds are those that were best on hand-judged pairs of bibliographies: the title alone says
little, for a team's next paper is often called much the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise
from typing import TypeVar

from rapidfuzz import fuzz

from bot.domain.papers import Paper

T = TypeVar("T")

UNKNOWN = 0.5
"""How far authors agree where those of one paper are not known."""


def is_twin(one: Paper, other: Paper) -> bool:
    """Tell whether two papers are the same work, or nearly: of each other's id nothing follows."""
    if one.id == other.id:
        return True
    title = fuzz.token_sort_ratio(_folded(one.title), _folded(other.title)) / 100
    authors = _shared(_surnames(one), _surnames(other), UNKNOWN)
    words = _shared(_trigrams(one.abstract), _trigrams(other.abstract), 0.0)
    return (
        (title >= 0.93 and authors >= 0.3)
        or (title >= 0.8 and authors >= 0.5 and words >= 0.15)
        or words >= 0.5
        or (title >= 0.6 and authors >= 0.5 and words >= 0.3)
    )


def twins(paper: Paper, candidates: Iterable[Paper]) -> list[Paper]:
    """Return those of the candidates that are the same work as a paper, itself left out."""
    return [each for each in candidates if each.id != paper.id and is_twin(paper, each)]


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"[a-z0-9]+", plain))


def _surnames(paper: Paper) -> set[str]:
    return {folded.split()[-1] for name in paper.authors if (folded := _folded(name))}


def _trigrams(text: str) -> set[tuple[str, str, str]]:
    words = _folded(text).split()
    return {(a, b, c) for (a, b), (_, c) in pairwise(pairwise(words))}


def _shared(one: set[T], other: set[T], unknown: float) -> float:
    """Return which part of the smaller set the two have in common."""
    smaller = min(len(one), len(other))
    return len(one & other) / smaller if smaller else unknown
