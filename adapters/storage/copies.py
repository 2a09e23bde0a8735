"""A copy of a state that a running bot may be writing to at this moment; the state is only read.

A snapshot is replaced as a whole and a journal only grows, so files that are the same ones before
and after they were copied make a state; a line that was just being written is torn, as in a crash.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.storage import folder_of, open_store, segments, snapshot
from adapters.storage.opening import OLD
from bot.domain.errors import ConfigError, StoreError
from bot.ports import Store

TRIES = 20
PAUSE = 0.05
"""Seconds between tries; a snapshot is replaced once in some megabytes of journal."""

Files = dict[Path, tuple[int, int]]


def copy_state(folder: Path, into: Path) -> bool:
    """Copy the files that make the state of a folder; tell whether there is a state.

    Raises:
        StoreError: if they cannot be read.
    """
    if not folder.exists():
        return False
    for _ in range(TRIES):
        try:
            before = _files(folder)
            for path in before:
                shutil.copyfile(path, into / path.name)
            if _files(folder) == before:
                return bool(before)
        except FileNotFoundError:
            pass  # replaced meanwhile
        except NotADirectoryError as error:
            raise ConfigError(
                f"STORE_URL names {folder}, which is no folder: name the one of the state"
            ) from error
        except OSError as error:
            raise StoreError(
                f"{error.filename or folder} cannot be read ({error.strerror}): "
                "give this user the right to read it"
            ) from error
        for path in into.iterdir():
            path.unlink()
        time.sleep(PAUSE)
    raise StoreError(f"{folder} changes faster than it can be copied: try again in a while")


def _files(folder: Path) -> Files:
    """Return the files of a state, each with what tells it from one that takes its name."""
    named = (folder / snapshot.NAME, folder / OLD)
    found = [path for path in named if path.exists()]
    found += [path for _, path in segments.files(folder)]
    return {path: (path.stat().st_dev, path.stat().st_ino) for path in found}


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[Store]:
    """Open the state of an address for reading, whether or not a bot is using it.

    Raises:
        ConfigError: if the address names no state that can be read.
        StoreError: if it cannot be read, is damaged or of a newer version.
    """
    if not url.startswith("tinydb:"):
        store = await open_store(url)
        try:
            yield store
        finally:
            await store.close()
        return
    folder = folder_of(url)
    with tempfile.TemporaryDirectory(prefix="daily-papers-") as place:
        there = await asyncio.to_thread(copy_state, folder, Path(place))
        store = await open_store(f"tinydb://{place}" if there else "memory:")
        try:
            yield store
        finally:
            await store.close()
