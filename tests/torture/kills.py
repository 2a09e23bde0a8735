"""Kill a process while it votes, posts and writes snapshots; then look for all it was told.

The parent kills it at a random moment, opens the state as the next start would, and compares it
with what the child told, and with the channel. Each child first goes on with what the one before it
left unfinished. After the last kill one run is left alone: all that was planned then stands in the
channel, each message once.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.storage.patches import Json
from adapters.storage.tables import Tables
from adapters.storage.tinydb import TinyDBStore
from bot import logs
from bot.domain.channels import MessageRef
from bot.domain.deliveries import Delivery, Slot
from bot.domain.errors import StoreError
from tests.examples import CHANNEL, ballot
from tests.torture import victim
from tests.torture.chat import NO_THREAD, FileChat, Line, lines
from tests.torture.victim import DAYS

LIFE = (0.005, 0.15)
"""Seconds before the kill."""

EARLY = 0.2
"""Share of the children whose seconds begin at their start, not once the state is open."""

LIVES = 250
"""Lives over one state: a longer history takes more time and shows nothing new."""

RANK = {"planned": 0, "sending": 1, "ambiguous": 1, "sent": 2}
"""How far a message has come; a child that was told of a state never finds it further back."""


@dataclass(slots=True)
class Figures:
    """What was tried and what went wrong.

    Attributes:
        deliveries: Changes of a message's state that a child was told of.
        midway: Kills that left a snapshot half written.
        messages: Those that stand in the channel.
        unrecorded: Those of them that a kill kept from being recorded at once.
        posted_twice: Those that stand there a second time.
        lost: What a child was told and is not there, and what else does not fit together.
        refused: Why a state was not opened.
    """

    kills: int = 0
    votes: int = 0
    deliveries: int = 0
    checkpoints: int = 0
    midway: int = 0
    messages: int = 0
    answers_lost: int = 0
    unrecorded: int = 0
    posted_twice: int = 0
    lost: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    slowest_start: float = 0.0

    @property
    def failed(self) -> bool:
        return bool(self.lost or self.refused or self.posted_twice)


def run(folder: Path, kills: int, seed: int, on_kill: Callable[[], None]) -> Figures:
    """Kill that many children, one after the other."""
    logs.configure("error", "json")
    draw = random.Random(seed)
    figures = Figures()
    for first in range(0, kills, LIVES):
        history = History(folder / str(first), figures)
        for number in range(min(LIVES, kills - first)):
            history.live(number, draw)
            on_kill()
        history.end()
    return figures


class History:
    """The lives over one state and one channel, and what the children were told.

    Args:
        place: Where both are.
        figures: What counts.
    """

    def __init__(self, place: Path, figures: Figures) -> None:
        place.mkdir(parents=True)
        self._folder = place / "state"
        self._channel = place / "channel"
        self._figures = figures
        self._told: list[str] = []
        self._planned: dict[str, Delivery] = {}
        self._heads: dict[Slot, str] = {}
        self._read = 0
        self._standing: dict[str, Line] = {}
        self._posted: dict[Slot, int] = {}

    def live(self, number: int, draw: random.Random) -> None:
        """Let a child work for a moment, kill it, and look at what it left."""
        for n in range(number * DAYS, (number + 1) * DAYS):
            head, *rest = victim.digest(n).deliveries
            self._heads[head.slot] = head.key
            self._planned |= {each.key: each for each in (head, *rest)}
        told = self._killed(number, draw.uniform(*LIFE), early=draw.random() < EARLY)
        figures = self._figures
        figures.kills += 1
        figures.votes += sum(line.startswith("vote") for line in told)
        figures.deliveries += sum(line.split()[0] in RANK for line in told)
        figures.answers_lost += sum(line.startswith("ambiguous") for line in told)
        figures.checkpoints += told.count("checkpoint")
        figures.midway += (self._folder / "snapshot.json.tmp").exists()
        figures.lost += [line for line in told if line.startswith("failed")]
        self._told += told
        asyncio.run(self._look(told, self._read_channel()))

    def end(self) -> None:
        """Let one run finish everything undisturbed, then look for all that was ever told."""
        asyncio.run(self._finish())
        self._read_channel()
        asyncio.run(self._look(self._told, [], last=True))
        self._figures.messages += len(self._standing)

    def _killed(self, number: int, seconds: float, *, early: bool) -> list[str]:
        """Start a child and kill it; return what it was told."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                asyncio.run(victim.work(self._folder, self._channel, number, writer))
            except BaseException as error:
                os.write(writer, f"failed {error!r}\n".encode())
            finally:
                os._exit(1)
        os.close(writer)
        if not early:
            select.select([reader], [], [])
        heard = _heard(reader, seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        heard += _heard(reader, None)
        os.close(reader)
        return heard.decode().splitlines()

    async def _finish(self) -> None:
        try:
            store = await TinyDBStore.open(self._folder)
        except StoreError:
            return  # it was refused before, and counted
        chat = FileChat(self._channel, "last", random.Random(0))
        await victim.finish(store, chat)
        if left := await store.unfinished():
            self._figures.lost.append(f"{left} are unfinished")
        chat.close()
        await store.close()

    # What is compared

    def _read_channel(self) -> list[Line]:
        """Note what was posted since the last time: each message once, in its turn and place."""
        new = list(lines(self._channel, skip=self._read))
        self._read += len(new)
        for line in new:
            message = self._planned[line.key]
            if line.key in self._standing:
                self._figures.posted_twice += 1
                continue
            self._standing[line.key] = line
            if message.position != self._posted.get(message.slot, 0):
                self._figures.lost.append(f"{message.slot}: {message.part} is out of order")
            self._posted[message.slot] = message.position + 1
            head = self._standing.get(self._heads[message.slot])
            if line.thread != (head.id if head and message.in_thread else NO_THREAD):
                self._figures.lost.append(f"{message.slot}: {message.part} is in another thread")
        return new

    async def _look(self, told: list[str], posted: list[Line], *, last: bool = False) -> None:
        """Open the state as the next start does; compare it with the pipe and the channel."""
        started = time.monotonic()
        try:
            store = await TinyDBStore.open(self._folder)
        except StoreError as error:
            self._figures.refused.append(str(error))
            return
        took = time.monotonic() - started
        self._figures.slowest_start = max(self._figures.slowest_start, took)
        tables = store._tables
        kept = tables.deliveries.kept.documents("deliveries")
        self._check_votes(told, tables)
        self._check_messages(kept, tables)
        changes = [each for line in told if (each := line.split())[0] in RANK]
        recorded = dict(kept)
        if last or any(key not in kept for _, key in changes):
            recorded = {**_archived(self._folder), **kept}
        self._check_states(changes, recorded)
        if last:
            self._check_all(recorded)
        self._figures.unrecorded += sum(
            line.key in kept and kept[line.key]["state"] != "sent" for line in posted
        )
        await store.close()

    def _check_votes(self, told: list[str], tables: Tables) -> None:
        for line in told:
            match line.split():
                case ["vote", paper, user]:
                    mark = ballot(int(paper))
                    votes = tables.votes(mark.channel, mark.paper)
                    if f"slack:T1/{user}" not in votes.get("up", {}).get("button", {}):
                        self._figures.lost.append(line)

    def _check_messages(self, kept: Mapping[str, Json], tables: Tables) -> None:
        """Every message that is recorded as sent stands where it says, and leads back."""
        for key, each in kept.items():
            if each["state"] == "sent":
                line = self._standing.get(key)
                if line is None or each["ref"] != str(MessageRef(CHANNEL, line.id)):
                    self._figures.lost.append(f"{key} is recorded, and not in the channel")
                elif tables.messages.raw(each["ref"]) != {"delivery": key}:
                    self._figures.lost.append(f"{key} is not found by its message")

    def _check_states(self, changes: list[list[str]], recorded: Mapping[str, Json]) -> None:
        """No message is further back than a child was told; one told sent is in the channel."""
        for state, key in changes:
            each = recorded.get(key)
            if each is None or RANK.get(each["state"], -1) < RANK[state]:
                self._figures.lost.append(f"{state} {key}")
            elif state == "sent" and key not in self._standing:
                self._figures.lost.append(f"{key} was told sent, and is not in the channel")

    def _check_all(self, recorded: Mapping[str, Json]) -> None:
        """In the end every planned message stands in the channel, and nothing else does."""
        for key in recorded.keys() ^ self._standing.keys():
            where = "in the channel" if key in recorded else "planned"
            self._figures.lost.append(f"{key} is not {where}")
        for key, each in recorded.items():
            if each["state"] != "sent":
                self._figures.lost.append(f"{key} is {each['state']} in the end")


def _heard(reader: int, seconds: float | None) -> bytes:
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


def _archived(folder: Path) -> dict[str, Json]:
    """Return the deliveries of all archives."""
    states = (json.loads(path.read_bytes()) for path in (folder / "archive").glob("*.json"))
    rows = (row for state in states for row in state.get("deliveries", {}).values())
    return {row["key"]: row for row in rows}


def main() -> None:
    """``python -m tests.torture.kills <folder> <kills>``: the short form, alone in a process."""
    figures = run(Path(sys.argv[1]), int(sys.argv[2]), seed=7, on_kill=lambda: None)
    print(figures)  # noqa: T201
    sys.exit(figures.failed or not figures.votes or not figures.messages)


if __name__ == "__main__":
    main()
