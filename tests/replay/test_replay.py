"""A small replay, of made-up batches, in every run of the tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from adapters.papers.folder import Folder
from bot.domain.papers import Batch, BatchKey
from tests.examples import paper
from tests.replay import PLATFORMS, replay

FIRST = date(2026, 5, 4)
WORDS = "“𝔘nicode” <!channel> @everyone *bold* `code` $x^2$ — and a very long word " + "x" * 300


def made_up(days: int, papers: int) -> list[Batch]:
    """Return batches of working days, hostile in parts; each lists one paper of the day before."""
    batches = []
    for number in range(days):
        listed = [paper(number * papers + n, upvotes=n) for n in range(papers + 1)]
        listed[2] = replace(listed[2], title=WORDS, abstract=WORDS * 3, one_line=WORDS * 5)
        key = BatchKey("folder", FIRST + timedelta(days=number + number // 5 * 2))
        batches.append(Batch(key, tuple(listed)))
    return batches


async def test_a_month_reaches_every_platform_within_its_limits_and_nothing_twice() -> None:
    figures = await replay(made_up(days=20, papers=12))
    assert figures.over_limit == []
    assert figures.doubled == []
    assert figures.resurfaced > 0
    assert set(figures.messages) == {*PLATFORMS, "slack, rich", "discord, embeds"}
    assert len({figures.messages[platform] for platform in PLATFORMS}) == 1


async def test_the_longest_and_the_busiest_real_days_fit(shared: Path) -> None:
    folder = Folder(shared / "data" / "hf")
    days = (date(2025, 9, 30), date(2025, 1, 27), date(2026, 1, 15), date(2025, 3, 14))
    figures = await replay([await folder.batch(day) for day in sorted(days)])
    assert figures.over_limit == []
    assert figures.doubled == []
