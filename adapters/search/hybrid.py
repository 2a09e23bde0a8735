"""Search by words and by meaning at once: two rankings, made one by their ranks.

The sum of weight / (60 + rank) over both rankings is reciprocal rank fusion (Cormack and others,
2009); words count twice as much as meaning in a search, and as much among related papers. Meaning
takes part where an order by relevance is asked for; what narrows a query down holds for both. Where
somebody looks for a few words, papers that hold all of them stay first: who remembers the words of
a paper looks for that one.

Vectors are made in a thread of lowest priority, after the words: a paper can be found at once, and
a little later also by what it means.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import ParamSpec

import structlog

from adapters.search.encoder import Encodes
from adapters.search.lexical import LexicalIndex, is_loose
from adapters.search.vectors import VectorShelf, text_of
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Query
from bot.ports import Found
from bot.text import one_line

log = structlog.get_logger()

P = ParamSpec("P")

FUSED = 100
"""Hits of each ranking that are made one; after them words alone decide."""

RANK_CONSTANT = 60
WORDS_WEIGHT = 2.0
MEANING_WEIGHT = 1.0

LEAST = 0.3
"""The least cosine at which two texts have anything to do with each other."""

TOGETHER = 16
"""Papers that are encoded at a time."""

QUIET = 19
"""The lowest priority there is for a thread, on Linux."""


class HybridIndex:
    """A ``SearchIndex`` of words and meaning.

    Args:
        words: The index of words; it is closed together with this one.
        encoder: Makes vectors.
        shelf: Keeps them.
    """

    def __init__(self, words: LexicalIndex, encoder: Encodes, shelf: VectorShelf) -> None:
        self._words = words
        self._encoder = encoder
        self._shelf = shelf
        self._waiting: OrderedDict[PaperId, Paper] = OrderedDict()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="vectors", daemon=True)
        self._thread.start()

    @property
    def papers(self) -> int:
        """How many papers can be found."""
        return self._words.papers

    @property
    def encoded(self) -> int:
        """How many of them by meaning, too."""
        return len(self._shelf)

    async def add(self, papers: Iterable[Paper]) -> None:
        """Make papers findable, by meaning a little later."""
        found = list(papers)
        await self._words.add(found)
        self.encode(found)

    def encode(self, papers: Iterable[Paper]) -> None:
        """Have vectors made of those papers that lack one."""
        with self._changed:
            for paper in papers:
                if self._shelf.lacks(paper):
                    self._waiting[paper.id] = paper
            self._changed.notify_all()

    async def settled(self) -> None:
        """Wait until nothing waits to be encoded."""

        def wait() -> None:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or not self._waiting)

        await asyncio.to_thread(wait)

    def _work(self) -> None:
        with suppress(OSError, AttributeError):  # another system than Linux
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), QUIET)
        while batch := self._next():
            try:
                vectors = self._encoder.encode([text_of(paper) for paper in batch])
                self._shelf.add(batch, vectors)
            except OSError as error:
                log.error("vectors kept in memory", reason=one_line(str(error)))
                self._shelf.forsake()
            except Exception as error:
                # Whatever the model's library raises: these papers are found by words alone.
                log.error("papers not encoded", papers=len(batch), reason=one_line(str(error)))
            with self._changed:
                for paper in batch:
                    if self._waiting.get(paper.id) is paper:
                        del self._waiting[paper.id]
                self._changed.notify_all()

    def _next(self) -> list[Paper]:
        """Wait for papers, and return the first of them; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._waiting)
            if self._closing:
                return []
            return list(islice(self._waiting.values(), TOGETHER))

    async def search(
        self,
        query: Query,
        *,
        limit: int,
        offset: int = 0,
        among: Collection[PaperId] | None = None,
    ) -> Found:
        """Return papers that hold what is wanted, or mean it."""
        if query.sort != "relevance" or not any(map(is_loose, query.wanted)):
            return await self._words.search(query, limit=limit, offset=offset, among=among)
        most = max(FUSED, offset + limit)
        hits = await self._words.search(query, limit=most, among=among)
        meant = query.corrected(hits.corrected) if hits.corrected else query
        near = await self._near(meant, among)
        first = hits.papers[: hits.whole] if self._words.has_whole_first(meant) else ()
        fused = _fused((WORDS_WEIGHT, hits.papers[:FUSED]), (MEANING_WEIGHT, near))
        ranked = list(dict.fromkeys((*first, *fused, *hits.papers)))
        # Where not all hits of the words are at hand, it is not known which of the near are among
        # them: better none of these counted than a last page without papers.
        akin = len(ranked) - hits.total if hits.total == len(hits.papers) else 0
        return Found(
            total=hits.total + akin,
            papers=ranked[offset : offset + limit],
            whole=hits.whole,
            akin=akin,
            corrected=hits.corrected,
        )

    async def _near(self, query: Query, among: Collection[PaperId] | None) -> list[PaperId]:
        """Return the papers that mean what a query says, within what narrows it down."""
        words = " ".join(term.text for term in query.wanted)
        near = await self._meant(self._nearest, words, among)
        narrowed = replace(query, wanted=tuple(t for t in query.wanted if not is_loose(t)))
        if not near or not (narrowed.wanted or narrowed.unwanted or narrowed.filters):
            return near
        fitting = await self._words.search(narrowed, limit=len(near), among=near)
        kept = set(fitting.papers)
        return [paper for paper in near if paper in kept]

    async def _meant(
        self, look: Callable[P, list[PaperId]], *given: P.args, **named: P.kwargs
    ) -> list[PaperId]:
        """Look in a thread; where that fails, nothing is found, for there still are the words."""
        try:
            return await asyncio.to_thread(look, *given, **named)
        except Exception as error:  # whatever the model's library raises
            log.error("searched by words alone", reason=one_line(str(error)))
            return []

    def _nearest(self, text: str, among: Collection[PaperId] | None) -> list[PaperId]:
        (vector,) = self._encoder.encode([text])
        return self._shelf.nearest(vector, FUSED, LEAST, among)

    async def related(self, paper: Paper, *, limit: int) -> list[PaperId]:
        """Return the papers that are most like one, in words and meaning."""
        words = await self._words.related(paper, limit=max(FUSED, limit))
        near = await self._meant(self._like, paper)
        return _fused((1.0, words), (1.0, near))[:limit]

    def _like(self, paper: Paper) -> list[PaperId]:
        vector = self._shelf.vector(paper.id)
        if vector is None:
            (vector,) = self._encoder.encode([text_of(paper)])
        near = self._shelf.nearest(vector, FUSED + 1, LEAST)
        return [each for each in near if each != paper.id]

    def telling(self, query: Query) -> Callable[[str], bool]:
        """Return what tells whether a word of a text is one of those that are looked for."""
        return self._words.telling(query)

    async def complete(self, typed: str, *, limit: int) -> list[PaperId]:
        """Return papers whose titles hold the typed words, the last one perhaps but begun."""
        return await self._words.complete(typed, limit=limit)

    async def close(self) -> None:
        """End the encoding, after what is at work now, and let go of the folder."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        await asyncio.to_thread(self._thread.join)
        await self._words.close()


def _fused(*rankings: tuple[float, Sequence[PaperId]]) -> list[PaperId]:
    scores: dict[PaperId, float] = {}
    for weight, ranking in rankings:
        for rank, paper in enumerate(ranking, start=1):
            scores[paper] = scores.get(paper, 0.0) + weight / (RANK_CONSTANT + rank)
    return sorted(scores, key=lambda paper: -scores[paper])  # stable: words decide a tie
