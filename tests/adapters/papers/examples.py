"""Papers for the tests of sources: three days, one of them with a paper listed before."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bot.domain.papers import Paper, PaperId

MONDAY, TUESDAY, FRIDAY = date(2026, 5, 4), date(2026, 5, 5), date(2026, 5, 8)

HERMES = Paper(
    id=PaperId("arxiv", "2604.28196"),
    title="HERMES++: Toward a Unified Driving World Model",
    abstract="Driving world models predict the future. We unify seeing and predicting.",
    authors=("Xin Zhou", 'Linxi "Jim" Fan'),
    published=date(2026, 4, 30),
    upvotes=63,
    one_line="One model that both understands and predicts driving scenes.",
    keywords=("world models", "driving"),
    organization="H-EmbodVis",
    submitted_by="LMD0311",
    comments=1,
    code_url="https://github.com/H-EmbodVis/HERMESV2",
    code_stars=35,
    project_url="https://h-embodvis.github.io/HERMESV2/",
    thumbnail_url="https://cdn.example/2604.28196.png",
)
THINK = Paper(
    id=PaperId("arxiv", "2504.07128"),
    title="Let's <think> about LLM Reasoning",
    abstract="Reasoning models think in the open. We read their thoughts.",
    authors=("Ada Lovelace",),
    published=date(2025, 4, 2),
    upvotes=2,
)
OLMO = Paper(
    id=PaperId("arxiv", "2512.13961"),
    title="Olmo 3",
    abstract="A fully open family of language models.",
    published=date(2025, 12, 15),
    upvotes=0,
)
DAYS = {
    MONDAY: (THINK,),
    TUESDAY: (OLMO,),
    FRIDAY: (HERMES, replace(THINK, upvotes=42)),
}


def shared(*parts: str) -> Path:
    """Return a path of the shared data, or skip the test where it is absent."""
    beside = Path(__file__).parents[4] / "shared"
    path = Path(os.environ.get("DAILY_PAPERS_SHARED", beside)).joinpath("data", *parts)
    if not path.exists():
        pytest.skip(f"no shared data at {path}; DAILY_PAPERS_SHARED may name their folder")
    return path
