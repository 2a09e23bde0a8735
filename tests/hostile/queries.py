"""Whatever is typed into a search is answered: python -m tests.hostile.queries [number].

Lines are made of pieces that mean something to a query, to tantivy or to nobody.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from datetime import date

from rich.console import Console
from rich.progress import track

from adapters.search.lexical import LexicalIndex
from bot.domain.papers import Paper, PaperId
from bot.services.query import OPERATORS, parse

TODAY = date(2026, 5, 7)
PIECES = (
    *(f"{name}:" for name in OPERATORS), '"', "-", "--", "(", ")", "[1 TO 9]", "AND", "OR", "NOT",
    "*", "?", "~2", "^3", "+", "\\", "{}", "<", ">", "|", "C++", "o'neil", "foo:bar", "👍🏽",
    "語彙検索", "ñandú", "robots", "wlking", "dreams", "2026-03-01", "30d", ">20", "<5", "=0",
    "yes", "code",
    "new", "\0", "\u202e", "\ufeff", "\ud800", "a" * 5_000, "é" * 300, "x:" * 200, '""' * 100,
    "since:0000-00-00", "since:9999999d", "votes:99999999999999", "https://arxiv.org/abs/2605.00001",
)  # fmt: skip


HALF = "\ud800"
"""Half a character, as JSON can bring one."""


async def some(number: int, seed: int = 0) -> float:
    """Ask so many strange queries of a small index; return the seconds of the slowest answer.

    Raises:
        Exception: whatever a query raised, for none may.
    """
    draw, index = random.Random(seed), LexicalIndex()
    await index.add(
        Paper(
            PaperId("arxiv", f"2605.{n:05}"), f"Walking robots {n}", f"They dream.{HALF * (n % 2)}"
        )
        for n in range(50)
    )
    slowest = 0.0
    for _ in track(range(number), description="Asking", disable=number < 10_000):
        line = _line(draw)
        begun = time.perf_counter()
        query = parse(line, TODAY)
        found = await index.search(query, limit=5, offset=draw.choice((0, 0, 3)))
        index.telling(query)("robots")
        await index.complete(line, limit=5)
        slowest = max(slowest, time.perf_counter() - begun)
        if len(found.papers) > min(5, found.total):
            raise AssertionError(f"{line!r}: {len(found.papers)} papers of {found.total}")
    return slowest


def _line(draw: random.Random) -> str:
    parts = [
        draw.choice(PIECES)
        if draw.random() < 0.8
        else "".join(chr(draw.randrange(0x20, 0x2FFF)) for _ in range(draw.randrange(12)))
        for _ in range(draw.randrange(9))
    ]
    return draw.choice(("", " ", " ")).join(parts)


def main() -> None:
    """Ask as many as wanted, 100,000 if nothing is said."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    slowest = asyncio.run(some(number))
    Console().print(
        f"{number:,} queries answered, none failed, the slowest took {slowest * 1_000:.0f} ms"
    )


if __name__ == "__main__":
    main()
