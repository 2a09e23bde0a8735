"""A database that is gone for a while: a real server that crashes, and the whole bot beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from adapters.discord.ids import channel_ref as discord_channel
from adapters.slack.ids import channel_ref as slack_channel
from adapters.storage.postgres import PostgresStore
from bot.app import App, build
from bot.domain.channels import ChannelRef, Layout, Schedule, Weekday
from bot.domain.votes import Tally
from bot.services.health import UP, Condition
from config.settings import DiscordSettings, HealthSettings, Settings, SlackSettings
from tests.doubles.discord import DiscordDouble
from tests.doubles.postgres import PostgresCluster
from tests.doubles.slack import SlackDouble
from tests.examples import paper, paper_id, subscription
from tests.fakes import FakeSource

TEN_MINUTES = timedelta(minutes=10)
BEHIND = timedelta(minutes=1)
"""What is due soon is due at once, for the jobs' clock is the machine's, which is ahead."""

LEASE = 1.0
"""Seconds; the server is gone for longer than that, so that every right is lost."""

PATIENCE = 60.0
"""Seconds to wait for what has gone wrong for good."""


@dataclass(slots=True)
class World:
    """Everything outside the bot, which sees the database go and come back ten minutes later."""

    cluster: PostgresCluster
    slack: SlackDouble
    discord: DiscordDouble
    settings: Settings
    store: PostgresStore
    behind: timedelta = BEHIND + TEN_MINUTES

    def now(self) -> datetime:
        return datetime.now(UTC) - self.behind

    async def subscribe(self, channel: ChannelRef, due: timedelta) -> None:
        """Order a digest that is due so long from now."""
        at = (self.now() + due).time()
        order = subscription(
            channel,
            created_at=self.now() - timedelta(hours=1),
            schedule=Schedule(at.replace(second=0, microsecond=0), "UTC", tuple(Weekday)),
            layout=Layout.LIST,
        )
        await self.store.save_subscription(order)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[App]:
        day = (self.now() - timedelta(days=3)).date()
        sources = {"huggingface": FakeSource({day: [paper(1), paper(2)]})}
        async with build(self.settings, store=self.store, sources=sources, clock=self.now) as app:
            app.look_every = 0.1
            task = asyncio.create_task(app.run())
            try:
                yield app
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    @asynccontextmanager
    async def without_database(self) -> AsyncIterator[None]:
        await asyncio.to_thread(self.cluster.stop, "immediate")
        try:
            yield
            self.behind -= TEN_MINUTES
        finally:
            await asyncio.to_thread(self.cluster.start)

    def told(self) -> str:
        """Return what the health file says of the store."""
        assert self.settings.health.file
        try:
            return str(json.loads(self.settings.health.file.read_text())["health"]["store"])
        except FileNotFoundError:
            return ""

    async def counted(self, channel: ChannelRef, first: int, second: int) -> None:
        """Wait until the first and the second paper have so many votes."""
        async with asyncio.timeout(PATIENCE):
            while True:
                tallies = await self.store.tallies(channel)
                votes = [tallies.get(paper_id(n), Tally()).up for n in (1, 2)]
                if votes == [first, second]:
                    return
                await asyncio.sleep(0.05)


@pytest.fixture
async def world(tmp_path: Path, postgres: PostgresCluster) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
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
            health=HealthSettings(file=tmp_path / "health.json"),
        )
        store = await PostgresStore.open(await postgres.created(), lease_seconds=LEASE)
        stack.push_async_callback(store.close)
        yield World(postgres, slack, discord, settings, store)


async def until(true: Callable[[], object]) -> None:
    """Wait until something holds of the doubles, or of what the bot says of itself."""
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.02)


async def test_a_database_that_is_gone_for_ten_minutes_costs_no_vote_and_no_digest(
    world: World,
) -> None:
    slack, team = world.slack, world.slack.workspace
    discord, guild = world.discord, world.discord.guild
    ann, bob = team.add_user("ann"), team.add_user("bob")
    early, late = team.add_channel("early"), team.add_channel("late")
    early_room, late_room = guild.add_text("early"), guild.add_text("late")
    cid = guild.add_user("cid")
    voted_in = slack_channel(team.team_id, early.id)
    voted_in_room = discord_channel(guild.id, early_room.id)
    owed = slack_channel(team.team_id, late.id)
    await world.subscribe(voted_in, -TEN_MINUTES / 2)
    await world.subscribe(voted_in_room, -TEN_MINUTES / 2)
    await world.subscribe(owed, TEN_MINUTES / 2)
    await world.subscribe(discord_channel(guild.id, late_room.id), TEN_MINUTES / 2)

    async with world.running() as app:
        await until(lambda: slack.messages(early.id) and discord.messages(early_room))
        await until(lambda: discord.sessions and slack.calls_of("reactions.get"))  # jobs run
        assert (app.health.condition, world.told()) == (Condition.OK, "up")
        (message,) = slack.messages(early.id)
        await slack.react(ann.id, early.id, message.ts, "one")
        await world.counted(voted_in, 1, 0)

        async with world.without_database():
            await until(lambda: world.told().startswith("down: PostgreSQL"))
            assert app.health.condition is Condition.DEGRADED
            await slack.unreact(ann.id, early.id, message.ts, "one")
            await slack.react(ann.id, early.id, message.ts, "two")
            await slack.react(bob.id, early.id, message.ts, "two")
            asked = await slack.slash(ann.id, early.id, "/papers", "top")
            assert "cannot do this at the moment" in str((await asked.answer()).blocks)
            await app.scheduler.fire(owed)
            (shown,) = discord.messages(early_room)
            await discord.react(cid, shown.id, "1️⃣")
            await until(lambda: app.health.platforms["discord"] != UP)  # its right is lost
            await discord.react(cid, shown.id, "2️⃣")  # nobody hears it

        await until(lambda: slack.messages(late.id) and discord.messages(late_room))
        await world.counted(voted_in, 0, 2)
        await world.counted(voted_in_room, 1, 1)
        await until(lambda: app.health.condition is Condition.OK)
        assert world.told() == "up"
        await app.scheduler.catch_up()
    assert [len(slack.messages(each.id)) for each in (early, late)] == [1, 1]
    assert [len(discord.messages(each)) for each in (early_room, late_room)] == [1, 1]
