"""What a folder holds, read and put together; nothing is written here.

``snapshot.json`` and the lines of the journal after it make the state. A folder without any of them
is an empty state; one with ``state.json`` alone holds a state of schema 1.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.storage import segments, snapshot
from adapters.storage.migrations import SCHEMA, migrated
from adapters.storage.patches import replayed
from adapters.storage.segments import Damage, Reading
from adapters.storage.snapshot import Damaged, NotOurs, Tables
from bot.domain.errors import StoreError

OLD = "state.json"
OLD_KEPT = "state.v1.json"

RESTORE = (
    "Nothing was changed: run `daily-papers doctor --salvage` to keep what is whole and set the "
    "rest aside, or `daily-papers restore` with a backup"
)

UNTOUCHED = "Nothing was changed: put a backup in its place, or move it away to start afresh"


@dataclass(slots=True)
class Loaded:
    """A state, and where it stands.

    Attributes:
        schema: That of the files; the tables are in today's form.
        journal: The last file of the journal, if there is one.
        obsolete: Files that the snapshot has made needless.
        snapshot_size: Bytes of the snapshot.
        journal_size: Bytes of the journal after it.
    """

    tables: Tables
    reading: Reading
    schema: int = SCHEMA
    journal: Path | None = None
    obsolete: list[Path] = field(default_factory=list)
    snapshot_size: int = 0
    journal_size: int = 0


def load(folder: Path) -> Loaded:
    """Read the state of a folder.

    Raises:
        StoreError: if it cannot be read, is damaged, of a newer version or none of this bot.
    """
    path = folder / snapshot.NAME
    try:
        journals = segments.files(folder)
        if os.path.lexists(path):  # a link to nowhere is not an empty place either
            return _load(path, path.read_bytes(), journals)
        if os.path.lexists(path := folder / OLD):
            return _load_old(path, path.read_bytes(), journals)
        for _, path in journals:
            if path.stat().st_size:
                raise StoreError(
                    f"{folder / snapshot.NAME} is missing, though there is {path.name}. {RESTORE}"
                )
        return Loaded({}, Reading(0), schema=0)
    except OSError as error:
        raise StoreError(
            f"{error.filename or path} cannot be read ({error.strerror}): "
            "give the bot's user the right to read it"
        ) from error
    except Damage as error:
        raise StoreError(f"{error}. {RESTORE}") from error


def _load(path: Path, content: bytes, journals: list[tuple[int, Path]]) -> Loaded:
    try:
        tables, meta = snapshot.read(content)
    except (Damaged, NotOurs) as error:
        raise StoreError(f"{path} {error}. {RESTORE}") from error
    _refuse_newer(path, meta.schema)
    needed = [each for each in journals if each[0] > meta.sequence]
    if not needed:
        missing = path.with_name(segments.file_name(meta.sequence + 1))
        raise StoreError(f"{missing} is missing. {RESTORE}")
    reading = Reading(meta.sequence)
    for line in segments.lines(needed, reading):
        try:
            replay(tables, line.changes)
        except (ValueError, AttributeError) as error:
            raise StoreError(
                f"{path.parent} is damaged: line {line.sequence} of the journal does not fit "
                f"what stands before it. {RESTORE}"
            ) from error
    try:
        tables = migrated(tables, meta.schema)
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}. {RESTORE}") from error
    return Loaded(
        tables,
        reading,
        meta.schema,
        journal=needed[-1][1],
        obsolete=[each for first, each in journals if first <= meta.sequence],
        snapshot_size=len(content),
        journal_size=sum(each.stat().st_size for _, each in needed) - reading.torn,
    )


def replay(tables: Tables, changes: segments.Changes) -> None:
    """Apply one transaction of the journal.

    Raises:
        ValueError: if a document that it changes is not there.
    """
    for name, documents in changes.items():
        table = tables.setdefault(name, {})
        for key, change in documents.items():
            document = replayed(table.get(key), change)
            if document is None:
                table.pop(key, None)
            else:
                table[key] = document


def _refuse_newer(path: Path, schema: int) -> None:
    if schema > SCHEMA:
        raise StoreError(
            f"{path} was written by a newer version (schema {schema}, this one reads {SCHEMA}): "
            "run that version, or restore the backup of before the update"
        )


def _load_old(path: Path, content: bytes, journals: list[tuple[int, Path]]) -> Loaded:
    if any(each.stat().st_size for _, each in journals):
        raise StoreError(f"{path.with_name(snapshot.NAME)} is missing. {RESTORE}")
    try:
        state = json.loads(content.decode())
    except UnicodeDecodeError as error:
        raise StoreError(f"{path} is damaged at byte {error.start}. {UNTOUCHED}") from error
    except json.JSONDecodeError as error:
        offset = len(error.doc[: error.pos].encode())
        raise StoreError(
            f"{path} is damaged at byte {offset} of {len(content)} ({error.msg}). {UNTOUCHED}"
        ) from error
    schema = _old_schema(state)
    if schema is None:
        raise StoreError(f"{path} is not a state of this bot. {UNTOUCHED}")
    _refuse_newer(path, schema)
    tables = {name: table for name, table in state.items() if name != "meta"}
    try:
        return Loaded(migrated(tables, schema), Reading(0), schema)
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}. {UNTOUCHED}") from error


def _old_schema(state: Any) -> int | None:
    """Return the version of a state in one file, or ``None`` if it is no state of ours."""
    match state:
        case {"meta": {"schema": {"product": "daily-papers", "version": int(version)}}}:
            tables = all(isinstance(table, dict) for table in state.values())
            return version if tables else None
    return None
