"""A whole state as TinyDB keeps it, rows of table, key and document: read, or written at once.

A ledger entry in which nothing stands, neither a showing nor a vote, is passed over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator
from contextlib import aclosing
from typing import Any

from sqlalchemy import Row, TextClause, exists, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.storage.documents import (
    KINDS,
    Entry,
    Json,
    ListedBatch,
    Spending,
    Standing,
    TakenSlot,
    decode,
)
from adapters.storage.postgres import _statements as sql
from adapters.storage.postgres._schema import OTHERS, leases, metadata
from adapters.storage.postgres._store import (
    Parameters,
    PostgresStore,
    delivery_row,
    dumped,
    slot_row,
)
from bot.domain.channels import Subscription
from bot.domain.deliveries import Delivery, Receipt
from bot.domain.errors import StoreError
from bot.domain.papers import Paper
from bot.domain.summaries import Summary

Document = tuple[str, str, Json]
"""Table, key, document."""

AT_ONCE = 1_000
"""Rows that are read or written with one message to the server."""

PORTIONS = {"yield_per": AT_ONCE}
ONE_MOMENT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

PATIENT = text("SET LOCAL idle_in_transaction_session_timeout = '10min'")
"""Who takes the rows may be slow, and so may be who brings them."""

STATE = [table for table in metadata.sorted_tables if table not in (leases, *OTHERS)]

ALONE = text(f"LOCK TABLE {', '.join(map(str, STATE))} IN SHARE ROW EXCLUSIVE MODE")

LEDGER = text("""
    SELECT channel, paper, document, NULL AS kind, NULL AS origin, NULL AS person
    FROM daily_papers.seen
    UNION ALL
    SELECT channel, paper, NULL, kind, origin, person FROM daily_papers.votes
    ORDER BY channel, paper
""")

READINGS: dict[str, tuple[TextClause, Callable[[Row[Any]], tuple[str, Json]]]] = {
    "papers": (
        text("SELECT id, document FROM daily_papers.papers"),
        lambda row: (row.id, row.document),
    ),
    "batches": (
        text("SELECT source, day, document FROM daily_papers.batches"),
        lambda row: (f"{row.source}/{row.day}", row.document),
    ),
    "subscriptions": (
        text("SELECT channel, document FROM daily_papers.subscriptions"),
        lambda row: (row.channel, row.document),
    ),
    "slots": (
        text("SELECT channel, day, deliveries FROM daily_papers.slots"),
        lambda row: (
            f"{row.channel}@{row.day}",
            {
                "slot": {"channel": row.channel, "day": str(row.day)},
                "deliveries": row.deliveries,
            },
        ),
    ),
    "deliveries": (
        text("SELECT key, document FROM daily_papers.deliveries"),
        lambda row: (row.key, row.document),
    ),
    "messages": (
        text("SELECT message, delivery FROM daily_papers.messages"),
        lambda row: (row.message, {"delivery": row.delivery}),
    ),
    "receipts": (
        text("SELECT channel, day, document FROM daily_papers.receipts"),
        lambda row: (f"{row.channel}@{row.day}", row.document),
    ),
    "writings": (
        text("SELECT key, document FROM daily_papers.writings"),
        lambda row: (row.key, row.document),
    ),
    "spending": (
        text("SELECT channel, day, tokens FROM daily_papers.spending"),
        lambda row: (
            f"{row.channel}@{row.day}",
            {"channel": row.channel, "day": str(row.day), "tokens": row.tokens},
        ),
    ),
}

ADD_SLOT = text("""
    INSERT INTO daily_papers.slots (channel, day, deliveries) VALUES (:channel, :day, :deliveries)
""")


async def dump(store: PostgresStore) -> AsyncGenerator[Document, None]:
    """Yield all rows, as they stand at one moment; close it if you stop early.

    Raises:
        StoreError: if the database cannot be read.
    """
    async with store.database.transaction(**ONE_MOMENT) as connection:
        await connection.execute(PATIENT)
        for table, (statement, read) in READINGS.items():
            async for row in await connection.stream(statement, execution_options=PORTIONS):
                yield table, *read(row)
        async with aclosing(_entries(connection)) as entries:
            async for key, entry in entries:
                yield "ledger", key, entry


async def _entries(connection: AsyncConnection) -> AsyncGenerator[tuple[str, Json], None]:
    """Put together what each channel did with each paper."""
    place, entry = None, {}
    async for row in await connection.stream(LEDGER, execution_options=PORTIONS):
        if place != (row.channel, row.paper):
            if place:
                yield " ".join(place), entry
            place = (row.channel, row.paper)
            entry = {"channel": row.channel, "paper": row.paper, "seen": None, "votes": {}}
        if row.kind is None:
            entry["seen"] = row.document
        else:
            origins = entry["votes"].setdefault(row.kind, {})
            origins.setdefault(row.origin, {})[row.person] = 1
    if place:
        yield " ".join(place), entry


async def fill(store: PostgresStore, rows: AsyncIterable[Document]) -> None:
    """Write all rows into a database that holds none, or nothing.

    Raises:
        StoreError: if the database holds a state or cannot be written, or a row cannot be read.
    """
    async with store.database.transaction() as connection:
        await connection.execute(ALONE)
        for table in STATE:
            if await connection.scalar(select(exists(select(table)))):
                raise StoreError(
                    f"{store.database.place} holds a state: name an empty database, "
                    "or drop the schema daily_papers there"
                )
        await connection.execute(PATIENT)
        waiting: defaultdict[TextClause, list[Parameters]] = defaultdict(list)
        async for row in rows:
            for statement, parameters in _records(row):
                batch = waiting[statement]
                batch.append(parameters)
                if len(batch) == AT_ONCE:
                    await connection.execute(statement, batch)
                    batch.clear()
        for statement, batch in waiting.items():
            if batch:
                await connection.execute(statement, batch)
        await connection.commit()


def _records(row: Document) -> Iterator[tuple[TextClause, Parameters]]:
    """Return what a row is written with.

    Raises:
        StoreError: if it cannot be read.
    """
    table, key, document = row
    try:
        value: object = decode(KINDS[table], document)
    except (KeyError, ValueError) as error:
        raise StoreError(f"{table} '{key}' cannot be read ({error}): put a backup there") from error
    match value:
        case Paper():
            yield sql.SAVE_PAPER, {"id": key, "document": dumped(document)}
        case ListedBatch(batch):
            place = {"source": batch.source, "day": batch.day}
            yield sql.SAVE_BATCH, {**place, "document": dumped(document)}
        case Subscription():
            yield sql.SAVE_SUBSCRIPTION, {"channel": key, "document": dumped(document)}
        case TakenSlot(slot, deliveries):
            yield ADD_SLOT, {**slot_row(slot), "deliveries": list(deliveries)}
        case Delivery():
            yield sql.ADD_DELIVERY, {**delivery_row(value), "document": dumped(document)}
        case Standing(delivery):
            yield sql.STAND, {"message": key, "delivery": delivery}
        case Receipt(slot):
            yield sql.SAVE_RECEIPT, {**slot_row(slot), "document": dumped(document)}
        case Summary():
            yield sql.SAVE_WRITING, {"key": key, "document": dumped(document)}
        case Spending(channel, day, tokens):
            yield sql.SPEND, {"channel": str(channel), "day": day, "tokens": tokens}
        case Entry(channel, paper, seen, votes):
            place = {"channel": str(channel), "paper": str(paper)}
            if seen:
                showing = {"day": seen.day, "document": dumped(document["seen"])}
                yield sql.SHOW, {**place, **showing}
            for kind, origins in votes.items():
                for origin, people in origins.items():
                    for person in people:
                        mark = {"kind": kind.value, "origin": origin, "person": str(person)}
                        yield sql.CAST, {**place, **mark}
