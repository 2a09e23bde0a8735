"""Fill the library from the sources, and find the paper that somebody means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

import structlog

from bot.domain.channels import ChannelRef
from bot.domain.errors import AmbiguousPaper, BadArgument, SourceError, UnknownPaper
from bot.domain.papers import Paper, PaperId, batch_day, closes_at
from bot.ports import PaperSource, SearchIndex, Store, Summarizer
from bot.services.query import words_alone
from bot.services.summaries import described, described_batch
from bot.text import clip, one_line

log = structlog.get_logger()

CANDIDATES = 5

_RANK = re.compile(r"#?(\d{1,2})")


async def poll(
    source: PaperSource, store: Store, index: SearchIndex, summarizer: Summarizer, now: datetime
) -> int:
    """Read a source's newest batch, and once more the one before it, and keep what they hold.

    Returns:
        How many papers were new.

    Raises:
        SourceError: if the source did not answer well; nothing kept is lost.
    """
    newest = await source.newest(batch_day(now))
    if newest is None:
        return 0
    readings = [newest]
    for kept in await store.batches([source.name]):
        if kept.key.day < newest.key.day and now < closes_at(newest.key.day):
            readings.append(await source.batch(kept.key.day))
            break
    added = 0
    for listed in readings:
        reading = await described_batch(listed, summarizer)
        added += await store.save_batch(reading, now)
        await index.add(reading.papers)
    log.info(
        "source polled",
        source=source.name,
        day=str(newest.key.day),
        papers=len(newest.papers),
        added=added,
    )
    return added


async def keep(
    papers: Iterable[Paper], store: Store, index: SearchIndex, summarizer: Summarizer
) -> tuple[Paper, ...]:
    """Keep papers that were met outside a batch; return them as they are kept."""
    found = await described(tuple(papers), summarizer)
    await store.save_papers(found)
    await index.add(found)
    return found


async def resolve(
    name: str,
    channel: ChannelRef,
    *,
    store: Store,
    index: SearchIndex,
    summarizer: Summarizer,
    sources: Mapping[str, PaperSource],
) -> Paper:
    """Return the paper that a name means: id, link, rank in the last digest, words of the title.

    Raises:
        UnknownPaper: if nothing fits.
        AmbiguousPaper: if several fit equally.
        BadArgument: if a rank is named and the last digest has none such.
    """
    if kept := await _by_own_id(name, store):
        return kept
    if paper := PaperId.find(name):
        return await _by_id(paper, store, index, summarizer, sources)
    if rank := _RANK.fullmatch(name.strip()):
        return await _by_rank(int(rank[1]), channel, store)
    return await _by_words(name, store, index)


async def _by_id(
    paper: PaperId,
    store: Store,
    index: SearchIndex,
    summarizer: Summarizer,
    sources: Mapping[str, PaperSource],
) -> Paper:
    """Return a paper from the store, else from the first source that knows it.

    Raises:
        UnknownPaper: if nobody knows it.
        SourceError: if nobody knows it and a source could not be asked.
    """
    kept = await store.papers([paper])
    if paper in kept:
        return kept[paper]
    trouble: SourceError | None = None
    for source in sources.values():
        try:
            found = await source.paper(paper)
        except SourceError as error:
            trouble = error
            continue
        if found:
            (kept_now,) = await keep([found], store, index, summarizer)
            return kept_now
    if trouble:
        raise trouble
    raise UnknownPaper(str(paper))


async def _by_own_id(name: str, store: Store) -> Paper | None:
    """Return the kept paper of an id as buttons carry it, of whatever archive."""
    try:
        paper = PaperId.parse(name.strip())
    except ValueError:
        return None
    return (await store.papers([paper])).get(paper)


async def _by_rank(rank: int, channel: ChannelRef, store: Store) -> Paper:
    slot = await store.latest_slot(channel)
    if slot is None:
        raise BadArgument("paper", f"names rank {rank}, but no digest has been posted here yet")
    deliveries = await store.deliveries(slot)
    for delivery in deliveries:
        if paper := delivery.paper_at(rank):
            if kept := (await store.papers([paper])).get(paper):
                return kept
            raise UnknownPaper(str(paper))
    last = max(each.first_rank + len(each.papers) - 1 for each in deliveries)
    raise BadArgument("paper", f"names rank {rank}, but the last digest ends at {last}")


async def _by_words(words: str, store: Store, index: SearchIndex) -> Paper:
    titled = await index.complete(words, limit=CANDIDATES)
    hits = await index.search(words_alone(words), limit=CANDIDATES)
    ids = list(dict.fromkeys((*titled, *hits.papers)))
    found = await store.papers(ids)
    candidates = [found[paper] for paper in ids if paper in found]
    wanted = _folded(words)
    exact = [paper for paper in candidates if _folded(paper.title) == wanted]
    within = [paper for paper in candidates if wanted in _folded(paper.title)]
    begun = [paper for paper in candidates if paper.id in titled]
    for fitting in (exact, within, begun, candidates[:CANDIDATES]):
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise AmbiguousPaper(
                clip(words, 60),
                [(str(each.id), clip(one_line(each.title), 90)) for each in fitting],
            )
    raise UnknownPaper(clip(words, 60))


def _folded(title: str) -> str:
    return " ".join(re.findall(r"\w+", title.casefold()))
