"""Days in the life of one channel: what each run posts, holds back and leaves for the next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from adapters.search.lexical import LexicalIndex
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot.domain.channels import Filters, Layout, MessageRef, Schedule, Subscription, Weekday
from bot.domain.deliveries import Slot
from bot.domain.errors import TryLater
from bot.domain.papers import Batch, Paper
from bot.domain.reply import Reply
from bot.domain.votes import Ballot, Reaction, VoteKind
from bot.ports import ChatAdapter
from bot.scheduler import DigestRuns, Scheduler
from tests.examples import ANN, CHANNEL, batch, paper, paper_id, subscription
from tests.fakes import FakeChat

MONDAY = date(2026, 5, 4)
DAY = timedelta(days=1)
EVERY_DAY = tuple(Weekday)


@dataclass
class Life:
    """A channel, its chat platform, and a clock that is set by hand."""

    order: Subscription
    store: MemoryStore = field(default_factory=MemoryStore)
    chat: FakeChat = field(default_factory=FakeChat)
    adapters: dict[str, ChatAdapter] = field(default_factory=dict)
    now: datetime = datetime(2026, 5, 1, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.adapters.setdefault("slack", self.chat)
        self.runs = DigestRuns(self.store, self.adapters, lambda: self.now)

    async def listed(self, day: date, hour: int, *papers: Paper) -> None:
        self.now = datetime.combine(day, time(hour), UTC)
        await self.store.save_batch(batch(day, papers=papers), self.now)

    async def due(self, day: date, hour: int = 9) -> None:
        self.now = datetime.combine(day, time(hour), UTC)
        await self.runs.run_due(CHANNEL)

    async def restart(self, moment: datetime) -> None:
        self.now = moment
        scheduler = Scheduler(
            store=self.store,
            index=LexicalIndex(),
            summarizer=ExtractiveSummarizer(),
            sources={},
            adapters=self.adapters,
            clock=lambda: self.now,
            stale=set(),
        )
        await scheduler.catch_up()

    @property
    def posted(self) -> list[str]:
        return [each.reply.summary for each in self.chat.posts]


async def life(schedule: Schedule | None = None, filters: Filters | None = None) -> Life:
    order = subscription(
        created_at=datetime(2026, 5, 1, tzinfo=UTC),
        schedule=schedule or Schedule(time(9), "UTC", EVERY_DAY),
        layout=Layout.LIST,
    )
    lived = Life(replace(order, filters=filters or order.filters))
    await lived.store.save_subscription(lived.order)
    return lived


async def test_a_late_paper_comes_even_after_a_run_that_found_nothing() -> None:
    channel = await life(filters=Filters(include=("diffusion",)))
    await channel.listed(MONDAY, 6, paper(1))
    await channel.due(MONDAY)
    assert channel.posted == []
    late = paper(2, title="A diffusion model")
    await channel.listed(MONDAY, 12, late)
    await channel.listed(MONDAY + DAY, 6, paper(3))
    await channel.due(MONDAY + DAY)
    (only,) = channel.posted
    assert "A diffusion model" in only


async def test_late_papers_alone_are_no_settled_digest() -> None:
    """Else the night's few late papers would take the day's slot, and its list come a day late."""
    channel = await life(Schedule(None, "UTC", EVERY_DAY))
    papers: dict[date, tuple[Paper, ...]] = {}
    posts: list[tuple[datetime, int]] = []
    moment = datetime.combine(MONDAY, time(2), UTC)
    for _ in range(3 * 72):
        day, channel.now = moment.date(), moment
        fresh = {2: (1, 2, 3), 14: (4, 5)}.get(moment.hour, ()) if moment.minute == 0 else ()
        if fresh:
            found = tuple(paper(day.day * 100 + each) for each in fresh)
            papers[day] = papers.get(day, ()) + found
            await channel.store.save_batch(Batch(batch(day).key, papers[day]), moment)
        before = len(channel.posted)
        await channel.runs.run_settled(channel.order)
        await channel.runs.run_due(CHANNEL)
        if len(channel.posted) > before:
            posts.append((moment, channel.posted[-1].count("Paper ")))
        moment += timedelta(minutes=20)
    assert {at.hour for at, _ in posts} == {4}
    assert [number for _, number in posts] == [3, 5, 5]


async def test_a_platform_that_was_off_for_weeks_gets_the_newest_digest_alone() -> None:
    channel = await life()
    del channel.adapters["slack"]
    for number in range(12):
        day = MONDAY + number * DAY
        await channel.listed(day, 2, paper(number))
        await channel.due(day)
    channel.adapters["slack"] = channel.chat
    await channel.restart(datetime(2026, 5, 30, 12, tzinfo=UTC))
    (newest,) = channel.posted
    assert "Paper 11" in newest


async def test_nothing_is_posted_after_a_channel_unsubscribed() -> None:
    channel = await life()
    await channel.listed(MONDAY, 2, paper(1))
    channel.chat.fail(1, TryLater("slack", "busy"))
    await channel.due(MONDAY)
    await channel.store.remove_subscription(CHANNEL)
    await channel.restart(channel.now + timedelta(minutes=5))
    assert channel.posted == []
    assert await channel.store.unfinished() == []


async def test_a_post_by_hand_that_finds_nothing_leaves_the_days_digest_alone() -> None:
    channel = await life()
    channel.now = datetime.combine(MONDAY, time(1), UTC)
    await channel.runs.run(channel.order, MONDAY, (batch(MONDAY, papers=0),))
    await channel.listed(MONDAY, 3, paper(1))
    await channel.due(MONDAY)
    assert len(channel.posted) == 1


class BusyChat(FakeChat):
    """Refuses edits for now, and lets somebody vote while a message is read."""

    tried = 0
    meanwhile: Ballot | None = None
    store: MemoryStore

    async def edit(self, message: MessageRef, reply: Reply) -> None:
        self.tried += 1
        raise TryLater("slack", "busy", retry_after=30)

    async def reactions(self, message: MessageRef) -> Collection[Reaction]:
        found = await super().reactions(message)
        if self.meanwhile:
            await self.store.cast(self.meanwhile)
        return found


async def busy() -> tuple[Life, BusyChat, Scheduler]:
    channel = await life()
    chat = BusyChat(clock=lambda: channel.now)
    chat.store = channel.store
    channel.adapters["slack"] = chat
    await channel.listed(MONDAY, 2, paper(1))
    await channel.due(MONDAY)
    scheduler = Scheduler(
        store=channel.store,
        index=LexicalIndex(),
        summarizer=ExtractiveSummarizer(),
        sources={},
        adapters=channel.adapters,
        clock=lambda: channel.now,
        stale={Slot(CHANNEL, MONDAY)},
    )
    return channel, chat, scheduler


async def test_an_edit_that_is_refused_for_now_waits_before_it_is_tried_again() -> None:
    channel, chat, scheduler = await busy()
    for _ in range(3):
        await scheduler.refresh()
    assert chat.tried == 1
    channel.now += timedelta(minutes=5)
    await scheduler.refresh()
    assert chat.tried == 2


async def test_a_vote_that_comes_while_a_message_is_read_is_not_wiped_by_the_repair() -> None:
    channel, chat, scheduler = await busy()
    (post,) = chat.posts
    chat.meanwhile = Ballot(CHANNEL, paper_id(1), ANN, VoteKind.UP, f"{post.ref}#👍")
    await scheduler.repair()
    assert (await channel.store.tallies(CHANNEL))[paper_id(1)].up == 1


# What is listed late


async def threaded(limit: int = 10) -> Life:
    channel = await life()
    channel.order = replace(channel.order, layout=Layout.THREAD, limit=limit)
    await channel.store.save_subscription(channel.order)
    await channel.listed(MONDAY, 2, paper(1), paper(2))
    await channel.due(MONDAY)
    assert len(channel.chat.posts) == 3
    return channel


async def test_what_is_listed_late_comes_in_the_thread_of_its_digest() -> None:
    channel = await threaded()
    await channel.listed(MONDAY, 14, paper(1), paper(2), paper(3, upvotes=1), paper(4, upvotes=9))
    for _ in range(3):
        assert await channel.runs.run_late(CHANNEL) is None
    *_, third, fourth = channel.chat.posts
    assert [third.reply.summary, fourth.reply.summary] == ["Paper 4", "Paper 3"]
    assert third.thread == fourth.thread == channel.chat.posts[1].thread
    assert len(channel.chat.posts) == 5
    receipt = await channel.store.receipt(Slot(CHANNEL, MONDAY))
    assert receipt
    assert receipt.posted == 4
    assert receipt.note == "2 papers of the batch of Mon 4 May 2026, 2 more in its thread later."
    ranks = await channel.store.deliveries(Slot(CHANNEL, MONDAY))
    assert [each.first_rank for each in ranks] == [1, 1, 2, 3, 4]

    await channel.listed(MONDAY + DAY, 2, paper(5))
    await channel.due(MONDAY + DAY)
    assert [each.reply.summary.count("Paper ") for each in channel.chat.posts[5:]] == [1, 1]


async def test_late_papers_come_up_to_the_channels_limit_the_others_with_the_next_digest() -> None:
    channel = await threaded(limit=3)
    await channel.listed(MONDAY, 14, paper(1), paper(2), paper(3, upvotes=1), paper(4, upvotes=9))
    await channel.runs.run_late(CHANNEL)
    assert [each.reply.summary for each in channel.chat.posts[3:]] == ["Paper 4"]
    await channel.listed(MONDAY + DAY, 2, paper(5))
    await channel.due(MONDAY + DAY)
    assert {each.reply.summary for each in channel.chat.posts[5:]} == {"Paper 3", "Paper 5"}


async def test_once_a_list_is_closed_nothing_more_comes_in_its_thread() -> None:
    channel = await threaded()
    await channel.listed(MONDAY + DAY, 3, paper(1), paper(2))
    await channel.store.save_batch(batch(MONDAY, papers=[paper(3)]), channel.now)
    assert await channel.runs.run_late(CHANNEL) is None
    assert len(channel.chat.posts) == 3


async def test_a_late_paper_that_the_channel_does_not_want_stays_out() -> None:
    channel = await threaded()
    unwanted = replace(channel.order, filters=Filters(exclude=("cats",)))
    await channel.store.save_subscription(unwanted)
    await channel.listed(MONDAY, 14, paper(3, title="On cats"))
    assert await channel.runs.run_late(CHANNEL) is None
    assert len(channel.chat.posts) == 3


async def test_other_layouts_wait_for_the_next_digest() -> None:
    channel = await life()
    await channel.listed(MONDAY, 2, paper(1))
    await channel.due(MONDAY)
    await channel.listed(MONDAY, 14, paper(2))
    assert await channel.runs.run_late(CHANNEL) is None
    assert len(channel.chat.posts) == 1


async def test_a_late_paper_whose_channel_is_busy_comes_when_it_no_longer_is() -> None:
    channel = await threaded()
    await channel.listed(MONDAY, 14, paper(3))
    channel.chat.fail(1, TryLater("slack", "ratelimited", retry_after=30))
    assert await channel.runs.run_late(CHANNEL) == 30
    assert await channel.runs.resume(Slot(CHANNEL, MONDAY)) is None
    assert len(channel.chat.posts) == 4
