"""The whole bot: Hugging Face, Slack and Discord on loopback, the real SDKs, state on disk."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console

from adapters.console.app import ConsoleAdapter
from adapters.console.ids import CHANNEL
from adapters.discord.ids import channel_ref as discord_channel
from adapters.slack.ids import channel_ref as slack_channel
from adapters.storage import folder_of
from bot.app import App, build, configured_adapters
from bot.doctor import examine
from bot.domain.channels import ChannelRef
from bot.domain.errors import ConfigError
from bot.domain.papers import PaperId
from config.settings import (
    DiscordSettings,
    HuggingFaceSettings,
    Settings,
    SlackSettings,
    StoreSettings,
)
from tests.doubles.discord import DiscordDouble, MessageView
from tests.doubles.huggingface import HuggingFaceDouble, status
from tests.doubles.slack import SlackDouble
from tests.examples import paper

DAY = date(2026, 5, 7)
NOON = datetime(2026, 5, 8, 12, tzinfo=UTC)
PAPERS = 4
MESSAGES = PAPERS + 1


@dataclass(slots=True)
class World:
    """Everything outside the bot, which outlives it."""

    hub: HuggingFaceDouble
    slack: SlackDouble
    discord: DiscordDouble
    settings: Settings
    screen: io.StringIO
    offset: timedelta = timedelta()

    def now(self) -> datetime:
        return NOON + self.offset

    @asynccontextmanager
    async def running(self) -> AsyncIterator[App]:
        """Run the bot, as ``daily-papers run --console`` does."""
        console = Console(file=self.screen, width=80)
        log = folder_of(self.settings.store.address) / "console.jsonl"
        adapters = configured_adapters(self.settings)
        adapters["console"] = ConsoleAdapter(console, clock=self.now, log=log)
        async with build(self.settings, adapters=adapters, clock=self.now) as app:
            task = asyncio.create_task(app.run())
            try:
                await self.slack.connected()
                await self.discord.until(lambda: bool(self.discord.commands), what="commands")
                yield app
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    listed = [paper(number, upvotes=50 - number) for number in range(1, PAPERS + 1)]
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(HuggingFaceDouble({DAY: listed}))
        slack = await stack.enter_async_context(SlackDouble())
        discord = await stack.enter_async_context(DiscordDouble())
        stack.enter_context(discord.redirect())
        settings = Settings(
            _env_file=None,
            slack=SlackSettings(
                bot_token=SecretStr(slack.bot_token),
                app_token=SecretStr(slack.app_token),
                api_url=slack.base_url,
            ),
            discord=DiscordSettings(token=SecretStr(discord.token)),
            hf=HuggingFaceSettings(api_url=hub.url),
            store=StoreSettings(url=f"tinydb://{tmp_path / 'state'}"),
        )
        yield World(hub, slack, discord, settings, io.StringIO())


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds of the bot's state; it has ten seconds."""
    async with asyncio.timeout(10):
        while not await true():
            await asyncio.sleep(0.02)


async def posted(app: App, channel: ChannelRef) -> bool:
    receipts = await app.store.receipts(channel)
    return bool(receipts) and receipts[0].posted == PAPERS


def in_thread(discord: DiscordDouble, thread: int) -> list[MessageView]:
    """Return what the bot posted in a thread; Discord itself begins it with an empty message."""
    return [each for each in discord.messages(thread) if each.nonce]


async def test_a_batch_reaches_every_platform_once_and_votes_count_everywhere(
    world: World,
) -> None:
    slack, discord = world.slack, world.discord
    ann, papers = slack.workspace.add_user("ann"), slack.workspace.add_channel("papers")
    guild = discord.guild
    room = guild.add_text("papers")
    bob = guild.add_user("bob")
    in_slack = slack_channel(slack.workspace.team_id, papers.id)
    in_discord = discord_channel(guild.id, room.id)
    settled = {"at": "settled", "weekdays": "daily"}

    async with world.running() as app:
        await slack.slash(ann.id, papers.id, "/papers", "subscribe --at settled --weekdays daily")
        await discord.slash(guild.owner, room, "papers-admin", "subscribe", settled)
        console = app.adapters["console"]
        assert isinstance(console, ConsoleAdapter)
        await console.say("/papers subscribe --at settled --weekdays daily", app.inbox)
        for channel in (in_slack, in_discord, CHANNEL):
            await until(lambda channel=channel: posted(app, channel))

        head, *replies = slack.messages(papers.id)
        assert [each.thread_ts for each in replies] == [head.ts] * PAPERS
        (message,) = discord.messages(room)
        assert message.thread_id is not None
        assert len(in_thread(discord, message.thread_id)) == PAPERS
        assert "Paper 1" in world.screen.getvalue()

        best = PaperId.parse("arxiv:2605.00001")
        await slack.react(ann.id, papers.id, replies[0].ts, "+1")
        await discord.react(bob, message.id, "1️⃣")
        await console.say("react 2 👍", app.inbox)
        for channel in (in_slack, in_discord, CHANNEL):

            async def counted(channel: ChannelRef = channel) -> bool:
                return (await app.store.tallies(channel)).get(best) is not None

            await until(counted)
            assert (await app.store.tallies(channel))[best].up == 1

        asked = await slack.slash(ann.id, papers.id, "/papers", "search paper 2")
        assert "Paper 2" in str((await asked.answer()).blocks)
        answered = await discord.slash(bob, room, "papers", "summarize", {"paper": "#1"})
        assert "Paper 1" in (await answered.answer()).text

    async with world.running() as app:
        await app.scheduler.catch_up()
        await app.scheduler.repair()
        assert (await app.store.tallies(in_slack))[best].up == 1
        assert (await app.store.tallies(in_discord))[best].up == 1
        await slack.unreact(ann.id, papers.id, replies[0].ts, "+1")

        async def none_left() -> bool:
            return best not in await app.store.tallies(in_slack)

        await until(none_left)
    assert len(slack.messages(papers.id)) == MESSAGES
    assert len(discord.messages(room)) == 1
    assert len(in_thread(discord, message.thread_id)) == PAPERS


async def test_the_next_day_brings_the_next_batch_and_nothing_twice(world: World) -> None:
    slack = world.slack
    ann, papers = slack.workspace.add_user("ann"), slack.workspace.add_channel("papers")
    channel = slack_channel(slack.workspace.team_id, papers.id)
    async with world.running() as app:
        asked = await slack.slash(
            ann.id, papers.id, "/papers", "subscribe --at 12:30 --layout list"
        )
        await asked.answer()
        world.offset = timedelta(hours=1)
        await app.scheduler.fire(channel)
        assert await posted(app, channel)
        await app.scheduler.fire(channel)
    world.hub.days[date(2026, 5, 8)] = [paper(1), paper(9, upvotes=3)]
    world.offset = timedelta(days=3, hours=1)  # over the weekend, with the bot down
    async with world.running() as app:
        await until(lambda: _posted_number(app, channel, 1))
    first, second = slack.messages(papers.id)
    assert "Paper 4" in str(first.blocks)
    assert "Paper 9" in str(second.blocks)
    assert "1. Paper 1" not in second.text


async def _posted_number(app: App, channel: ChannelRef, number: int) -> bool:
    receipts = await app.store.receipts(channel)
    return bool(receipts) and receipts[0].slot.day > NOON.date() and receipts[0].posted == number


async def test_one_platforms_wrong_token_ends_the_start_with_the_cure(world: World) -> None:
    wrong = world.settings.slack.model_copy(update={"bot_token": SecretStr("xoxb-wrong")})
    settings = world.settings.model_copy(update={"slack": wrong})
    async with build(settings, clock=world.now) as app:
        with pytest.raises(ConfigError, match="SLACK_BOT_TOKEN") as caught:
            await app.run()
    assert "xoxb-wrong" not in str(caught.value)


async def test_a_digest_that_a_silent_source_held_up_comes_when_it_answers(world: World) -> None:
    slack = world.slack
    ann, papers = slack.workspace.add_user("ann"), slack.workspace.add_channel("papers")
    channel = slack_channel(slack.workspace.team_id, papers.id)
    world.hub.faults.extend([status(503, "busy")] * 60)
    async with world.running() as app:
        await slack.slash(ann.id, papers.id, "/papers", "subscribe --at 12:30")
        await until(lambda: _unread(app))
        world.offset = timedelta(hours=1)
        await app.scheduler.fire(channel)
        (receipt,) = await app.store.receipts(channel)
        assert "huggingface did not answer" in receipt.note
        world.hub.faults.clear()
        await app.scheduler.poll()
        assert await posted(app, channel)


async def _unread(app: App) -> bool:
    return bool(app.scheduler.runs.unread)


async def test_a_source_that_fails_is_no_reason_to_stop(world: World) -> None:
    world.hub.days.clear()
    slack = world.slack
    ann, papers = slack.workspace.add_user("ann"), slack.workspace.add_channel("papers")
    async with world.running():
        asked = await slack.slash(ann.id, papers.id, "/papers", "today")
        assert "Nothing is listed" in str((await asked.answer()).blocks)


async def test_the_doctor_finds_everything_well_or_says_what_is_not(world: World) -> None:
    found = await examine(world.settings, offline=False, now=world.now())
    assert [each.what for each in found if not each.ok] == []
    wrong = world.settings.slack.model_copy(update={"bot_token": SecretStr("xoxb-wrong")})
    settings = world.settings.model_copy(update={"slack": wrong})
    found = await examine(settings, offline=False, now=world.now())
    (failed,) = (each for each in found if not each.ok)
    assert failed.what == "slack"
    assert failed.cure
