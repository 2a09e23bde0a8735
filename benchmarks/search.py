"""Words in memory against a scan over all texts, the simplest thing that answers."""

from __future__ import annotations

import asyncio
import random

from rich.console import Console
from rich.table import Table

from adapters.search.words import WordIndex, words
from benchmarks._timing import compare
from bot.domain.papers import Paper, PaperId

SIZES = (1_000, 10_000)
QUERIES = ("long context", "diffusion model distillation", "agent benchmark tool use")
VOCABULARY = (*" ".join(QUERIES).split(), *(f"word{number}" for number in range(5_000)))


def papers(number: int) -> list[Paper]:
    """Return papers of random words; rare and common ones as in language."""
    draw = random.Random(7)
    weights = [1 / (rank + 10) for rank in range(len(VOCABULARY))]

    def text(length: int) -> str:
        return " ".join(draw.choices(VOCABULARY, weights, k=length))

    return [
        Paper(PaperId("arxiv", f"2500.{index:05}"), text(9), text(170)) for index in range(number)
    ]


def run(screen: Console) -> None:
    table = Table("papers", "index ms", "scan ms", "ratio")
    for size in SIZES:
        listed = papers(size)
        index = WordIndex()
        asyncio.run(index.add(listed))

        def search(index: WordIndex = index) -> None:
            for query in QUERIES:
                asyncio.run(index.search(query, limit=10))

        def scan(listed: list[Paper] = listed) -> None:
            for query in QUERIES:
                wanted = set(words(query))
                found = [each for each in listed if wanted <= set(words(each.abstract))]
                found.sort(key=lambda each: each.id)

        taken = compare(search, scan, rounds=3)
        table.add_row(f"{size:,}", f"{taken.ours:.1f}", f"{taken.peer:.1f}", f"{taken.ratio:.3f}")
    screen.print(table)
