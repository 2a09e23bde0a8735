"""Start a second process over a state that is in use; see how soon it is told so."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from adapters.storage.tinydb import TinyDBStore

ROOT = Path(__file__).resolve().parents[2]
SECOND = """
import asyncio, sys, time
from adapters.storage import open_store
from bot.domain.errors import StoreInUse
started = time.monotonic()
try:
    asyncio.run(open_store(sys.argv[1]))
except StoreInUse:
    print(time.monotonic() - started)
"""


@dataclass(slots=True)
class Figures:
    """How long it took; what is slow is not wrong, for that is the machine's as well.

    Attributes:
        process_seconds: From the start of the second process to its end, imports included.
        refusal_seconds: From its attempt to open the state to the refusal.
    """

    process_seconds: float = 0.0
    refusal_seconds: float | None = None

    @property
    def failed(self) -> bool:
        return self.refusal_seconds is None


def run(folder: Path) -> Figures:
    """Hold a state, and let another process try to open it."""
    return asyncio.run(_run(folder))


async def _run(folder: Path) -> Figures:
    store = await TinyDBStore.open(folder)
    started = time.monotonic()
    second = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", SECOND, f"tinydb://{folder.absolute()}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    figures = Figures(time.monotonic() - started)
    if second.stdout:
        figures.refusal_seconds = float(second.stdout)
    await store.close()
    return figures
