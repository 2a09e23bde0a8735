"""Captured answers of the API in a folder: ``YYYY-MM.json`` or ``.json.gz``, a file per month.

Each file is an object ``{"YYYY-MM-DD": [entries]}``. A month is read when first asked for, and
again when its file has changed; where both forms lie there, the plain one counts.
"""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path

from adapters.papers import payload
from adapters.papers.shelf import Days, Shelf, month_of
from bot.domain.errors import ConfigError, SourceError
from bot.ports import PaperSource
from config.settings import Settings

NAME = "folder"
CURE = "capture or copy the file again"
GZIP = zlib.MAX_WBITS | 16  # zlib's way to say: with a gzip header

_FILE = re.compile(r"([1-9]\d{3}-(?:0[1-9]|1[0-2]))\.json(?:\.gz)?")


class Folder(Shelf):
    """The source over a folder.

    Asking for one paper, or searching, reads every month; all that was read stays in memory.

    Raises:
        ConfigError: if the path is no folder.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise ConfigError(f"SOURCES_FOLDER: {path} is no folder; name one of YYYY-MM.json[.gz]")
        super().__init__(NAME, _Files(path))


class _Files(Mapping[date, Days]):
    """The months of a folder; asked from threads, one of which reads at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[Path, tuple[tuple[int, int], Days]] = {}
        self._lock = threading.Lock()

    def __getitem__(self, month: date) -> Days:
        path = self._files()[month]
        with self._lock:
            return self._month(path)

    def __iter__(self) -> Iterator[date]:
        return iter(self._files())

    def __len__(self) -> int:
        return len(self._files())

    def _files(self) -> dict[date, Path]:
        try:
            paths = sorted(self._path.iterdir(), reverse=True)  # `.json.gz` first, `.json` over it
        except OSError as error:
            raise _unreadable(self._path, error) from error
        return {
            date.fromisoformat(f"{match[1]}-01"): path
            for path in paths
            if (match := _FILE.fullmatch(path.name))
        }

    def _month(self, path: Path) -> Days:
        try:
            stat = path.stat()
            state = (stat.st_mtime_ns, stat.st_size)
            if path in self._read and self._read[path][0] == state:
                return self._read[path][1]
            data = path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from error
        days = _days(path.name, _unpacked(path.name, data))
        self._read[path] = (state, days)
        return days


def _unreadable(path: Path, error: OSError) -> SourceError:
    return SourceError(NAME, f"{path} cannot be read ({error.strerror}); check its permissions")


def _unpacked(name: str, data: bytes) -> bytes:
    if not name.endswith(".gz"):
        return data
    unpacked = bytearray()
    rest = data
    while rest:  # a gzip file may be several, one after the other
        inflater = zlib.decompressobj(GZIP)
        try:
            unpacked += inflater.decompress(rest)
        except zlib.error as error:
            place = f"byte {len(data) - len(rest):,} of {len(data):,}"
            raise SourceError(
                NAME, f"{name} is damaged in the part from {place} on; {CURE}"
            ) from error
        if not inflater.eof:
            raise SourceError(
                NAME,
                f"{name} is cut off at byte {len(data):,}, {len(unpacked):,} unpacked; {CURE}",
            )
        rest = inflater.unused_data
    return bytes(unpacked)


def _days(name: str, data: bytes) -> Days:
    value = payload.decode(data, NAME, name, CURE)
    if not isinstance(value, dict):
        raise SourceError(NAME, f"{name} holds no object of days; {CURE}")
    days = {}
    for key, entries in value.items():
        try:
            day = date.fromisoformat(key)
        except ValueError as error:
            raise SourceError(NAME, f"{name} has the key {key[:40]!r}, no day") from error
        if not name.startswith(f"{day:%Y-%m}"):
            raise SourceError(NAME, f"{name} holds {day}, a day of {month_of(day):%Y-%m}; move it")
        days[day] = payload.papers(entries, NAME, f"{name} {day}")
    return days


async def open_source(settings: Settings, stack: AsyncExitStack) -> PaperSource:
    """Return the source over the folder that the operator names."""
    if settings.sources.folder is None:
        raise ConfigError("SOURCES_FOLDER is missing: source “folder” needs a folder to read")
    return Folder(settings.sources.folder)
