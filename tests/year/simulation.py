"""What is simulated, and how it is judged: by the calendar, not by the product's arithmetic."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from adapters.search.lexical import LexicalIndex
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot.domain.channels import (
    WORKDAYS,
    ChannelRef,
    Layout,
    MessageRef,
    Schedule,
    Subscription,
    UserRef,
    Weekday,
)
from bot.domain.deliveries import Delivery, DeliveryState, Receipt, Slot
from bot.domain.papers import Batch, BatchKey, Paper, PaperId, opens_at
from bot.domain.reply import Link, Reply
from bot.domain.votes import Reaction
from bot.ports import Inbox, Period, Thread
from bot.scheduler import SPREAD_SECONDS, Scheduler

ZONES = (
    "UTC",
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Havana",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Chatham",
)
HOURS = (time(9), time(0), time(0, 30), time(2, 30), time(23, 59))
DAILY = tuple(Weekday)

PAPERS = 4
LATE = 1
"""Of a day's papers so many are listed ten hours after the others."""

DAY = timedelta(days=1)
PUNCTUAL = timedelta(seconds=SPREAD_SECONDS)


def now() -> datetime:
    return datetime.now(UTC)


def subscriptions(start: datetime, channels: int) -> list[Subscription]:
    """Return so many standing orders, spread over all zones and hours."""
    kinds = list(product(HOURS, ZONES))
    layouts = (Layout.LIST, Layout.LIST, Layout.CARDS, Layout.THREAD)
    return [
        Subscription(
            channel=ChannelRef("slack", "T1", f"C{n}"),
            owner=UserRef("slack", "T1", "U1"),
            created_at=start,
            schedule=Schedule(at, zone, WORKDAYS if n // len(kinds) % 2 or n % 5 == 0 else DAILY),
            layout=layouts[n % 7 % len(layouts)],
        )
        for n, (at, zone) in ((n, kinds[n % len(kinds)]) for n in range(channels))
    ]


class WeekdaySource:
    """Lists papers from Monday to Friday, at New York's rollover and once more later."""

    name = "huggingface"

    async def newest(self, until: date) -> Batch | None:
        for days in range(4):
            if papers := self._papers(until - days * DAY):
                return Batch(BatchKey(self.name, until - days * DAY), papers)
        return None

    async def batch(self, day: date) -> Batch:
        return Batch(BatchKey(self.name, day), self._papers(day))

    async def roundup(self, period: Period, day: date) -> Sequence[Paper]:
        return ()

    async def paper(self, paper: PaperId) -> Paper | None:
        return None

    async def search(self, query: str, limit: int) -> Sequence[Paper]:
        return ()

    async def full_text(self, paper: PaperId) -> str | None:
        return None

    def _papers(self, day: date) -> tuple[Paper, ...]:
        age = now() - opens_at(day)
        if day.weekday() >= 5 or age < timedelta(0):
            return ()
        listed = PAPERS if age >= timedelta(hours=10) else PAPERS - LATE
        return tuple(
            Paper(PaperId("arxiv", f"{day:%y%m}.{day.day:02d}{n:03d}"), f"{day} {n}", "It is.")
            for n in range(listed)
        )


class Board:
    """A platform that notes which paper was listed how often in which channel.

    A thread repeats what its head lists; what it alone has came late.
    """

    platform = "slack"

    def __init__(self) -> None:
        self.listed: Counter[tuple[str, str]] = Counter()
        self.keys: Counter[str] = Counter()

    async def serve(self, inbox: Inbox) -> None:
        await asyncio.Event().wait()

    async def post(
        self, channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None
    ) -> MessageRef:
        self.keys[key] += 1
        for node in reply.nodes:
            for span in getattr(node, "title", ()):
                place = (channel.id, getattr(span, "text", ""))
                late = thread is not None and not self.listed[place]
                if isinstance(span, Link) and (thread is None or late):
                    self.listed[place] += 1
        return MessageRef(channel, f"m{self.keys.total()}")

    async def edit(self, message: MessageRef, reply: Reply) -> None: ...

    async def find(
        self, channel: ChannelRef, *, key: str, since: datetime, thread: Thread | None = None
    ) -> MessageRef | None:
        return None

    async def reactions(self, message: MessageRef) -> Collection[Reaction]:
        return ()

    async def check(self, channel: ChannelRef) -> None: ...

    async def direct(self, user: UserRef) -> ChannelRef:
        return ChannelRef(user.platform, user.workspace, user.id)


class Ledger(MemoryStore):
    """A store that notes every run, and keeps at hand what it would look for through a year."""

    def __init__(self) -> None:
        super().__init__()
        self.fires = 0
        self.doubled = 0
        self.runs: dict[tuple[str, date], datetime] = {}
        self._open: dict[str, Slot] = {}
        self._latest: dict[ChannelRef, Slot] = {}
        self._sent: deque[tuple[datetime, str]] = deque()

    async def plan(self, deliveries: Sequence[Delivery], receipt: Receipt) -> bool:
        self.fires += 1
        free = await super().plan(deliveries, receipt)
        self.doubled += not free
        if free:
            self.runs[receipt.slot.channel.id, receipt.slot.day] = receipt.ran_at
            self._open |= {each.key: each.slot for each in deliveries}
        return free

    async def extend(self, deliveries: Sequence[Delivery], receipt: Receipt) -> None:
        await super().extend(deliveries, receipt)
        self._open |= {each.key: each.slot for each in deliveries}

    async def advance(self, key: str, state: DeliveryState, **fields: Any) -> None:
        await super().advance(key, state, **fields)
        if state is DeliveryState.SENT:
            slot = self._open.pop(key)
            self._latest[slot.channel] = slot
            self._sent.append((now(), key))

    async def unfinished(self, channel: ChannelRef | None = None) -> Sequence[Slot]:
        open_slots = {each for each in self._open.values() if channel in (None, each.channel)}
        return sorted(open_slots, key=lambda slot: (slot.day, slot.channel))

    async def latest_slot(self, channel: ChannelRef) -> Slot | None:
        return self._latest.get(channel)

    async def sent_since(self, moment: datetime) -> Sequence[Delivery]:
        while self._sent and self._sent[0][0] < moment:
            self._sent.popleft()
        found = [await self.delivery(key) for _, key in self._sent]
        return [each for each in found if each]


@dataclass(slots=True)
class Verdict:
    """What a simulated time brought.

    Attributes:
        missed: Channels and local days without a receipt.
        doubled: Runs of a local day that had had one.
        unpunctual: Channels and days with a run at the wrong time by the wall clock.
        repeated: Channels and papers listed more than once.
        withheld: Channels of every day and papers that never reached them.
    """

    channels: int = 0
    days: int = 0
    fires: int = 0
    posted: int = 0
    doubled: int = 0
    missed: list[tuple[str, date]] = field(default_factory=list)
    unpunctual: list[tuple[str, date, datetime]] = field(default_factory=list)
    repeated: list[tuple[str, str]] = field(default_factory=list)
    withheld: list[tuple[str, str]] = field(default_factory=list)


async def simulate(
    start: datetime, days: int, channels: int, progress: Callable[[int], None] = lambda days: None
) -> Verdict:
    """Run the scheduler for so many days of virtual time, which has begun at ``start``."""
    store, board = Ledger(), Board()
    orders = subscriptions(start, channels)
    for order in orders:
        await store.save_subscription(order)
    source = WeekdaySource()
    scheduler = Scheduler(
        store=store,
        index=LexicalIndex(),
        summarizer=ExtractiveSummarizer(),
        sources={source.name: source},
        adapters={board.platform: board},
        clock=now,
        stale=set(),
        poll_every=timedelta(hours=1),
        refresh_every=timedelta(days=1),
    )
    await scheduler.start()
    for day in range(days):
        await asyncio.sleep((start + (day + 1) * DAY - now()).total_seconds())
        progress(1)
    await asyncio.sleep(SPREAD_SECONDS)
    end = now()
    await scheduler.stop()
    return judge(orders, store, board, start, end)


def judge(
    orders: Iterable[Subscription], store: Ledger, board: Board, start: datetime, end: datetime
) -> Verdict:
    """Compare what happened with the calendar."""
    verdict = Verdict(fires=store.fires, doubled=store.doubled, posted=board.listed.total())
    verdict.repeated += [each for each, times in board.listed.items() if times > 1]
    verdict.doubled += sum(times - 1 for times in board.keys.values())
    for order in orders:
        verdict.channels += 1
        zone, channel = order.schedule.zone, order.channel.id
        day, last = start.astimezone(zone).date() + DAY, end.astimezone(zone).date() - DAY
        papers: set[str] = set()
        while day <= last:
            verdict.days += 1
            ran = store.runs.get((channel, day))
            if ran is None:
                verdict.missed.append((channel, day))
            elif not punctual(order.schedule, day, ran):
                verdict.unpunctual.append((channel, day, ran))
            if day.weekday() < 5 and day - start.date() > 3 * DAY and last - day > 4 * DAY:
                papers |= {f"{day} {n}" for n in range(PAPERS)}
            day += DAY
        if order.schedule.weekdays == DAILY:
            missing = {each for each in papers if (channel, each) not in board.listed}
            verdict.withheld += [(channel, each) for each in sorted(missing)]
    return verdict


def punctual(schedule: Schedule, day: date, ran: datetime) -> bool:
    """Tell whether a run was at its hour by the wall clock, or at the skip of that hour."""
    zone = ZoneInfo(schedule.timezone)
    wall = datetime.combine(day, schedule.at or time())
    late = ran.astimezone(zone).replace(tzinfo=None) - wall
    if timedelta(0) <= late < PUNCTUAL:
        return True
    before = ran - PUNCTUAL
    skipped = ran.astimezone(zone).utcoffset() - before.astimezone(zone).utcoffset()  # type: ignore[operator]
    return skipped > timedelta(0) and timedelta(0) <= late < skipped + PUNCTUAL


@cache
def transitions(year: int) -> list[date]:
    """Return the UTC days of a year on which clocks are changed in any of the zones."""
    days = [date(year, 1, 1) + n * DAY for n in range(365)]
    return sorted(
        day
        for day in days
        if any(
            datetime.combine(day, time(), UTC).astimezone(zone).utcoffset()
            != datetime.combine(day + DAY, time(), UTC).astimezone(zone).utcoffset()
            for zone in map(ZoneInfo, ZONES)
        )
    )


def windows(year: int) -> list[tuple[datetime, int]]:
    """Return start and days of times that hold every change of the clock, and a month."""
    spans: list[list[date]] = []
    for day in transitions(year):
        if spans and day - 2 * DAY <= spans[-1][1]:
            spans[-1][1] = day + 2 * DAY
        else:
            spans.append([day - 2 * DAY, day + 2 * DAY])
    spans.append([date(year, 6, 1), date(year, 6, 29)])
    return [
        (datetime.combine(first, time(12, 10), UTC), (last - first).days) for first, last in spans
    ]
