"""An event loop whose clock jumps to the next thing that is to happen; all clocks agree with it."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import time_machine

T = TypeVar("T")

RESOLUTION = 1e-6


class _Jumping(selectors.DefaultSelector):  # type: ignore[valid-type, misc]
    """Waits for nothing: the time that would be waited passes at once."""

    def __init__(self, start: datetime, traveller: time_machine.Traveller) -> None:
        super().__init__()
        self.start = start
        self.passed = 0  # microseconds
        self._traveller = traveller

    def select(self, timeout: float | None = None) -> list[Any]:
        ready: list[Any] = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("nothing is left that could ever happen")
        self.passed += max(1, math.ceil(timeout / RESOLUTION))
        self._traveller.move_to(self.start + timedelta(microseconds=self.passed))
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self, start: datetime, traveller: time_machine.Traveller) -> None:
        self._jumping = _Jumping(start, traveller)
        super().__init__(self._jumping)
        self._clock_resolution = RESOLUTION

    def time(self) -> float:
        return self._jumping.passed * RESOLUTION


def run_from(start: datetime, work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time that begins at ``start``."""
    with (
        time_machine.travel(start.astimezone(UTC), tick=False) as traveller,
        asyncio.Runner(loop_factory=lambda: VirtualLoop(start, traveller)) as runner,
    ):
        return runner.run(work)
