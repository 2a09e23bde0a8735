"""``python -m tests.torture [kills [states]]``: the long forms, with figures."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tests.doubles.postgres import CURE, binaries
from tests.torture import full, kills, power, replicas, second

KILLS, STATES, PARTS = 1_000, 4_160, (0.0, 0.3, 0.99)


def main() -> None:
    screen = Console(highlight=False, soft_wrap=True)
    wanted = [int(each) for each in sys.argv[1:]]
    number, states = (*wanted, *(KILLS, STATES)[len(wanted) :])[:2]
    with tempfile.TemporaryDirectory() as folder, Progress(console=screen) as progress:

        def shown(name: str, total: int | None, work: Callable[[Callable[[], None]], Any]) -> Any:
            task = progress.add_task(name, total=total)
            started = time.monotonic()
            figures = work(lambda: progress.advance(task))
            progress.update(task, total=1, completed=1)
            progress.console.print(f"{name}, {time.monotonic() - started:.0f} s:", markup=False)
            progress.console.print(f"  {figures}", markup=False)
            return figures

        done = [
            shown(
                "kill -9",
                number,
                lambda told: kills.run(Path(folder) / "kills", number, int(time.time()), told),
            ),
            shown("power loss", states, lambda told: power.run(states, int(time.time()), told)),
            shown("disk full", None, lambda told: full.run(PARTS, told)),
            shown("second process", 1, lambda _: second.run(Path(folder) / "second")),
        ]
        if binaries() is None:
            progress.console.print(f"replicas: skipped, {CURE}", markup=False)
        else:
            form = replicas.Form()
            done.append(
                shown(
                    "replicas",
                    form.kills,
                    lambda told: replicas.run(form, int(time.time()), told),
                )
            )
    sys.exit(any(each.failed for each in done))


if __name__ == "__main__":
    main()
