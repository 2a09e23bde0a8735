"""Stores: where state is kept. One address opens either."""

from __future__ import annotations

from pathlib import Path

from adapters.storage.memory import MemoryStore
from adapters.storage.tinydb import TinyDBStore
from bot.domain.errors import ConfigError
from bot.ports import Store

CURE = "use `tinydb:///absolute/folder`, `tinydb:relative/folder` or `memory:`"


async def open_store(url: str) -> Store:
    """Open the store that an address names.

    Raises:
        ConfigError: if the address names none, or a folder that cannot be used.
        StoreError: if the state there is in use, damaged or of a newer version.
    """
    scheme, _, place = url.partition(":")
    if url == "memory:":
        return MemoryStore()
    if scheme == "tinydb":
        return await TinyDBStore.open(_folder(place))
    raise ConfigError(f"STORE_URL names no kind of store that this bot has: {CURE}")


def _folder(place: str) -> Path:
    if place.startswith("///"):
        return Path(place[2:])
    if not place or place.startswith("//"):
        raise ConfigError(f"STORE_URL names no folder: {CURE}")
    return Path(place)
