"""Lose power at every moment of a run, as far as files can tell.

A recorder notes each operation on the disk. A crash state keeps what was synced; of what was not,
each sector of 512 bytes is written, zeroed or missing by chance, a file may end anywhere after its
synced size, and names that were made, moved or removed since the last sync of the folder may or may
not have been. Each state is opened as a start would, and must hold everything acknowledged.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.storage.disk import Disk
from adapters.storage.journal import Draft, JournalStorage
from adapters.storage.opening import replay
from bot import logs
from bot.domain.errors import StoreError

SECTOR = 512


@dataclass(slots=True)
class Contents:
    """One file as the disk and the cache have it."""

    synced: bytes = b""
    cached: bytes = b""


@dataclass(frozen=True, slots=True)
class Crash:
    """What the disk could hold: names, as synced and changed since, and contents, likewise."""

    names: dict[str, Contents]
    changes: tuple[tuple[str, str, str], ...]
    made: dict[str, Contents]
    contents: dict[int, tuple[bytes, bytes]]
    acknowledged: int


class Recorder(Disk):
    """A disk that notes, before every operation, what a loss of power would leave."""

    def __init__(self) -> None:
        self.crashes: list[Crash] = []
        self.acknowledged = 0
        self._open: dict[int, Contents] = {}
        self._synced: dict[str, Contents] = {}
        self._now: dict[str, Contents] = {}
        self._changes: list[tuple[str, str, str]] = []

    def hold(self, name: str, content: bytes) -> None:
        """Begin with a file that is on the disk."""
        self._now[name] = self._synced[name] = Contents(content, content)

    def _note(self) -> None:
        every = {id(each): each for each in (*self._synced.values(), *self._now.values())}
        self.crashes.append(
            Crash(
                dict(self._synced),
                tuple(self._changes),
                dict(self._now),
                {key: (each.synced, each.cached) for key, each in every.items()},
                self.acknowledged,
            )
        )

    def open(self, path: Path, *, empty: bool = False) -> int:
        self._note()
        file = super().open(path, empty=empty)
        if path.name not in self._now:
            self._now[path.name] = Contents()
            self._changes.append(("make", path.name, ""))
        elif empty:
            self._now[path.name].cached = b""
        self._open[file] = self._now[path.name]
        return file

    def write(self, file: int, content: bytes) -> None:
        super().write(file, content)
        self._open[file].cached += content
        self._note()

    def cut(self, file: int, size: int) -> None:
        super().cut(file, size)
        self._open[file].cached = self._open[file].cached[:size]
        self._note()

    def sync(self, file: int) -> None:
        self._note()
        self._open[file].synced = self._open[file].cached
        self._note()

    def close(self, file: int) -> None:
        super().close(file)
        self._open.pop(file)

    def rename(self, old: Path, new: Path) -> None:
        super().rename(old, new)
        self._now[new.name] = self._now.pop(old.name)
        self._changes.append(("move", old.name, new.name))
        self._note()

    def remove(self, path: Path) -> None:
        super().remove(path)
        if self._now.pop(path.name, None) is not None:
            self._changes.append(("remove", path.name, ""))
            self._note()

    def sync_folder(self, folder: Path) -> None:
        self._note()
        self._synced = dict(self._now)
        self._changes.clear()
        self._note()


def upgraded(content: bytes, draws: int, seed: int) -> Figures:
    """Lose power at every moment of the upgrade of a state of schema 1, some times each."""
    disk, draw, figures = Recorder(), random.Random(seed), Figures()
    disk.hold("state.json", content)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "state.json").write_bytes(content)
        storage = JournalStorage(Path(folder), disk=disk)
        expected = [_canonical(storage.tables)]
        storage.close()
    figures.operations = len(disk.crashes)
    for crash in disk.crashes:
        for _ in range(draws):
            with tempfile.TemporaryDirectory() as folder:
                _lay_out(Path(folder), crash, draw)
                _look(Path(folder), crash, expected, figures)
            figures.states += 1
    return figures


class Unsynced(Disk):
    """A disk that is fast because it promises nothing; for opening what a crash left."""

    def sync(self, file: int) -> None:
        pass

    def sync_folder(self, folder: Path) -> None:
        pass


@dataclass(slots=True)
class Figures:
    """What was tried and what went wrong."""

    operations: int = 0
    states: int = 0
    torn: int = 0
    lost: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return bool(self.lost or self.refused)


def recorded(steps: int, seed: int) -> tuple[Recorder, list[str]]:
    """Work on a state; return what the disk was told, and the state after each transaction."""
    draw = random.Random(seed)
    disk = Recorder()
    history: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        storage = JournalStorage(Path(folder), disk=disk, checkpoint_bytes=6_000)
        history.append(_canonical(storage.tables))
        for step in range(steps):
            draft = Draft(storage)
            for n in range(draw.choice((1, 1, 2, 12))):
                _change(draft, draw, step, n)
                draft.finish()
            pending = len(draft.transactions)
            history += _after(storage.tables, draft)
            storage.commit(draft)
            disk.acknowledged = storage.sequence
            assert len(history) == storage.sequence + 1, (pending, len(history))
            assert history[-1] == _canonical(storage.tables)
            if storage.is_due:
                storage.checkpoint()
            end = draw.random()
            if end < 0.03:
                storage.close()
                history += [history[-1]] * (storage.sequence + 1 - len(history))
            elif end < 0.06:
                disk.close(storage._file)  # as a process does that is killed
            if end < 0.06:
                storage = JournalStorage(Path(folder), disk=disk, checkpoint_bytes=6_000)
        storage.close()
    history += [history[-1]] * 2
    return disk, history


def _change(draft: Draft, draw: random.Random, step: int, n: int) -> None:
    key = f"paper {draw.randrange(12)}"
    if draft.document("ledger", key) is None:
        draft.change("ledger", {key: {"votes": {}, "text": "x" * draw.randrange(900)}})
    elif draw.random() < 0.1:
        draft.change("ledger", {key: None})
    else:
        draft.patch("ledger", key, {"votes": {f"{step}-{n}": 1}})


def _after(tables: dict[str, Any], draft: Draft) -> Iterator[str]:
    """Yield the state after each transaction of a draft."""
    now = json.loads(json.dumps(tables))
    for each in draft.transactions:
        replay(now, json.loads(each))
        yield _canonical(now)


def _canonical(tables: Any) -> str:
    return json.dumps({name: each for name, each in tables.items() if each}, sort_keys=True)


def run(states: int, seed: int, on_state: Callable[[], None]) -> Figures:
    """Open that many crash states."""
    logs.configure("error", "json")
    disk, history = recorded(max(20, states // 12), seed)
    draw = random.Random(seed)
    figures = Figures(operations=len(disk.crashes))
    step = len(disk.crashes) / states
    for number in range(states):
        crash = disk.crashes[int(number * step)]
        with tempfile.TemporaryDirectory() as folder:
            _lay_out(Path(folder), crash, draw)
            _look(Path(folder), crash, history, figures)
        figures.states += 1
        figures.torn += any(synced != cached for synced, cached in crash.contents.values())
        on_state()
    return figures


def _lay_out(folder: Path, crash: Crash, draw: random.Random) -> None:
    names = dict(crash.names)
    for verb, name, target in crash.changes:
        if draw.random() < 0.5:
            continue
        if verb == "make":
            made = crash.made.get(name) or next(
                (crash.made[to] for how, old, to in crash.changes
                 if (how, old) == ("move", name) and to in crash.made), None)  # fmt: skip
            if made is not None:
                names[name] = made
        elif verb == "move" and name in names:
            names[target] = names.pop(name)
        elif verb == "remove":
            names.pop(name, None)
    for name, each in names.items():
        synced, cached = crash.contents.get(id(each), (each.synced, each.cached))
        (folder / name).write_bytes(_survived(synced, cached, draw))


def _survived(synced: bytes, cached: bytes, draw: random.Random) -> bytes:
    """Return what may be left of a file whose last writes were not synced."""
    if not cached.startswith(synced):  # it was cut, and the cut may not have come through
        return draw.choice((synced, cached, synced[: draw.randint(len(cached), len(synced))]))
    whole = bytearray(cached)
    for start in range(len(synced) // SECTOR * SECTOR, len(cached), SECTOR):
        begin, end = max(start, len(synced)), min(start + SECTOR, len(cached))
        if draw.random() < 0.4:
            whole[begin:end] = bytes(end - begin)
    how = draw.random()
    if how < 0.3:
        return cached[: draw.randint(len(synced), len(cached))]
    return bytes(whole[: draw.randint(len(synced), len(cached))]) if how < 0.6 else bytes(whole)


def _look(folder: Path, crash: Crash, history: list[str], figures: Figures) -> None:
    try:
        storage = JournalStorage(folder, disk=Unsynced())
    except StoreError as error:
        figures.refused.append(str(error).replace(str(folder), "…"))
        return
    found, sequence = _canonical(storage.tables), storage.sequence
    storage.close()
    if sequence < crash.acknowledged or found != history[sequence]:
        figures.lost.append(f"{crash.acknowledged} acknowledged, {sequence} found")
