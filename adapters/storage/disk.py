"""What a store asks of a disk, in one place, so that a test can stand in for a failing one."""

from __future__ import annotations

import os
from pathlib import Path

_sync = getattr(os, "fdatasync", os.fsync)  # macOS has fsync alone


class Disk:
    """Files that only grow, and their folder. Every verb may raise ``OSError``."""

    def open(self, path: Path, *, empty: bool = False) -> int:
        """Open a file to write at its end, for its owner alone; begin it where there is none."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if empty else 0)
        return os.open(path, flags, 0o600)

    def write(self, file: int, content: bytes) -> None:
        """Add content to the end of a file."""
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]

    def cut(self, file: int, size: int) -> None:
        """Take away what a file holds beyond a size."""
        os.ftruncate(file, size)

    def sync(self, file: int) -> None:
        """Return once all that was written to a file is on the disk."""
        _sync(file)

    def close(self, file: int) -> None:
        """Let go of a file."""
        os.close(file)

    def rename(self, old: Path, new: Path) -> None:
        """Put a file in the place of another."""
        old.replace(new)

    def link(self, old: Path, new: Path) -> None:
        """Give a file a second name."""
        new.unlink(missing_ok=True)
        os.link(old, new)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Return once the names in a folder are on the disk."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
