"""Simulate a year of 200 channels in 16 time zones: ``python -m tests.year``."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn
from rich.table import Table

from bot import logs
from tests.year.simulation import ZONES, simulate
from tests.year.virtual_time import run_from

START = datetime(2026, 1, 1, 12, 10, tzinfo=UTC)
DAYS = 365
CHANNELS = 200


def main() -> int:
    """Simulate, show the figures, and return how the process ends."""
    logs.configure("error", "console")
    began = time.perf_counter()
    screen = Console(stderr=True)
    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=screen, get_time=time.perf_counter) as bar:
        task = bar.add_task(f"{CHANNELS} channels, {len(ZONES)} zones", total=DAYS)
        verdict = run_from(
            START, simulate(START, DAYS, CHANNELS, lambda days: bar.advance(task, days))
        )
    table = Table("figure", "value", title=f"{DAYS} days from {START:%d %b %Y}")
    rows = {
        "channels": verdict.channels,
        "local days": verdict.days,
        "fires": verdict.fires,
        "papers listed": verdict.posted,
        "days missed": len(verdict.missed),
        "days doubled": verdict.doubled,
        "days at a wrong time": len(verdict.unpunctual),
        "papers repeated": len(verdict.repeated),
        "papers withheld": len(verdict.withheld),
        "seconds": round(time.perf_counter() - began),
    }
    for name, value in rows.items():
        table.add_row(name, f"{value:,}")
    Console().print(table)
    wrong = verdict.missed or verdict.unpunctual or verdict.repeated or verdict.withheld
    return 1 if wrong or verdict.doubled else 0


if __name__ == "__main__":
    sys.exit(main())
