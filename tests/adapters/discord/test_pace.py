"""All calls together stay under Discord's global limit, and use it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import discord
import pytest
from multidict import CIMultiDict
from yarl import URL

from adapters.discord import calls
from adapters.discord.app import DiscordAdapter
from adapters.discord.calls import is_counted
from adapters.discord.ids import channel_ref
from adapters.discord.pace import LIMITS, CallLimits, Pace, Turns
from bot.cards import sentence_reply
from bot.domain.errors import Ambiguous, TryLater
from tests.adapters.discord.conftest import CREATE, Team
from tests.doubles.clock import Calendar, Time
from tests.doubles.discord import Channel, DiscordDouble, RateLimited

API = "https://discord.com/api/v10"


@pytest.fixture
def time() -> Time:
    return Time()


class Discord:
    """What is asked of it: when it counted each call, some way after that set out."""

    def __init__(self, time: Time, there: tuple[float, float] = (0, 0)) -> None:
        self.counted: list[float] = []
        self.under_way = self.most = 0
        self._time = time
        self._there = there
        self._draw = random.Random(7)

    async def call(self, pace: Pace) -> None:
        set_out = await pace.turn()
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self._time.sleep(self._draw.uniform(*self._there))
        self.counted.append(self._time.now)
        await self._time.sleep(self._draw.uniform(*self._there))
        self.under_way -= 1
        pace.answered(set_out)

    def most_in(self, seconds: float) -> int:
        """Return how many calls it counted in the fullest of all times of that length."""
        counted = sorted(self.counted)
        return max(sum(start <= each < start + seconds for each in counted) for start in counted)


def pace_for(time: Time, **changes: Any) -> Pace:
    return Pace(time.clock, time.sleep, CallLimits(**changes))


# The decision


def test_the_first_calls_set_out_at_once_a_little_apart() -> None:
    turns = Turns()
    booked = [turns.book(10) for _ in range(LIMITS.calls)]
    assert booked == pytest.approx([10 + n * LIMITS.apart_seconds for n in range(LIMITS.calls)])


def test_a_place_is_free_a_second_after_discord_counted_the_call_that_had_it() -> None:
    turns = Turns(CallLimits(calls=1, spare_seconds=0))
    turns.answered(turns.book(0), 0.2)  # as quick as any: counted when it set out
    assert turns.book(0.2) == pytest.approx(1.0)
    turns.answered(1.0, 1.7)  # perhaps counted late
    assert turns.book(1.7) == pytest.approx(1.7 + 1 - 0.2)


def test_a_call_that_was_booked_and_does_not_set_out_leaves_its_moment() -> None:
    turns = Turns(CallLimits(calls=1, apart_seconds=0))
    turns.answered(turns.book(0), 0.1)
    moment = turns.book(0.2)
    turns.cancelled(moment)
    assert turns.book(0.3) == moment


def test_when_all_calls_are_to_stop_those_booked_wait_too() -> None:
    turns = Turns()
    moment = turns.book(0)
    turns.refused(5, 0)
    assert turns.wait(moment, 1) == 4
    turns.refused(1, 1)  # says less than is known
    assert turns.wait(moment, 1) == 4


@pytest.mark.parametrize(
    ("url", "counted"),
    [
        (f"{API}/channels/1/messages", True),
        (f"{API}/channels/1/messages/2/threads", True),
        (f"{API}/users/@me", True),
        (f"{API}/interactions/1/token/callback", False),
        (f"{API}/webhooks/1/token/messages/@original", False),
        ("wss://gateway.discord.gg/?v=10", False),
        ("https://cdn.discordapp.com/avatars/1/2.png", False),
    ],
)
def test_answers_to_people_and_the_gateway_are_not_held_up(url: str, counted: bool) -> None:
    assert is_counted(URL(url)) is counted


# The waiting


@pytest.mark.parametrize("there", [(0, 0), (0.03, 0.03), (0.03, 0.06), (0.01, 0.4)])
async def test_discord_never_counts_more_than_it_allows(
    time: Time, there: tuple[float, float]
) -> None:
    pace, platform = pace_for(time), Discord(time, there)
    await time.gather(*(platform.call(pace) for _ in range(400)))
    assert len(platform.counted) == 400
    assert platform.most_in(LIMITS.seconds) <= LIMITS.calls


@pytest.mark.parametrize(("there", "share"), [((0.05, 0.05), 0.98), ((0.03, 0.06), 0.95)])
async def test_what_is_allowed_is_used(
    time: Time, there: tuple[float, float], share: float
) -> None:
    pace, platform = pace_for(time), Discord(time, there)
    await time.gather(*(platform.call(pace) for _ in range(3_000)))
    took = max(platform.counted) - min(platform.counted)
    assert 2_999 // LIMITS.calls * LIMITS.seconds / took >= share


async def test_few_calls_need_few_connections(time: Time) -> None:
    pace, platform = pace_for(time), Discord(time, (0.03, 0.03))
    await time.gather(*(platform.call(pace) for _ in range(50)))
    assert platform.most <= 0.06 / LIMITS.apart_seconds + 1


async def test_calls_set_out_in_the_order_of_asking(time: Time) -> None:
    pace, went = pace_for(time, calls=3), list[int]()

    async def call(number: int) -> None:
        set_out = await pace.turn()
        went.append(number)
        await time.sleep(0.1)
        pace.answered(set_out)

    await time.gather(*map(call, range(20)))
    assert went == list(range(20))


async def test_one_who_gives_up_waiting_leaves_its_place(time: Time) -> None:
    pace, platform = pace_for(time, calls=1), Discord(time)

    async def impatient() -> None:
        waiting = asyncio.ensure_future(pace.turn())
        await time.sleep(0.5)
        waiting.cancel()

    await time.gather(platform.call(pace), impatient(), platform.call(pace))
    assert platform.counted == pytest.approx([0, LIMITS.seconds + LIMITS.spare_seconds])


async def test_when_discord_wants_all_calls_to_stop_none_sets_out(time: Time) -> None:
    pace, platform = pace_for(time), Discord(time)

    async def refused() -> None:
        pace.answered(await pace.turn(), stop=3)

    await time.gather(refused(), *(platform.call(pace) for _ in range(60)))
    later = [each for each in platform.counted if each > 0]
    assert len(later) >= 59
    assert min(later) >= 3


async def test_what_would_be_held_back_for_long_is_given_back_at_once(time: Time) -> None:
    pace = pace_for(time, calls=2)
    pace.answered(await pace.turn(), stop=LIMITS.longest + 1)
    for _ in range(3):  # and no place is lost
        (error,) = await time.gather(pace.turn())
        assert isinstance(error, discord.RateLimited)
        assert isinstance(calls.meaning(error, calls.Place.CHANNEL), TryLater)
    assert time.now == 0


# A call's patience


def call_held_by(pace: Pace) -> Callable[[], Awaitable[str]]:
    """Return a request that does nothing but wait for its turn."""
    (wait,) = calls.trace(pace).on_request_start

    async def request() -> str:
        asked = aiohttp.TraceRequestStartParams("POST", URL(f"{API}/channels"), CIMultiDict())
        await wait(cast(Any, SimpleNamespace(closed=False)), SimpleNamespace(), asked)
        return "sent"

    return request


async def patient() -> None:
    loop = cast(Calendar, asyncio.get_running_loop())
    pace = Pace(limits=CallLimits(calls=1))
    held = await pace.turn()
    request = call_held_by(pace)
    waiting = asyncio.create_task(calls.call(request, calls.Place.CHANNEL, pauses=()))
    await asyncio.sleep(0)
    loop.skip(2 * calls.PATIENCE)
    await asyncio.sleep(0)
    pace.answered(held)
    loop.skip(LIMITS.seconds * 2)
    assert await waiting == "sent"


async def impatient() -> None:
    loop = cast(Calendar, asyncio.get_running_loop())
    never = asyncio.Event()
    waiting = asyncio.create_task(calls.call(never.wait, calls.Place.CHANNEL, pauses=()))
    await asyncio.sleep(0)
    loop.skip(calls.PATIENCE + 1)
    with pytest.raises(Ambiguous):
        await waiting


@pytest.mark.parametrize("work", [patient, impatient])
def test_waiting_for_an_answer_has_an_end_and_waiting_for_a_turn_is_no_part_of_it(
    work: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    with asyncio.Runner(loop_factory=Calendar) as runner:
        runner.run(work())


# On the real discord.py


async def post(adapter: DiscordAdapter, channel: Channel, number: int) -> None:
    ref = channel_ref(channel.guild.id, channel.id)
    await adapter.post(ref, sentence_reply(f"paper {number}"), key=f"{number:024x}{'0' * 40}")


async def test_a_burst_to_many_channels_is_refused_nothing(team: Team) -> None:
    async with DiscordDouble(enforce_limits=True) as double:
        channels = [double.guild.add_text(f"papers{number}") for number in range(40)]
        async with replace(team, double=double).serving() as adapter:
            posts = [post(adapter, each, part) for each in channels for part in range(3)]
            await asyncio.gather(*posts)
        assert [len(double.messages(each)) for each in channels] == [3] * 40
        assert {each.status for each in double.requests} <= {200, 204}


async def test_people_are_answered_while_hundreds_of_messages_wait(team: Team) -> None:
    channels = [team.double.guild.add_text(f"papers{number}") for number in range(20)]
    async with team.serving() as adapter:
        await asyncio.gather(*(post(adapter, each, 0) for each in channels))  # learns the limit
        waiting = [post(adapter, each, part) for each in channels for part in range(1, 40)]
        posts = asyncio.gather(*waiting)
        await team.double.until(lambda: len(team.double.messages(channels[0])) > 1)
        exchange = await team.double.slash(team.ada, team.channel, "papers", "today")
        await exchange.answer()
        assert not posts.done()
        posts.cancel()
        with suppress(asyncio.CancelledError):
            await posts


async def test_a_connection_that_ends_meanwhile_sends_nothing_more(team: Team) -> None:
    async with team.serving() as adapter:
        posts = [post(adapter, team.channel, number) for number in range(LIMITS.calls + 10)]
        waiting = asyncio.gather(*posts, return_exceptions=True)
        await team.double.until(lambda: len(team.double.messages(team.channel)) > 40)
    later = [each for each in await waiting if each]
    assert later
    assert {type(each) for each in later} <= {TryLater, Ambiguous}


async def test_one_refusal_for_all_calls_holds_back_all_that_are_not_out_yet(team: Team) -> None:
    async with DiscordDouble() as double:
        channels = [double.guild.add_text(f"papers{number}") for number in range(5)]
        async with replace(team, double=double).serving() as adapter:
            double.fault(CREATE, RateLimited(retry_after=0.1, is_global=True))
            first = asyncio.create_task(post(adapter, channels[0], 0))
            await double.until(lambda: [each for each in double.requests if each.status == 429])
            await asyncio.gather(first, *(post(adapter, each, 1) for each in channels))
        refused, *later = [each for each in double.requests if each.route == CREATE]
    assert len(later) == 6
    assert refused.status == 429
    assert min(each.time for each in later) >= refused.time + 1  # a header says whole seconds
