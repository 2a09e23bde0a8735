"""Search engines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import structlog

from adapters.search.encoder import Encoder, EncoderError, Encodes, NotInstalled
from adapters.search.lexical import LexicalIndex, Progress
from adapters.storage import folder_of
from bot.domain.papers import Paper
from bot.ports import SearchIndex, Store
from config.settings import SearchSettings, Settings

log = structlog.get_logger()


async def open_index(
    folder: Path | None,
    store: Store,
    progress: Progress = lambda batches: batches,
    encoder: Encodes | None = None,
) -> SearchIndex:
    """Open the search index that belongs to a store, and bring it up to what that holds.

    Args:
        folder: Where it lasts, or ``None``: in memory.
        store: Where the papers are.
        progress: Wraps the batches in which papers are added.
        encoder: Makes papers findable by meaning as well; these follow in the background.
    """

    async def library() -> Iterable[Paper]:
        return (await store.papers()).values()

    papers = list(await library())
    words = await LexicalIndex.open(folder, library, progress, papers)
    if encoder is None:
        return words
    from adapters.search.hybrid import HybridIndex  # numpy is there for those who have an encoder
    from adapters.search.vectors import VectorShelf

    try:
        shelf = await asyncio.to_thread(VectorShelf, words.folder, papers)
    except OSError as error:
        log.error("vectors kept in memory", folder=str(words.folder), reason=str(error))
        shelf = VectorShelf(None, ())
    index = HybridIndex(words, encoder, shelf)
    await asyncio.to_thread(index.encode, papers)
    return index


def open_encoder(settings: SearchSettings) -> Encoder | None:
    """Return what makes papers findable by meaning, or ``None``, once the reason is logged."""
    if settings.semantic == "off":
        return None
    try:
        return Encoder(settings.model, settings.vocabulary)
    except NotInstalled as error:
        log.info("papers are found by words alone", reason=str(error))
    except EncoderError as error:
        log.warning("papers are found by words alone", reason=str(error))
    return None


def place_of_index(settings: Settings) -> Path | None:
    """Return where the index lasts: what is set, or beside a state in a folder, or nowhere."""
    if settings.search.folder is not None:
        return settings.search.folder
    address = settings.store.address
    return folder_of(address) / "search" if address.startswith("tinydb:") else None
