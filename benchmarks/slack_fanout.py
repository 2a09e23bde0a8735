"""Digests for many Slack channels at once, against a loop that posts and sleeps a second.

1,000 channels take ``--full``, or BENCH_FULL=1 in the environment, and five minutes. Slack is a
double in a process of its own that refuses what is too fast. For many channels, it and the bot both
count seconds that are shorter than real ones, by one factor: else this would take half an hour.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from multiprocessing.connection import Connection

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from structlog.testing import capture_logs

from adapters.slack._pace import LIMITS
from adapters.slack.app import SlackAdapter
from adapters.slack.ids import channel_ref
from adapters.slack.render import post_body
from adapters.storage.memory import MemoryStore
from benchmarks._papers import papers
from bot.cards import digest_message
from bot.domain.channels import ChannelRef, Layout, Subscription, UserRef
from bot.domain.deliveries import Slot
from bot.domain.papers import Batch, BatchKey
from bot.services.deliveries import deliver
from bot.services.digest import plan_digest
from config.settings import SlackSettings
from tests.doubles.slack import SlackDouble

FEW, MANY, ALL = 5, 100, 1_000
FASTER = 5
"""So many seconds of Slack's pass in one of ours, for many channels."""

PEER = 2
"""Channels of the peer; its rate does not depend on how many there are."""

PAPERS = 10
NOW = datetime(2026, 5, 7, 12, tzinfo=UTC)
DAY = date(2026, 5, 7)


@dataclass(frozen=True, slots=True)
class Counted:
    """What the double saw: messages in all, channels not as planned, posts refused."""

    messages: int
    wrong: int
    refused: int


@dataclass(frozen=True, slots=True)
class Measured:
    """How long it took, in Slack's seconds, our milliseconds of processor, and what came of it."""

    seconds: float
    milliseconds: float
    counted: Counted

    @property
    def rate(self) -> float:
        return self.counted.messages / self.seconds


@dataclass(frozen=True, slots=True)
class Slack:
    """Where the double is, how fast its clock goes, and the channels in it."""

    faster: int
    url: str
    token: str
    app_token: str
    team: str
    channels: Sequence[str]

    async def sleep(self, seconds: float) -> None:
        """Wait so many of Slack's seconds."""
        await asyncio.sleep(seconds / self.faster)


Work = Callable[[Slack], Coroutine[None, None, tuple[float, float]]]


def run(screen: Console) -> None:
    full = "--full" in sys.argv or os.environ.get("BENCH_FULL") == "1"
    head = ("channels", "messages", "clocks", "msg/s", "of allowed", "CPU ms", "429", "wrong")
    table = Table("by", *head)
    factors = {FEW: 1, ALL if full else MANY: FASTER}
    with capture_logs():  # a line for each digest
        ours = {number: _measured(_ours, number, faster) for number, faster in factors.items()}
        peer = _measured(_peer, PEER, 1)
    for number, measured in ours.items():
        share = _least(number) / measured.seconds
        table.add_row("us", f"{number:,}", *_figures(measured, factors[number], f"{share:.3f}"))
    table.add_row("loop", f"{PEER:,}", *_figures(peer, 1, "—"))
    screen.print(table)
    for number, measured in ours.items():
        screen.print(f"{number:,} channels, ours over the loop: {measured.rate / peer.rate:.1f}")
    rate = 1 / LIMITS.workspace_seconds
    screen.print(f"allowed: a post a second and channel, {rate:g} a second in all; aim: 0.95 of it")
    screen.print("CPU ms: the poster's, a message; wrong: channels that lack or double any")
    screen.print("clocks: so many times Slack's pace, the double's as well; msg/s at Slack's")


def _figures(measured: Measured, faster: int, share: str) -> Sequence[str]:
    counted = measured.counted
    return (
        f"{counted.messages:,}",
        f"× {faster}",
        f"{measured.rate:.2f}",
        share,
        f"{measured.milliseconds / counted.messages:.1f}",
        f"{counted.refused}",
        f"{counted.wrong}",
    )


def _least(channels: int) -> float:
    """Return Slack's seconds from first to last post, if its limits are used to the full."""
    each, steps = PAPERS * LIMITS.channel_seconds, channels * (PAPERS + 1) - 1
    return max(each, steps * LIMITS.workspace_seconds)


# The double


def _serve(line: Connection, channels: int, faster: int) -> None:
    """Be Slack for so many channels until asked what came."""
    asyncio.run(_slack(line, channels, faster))


async def _slack(line: Connection, channels: int, faster: int) -> None:
    apart = (LIMITS.channel_seconds / faster, LIMITS.workspace_seconds / faster)
    async with SlackDouble(enforce_limits=True, posts_apart=apart) as slack:
        made = [slack.workspace.add_channel(f"papers{number}").id for number in range(channels)]
        line.send((slack.base_url, slack.bot_token, slack.app_token, slack.workspace.team_id, made))
        await asyncio.to_thread(line.recv)
        stored = [slack.messages(channel) for channel in made]
        messages = sum(map(len, stored))
        wrong = 0
        for found in stored:
            heads = [found[0].ts] * PAPERS if found else []
            texts = {each.text for each in found}
            in_thread = [each.thread_ts for each in found[1:]] == heads
            wrong += not (in_thread and len(texts) == PAPERS + 1)
        line.send(Counted(messages, wrong, len(slack.calls_of("chat.postMessage")) - messages))


def _measured(work: Work, channels: int, faster: int) -> Measured:
    start = multiprocessing.get_context("spawn")
    here, there = start.Pipe()
    process = start.Process(target=_serve, args=(there, channels, faster))
    process.start()
    try:
        slack = Slack(faster, *here.recv())
        seconds, milliseconds = asyncio.run(work(slack))
        here.send("enough")
        counted = here.recv()
    finally:
        process.join(10)
        process.kill()
    return Measured(seconds, milliseconds, counted)


# Those who post


async def _ours(slack: Slack) -> tuple[float, float]:
    """Deliver a digest to every channel, as the scheduler does when all are due."""
    settings = SlackSettings(
        bot_token=SecretStr(slack.token),
        app_token=SecretStr(slack.app_token),
        api_url=slack.url,
    )
    adapter = SlackAdapter(
        settings, clock=lambda: time.monotonic() * slack.faster, sleep=slack.sleep
    )
    store = MemoryStore()
    listed = _listed()
    await store.save_batch(listed, NOW)
    slots = []
    for channel in _channels(slack):
        plan = plan_digest(_order(channel), DAY, [listed], {}, now=NOW)
        await store.plan(plan.deliveries, plan.receipt)
        slots.append(Slot(channel, DAY))

    async def carry(slot: Slot) -> None:
        outcome = None
        while outcome is None or not outcome.done:
            outcome = await deliver(
                slot, store=store, adapter=adapter, clock=lambda: datetime.now(UTC)
            )

    return await _timed(asyncio.gather(*map(carry, slots)), slack.faster)


async def _peer(slack: Slack) -> tuple[float, float]:
    """Post the same messages, drawn before, in the way of a script."""
    client = AsyncWebClient(slack.token, base_url=slack.url)
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=5))
    listed = _listed()
    known = {paper.id: paper for paper in listed.papers}
    drawn = [
        [
            post_body(channel, digest_message(each, known, {}), key=each.key)
            for each in plan_digest(_order(channel), DAY, [listed], {}, now=NOW).deliveries
        ]
        for channel in _channels(slack)
    ]

    async def script() -> None:
        for bodies in drawn:
            head: str | None = None
            for body in bodies:
                posted = await client.chat_postMessage(**body, thread_ts=head)
                head = head or posted["ts"]
                await slack.sleep(1)

    return await _timed(script(), slack.faster)


async def _timed(work: Awaitable[object], faster: int) -> tuple[float, float]:
    """Return how many of Slack's seconds it takes, and milliseconds of this process."""
    started, used = time.perf_counter(), time.process_time()
    await work
    seconds = (time.perf_counter() - started) * faster
    return seconds, (time.process_time() - used) * 1_000


def _listed() -> Batch:
    return Batch(BatchKey("huggingface", DAY), tuple(papers(PAPERS)))


def _channels(slack: Slack) -> list[ChannelRef]:
    return [channel_ref(slack.team, channel) for channel in slack.channels]


def _order(channel: ChannelRef) -> Subscription:
    owner = UserRef(channel.platform, channel.workspace, "U1")
    return Subscription(channel, owner, NOW, layout=Layout.THREAD, limit=PAPERS)
