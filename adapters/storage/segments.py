"""The journal's lines and files, and how they are read. Nothing is written here.

A line is one transaction, and JSON:
``["<crc32>",<sequence>,<first>,{"<table>":{"<id>":<change>}}]``, the checksum being that of all
between it and the closing bracket. ``first`` is the sequence of the first line that was written and
synced together with this one. A file, ``journal-<sequence>.jsonl``, is named after its first line.

Lines are synced before the next are written, so after a crash only those written together last can
be torn, zeroed or missing: such a tail is dropped, for nobody was told of it. If a line that cannot
be read is followed by one whose ``first`` is later, it had been synced, and is damage. A line
without changes, written on closing, proves all lines before it in this way.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = re.compile(r"journal-(\d{1,18})\.jsonl")
START = re.compile(rb'\["[0-9a-f]{8}",')
HEAD = len('["01234567",')

encoded = json.JSONEncoder(separators=(",", ":")).encode

Changes = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Line:
    """One transaction."""

    sequence: int
    first: int
    changes: Changes


class Damage(Exception):
    """A journal holds what no crash explains.

    Attributes:
        path: The file.
        offset: The byte at which what can be read ends.
        problem: What is there instead of the next line.
    """

    def __init__(self, path: Path, offset: int, problem: str) -> None:
        super().__init__(f"{path} is damaged at byte {offset} ({problem})")
        self.path = path
        self.offset = offset
        self.problem = problem


def file_name(first: int) -> str:
    """Return the name of the file whose first line has that sequence."""
    return f"journal-{first:012}.jsonl"


def files(folder: Path) -> list[tuple[int, Path]]:
    """Return a folder's journal files with the sequence of the first line of each, in order."""
    named = ((NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted((int(match[1]), path) for match, path in named if match)


def written(sequence: int, first: int, changes: str) -> bytes:
    """Return a line of changes that are JSON already."""
    body = f"{sequence},{first},{changes}".encode()
    return b'["%08x",%s]\n' % (zlib.crc32(body), body)


def read(line: bytes) -> Line | None:
    """Return a line without its end, or ``None`` if it is not as it was written."""
    if not START.match(line) or not line.endswith(b"]"):
        return None
    if int(line[2:10], 16) != zlib.crc32(memoryview(line)[HEAD:-1]):
        return None
    _, sequence, first, changes = json.loads(line.decode())
    return Line(sequence, first, changes)


@dataclass(slots=True)
class Reading:
    """How a journal was read.

    Attributes:
        sequence: That of the last line.
        size: Bytes of the last file that hold whole lines.
        torn: Bytes after them, to be dropped.
        sealed: Whether the last line proves those before it.
    """

    sequence: int
    size: int = 0
    torn: int = 0
    sealed: bool = False


def lines(paths: Iterable[tuple[int, Path]], reading: Reading) -> Iterator[Line]:
    """Yield the lines of files that follow one another, noting in ``reading`` how far it went.

    Raises:
        Damage: at the first place that no crash explains.
        OSError: if a file cannot be read.
    """
    left = list(paths)
    while left:
        first, path = left.pop(0)
        expected = reading.sequence + 1
        if first != expected:
            raise Damage(path, 0, f"it begins with line {first}; {file_name(expected)} is missing")
        yield from _of_file(path, reading, last=not left)


def _of_file(path: Path, reading: Reading, *, last: bool) -> Iterator[Line]:
    content = path.read_bytes()
    offset = 0
    reading.size = reading.torn = 0
    while offset < len(content):
        expected = reading.sequence + 1
        end = content.find(b"\n", offset)
        line = read(content[offset:end]) if end >= 0 else None
        if line is None and last and _is_torn(content, offset, expected):
            reading.torn = len(content) - offset
            return
        if line is None:
            raise Damage(path, offset, "what stands there does not fit its checksum")
        if line.sequence != expected:
            raise Damage(path, offset, f"line {line.sequence} stands where {expected} belongs")
        reading.size = offset = end + 1
        reading.sequence = expected
        reading.sealed = not line.changes
        yield line


def _is_torn(content: bytes, offset: int, expected: int) -> bool:
    """Tell whether all that can be read from there on was written in one step."""
    return all(line.first <= expected for _, line in whole_lines(content, offset))


def whole_lines(content: bytes, offset: int = 0) -> Iterator[tuple[int, Line]]:
    """Yield every line that can be read, with its place, whatever stands between them."""
    for match in START.finditer(content, offset):
        end = content.find(b"\n", match.start())
        line = read(content[match.start() : end if end >= 0 else len(content)])
        if line:
            yield match.start(), line
