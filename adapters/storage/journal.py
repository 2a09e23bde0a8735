"""A TinyDB storage that appends what changed to a journal, and never loses what it acknowledged.

Memory holds what is durable, and nothing else: a change is drafted beside it, written, synced, and
only then installed, documents and indexes together. A write that fails is cut off the file again
and its draft dropped, so it leaves no trace. After a sync that failed nobody knows what the disk
holds: the storage then refuses all further changes, and only a new start, which reads the disk,
mends that.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from adapters.storage import segments, snapshot
from adapters.storage.disk import Disk
from adapters.storage.migrations import SCHEMA
from adapters.storage.opening import OLD, OLD_KEPT, UNTOUCHED, Loaded, load
from adapters.storage.patches import Json, merged, record
from adapters.storage.segments import encoded
from adapters.storage.snapshot import Frozen, Meta, Tables
from adapters.storage.table import Documents, Index
from bot.domain.errors import StoreError, StorePoisoned

log = structlog.get_logger()

CHECKPOINT_BYTES = 8 * 1024 * 1024

Found = defaultdict[Any, dict[str, None]]


class JournalStorage(Documents):
    """The state of one folder, which the caller owns.

    Args:
        folder: Where the files are.
        disk: What writes.
        checkpoint_bytes: Size of the journal at which a snapshot is due, at the least.
        check: Reads every document of a state that was written in an older form; what it raises
            refuses the state. What is in today's form is under a checksum.

    Raises:
        StoreError: if the state there is damaged, of a newer version, or cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        disk: Disk | None = None,
        checkpoint_bytes: int = CHECKPOINT_BYTES,
        check: Callable[[Documents], None] = lambda _: None,
    ) -> None:
        self.folder = folder
        self.disk = disk or Disk()
        self._poisoned: StorePoisoned | None = None
        self._checkpoint_bytes = checkpoint_bytes
        self._retry_at = 0
        self._indexes: dict[str, dict[Index, Found]] = {}
        loaded = load(folder)
        self.tables: Tables = loaded.tables
        self.sequence = loaded.reading.sequence
        self._sealed = loaded.reading.sealed or not loaded.reading.size
        self._size = loaded.reading.size
        self._journal_size = loaded.journal_size
        self._snapshot_size = loaded.snapshot_size
        if loaded.schema != SCHEMA:
            try:
                check(self)
            except ValueError as error:
                file = folder / (OLD if loaded.schema == 1 else snapshot.NAME)
                raise StoreError(f"{file} is damaged: {error}. {UNTOUCHED}") from error
        try:
            self._path, self._file = self._begin(loaded)
        except OSError as error:
            raise self.unwritable(folder, error) from error

    def _begin(self, loaded: Loaded) -> tuple[Path, int]:
        """Make the folder ready to be written to; what a crash left over goes."""
        drafts = self.folder.glob("*.json*.tmp")
        for path in (*loaded.obsolete, *drafts):
            self.disk.remove(path)
        if loaded.journal is None:
            path = self.folder / segments.file_name(self.sequence + 1)
            file = self._begun(path)
        else:
            path = loaded.journal
            if torn := loaded.reading.torn:
                log.warning("torn end of the journal dropped", file=str(path), bytes=torn)
            clean = self._sealed and not torn
            file = self.disk.open(path) if clean else self._written_anew(path)
        if loaded.schema != SCHEMA:
            self._path, self._file = path, file
            if loaded.schema > 1:
                kept = self.folder / f"snapshot.v{loaded.schema}.json"
                self.disk.link(self.folder / snapshot.NAME, kept)
            self.checkpoint()
            path, file = self._path, self._file
        if (old := self.folder / OLD).exists():
            if (self.folder / OLD_KEPT).exists():
                self.disk.close(file)
                raise StoreError(
                    f"{old} and {snapshot.NAME} are two states: move away the one that is not "
                    "wanted"
                )
            self.disk.rename(old, self.folder / OLD_KEPT)
            self.disk.sync_folder(self.folder)
        return path, file

    def _begun(self, path: Path) -> int:
        """Begin a journal file whose name is durable."""
        file = self.disk.open(path, empty=True)
        self.disk.sync_folder(self.folder)
        return file

    def _written_anew(self, path: Path) -> int:
        """Write what a crash left of a journal file to a file of its own, durably.

        What was read may have come from memory alone: after a failed sync Linux takes for written
        what never reached the disk, and a second sync would not try again
        (https://wiki.postgresql.org/wiki/Fsync_Errors).
        """
        draft = path.with_name(f"{path.name}.tmp")
        content = path.read_bytes()[: self._size]
        file = self.disk.open(draft, empty=True)
        try:
            self.disk.write(file, content)
            self.disk.sync(file)
            self.disk.rename(draft, path)
            self.disk.sync_folder(self.folder)
        except OSError:
            self.disk.close(file)
            raise
        return file

    # What is there

    def read(self) -> Tables:
        """See TinyDB; nobody changes it."""
        return self.tables

    def index(self, table: str, indexes: Iterable[Index]) -> None:
        """See ``Documents``."""
        kept = self._indexes.setdefault(table, {})
        for index in indexes:
            if index not in kept:
                kept[index] = defaultdict(dict)
                for key, document in self.documents(table).items():
                    kept[index][index.value(document)][key] = None

    def document(self, table: str, key: str) -> Json | None:
        """See ``Documents``."""
        return self.tables.get(table, {}).get(key)

    def documents(self, table: str) -> Mapping[str, Json]:
        """See ``Documents``."""
        return self.tables.get(table, {})

    def matching(self, table: str, index: Index, value: Any) -> Sequence[str]:
        """See ``Documents``."""
        return tuple(self._indexes[table][index].get(value, ()))

    def values(self, table: str, index: Index) -> Sequence[Any]:
        """See ``Documents``."""
        return tuple(self._indexes[table][index])

    # Changes

    def write(self, data: Mapping[str, Mapping[str, Json]]) -> None:
        """See TinyDB; what differs is journaled as one transaction."""
        draft = Draft(self)
        for name in {**self.tables, **data}:
            before, after = self.documents(name), data.get(name, {})
            draft.change(name, {**dict.fromkeys(before), **after})
        self.commit(draft)

    def change(self, table: str, documents: Mapping[str, Json | None]) -> None:
        """See ``Documents``; this is a transaction of its own, durable on return."""
        draft = Draft(self)
        draft.change(table, documents)
        self.commit(draft)

    def patch(self, table: str, key: str, patch: Json) -> None:
        """See ``Documents``; this is a transaction of its own, durable on return."""
        draft = Draft(self)
        draft.patch(table, key, patch)
        self.commit(draft)

    def commit(self, draft: Draft) -> None:
        """Make what was drafted durable, then visible."""
        draft.finish()
        if draft.transactions:
            self.append(draft.transactions)
            self.install(draft)

    def check_usable(self) -> None:
        """Do nothing, if a change could be tried.

        Raises:
            StorePoisoned: if nobody knows what the disk holds.
        """
        if self._poisoned:
            raise StorePoisoned(str(self._poisoned))

    def append(self, transactions: Sequence[str]) -> None:
        """Write transactions in one step, down to the disk; memory does not change.

        Raises:
            StoreError: if there is no room; the file is then as it was before.
            StorePoisoned: if nobody knows what the disk holds.
        """
        self.check_usable()
        first = self.sequence + 1
        content = b"".join(
            segments.written(number, first, each) for number, each in enumerate(transactions, first)
        )
        try:
            self.disk.write(self._file, content)
        except OSError as error:
            self._take_back()
            raise self.unwritable(self._path, error) from error
        try:
            self.disk.sync(self._file)
        except OSError as error:
            raise self._poison(error) from error
        self.sequence += len(transactions)
        self._size += len(content)
        self._journal_size += len(content)
        self._sealed = False

    def install(self, draft: Draft) -> None:
        """Show what was drafted, once it is durable."""
        for name, documents in draft.changed.items():
            table = self.tables.setdefault(name, {})
            indexes = self._indexes.get(name, {})
            for key, after in documents.items():
                before = table.get(key)
                if before is after:
                    continue
                for index, found in indexes.items():
                    _move(index, found, key, before, after)
                if after is None:
                    del table[key]
                else:
                    table[key] = after

    def _take_back(self) -> None:
        try:
            self.disk.cut(self._file, self._size)
            self.disk.sync(self._file)
        except OSError as error:
            raise self._poison(error) from error

    def _poison(self, error: OSError) -> StorePoisoned:
        self._poisoned = StorePoisoned(
            f"{self._path} could not be brought to the disk ({error.strerror or error}): nothing "
            "more is written; see to the disk, then start the bot again"
        )
        return self._poisoned

    @staticmethod
    def unwritable(path: Path, error: OSError) -> StoreError:
        """Return what to tell of a file that was not written."""
        return StoreError(
            f"{path} cannot be written ({error.strerror or error}): "
            "make room on the disk, or give the bot the right to write there"
        )

    # Checkpoints

    @property
    def is_due(self) -> bool:
        """Whether the journal has grown long enough for a new snapshot."""
        least = max(self._checkpoint_bytes, self._snapshot_size // 2, self._retry_at)
        return self._journal_size >= least

    def checkpoint(self) -> None:
        """Write a snapshot and begin the journal anew, while nothing else happens."""
        try:
            tables, meta = self.rotate()
            size = snapshot.write(self.disk, self.folder / snapshot.NAME, tables, meta)
            self.settle(size, meta)
        except OSError as error:
            raise self.unwritable(self.folder / snapshot.NAME, error) from error

    def rotate(self) -> tuple[Frozen, Meta]:
        """Go on in a new journal file; return the state that a snapshot before it holds.

        Raises:
            OSError: if that cannot be done; the journal goes on in the old file.
            StorePoisoned: if nobody knows what the disk holds.
        """
        self.check_usable()
        if self._size:
            path = self.folder / segments.file_name(self.sequence + 1)
            try:
                file = self._begun(path)
            except OSError:
                try:
                    self.disk.remove(path)  # else a start would take the old file for complete
                    self.disk.sync_folder(self.folder)
                except OSError as error:
                    raise self._poison(error) from error
                raise
            self.disk.close(self._file)
            self._path, self._file, self._size, self._sealed = path, file, 0, True
        tables = snapshot.frozen(self.tables)
        if self._snapshot_size > snapshot.BIG:
            gc.freeze()  # else each pass looks through all of them: measured, 80 ms at 50,000
        return tables, Meta(SCHEMA, self.sequence)

    def settle(self, size: int, meta: Meta) -> None:
        """Remove the journal files that a snapshot has made needless."""
        self._snapshot_size, self._journal_size, self._retry_at = size, self._size, 0
        with suppress(OSError):  # the next start removes them
            for first, path in segments.files(self.folder):
                if first <= meta.sequence:
                    self.disk.remove(path)

    def postpone(self) -> None:
        """Wait for as much more journal again before the next attempt at a snapshot."""
        self._retry_at = self._journal_size + self._checkpoint_bytes

    def close(self) -> None:
        """See TinyDB; a last line proves those before it."""
        if not (self._sealed or self._poisoned):
            with suppress(StoreError):
                self.append(["{}"])
        self.disk.close(self._file)


def _move(index: Index, found: Found, key: str, before: Json | None, after: Json | None) -> None:
    old = None if before is None else index.value(before)
    new = None if after is None else index.value(after)
    if before is not None and (after is None or old != new):
        del found[old][key]
        if not found[old]:
            del found[old]
    if after is not None:
        found[new][key] = None


class Draft(Documents):
    """Transactions that are not written as yet, each on top of those before it."""

    def __init__(self, base: JournalStorage) -> None:
        self._base = base
        self.changed: dict[str, dict[str, Json | None]] = {}
        self.transactions: list[str] = []
        self._touched: dict[tuple[str, str], tuple[Json | None, Json | None]] = {}

    def read(self) -> Tables:
        """See TinyDB."""
        return {name: dict(self.documents(name)) for name in {**self._base.tables, **self.changed}}

    def write(self, data: Mapping[str, Mapping[str, Json]]) -> None:
        """See TinyDB."""
        for name in {**self._base.tables, **self.changed, **data}:
            before, after = self.documents(name), data.get(name, {})
            self.change(name, {**dict.fromkeys(before), **after})

    def index(self, table: str, indexes: Iterable[Index]) -> None:
        """See ``Documents``."""
        self._base.index(table, indexes)

    def document(self, table: str, key: str) -> Json | None:
        """See ``Documents``."""
        changed = self.changed.get(table)
        if changed is not None and key in changed:
            return changed[key]
        return self._base.document(table, key)

    def documents(self, table: str) -> Mapping[str, Json]:
        """See ``Documents``."""
        both = {**self._base.documents(table), **self.changed.get(table, {})}
        return {key: each for key, each in both.items() if each is not None}

    def matching(self, table: str, index: Index, value: Any) -> Sequence[str]:
        """See ``Documents``."""
        changed = self.changed.get(table, {})
        found = [key for key in self._base.matching(table, index, value) if key not in changed]
        drafted = (key for key, each in changed.items() if each and index.value(each) == value)
        return (*found, *drafted)

    def values(self, table: str, index: Index) -> Sequence[Any]:
        """See ``Documents``."""
        drafted = (index.value(each) for each in self.changed.get(table, {}).values() if each)
        return tuple(dict.fromkeys((*self._base.values(table, index), *drafted)))

    def change(self, table: str, documents: Mapping[str, Json | None]) -> None:
        """See ``Documents``."""
        for key, document in documents.items():
            self._set(table, key, document, None)

    def patch(self, table: str, key: str, patch: Json) -> None:
        """See ``Documents``."""
        before = self.document(table, key)
        if before is None:
            raise KeyError(f"{table} has no {key!r} to patch")
        self._set(table, key, merged(before, patch), patch)

    def _set(self, table: str, key: str, after: Json | None, patch: Json | None) -> None:
        place = (table, key)
        if place in self._touched:
            before, patch = self._touched[place][0], None  # two patches need not make one
        else:
            before = self.document(table, key)
        self._touched[place] = before, patch
        self.changed.setdefault(table, {})[key] = after

    def finish(self) -> None:
        """End a transaction; one that changes nothing is not written.

        Raises:
            TypeError, ValueError: if JSON does not know what a document holds.
        """
        changes: dict[str, dict[str, Any]] = {}
        for (table, key), (before, patch) in self._touched.items():
            change = record(before, self.changed[table][key], patch)
            if change != {}:
                changes.setdefault(table, {})[key] = change
        if changes:
            self.transactions.append(encoded(changes))
        self._touched.clear()

    def undo(self) -> None:
        """Forget what was changed since the last transaction ended."""
        for (table, key), (before, _) in self._touched.items():
            self.changed[table][key] = before
        self._touched.clear()

    def clear(self) -> None:
        """Forget all transactions, for they are written, or never will be."""
        self.changed, self.transactions = {}, []
        self._touched.clear()
