from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.search.lexical import LexicalIndex
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot.domain.channels import ChannelRef, Layout, MessageRef, Schedule, Subscription, Weekday
from bot.domain.deliveries import Delivery, Receipt, Slot
from bot.domain.errors import Ambiguous, Gone, PlatformError, SourceError, StoreError, TryLater
from bot.domain.papers import opens_at
from bot.domain.reply import Item, plain
from bot.domain.votes import Reaction, Tally
from bot.scheduler import SPREAD_SECONDS, LocalDaily, Scheduler, due, spread
from tests.examples import (
    ANN,
    BOB,
    CHANNEL,
    NOW,
    OTHER_CHANNEL,
    TODAY,
    paper,
    paper_id,
    subscription,
)
from tests.fakes import Crash, FakeChat, FakeSource
from tests.year.simulation import now
from tests.year.virtual_time import run_from

START = NOW - timedelta(minutes=30)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LIST = subscription(layout=Layout.LIST, created_at=START)


class Bot:
    """The scheduler of a running bot, with all that it works on."""

    def __init__(self, store: MemoryStore | None = None, chat: FakeChat | None = None) -> None:
        self.store = store or MemoryStore()
        self.chat = chat or FakeChat(clock=now)
        self.source = FakeSource({TODAY: [paper(n) for n in (1, 2, 3)]})
        self.stale: set[Slot] = set()
        self.scheduler = self._scheduler()

    def _scheduler(self) -> Scheduler:
        return Scheduler(
            store=self.store,
            index=LexicalIndex(),
            summarizer=ExtractiveSummarizer(),
            sources={self.source.name: self.source},
            adapters={"slack": self.chat},
            clock=now,
            stale=self.stale,
            refresh_every=timedelta(minutes=1),
        )

    async def start(self, *orders: Subscription) -> None:
        for order in orders:
            await self.store.save_subscription(order)
        await self.scheduler.start()

    async def restart(self) -> None:
        """Come up again after a crash, with nothing but the store."""
        self.scheduler = self._scheduler()
        await self.scheduler.start()

    async def until(self, moment: datetime) -> None:
        await asyncio.sleep((moment - now()).total_seconds())

    async def receipt(self, channel: ChannelRef = CHANNEL) -> Receipt:
        (receipt,) = await self.store.receipts(channel)
        return receipt


def at(moment: datetime, work: Coroutine[Any, Any, None]) -> None:
    """Run a story in virtual time."""
    run_from(moment, work)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 5, 7, 8, 59, 59, tzinfo=UTC), date(2026, 5, 6)),
        (datetime(2026, 5, 7, 9, tzinfo=UTC), date(2026, 5, 7)),
        (datetime(2026, 5, 8, 8, 59, tzinfo=UTC), date(2026, 5, 7)),
    ],
)
def test_the_slot_that_is_due_is_the_last_one_whose_hour_has_come(
    moment: datetime, day: date
) -> None:
    assert due(subscription(created_at=NOW - 9 * DAY), moment) == day


def test_nothing_is_owed_from_before_the_subscription_or_its_schedule() -> None:
    order = subscription(created_at=NOW + timedelta(seconds=1))
    assert due(order, NOW + HOUR) is None
    assert due(order, NOW + DAY) == TODAY + DAY
    moved = subscription(created_at=NOW - 9 * DAY, owed_from=NOW + timedelta(seconds=1))
    assert due(moved, NOW + HOUR) is None


def test_a_digest_older_than_a_day_is_history() -> None:
    """On the longest day of the year, its 25th hour."""
    berlin = Schedule(time(1), "Europe/Berlin")
    order = subscription(created_at=NOW - 9 * DAY, schedule=berlin)
    saturday = datetime(2026, 10, 24, 23, tzinfo=UTC)
    assert due(order, saturday) == date(2026, 10, 25)
    assert due(order, saturday + DAY) == date(2026, 10, 25)
    assert due(order, saturday + DAY + timedelta(minutes=1)) is None


def test_a_trigger_fires_at_each_days_moment_once() -> None:
    trigger = LocalDaily(time(2, 30), ZoneInfo("Europe/Berlin"))
    first = trigger.get_next_fire_time(None, datetime(2026, 3, 28, 1, 30, tzinfo=UTC))
    assert first == datetime(2026, 3, 28, 1, 30, tzinfo=UTC)
    second = trigger.get_next_fire_time(first, first)
    assert second == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert trigger.get_next_fire_time(second, second) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)
    assert repr(trigger) == "LocalDaily(02:30, Europe/Berlin)"


def test_channels_start_spread_over_a_minute_each_always_at_its_second() -> None:
    channels = [ChannelRef("slack", "T1", f"C{n}") for n in range(600)]
    delays = [spread(channel) for channel in channels]
    assert delays == [spread(channel) for channel in channels]
    assert all(timedelta(0) <= each < timedelta(seconds=SPREAD_SECONDS) for each in delays)
    assert len(set(delays)) == SPREAD_SECONDS


def test_a_digest_is_posted_at_its_hour_and_accounted_for() -> None:
    async def story() -> None:
        bot = Bot()
        await bot.start(LIST)
        await bot.until(NOW + spread(CHANNEL) - timedelta(seconds=1))
        assert bot.chat.posts == []
        await bot.until(NOW + spread(CHANNEL) + timedelta(seconds=1))
        assert len(bot.chat.posts) == 1
        receipt = await bot.receipt()
        assert (receipt.slot.day, receipt.listed, receipt.posted) == (TODAY, 3, 3)
        assert receipt.next_run == NOW + DAY
        await bot.until(NOW + DAY + HOUR)
        assert len(bot.chat.posts) == 1
        assert (await bot.receipt()).note.startswith("Nothing new: ")

    at(START, story())


def test_late_arrivals_come_with_the_next_digest_and_nothing_comes_twice() -> None:
    async def story() -> None:
        bot = Bot()
        await bot.start(LIST)
        await bot.until(NOW + HOUR)
        bot.source.days[TODAY] = [paper(n) for n in (1, 2, 3, 4)]
        bot.source.days[TODAY + DAY] = [paper(5)]
        await bot.until(NOW + DAY + HOUR)
        shown = [
            plain(node.title)
            for post in bot.chat.posts
            for node in post.reply.nodes
            if isinstance(node, Item)
        ]
        assert sorted(shown) == [f"Paper {n}" for n in range(1, 6)]

    at(START, story())


def test_a_day_without_an_ordered_digest_has_its_receipt() -> None:
    async def story() -> None:
        bot = Bot()
        fridays = replace(LIST.schedule, weekdays=(Weekday.FRI,))
        await bot.start(replace(LIST, schedule=fridays))
        await bot.until(NOW + HOUR)
        assert bot.chat.posts == []
        receipt = await bot.receipt()
        assert receipt.note == "No digest is ordered for a Thursday (weekdays: fri)."
        assert receipt.next_run == NOW + DAY

    at(START, story())


def test_a_digest_missed_while_the_bot_was_down_is_posted_at_the_next_start() -> None:
    async def story() -> None:
        bot = Bot()
        await bot.start(replace(LIST, created_at=NOW - 9 * DAY))
        assert len(bot.chat.posts) == 1
        assert (await bot.receipt()).slot.day == TODAY
        await bot.until(NOW + 12 * HOUR)
        assert len(bot.chat.posts) == 1

    at(NOW + 3 * HOUR, story())


def test_a_crash_in_the_middle_of_a_digest_is_made_good_at_the_next_start() -> None:
    async def story() -> None:
        bot = Bot()
        bot.chat.fail(2, Crash(), after=True)
        order = replace(LIST, layout=Layout.THREAD, created_at=NOW - 9 * DAY)
        with pytest.raises(Crash):
            await bot.start(order)
        await bot.restart()
        assert len(bot.chat.posts) == 4
        assert len(set(bot.chat.keys())) == 4
        assert (await bot.receipt()).posted == 3

    at(NOW + HOUR, story())


@pytest.mark.parametrize(
    ("trouble", "pause"),
    [
        (TryLater("slack", "ratelimited", retry_after=300), 300),
        (TryLater("slack", "HTTP 503"), 60),
        (Ambiguous("slack", "connection lost"), 60),
        (PlatformError("slack", "something new"), 60),
        (StoreError("disk full"), 60),
    ],
)
def test_a_digest_that_is_held_up_goes_on_after_a_pause(trouble: Exception, pause: int) -> None:
    async def story() -> None:
        bot = Bot()
        bot.chat.fail(1, trouble)
        await bot.start(LIST)
        begun = NOW + spread(CHANNEL)
        await bot.until(begun + timedelta(seconds=pause - 1))
        assert bot.chat.posts == []
        await bot.until(begun + timedelta(seconds=pause + 1))
        assert len(bot.chat.posts) == 1
        assert (await bot.receipt()).posted == 3

    at(START, story())


def test_a_platform_that_asks_for_a_pause_gets_it() -> None:
    async def story() -> None:
        bot = Bot()
        for nth in (1, 2, 3):
            bot.chat.fail(nth, TryLater("slack", "ratelimited", retry_after=300))
        await bot.start(LIST)
        for calls in (1, 2, 3, 4):
            await bot.until(NOW + spread(CHANNEL) + timedelta(seconds=300 * calls - 150))
            assert bot.chat.calls == calls

    at(START, story())


@pytest.mark.parametrize("order", [LIST, replace(LIST, schedule=Schedule(None, "UTC"))])
def test_a_digest_held_up_until_the_next_one_is_due_is_not_posted_with_both(
    order: Subscription,
) -> None:
    """Until it is sent nothing of it is seen, and no newer list has come."""

    async def story() -> None:
        bot = Bot()
        for nth in range(1, 200):
            bot.chat.fail(nth, TryLater("slack", "HTTP 503", retry_after=3600))
        daily = replace(order.schedule, weekdays=tuple(Weekday))
        await bot.start(replace(order, schedule=daily))
        await bot.until(NOW + DAY + 6 * HOUR)
        assert bot.chat.posts == []
        bot.chat.heal()
        await bot.until(NOW + 3 * DAY)
        shown = [
            plain(node.title)
            for post in bot.chat.posts
            for node in post.reply.nodes
            if isinstance(node, Item)
        ]
        assert sorted(shown) == ["Paper 1", "Paper 2", "Paper 3"]

    at(START, story())


def test_a_channel_that_is_gone_is_parked_and_left_alone() -> None:
    async def story() -> None:
        bot = Bot()
        bot.chat.fail(1, Gone("slack", "is_archived", cure="Unarchive it"))
        await bot.start(LIST)
        await bot.until(NOW + HOUR)
        order = await bot.store.subscription(CHANNEL)
        assert order
        assert order.parked == "slack: is_archived. Unarchive it"
        bot.source.days[TODAY + DAY] = [paper(9)]
        await bot.until(NOW + 3 * DAY)
        (notice,) = bot.chat.posts
        assert notice.ref.channel != CHANNEL
        assert "is paused: is_archived" in notice.reply.summary

    at(START, story())


def test_a_parked_channel_goes_on_by_itself_once_its_obstacle_has_gone() -> None:
    async def story() -> None:
        bot = Bot()
        gone = Gone("slack", "is_archived", cure="Unarchive it")
        bot.chat.fail(1, gone)
        bot.chat.closed = gone
        await bot.start(LIST)
        await bot.until(NOW + 4 * HOUR)
        order = await bot.store.subscription(CHANNEL)
        assert order is not None
        assert order.parked is not None
        bot.chat.closed = None
        await bot.until(NOW + 6 * HOUR)
        order = await bot.store.subscription(CHANNEL)
        assert order is not None
        assert order.parked is None
        told = [each.reply.summary for each in bot.chat.posts if each.ref.channel != CHANNEL]
        assert [("paused" in each, "goes on" in each) for each in told] == [
            (True, False),
            (False, True),
        ]
        bot.source.days[TODAY + DAY] = [paper(9)]
        await bot.until(NOW + DAY + HOUR)
        assert len(bot.chat.keys(CHANNEL)) == 1

    at(START, story())


class Unlucky(MemoryStore):
    """A store with a bug that shows in one channel."""

    async def plan(self, deliveries: Any, receipt: Receipt) -> bool:
        if receipt.slot.channel == CHANNEL:
            raise RuntimeError("a bug")
        return await super().plan(deliveries, receipt)


def test_a_bug_in_one_channel_stops_neither_the_others_nor_the_start() -> None:
    async def story() -> None:
        bot = Bot(Unlucky())
        other = ChannelRef("slack", "T1", "C9")
        old = replace(LIST, created_at=NOW - 9 * DAY)
        await bot.start(old, replace(old, channel=other))
        assert [each.ref.channel for each in bot.chat.posts] == [other]

    at(NOW + HOUR, story())


def test_a_platform_that_is_off_keeps_its_digest_for_later() -> None:
    async def story() -> None:
        bot = Bot()
        await bot.start(replace(LIST, channel=OTHER_CHANNEL))
        await bot.until(NOW + HOUR)
        assert bot.chat.posts == []
        assert await bot.store.unfinished() == [Slot(OTHER_CHANNEL, TODAY)]

    at(START, story())


def test_a_source_that_is_down_is_asked_again() -> None:
    async def story() -> None:
        bot = Bot()
        bot.source.trouble = SourceError("huggingface", "HTTP 503")
        await bot.start(LIST)
        await bot.until(START + timedelta(minutes=5))
        bot.source.trouble = None
        await bot.until(NOW + HOUR)
        assert len(bot.chat.posts) == 1

    at(START, story())


SETTLED = replace(LIST, schedule=Schedule(None, "UTC"))
OPENED = opens_at(TODAY)


def test_a_channel_can_wait_until_the_list_has_settled() -> None:
    async def story() -> None:
        bot = Bot()
        bot.source.days = {TODAY: [paper(1)]}
        await bot.start(replace(SETTLED, created_at=OPENED))
        await bot.until(OPENED + 2 * HOUR)
        bot.source.days[TODAY] = [paper(1), paper(2)]
        await bot.until(OPENED + 3 * HOUR + timedelta(minutes=30))
        assert bot.chat.posts == []
        await bot.until(OPENED + 5 * HOUR)
        assert len(bot.chat.posts) == 1
        assert (await bot.receipt()).posted == 2
        await bot.until(OPENED + 20 * HOUR)
        assert len(bot.chat.posts) == 1

    at(OPENED, story())


def test_a_list_that_never_settles_is_posted_by_six_in_the_evening() -> None:
    async def story() -> None:
        bot = Bot()
        bot.source.days = {TODAY: []}
        await bot.start(replace(SETTLED, created_at=OPENED))
        deadline = datetime.combine(TODAY, time(18), UTC)
        while now() < deadline - HOUR:
            bot.source.days[TODAY] = [
                *bot.source.days[TODAY],
                paper(len(bot.source.days[TODAY]) + 1),
            ]
            await bot.until(now() + HOUR)
        assert bot.chat.posts == []
        await bot.until(deadline + timedelta(minutes=2))
        assert len(bot.chat.posts) == 1
        assert (await bot.receipt()).slot.day == TODAY

    at(OPENED, story())


def test_a_new_subscription_is_heard_of_at_once_and_an_ended_one_too() -> None:
    async def story() -> None:
        bot = Bot()
        await bot.start()
        await bot.store.save_subscription(LIST)
        await bot.scheduler.reschedule(CHANNEL)
        await bot.until(NOW + HOUR)
        assert len(bot.chat.posts) == 1
        await bot.store.remove_subscription(CHANNEL)
        await bot.scheduler.reschedule(CHANNEL)
        bot.source.days[TODAY + DAY] = [paper(9)]
        await bot.until(NOW + 2 * DAY)
        assert len(bot.chat.posts) == 1

    at(START, story())


def test_a_digest_moved_to_an_earlier_hour_is_not_caught_up_with() -> None:
    async def story() -> None:
        bot = Bot()
        late = replace(LIST, schedule=Schedule(time(20)), created_at=NOW - 9 * DAY)
        await bot.start(late)
        moved = replace(late, schedule=Schedule(time(7)), owed_from=now())
        await bot.store.save_subscription(moved)
        await bot.scheduler.reschedule(CHANNEL)
        await bot.until(NOW + 12 * HOUR)
        before = [each.slot.day for each in await bot.store.receipts(CHANNEL, 9)]
        assert TODAY not in before
        await bot.until(NOW + DAY)
        assert (await bot.receipt()).slot.day == TODAY + DAY

    at(NOW, story())


async def posted(bot: Bot) -> Delivery:
    await bot.start(LIST)
    await bot.until(NOW + HOUR)
    found = await bot.store.delivery_at(bot.chat.posts[0].ref)
    assert found
    return found


def test_a_stale_head_is_edited_soon_and_once() -> None:
    async def story() -> None:
        bot = Bot()
        head = await posted(bot)
        before = len(bot.chat.edits)
        bot.stale.add(head.slot)
        await bot.until(NOW + HOUR + timedelta(minutes=10))
        assert len(bot.chat.edits) == before + 1

    at(START, story())


def test_reactions_that_no_event_told_of_are_counted_by_repair() -> None:
    async def story() -> None:
        bot = Bot()
        head = await posted(bot)
        assert head.ref
        bot.chat.react(head.ref, ANN, "1️⃣")
        bot.chat.react(head.ref, BOB, "1️⃣")
        await bot.until(NOW + 5 * HOUR)
        assert await bot.store.tallies(CHANNEL) == {paper_id(1): Tally(up=2)}
        assert "team 2" in str(bot.chat.edits[-1][1])

    at(START, story())


class SlowToRead(FakeChat):
    """A platform whose reactions are old news once they have been read."""

    async def reactions(self, message: MessageRef) -> Collection[Reaction]:
        found = await super().reactions(message)
        await asyncio.sleep(60)
        return found


def test_a_repair_that_is_wanted_while_another_is_under_way_follows_it() -> None:
    async def story() -> None:
        bot = Bot(chat=SlowToRead(clock=now))
        head = await posted(bot)
        assert head.ref
        bot.scheduler.repair_at(now())
        await asyncio.sleep(30)
        bot.chat.react(head.ref, ANN, "1️⃣")  # and no event tells of it
        bot.scheduler.repair_at(now())
        await asyncio.sleep(180)
        assert await bot.store.tallies(CHANNEL) == {paper_id(1): Tally(up=1)}

    at(START, story())


def test_stopping_lets_what_runs_come_to_its_end_and_fires_no_more() -> None:
    async def story() -> None:
        bot = Bot()
        await bot.start(LIST)
        await bot.scheduler.stop()
        await asyncio.sleep(3 * 86400)
        assert bot.chat.posts == []

    at(START, story())
