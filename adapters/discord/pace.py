"""When the next call may set out, and waiting for it; that all calls together are not too many.

``Turns`` decides and never waits; ``Pace`` waits and decides nothing. Only Discord's global limit
is kept here, which no answer announces before it is hit; discord.py keeps those of single routes,
which every answer announces.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import discord


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How many calls a bot may make, and what we do beyond that.

    Attributes:
        calls: So many in each ``seconds``. "All bots can make up to 50 requests per second":
            docs.discord.com/developers/topics/rate-limits#global-rate-limit
        seconds: See ``calls``; taken as any second, for Discord does not say when one begins.
        spare_seconds: So much longer is waited, for the quickest way is only estimated.
        apart_seconds: Least time between two calls, so that they need few connections.
        recent: The quickest of so many calls is taken for the quickest way, which may change.
        longest: Seconds that are waited out when Discord wants all calls to stop.
    """

    calls: int = 50
    seconds: float = 1.0
    spare_seconds: float = 0.01
    apart_seconds: float = 0.005
    recent: int = 500
    longest: float = 60.0


LIMITS = CallLimits()


class Turns:
    """Says when the next call may set out; it never waits, and ``now`` is always told.

    There are as many places as calls allowed. When Discord counts a call is not known, only that it
    is on its way: not later than the answer came, less the quickest way back; and one that sets out
    is not counted before the quickest way there. So a place is free again that much after its
    call's answer, and neither slow answers nor uneven ones make too many calls of what was allowed.

    Args:
        limits: What Discord allows.
    """

    def __init__(self, limits: CallLimits = LIMITS) -> None:
        self._limits = limits
        self._free_at = deque([float("-inf")] * limits.calls)
        self._took: deque[float] = deque(maxlen=limits.recent)
        self._next_at = float("-inf")
        self._held_until = float("-inf")

    def book(self, now: float) -> float:
        """Return the moment of the next call; one of the places must not be taken."""
        moment = max(now, self._free_at.popleft(), self._next_at)
        self._next_at = moment + self._limits.apart_seconds
        return moment

    def cancelled(self, moment: float) -> None:
        """Note that a call that was booked does not set out."""
        self._free_at.appendleft(moment)

    def answered(self, set_out: float, now: float) -> None:
        """Note that a call was answered, or failed."""
        self._took.append(now - set_out)
        waited = self._limits.seconds + self._limits.spare_seconds
        self._free_at.append(now + waited - min(self._took))

    def refused(self, seconds: float, now: float) -> None:
        """Note that Discord takes no call at all for so long."""
        self._held_until = max(now + seconds, self._held_until)

    def wait(self, moment: float, now: float) -> float:
        """Return how many seconds are left until a call that was booked may set out."""
        return max(moment, self._held_until) - now


class Pace:
    """Lets calls set out in the order of asking.

    Args:
        clock: Counts seconds, by default the running loop's.
        sleep: Waits.
        limits: What Discord allows.
    """

    def __init__(
        self,
        clock: Callable[[], float] = lambda: asyncio.get_running_loop().time(),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        limits: CallLimits = LIMITS,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._longest = limits.longest
        self._turns = Turns(limits)
        self._places = asyncio.Semaphore(limits.calls)

    async def turn(self) -> float:
        """Wait for a place, and return when it was got; the caller gives it back.

        Raises:
            discord.RateLimited: if Discord wants all calls to stop for long.
        """
        await self._places.acquire()
        moment = self._turns.book(self._clock())
        try:
            while (wait := self._turns.wait(moment, self._clock())) > 0:
                if wait > self._longest:
                    raise discord.RateLimited(wait)
                await self._sleep(wait)
        except BaseException:
            self.unused(moment)
            raise
        return self._clock()

    def unused(self, set_out: float) -> None:
        """Give a place back with which no call was made."""
        self._turns.cancelled(set_out)
        self._places.release()

    def answered(self, set_out: float, stop: float | None = None) -> None:
        """Give a place back; ``stop`` is for how many seconds Discord wants no call at all."""
        now = self._clock()
        self._turns.answered(set_out, now)
        if stop is not None:
            self._turns.refused(stop, now)
        self._places.release()
