"""Digests for many Discord channels at once, against a loop that posts one after another.

1,000 channels take ``--full``, or BENCH_FULL=1 in the environment, and five minutes; ``--soak``
posts 200 digests one after another instead, and looks what has grown. Discord is a double in a
process of its own that refuses what is too fast. Its clock and discord.py's are the real one.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine, Sequence

import discord
from discord.http import Route
from rich.console import Console
from rich.table import Table
from structlog.testing import capture_logs

from adapters.discord.render import post_body
from benchmarks import _discord_soak
from benchmarks._discord import (
    DAY,
    NOW,
    PAPERS,
    Counted,
    Discord,
    carry,
    connected,
    elsewhere,
    listed,
    order,
)
from bot.cards import digest_message, digest_title
from bot.services.digest import plan_digest

FEW, MANY, ALL = 5, 100, 1_000
PEER = 2
"""Channels of the peer; its rate does not depend on how many there are."""

MESSAGES, WINDOW = 5, 5.0
"""So many messages a channel or thread takes in so many seconds; Discord tells, and may change."""

CALLS = 50
"""Calls a second in all: docs.discord.com/developers/topics/rate-limits#global-rate-limit"""


Work = Callable[[Discord], Coroutine[None, None, float]]


def run(screen: Console) -> None:
    with capture_logs():  # a line for each digest
        if "--soak" in sys.argv:
            _discord_soak.run(screen)
        else:
            _run(screen)


def _run(screen: Console) -> None:
    full = "--full" in sys.argv or os.environ.get("BENCH_FULL") == "1"
    head = ("channels", "msgs", "seconds", "msg/s", "of allowed", "CPU ms", "429", "wrong")
    table = Table("by", *head)
    ours = {number: _measured(_ours, number) for number in (FEW, ALL if full else MANY)}
    peer, used = _measured(_peer, PEER)
    for number, (counted, milliseconds) in ours.items():
        share = f"{_least(number) / counted.seconds:.3f}"
        table.add_row("us", f"{number:,}", *_figures(counted, milliseconds, share))
    table.add_row("loop", f"{PEER:,}", *_figures(peer, used, "—"))
    screen.print(table)
    for number, (counted, _) in ours.items():
        screen.print(f"{number:,} channels, ours over the loop: {counted.rate / peer.rate:.1f}")
    screen.print(
        f"allowed: {CALLS} calls a second, threads opened among them, and {MESSAGES} messages"
    )
    screen.print(f"in {WINDOW:g} seconds and thread; aim: 0.95 of it, from first call to last")
    screen.print("CPU ms: the poster's, a message; wrong: channels that lack or double any")


def _figures(counted: Counted, milliseconds: float, share: str) -> Sequence[str]:
    return (
        f"{counted.messages:,}",
        f"{counted.seconds:.1f}",
        f"{counted.rate:.2f}",
        share,
        f"{milliseconds / counted.messages:.1f}",
        f"{counted.refused}",
        f"{counted.wrong}",
    )


def _least(channels: int) -> float:
    """Return seconds from first to last call, if the limits are used to the full."""
    calls = channels * (1 + 1 + PAPERS)  # head, thread, papers
    return max((PAPERS - 1) // MESSAGES * WINDOW, (calls - 1) // CALLS)


def _measured(work: Work, channels: int) -> tuple[Counted, float]:
    """Return what came of it, and milliseconds of this process."""
    with elsewhere(channels, enforce_limits=True, message_limit=(MESSAGES, WINDOW)) as double:
        used = asyncio.run(work(double))
        return double.counted(), used


# Those who post


async def _ours(double: Discord) -> float:
    """Deliver a digest to every channel, as the scheduler does when all are due."""
    async with connected(double) as adapter:
        used = time.process_time()
        await carry(adapter, double.channels, DAY)
        return (time.process_time() - used) * 1_000


async def _peer(double: Discord) -> float:
    """Post the same messages, drawn before, in the way of a script on discord.py."""
    batch = listed(DAY)
    known = {paper.id: paper for paper in batch.papers}
    drawn = [
        [
            post_body(channel, digest_message(each, known, {}), key=each.key)
            for each in plan_digest(order(channel), DAY, [batch], {}, now=NOW).deliveries
        ]
        for channel in double.channels
    ]
    async with discord.Client(intents=discord.Intents.none()) as client:
        await client.login(double.token)

        async def post(where: int, body: object) -> int:
            route = Route("POST", "/channels/{channel_id}/messages", channel_id=where)
            return int((await client.http.request(route, json=body))["id"])

        used = time.process_time()
        for channel, (head, *bodies) in zip(double.channels, drawn, strict=True):
            thread = await post(int(channel.id), head)
            await client.http.start_thread_with_message(
                int(channel.id), thread, name=digest_title(DAY), auto_archive_duration=1440
            )
            for body in bodies:
                await post(thread, body)
        return (time.process_time() - used) * 1_000
