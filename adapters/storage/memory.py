"""A store in plain dictionaries: the model of what a store means. Nothing outlives the process."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import date, datetime

from bot.domain.channels import ChannelRef, MessageRef, Subscription, UserRef
from bot.domain.deliveries import UNFINISHED, Delivery, DeliveryState, Receipt, Seen, Slot
from bot.domain.errors import LeaseLost, StoreError
from bot.domain.papers import Batch, BatchKey, Paper, PaperId
from bot.domain.summaries import Summary
from bot.domain.votes import Ballot, Tally, VoteKind


def merged(kept: Batch | None, newer: Batch, now: datetime) -> Batch:
    """Return a reading merged into what is kept; the first one has grown at ``now``."""
    return (kept or Batch(newer.key, ())).merged(newer, now)


def planned(delivery: Delivery | None, key: str) -> Delivery:
    """Return a delivery that is known; of any other nothing may be recorded, or sent.

    Raises:
        StoreError: if it was never planned.
    """
    if delivery is None:
        raise StoreError(f"delivery {key:.12}… was never planned: plan its slot first")
    return delivery


def advanced(
    delivery: Delivery,
    state: DeliveryState,
    ref: MessageRef | None,
    reason: str,
    at: datetime | None,
) -> Delivery:
    """Return a delivery in its next state; what was sent stays sent, for it stands there."""
    if delivery.state is DeliveryState.SENT and state is not DeliveryState.SENT:
        return delivery
    return replace(
        delivery,
        state=state,
        ref=ref or delivery.ref,
        reason=reason,
        attempted_at=at or delivery.attempted_at,
    )


def later(before: Seen | None, seen: Seen) -> Seen:
    """Return the newer of two showings; a digest that was held up does not turn time back."""
    return before if before and before.day > seen.day else seen


def newest_first(
    keys: Iterable[BatchKey], sources: Collection[str] | None, since: date | None, limit: int
) -> Sequence[BatchKey]:
    """Return the newest batches of some sources, or of all; those of one day come by name."""
    fitting = [
        key
        for key in keys
        if (sources is None or key.source in sources) and (not since or key.day >= since)
    ]
    return sorted(fitting, key=lambda key: (-key.day.toordinal(), key.source))[:limit]


class MemoryStore:
    """Everything a store does, as simply as it can be said.

    Args:
        lease_seconds: How long a right lasts, where several processes are played.
        clock: Counts the seconds of leases.
    """

    def __init__(
        self,
        lease_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lease_seconds = lease_seconds
        self._clock = clock
        self._worker = object()
        self._leases: dict[Slot | str, tuple[object, float]] = {}
        self._papers: dict[PaperId, Paper] = {}
        self._batches: dict[BatchKey, Batch] = {}
        self._subscriptions: dict[ChannelRef, Subscription] = {}
        self._slots: dict[Slot, list[str]] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._standing: dict[MessageRef, str] = {}
        self._receipts: defaultdict[ChannelRef, dict[Slot, Receipt]] = defaultdict(dict)
        self._seen: dict[tuple[ChannelRef, PaperId], Seen] = {}
        self._ballots: set[Ballot] = set()
        self._writings: dict[str, Summary] = {}
        self._spending: defaultdict[date, Counter[ChannelRef]] = defaultdict(Counter)

    def replica(self) -> MemoryStore:
        """Return the same state as another process would have it."""
        other = copy(self)
        other._worker = object()
        return other

    async def ping(self) -> None:
        """See ``Store``; memory is always there."""

    async def close(self) -> None:
        """Forget nothing, for a test may look at what is left."""

    async def save_batch(self, batch: Batch, now: datetime) -> int:
        """See ``Library``; a reading without papers begins no batch."""
        kept = self._batches.get(batch.key)
        merge = merged(kept, batch, now)
        if merge.papers:
            self._batches[batch.key] = merge
        await self.save_papers(batch.papers)
        return len(merge.papers) - len(kept.papers if kept else ())

    async def batches(
        self, sources: Collection[str] | None, *, since: date | None = None, limit: int = 2
    ) -> Sequence[Batch]:
        """See ``Library``; each paper as it was described last."""
        found = [self._batches[key] for key in newest_first(self._batches, sources, since, limit)]
        return [
            replace(batch, papers=tuple(self._papers[paper.id] for paper in batch.papers))
            for batch in found
        ]

    async def save_papers(self, papers: Iterable[Paper]) -> None:
        """See ``Library``."""
        for paper in papers:
            self._papers[paper.id] = self._papers.get(paper.id, paper).described_anew(paper)

    async def papers(self, ids: Iterable[PaperId] | None = None) -> Mapping[PaperId, Paper]:
        """See ``Library``; in the order asked for."""
        wanted = self._papers if ids is None else ids
        return {paper: self._papers[paper] for paper in wanted if paper in self._papers}

    async def subscriptions(self) -> Sequence[Subscription]:
        """See ``Subscriptions``."""
        return [self._subscriptions[channel] for channel in sorted(self._subscriptions)]

    async def subscription(self, channel: ChannelRef) -> Subscription | None:
        """See ``Subscriptions``."""
        return self._subscriptions.get(channel)

    async def save_subscription(self, subscription: Subscription) -> None:
        """See ``Subscriptions``."""
        self._subscriptions[subscription.channel] = subscription

    async def remove_subscription(self, channel: ChannelRef) -> bool:
        """See ``Subscriptions``."""
        return self._subscriptions.pop(channel, None) is not None

    async def plan(self, deliveries: Sequence[Delivery], receipt: Receipt) -> bool:
        """See ``Ledger``; a message planned in an earlier slot stays as it is, there."""
        if receipt.slot in self._slots:
            return False
        self._slots[receipt.slot] = []
        self._add(receipt.slot, deliveries)
        await self.save_receipt(receipt)
        return await self.claim(receipt.slot)

    async def extend(self, deliveries: Sequence[Delivery], receipt: Receipt) -> None:
        """See ``Ledger``."""
        slot = receipt.slot
        if not (self._may_change(slot) and await self.claim(slot)):
            raise LeaseLost(slot)
        self._add(slot, deliveries)
        await self.save_receipt(receipt)

    async def claim(self, right: Slot | str) -> bool:
        """See ``Leases``."""
        if isinstance(right, Slot) and right not in self._slots:
            return False
        if self.lease_seconds is None:
            return True
        if not self._is_mine(right) and right in self._leases:
            return False
        self._leases[right] = self._worker, self._clock() + self.lease_seconds
        return True

    async def release(self, right: Slot | str, wait: float = 0) -> None:
        """See ``Leases``."""
        if self._is_mine(right):
            self._leases[right] = self._worker, self._clock() + wait

    def _add(self, slot: Slot, deliveries: Iterable[Delivery]) -> None:
        """Add messages that nobody knows yet to a slot, in order of position."""
        new = [each for each in deliveries if each.key not in self._deliveries]
        new.sort(key=lambda each: each.position)
        self._slots[slot] += [each.key for each in new]
        self._deliveries.update({each.key: each for each in new})

    def _may_change(self, slot: Slot) -> bool:
        return self.lease_seconds is None or self._is_mine(slot)

    def _is_mine(self, right: Slot | str) -> bool:
        """Tell whether this process has a right; one that has run out is nobody's."""
        worker, until = self._leases.get(right, (None, 0.0))
        if until <= self._clock():
            self._leases.pop(right, None)
            return False
        return worker is self._worker

    async def delivery(self, key: str) -> Delivery | None:
        """See ``Ledger``."""
        return self._deliveries.get(key)

    async def deliveries(self, slot: Slot) -> Sequence[Delivery]:
        """See ``Ledger``."""
        return [self._deliveries[key] for key in self._slots.get(slot, ())]

    async def unfinished(self, channel: ChannelRef | None = None) -> Sequence[Slot]:
        """See ``Ledger``; the oldest day first."""
        slots = {
            each.slot
            for each in self._deliveries.values()
            if each.state in UNFINISHED and channel in (None, each.slot.channel)
        }
        return sorted(slots, key=lambda slot: (slot.day, slot.channel))

    async def advance(
        self,
        key: str,
        state: DeliveryState,
        *,
        ref: MessageRef | None = None,
        reason: str = "",
        at: datetime | None = None,
        seen: Mapping[PaperId, Seen] | None = None,
    ) -> None:
        """See ``Ledger``."""
        before = planned(self._deliveries.get(key), key)
        slot = before.slot
        told = state is DeliveryState.SENT
        if not told and not (self._may_change(slot) and await self.claim(slot)):
            raise LeaseLost(slot)
        after = self._deliveries[key] = advanced(before, state, ref, reason, at)
        if after.ref:
            self._standing[after.ref] = key
        for paper, each in (seen or {}).items():
            place = (slot.channel, paper)
            self._seen[place] = later(self._seen.get(place), each)

    async def seen(self, channel: ChannelRef, ids: Iterable[PaperId]) -> Mapping[PaperId, Seen]:
        """See ``Ledger``."""
        return {
            paper: self._seen[channel, paper] for paper in ids if (channel, paper) in self._seen
        }

    async def delivery_at(self, message: MessageRef) -> Delivery | None:
        """See ``Ledger``."""
        return self._deliveries.get(self._standing.get(message, ""))

    async def latest_slot(self, channel: ChannelRef) -> Slot | None:
        """See ``Ledger``; one sent message makes a digest."""
        slots = sorted((slot for slot in self._slots if slot.channel == channel), reverse=True)
        for slot in slots:
            if any(each.state is DeliveryState.SENT for each in await self.deliveries(slot)):
                return slot
        return None

    async def sent_since(self, moment: datetime) -> Sequence[Delivery]:
        """See ``Ledger``; the start of the last attempt counts, oldest first."""
        dated = [
            (each.attempted_at, each.key, each)
            for each in self._deliveries.values()
            if each.state is DeliveryState.SENT and each.attempted_at
        ]
        return [each for at, _, each in sorted(dated, key=lambda row: row[:2]) if at >= moment]

    async def save_receipt(self, receipt: Receipt) -> None:
        """See ``Ledger``; this takes no slot."""
        self._receipts[receipt.slot.channel][receipt.slot] = receipt

    async def receipt(self, slot: Slot) -> Receipt | None:
        """See ``Ledger``."""
        return self._receipts[slot.channel].get(slot)

    async def receipts(self, channel: ChannelRef, limit: int = 1) -> Sequence[Receipt]:
        """See ``Ledger``."""
        found = self._receipts[channel].values()
        return sorted(found, key=lambda each: each.slot.day, reverse=True)[:limit]

    async def cast(self, ballot: Ballot) -> None:
        """See ``Votes``."""
        self._ballots.add(ballot)

    async def withdraw(self, ballot: Ballot) -> None:
        """See ``Votes``."""
        self._ballots.discard(ballot)

    async def replace_marks(
        self, channel: ChannelRef, origin_prefix: str, ballots: Collection[Ballot]
    ) -> None:
        """See ``Votes``."""
        self._ballots -= {  # in place, for replicas share it
            each
            for each in self._ballots
            if each.channel == channel and each.origin.startswith(origin_prefix)
        }
        self._ballots |= set(ballots)

    async def marks(
        self, channel: ChannelRef, paper: PaperId, user: UserRef, kind: VoteKind
    ) -> Collection[str]:
        """See ``Votes``."""
        wanted = (channel, paper, user, kind)
        return {
            each.origin
            for each in self._ballots
            if (each.channel, each.paper, each.user, each.kind) == wanted
        }

    async def tallies(
        self, channel: ChannelRef, ids: Iterable[PaperId] | None = None
    ) -> Mapping[PaperId, Tally]:
        """See ``Votes``."""
        wanted = None if ids is None else set(ids)
        votes = {
            (each.paper, each.kind, each.user)
            for each in self._ballots
            if each.channel == channel and (wanted is None or each.paper in wanted)
        }
        counts: defaultdict[PaperId, Counter[str]] = defaultdict(Counter)
        for paper, kind, _ in votes:
            counts[paper][kind.value] += 1
        return {paper: Tally(**each) for paper, each in counts.items()}

    async def voted(self, user: UserRef, kind: VoteKind) -> Collection[tuple[ChannelRef, PaperId]]:
        """See ``Votes``."""
        return {
            (each.channel, each.paper)
            for each in self._ballots
            if (each.user, each.kind) == (user, kind)
        }

    async def writing(self, key: str) -> Summary | None:
        """See ``Writings``."""
        return self._writings.get(key)

    async def save_writing(self, key: str, writing: Summary) -> None:
        """See ``Writings``."""
        self._writings[key] = writing

    async def spend(self, channel: ChannelRef, day: date, tokens: int) -> None:
        """See ``Writings``."""
        self._spending[day][channel] += tokens

    async def spent(self, day: date) -> Mapping[ChannelRef, int]:
        """See ``Writings``."""
        return dict(self._spending[day])
