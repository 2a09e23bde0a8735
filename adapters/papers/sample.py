"""The bundled batch of 20 August 2025: 74 papers, for trying the bot without a network.

Rule: what the sample does not know stays unknown; no votes are made up.
"""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from datetime import date
from importlib import resources

from adapters.papers.shelf import Shelf, by_month
from bot.domain.papers import Paper, PaperId
from bot.ports import PaperSource
from config.settings import Settings


class Sample(Shelf):
    """The one bundled batch."""

    def __init__(self) -> None:
        text = resources.files("adapters.papers").joinpath("sample.json").read_text("utf-8")
        page = json.loads(text)
        papers = tuple(
            Paper(
                id=PaperId("arxiv", each["id"]),
                title=each["title"],
                abstract=each["abstract"],
                authors=tuple(each["authors"]),
                published=date.fromisoformat(each["published"]) if each["published"] else None,
                upvotes=each["upvotes"],
            )
            for each in page["papers"]
        )
        super().__init__("sample", by_month({date.fromisoformat(page["date"]): papers}))


async def open_source(settings: Settings, stack: AsyncExitStack) -> PaperSource:
    """Return the sample; it needs no setting."""
    return Sample()
