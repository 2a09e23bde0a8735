"""Time that passes when nobody has anything else to do, or when it is told to."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable
from typing import Any


class Time:
    """A clock that stands still until all sleep, and then goes to the first who wakes."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleeping: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = itertools.count()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleeping, (self.now + seconds, next(self._number), woken))
        await woken

    async def gather(self, *work: Awaitable[Any]) -> list[Any]:
        """Do all of it; whatever is under way besides sleep takes no time."""
        done: asyncio.Future[list[Any]]
        done = asyncio.ensure_future(asyncio.gather(*work, return_exceptions=True))
        while not done.done():
            for _ in range(20):
                await asyncio.sleep(0)
            if self._sleeping and not done.done():
                moment, _, woken = heapq.heappop(self._sleeping)
                self.now = max(self.now, moment)
                woken.set_result(None)
        return await done


class Calendar(asyncio.SelectorEventLoop):
    """A loop whose clock can be put forward; whatever falls due by that happens at once."""

    _skipped = 0.0

    def time(self) -> float:
        return super().time() + self._skipped

    def skip(self, seconds: float) -> None:
        self._skipped += seconds


class Seconds:
    """Seconds that pass when told to, and while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
