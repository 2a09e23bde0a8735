"""The snapshot: all documents at one moment, as a file that plain TinyDB can open.

One document a line, under a running number as TinyDB likes it, its own id in the field ``_id``. The
last table, ``_meta``, tells product, format, schema and the sequence of the last transaction that
the snapshot holds, and the CRC32 of all that stands before it. Archives are such files too.
"""

from __future__ import annotations

import gc
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.storage.disk import Disk
from adapters.storage.patches import Json
from adapters.storage.segments import encoded

NAME = "snapshot.json"
PRODUCT = "daily-papers"
FORMAT = 1
"""Told for people; a new one takes a new schema as well, for by that what is newer is refused."""

META = b',\n"_meta":{\n'
SLICE = 1_000
SLICE_BYTES = 128 * 1024
BIG = 4 * 1024 * 1024

Tables = dict[str, dict[str, Json]]
Frozen = Sequence[tuple[str, Sequence[str], Sequence[Json]]]
"""Each table's name, ids and documents."""


@dataclass(frozen=True, slots=True)
class Meta:
    """What a snapshot says about itself."""

    schema: int
    sequence: int


def frozen(tables: Mapping[str, Mapping[str, Json]]) -> Frozen:
    """Return what tables hold now; documents are replaced, never changed, so they may be shared."""
    return [(name, tuple(table), tuple(table.values())) for name, table in tables.items()]


def slices(tables: Frozen, meta: Meta) -> Iterator[bytes]:
    """Yield the file in pieces, none of more than 1,000 documents."""
    crc = 0
    for piece in _pieces(tables):
        crc = zlib.crc32(piece, crc)
        yield piece
    told = {"product": PRODUCT, "format": FORMAT, "schema": meta.schema}
    told |= {"sequence": meta.sequence, "crc32": f"{crc:08x}"}
    yield META + f'"1":{encoded(told)}\n}}\n}}\n'.encode()


def _pieces(tables: Frozen) -> Iterator[bytes]:
    start = "{\n"
    for name, ids, documents in tables:
        piece, size, start = [f"{start}{encoded(name)}:{{"], 0, "\n},\n"
        for number, (key, document) in enumerate(zip(ids, documents, strict=True), start=1):
            body = encoded(document)
            comma = "," if document else ""
            piece.append(
                f'{"," if number > 1 else ""}\n"{number}":{{"_id":{encoded(key)}{comma}{body[1:]}'
            )
            size += len(piece[-1])
            if len(piece) >= SLICE or size >= SLICE_BYTES:
                yield "".join(piece).encode()
                piece, size = [], 0
        yield "".join(piece).encode()
    if start == "{\n":
        yield b'{\n"_default":{'
    yield b"\n}"


def write(disk: Disk, path: Path, tables: Frozen, meta: Meta) -> int:
    """Put a snapshot in its place, durably; return its size."""
    draft = path.with_name(f"{path.name}.tmp")
    file, size = disk.open(draft, empty=True), 0
    try:
        for each in slices(tables, meta):
            disk.write(file, each)
            size += len(each)
        disk.sync(file)
    finally:
        disk.close(file)
    place(disk, draft, path)
    return size


def place(disk: Disk, draft: Path, path: Path) -> None:
    """Make a draft that is synced the snapshot, durably."""
    disk.rename(draft, path)
    disk.sync_folder(path.parent)


class NotOurs(ValueError):
    """A file is no snapshot of this bot."""


class Damaged(ValueError):
    """A snapshot is not as it was written; ``offset`` tells the byte, as far as it is known."""

    def __init__(self, offset: int, problem: str) -> None:
        super().__init__(f"is damaged at byte {offset} ({problem})")
        self.offset = offset


def read(content: bytes) -> tuple[Tables, Meta]:
    """Return what a snapshot holds.

    Raises:
        NotOurs: if it is something else.
        Damaged: if it is not as it was written.
    """
    collected = gc.isenabled() and len(content) > BIG
    if collected:
        gc.disable()  # nothing here is garbage; looking for it would double the time
    try:
        state = _parsed(content)
        meta = _meta(state)
        end = content.rfind(META)
        if end < 0 or f"{zlib.crc32(content[:end]):08x}" != meta["crc32"]:
            raise Damaged(0, "the file does not fit its checksum")
        del state["_meta"]
        tables = {
            name: {document.pop("_id"): document for document in table.values()}
            for name, table in state.items()
        }
    finally:
        if collected:
            gc.enable()
            gc.freeze()  # a million documents are not looked at again
    tables.pop("_default", None)
    return tables, Meta(meta["schema"], meta["sequence"])


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content.decode())
    except UnicodeDecodeError as error:
        raise Damaged(error.start, "not a character") from error
    except json.JSONDecodeError as error:
        offset = len(error.doc[: error.pos].encode())
        raise Damaged(offset, f"of {len(content)}: {error.msg}") from error


def _meta(state: Any) -> Json:
    match state:
        case {
            "_meta": {
                "1": {
                    "product": "daily-papers",
                    "format": int(),
                    "schema": int(),
                    "sequence": int(),
                    "crc32": str(),
                } as meta
            }
        } if all(isinstance(table, dict) for table in state.values()):
            return dict(meta)
    raise NotOurs("is not a state of this bot")


def documents(lines: Iterator[bytes]) -> Iterator[tuple[str, str, Json] | bytes]:
    """Yield table, id and content of each document, line by line; a line that is none, as it is."""
    table = ""
    for line in lines:
        row = line.strip().rstrip(b",")
        if row in (b"{", b"}", b""):
            continue
        try:
            if row.endswith(b":{"):
                (table,) = json.loads(b"{%s}}" % row)
                continue
            ((_, document),) = json.loads(b"{%s}" % row).items()
            if table != "_meta":
                yield table, document.pop("_id"), document
        except (ValueError, KeyError, AttributeError, TypeError):
            yield line
