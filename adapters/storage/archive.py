"""What is too old for the state: one file a year, which plain TinyDB opens; nothing is read back.

Archiving comes before removing, and the same document twice is kept once, so a crash between the
two loses and doubles nothing. Lines are read one by one, so that the event loop has its turns.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from adapters.storage import snapshot
from adapters.storage.disk import Disk
from adapters.storage.migrations import SCHEMA
from adapters.storage.patches import Json
from adapters.storage.snapshot import Meta, Tables
from bot.domain.errors import StoreError

FOLDER = "archive"


def archive(disk: Disk, folder: Path, old: Tables) -> None:
    """Add documents to the archives of their years, durably.

    Raises:
        StoreError: if that cannot be written; the archives are then as they were.
    """
    years: defaultdict[str, Tables] = defaultdict(dict)
    for table, documents in old.items():
        for key, document in documents.items():
            years[_year(old, document)].setdefault(table, {})[key] = document
    archives = folder / FOLDER
    try:
        archives.mkdir(mode=0o700, exist_ok=True)
        for year, tables in years.items():
            path = archives / f"{year}.json"
            merged = _kept(path)
            for table, documents in tables.items():
                merged.setdefault(table, {}).update(documents)
            snapshot.write(disk, path, snapshot.frozen(merged), Meta(SCHEMA, 0))
        disk.sync_folder(folder)
    except OSError as error:
        raise StoreError(
            f"{archives} cannot be written ({error.strerror or error}): "
            "make room on the disk, or give the bot the right to write there"
        ) from error


def _year(old: Tables, document: Json) -> str:
    if "delivery" in document:
        document = old["deliveries"][document["delivery"]]
    return str(document["slot"]["day"])[:4]


def _kept(path: Path) -> Tables:
    kept: Tables = {}
    if path.exists():
        with path.open("rb") as lines:
            for row in snapshot.documents(iter(lines)):
                if isinstance(row, bytes):
                    raise StoreError(f"{path} is damaged: move it away; what it holds stays there")
                table, key, document = row
                kept.setdefault(table, {})[key] = document
    return kept
