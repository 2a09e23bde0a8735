"""A paper made short, each claim with what it rests on. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reader = Literal["expert", "newcomer"]
"""For whom something is written."""


@dataclass(frozen=True, slots=True)
class Point:
    """One claim.

    Attributes:
        text: As it is shown.
        quote: The words of the paper it rests on; none where the claim is the paper's own sentence.
        place: Which sentence of the text that is, from 0, where it is known.
        heading: Of the section it is from, where the whole paper was read.
    """

    text: str
    quote: str = ""
    place: int | None = None
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """A paper in a few claims, or the answer to a question about it.

    Attributes:
        points: In the order of the text.
        origin: Whose words they are, for the reader: a clause such as ``the abstract's own``.
        line: All of it in one sentence.
        why: Why it matters.
        limits: What it does not do.
    """

    points: tuple[Point, ...]
    origin: str
    line: Point | None = None
    why: Point | None = None
    limits: Point | None = None
