"""Several processes over one store: each runs the same clock, one of them posts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.search.lexical import LexicalIndex
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot.domain.channels import ChannelRef, Layout, MessageRef, Schedule, Weekday
from bot.domain.deliveries import DeliveryState, Slot
from bot.domain.errors import Ambiguous, TryLater
from bot.domain.reply import Reply
from bot.ports import Thread
from bot.scheduler import DigestRuns, Scheduler
from tests.examples import CHANNEL, NOW, batch, delivery, receipt, slot, subscription
from tests.fakes import Clock, Crash, FakeChat

LEASE = 90.0


class Slow(FakeChat):
    """A platform on which posting takes a while, so that others come in between."""

    async def post(
        self, channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None
    ) -> MessageRef:
        await asyncio.sleep(0)
        ref = await super().post(channel, reply, key=key, thread=thread)
        await asyncio.sleep(0)
        return ref


@dataclass
class Team:
    """A channel with a digest due, and processes that could post it."""

    kind: type[FakeChat] = Slow
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.chat = self.kind(clock=self.clock)
        self.store = MemoryStore(LEASE, clock=lambda: self.clock().timestamp())

    async def ready(self) -> Team:
        await self.store.save_batch(batch(), NOW)
        order = subscription(
            created_at=NOW - timedelta(days=1),
            layout=Layout.THREAD,
            schedule=Schedule(time(9), "UTC", tuple(Weekday)),
        )
        await self.store.save_subscription(order)
        return self

    def process(self) -> DigestRuns:
        return DigestRuns(self.store.replica(), {"slack": self.chat}, self.clock)

    async def states(self) -> list[DeliveryState]:
        return [each.state for each in await self.store.deliveries(slot())]

    def is_posted_once_in_order(self) -> bool:
        keys = self.chat.keys()
        return len(keys) == 4 and keys == list(dict.fromkeys(keys))


async def test_all_processes_run_the_same_hour_and_one_digest_is_posted() -> None:
    team = await Team().ready()
    processes = [team.process() for _ in range(5)]
    again = await asyncio.gather(*(each.run_due(CHANNEL) for each in processes))
    assert sorted(again, key=str) == [*[LEASE] * 4, None]
    assert team.is_posted_once_in_order()
    assert [await each.run_due(CHANNEL) for each in processes] == [None] * 5
    assert team.is_posted_once_in_order()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("nth", [1, 2, 4])
async def test_another_process_goes_on_once_the_lease_of_the_dead_one_has_run_out(
    nth: int, after: bool
) -> None:
    team = await Team().ready()
    first, second = team.process(), team.process()
    team.chat.fail(nth, Crash(), after=after)
    with pytest.raises(Crash):
        await first.run_due(CHANNEL)
    await first.store.claim(slot())  # one that is killed lets go of nothing
    posted = len(team.chat.posts)
    assert await second.run_due(CHANNEL) == LEASE
    assert len(team.chat.posts) == posted
    team.clock.now += timedelta(seconds=LEASE)
    assert await second.run_due(CHANNEL) is None
    assert team.is_posted_once_in_order()


class Frozen(FakeChat):
    """A platform that has stored a message, whose sender is stopped before it hears so."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.stored, self.thawed = asyncio.Event(), asyncio.Event()

    async def post(
        self, channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None
    ) -> MessageRef:
        ref = await super().post(channel, reply, key=key, thread=thread)
        if not self.stored.is_set():
            self.stored.set()
            await self.thawed.wait()
        return ref


async def test_a_process_that_was_frozen_past_its_lease_posts_nothing_more() -> None:
    team = await Team(Frozen).ready()
    chat = team.chat
    assert isinstance(chat, Frozen)
    first, second = team.process(), team.process()
    frozen = asyncio.create_task(first.run_due(CHANNEL))
    await chat.stored.wait()
    team.clock.now += timedelta(seconds=LEASE)
    chat.fail(1, TryLater("slack", "ratelimited", retry_after=30))
    assert await second.run_due(CHANNEL) == 30
    assert await team.states() == [DeliveryState.SENT, *[DeliveryState.PLANNED] * 3]
    chat.thawed.set()
    with capture_logs() as logs:
        assert await frozen == LEASE
    assert "digest left to another process" in [each["event"] for each in logs]
    assert len(chat.posts) == 1
    assert await second.run_due(CHANNEL) is None
    assert team.is_posted_once_in_order()


async def test_a_busy_channel_is_asked_again_by_nobody_before_its_time() -> None:
    team = await Team().ready()
    first, second = team.process(), team.process()
    team.chat.fail(2, TryLater("slack", "ratelimited", retry_after=300))
    assert await first.run_due(CHANNEL) == 300
    team.clock.now += timedelta(seconds=299)
    assert await second.run_due(CHANNEL) == LEASE
    assert team.chat.calls == 2
    team.clock.now += timedelta(seconds=1)
    assert await second.run_due(CHANNEL) is None
    assert team.is_posted_once_in_order()


@pytest.mark.parametrize("seed", range(25))
async def test_whatever_goes_wrong_when_each_message_is_posted_once_in_order(seed: int) -> None:
    draw = random.Random(seed)
    team = await Team().ready()
    for nth in range(1, 9):
        trouble = draw.choice(
            [None, Crash(), Ambiguous("slack", "lost"), TryLater("slack", "busy")]
        )
        if trouble and draw.random() < 0.6:
            team.chat.fail(nth, trouble, after=not isinstance(trouble, TryLater))
    processes = [team.process() for _ in range(3)]
    for _ in range(40):
        ran = await asyncio.gather(
            *(each.run_due(CHANNEL) for each in processes), return_exceptions=True
        )
        for number, each in enumerate(ran):
            if isinstance(each, Crash):
                processes[number] = team.process()
        team.clock.now += timedelta(seconds=LEASE)
    assert team.is_posted_once_in_order()
    assert set(await team.states()) == {DeliveryState.SENT}


def scheduler(team: Team, store: MemoryStore) -> Scheduler:
    return Scheduler(
        store=store,
        index=LexicalIndex(),
        summarizer=ExtractiveSummarizer(),
        sources={},
        adapters={"slack": team.chat},
        clock=team.clock,
        stale=set(),
    )


def job_times(found: Scheduler) -> dict[str, datetime]:
    return {each.id: each.next_run_time for each in found._jobs.get_jobs() if ":" in each.id}


async def test_a_process_takes_note_of_what_another_one_was_told() -> None:
    team = await Team().ready()
    mine = scheduler(team, team.store.replica())
    await mine.start()
    try:
        (first,) = [name for name in job_times(mine) if "again" not in name]
        assert first == str(CHANNEL)
        before = job_times(mine)[str(CHANNEL)]
        order = subscription(schedule=Schedule(time(15), "UTC", tuple(Weekday)))
        await team.store.save_subscription(order)
        await mine.share()
        assert job_times(mine)[str(CHANNEL)] != before
        await team.store.remove_subscription(CHANNEL)
        await mine.share()
        assert str(CHANNEL) not in job_times(mine)
    finally:
        await mine.stop()


async def test_what_a_process_is_posting_itself_it_does_not_take_for_left_unfinished() -> None:
    team = await Team(Frozen).ready()
    assert isinstance(team.chat, Frozen)
    mine = scheduler(team, team.store.replica())
    starting = asyncio.create_task(mine.start())  # it posts what is due before anything else
    await team.chat.stored.wait()
    await mine.share()
    assert not [each.id for each in mine._jobs.get_jobs() if "again" in each.id]
    team.chat.thawed.set()
    await starting
    await mine.stop()
    assert team.is_posted_once_in_order()


class SlowStore(MemoryStore):
    """A state that takes its time to say what is unfinished in a channel."""

    def __init__(self) -> None:
        super().__init__(LEASE)
        self.asked, self.may_tell = 0, asyncio.Event()

    async def unfinished(self, channel: ChannelRef | None = None) -> Sequence[Slot]:
        if channel:
            self.asked += 1
            await self.may_tell.wait()
        return await super().unfinished(channel)


async def test_a_process_goes_on_with_a_digest_once_however_slow_the_state_is() -> None:
    team, store = Team(), SlowStore()
    await store.save_subscription(subscription())
    await store.plan([delivery()], receipt())
    mine = scheduler(team, store)
    mine._jobs.start()
    for _ in range(3):
        await mine.share()
        await asyncio.sleep(0.05)
    assert store.asked == 1
    store.may_tell.set()
    await mine.stop()
    assert store.asked == 1
