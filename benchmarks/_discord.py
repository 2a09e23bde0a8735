"""A Discord in a process of its own, and what brings digests to it."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from multiprocessing.connection import Connection
from typing import Any

from pydantic import SecretStr

from adapters.discord.app import DiscordAdapter
from adapters.discord.ids import channel_ref
from adapters.storage.memory import MemoryStore
from benchmarks._papers import papers
from bot.domain.channels import ChannelRef, Layout, Subscription, UserRef
from bot.domain.deliveries import Slot
from bot.domain.errors import TryLater
from bot.domain.papers import Batch, BatchKey
from bot.services.deliveries import deliver
from bot.services.digest import plan_digest
from config.settings import DiscordSettings
from tests.doubles.discord import Channel, DiscordDouble, redirected

PAPERS = 10
NOW = datetime(2026, 5, 7, 12, tzinfo=UTC)
DAY = date(2026, 5, 7)
POSTS = frozenset(
    {
        "POST /channels/{channel_id}/messages",
        "POST /channels/{channel_id}/messages/{message_id}/threads",
    }
)


@dataclass(frozen=True, slots=True)
class Counted:
    """What the double saw.

    Attributes:
        messages: In all.
        wrong: Channels that do not hold one digest as planned.
        refused: Calls that came too fast.
        seconds: From the first call that was let through to the last, logging in apart.
    """

    messages: int
    wrong: int
    refused: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.messages / self.seconds


@dataclass(frozen=True, slots=True)
class Discord:
    """Where the double is, and the channels in it."""

    api_url: str
    gateway_url: str
    token: str
    channels: Sequence[ChannelRef]
    line: Connection

    def counted(self) -> Counted:
        """End the double; return what it saw."""
        self.line.send("enough")
        return self.line.recv()

    def archive(self) -> None:
        """Let threads come of the age at which Discord archives them."""
        self.line.send("archive")
        self.line.recv()


# The double


@contextmanager
def elsewhere(channels: int, **settings: Any) -> Iterator[Discord]:
    """Run a double with so many channels in another process, and point discord.py at it."""
    start = multiprocessing.get_context("spawn")
    here, there = start.Pipe()
    process = start.Process(target=_serve, args=(there, channels, settings))
    process.start()
    try:
        api_url, gateway_url, token, guild, made = here.recv()
        refs = [channel_ref(guild, each) for each in made]
        with redirected(api_url, gateway_url):
            yield Discord(api_url, gateway_url, token, refs, here)
    finally:
        process.join(10)
        process.kill()


def _serve(line: Connection, channels: int, settings: dict[str, Any]) -> None:
    asyncio.run(_discord(line, channels, settings))


async def _discord(line: Connection, channels: int, settings: dict[str, Any]) -> None:
    """Be Discord until asked what came."""
    async with DiscordDouble(**settings) as double:
        made = [double.guild.add_text(f"papers{number}") for number in range(channels)]
        ids = [each.id for each in made]
        line.send((double.api_url, double.gateway_url, double.token, double.guild.id, ids))
        while await asyncio.to_thread(line.recv) != "enough":
            for thread in [each for each in double.guild.threads.values() if not each.archived]:
                await double.archive(thread)
            line.send("archived")
        calls = [each for each in double.requests if each.route in POSTS]
        times = [each.time for each in calls if each.status == 200]
        line.send(
            Counted(
                sum(each.status == 200 and not each.template.endswith("threads") for each in calls),
                sum(not _is_right(double, each) for each in made),
                sum(each.status == 429 for each in double.requests),
                max(times) - min(times),
            )
        )


def _is_right(double: DiscordDouble, channel: Channel) -> bool:
    """Tell whether a channel holds a head, and its thread all papers, each once."""
    heads = double.messages(channel)
    if len(heads) != 1 or heads[0].thread_id is None:
        return False
    papers = [each for each in double.messages(heads[0].thread_id) if each.components]
    return len(papers) == len({each.text for each in papers}) == PAPERS


# Us


class Nobody:
    """An inbox for which nobody acts."""

    def turn(self, name: str) -> nullcontext[None]:
        return nullcontext()


@asynccontextmanager
async def connected(double: Discord) -> AsyncIterator[DiscordAdapter]:
    """Run an adapter that is connected."""
    adapter = DiscordAdapter(DiscordSettings(token=SecretStr(double.token)))
    serving = asyncio.create_task(adapter.serve(Nobody()))  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(10):
            while not await _is_ready(adapter, double.channels[0]):  # noqa: ASYNC110 - none tells
                await asyncio.sleep(0.05)
        yield adapter
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def _is_ready(adapter: DiscordAdapter, channel: ChannelRef) -> bool:
    try:
        await adapter.check(channel)
    except TryLater:
        return False
    return True


async def carry(adapter: DiscordAdapter, channels: Sequence[ChannelRef], day: date) -> None:
    """Deliver a day's digest to all channels at once."""
    store, batch = MemoryStore(), listed(day)
    await store.save_batch(batch, NOW)

    async def one(channel: ChannelRef) -> None:
        plan = plan_digest(order(channel), day, [batch], {}, now=NOW)
        await store.plan(plan.deliveries, plan.receipt)
        outcome = None
        while outcome is None or not outcome.done:
            outcome = await deliver(
                Slot(channel, day), store=store, adapter=adapter, clock=lambda: datetime.now(UTC)
            )

    await asyncio.gather(*map(one, channels))


def listed(day: date) -> Batch:
    return Batch(BatchKey("huggingface", day), tuple(papers(PAPERS)))


def order(channel: ChannelRef) -> Subscription:
    owner = UserRef(channel.platform, channel.workspace, "1")
    return Subscription(channel, owner, NOW, layout=Layout.THREAD, limit=PAPERS)
