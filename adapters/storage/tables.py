"""The store's tables, their indexes, and what several verbs do with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from adapters.storage.documents import (
    Entry,
    ListedBatch,
    Spending,
    Standing,
    TakenSlot,
    decode,
    encode,
)
from adapters.storage.memory import later
from adapters.storage.patches import Json
from adapters.storage.snapshot import Tables as Removed
from adapters.storage.table import Documents, Index, KeyedTable
from bot.domain.channels import ChannelRef, Subscription, UserRef
from bot.domain.deliveries import UNFINISHED, Delivery, Receipt, Seen, Slot
from bot.domain.papers import Batch, Paper, PaperId
from bot.domain.summaries import Summary
from bot.domain.votes import Ballot, Tally, VoteKind

AT_ONCE = 2_000
"""Documents that are archived with one snapshot, about."""

CHANNEL = Index(("channel",))
DAY = Index(("day",))
SLOT_CHANNEL = Index(("slot", "channel"))
SLOT_DAY = Index(("slot", "day"))
STATE = Index(("state",))
SOURCE = Index(("key",), lambda key: key.partition("/")[0])
ATTEMPT_DAY = Index(("attempted_at",), lambda moment: moment[:10])


class Tables:
    """All tables over one storage, or over a draft of it."""

    def __init__(self, kept: Documents) -> None:
        self.papers = KeyedTable(kept, "papers", Paper)
        self.batches = KeyedTable(kept, "batches", ListedBatch, [SOURCE])
        self.subscriptions = KeyedTable(kept, "subscriptions", Subscription)
        self.slots = KeyedTable(kept, "slots", TakenSlot, [SLOT_CHANNEL])
        self.deliveries = KeyedTable(
            kept, "deliveries", Delivery, [STATE, ATTEMPT_DAY, SLOT_CHANNEL, SLOT_DAY]
        )
        self.messages = KeyedTable(kept, "messages", Standing)
        self.receipts = KeyedTable(kept, "receipts", Receipt, [SLOT_CHANNEL, SLOT_DAY])
        self.ledger = KeyedTable(kept, "ledger", Entry, [CHANNEL])
        self.writings = KeyedTable(kept, "writings", Summary)
        self.spending = KeyedTable(kept, "spending", Spending, [DAY])

    def check(self) -> None:
        """Read every document once.

        Raises:
            ValueError: naming the first that cannot be read.
        """
        for table in vars(self).values():
            table.check()

    def add(self, slot: Slot, known: tuple[str, ...], deliveries: Iterable[Delivery]) -> None:
        """Take a slot with the messages that it has, and those nobody knows yet, by position."""
        new = [each for each in deliveries if not self.deliveries.find(each.key)]
        new.sort(key=lambda each: each.position)
        keys = (*known, *(each.key for each in new))
        self.slots.put({str(slot): TakenSlot(slot, keys)})
        self.record(new)

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

    def seen(self, channel: ChannelRef, paper: PaperId) -> Seen | None:
        """Return when a channel was shown a paper last."""
        entry = self.ledger.raw(_entry_key(channel, paper))
        return decode(Seen, entry["seen"]) if entry and entry.get("seen") else None

    def show(self, channel: ChannelRef, seen: Mapping[PaperId, Seen]) -> None:
        """Record what a channel was shown."""
        for paper, each in seen.items():
            shown = later(self.seen(channel, paper), each)
            entry = self._entry(channel, paper)
            if entry.get("seen") != (document := encode(shown)):
                self._save_entry({**entry, "seen": document})

    def of_slot(self, slot: TakenSlot) -> list[Delivery]:
        """Return the deliveries of a slot in order."""
        return list(self.deliveries.select(slot.deliveries))

    def votes(self, channel: ChannelRef, paper: PaperId) -> Json:
        """Return the votes of a channel on a paper: kind, origin, person."""
        entry = self.ledger.raw(_entry_key(channel, paper))
        return entry.get("votes", {}) if entry else {}

    def cast(self, ballot: Ballot) -> None:
        """Add a mark."""
        key = _entry_key(ballot.channel, ballot.paper)
        kind, user = ballot.kind.value, str(ballot.user)
        entry = self.ledger.raw(key)
        if entry is None:
            entry = self._entry(ballot.channel, ballot.paper)
            self._save_entry({**entry, "votes": {kind: {ballot.origin: {user: 1}}}})
        elif user not in entry.get("votes", {}).get(kind, {}).get(ballot.origin, {}):
            self.ledger.patch(key, {"votes": {kind: {ballot.origin: {user: 1}}}})

    def withdraw(self, ballot: Ballot) -> None:
        """Take a mark away; what is empty then goes as well."""
        kind, user = ballot.kind.value, str(ballot.user)
        origins = self.votes(ballot.channel, ballot.paper).get(kind, {})
        if user not in (people := origins.get(ballot.origin, {})):
            return
        patch: Json = {"votes": {kind: {ballot.origin: {user: None}}}}
        if len(people) == 1:
            patch = {"votes": {kind: {ballot.origin: None} if len(origins) > 1 else None}}
        self.ledger.patch(_entry_key(ballot.channel, ballot.paper), patch)

    def clear_marks(
        self, channel: ChannelRef, origin_prefix: str, keep: Collection[Ballot]
    ) -> None:
        """Take away a channel's marks whose origin starts so, but for those to keep."""
        for key in self.ledger.by(CHANNEL, str(channel)):
            votes = (self.ledger.raw(key) or {}).get("votes", {})
            for kind, origins in votes.items():
                for origin in origins:
                    if origin.startswith(origin_prefix):
                        paper = PaperId.parse(key.partition(" ")[2])
                        for user in origins[origin]:
                            ballot = Ballot(
                                channel, paper, UserRef.parse(user), VoteKind(kind), origin
                            )
                            if ballot not in keep:
                                self.withdraw(ballot)

    def spend(self, channel: ChannelRef, day: date, tokens: int) -> None:
        """Add to what a channel has spent on a day."""
        key = f"{channel}@{day}"
        before = self.spending.find(key) or Spending(channel, day, 0)
        self.spending.put({key: replace(before, tokens=before.tokens + tokens)})

    def _entry(self, channel: ChannelRef, paper: PaperId) -> Json:
        """Return what a channel did with a paper, nothing as yet included."""
        kept = self.ledger.raw(_entry_key(channel, paper))
        return encode(Entry(channel, paper)) if kept is None else kept

    def _save_entry(self, entry: Json) -> None:
        key = f"{entry['channel']} {entry['paper']}"
        self.ledger.kept.change(self.ledger.name, {key: entry})


def _entry_key(channel: ChannelRef, paper: PaperId) -> str:
    return f"{channel} {paper}"


def filled(batch: ListedBatch, tables: Tables) -> Batch:
    """Return a batch with its papers, those that are gone left out."""
    papers = tables.papers.select(map(str, batch.papers))
    return Batch(batch.key, tuple(papers), batch.arrived)


def tally(votes: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Tally:
    """Count people, not marks."""
    return Tally(**{kind: len(set().union(*each.values())) for kind, each in votes.items()})


def check(storage: Documents) -> None:
    """Read every document once.

    Raises:
        ValueError: naming the first that cannot be read.
    """
    Tables(storage).check()


def older(tables: Tables, limit: str) -> Removed:
    """Return what can be archived of the days before one; what is unfinished never is.

    The oldest days come first, and no more of them at once than the event loop has time for.
    """
    found: Removed = {"deliveries": {}, "messages": {}, "receipts": {}}
    unfinished = {state.value for state in UNFINISHED}
    days = {*tables.deliveries.values(SLOT_DAY), *tables.receipts.values(SLOT_DAY)}
    for day in sorted(day for day in days if day and day < limit):
        for key, document in _of_day(tables.deliveries, day):
            if document["state"] not in unfinished:
                found["deliveries"][key] = document
                ref = document.get("ref")
                if ref and (standing := tables.messages.raw(ref)) == {"delivery": key}:
                    found["messages"][ref] = standing
        found["receipts"].update(_of_day(tables.receipts, day))
        if sum(map(len, found.values())) >= AT_ONCE:
            break
    return found


def _of_day(table: KeyedTable[Any], day: str) -> Iterator[tuple[str, Json]]:
    found = ((key, table.raw(key)) for key in table.by(SLOT_DAY, day))
    return ((key, document) for key, document in found if document is not None)


def remove(tables: Tables, old: Removed) -> None:
    """Remove what was archived, if it is still the same."""
    for name, documents in old.items():
        table: KeyedTable[Any] = getattr(tables, name)
        for key, document in documents.items():
            if table.raw(key) == document:
                table.drop(key)
