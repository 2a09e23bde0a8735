"""When the next message may be posted, and waiting for it; nothing else of Slack's waits here.

``Turns`` decides and never waits; ``Pace`` waits and decides nothing. Each channel is a line of its
own. The head of a line that may go gets the workspace's next moment, in the order of asking; so all
channels go on side by side, and in each the messages stand in the order they were asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakValueDictionary

import structlog

from adapters.slack.ids import PLATFORM
from bot.domain.errors import TryLater

log = structlog.get_logger()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PostLimits:
    """How many messages an app may post, and what we do beyond that.

    Attributes:
        channel_seconds: Least time between two posts to one channel. "One message per second per
            channel": docs.slack.dev/apis/web-api/rate-limits
        spare_seconds: So much more between them, for one may be faster on its way than the last.
        workspace_seconds: Least time between any two posts. Slack names no number, only "several
            hundred messages per minute": docs.slack.dev/reference/methods/chat.postMessage. Ours
            makes 480 a minute.
        at_once: Most posts under way. Undocumented; enough for that rate while an answer takes no
            more than two and a half seconds.
        in_a_row: So many channels refused without a post between them mean the whole workspace.
            Undocumented; one channel alone, however often refused, never holds back another.
        unsaid: Seconds to hold back where a refusal does not say how many.
        longest: Seconds that are waited out; who is held back longer is told to come again.
    """

    channel_seconds: float = 1.0
    spare_seconds: float = 0.03
    workspace_seconds: float = 0.125
    at_once: int = 20
    in_a_row: int = 3
    unsaid: float = 1.0
    longest: float = 60.0


LIMITS = PostLimits()

TOO_FAST = frozenset({"HTTP 429", "message_limit_exceeded", "rate_limited", "ratelimited"})
"""Problems that say that posts come too fast."""

WHOLE_WORKSPACE = frozenset({"message_limit_exceeded", "rate_limited"})
"""Those about all that the app, or all members, post, as chat.postMessage's reference has them."""


class Turns:
    """Says when the next post may go; it never waits, and ``now`` is always told.

    Args:
        limits: What Slack allows.
    """

    def __init__(self, limits: PostLimits = LIMITS) -> None:
        self._limits = limits
        self._free_at: dict[str, float] = {}
        self._next_at = float("-inf")
        self._held_until = float("-inf")
        self._refused: set[str] = set()

    def free_at(self, channel: str, now: float) -> float:
        """Return from when on the channel may ask for a moment."""
        return max(now, self._free_at.get(channel, now), self._held_until)

    def book(self, now: float) -> float:
        """Return the moment of the next post, which nobody else gets."""
        moment = max(now, self._next_at)
        self._next_at = moment + self._limits.workspace_seconds
        return moment

    def is_held(self, moment: float) -> bool:
        """Tell whether a moment that was booked has come to nothing, for all are held back."""
        return moment < self._held_until

    def goes(self, channel: str, now: float) -> None:
        """Note that a post of the channel sets out."""
        self._forget(now)
        self._free_at.pop(channel, None)  # to the end, so that the oldest stay in front
        self._free_at[channel] = now + self._limits.channel_seconds + self._limits.spare_seconds

    def went(self) -> None:
        """Note that Slack took a post."""
        self._refused.clear()

    def refused(self, channel: str, error: TryLater, now: float) -> bool:
        """Hold the channel back as long as Slack says, or all; return whether all."""
        self._refused.add(channel)
        seconds = self._limits.unsaid if error.retry_after is None else error.retry_after
        until = now + seconds
        self._free_at[channel] = max(until, self._free_at.get(channel, now))
        everywhere = error.problem in WHOLE_WORKSPACE or len(self._refused) >= self._limits.in_a_row
        if everywhere:
            self._held_until = max(until, self._held_until)
        return everywhere

    def _forget(self, now: float) -> None:
        """Drop channels that may post anyway; the oldest are in front, so this costs little."""
        while self._free_at and self._free_at[oldest := next(iter(self._free_at))] <= now:
            del self._free_at[oldest]


class Pace:
    """Lets posts go one by one in each channel, and all channels side by side.

    Args:
        clock: Counts seconds.
        sleep: Waits.
        limits: What Slack allows.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        limits: PostLimits = LIMITS,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._limits = limits
        self._turns = Turns(limits)
        self._places = asyncio.Semaphore(limits.at_once)
        self._lines: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def post(self, channel: str, send: Callable[[], Awaitable[T]]) -> T:
        """Send when it is the channel's turn, and once more if Slack says that it was too soon.

        Raises:
            TryLater: if that was too soon again, or posts are held back for long.
        """
        line = self._lines.setdefault(channel, asyncio.Lock())
        async with line:  # until it stands: none of the channel overtakes one that is held back
            try:
                return await self._sent(channel, send)
            except TryLater as error:
                if error.problem not in TOO_FAST:
                    raise
            return await self._sent(channel, send)

    async def _sent(self, channel: str, send: Callable[[], Awaitable[T]]) -> T:
        async with self._turn(channel):
            try:
                sent = await send()
            except TryLater as error:
                if error.problem in TOO_FAST:
                    everywhere = self._turns.refused(channel, error, self._clock())
                    log.warning(
                        "slack posts held back",
                        channel="all" if everywhere else channel,
                        reason=str(error),
                    )
                raise
        self._turns.went()
        return sent

    @asynccontextmanager
    async def _turn(self, channel: str) -> AsyncIterator[None]:
        """Hold a place from the channel's moment on; who waits, or is held back, holds none."""
        now = self._clock()
        while True:
            free_at = self._turns.free_at(channel, now)
            if free_at - now > self._limits.longest:
                raise TryLater(PLATFORM, "posts are held back", retry_after=free_at - now)
            now = await self._at(free_at, now)
            now = await self._at(self._turns.book(now), now)
            async with self._places:
                now = max(now, self._clock())
                if not self._turns.is_held(now):
                    self._turns.goes(channel, now)
                    yield
                    return

    async def _at(self, moment: float, now: float) -> float:
        """Wait for a moment, and return when it is: that moment, or later."""
        if moment > now:
            await self._sleep(moment - now)
        return max(moment, self._clock())
