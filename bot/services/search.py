"""Find papers: what the index knows, narrowed down by what the store alone does."""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.channels import ChannelRef
from bot.domain.papers import PaperId
from bot.domain.query import Query
from bot.ports import Found, PaperSource, SearchIndex, Store

SEEN_MOST = 1_000
"""So many of the best hits are looked through for what a channel has seen."""

EVERY_BATCH = 100_000


async def find(
    query: Query,
    channel: ChannelRef,
    *,
    store: Store,
    index: SearchIndex,
    limit: int,
    offset: int = 0,
) -> Found:
    """Return a page of the papers that fit a query as a channel asks it."""
    among = await _among(query, channel, store)
    if query.seen is None:
        return await index.search(query, limit=limit, offset=offset, among=among)
    found = await index.search(query, limit=SEEN_MOST, among=among)
    seen = await store.seen(channel, found.papers)
    fitting = {paper for paper in found.papers if (paper in seen) == query.seen}
    return await index.search(query, limit=limit, offset=offset, among=fitting)


async def _among(query: Query, channel: ChannelRef, store: Store) -> set[PaperId] | None:
    """Return the papers that come into question, or ``None``: all."""
    among: set[PaperId] | None = None
    if query.team is not None:
        tallies = await store.tallies(channel)
        among = {paper for paper, tally in tallies.items() if query.team.hold(tally.up)}
    if query.sources:
        batches = await store.batches(query.sources, limit=EVERY_BATCH)
        listed = {paper.id for batch in batches for paper in batch.papers}
        among = listed if among is None else among & listed
    return among


def unknown_sources(query: Query, sources: Mapping[str, PaperSource]) -> str:
    """Return a sentence on sources that there are none of, or nothing."""
    unknown = [name for name in query.sources if name not in sources]
    if not unknown:
        return ""
    names = ", ".join(f"“{name}”" for name in unknown)
    return f"There is no source {names}; there are: {', '.join(sources)}."
