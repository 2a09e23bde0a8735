from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.slack._pace import LIMITS, Pace, PostLimits, Turns
from adapters.slack.app import SlackAdapter
from adapters.slack.ids import PLATFORM, channel_ref
from bot.cards import sentence_reply
from bot.domain.channels import ChannelRef
from bot.domain.errors import Gone, TryLater
from bot.domain.reply import Node
from tests.adapters.slack.conftest import settings_for
from tests.doubles.clock import Time
from tests.doubles.slack import Fault, RateLimited, SlackDouble

APART = LIMITS.channel_seconds + LIMITS.spare_seconds

Send = Callable[[], Awaitable[float]]


@pytest.fixture
def time() -> Time:
    return Time()


def too_fast(seconds: float | None = 1, problem: str = "ratelimited") -> TryLater:
    return TryLater(PLATFORM, problem, retry_after=seconds)


class Slack:
    """What is asked of it: when each post of a channel came, and what it refuses next."""

    def __init__(self, time: Time, takes: float = 0) -> None:
        self.came: list[tuple[float, str]] = []
        self.stands: list[str] = []
        self.refuses: dict[str, list[Exception]] = {}
        self.under_way = self.most = 0
        self._time = time
        self._takes = takes

    def send(self, name: str) -> Send:
        """Return a request for a message, whose name begins with its channel's."""

        async def request() -> float:
            self.came.append((self._time.now, name))
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            if self._takes:
                await self._time.sleep(self._takes)
            self.under_way -= 1
            if refused := self.refuses.get(name[0]):
                raise refused.pop(0)
            self.stands.append(name)
            return self._time.now

        return request

    def times(self, channel: str) -> list[float]:
        return [moment for moment, name in self.came if name[0] == channel]


@pytest.fixture
def slack(time: Time) -> Slack:
    return Slack(time)


def pace_for(time: Time, **changes: Any) -> Pace:
    return Pace(time.clock, time.sleep, PostLimits(**changes))


async def post(time: Time, pace: Pace, slack: Slack, *names: str) -> list[Any]:
    return await time.gather(*(pace.post(name[0], slack.send(name)) for name in names))


# The decision


def test_a_channel_may_ask_again_a_good_second_after_its_last_post_set_out() -> None:
    turns = Turns()
    assert turns.free_at("a", 10) == 10
    turns.goes("a", 10)
    assert turns.free_at("a", 10.4) == 10 + APART > 11
    assert turns.free_at("b", 10.4) == 10.4


def test_no_two_posts_of_a_workspace_get_one_moment() -> None:
    turns = Turns()
    booked = [turns.book(0) for _ in range(5)]
    assert booked == [number * LIMITS.workspace_seconds for number in range(5)]
    assert turns.book(100) == 100  # nothing is saved up, and nothing owed


def test_channels_that_may_post_anyway_are_forgotten() -> None:
    turns = Turns()
    for number in range(100):
        turns.goes(str(number), number)
    assert turns.free_at("98", 99) > 99
    assert len(turns._free_at) == 2


def test_the_rate_is_several_hundred_a_minute() -> None:
    assert 300 <= 60 / LIMITS.workspace_seconds <= 900


def test_a_refusal_holds_its_channel_back_and_no_other() -> None:
    turns = Turns()
    turns.goes("a", 0)
    assert not turns.refused("a", too_fast(30), 0.5)
    assert (turns.free_at("a", 1), turns.free_at("b", 1)) == (30.5, 1)


def test_a_refusal_shorter_than_the_pace_does_not_shorten_it() -> None:
    turns = Turns()
    turns.goes("a", 0)
    turns.refused("a", too_fast(0), 0.5)
    assert turns.free_at("a", 0.5) == APART


def test_a_refusal_that_names_no_time_is_waited_out_a_little() -> None:
    turns = Turns()
    turns.refused("a", too_fast(None), 0)
    assert turns.free_at("a", 0) == LIMITS.unsaid


@pytest.mark.parametrize("problem", ["rate_limited", "message_limit_exceeded"])
def test_a_refusal_about_the_whole_workspace_holds_all_back(problem: str) -> None:
    turns = Turns()
    early = turns.book(0)
    assert turns.refused("a", too_fast(5, problem), 0)
    assert turns.free_at("c", 1) == 5
    assert turns.is_held(early)
    assert not turns.is_held(5)


def test_refusals_of_channels_in_a_row_mean_all_and_a_post_between_ends_the_row() -> None:
    turns = Turns()
    assert [turns.refused(each, too_fast(5), 0) for each in "ab"] == [False, False]
    turns.went()
    assert [turns.refused(each, too_fast(5), 0) for each in "abc"] == [False, False, True]
    assert turns.free_at("d", 1) == 5


def test_a_channel_that_is_refused_again_and_again_holds_no_other_back() -> None:
    turns = Turns()
    assert not any(turns.refused("a", too_fast(5), moment) for moment in range(10))
    assert turns.free_at("b", 10) == 10


# Waiting


async def test_all_channels_go_on_side_by_side(time: Time, slack: Slack) -> None:
    pace = pace_for(time)
    await post(time, pace, slack, *(f"{channel}{part}" for channel in "abcd" for part in range(3)))
    step = LIMITS.workspace_seconds
    for number, channel in enumerate("abcd"):
        assert slack.times(channel) == pytest.approx(
            [number * step + part * APART for part in range(3)]
        )


async def test_a_workspace_of_many_channels_gets_its_rate_and_no_more(
    time: Time, slack: Slack
) -> None:
    channels = [chr(0x100 + number) for number in range(100)]
    await post(
        time, pace_for(time), slack, *(f"{each}{part}" for part in "12" for each in channels)
    )
    moments = [moment for moment, _ in slack.came]
    assert moments == [number * LIMITS.workspace_seconds for number in range(200)]


async def test_no_more_posts_than_allowed_are_under_way(time: Time) -> None:
    slack = Slack(time, takes=10)
    pace = pace_for(time, at_once=3, workspace_seconds=0.1)
    await post(time, pace, slack, *"abcdefg")
    assert slack.most == 3
    assert slack.stands == list("abcdefg")


async def test_a_channel_keeps_its_order_when_its_first_message_is_held_back(
    time: Time, slack: Slack
) -> None:
    slack.refuses["a"] = [too_fast(30)]
    await post(time, pace_for(time), slack, "a1", "a2", "b1", "b2")
    assert [name for name in slack.stands if name[0] == "a"] == ["a1", "a2"]
    assert slack.times("a") == [0, 30, 30 + APART]
    assert max(slack.times("b")) < 2  # it waited for nobody


async def test_one_who_is_held_back_keeps_no_place(time: Time, slack: Slack) -> None:
    slack.refuses["a"] = [too_fast(30)]
    await post(time, pace_for(time, at_once=1), slack, "a1", "b1", "c1")
    assert slack.stands == ["b1", "c1", "a1"]


async def test_when_all_are_held_back_nothing_is_posted_until_it_is_over(
    time: Time, slack: Slack
) -> None:
    slack.refuses["a"] = [too_fast(30, "rate_limited")]
    names = [f"{channel}{part}" for channel in "abcdef" for part in range(2)]
    await post(time, pace_for(time), slack, *names)
    assert [moment for moment, _ in slack.came if 0 < moment < 30] == []
    assert sorted(slack.stands) == names
    gaps = [later - sooner for (sooner, _), (later, _) in itertools.pairwise(slack.came[1:])]
    assert min(gaps) >= LIMITS.workspace_seconds  # no rush when it is over


async def test_refusals_of_several_channels_in_a_row_stop_all(time: Time, slack: Slack) -> None:
    for channel in "abc":
        slack.refuses[channel] = [too_fast(30)]
    with capture_logs() as logs:
        await post(time, pace_for(time), slack, *"abcdef")
    assert [each["channel"] for each in logs] == ["a", "b", "all"]
    assert [moment for moment, name in slack.came if name in "def" and moment < 30] == []
    assert sorted(slack.stands) == list("abcdef")


async def test_a_post_refused_twice_is_given_back(time: Time, slack: Slack) -> None:
    slack.refuses["a"] = [too_fast(2), too_fast(7)]
    first, second = await post(time, pace_for(time), slack, "a1", "a2")
    assert (type(first), first.retry_after) == (TryLater, 7)
    assert second == 9  # seven seconds after the refusal at 2
    assert slack.stands == ["a2"]


async def test_what_would_be_held_back_for_long_is_given_back_at_once(
    time: Time, slack: Slack
) -> None:
    slack.refuses["a"] = [too_fast(600, "rate_limited")]
    pace = pace_for(time)
    given_back = await post(time, pace, slack, "a", "b")
    assert [type(each) for each in given_back] == [TryLater, TryLater]
    assert [each.retry_after for each in given_back] == pytest.approx([600, 600], abs=1)
    assert time.now < 1
    time.now = 601
    assert await post(time, pace, slack, "a", "b") == [601, 601.125]


async def test_another_failure_holds_nobody_back(time: Time, slack: Slack) -> None:
    slack.refuses["a"] = [Gone(PLATFORM, "is_archived", cure="Unarchive it")]
    failed, posted = await post(time, pace_for(time), slack, "a1", "b1")
    assert type(failed) is Gone
    assert posted == LIMITS.workspace_seconds


# Against Slack's double


class Moody(SlackDouble):
    """Slack that finds every fifth post of a channel too fast, whatever the pace."""

    def _next_fault(self, method: str) -> Fault | None:
        number = len(self.calls_of(method))
        if method == "chat.postMessage" and number % 5 == 0:
            return RateLimited(retry_after=1)
        return super()._next_fault(method)


async def fill(adapter: SlackAdapter, channel: ChannelRef, messages: int) -> None:
    """Post as a digest does, one after the other; what is given back is posted later."""
    for number in range(messages):
        reply, key = sentence_reply(f"Message {number}"), f"{channel.id} {number}"
        for _ in range(20):
            try:
                await adapter.post(channel, reply, key=key)
                break
            except TryLater:
                continue
        else:
            pytest.fail(f"message {number} was never taken")


async def test_rate_limits_lose_nothing_double_nothing_and_keep_the_order() -> None:
    async with Moody() as slack:
        channels = [slack.workspace.add_channel(f"papers{number}").id for number in range(6)]
        adapter = quick(slack)
        await asyncio.gather(
            *(fill(adapter, channel_ref(slack.workspace.team_id, each), 5) for each in channels)
        )
        for channel in channels:
            assert [each.text for each in slack.messages(channel)] == [
                f"Message {number}" for number in range(5)
            ]


async def test_reading_goes_on_while_all_posts_are_held_back() -> None:
    held, go_on = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        if seconds > 20:
            held.set()
            await go_on.wait()

    async with SlackDouble() as slack:
        channel = channel_ref(slack.workspace.team_id, slack.workspace.add_channel("papers").id)
        adapter = SlackAdapter(settings_for(slack), clock=lambda: 0.0, sleep=sleep)
        ref = await adapter.post(channel, sentence_reply("Hello."), key="first")
        slack.fault("chat.postMessage", RateLimited(30))
        late = asyncio.create_task(adapter.post(channel, sentence_reply("Later."), key="second"))
        await held.wait()
        assert await adapter.reactions(ref) == []
        await adapter.check(channel)
        assert len(slack.messages(channel.id)) == 1
        go_on.set()
        await late
        assert [each.text for each in slack.messages(channel.id)] == ["Hello.", "Later."]


async def test_between_two_messages_that_are_drawn_others_have_their_say() -> None:
    heard = 0
    drawn_at: list[int] = []

    class Watched(tuple[Node, ...]):
        """The nodes of a reply, which note when they are first read."""

        read = False

        def __iter__(self) -> Iterator[Node]:
            if not self.read:
                self.read = True
                drawn_at.append(heard)
            return super().__iter__()

    async def others() -> None:
        nonlocal heard
        while True:
            await asyncio.sleep(0)
            heard += 1

    async with SlackDouble() as slack:
        adapter, hello = quick(slack), sentence_reply("Hello.")
        made = [slack.workspace.add_channel(f"papers{number}").id for number in range(5)]
        listening = asyncio.create_task(others())
        await asyncio.gather(
            *(
                adapter.post(
                    channel_ref(slack.workspace.team_id, each),
                    replace(hello, nodes=Watched(hello.nodes)),
                    key=each,
                )
                for each in made
            )
        )
        listening.cancel()
    assert len(set(drawn_at)) == len(made)


def quick(slack: SlackDouble) -> SlackAdapter:
    """Return an adapter on whose clock every wait is over at once."""
    waited = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal waited
        waited += seconds
        await asyncio.sleep(0)

    return SlackAdapter(settings_for(slack), clock=lambda: waited, sleep=sleep)
