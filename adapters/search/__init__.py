"""Search engines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from adapters.search.lexical import LexicalIndex, Progress
from adapters.storage import folder_of
from bot.domain.papers import Paper
from bot.ports import Store
from config.settings import Settings


async def open_index(
    folder: Path | None, store: Store, progress: Progress = lambda batches: batches
) -> LexicalIndex:
    """Open the search index that belongs to a store, and bring it up to what that holds.

    Args:
        folder: Where it lasts, or ``None``: in memory.
        store: Where the papers are.
        progress: Wraps the batches in which papers are added.
    """

    async def library() -> Iterable[Paper]:
        return (await store.papers()).values()

    return await LexicalIndex.open(folder, library, progress)


def place_of_index(settings: Settings) -> Path | None:
    """Return where the index lasts: what is set, or beside a state in a folder, or nowhere."""
    if settings.search.folder is not None:
        return settings.search.folder
    address = settings.store.address
    return folder_of(address) / "search" if address.startswith("tinydb:") else None
