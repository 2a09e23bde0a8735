"""The gateway ends in every way there is: no vote is lost for good, nothing doubles, the bot lives.

The whole bot runs, with discord.py as it is, over loopback sockets.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from adapters.discord.app import DiscordAdapter
from adapters.discord.identifies import SPARE
from adapters.discord.ids import channel_ref
from bot.app import App, build
from bot.cards import sentence_reply
from bot.domain.channels import MessageRef
from bot.domain.errors import ConfigError, DailyPapersError
from bot.domain.votes import Tally
from config.settings import DiscordSettings, Settings
from tests.adapters.discord.conftest import NOW, PAPERS, Team
from tests.doubles.discord import (
    Channel,
    DiscordDouble,
    Reset,
    ServerError,
    ServerErrorAfterEffect,
    User,
)
from tests.fakes import FakeChat

CREATE = "POST /channels/{channel_id}/messages"
GATEWAY = "GET /gateway"


@dataclass
class Bot:
    """The running product, and the task that it runs in."""

    app: App
    task: asyncio.Task[None]


@asynccontextmanager
async def running(
    team: Team, *, silence: float = 300, beside: FakeChat | None = None
) -> AsyncIterator[Bot]:
    """The whole bot on the team's state; a platform that is down is tried again at once."""
    settings = Settings(discord=DiscordSettings(token=SecretStr(team.double.token)))
    adapter = DiscordAdapter(settings.discord, pauses=(0, 0), silence=silence)
    adapters = {"discord": adapter, **({"slack": beside} if beside else {})}
    with team.double.redirect():
        async with build(
            settings, store=team.store, sources={}, adapters=adapters, clock=lambda: NOW
        ) as app:
            app.sleep = lambda _: asyncio.sleep(0.01)
            task = asyncio.create_task(app.run())
            try:
                yield Bot(app, task)
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError, DailyPapersError):
                    await task


async def eventually(look: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.01)


async def answers(team: Team) -> bool:
    """Tell whether somebody who asks for help is answered."""
    with suppress(AssertionError):  # no session yet, or it has just ended
        exchange = await team.double.slash(team.ada, team.channel, "papers", "help")
        return "What you can ask" in (await exchange.answer()).text
    return False


async def alive(team: Team) -> None:
    await eventually(lambda: answers(team))


async def head(team: Team) -> int:
    """Post the digest and return its head."""
    await eventually(lambda: posted(team))
    return team.double.messages(team.channel)[0].id


async def posted(team: Team) -> bool:
    return len(team.double.messages(team.channel)) == 1


async def up(team: Team) -> int:
    return (await team.store.tallies(team.slot.channel)).get(PAPERS[0].id, Tally()).up


async def vote(team: Team, user: User, message: int) -> None:
    await team.double.react(user, message, "1️⃣")


async def drop(double: DiscordDouble) -> None:
    await double.drop_gateway(resumable=True)


async def op_7(double: DiscordDouble) -> None:
    await double.ask_to_reconnect()


async def op_9(double: DiscordDouble) -> None:
    await double.invalidate_session(resumable=True)


@pytest.mark.parametrize("end", [drop, op_7, op_9])
async def test_votes_while_a_session_is_away_are_replayed_when_it_resumes(
    team: Team, end: Callable[[DiscordDouble], Awaitable[None]]
) -> None:
    await team.plan()
    async with running(team):
        await alive(team)
        message = await head(team)
        await vote(team, team.ada, message)
        await end(team.double)
        await vote(team, team.admin, message)
        await eventually(lambda: counted(team, 2))
        await alive(team)
    assert sum(frame.op == 2 for frame in team.double.received) == 1  # one IDENTIFY
    assert any(frame.op == 6 for frame in team.double.received)


async def counted(team: Team, votes: int) -> bool:
    return await up(team) == votes


async def lost(double: DiscordDouble) -> None:
    await double.drop_gateway(resumable=False)


async def invalid(double: DiscordDouble) -> None:
    await double.invalidate_session(resumable=False)


@pytest.mark.parametrize("end", [lost, invalid])
async def test_votes_that_a_lost_session_never_tells_of_are_read_again(
    team: Team, end: Callable[[DiscordDouble], Awaitable[None]]
) -> None:
    await team.plan()
    async with running(team):
        await alive(team)
        message = await head(team)
        await vote(team, team.ada, message)
        await eventually(lambda: counted(team, 1))
        await end(team.double)
        await team.double.unreact(team.ada, message, "1️⃣")
        await vote(team, team.admin, message)
        extra = team.double.guild.add_user("extra")
        await vote(team, extra, message)
        await alive(team)
        await eventually(lambda: counted(team, 2))


@pytest.mark.parametrize(
    ("route", "fault", "times"),
    [
        ("GET /users/@me", Reset(), 4),  # the network fails at login
        ("GET /oauth2/applications/@me", ServerError(503), 2),
        ("GET /gateway/bot", Reset(), 2),
        (GATEWAY, Reset(), 1),  # the first connect fails: AttributeError of discord.py
        (GATEWAY, ServerError(503), 2),
    ],
)
async def test_a_bot_that_cannot_connect_at_first_lives(
    team: Team, route: str, fault: Reset | ServerError, times: int
) -> None:
    team.double.fault(route, fault, times=times)
    async with running(team):
        await alive(team)


async def test_an_event_of_unknown_shape_ends_the_session_and_not_the_bot(team: Team) -> None:
    async with running(team):
        await alive(team)
        await team.double.send_raw_event("GUILD_CREATE", {"unheard": "of"})
        await eventually(lambda: sessions(team, 2))
        await alive(team)


async def sessions(team: Team, number: int) -> bool:
    return team.connections >= number


async def test_a_gateway_that_lets_nobody_resume_is_left_after_a_while(team: Team) -> None:
    """discord.py would try for ever."""
    async with running(team, silence=1.5):
        await alive(team)
        team.double.fault(GATEWAY, ServerError(503), times=1_000)
        await team.double.drop_gateway(resumable=True)
        await asyncio.sleep(2)
        team.double.clear_faults()
        await eventually(lambda: sessions(team, 2), 30)
        await alive(team)


async def test_a_gateway_that_falls_silent_is_left_after_a_while(team: Team) -> None:
    async with running(team, silence=1.0):
        await alive(team)
        await eventually(lambda: sessions(team, 2), 30)
        await alive(team)


@pytest.mark.parametrize(
    ("code", "words"),
    [(4004, "does not accept DISCORD_TOKEN"), (4014, "privileged intents")],
)
async def test_what_only_a_setting_mends_ends_the_start_with_the_cure(
    team: Team, code: int, words: str
) -> None:
    async with running(team) as bot:
        await alive(team)
        await team.double.drop_gateway(code=code)
        with pytest.raises(ConfigError, match=words):
            await asyncio.wait_for(bot.task, 10)


async def test_the_fall_of_discord_is_nothing_to_the_other_platform(team: Team) -> None:
    other = FakeChat(platform="slack")
    team.double.fault("GET /users/@me", Reset(), times=10_000)
    async with running(team, beside=other) as bot:
        await eventually(lambda: is_down(bot.app))
        assert bot.app.health.platforms["slack"] == "up"
        team.double.clear_faults()
        await alive(team)
        assert bot.app.health.platforms == {"slack": "up", "discord": "up"}


async def is_down(app: App) -> bool:
    return app.health.platforms.get("discord", "").startswith("down")


async def test_the_last_sessions_of_a_day_are_left_to_people(team: Team) -> None:
    team.double.leave_sessions(SPARE - 1)
    async with running(team) as bot:
        await eventually(lambda: is_down(bot.app))
        assert "sessions are left" in bot.app.health.platforms["discord"]
        assert team.connections == 0
        team.double.leave_sessions(1_000)
        await alive(team)


@pytest.mark.parametrize(
    "fault",
    [
        Reset(),
        Reset(after_effect=True),
        ServerError(502),
        ServerError(503),
        ServerErrorAfterEffect(500),
        ServerErrorAfterEffect(503),
    ],
)
async def test_no_trouble_on_the_way_posts_anything_twice(
    team: Team, fault: Reset | ServerError | ServerErrorAfterEffect
) -> None:
    await team.plan()
    team.double.fault(CREATE, fault, times=2)
    async with running(team):
        await eventually(lambda: whole(team), 30)
    assert len(team.double.messages(team.channel)) == 1
    (first,) = team.double.messages(team.channel)
    assert len(team.double.messages(first.id)) == 1 + len(PAPERS)


async def whole(team: Team) -> bool:
    deliveries = await team.store.deliveries(team.slot)
    return all(each.ref for each in deliveries)


async def test_limits_are_waited_out_and_nothing_is_lost_or_doubled() -> None:
    """Buckets of a channel, and the limit on all calls, which Discord does not announce."""
    async with DiscordDouble(
        enforce_limits=True, message_limit=(5, 0.5), global_limit=(50, 1.0)
    ) as double:
        channels = [double.guild.add_text(f"papers-{number}") for number in range(4)]
        adapter = DiscordAdapter(DiscordSettings(token=SecretStr(double.token)), pauses=(0, 0))

        async def post(number: int, channel: Channel) -> None:
            ref, key = channel_ref(double.guild.id, channel.id), f"{channel.id:032}{number:032}"
            key = hashlib.sha256(key.encode()).hexdigest()
            await adapter.post(ref, sentence_reply(f"number {number}"), key=key)

        with double.redirect():
            serving = asyncio.create_task(adapter.serve(Inert()))
            try:
                await double.until(lambda: bool(double.received), what="the bot")
                await asyncio.gather(
                    *(post(number, channel) for channel in channels for number in range(12))
                )
            finally:
                serving.cancel()
                with suppress(asyncio.CancelledError):
                    await serving
        for channel in channels:
            texts = [each.text for each in double.messages(channel)]
            assert sorted(texts) == sorted(f"number {number}" for number in range(12))


class Inert:
    """An inbox that nothing arrives in."""

    @asynccontextmanager
    async def turn(self, _: str) -> AsyncIterator[None]:
        yield

    async def missed(self, message: MessageRef | None = None) -> None:
        pass
