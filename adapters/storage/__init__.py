"""Stores: where state is kept. One address opens either."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from adapters.storage.memory import MemoryStore
from adapters.storage.tinydb import KEEP_DAYS, TinyDBStore
from bot.domain.errors import ConfigError, StorePoisoned
from bot.ports import Store

CURE = "use `tinydb:///absolute/folder`, `tinydb:relative/folder` or `memory:`"


async def open_store(
    url: str,
    *,
    keep_days: int = KEEP_DAYS,
    on_poisoned: Callable[[StorePoisoned], None] = lambda _: None,
) -> Store:
    """Open the store that an address names.

    Args:
        url: The address.
        keep_days: Age in days at which deliveries and receipts are archived.
        on_poisoned: Told once if nothing more can be written before a new start.

    Raises:
        ConfigError: if the address names none, or a folder that cannot be used.
        StoreError: if the state there is in use, damaged or of a newer version.
    """
    if url == "memory:":
        return MemoryStore()
    return await TinyDBStore.open(folder_of(url), keep_days=keep_days, on_poisoned=on_poisoned)


def place_of(url: str) -> str:
    """Return an address as people may see it, without user and password."""
    scheme, colon, rest = url.partition("://")
    return f"{scheme}{colon}{rest.rpartition('@')[2].partition('?')[0]}" if colon else url


def keeps_files(url: str) -> bool:
    """Tell whether an address names a folder."""
    return url.startswith("tinydb:")


def folder_of(url: str) -> Path:
    """Return the folder of a store that keeps files.

    Raises:
        ConfigError: if the address names none.
    """
    scheme, _, place = url.partition(":")
    if scheme == "tinydb":
        return _folder(place)
    if url == "memory:":
        raise ConfigError("STORE_URL is `memory:`, which keeps no files")
    raise ConfigError(f"STORE_URL names no kind of store that this bot has: {CURE}")


def _folder(place: str) -> Path:
    if place.startswith("///"):
        return Path(place[2:])
    if not place or place.startswith("//"):
        raise ConfigError(f"STORE_URL names no folder: {CURE}")
    return Path(place)
