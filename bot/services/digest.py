"""Decide what a channel's digest holds. No I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from bot.cards import day_name
from bot.domain.channels import Filters, Layout, Subscription
from bot.domain.deliveries import (
    HEAD,
    Delivery,
    DeliveryState,
    Held,
    Receipt,
    Seen,
    Slot,
    delivery_key,
)
from bot.domain.papers import Batch, BatchKey, Paper, PaperId, closes_at, distinct, is_ready
from bot.text import count

CARDS_PER_MESSAGE = 3
"""Three full cards with their buttons fit every platform's message."""

RESURFACED_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """A digest as it will be posted, and the account of how it came about."""

    deliveries: tuple[Delivery, ...]
    receipt: Receipt


def rank(papers: Sequence[Paper]) -> tuple[Paper, ...]:
    """Return papers by Hugging Face votes, then in the source's order; unknown counts last."""
    return tuple(
        sorted(
            papers, key=lambda paper: -1 if paper.upvotes is None else paper.upvotes, reverse=True
        )
    )


def objection(paper: Paper, filters: Filters) -> str | None:
    """Return why a channel's filters leave a paper out, or ``None`` if they let it in."""
    if filters.min_upvotes and (paper.upvotes or 0) < filters.min_upvotes:
        return f"fewer than {count(filters.min_upvotes, 'vote')}"
    words = " ".join((paper.title, paper.abstract, *paper.keywords))
    for word in filters.exclude:
        if _contains(words, word):
            return f"mentions “{word}”"
    if filters.include and not any(_contains(words, word) for word in filters.include):
        return "mentions none of " + ", ".join(f"“{word}”" for word in filters.include)
    return None


def _contains(text: str, word: str) -> bool:
    pattern = r"\s+".join(map(re.escape, word.split()))
    return re.search(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE) is not None


def candidates(
    batches: Sequence[Batch], posted: Mapping[BatchKey, datetime], now: datetime
) -> tuple[Batch, ...]:
    """Return the batches a digest is made of: each source's newest, and what the last one missed.

    Of a batch that the last digest was made of, only the papers count that were listed after it;
    what was left out then stays left out. That batch counts as long as only the newest one has come
    after it; after a longer silence the newest batch alone does: no flood.

    Args:
        batches: The kept batches, newest day first, at least two ready ones of each source.
        posted: The batches of the digest posted last, with the moment of its plan.
        now: The present.
    """
    chosen: list[Batch] = []
    for source in dict.fromkeys(batch.key.source for batch in batches):
        ready = [batch for batch in batches if batch.key.source == source and is_ready(batch, now)]
        for age, batch in enumerate(ready[:2]):
            if batch.key in posted:
                chosen.append(batch.after(posted[batch.key]))
            elif age == 0:
                chosen.append(batch)
    return tuple(chosen)


def plan_digest(
    subscription: Subscription,
    day: date,
    batches: Sequence[Batch],
    seen: Mapping[PaperId, Seen],
    *,
    now: datetime,
    next_run: datetime | None = None,
) -> Plan:
    """Plan one channel's digest for one local day; an empty one still has its receipt.

    Args:
        subscription: The channel's standing order.
        day: The channel's local date, half of the slot.
        batches: What ``candidates`` chose.
        seen: What the channel was shown before, among those papers.
        now: The present.
        next_run: When the next digest is due, for the receipt.
    """
    slot = Slot(subscription.channel, day)
    keys = tuple(batch.key for batch in batches)
    listed = distinct(paper for batch in batches for paper in batch.papers)
    batch_of = {paper.id: batch.key for batch in reversed(batches) for paper in batch.papers}
    held: Counter[str] = Counter()
    fresh: list[Paper] = []
    resurfaced: list[PaperId] = []
    for paper in listed:
        before = seen.get(paper.id)
        if before and before.batch.day < batch_of[paper.id].day:
            resurfaced.append(paper.id)
            held["listed again after it was posted"] += 1
        elif before:
            held["already posted"] += 1
        elif reason := objection(paper, subscription.filters):
            held[reason] += 1
        else:
            fresh.append(paper)
    ranked = rank(fresh)[: subscription.limit]
    if over := len(fresh) - len(ranked):
        held[f"beyond the limit of {subscription.limit}"] += over
    deliveries = _cut(slot, subscription.layout, keys, ranked, tuple(resurfaced)) if ranked else ()
    receipt = Receipt(
        slot=slot,
        ran_at=now,
        batches=keys,
        listed=len(listed),
        matched=len(fresh),
        posted=0,
        held=tuple(Held(reason, number) for reason, number in held.most_common()),
        note=_note(batches, len(ranked), held),
        next_run=next_run,
    )
    return Plan(deliveries, receipt)


def takes_late(digest: Sequence[Delivery], now: datetime) -> bool:
    """Tell whether papers that are listed late still belong to a digest that was posted.

    They do in its thread, for as long as its newest list is filled.
    """
    if not digest or digest[0].part != HEAD:
        return False
    head = digest[0]
    in_thread = head.layout is Layout.THREAD and head.state is DeliveryState.SENT
    return in_thread and now < closes_at(head.newest.day)


def plan_late(
    subscription: Subscription,
    digest: Sequence[Delivery],
    receipt: Receipt,
    batches: Sequence[Batch],
    seen: Mapping[PaperId, Seen],
) -> Plan | None:
    """Plan messages for what was listed after a digest was, within the channel's limit.

    Args:
        subscription: The channel's standing order.
        digest: The digest's messages, one that ``takes_late``.
        receipt: The account of its run.
        batches: The lists it was made of, as they are now.
        seen: What the channel was shown, among their papers.
    """
    head, known = digest[0], {paper for each in digest for paper in each.papers}
    late = distinct(paper for each in batches for paper in each.after(receipt.ran_at).papers)
    fresh = [
        paper
        for paper in late
        if paper.id not in known
        and paper.id not in seen
        and objection(paper, subscription.filters) is None
    ]
    ranked = rank(fresh)[: max(0, subscription.limit - len(known))]
    if not ranked:
        return None
    messages = tuple(
        _of_one(head, paper.id, position)
        for position, paper in enumerate(ranked, start=len(known) + 1)
    )
    came = len(known) + len(ranked) - len(head.papers)
    note = f"{_planned(len(head.papers), head.newest.day)}, {came} more in its thread later."
    return Plan(messages, replace(receipt, note=note))


def _of_one(head: Delivery, paper: PaperId, position: int) -> Delivery:
    """Return the message of one paper of a head's digest; its place is its rank."""
    return replace(
        head,
        key=delivery_key(head.slot, head.batches, str(paper)),
        part=str(paper),
        position=position,
        papers=(paper,),
        first_rank=position,
        resurfaced=(),
        state=DeliveryState.PLANNED,
        ref=None,
        reason="",
        attempted_at=None,
    )


def _planned(number: int, day: date) -> str:
    return f"{count(number, 'paper')} of the batch of {day_name(day)}"


def _note(batches: Sequence[Batch], planned: int, held: Mapping[str, int]) -> str:
    if not batches:
        return "No batch is ready: nothing has been listed yet."
    newest = max(batch.key.day for batch in batches)
    if planned:
        return f"{_planned(planned, newest)}."
    why = ", ".join(f"{number} {reason}" for reason, number in held.items())
    return f"Nothing new: the newest batch is of {day_name(newest)} ({why or 'posted before'})."


def not_ordered(
    subscription: Subscription, day: date, now: datetime, next_run: datetime
) -> Receipt:
    """Return the account of a day on which the channel wants no digest."""
    days = ", ".join(subscription.schedule.weekdays)
    note = f"No digest is ordered for a {day:%A} (weekdays: {days})."
    return Receipt(Slot(subscription.channel, day), now, (), 0, 0, 0, (), note, next_run)


def _cut(
    slot: Slot,
    layout: Layout,
    keys: tuple[BatchKey, ...],
    ranked: Sequence[Paper],
    resurfaced: tuple[PaperId, ...],
) -> tuple[Delivery, ...]:
    ids = tuple(paper.id for paper in ranked)
    per_head = CARDS_PER_MESSAGE if layout is Layout.CARDS else len(ids)
    head = Delivery(
        key=delivery_key(slot, keys, HEAD),
        slot=slot,
        part=HEAD,
        position=0,
        layout=layout,
        batches=keys,
        papers=ids[:per_head],
        resurfaced=resurfaced[:RESURFACED_SHOWN],
    )
    if layout is Layout.LIST:
        return (head,)
    if layout is Layout.PAPERS:
        apart = [_of_one(head, paper, rank) for rank, paper in enumerate(ids, start=1)]
        return tuple(replace(each, position=each.position - 1) for each in apart)
    if layout is Layout.THREAD:
        return (head, *(_of_one(head, paper, rank) for rank, paper in enumerate(ids, start=1)))
    rest = []
    starts = range(per_head, len(ids), CARDS_PER_MESSAGE)
    for position, first in enumerate(starts, start=1):
        part = f"cards-{position + 1}"
        rest.append(
            replace(
                head,
                key=delivery_key(slot, keys, part),
                part=part,
                position=position,
                papers=ids[first : first + CARDS_PER_MESSAGE],
                first_rank=first + 1,
                resurfaced=(),
            )
        )
    return (head, *rest)
