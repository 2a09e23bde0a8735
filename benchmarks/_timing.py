"""Time two pieces of work in turn, so that a machine that slows down slows both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Compared:
    """Median milliseconds of ours and of the peer, and the median of the pairwise ratios."""

    ours: float
    peer: float
    ratio: float


def compare(ours: Callable[[], object], peer: Callable[[], object], rounds: int = 7) -> Compared:
    """Run both alternately, one round uncounted, and return what they took."""
    pairs = [(_milliseconds(ours), _milliseconds(peer)) for _ in range(rounds + 1)][1:]
    return Compared(
        statistics.median(mine for mine, _ in pairs),
        statistics.median(theirs for _, theirs in pairs),
        statistics.median(mine / theirs for mine, theirs in pairs),
    )


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1_000
