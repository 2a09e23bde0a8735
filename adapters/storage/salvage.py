"""Make a state out of what is whole in a damaged one; the damaged files are kept beside it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from adapters.storage import segments, snapshot
from adapters.storage.disk import Disk
from adapters.storage.documents import KINDS, decode
from adapters.storage.migrations import SCHEMA, migrated
from adapters.storage.opening import OLD, load, replay
from adapters.storage.ownership import own
from adapters.storage.snapshot import Damaged, Meta, NotOurs, Tables
from bot.domain.errors import StoreError
from bot.text import count


@dataclass(slots=True)
class Salvaged:
    """What came of it.

    Attributes:
        kept: Documents in the new state.
        lost: One sentence for each loss.
        aside: Where the damaged files are now; ``None`` if nothing was damaged.
    """

    kept: int
    lost: list[str] = field(default_factory=list)
    aside: Path | None = None


def salvage(folder: Path, now: datetime, disk: Disk | None = None) -> Salvaged:
    """Replace a damaged state by what is whole in it.

    Raises:
        ConfigError: if the folder cannot be used.
        StoreError: if another process has it, or nothing in it can be told apart.
    """
    folder = folder.absolute()
    lock = own(folder)
    try:
        return _salvage(folder, now, disk or Disk())
    except OSError as error:
        raise StoreError(
            f"{error.filename or folder} cannot be read or written ({error.strerror}): make room "
            "on the disk, or give the bot's user the right to use it"
        ) from error
    finally:
        lock.release()


def _salvage(folder: Path, now: datetime, disk: Disk) -> Salvaged:
    try:
        return Salvaged(_count(load(folder).tables))
    except StoreError as problem:
        if not (folder / snapshot.NAME).exists() and (folder / OLD).exists():
            raise StoreError(
                f"{problem}. A state in one file cannot be salvaged in part"
            ) from problem
    done = Salvaged(0)
    tables, meta = _documents(folder / snapshot.NAME, done.lost)
    last = _lines(folder, tables, meta, done.lost)
    tables = migrated(tables, meta.schema)
    _drop_unreadable(tables, done.lost)
    done.kept = _count(tables)
    done.aside = _set_aside(folder, now)
    sequence = max([last, meta.sequence, *(first for first, _ in segments.files(folder))])
    disk.close(disk.open(folder / segments.file_name(sequence + 1)))
    disk.sync_folder(folder)
    fresh = Meta(SCHEMA, sequence)
    snapshot.write(disk, folder / snapshot.NAME, snapshot.frozen(tables), fresh)
    for first, path in segments.files(folder):
        if first <= sequence:
            disk.remove(path)
    return done


def _count(tables: Tables) -> int:
    return sum(map(len, tables.values()))


def _documents(path: Path, lost: list[str]) -> tuple[Tables, Meta]:
    """Return what a snapshot holds, line by line if it must be."""
    first = min((number for number, _ in segments.files(path.parent)), default=1)
    if not path.exists():
        lost.append(f"{path.name} is missing, and all that only it held")
        return {}, Meta(SCHEMA, first - 1)
    content = path.read_bytes()
    try:
        tables, meta = snapshot.read(content)
    except (Damaged, NotOurs) as error:
        lost.append(f"{path.name} {error}")
        tables, meta = {}, Meta(SCHEMA, first - 1)
        for row in snapshot.documents(iter(content.splitlines())):
            if isinstance(row, bytes):
                lost.append(f"{path.name}: a line of {count(len(row), 'byte')}, {row[:60]!r}")
            else:
                table, key, document = row
                tables.setdefault(table, {})[key] = document
        meta = _meta(content) or meta
    if meta.schema > SCHEMA:
        raise StoreError(f"{path} was written by a newer version: salvage it with that one")
    return tables, meta


def _meta(content: bytes) -> Meta | None:
    try:
        told = json.loads(content[content.rindex(snapshot.META) + len(snapshot.META) + 4 : -5])
        return Meta(told["schema"], told["sequence"])
    except (ValueError, KeyError, TypeError):
        return None


def _lines(folder: Path, tables: Tables, meta: Meta, lost: list[str]) -> int:
    """Apply every line that can be read; return the sequence of the last."""
    last = meta.sequence
    for _, path in segments.files(folder):
        content = path.read_bytes()
        end = 0
        for offset, line in segments.whole_lines(content):
            if offset > end:
                lost.append(f"{path.name}: bytes {end} to {offset - 1} cannot be read")
            end = content.find(b"\n", offset) + 1 or len(content)
            if line.sequence <= last:
                continue
            if line.sequence > last + 1:
                lost.append(f"{path.name}: changes {last + 1} to {line.sequence - 1} are missing")
            last = line.sequence
            try:
                replay(tables, line.changes)
            except (ValueError, AttributeError):
                lost.append(f"{path.name}: change {last} is of something that is lost")
        if end < len(content):
            lost.append(f"{path.name}: bytes {end} to {len(content) - 1} cannot be read")
    return last


def _drop_unreadable(tables: Tables, lost: list[str]) -> None:
    for name, table in tables.items():
        for key, document in list(table.items()):
            try:
                if kind := KINDS.get(name):
                    decode(kind, document)
            except ValueError as error:
                lost.append(f"{name} {key!r}: {error}")
                del table[key]


def _set_aside(folder: Path, now: datetime) -> Path:
    aside = folder / f"damaged-{now:%Y%m%dT%H%M%S}"
    aside.mkdir(mode=0o700, exist_ok=True)
    for path in (folder / snapshot.NAME, *(path for _, path in segments.files(folder))):
        if path.exists():
            shutil.copy2(path, aside / path.name)
    return aside
