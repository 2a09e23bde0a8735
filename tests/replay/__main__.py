"""``python -m tests.replay [folder]``: replay a folder of captured payloads, with figures."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from adapters.papers import open_file
from bot import logs
from bot.domain.papers import Batch
from tests.replay import Figures, replay

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = Path(os.environ.get("DAILY_PAPERS_SHARED", ROOT.parent / "shared")) / "data" / "hf"


async def _replay(folder: Path, screen: Console) -> Figures:
    source = open_file("folder", folder, None, date.today())  # noqa: DTZ011 - only a page needs it
    days = await source.days()
    batches = [await source.batch(day) for day in days]
    with Progress(console=screen) as progress:
        task = progress.add_task("Replaying", total=len(batches))

        def advance(day: date) -> None:
            progress.update(task, advance=1, description=f"Replaying {day}")

        return await replay(_each(batches), on_batch=advance)


def _each(batches: list[Batch]) -> Iterator[Batch]:
    yield from batches


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    screen = Console(highlight=False)
    if not folder.is_dir():
        screen.print(f"skipped: no captured payloads at {folder}; name a folder: CORPUS=…")
        return
    logs.configure("warning", "console")
    started = time.perf_counter()
    figures = asyncio.run(_replay(folder, screen))
    seconds = time.perf_counter() - started
    screen.print(f"batches     {figures.batches:>8,}")
    screen.print(f"entries     {figures.entries:>8,}  ({len(figures.papers):,} papers)")
    for platform, number in figures.messages.items():
        largest = figures.largest[platform]
        screen.print(f"messages    {number:>8,}  {platform}, the largest {largest:,} characters")
    screen.print(f"resurfaced  {figures.resurfaced:>8,}")
    screen.print(f"over limit  {len(figures.over_limit):>8,}")
    screen.print(f"doubled     {len(figures.doubled):>8,}")
    screen.print(f"seconds     {seconds:>8.1f}")
    for trouble in (*figures.over_limit[:20], *figures.doubled[:20]):
        screen.print(trouble, markup=False)
    sys.exit(bool(figures.over_limit or figures.doubled))


if __name__ == "__main__":
    main()
