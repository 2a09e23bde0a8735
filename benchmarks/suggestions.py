"""What is suggested while somebody types, against reading the whole library for it.

Discord waits 3 seconds, and people not even one; the aim is an answer in 50 ms.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import UTC, date, datetime, timedelta

from rich.console import Console
from rich.table import Table

from adapters.search.lexical import LexicalIndex
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from benchmarks._papers import papers
from bot.dispatch import Dispatcher
from bot.domain.channels import ChannelRef, UserRef
from bot.domain.command import Caller, CommandCall
from bot.domain.papers import Batch, BatchKey, Paper
from bot.services.health import Health

SIZES = (10_000, 50_000)
PER_DAY = 50
NOW = datetime(2026, 5, 7, 12, tzinfo=UTC)
CALLER = Caller(UserRef("discord", "1", "1"), ChannelRef("discord", "1", "1"))
TYPED = (
    ("show", "paper", "diff"),
    ("show", "paper", "diffusion model"),
    ("show", "paper", ""),
    ("settings", "include", "long"),
    ("settings", "include", "agent, ben"),
    ("settings", "at", ""),
)


async def _dispatcher(listed: list[Paper]) -> Dispatcher:
    store, index = MemoryStore(), LexicalIndex()
    for number, start in enumerate(range(0, len(listed), PER_DAY)):
        key = BatchKey("sample", date(2026, 5, 7) - timedelta(days=number))
        await store.save_batch(Batch(key, tuple(listed[start : start + PER_DAY])), NOW)
    await index.add(listed)
    return Dispatcher(
        store=store,
        index=index,
        summarizer=ExtractiveSummarizer(),
        sources={"sample": None},  # type: ignore[dict-item]  # nothing here asks a source
        clock=lambda: NOW,
        health=Health(NOW),
    )


async def _measured(size: int) -> tuple[list[float], list[float]]:
    listed = papers(size)
    inbox = await _dispatcher(listed)
    ours, scan = [], []
    for _ in range(20):
        for command, option, typed in TYPED:
            begun = time.perf_counter()
            await inbox.suggest(CommandCall(CALLER, command), option, typed)
            ours.append((time.perf_counter() - begun) * 1_000)
    for _ in range(5):
        for _, _, typed in TYPED:
            begun = time.perf_counter()
            everything = await inbox.store.papers()
            [each.title for each in everything.values() if typed in each.title][:25]
            scan.append((time.perf_counter() - begun) * 1_000)
    return ours, scan


def run(screen: Console) -> None:
    table = Table("papers", "p50 ms", "p95 ms", "most ms", "scan p50 ms", "ratio")
    for size in SIZES:
        ours, scan = asyncio.run(_measured(size))
        middle, peer = statistics.median(ours), statistics.median(scan)
        p95 = statistics.quantiles(ours, n=20)[-1]
        figures = (f"{each:.2f}" for each in (middle, p95, max(ours), peer, middle / peer))
        table.add_row(f"{size:,}", *figures)
    screen.print(table)
