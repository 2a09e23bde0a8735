"""200 digests one after another through one connection; what is held is to be flat.

Each goes to three channels. Between them half a minute passes on the loop's clock, by which
discord.py and the pace go, and Discord archives the threads, as it does a day later.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from resource import getpagesize
from typing import cast

from rich.console import Console
from rich.table import Table
from structlog.testing import capture_logs

from adapters.discord.app import DiscordAdapter
from benchmarks._discord import DAY, Discord, carry, connected, elsewhere
from tests.adapters.discord.sizes import sizes
from tests.doubles.clock import Calendar

DIGESTS, EVERY, CHANNELS = 200, 50, 3
BETWEEN = 30.0
"""Seconds between two digests; after 60 without a word discord.py connects anew."""

MEBIBYTE = 1 << 20


def run(screen: Console) -> None:
    with elsewhere(CHANNELS) as double, asyncio.Runner(loop_factory=Calendar) as runner:
        seen = runner.run(_soak(double))
        double.line.send("enough")
        messages = double.line.recv().messages
    rows = list(next(iter(seen.values())))
    table = Table("after", *(f"{number}" for number in seen))
    for row in rows:
        table.add_row(row, *(f"{each[row]:,.1f}".removesuffix(".0") for each in seen.values()))
    screen.print(table)
    screen.print(f"{messages:,} messages; opened … at work: the adapter's; routes …: discord.py's,")
    screen.print("which drops buckets idle for five minutes when there are 256")


async def _soak(double: Discord) -> Mapping[int, Mapping[str, float]]:
    loop = cast(Calendar, asyncio.get_running_loop())
    seen = {}
    most: dict[str, float] = {}
    async with connected(double) as adapter:
        for number in range(1, DIGESTS + 1):
            with capture_logs():  # a line for each digest
                await carry(adapter, double.channels, DAY + timedelta(number))
            double.archive()
            await _idle()
            loop.skip(BETWEEN)
            most = {name: max(size, most.get(name, 0)) for name, size in sizes(adapter).items()}
            if number % EVERY == 0:
                seen[number] = _held(adapter) | {"most buckets": most["buckets"]}
    return seen


async def _idle() -> None:
    """Let events that are on their way arrive."""
    await asyncio.sleep(0.02)


def _held(adapter: DiscordAdapter) -> dict[str, float]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "RSS, MiB": pages * getpagesize() / MEBIBYTE,
        "objects": len(gc.get_objects()),
        **sizes(adapter),
    }
