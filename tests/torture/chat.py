"""A chat platform that is one file: a line is a message, there for good once it is written."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.domain.channels import ChannelRef, MessageRef
from bot.domain.errors import Ambiguous
from bot.domain.reply import Reply
from bot.domain.votes import Reaction
from bot.ports import Inbox, Thread

LINE = 128
"""Bytes of a line. It never spans two pages of memory, between which a kill may cut a write."""

NO_THREAD = "-"
LOST = 0.15
"""Share of the answers that do not come back from a message that was posted."""

NEVER = 0.05
"""Share of the answers that do not come back because nothing was posted."""

MOMENT = 0.004
"""Seconds between a message and its answer, at the most."""


@dataclass(frozen=True, slots=True)
class Line:
    """A message that stands in the channel: its key, its id, and that of its thread's head."""

    key: str
    id: str
    thread: str


def lines(path: Path, skip: int = 0) -> Iterator[Line]:
    """Yield the messages of a channel, oldest first, but for the first ones."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(skip * LINE)
        for line in file.read().decode().splitlines():
            yield Line(*line.split())


class FileChat:
    """The platform as one process sees it.

    Args:
        path: Where its messages are.
        name: Begins the ids of this process's messages.
        draw: Decides which answers are lost.
    """

    platform = "slack"

    def __init__(self, path: Path, name: str, draw: random.Random) -> None:
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._name = name
        self._draw = draw
        self._count = 0

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    async def serve(self, inbox: Inbox) -> None:
        await asyncio.Event().wait()

    async def post(
        self, channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None
    ) -> MessageRef:
        assert reply.nodes
        fate = self._draw.random()
        if fate < NEVER:
            raise Ambiguous(self.platform, "connection lost before")
        self._count += 1
        ref = MessageRef(channel, f"{self._name}.{self._count:06d}")
        line = f"{key} {ref.id} {thread.head.id if thread and not thread.beside else NO_THREAD}"
        os.write(self._file, f"{line:<{LINE - 1}}\n".encode())
        await asyncio.sleep(self._draw.uniform(0, MOMENT))
        if fate < NEVER + LOST:
            raise Ambiguous(self.platform, "connection lost after")
        return ref

    async def edit(self, message: MessageRef, reply: Reply) -> None:
        raise NotImplementedError

    async def find(
        self, channel: ChannelRef, *, key: str, since: datetime, thread: Thread | None = None
    ) -> MessageRef | None:
        for line in lines(self._path):
            if line.key == key:
                return MessageRef(channel, line.id)
        return None

    async def reactions(self, message: MessageRef) -> Collection[Reaction]:
        return ()
