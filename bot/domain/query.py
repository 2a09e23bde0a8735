"""What somebody looks for, as ``bot.services.query`` reads it from a line. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

Place = Literal["anywhere", "title", "author", "organization"]
Sort = Literal["relevance", "new", "votes"]


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a phrase, and where it has to stand.

    Attributes:
        exact: Whether its words have to stand beside each other, as they are.
    """

    text: str
    place: Place = "anywhere"
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """A least and a greatest number, both included; ``None`` is none."""

    least: int | None = None
    most: int | None = None

    def hold(self, number: int) -> bool:
        """Tell whether a number lies within."""
        return (self.least is None or number >= self.least) and (
            self.most is None or number <= self.most
        )


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for.

    Attributes:
        line: The line it was read from, tidied.
        wanted: What a paper should hold; all of it before some of it.
        unwanted: What it must not hold.
        since: First day of publication.
        until: Last day.
        votes: Votes on Hugging Face.
        team: Votes of the channel's team.
        has_code: Whether its code is known, if that matters.
        seen: Whether the channel was shown it, if that matters.
        sources: Where it was listed, or anywhere.
        notes: What was not understood, a sentence each.
        filters: The tokens of the line that narrow it down, as they were typed.
    """

    line: str = ""
    wanted: tuple[Term, ...] = ()
    unwanted: tuple[Term, ...] = ()
    since: date | None = None
    until: date | None = None
    votes: Bounds | None = None
    team: Bounds | None = None
    has_code: bool | None = None
    seen: bool | None = None
    sources: tuple[str, ...] = ()
    sort: Sort = "relevance"
    notes: tuple[str, ...] = ()
    filters: tuple[str, ...] = field(default=(), compare=False)

    @property
    def words(self) -> str:
        """What is looked for without any operator, for whoever knows none."""
        return " ".join(term.text for term in self.wanted)

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing at all."""
        return not (self.wanted or self.unwanted or self.filters)

    def corrected(self, better: Mapping[str, str]) -> Query:
        """Return the query with words replaced by those that were meant."""
        wanted = tuple(
            replace(term, text=" ".join(better.get(word, word) for word in term.text.split()))
            for term in self.wanted
        )
        return replace(self, wanted=wanted)
