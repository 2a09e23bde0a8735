"""Carry a whole state from one kind of store to another, and prove that it is the same there.

A state is a set of rows: table, id and document, equal in every store that keeps anything. What is
in the archive of a folder stays there.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adapters.storage import folder_of, keeps_files, postgres_store, segments, snapshot
from adapters.storage.disk import Disk
from adapters.storage.documents import Entry, decode, encode
from adapters.storage.migrations import SCHEMA
from adapters.storage.opening import OLD, load
from adapters.storage.ownership import own
from adapters.storage.patches import Json
from adapters.storage.snapshot import Meta
from bot.domain.errors import ConfigError, StoreError

Row = tuple[str, str, Json]
"""Table, id, document."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a state holds, in short.

    Attributes:
        counts: Documents by table.
        checksum: SHA-256 over the sorted SHA-256 of each row as canonical JSON.
    """

    counts: Mapping[str, int]
    checksum: str


class Side(Protocol):
    """A state that rows can be read from, or written to while it is empty."""

    def rows(self) -> AsyncGenerator[Row, None]:
        """Yield every row, of one moment.

        Raises:
            ConfigError, StoreError: if the state cannot be read.
        """

    async def fill(self, rows: AsyncIterator[Row]) -> None:
        """Write all rows, or none.

        Raises:
            StoreError: if there is a state already, or it cannot be written.
        """


class Folder:
    """A TinyDB state; no bot may be running there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    async def rows(self) -> AsyncGenerator[Row, None]:
        """See ``Side``."""
        lock = own(self._folder)
        try:
            tables = (await asyncio.to_thread(load, self._folder)).tables
        finally:
            lock.release()
        for table, documents in tables.items():
            for key, document in documents.items():
                row = (table, key, document) if table != "ledger" else _entry(key, document)
                if row:
                    yield row

    async def fill(self, rows: AsyncIterator[Row]) -> None:
        """See ``Side``."""
        tables: snapshot.Tables = {}
        async for table, key, document in rows:
            tables.setdefault(table, {})[key] = document
        await asyncio.to_thread(self._write, tables)

    def _write(self, tables: snapshot.Tables) -> None:
        lock, disk = own(self._folder), Disk()
        try:
            if load(self._folder).tables or (self._folder / OLD).exists():
                raise StoreError(
                    f"{self._folder} holds a state: name an empty folder, or move it away"
                )
            for _, path in segments.files(self._folder):
                disk.remove(path)
            disk.close(disk.open(self._folder / segments.file_name(1)))
            place = self._folder / snapshot.NAME
            snapshot.write(disk, place, snapshot.frozen(tables), Meta(SCHEMA, 0))
        except OSError as error:
            raise StoreError(
                f"{self._folder} cannot be written ({error.strerror or error}): make room on the "
                "disk, or give this user the right to write there"
            ) from error
        finally:
            lock.release()


def _entry(key: str, document: Json) -> Row | None:
    """Return what a channel did with a paper, or ``None`` if that is nothing (any more)."""
    entry = encode(decode(Entry, document))
    votes = {
        kind: {origin: people for origin, people in origins.items() if people}
        for kind, origins in entry["votes"].items()
    }
    entry["votes"] = {kind: origins for kind, origins in votes.items() if origins}
    return ("ledger", key, entry) if entry["votes"] or entry["seen"] else None


class Database:
    """A PostgreSQL state; replicas should be stopped, though what is read is of one moment."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def rows(self) -> AsyncGenerator[Row, None]:
        """See ``Side``."""
        store = await postgres_store().open(self._url)
        from adapters.storage.postgres import dump

        try:
            async with aclosing(dump(store)) as rows:
                async for row in rows:
                    yield row
        finally:
            await store.close()

    async def fill(self, rows: AsyncIterator[Row]) -> None:
        """See ``Side``."""
        store = await postgres_store().open(self._url)
        from adapters.storage.postgres import fill

        try:
            await fill(store, rows)
        finally:
            await store.close()


def side(url: str) -> Side:
    """Return the state of an address.

    Raises:
        ConfigError: if it names none that is kept anywhere.
    """
    if keeps_files(url):
        return Folder(folder_of(url))
    if url == "memory:":
        raise ConfigError("`memory:` keeps nothing that could be carried")
    return Database(url)


async def transfer(source: str, target: str) -> Contents:
    """Carry everything from one address to another, which holds nothing as yet.

    Raises:
        ConfigError: if an address names no state.
        StoreError: if one cannot be read or written, or does not hold the same afterwards.
    """
    if source == target:
        raise ConfigError("both addresses are the same: name another one")
    tally = _Tally()
    async with aclosing(_counted(source, tally)) as rows:
        await side(target).fill(rows)
    found = await contents(target)
    if found != tally.contents:
        raise StoreError(
            f"what was written is not what was read ({found.counts} of {tally.contents.counts}): "
            "use neither before you know why"
        )
    return found


async def contents(url: str) -> Contents:
    """Return what the state of an address holds.

    Raises:
        ConfigError, StoreError: if it cannot be read.
    """
    tally = _Tally()
    async with aclosing(_counted(url, tally)) as rows:
        async for _ in rows:
            pass
    return tally.contents


class _Tally:
    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._digests: list[bytes] = []

    def add(self, row: Row) -> None:
        canonical = json.dumps(row, sort_keys=True, separators=(",", ":"))
        self._digests.append(hashlib.sha256(canonical.encode()).digest())
        self._counts[row[0]] += 1

    @property
    def contents(self) -> Contents:
        whole = hashlib.sha256(b"".join(sorted(self._digests)))
        return Contents(dict(sorted(self._counts.items())), whole.hexdigest())


async def _counted(url: str, tally: _Tally) -> AsyncGenerator[Row, None]:
    async with aclosing(side(url).rows()) as rows:
        async for row in rows:
            tally.add(row)
            yield row
