from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.year.simulation import HOURS, ZONES, now, simulate, transitions, windows
from tests.year.virtual_time import run_from

YEAR = 2026


@pytest.mark.parametrize(
    ("start", "days"), [pytest.param(*each, id=f"{each[0]:%d-%b}") for each in windows(YEAR)]
)
def test_every_channel_has_one_digest_on_each_of_its_days(start: datetime, days: int) -> None:
    verdict = run_from(start, simulate(start, days, len(ZONES) * len(HOURS)))
    assert verdict.missed == []
    assert verdict.doubled == 0
    assert verdict.unpunctual == []
    assert verdict.repeated == []
    assert verdict.withheld == []
    assert verdict.days >= (days - 2) * verdict.channels
    assert verdict.posted > 0


def test_the_simulated_times_hold_every_change_of_the_clock() -> None:
    changes = transitions(YEAR)
    assert len(changes) > 10
    for day in changes:
        assert any(
            start.date() < day < (start + timedelta(days=days)).date()
            for start, days in windows(YEAR)
        )


def test_virtual_time_agrees_with_every_clock_and_passes_at_once() -> None:
    start = datetime(2026, 3, 28, 12, tzinfo=UTC)

    async def wait() -> list[timedelta]:
        loop, before = asyncio.get_running_loop(), time.time()
        await asyncio.gather(asyncio.sleep(7 * 86400), asyncio.sleep(1))
        return [
            now() - start,
            timedelta(seconds=loop.time()),
            timedelta(seconds=time.time() - before),
        ]

    week = timedelta(days=7)
    assert all(abs(each - week) < timedelta(milliseconds=1) for each in run_from(start, wait()))
