"""Stores: where state is kept. One address opens any of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.storage.memory import MemoryStore
from adapters.storage.tinydb import KEEP_DAYS, TinyDBStore
from bot.domain.errors import ConfigError, StorePoisoned
from bot.ports import Store

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from adapters.storage.postgres import PostgresStore

CURE = (
    "use `tinydb:///absolute/folder`, `tinydb:relative/folder`, "
    "`postgresql://user:password@host/database` or `memory:`"
)
POSTGRES = ("postgresql:", "postgres:")


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
        StoreError: if the state there is in use, damaged or of a newer version, or the database
            cannot be used.
    """
    if url == "memory:":
        return MemoryStore()
    if url.startswith(POSTGRES):
        return await postgres_store().open(url)
    return await TinyDBStore.open(folder_of(url), keep_days=keep_days, on_poisoned=on_poisoned)


def postgres_store() -> type[PostgresStore]:
    """Return the store in PostgreSQL, whose parts are loaded by those alone who use it.

    Raises:
        ConfigError: if they are not installed.
    """
    try:
        from adapters.storage.postgres import PostgresStore
    except ModuleNotFoundError as error:
        raise ConfigError(
            "STORE_URL names PostgreSQL, for which parts are missing: "
            "pip install 'daily-papers[postgres]'"
        ) from error
    return PostgresStore


def place_beside(url: str) -> Path | AsyncEngine:
    """Return where a platform may keep what is its own: a folder, or tables in the same database.

    Nothing of it is in backups, and nothing in memory.

    Raises:
        ConfigError: if the address names no place that lasts.
    """
    if url == "memory:":
        raise ConfigError(
            "STORE_URL is `memory:`, which keeps no installations of Slack: "
            "set it to a folder or to PostgreSQL, or set SLACK_BOT_TOKEN"
        )
    if url.startswith(POSTGRES):
        return postgres_store().beside(url)
    return folder_of(url)


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
    if url.startswith(POSTGRES):
        raise ConfigError("STORE_URL names PostgreSQL, which keeps no files here: use pg_dump")
    raise ConfigError(f"STORE_URL names no kind of store that this bot has: {CURE}")


def _folder(place: str) -> Path:
    if place.startswith("///"):
        return Path(place[2:])
    if not place or place.startswith("//"):
        raise ConfigError(f"STORE_URL names no folder: {CURE}")
    return Path(place)
