"""A store in one TinyDB file, ``state.json``, written whole and atomically.

All state is in memory, as last written; reads look there. A verb that changes anything drafts the
tables it touches, the file is written, and only then the draft becomes the state: what fails on the
way changes nothing. One thread does all of it, verb by verb, so that a verb whose caller gave up is
still finished before the next begins. One process at a time may own the folder.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from filelock import FileLock, Timeout
from tinydb.storages import MemoryStorage, Storage
from tinydb.table import Table

from adapters.storage.documents import (
    Entry,
    Json,
    ListedBatch,
    Standing,
    TakenSlot,
    decode,
    encode,
)
from adapters.storage.memory import UNFINISHED, advanced, later, merged, newest_first, planned
from bot.domain.channels import ChannelRef, MessageRef, Subscription, UserRef
from bot.domain.deliveries import Delivery, DeliveryState, Receipt, Seen, Slot
from bot.domain.errors import ConfigError, StoreError
from bot.domain.papers import Batch, BatchKey, Paper, PaperId
from bot.domain.votes import Ballot, Tally, VoteKind

T = TypeVar("T")
State = dict[str, dict[str, Json]]

SCHEMA = 1
META: State = {"meta": {"schema": {"product": "daily-papers", "version": SCHEMA}}}

RESTORE = "Nothing was changed; put a backup in its place, or move it away to start afresh"


class KeyedTable(Table, Generic[T]):
    """A TinyDB table of one kind of value under natural ids; documents are replaced, not changed.

    TinyDB's own verbs rebuild the whole table and change documents in place, so that a failed
    write would leave its traces in memory; these do not.
    """

    document_id_class = str  # type: ignore[assignment]  # declared as int, documented as free

    def __init__(self, storage: Storage, name: str, kind: type[T]) -> None:
        super().__init__(storage, name, cache_size=0)  # other tables write to the storage as well
        self.kind = kind

    def find(self, key: object) -> T | None:
        """Return the value of an id, if there is one."""
        document = self._read_table().get(str(key))
        return None if document is None else decode(self.kind, document)

    def select(self, fits: Callable[[Mapping[str, Any]], bool] = lambda _: True) -> Iterator[T]:
        """Return the values whose documents fit."""
        return (decode(self.kind, each) for each in self._read_table().values() if fits(each))

    def keys(self) -> Sequence[str]:
        """Return all ids."""
        return tuple(self._read_table())

    def check(self) -> None:
        """Read every document once.

        Raises:
            ValueError: naming the first that cannot be read.
        """
        for key, document in self._read_table().items():
            try:
                decode(self.kind, document)
            except ValueError as error:
                raise ValueError(f"{self.name} {key!r}: {error}") from error

    def put(self, values: Mapping[str, T]) -> None:
        """Add or replace values; what is there already is not written again."""
        table = self._read_table()
        changed = {key: encode(value) for key, value in values.items()}
        if any(table.get(key) != document for key, document in changed.items()):
            self._replace({**table, **changed})

    def drop(self, key: str) -> bool:
        """Remove a value; tell whether it was there."""
        table = self._read_table()
        if key not in table:
            return False
        self._replace({each: document for each, document in table.items() if each != key})
        return True

    def _replace(self, table: Mapping[str, Any]) -> None:
        self.storage.write({**(self.storage.read() or {}), self.name: dict(table)})


class Tables:
    """The tables of one state; changing them leaves the state itself as it was."""

    def __init__(self, state: State) -> None:
        self._before = state
        self._draft = draft = MemoryStorage()  # type: ignore[no-untyped-call]
        draft.write(state)
        self.papers = KeyedTable(draft, "papers", Paper)
        self.batches = KeyedTable(draft, "batches", ListedBatch)
        self.subscriptions = KeyedTable(draft, "subscriptions", Subscription)
        self.slots = KeyedTable(draft, "slots", TakenSlot)
        self.deliveries = KeyedTable(draft, "deliveries", Delivery)
        self.messages = KeyedTable(draft, "messages", Standing)
        self.receipts = KeyedTable(draft, "receipts", Receipt)
        self.ledger = KeyedTable(draft, "ledger", Entry)

    @property
    def state(self) -> State:
        """The state with every change."""
        return self._draft.read() or {}

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.state is not self._before

    def check(self) -> None:
        """Read every document once.

        Raises:
            ValueError: naming the first that cannot be read.
        """
        for table in vars(self).values():
            if isinstance(table, KeyedTable):
                table.check()

    def record(self, deliveries: Iterable[Delivery]) -> None:
        """Keep deliveries, and where they stand."""
        kept = {each.key: each for each in deliveries}
        self.deliveries.put(kept)
        self.messages.put({str(each.ref): Standing(each.key) for each in kept.values() if each.ref})

    def describe(self, papers: Iterable[Paper]) -> None:
        """Keep papers, or newer descriptions of kept ones."""
        told: dict[str, Paper] = {}
        for paper in papers:
            key = str(paper.id)
            before = told.get(key) or self.papers.find(key) or paper
            told[key] = before.described_anew(paper)
        self.papers.put(told)

    def show(self, channel: ChannelRef, seen: Mapping[PaperId, Seen]) -> None:
        """Record what a channel was shown."""
        entries = [(self.entry(channel, paper), each) for paper, each in seen.items()]
        self.save_entries(replace(entry, seen=later(entry.seen, each)) for entry, each in entries)

    def of_slot(self, slot: TakenSlot) -> list[Delivery]:
        """Return the deliveries of a slot in order."""
        return [found for key in slot.deliveries if (found := self.deliveries.find(key))]

    def entry(self, channel: ChannelRef, paper: PaperId) -> Entry:
        """Return what a channel did with a paper, nothing as yet included."""
        return self.ledger.find(_entry_key(channel, paper)) or Entry(channel, paper)

    def save_entries(self, entries: Iterable[Entry]) -> None:
        """Keep entries."""
        self.ledger.put({_entry_key(each.channel, each.paper): each for each in entries})


class StateFile(Storage):
    """The state in memory and the file that holds the same.

    Raises:
        StoreError: if the file cannot be read or is none of this bot; it is left as it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: State = META
        if os.path.lexists(path):  # a link to nowhere is not an empty place either
            self._state = _load(path)
        else:
            self.write(META)

    def read(self) -> State:
        """Return the state as last written; nobody changes it."""
        return self._state

    def write(self, data: State) -> None:
        """Replace the file, then the state.

        Raises:
            StoreError: if that fails; what stands here is then still what the file holds.
        """
        content = json.dumps(data).encode()
        draft = self._path.with_suffix(".json.tmp")
        try:
            try:
                _write_through(draft, content)
                draft.replace(self._path)
            except OSError:
                with suppress(OSError):
                    draft.unlink()
                raise
            self._state = data
            _sync_folder(self._path.parent)
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be written ({error.strerror}): "
                "make room on the disk, or give the bot the right to write there"
            ) from error


class TinyDBStore:
    """The store of one process on one machine; ``open`` is its constructor."""

    def __init__(self, folder: Path) -> None:
        folder = folder.absolute()
        self._lock = _own(folder)
        try:
            self._file = StateFile(folder / "state.json")
        except BaseException:
            self._lock.release()
            raise
        self._writer = ThreadPoolExecutor(1, "store")

    @classmethod
    async def open(cls, folder: Path) -> TinyDBStore:
        """Open the state in a folder, or begin one.

        Raises:
            ConfigError: if the folder cannot be used.
            StoreError: if it is in use, or its state is damaged or of a newer version.
        """
        return await asyncio.to_thread(cls, folder)

    async def close(self) -> None:
        """See ``Store``; verbs that have begun are finished first."""
        await asyncio.to_thread(self._writer.shutdown)
        self._lock.release()

    async def _change(self, work: Callable[[Tables], T]) -> T:
        if not self._lock.is_locked:
            raise StoreError("the store is closed: open it again before changing anything")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self._commit, work)

    def _commit(self, work: Callable[[Tables], T]) -> T:
        tables = self._tables()
        result = work(tables)
        if tables.changed:
            self._file.write(tables.state)
        return result

    def _tables(self) -> Tables:
        """Return the present state to read from, or to change until it is written."""
        return Tables(self._file.read())

    async def save_batch(self, batch: Batch, now: datetime) -> int:
        """See ``Library``; a reading without papers begins no batch."""

        def work(tables: Tables) -> int:
            listed = tables.batches.find(batch.key)
            kept = _filled(listed, tables) if listed else None
            merge = merged(kept, batch, now)
            ids = tuple(paper.id for paper in merge.papers)
            tables.papers.put({str(paper.id): paper for paper in batch.papers})
            if ids:
                record = ListedBatch(batch.key, ids, merge.arrived)
                tables.batches.put({str(batch.key): record})
            return len(ids) - len(kept.papers if kept else ())

        return await self._change(work)

    async def batches(
        self, sources: Collection[str], *, since: date | None = None, limit: int = 2
    ) -> Sequence[Batch]:
        """See ``Library``; each paper as it was described last."""
        tables = self._tables()
        keys = newest_first(map(BatchKey.parse, tables.batches.keys()), sources, since, limit)
        return [_filled(listed, tables) for key in keys if (listed := tables.batches.find(key))]

    async def save_papers(self, papers: Iterable[Paper]) -> None:
        """See ``Library``."""
        await self._change(lambda tables: tables.describe(papers))

    async def papers(self, ids: Iterable[PaperId] | None = None) -> Mapping[PaperId, Paper]:
        """See ``Library``; in the order asked for."""
        tables = self._tables()
        if ids is None:
            return {paper.id: paper for paper in tables.papers.select()}
        return {paper: found for paper in ids if (found := tables.papers.find(paper))}

    async def subscriptions(self) -> Sequence[Subscription]:
        """See ``Subscriptions``."""
        found = self._tables().subscriptions.select()
        return sorted(found, key=lambda each: each.channel)

    async def subscription(self, channel: ChannelRef) -> Subscription | None:
        """See ``Subscriptions``."""
        return self._tables().subscriptions.find(channel)

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
            new = [each for each in deliveries if not tables.deliveries.find(each.key)]
            new.sort(key=lambda each: each.position)
            keys = tuple(each.key for each in new)
            tables.slots.put({str(receipt.slot): TakenSlot(receipt.slot, keys)})
            tables.record(new)
            tables.receipts.put({str(receipt.slot): receipt})
            return True

        return await self._change(work)

    async def delivery(self, key: str) -> Delivery | None:
        """See ``Ledger``."""
        return self._tables().deliveries.find(key)

    async def deliveries(self, slot: Slot) -> Sequence[Delivery]:
        """See ``Ledger``."""
        tables = self._tables()
        taken = tables.slots.find(slot)
        return tables.of_slot(taken) if taken else []

    async def unfinished(self) -> Sequence[Slot]:
        """See ``Ledger``; the oldest day first."""
        found = self._tables().deliveries.select(lambda each: each["state"] in UNFINISHED)
        return sorted({each.slot for each in found}, key=lambda slot: (slot.day, slot.channel))

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

    async def mark_seen(self, channel: ChannelRef, seen: Mapping[PaperId, Seen]) -> None:
        """See ``Ledger``."""
        await self._change(lambda tables: tables.show(channel, seen))

    async def seen(self, channel: ChannelRef, ids: Iterable[PaperId]) -> Mapping[PaperId, Seen]:
        """See ``Ledger``."""
        tables = self._tables()
        return {paper: seen for paper in ids if (seen := tables.entry(channel, paper).seen)}

    async def delivery_at(self, message: MessageRef) -> Delivery | None:
        """See ``Ledger``."""
        tables = self._tables()
        standing = tables.messages.find(message)
        return tables.deliveries.find(standing.delivery) if standing else None

    async def latest_slot(self, channel: ChannelRef) -> Slot | None:
        """See ``Ledger``; one sent message makes a digest."""
        tables = self._tables()
        slots = tables.slots.select(_is_of(channel))
        for taken in sorted(slots, key=lambda each: each.slot, reverse=True):
            if any(each.state is DeliveryState.SENT for each in tables.of_slot(taken)):
                return taken.slot
        return None

    async def sent_since(self, moment: datetime) -> Sequence[Delivery]:
        """See ``Ledger``; the start of the last attempt counts, oldest first."""
        sent = self._tables().deliveries.select(lambda each: each["state"] == DeliveryState.SENT)
        dated = [(each.attempted_at, each.key, each) for each in sent if each.attempted_at]
        return [each for at, _, each in sorted(dated, key=lambda row: row[:2]) if at >= moment]

    async def save_receipt(self, receipt: Receipt) -> None:
        """See ``Ledger``; this takes no slot."""
        await self._change(lambda tables: tables.receipts.put({str(receipt.slot): receipt}))

    async def receipts(self, channel: ChannelRef, limit: int = 1) -> Sequence[Receipt]:
        """See ``Ledger``."""
        found = self._tables().receipts.select(_is_of(channel))
        return sorted(found, key=lambda each: each.slot.day, reverse=True)[:limit]

    async def cast(self, ballot: Ballot) -> None:
        """See ``Votes``."""
        await self._change(lambda tables: _recount(tables, [], add=[ballot]))

    async def withdraw(self, ballot: Ballot) -> None:
        """See ``Votes``."""

        def work(tables: Tables) -> None:
            entry = tables.entry(ballot.channel, ballot.paper)
            if ballot in _ballots(entry):
                _recount(tables, [entry], keep=lambda each: each != ballot)

        await self._change(work)

    async def replace_marks(
        self, channel: ChannelRef, origin_prefix: str, ballots: Collection[Ballot]
    ) -> None:
        """See ``Votes``."""

        def work(tables: Tables) -> None:
            entries = tables.ledger.select(lambda each: each["channel"] == str(channel))
            _recount(
                tables,
                entries,
                keep=lambda each: not each.origin.startswith(origin_prefix),
                add=ballots,
            )

        await self._change(work)

    async def marks(
        self, channel: ChannelRef, paper: PaperId, user: UserRef, kind: VoteKind
    ) -> Collection[str]:
        """See ``Votes``."""
        return self._tables().entry(channel, paper).votes.get(kind, {}).get(user, ())

    async def tallies(
        self, channel: ChannelRef, ids: Iterable[PaperId] | None = None
    ) -> Mapping[PaperId, Tally]:
        """See ``Votes``."""
        tables = self._tables()
        if ids is None:
            found = tables.ledger.select(lambda each: each["channel"] == str(channel))
        else:
            found = (tables.entry(channel, paper) for paper in ids)
        return {
            each.paper: Tally(**{kind.value: len(users) for kind, users in each.votes.items()})
            for each in found
            if each.votes
        }


def _entry_key(channel: ChannelRef, paper: PaperId) -> str:
    return f"{channel} {paper}"


def _is_of(channel: ChannelRef) -> Callable[[Mapping[str, Any]], bool]:
    return lambda document: document["slot"]["channel"] == str(channel)


def _filled(batch: ListedBatch, tables: Tables) -> Batch:
    papers = (tables.papers.find(paper) for paper in batch.papers)
    return Batch(batch.key, tuple(paper for paper in papers if paper), batch.arrived)


def _ballots(entry: Entry) -> set[Ballot]:
    return {
        Ballot(entry.channel, entry.paper, user, kind, origin)
        for kind, users in entry.votes.items()
        for user, origins in users.items()
        for origin in origins
    }


def _recount(
    tables: Tables,
    entries: Iterable[Entry],
    *,
    keep: Callable[[Ballot], bool] = lambda _: True,
    add: Collection[Ballot] = (),
) -> None:
    """Write the votes of entries anew: those that ``keep`` lets stand, and new ones anywhere."""
    changed = {_entry_key(each.channel, each.paper): each for each in entries}
    votes = {key: set(filter(keep, _ballots(each))) for key, each in changed.items()}
    for ballot in add:
        key = _entry_key(ballot.channel, ballot.paper)
        if key not in changed:
            changed[key] = tables.entry(ballot.channel, ballot.paper)
            votes[key] = _ballots(changed[key])
        votes[key].add(ballot)
    tables.save_entries(
        replace(entry, votes=_by_kind(votes[key])) for key, entry in changed.items()
    )


def _by_kind(ballots: Iterable[Ballot]) -> Mapping[VoteKind, Mapping[UserRef, tuple[str, ...]]]:
    votes: dict[VoteKind, dict[UserRef, tuple[str, ...]]] = {}
    for each in sorted(ballots, key=lambda each: (each.kind, each.user, each.origin)):
        users = votes.setdefault(each.kind, {})
        users[each.user] = (*users.get(each.user, ()), each.origin)
    return votes


def _own(folder: Path) -> FileLock:
    """Take the folder for this process.

    Raises:
        ConfigError: if the folder cannot be made or written.
        StoreError: if another process has it.
    """
    lock = FileLock(folder / "state.lock", mode=0o600, thread_local=False)
    holder = folder / "state.pid"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire(timeout=0)
        holder.write_text(f"process {os.getpid()} on {platform.node()}", "utf-8")
    except Timeout:
        who = "another process"
        with suppress(OSError):
            who = holder.read_text("utf-8")
        raise StoreError(
            f"{folder} is in use by {who}: stop it, or give this bot a folder of its own"
        ) from None
    except OSError as error:
        lock.release()
        raise ConfigError(
            f"STORE_URL names {folder}, which cannot be used ({error.strerror or error}): "
            "make it a folder that the bot's user may write"
        ) from error
    return lock


def _load(path: Path) -> State:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read ({error.strerror}): give the bot's user the right to read it"
        ) from error
    try:
        state = json.loads(content.decode())
    except UnicodeDecodeError as error:
        raise StoreError(f"{path} is damaged at byte {error.start}. {RESTORE}") from error
    except json.JSONDecodeError as error:
        offset = len(error.doc[: error.pos].encode())
        raise StoreError(
            f"{path} is damaged at byte {offset} of {len(content)} ({error.msg}). {RESTORE}"
        ) from error
    schema = _schema(state)
    if schema is None:
        raise StoreError(f"{path} is not a state of this bot. {RESTORE}")
    if schema > SCHEMA:
        raise StoreError(
            f"{path} was written by a newer version (schema {schema}, this one reads {SCHEMA}): "
            "run that version, or restore the backup of before the update"
        )
    try:
        Tables(state).check()
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}. {RESTORE}") from error
    return dict(state)


def _schema(state: Any) -> int | None:
    """Return the version of a state, or ``None`` if it is no state of ours."""
    match state:
        case {"meta": {"schema": {"product": "daily-papers", "version": int(version)}}}:
            tables = all(isinstance(table, dict) for table in state.values())
            return version if tables else None
    return None


def _write_through(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, down to the disk."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make a replaced name durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
