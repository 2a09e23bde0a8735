"""``python -m tests.hostile [titles] [seed]``: try thousands of hostile titles and abstracts."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, seed, settings
from rich.console import Console
from rich.progress import Progress

from tests.hostile import PAPERS, digest, numbers
from tests.hostile.checks import findings

TITLES = 12_000
"""More than ten thousand of them differ."""
DIGESTS_PER_TASK = 25


@dataclass(slots=True)
class Tried:
    """What was tried, and what was found."""

    titles: Counter[str] = field(default_factory=Counter)
    abstracts: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)


def attempt(task: int) -> Tried:
    """Try the digests of one task; Hypothesis picks some numbers in every one, such as 0."""
    tried = Tried()

    @seed(task)
    @settings(
        max_examples=DIGESTS_PER_TASK,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(numbers)
    def run(number: int) -> None:
        mine = number + (task << 64)
        papers = digest(mine)
        tried.titles.update(each.title for each in papers)
        tried.abstracts.update(each.abstract for each in papers)
        tried.found += [f"digest({mine}): {finding}" for finding in findings(papers)]

    run()
    return tried


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else TITLES
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    screen = Console(highlight=False)
    started = time.perf_counter()
    total = Tried()
    tasks = -(-wanted // (PAPERS * DIGESTS_PER_TASK))
    with ProcessPoolExecutor(os.cpu_count()) as pool, Progress(console=screen) as progress:
        bar = progress.add_task("Trying", total=wanted)
        for done in as_completed(
            [pool.submit(attempt, task) for task in range(first, first + tasks)]
        ):
            tried = done.result()
            total.titles += tried.titles
            total.abstracts += tried.abstracts
            total.found += tried.found
            progress.update(bar, completed=total.titles.total())
    screen.print(f"titles     {total.titles.total():>8,}  ({len(total.titles):,} different)")
    screen.print(f"abstracts  {total.abstracts.total():>8,}  ({len(total.abstracts):,} different)")
    screen.print(f"found      {len(total.found):>8,}")
    screen.print(f"seconds    {time.perf_counter() - started:>8.1f}")
    for finding in total.found[:20]:
        screen.print(finding, markup=False)
    sys.exit(bool(total.found))


if __name__ == "__main__":
    main()
