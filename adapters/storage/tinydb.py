"""The store of one process on one machine: TinyDB tables over an append-only journal.

All state is in memory, as it is durable; reads look there. A verb that changes anything is one
transaction: it runs on a draft, and returns once that is on the disk (see ``commits``). One process
at a time may own the folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from adapters.storage.archive import archive
from adapters.storage.commits import Committer
from adapters.storage.disk import Disk
from adapters.storage.documents import ListedBatch
from adapters.storage.journal import CHECKPOINT_BYTES, Draft, JournalStorage
from adapters.storage.memory import advanced, merged, newest_first, planned
from adapters.storage.ownership import own
from adapters.storage.tables import (
    ATTEMPT_DAY,
    CHANNEL,
    DAY,
    SLOT_CHANNEL,
    SLOT_DAY,
    SOURCE,
    STATE,
    Tables,
    check,
    filled,
    older,
    remove,
    tally,
)
from bot.domain.channels import ChannelRef, MessageRef, Subscription, UserRef
from bot.domain.deliveries import UNFINISHED, Delivery, DeliveryState, Receipt, Seen, Slot
from bot.domain.errors import LeaseLost, StorePoisoned
from bot.domain.papers import Batch, BatchKey, Paper, PaperId
from bot.domain.summaries import Summary
from bot.domain.votes import Ballot, Tally, VoteKind

T = TypeVar("T")

KEEP_DAYS = 365
AT_ONCE = 1_000
"""Documents that are looked at before others have their turn."""


class TinyDBStore:
    """The store of one process on one machine; ``open`` is its constructor.

    Args:
        folder: Where the files are; it is made if it is not there.
        keep_days: Age in days at which deliveries, their messages and receipts are archived,
            counted back from the newest slot rather than from a clock that may be wrong.
        disk: What writes.
        checkpoint_bytes: Size of the journal at which a snapshot is written, at the least.
        on_poisoned: Told once if nothing more can be written before a new start.
    """

    lease_seconds = None

    def __init__(
        self,
        folder: Path,
        *,
        keep_days: int = KEEP_DAYS,
        disk: Disk | None = None,
        checkpoint_bytes: int = CHECKPOINT_BYTES,
        on_poisoned: Callable[[StorePoisoned], None] = lambda _: None,
    ) -> None:
        self.folder = folder = folder.absolute()
        self._keep_days = keep_days
        self._lock = own(folder)
        try:
            self._storage = JournalStorage(
                folder, disk=disk, checkpoint_bytes=checkpoint_bytes, check=check
            )
        except BaseException:
            self._lock.release()
            raise
        draft = Draft(self._storage)
        self._tables = Tables(self._storage)
        self._drafted = Tables(draft)
        self._committer = Committer(self._storage, draft, self._retire, on_poisoned)

    @classmethod
    async def open(cls, folder: Path, **options: Any) -> TinyDBStore:
        """Open the state in a folder, or begin one; options are those of the class.

        Raises:
            ConfigError: if the folder cannot be used.
            StoreError: if it is in use, or its state is damaged or of a newer version.
        """
        return await asyncio.to_thread(partial(cls, folder, **options))

    async def close(self) -> None:
        """See ``Store``; verbs that have begun are finished first."""
        await self._committer.close()
        self._lock.release()

    async def checkpoint(self) -> None:
        """Write a snapshot now.

        Raises:
            StoreError: if it could not be written; nothing is lost then.
        """
        await self._committer.checkpoint()

    async def ping(self) -> None:
        """See ``Store``."""
        self._storage.check_usable()

    async def _change(self, work: Callable[[Tables], T]) -> T:
        return await self._committer.do(lambda: work(self._drafted))

    async def _retire(self) -> None:
        """Move what is older than the newest slot by ``keep_days`` to the archive of its year."""
        days = [day for day in self._tables.receipts.values(SLOT_DAY) if day]
        if not days:
            return
        limit = date.fromisoformat(max(days)) - timedelta(days=self._keep_days)
        old = older(self._tables, limit.isoformat())
        if any(old.values()):
            await asyncio.to_thread(archive, self._storage.disk, self.folder, old)
            await self._change(lambda tables: remove(tables, old))

    async def save_batch(self, batch: Batch, now: datetime) -> int:
        """See ``Library``; a reading without papers begins no batch."""

        def work(tables: Tables) -> int:
            listed = tables.batches.find(batch.key)
            kept = filled(listed, tables) if listed else None
            merge = merged(kept, batch, now)
            ids = tuple(paper.id for paper in merge.papers)
            tables.describe(batch.papers)
            if ids:
                record = ListedBatch(batch.key, ids, merge.arrived)
                tables.batches.put({str(batch.key): record})
            return len(ids) - len(kept.papers if kept else ())

        return await self._change(work)

    async def batches(
        self, sources: Collection[str] | None, *, since: date | None = None, limit: int = 2
    ) -> Sequence[Batch]:
        """See ``Library``; each paper as it was described last."""
        tables = self._tables
        named = tables.batches.values(SOURCE) if sources is None else set(sources)
        kept = (key for source in named for key in tables.batches.by(SOURCE, source))
        keys = newest_first(map(BatchKey.parse, kept), sources, since, limit)
        return [filled(listed, tables) for key in keys if (listed := tables.batches.find(key))]

    async def save_papers(self, papers: Iterable[Paper]) -> None:
        """See ``Library``."""
        await self._change(lambda tables: tables.describe(papers))

    async def papers(self, ids: Iterable[PaperId] | None = None) -> Mapping[PaperId, Paper]:
        """See ``Library``; in the order asked for."""
        tables = self._tables
        if ids is None:
            return {paper.id: paper for paper in tables.papers.select()}
        return {paper: found for paper in ids if (found := tables.papers.find(paper))}

    async def subscriptions(self) -> Sequence[Subscription]:
        """See ``Subscriptions``."""
        found = self._tables.subscriptions.select()
        return sorted(found, key=lambda each: each.channel)

    async def subscription(self, channel: ChannelRef) -> Subscription | None:
        """See ``Subscriptions``."""
        return self._tables.subscriptions.find(channel)

    async def save_subscription(self, subscription: Subscription) -> None:
        """See ``Subscriptions``."""
        kept = {str(subscription.channel): subscription}
        await self._change(lambda tables: tables.subscriptions.put(kept))

    async def remove_subscription(self, channel: ChannelRef) -> bool:
        """See ``Subscriptions``."""
        return await self._change(lambda tables: tables.subscriptions.drop(str(channel)))

    async def plan(self, deliveries: Sequence[Delivery], receipt: Receipt) -> bool:
        """See ``Ledger``; a message planned in an earlier slot stays as it is, there."""

        def work(tables: Tables) -> bool:
            if tables.slots.find(receipt.slot):
                return False
            tables.add(receipt.slot, (), deliveries)
            tables.receipts.put({str(receipt.slot): receipt})
            return True

        return await self._change(work)

    async def extend(self, deliveries: Sequence[Delivery], receipt: Receipt) -> None:
        """See ``Ledger``."""

        def work(tables: Tables) -> None:
            taken = tables.slots.find(receipt.slot)
            if taken is None:
                raise LeaseLost(receipt.slot)
            tables.add(receipt.slot, taken.deliveries, deliveries)
            tables.receipts.put({str(receipt.slot): receipt})

        await self._change(work)

    async def delivery(self, key: str) -> Delivery | None:
        """See ``Ledger``."""
        return self._tables.deliveries.find(key)

    async def deliveries(self, slot: Slot) -> Sequence[Delivery]:
        """See ``Ledger``."""
        tables = self._tables
        taken = tables.slots.find(slot)
        return tables.of_slot(taken) if taken else []

    async def claim(self, right: Slot | str) -> bool:
        """See ``Leases``; this process owns the folder, so every right is its own."""
        return not isinstance(right, Slot) or self._tables.slots.find(right) is not None

    async def release(self, right: Slot | str, wait: float = 0) -> None:
        """See ``Leases``; there is nobody to let go for."""

    async def unfinished(self, channel: ChannelRef | None = None) -> Sequence[Slot]:
        """See ``Ledger``; the oldest day first."""
        table = self._tables.deliveries
        keys = (key for state in UNFINISHED for key in table.by(STATE, state.value))
        found = {each.slot for each in table.select(keys)}
        slots = (slot for slot in found if channel in (None, slot.channel))
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

        def work(tables: Tables) -> None:
            before = planned(tables.deliveries.find(key), key)
            tables.record([advanced(before, state, ref, reason, at)])
            tables.show(before.slot.channel, seen or {})

        await self._change(work)

    async def seen(self, channel: ChannelRef, ids: Iterable[PaperId]) -> Mapping[PaperId, Seen]:
        """See ``Ledger``."""
        tables = self._tables
        return {paper: seen for paper in ids if (seen := tables.seen(channel, paper))}

    async def delivery_at(self, message: MessageRef) -> Delivery | None:
        """See ``Ledger``."""
        tables = self._tables
        standing = tables.messages.find(message)
        return tables.deliveries.find(standing.delivery) if standing else None

    async def latest_slot(self, channel: ChannelRef) -> Slot | None:
        """See ``Ledger``; one sent message makes a digest."""
        tables = self._tables
        newest = sorted(tables.slots.by(SLOT_CHANNEL, str(channel)), reverse=True)
        for taken in tables.slots.select(newest):
            if any(each.state is DeliveryState.SENT for each in tables.of_slot(taken)):
                return taken.slot
        return None

    async def sent_since(self, moment: datetime) -> Sequence[Delivery]:
        """See ``Ledger``; the start of the last attempt counts, oldest first."""
        table = self._tables.deliveries
        first = (moment - timedelta(days=1)).date().isoformat()  # whatever zone it is written in
        days = (day for day in table.values(ATTEMPT_DAY) if day and day >= first)
        tried = table.select(key for day in days for key in table.by(ATTEMPT_DAY, day))
        sent = (each for each in tried if each.state is DeliveryState.SENT)
        dated = [(each.attempted_at, each.key, each) for each in sent if each.attempted_at]
        return [each for at, _, each in sorted(dated, key=lambda row: row[:2]) if at >= moment]

    async def save_receipt(self, receipt: Receipt) -> None:
        """See ``Ledger``; this takes no slot."""
        await self._change(lambda tables: tables.receipts.put({str(receipt.slot): receipt}))

    async def receipt(self, slot: Slot) -> Receipt | None:
        """See ``Ledger``."""
        return self._tables.receipts.find(slot)

    async def receipts(self, channel: ChannelRef, limit: int = 1) -> Sequence[Receipt]:
        """See ``Ledger``."""
        table = self._tables.receipts
        newest = sorted(table.by(SLOT_CHANNEL, str(channel)), reverse=True)
        return list(table.select(newest[:limit]))

    async def cast(self, ballot: Ballot) -> None:
        """See ``Votes``."""
        await self._change(lambda tables: tables.cast(ballot))

    async def withdraw(self, ballot: Ballot) -> None:
        """See ``Votes``."""
        await self._change(lambda tables: tables.withdraw(ballot))

    async def replace_marks(
        self, channel: ChannelRef, origin_prefix: str, ballots: Collection[Ballot]
    ) -> None:
        """See ``Votes``."""

        def work(tables: Tables) -> None:
            tables.clear_marks(channel, origin_prefix, keep=frozenset(ballots))
            for ballot in ballots:
                tables.cast(ballot)

        await self._change(work)

    async def marks(
        self, channel: ChannelRef, paper: PaperId, user: UserRef, kind: VoteKind
    ) -> Collection[str]:
        """See ``Votes``."""
        origins = self._tables.votes(channel, paper).get(kind.value, {})
        return [origin for origin, people in origins.items() if str(user) in people]

    async def tallies(
        self, channel: ChannelRef, ids: Iterable[PaperId] | None = None
    ) -> Mapping[PaperId, Tally]:
        """See ``Votes``."""
        tables = self._tables
        if ids is None:
            keys = tables.ledger.by(CHANNEL, str(channel))
            ids = [PaperId.parse(key.partition(" ")[2]) for key in keys]
        found = ((paper, tables.votes(channel, paper)) for paper in ids)
        return {paper: tally(votes) for paper, votes in found if votes}

    async def voted(self, user: UserRef, kind: VoteKind) -> Collection[tuple[ChannelRef, PaperId]]:
        """See ``Votes``; nobody asks often enough for an index over all people."""
        ledger, found, person = self._tables.ledger, [], str(user)
        for number, key in enumerate(tuple(ledger.kept.documents(ledger.name))):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            entry = ledger.raw(key) or {}
            origins = entry.get("votes", {}).get(kind.value, {})
            if any(person in people for people in origins.values()):
                channel, _, paper = key.partition(" ")
                found.append((ChannelRef.parse(channel), PaperId.parse(paper)))
        return found

    async def writing(self, key: str) -> Summary | None:
        """See ``Writings``."""
        return self._tables.writings.find(key)

    async def save_writing(self, key: str, writing: Summary) -> None:
        """See ``Writings``."""
        await self._change(lambda tables: tables.writings.put({key: writing}))

    async def spend(self, channel: ChannelRef, day: date, tokens: int) -> None:
        """See ``Writings``."""
        await self._change(lambda tables: tables.spend(channel, day, tokens))

    async def spent(self, day: date) -> Mapping[ChannelRef, int]:
        """See ``Writings``."""
        table = self._tables.spending
        found = table.select(table.by(DAY, day.isoformat()))
        return {each.channel: each.tokens for each in found}
