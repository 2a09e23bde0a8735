"""The files of a search index: which they are, and whether they are whole.

Tantivy writes sums into its files, and never reads them.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from pathlib import Path

MAGIC = 1337
CHUNK = 1 << 20
_END = struct.Struct("<II")
MARK = "version"
"""Our own file among them: of which version the index is."""

_OURS = re.compile(
    rf"{MARK}|\.?(meta|managed)\.json|\.tantivy-\w+\.lock|\.tmp\w+|[0-9a-f]{{32}}\..+"
)


def remove(folder: Path) -> None:
    """Remove an index, and nothing else that the folder may hold.

    Raises:
        OSError: if a file cannot be removed.
    """
    if not folder.is_dir():
        return
    for file in folder.iterdir():
        if _OURS.fullmatch(file.name) and file.is_file():
            file.unlink(missing_ok=True)


def is_sound(folder: Path) -> bool:
    """Tell whether every file that the index is made of has the sum that was written into it.

    What a process that was killed left behind belongs to no index, and is not looked at.
    """
    try:
        meta = json.loads((folder / "meta.json").read_bytes())
        segments = [each["segment_id"].replace("-", "") for each in meta["segments"]]
        files = [file for name in segments for file in folder.glob(f"{name}.*")]
        whole = {file.name.partition(".")[0] for file in files} == set(segments)
        return whole and all(_has_its_sum(file) for file in files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return False


def _has_its_sum(file: Path) -> bool:
    size = file.stat().st_size
    with file.open("rb") as stream:
        stream.seek(size - _END.size)
        length, magic = _END.unpack(stream.read(_END.size))
        body = size - _END.size - length
        if magic != MAGIC or body < 0:
            return False
        stream.seek(body)
        told = json.loads(stream.read(length))["crc"]
        stream.seek(0)
        found, left = 0, body
        while left:
            part = stream.read(min(CHUNK, left))
            if not part:
                return False
            found = zlib.crc32(part, found)
            left -= len(part)
    return bool(found == told)
