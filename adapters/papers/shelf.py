"""A source over batches that stand in files: every question answered from days and papers alone.

Rule: what is decided here is pure; it runs in a thread, because a month may be read when first
asked for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from bot.domain.papers import Batch, BatchKey, Paper, PaperId, distinct
from bot.ports import Period

Days = Mapping[date, tuple[Paper, ...]]
Months = Mapping[date, Days]
"""Days by the first day of their month; a mapping that reads each month when asked for it."""

TRENDING = timedelta(days=7)
"""Votes are kept as one number, not over time: what trends is taken from this span."""

_WORD = re.compile(r"\w+")


def month_of(day: date) -> date:
    """Return the first day of a day's month, the key of ``Months``."""
    return day.replace(day=1)


def by_month(days: Days) -> Months:
    """Return days sorted into months."""
    return {
        month: {day: papers for day, papers in days.items() if month_of(day) == month}
        for month in set(map(month_of, days))
    }


@dataclass(frozen=True)
class Shelf:
    """A paper source that does not change while it is asked, or changes by whole months."""

    name: str
    months: Months

    async def newest(self, until: date) -> Batch | None:
        """Return the newest batch that holds papers, of ``until`` or before, if there is one."""
        return await asyncio.to_thread(self._newest, until)

    async def batch(self, day: date) -> Batch:
        """Return the batch of a day; it holds no papers when nothing is listed."""
        return await asyncio.to_thread(self._batch, day)

    async def roundup(self, period: Period, day: date) -> Sequence[Paper]:
        """Return the papers of the week or month around a day by upvotes.

        Trending are those of the seven days that end with the newest batch of ``day`` or before.
        """
        return await asyncio.to_thread(self._roundup, period, day)

    async def paper(self, paper: PaperId) -> Paper | None:
        """Return one paper as it was last listed, or ``None``."""
        return await asyncio.to_thread(self._paper, paper)

    async def search(self, query: str, limit: int) -> Sequence[Paper]:
        """Return papers that hold every word of a query, most words in the title first."""
        return await asyncio.to_thread(self._search, query, limit)

    async def full_text(self, paper: PaperId) -> str | None:
        """Return nothing: a shelf holds abstracts."""

    async def days(self) -> list[date]:
        """Return all days that hold papers, oldest first, for replaying them."""
        return await asyncio.to_thread(lambda: sorted(self._days()))

    def _days(self, until: date = date.max) -> Iterator[date]:
        """Yield the days that hold papers, newest first, reading no month in vain."""
        for month in sorted(self.months, reverse=True):
            if month <= until:
                days = self.months.get(month, {})  # its file may have gone meanwhile
                yield from sorted((day for day in days if days[day] and day <= until), reverse=True)

    def _newest(self, until: date) -> Batch | None:
        day = next(self._days(until), None)
        return self._batch(day) if day else None

    def _batch(self, day: date) -> Batch:
        return Batch(BatchKey(self.name, day), self.months.get(month_of(day), {}).get(day, ()))

    def _roundup(self, period: Period, day: date) -> tuple[Paper, ...]:
        if period == "month":
            days = self.months.get(month_of(day), {})
            return _by_votes(papers for _, papers in sorted(days.items(), reverse=True))
        if period == "week":
            last = day + timedelta(days=6 - day.weekday())
        elif (last := next(self._days(day), date.min)) is date.min:
            return ()
        week = (last - timedelta(days=back) for back in range(TRENDING.days))
        return _by_votes(self._batch(each).papers for each in week)

    def _all(self) -> Iterator[Paper]:
        for day in self._days():
            yield from self._batch(day).papers

    def _paper(self, paper: PaperId) -> Paper | None:
        return next((each for each in self._all() if each.id == paper), None)

    def _search(self, query: str, limit: int) -> tuple[Paper, ...]:
        wanted = _words(query)
        hits: list[tuple[int, Paper]] = []
        for paper in self._all() if wanted else ():
            title = _words(paper.title)
            if wanted <= title | _words(paper.abstract, *paper.authors, *paper.keywords):
                hits.append((len(wanted & title), paper))
        hits.sort(key=lambda hit: (-hit[0], -(hit[1].upvotes or 0)))
        return distinct(paper for _, paper in hits)[:limit]


def _by_votes(batches: Iterable[Sequence[Paper]]) -> tuple[Paper, ...]:
    """Return papers of batches, newest batch first, by upvotes; a re-listed one as of last."""
    papers = distinct(paper for batch in batches for paper in batch)
    return tuple(sorted(papers, key=lambda paper: -(paper.upvotes or 0)))


def _words(*texts: str) -> set[str]:
    return {word for text in texts for word in _WORD.findall(text.casefold())}
