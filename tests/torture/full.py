"""Fill the disk at each write in turn: nothing may change, and then all must go on."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from adapters.storage.disk import Disk
from adapters.storage.journal import JournalStorage
from adapters.storage.opening import load
from bot.domain.errors import StoreError

STEPS = 40


class FullOnce(Disk):
    """A disk on which one write, counted from the first, finds room for a part alone."""

    def __init__(self, nth: int, part: float) -> None:
        self.left, self.part, self.met = nth, part, False

    def write(self, file: int, content: bytes) -> None:
        self.left -= 1
        if self.left == 0:
            self.met = True
            super().write(file, content[: int(len(content) * self.part)])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(file, content)


@dataclass(slots=True)
class Figures:
    """What was tried and what went wrong."""

    writes: int = 0
    lost: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return bool(self.lost)


def run(parts: tuple[float, ...], on_write: Callable[[], None]) -> Figures:
    """Work once for each write there is, and each part of it that found room."""
    figures = Figures()
    for part in parts:
        nth = 1
        while _work(FullOnce(nth, part), f"write {nth}, {part:.0%} of it", figures):
            nth += 1
            figures.writes += 1
            on_write()
    return figures


def _work(disk: FullOnce, name: str, figures: Figures) -> bool:
    """Work through all steps; tell whether the disk was full on the way."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        try:
            storage = JournalStorage(folder, disk=disk, checkpoint_bytes=1_500)
        except StoreError:
            storage = JournalStorage(folder, disk=disk, checkpoint_bytes=1_500)
        for step in range(STEPS):
            change = {f"{step % 7}": {"step": step, "text": "x" * 100}}
            try:
                storage.change("papers", change)
            except StoreError:
                if load(folder).tables != storage.tables:
                    figures.lost.append(f"{name}: memory and disk differ")
                storage.change("papers", change)
            try:
                if storage.is_due:
                    storage.checkpoint()
            except StoreError:
                if load(folder).tables != storage.tables:
                    figures.lost.append(f"{name}: memory and disk differ after a snapshot")
        storage.close()
        steps = {each["step"] for each in load(folder).tables["papers"].values()}
        if steps != set(range(STEPS - 7, STEPS)):
            figures.lost.append(f"{name}: {sorted(steps)}")
    return disk.met
