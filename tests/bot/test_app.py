"""How the app keeps its platforms running."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapters.storage.memory import MemoryStore
from bot.app import build
from bot.domain.channels import Layout, Schedule, Weekday
from bot.domain.errors import ConfigError, StoreError, TryLater, Unreachable
from bot.ports import Inbox
from config.settings import Settings
from tests.examples import NOW, batch, subscription
from tests.fakes import Clock, FakeChat


class Failing(FakeChat):
    """Serves for a while, then says that it is set up wrongly; the next time it leaves."""

    def __init__(self, lasts: timedelta) -> None:
        super().__init__("slack")
        self.lasts = lasts
        self.now = NOW
        self.served = 0

    def clock(self) -> datetime:
        return self.now

    async def serve(self, inbox: Inbox) -> None:
        self.served += 1
        if self.served == 1:
            self.now += self.lasts
            raise ConfigError("SLACK_BOT_TOKEN is no longer valid: renew it")


async def ran(chat: Failing) -> None:
    settings = Settings(_env_file=None)
    adapters = {chat.platform: chat}
    async with build(
        settings, store=MemoryStore(), sources={}, adapters=adapters, clock=chat.clock
    ) as app:
        await app.run()


async def test_a_platform_that_cannot_work_as_set_up_ends_the_start() -> None:
    chat = Failing(timedelta(seconds=1))
    with pytest.raises(ConfigError, match="SLACK_BOT_TOKEN"):
        await ran(chat)


async def test_a_platform_whose_token_ends_after_days_is_tried_again_and_stops_nothing() -> None:
    chat = Failing(timedelta(days=10))
    await ran(chat)
    assert chat.served == 2


class Deaf(FakeChat):
    """Does not hear that it is cancelled, as libraries sometimes do not, and fails instead."""

    async def serve(self, inbox: Inbox) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        raise TryLater(self.platform, "the connection ended")


async def test_a_platform_that_does_not_hear_the_end_ends_all_the_same() -> None:
    chat = Failing(timedelta(seconds=1))
    adapters = {"slack": chat, "discord": Deaf("discord")}
    async with build(
        Settings(_env_file=None), store=MemoryStore(), sources={}, adapters=adapters,
        clock=chat.clock,
    ) as app:  # fmt: skip
        async with asyncio.timeout(10):
            with pytest.raises(ConfigError):
                await app.run()


class Flaky(FakeChat):
    """Fails at once, except in the attempts of which it is told how long they last."""

    def __init__(self, platform: str, clock: Clock, lasting: Mapping[int, timedelta]) -> None:
        super().__init__(platform)
        self.time = clock
        self.lasting = lasting
        self.served = 0

    async def serve(self, inbox: Inbox) -> None:
        self.served += 1
        lasts = self.lasting.get(self.served, timedelta())
        if lasts == timedelta.max:
            await asyncio.Event().wait()
        self.time.now += lasts
        raise TryLater(self.platform, "cannot be reached")


async def minutes_until_it_ends(clock: Clock, *chats: Flaky, most: int = 600) -> float | None:
    """Run until the bot gives up, or until so many minutes have passed in its own time."""
    adapters = {chat.platform: chat for chat in chats}

    async def sleep(seconds: float) -> None:
        clock.now += timedelta(seconds=seconds)
        await asyncio.sleep(0 if clock.now - NOW < timedelta(minutes=most) else 3600)

    settings = Settings(_env_file=None)
    async with build(
        settings, store=MemoryStore(), sources={}, adapters=adapters, clock=clock
    ) as app:
        app.sleep = sleep
        running = asyncio.create_task(app.run())
        await until(lambda: running.done() or clock.now - NOW > timedelta(minutes=most))
        if not running.done():
            running.cancel()
            await asyncio.wait([running])
            return None
        with pytest.raises(Unreachable, match="slack down: slack: cannot be reached"):
            await running
        return (clock.now - NOW) / timedelta(minutes=1)


async def test_a_bot_that_nobody_reaches_for_half_an_hour_makes_room_for_a_fresh_one() -> None:
    clock = Clock(NOW)
    ended = await minutes_until_it_ends(clock, Flaky("slack", clock, {}))
    assert ended
    assert 30 <= ended < 40  # attempts are minutes apart by then


async def test_a_platform_that_is_down_for_hours_ends_nothing_while_another_is_up() -> None:
    clock = Clock(NOW)
    discord = Flaky("discord", clock, {1: timedelta.max})
    slack = Flaky("slack", clock, {})
    assert await minutes_until_it_ends(clock, slack, discord) is None
    assert discord.served == 1
    assert slack.served > 50


async def test_half_an_hour_is_counted_from_when_the_last_platform_went_down() -> None:
    clock = Clock(NOW)
    discord = Flaky("discord", clock, {1: timedelta(minutes=60)})
    ended = await minutes_until_it_ends(clock, Flaky("slack", clock, {}), discord)
    assert ended
    assert 90 <= ended < 100


async def test_a_platform_that_comes_back_in_between_starts_the_half_hour_anew() -> None:
    clock = Clock(NOW)
    ended = await minutes_until_it_ends(
        clock, Flaky("slack", clock, {5: timedelta(minutes=10), 6: timedelta(minutes=1)})
    )
    assert ended
    assert 40 <= ended < 55


class Vanishing(MemoryStore):
    """A store that can be out of reach as a whole."""

    gone = False

    def __getattribute__(self, name: str) -> object:
        verb = super().__getattribute__(name)
        if name.startswith("_") or name in ("gone", "lease_seconds", "close", "replica"):
            return verb

        async def asked(*args: object, **fields: object) -> object:
            if self.gone:
                raise StoreError("PostgreSQL at 127.0.0.1:5432 is out of reach")
            return await verb(*args, **fields)  # type: ignore[operator]

        return asked


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_store_that_vanishes_for_a_while_degrades_the_bot_and_loses_nothing(
    tmp_path: Path,
) -> None:
    file = tmp_path / "health.json"

    def told() -> str:
        return str(json.loads(file.read_text())["health"]["store"]) if file.exists() else ""

    store, chat, clock = Vanishing(), FakeChat(), Clock(NOW - timedelta(minutes=10))
    order = subscription(
        created_at=NOW - timedelta(hours=1),
        layout=Layout.LIST,
        schedule=Schedule(NOW.time(), "UTC", tuple(Weekday)),
    )
    await store.save_subscription(order)
    await store.save_batch(batch(), clock())
    adapters = {"slack": chat}
    settings = Settings(_env_file=None)
    async with build(settings, store=store, sources={}, adapters=adapters, clock=clock) as app:
        app.look_every = 0.01
        running = asyncio.create_task(app.run())
        await until(lambda: told() == "up" and app.scheduler._jobs.running)  # a start needs it
        store.gone = True
        await until(lambda: "out of reach" in told())
        assert app.health.condition == "degraded"
        clock.now = NOW + timedelta(minutes=10)  # the hour of the digest passes meanwhile
        await app.scheduler.fire(order.channel)
        assert chat.posts == []
        store.gone = False
        await until(lambda: chat.posts and app.health.condition == "ok")
        running.cancel()
        await asyncio.wait([running])
    assert len(chat.posts) == 1
