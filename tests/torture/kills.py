"""Kill a process while it votes, delivers and writes snapshots; then look for all it was told.

The child writes a line into a pipe after each verb that returned, and only then goes on. The parent
kills it at a random moment, opens the state as the next start would, and compares.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from adapters.storage.documents import decode
from adapters.storage.tables import Tables
from adapters.storage.tinydb import TinyDBStore
from bot import logs
from bot.domain.channels import UserRef
from bot.domain.deliveries import Delivery, DeliveryState
from bot.domain.errors import StoreError
from tests.examples import NOW, ballot, delivery, message, receipt

FIRST = date(2020, 1, 1)
PAPERS = 400
CHECKPOINT_BYTES = 100_000
DAYS = 30
"""Days of each life; what is a year old is archived on the way."""


@dataclass(slots=True)
class Figures:
    """What was tried and what went wrong."""

    kills: int = 0
    votes: int = 0
    deliveries: int = 0
    checkpoints: int = 0
    midway: int = 0
    lost: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    slowest_start: float = 0.0
    archived: dict[str, Delivery] = field(default_factory=dict, repr=False)

    @property
    def failed(self) -> bool:
        return bool(self.lost or self.refused)


def run(folder: Path, kills: int, seed: int, on_kill: Callable[[], None]) -> Figures:
    """Kill that many children, one after the other, over one state."""
    draw = random.Random(seed)
    figures = Figures()
    told: list[str] = []
    logs.configure("error", "json")
    for number in range(kills):
        new = _one_life(folder, number, draw)
        told += new
        figures.votes += sum(line.startswith("vote") for line in new)
        figures.checkpoints += new.count("checkpoint")
        figures.deliveries += sum(line.split()[0] in ORDER for line in new)
        last = number == kills - 1
        _look(folder, told if last else new, figures, last=last)
        figures.kills += 1
        on_kill()
    return figures


def _one_life(folder: Path, number: int, draw: random.Random) -> list[str]:
    """Let a child work for a moment, kill it; return what it was told."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            asyncio.run(_work(folder, number, writer))
        finally:
            os._exit(1)
    os.close(writer)
    heard = _read(reader, draw.uniform(0.005, 0.15))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    heard += _read(reader, None)
    os.close(reader)
    return heard.decode().splitlines()


def _read(reader: int, seconds: float | None) -> bytes:
    """Read for so long, or to the end."""
    heard = b""
    until = None if seconds is None else time.monotonic() + seconds
    while until is None or time.monotonic() < until:
        if until is not None:
            ready, _, _ = select.select([reader], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                break
        piece = os.read(reader, 1 << 16)
        if not piece:
            break
        heard += piece
    return heard


async def _work(folder: Path, number: int, pipe: int) -> None:
    store = await TinyDBStore.open(folder, checkpoint_bytes=CHECKPOINT_BYTES)

    async def votes(worker: int) -> None:
        for n in itertools.count():
            user = f"{number}-{worker}-{n}"
            await store.cast(ballot(n % PAPERS + 1, UserRef("slack", "T1", user)))
            os.write(pipe, f"vote {n % PAPERS + 1} {user}\n".encode())

    async def digests() -> None:
        for n in range(number * DAYS, (number + 1) * DAYS):
            day = FIRST + timedelta(days=n)
            plan = [delivery("head", day=day), delivery("a", 1, day=day)]
            await store.plan(plan, receipt(day))
            os.write(pipe, f"planned {n}\n".encode())
            for position, each in enumerate(plan):
                await store.advance(each.key, DeliveryState.SENDING, at=NOW)
                os.write(pipe, f"sending {n} {position}\n".encode())
                ref = message(n * 2 + position)
                await store.advance(each.key, DeliveryState.SENT, ref=ref)
                os.write(pipe, f"sent {n} {position}\n".encode())

    async def checkpoints() -> None:
        while True:
            await store.checkpoint()
            os.write(pipe, b"checkpoint\n")
            await asyncio.sleep(0.01)

    await asyncio.gather(*(votes(worker) for worker in range(20)), digests(), checkpoints())


def _archived(folder: Path) -> dict[str, Delivery]:
    """Return the deliveries of all archives."""
    states = (json.loads(path.read_bytes()) for path in (folder / "archive").glob("*.json"))
    rows = (row for state in states for row in state.get("deliveries", {}).values())
    return {row["key"]: decode(Delivery, row) for row in rows}


ORDER = {"planned": 0, "sending": 1, "sent": 2}


def _look(folder: Path, told: list[str], figures: Figures, *, last: bool) -> None:
    figures.midway += (folder / "snapshot.json.tmp").exists()
    started = time.monotonic()
    try:
        store = asyncio.run(TinyDBStore.open(folder))
    except StoreError as error:
        figures.refused.append(str(error))
        return
    figures.slowest_start = max(figures.slowest_start, time.monotonic() - started)
    tables = store._tables
    figures.archived = _archived(folder) if last else {}
    for line in told:
        match line.split():
            case ["vote", paper, user]:
                _check_vote(tables, line, int(paper), user, figures)
            case [state, n, *position] if state in ORDER:
                _check_delivery(tables, line, int(n), "a" if position == ["1"] else "head", figures)
    asyncio.run(store.close())


def _check_vote(tables: Tables, line: str, paper: int, user: str, figures: Figures) -> None:
    mark = ballot(paper)
    votes = tables.votes(mark.channel, mark.paper)
    if f"slack:T1/{user}" not in votes.get("up", {}).get("button", {}):
        figures.lost.append(line)


def _check_delivery(tables: Tables, line: str, n: int, part: str, figures: Figures) -> None:
    kept = tables.deliveries.find(delivery(part, day=FIRST + timedelta(days=n)).key)
    if kept is None:
        kept = figures.archived.get(delivery(part, day=FIRST + timedelta(days=n)).key)
    if kept is None or ORDER[kept.state.value] < ORDER[line.split()[0]]:
        figures.lost.append(line)
    elif (
        kept.key not in figures.archived
        and kept.ref
        and tables.messages.raw(kept.ref) != {"delivery": kept.key}
    ):
        figures.lost.append(f"{line}: its message")


def main() -> None:
    """``python -m tests.torture.kills <folder> <kills>``: the short form, alone in a process."""
    figures = run(Path(sys.argv[1]), int(sys.argv[2]), seed=7, on_kill=lambda: None)
    print(figures)  # noqa: T201
    sys.exit(figures.failed or not figures.votes)


if __name__ == "__main__":
    main()
