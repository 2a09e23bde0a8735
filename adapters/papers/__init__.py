"""Paper sources, one file each: a module of this package with ``open_source`` is a source.

Its name is the module's. A module is imported only when its source is enabled.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from typing import Literal

from adapters.papers.folder import Folder
from adapters.papers.page import Page
from adapters.papers.shelf import Shelf
from bot.domain.errors import ConfigError
from bot.ports import PaperSource
from config.settings import Settings

Opener = Callable[[Settings, AsyncExitStack], Awaitable[PaperSource]]


async def open_sources(settings: Settings, stack: AsyncExitStack) -> dict[str, PaperSource]:
    """Return the enabled sources by name, in the operator's order; ``stack`` will close them.

    Raises:
        ConfigError: if none is enabled, a name is unknown or a source cannot work as set up.
    """
    names = tuple(dict.fromkeys(settings.sources.enabled))
    if not names:
        raise ConfigError(f"SOURCES_ENABLED names no source; there are: {_known()}")
    openers = {name: _opener(name) for name in names}
    return {name: await opener(settings, stack) for name, opener in openers.items()}


def open_file(kind: Literal["page", "folder"], path: Path, day: date | None, today: date) -> Shelf:
    """Return the source in a saved page or a folder of captured payloads.

    Args:
        kind: What the path leads to.
        path: The file or folder.
        day: The day that a page lists, where it does not say so itself.
        today: The present day, from which the year of a page follows.

    Raises:
        ConfigError: if the folder is not there.
        SourceError: if the page cannot be read.
    """
    return Folder(path) if kind == "folder" else Page(path, today=today, day=day)


def _opener(name: str) -> Opener:
    opener = _find_opener(name) if name in _modules() else None
    if opener is None:
        raise ConfigError(f"SOURCES_ENABLED: there is no source “{name}”; there are: {_known()}")
    return opener


def _find_opener(name: str) -> Opener | None:
    opener: Opener | None = getattr(
        importlib.import_module(f"{__name__}.{name}"), "open_source", None
    )
    return opener


def _modules() -> tuple[str, ...]:
    return tuple(module.name for module in pkgutil.iter_modules(__path__))


def _known() -> str:
    return ", ".join(name for name in _modules() if _find_opener(name))
