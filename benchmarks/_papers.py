"""Papers of random words for benchmarks, as many as one likes."""

from __future__ import annotations

import random

from bot.domain.papers import Paper, PaperId

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
