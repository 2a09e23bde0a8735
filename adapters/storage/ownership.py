"""One process at a time owns a folder; the lock of a process that died is free."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bot.domain.errors import ConfigError, StoreInUse


def own(folder: Path) -> FileLock:
    """Take a folder for this process.

    Raises:
        ConfigError: if the folder cannot be made or written.
        StoreInUse: if another process has it.
    """
    lock = FileLock(folder / "state.lock", mode=0o600, thread_local=False)
    holder = folder / "state.pid"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire(timeout=0)
        holder.write_text(f"process {os.getpid()} on {platform.node()}", "utf-8")
    except Timeout:
        who = "another process"
        with suppress(OSError):
            who = holder.read_text("utf-8")
        raise StoreInUse(
            f"{folder} is in use by {who}: stop it, or give this bot a folder of its own"
        ) from None
    except OSError as error:
        lock.release()
        raise ConfigError(
            f"STORE_URL names {folder}, which cannot be used ({error.strerror or error}): "
            "make it a folder that the bot's user may write"
        ) from error
    return lock
