"""The store that several processes share, in PostgreSQL."""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.storage.documents import ListedBatch, decode, encode
from adapters.storage.memory import advanced, merged, planned
from adapters.storage.postgres import _statements as sql
from adapters.storage.postgres._engine import Database
from adapters.storage.postgres._schema import SCHEMA
from adapters.storage.postgres._upgrade import upgrade
from bot.domain.channels import ChannelRef, MessageRef, Subscription, UserRef
from bot.domain.deliveries import Delivery, DeliveryState, Receipt, Seen, Slot
from bot.domain.errors import LeaseLost, StoreError
from bot.domain.papers import Batch, Paper, PaperId
from bot.domain.summaries import Summary
from bot.domain.votes import Ballot, Tally, VoteKind

T = TypeVar("T")
Parameters = dict[str, Any]

LEASE_SECONDS = 90.0

LIBRARY = {"name": "daily_papers library"}
"""The lock under which papers and batches are read, merged and written."""


class PostgresStore:
    """The store that several processes share; ``open`` is its constructor.

    Args:
        database: Where the tables are.
        lease_seconds: How long a right lasts.
        replica: Names this process among all that share the state.
    """

    def __init__(self, database: Database, *, lease_seconds: float, replica: str) -> None:
        self.database = database
        self._lease_seconds = lease_seconds
        self._me = {"me": replica}
        self._mine = {"me": replica, "lease": timedelta(seconds=lease_seconds)}

    @staticmethod
    def beside(url: str) -> AsyncEngine:
        """Return a pool of its own to the tables that a platform keeps in the same database.

        Raises:
            ConfigError: if the address is of another form.
        """
        return Database(url).engine(SCHEMA)

    @classmethod
    async def open(
        cls, url: str, *, lease_seconds: float = LEASE_SECONDS, replica: str | None = None
    ) -> PostgresStore:
        """Open the state in a database, or begin one.

        Args:
            url: The database's address.
            lease_seconds: How long a right lasts.
            replica: Names this process among all that share the state; random if it is not given.

        Raises:
            ConfigError: if the address is of another form.
            StoreError: if the database cannot be used, or is of a newer version.
        """
        await upgrade(url)
        name = replica or secrets.token_hex(8)
        return cls(Database(url), lease_seconds=lease_seconds, replica=name)

    @property
    def lease_seconds(self) -> float | None:
        """See ``Leases``."""
        return self._lease_seconds

    async def ping(self) -> None:
        """See ``Store``."""
        await self.database.run(sql.PING)

    async def close(self) -> None:
        """See ``Store``; verbs that have begun are finished first."""
        await self.database.close()

    async def _all(
        self, kind: type[T], statement: TextClause, parameters: Parameters | None = None
    ) -> list[T]:
        rows = await self.database.run(statement, parameters)
        return [_read(kind, row.document) for row in rows]

    async def _one(self, kind: type[T], statement: TextClause, parameters: Parameters) -> T | None:
        return next(iter(await self._all(kind, statement, parameters)), None)

    async def save_batch(self, batch: Batch, now: datetime) -> int:
        """See ``Library``; a reading without papers begins no batch."""
        key = {"source": batch.key.source, "day": batch.key.day}

        async def work(connection: AsyncConnection) -> int:
            await connection.execute(sql.LOCK, LIBRARY)
            row = (await connection.execute(sql.BATCH, key)).first()
            listed = _read(ListedBatch, row.document) if row else ListedBatch(batch.key, ())
            known = await _known(connection, [*listed.papers, *(each.id for each in batch.papers)])
            kept = _filled(listed, known)
            merge = merged(kept, batch, now)
            record = ListedBatch(batch.key, tuple(each.id for each in merge.papers), merge.arrived)
            await _describe(connection, batch.papers, known)
            if record != listed:
                await connection.execute(sql.SAVE_BATCH, {**key, "document": _written(record)})
            return len(merge.papers) - len(kept.papers)

        return await self.database.change(work)

    async def batches(
        self, sources: Collection[str] | None, *, since: date | None = None, limit: int = 2
    ) -> Sequence[Batch]:
        """See ``Library``; each paper as it was described last."""
        wanted: Parameters = {"since": since or date.min, "limit": limit}
        if sources is None:
            found = await self._all(ListedBatch, sql.BATCHES, wanted)
        else:
            wanted["sources"] = list(sources)
            found = await self._all(ListedBatch, sql.BATCHES_OF, wanted)
        known = await self.papers(paper for listed in found for paper in listed.papers)
        return [_filled(listed, known) for listed in found]

    async def save_papers(self, papers: Iterable[Paper]) -> None:
        """See ``Library``."""
        told = tuple(papers)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(sql.LOCK, LIBRARY)
            known = await _known(connection, [paper.id for paper in told])
            await _describe(connection, told, known)

        await self.database.change(work)

    async def papers(self, ids: Iterable[PaperId] | None = None) -> Mapping[PaperId, Paper]:
        """See ``Library``; in the order asked for."""
        if ids is None:
            return {paper.id: paper for paper in await self._all(Paper, sql.ALL_PAPERS)}
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        papers = await self._all(Paper, sql.PAPERS, {"ids": [str(each) for each in wanted]})
        found = {paper.id: paper for paper in papers}
        return {paper: found[paper] for paper in wanted if paper in found}

    async def subscriptions(self) -> Sequence[Subscription]:
        """See ``Subscriptions``."""
        found = await self._all(Subscription, sql.SUBSCRIPTIONS)
        return sorted(found, key=lambda each: each.channel)

    async def subscription(self, channel: ChannelRef) -> Subscription | None:
        """See ``Subscriptions``."""
        return await self._one(Subscription, sql.SUBSCRIPTION, {"channel": str(channel)})

    async def save_subscription(self, subscription: Subscription) -> None:
        """See ``Subscriptions``."""
        kept = {"channel": str(subscription.channel), "document": _written(subscription)}
        await self.database.run(sql.SAVE_SUBSCRIPTION, kept)

    async def remove_subscription(self, channel: ChannelRef) -> bool:
        """See ``Subscriptions``."""
        return bool(await self.database.run(sql.REMOVE_SUBSCRIPTION, {"channel": str(channel)}))

    async def claim(self, right: Slot | str) -> bool:
        """See ``Leases``."""
        if isinstance(right, Slot):
            ((ours,),) = await self.database.run(sql.CLAIM_SLOT, {**slot_row(right), **self._mine})
            return bool(ours)
        return bool(await self.database.run(sql.CLAIM_NAME, {"name": right, **self._mine}))

    async def release(self, right: Slot | str, wait: float = 0) -> None:
        """See ``Leases``."""
        until = {**self._me, "wait": timedelta(seconds=wait)}
        if isinstance(right, Slot):
            await self.database.run(sql.RELEASE_SLOT, {**slot_row(right), **until})
        else:
            await self.database.run(sql.RELEASE_NAME, {"name": right, **until})

    async def plan(self, deliveries: Sequence[Delivery], receipt: Receipt) -> bool:
        """See ``Ledger``; a message planned in an earlier slot stays as it is, there.

        If the answer to a plan is lost, it is told that the slot is taken: the lease is ours.
        """
        slot, rows = slot_row(receipt.slot), _by_position(deliveries)
        taking = {**slot, "keys": list(rows), **self._mine}
        account = {**slot, "document": _written(receipt)}

        async def work(connection: AsyncConnection) -> bool:
            taken = (await connection.execute(sql.TAKE_SLOT, taking)).first()
            if taken is None:
                return False
            if taken.added:
                await connection.execute(sql.ADD_DELIVERY, [rows[key] for key in taken.added])
            await connection.execute(sql.SAVE_RECEIPT, account)
            return True

        return await self.database.change(work)

    async def extend(self, deliveries: Sequence[Delivery], receipt: Receipt) -> None:
        """See ``Ledger``."""
        slot, rows = slot_row(receipt.slot), _by_position(deliveries)
        extending = {**slot, "keys": list(rows), **self._mine}
        account = {**slot, "document": _written(receipt)}

        async def work(connection: AsyncConnection) -> None:
            extended = (await connection.execute(sql.EXTEND_SLOT, extending)).first()
            if extended is None:
                raise LeaseLost(receipt.slot)
            if extended.added:
                await connection.execute(sql.ADD_DELIVERY, [rows[key] for key in extended.added])
            await connection.execute(sql.SAVE_RECEIPT, account)

        await self.database.change(work)

    async def delivery(self, key: str) -> Delivery | None:
        """See ``Ledger``."""
        return await self._one(Delivery, sql.DELIVERY, {"key": key})

    async def deliveries(self, slot: Slot) -> Sequence[Delivery]:
        """See ``Ledger``."""
        return await self._all(Delivery, sql.DELIVERIES, slot_row(slot))

    async def unfinished(self, channel: ChannelRef | None = None) -> Sequence[Slot]:
        """See ``Ledger``; the oldest day first."""
        if channel is None:
            rows = await self.database.run(sql.UNFINISHED)
        else:
            rows = await self.database.run(sql.UNFINISHED_OF, {"channel": str(channel)})
        slots = [Slot(ChannelRef.parse(row.channel), row.day) for row in rows]
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

        async def work(connection: AsyncConnection) -> None:
            row = (await connection.execute(sql.DELIVERY_TO_CHANGE, {"key": key})).first()
            before = planned(_read(Delivery, row.document) if row else None, key)
            if state is not DeliveryState.SENT:
                renewal = {**slot_row(before.slot), **self._mine}
                if not (await connection.execute(sql.RENEW_SLOT, renewal)).first():
                    raise LeaseLost(before.slot)
            after = advanced(before, state, ref, reason, at)
            if after != before:
                await connection.execute(sql.CHANGE_DELIVERY, delivery_row(after))
            if after.ref:
                await connection.execute(sql.STAND, {"message": str(after.ref), "delivery": key})
            if seen:
                shown = _shown(before.slot.channel, seen)
                await connection.execute(sql.SHOW, shown)

        await self.database.change(work)

    async def seen(self, channel: ChannelRef, ids: Iterable[PaperId]) -> Mapping[PaperId, Seen]:
        """See ``Ledger``."""
        wanted = {"channel": str(channel), "ids": [str(paper) for paper in ids]}
        rows = await self.database.run(sql.SEEN, wanted) if wanted["ids"] else ()
        return {PaperId.parse(row.paper): _read(Seen, row.document) for row in rows}

    async def delivery_at(self, message: MessageRef) -> Delivery | None:
        """See ``Ledger``."""
        return await self._one(Delivery, sql.DELIVERY_AT, {"message": str(message)})

    async def latest_slot(self, channel: ChannelRef) -> Slot | None:
        """See ``Ledger``; one sent message makes a digest."""
        rows = await self.database.run(sql.LATEST_SLOT, {"channel": str(channel)})
        return Slot(channel, rows[0].day) if rows else None

    async def sent_since(self, moment: datetime) -> Sequence[Delivery]:
        """See ``Ledger``; the start of the last attempt counts, oldest first."""
        return await self._all(Delivery, sql.SENT_SINCE, {"moment": moment})

    async def save_receipt(self, receipt: Receipt) -> None:
        """See ``Ledger``; this takes no slot."""
        kept = {**slot_row(receipt.slot), "document": _written(receipt)}
        await self.database.run(sql.SAVE_RECEIPT, kept)

    async def receipt(self, slot: Slot) -> Receipt | None:
        """See ``Ledger``."""
        return await self._one(Receipt, sql.RECEIPT, slot_row(slot))

    async def receipts(self, channel: ChannelRef, limit: int = 1) -> Sequence[Receipt]:
        """See ``Ledger``."""
        return await self._all(Receipt, sql.RECEIPTS, {"channel": str(channel), "limit": limit})

    async def cast(self, ballot: Ballot) -> None:
        """See ``Votes``."""
        await self.database.run(sql.CAST, _mark(ballot))

    async def withdraw(self, ballot: Ballot) -> None:
        """See ``Votes``."""
        await self.database.run(sql.WITHDRAW, _mark(ballot))

    async def replace_marks(
        self, channel: ChannelRef, origin_prefix: str, ballots: Collection[Ballot]
    ) -> None:
        """See ``Votes``."""
        marks = sorted(map(_mark, ballots), key=lambda mark: tuple(mark.values()))  # no deadlocks
        kept = [mark for mark in marks if mark["channel"] == str(channel)]
        cleared = {
            "channel": str(channel),
            "prefix": origin_prefix,
            "papers": [mark["paper"] for mark in kept],
            "kinds": [mark["kind"] for mark in kept],
            "origins": [mark["origin"] for mark in kept],
            "people": [mark["person"] for mark in kept],
        }

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(sql.CLEAR_MARKS, cleared)
            if marks:
                await connection.execute(sql.CAST, marks)

        await self.database.change(work)

    async def marks(
        self, channel: ChannelRef, paper: PaperId, user: UserRef, kind: VoteKind
    ) -> Collection[str]:
        """See ``Votes``."""
        wanted = {
            "channel": str(channel),
            "paper": str(paper),
            "kind": kind.value,
            "person": str(user),
        }
        return [row.origin for row in await self.database.run(sql.MARKS, wanted)]

    async def tallies(
        self, channel: ChannelRef, ids: Iterable[PaperId] | None = None
    ) -> Mapping[PaperId, Tally]:
        """See ``Votes``."""
        wanted: Parameters = {"channel": str(channel)}
        if ids is None:
            rows = await self.database.run(sql.TALLIES, wanted)
        else:
            wanted["ids"] = [str(paper) for paper in ids]
            rows = await self.database.run(sql.TALLIES_OF, wanted) if wanted["ids"] else ()
        counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for row in rows:
            counts[row.paper][row.kind] = row.people
        return {PaperId.parse(paper): Tally(**each) for paper, each in counts.items()}

    async def voted(self, user: UserRef, kind: VoteKind) -> Collection[tuple[ChannelRef, PaperId]]:
        """See ``Votes``."""
        wanted = {"person": str(user), "kind": kind.value}
        rows = await self.database.run(sql.VOTED, wanted)
        return [(ChannelRef.parse(row.channel), PaperId.parse(row.paper)) for row in rows]

    async def writing(self, key: str) -> Summary | None:
        """See ``Writings``."""
        return await self._one(Summary, sql.WRITING, {"key": key})

    async def save_writing(self, key: str, writing: Summary) -> None:
        """See ``Writings``."""
        kept = {"key": key, "document": _written(writing)}
        await self.database.run(sql.SAVE_WRITING, kept)

    async def spend(self, channel: ChannelRef, day: date, tokens: int) -> None:
        """See ``Writings``."""
        added = {"channel": str(channel), "day": day, "tokens": tokens}
        await self.database.run(sql.SPEND, added)

    async def spent(self, day: date) -> Mapping[ChannelRef, int]:
        """See ``Writings``."""
        rows = await self.database.run(sql.SPENT, {"day": day})
        return {ChannelRef.parse(row.channel): row.tokens for row in rows}


def dumped(document: object) -> str:
    """Return a document as JSON of plain ASCII, which every text in it survives."""
    return json.dumps(document, ensure_ascii=True, separators=(",", ":"))


def _written(value: object) -> str:
    return dumped(encode(value))


def _read(kind: type[T], document: object) -> T:
    try:
        return decode(kind, document)
    except ValueError as error:
        raise StoreError(
            f"the database holds a {kind.__name__} that cannot be read ({error}): "
            "put a backup in its place"
        ) from error


def slot_row(slot: Slot) -> Parameters:
    """Return what a slot is found by."""
    return {"channel": str(slot.channel), "day": slot.day}


def delivery_row(delivery: Delivery) -> Parameters:
    """Return a delivery with all that it is found by."""
    return {
        **slot_row(delivery.slot),
        "key": delivery.key,
        "position": delivery.position,
        "state": delivery.state.value,
        "attempted_at": delivery.attempted_at,
        "document": _written(delivery),
    }


def _by_position(deliveries: Iterable[Delivery]) -> dict[str, Parameters]:
    ordered = sorted(deliveries, key=lambda each: each.position)
    return {each.key: delivery_row(each) for each in ordered}


def _mark(ballot: Ballot) -> dict[str, str]:
    return {
        "channel": str(ballot.channel),
        "paper": str(ballot.paper),
        "kind": ballot.kind.value,
        "origin": ballot.origin,
        "person": str(ballot.user),
    }


def _shown(channel: ChannelRef, seen: Mapping[PaperId, Seen]) -> list[Parameters]:
    return [
        {
            "channel": str(channel),
            "paper": str(paper),
            "day": each.day,
            "document": _written(each),
        }
        for paper, each in sorted(seen.items())
    ]


async def _known(connection: AsyncConnection, ids: Iterable[PaperId]) -> dict[PaperId, Paper]:
    """Return what is known of papers."""
    rows = await connection.execute(sql.PAPERS, {"ids": [str(paper) for paper in ids]})
    papers = [_read(Paper, row.document) for row in rows]
    return {paper.id: paper for paper in papers}


async def _describe(
    connection: AsyncConnection, told: Iterable[Paper], known: Mapping[PaperId, Paper]
) -> None:
    """Keep papers, or newer descriptions of known ones."""
    papers = dict(known)
    for paper in told:
        papers[paper.id] = papers.get(paper.id, paper).described_anew(paper)
    new = [
        {"id": str(paper.id), "document": _written(paper)}
        for paper in papers.values()
        if paper != known.get(paper.id)
    ]
    if new:
        await connection.execute(sql.SAVE_PAPER, new)


def _filled(listed: ListedBatch, papers: Mapping[PaperId, Paper]) -> Batch:
    """Return a batch with its papers, those that are gone left out."""
    found = (papers[paper] for paper in listed.papers if paper in papers)
    return Batch(listed.key, tuple(found), listed.arrived)
