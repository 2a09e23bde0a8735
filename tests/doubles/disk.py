"""Disks that fail, and one that remembers what it was told."""

from __future__ import annotations

import errno
import os

from adapters.storage.disk import Disk


class FailingDisk(Disk):
    """A disk that is full while ``room`` says how many bytes fit, and broken while it is."""

    def __init__(self) -> None:
        self.room: int | None = None
        self.broken = False
        self.writes = 0

    def write(self, file: int, content: bytes) -> None:
        self.writes += 1
        if self.room is not None and len(content) > self.room:
            super().write(file, content[: self.room])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(file, content)

    def sync(self, file: int) -> None:
        if self.broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync(file)
