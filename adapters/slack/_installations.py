"""Where the app's installations are kept: a bot token for each workspace, in the SDK's own stores.

A workspace is known by its team alone. One of an Enterprise Grid is installed like any other, and
what posts to a channel knows no more of it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slack_sdk.oauth.installation_store import Bot, FileInstallationStore, Installation
from slack_sdk.oauth.installation_store.async_cacheable_installation_store import (
    AsyncCacheableInstallationStore,
)
from slack_sdk.oauth.state_store import FileOAuthStateStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from adapters.slack._web import sdk_logger
from adapters.slack.ids import PLATFORM
from bot.domain.errors import PlatformError, TryLater

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    Place = Path | AsyncEngine

FOLDER = "slack"
STATES = "states"

STATE_SECONDS = 10 * 60
"""How long somebody may take from the install page to the return from Slack."""
STATES_KEPT = 1_000
"""Anybody can open the install page, so the oldest give way."""

STATE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

FOLDER_MODE = 0o700
FILE_MODE = 0o600


class Installations(AsyncCacheableInstallationStore):
    """One bot for each team, in memory once it was asked for.

    The bot's alone: what the installing person could do is neither asked for nor kept.
    """

    async def async_save(self, installation: Installation) -> None:
        """Keep the bot of a team instead of the one it had.

        Raises:
            TryLater: if it cannot be kept now.
        """
        bot = installation.to_bot()
        bot.enterprise_id = None
        async with _within_reach():
            await self.async_save_bot(bot)

    async def known(self, team: str) -> Bot | None:
        """Return the bot of a team, from memory if it is there.

        Raises:
            TryLater: if that cannot be told now.
        """
        async with _within_reach():
            return await self.async_find_bot(enterprise_id=None, team_id=team)

    async def read(self, team: str) -> Bot | None:
        """Return the bot of a team as it is kept, whichever process changed it last.

        Raises:
            TryLater: if that cannot be told now.
        """
        async with _within_reach():
            bot = await self.underlying.async_find_bot(enterprise_id=None, team_id=team)
        self.forget(team)
        if bot:
            self.cached_bots[_key(team)] = bot
        return bot

    def forget(self, team: str) -> None:
        """Look again for the bot of a team when next it is asked for."""
        self.cached_bots.pop(_key(team), None)

    async def remove(self, team: str) -> None:
        """Keep no token of a team any more.

        Raises:
            TryLater: if it cannot be removed now.
        """
        async with _within_reach():
            await self.async_delete_bot(enterprise_id=None, team_id=team)
        self.forget(team)


def _key(team: str) -> str:
    return f"-{team}"  # the SDK's, for a team of no enterprise


@asynccontextmanager
async def _within_reach() -> AsyncIterator[None]:
    try:
        yield
    except PlatformError:
        raise
    except Exception as error:  # whatever a file or a database driver raises
        raise TryLater(
            PLATFORM,
            f"the installations are out of reach ({type(error).__name__})",
            cure="See that STORE_URL can be read and written",
        ) from error


class BotFiles(FileInstallationStore):
    """A file for each team, which nobody but this user can read and no crash cuts short."""

    async def async_find_bot(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        is_enterprise_install: bool | None = False,
    ) -> Bot | None:
        """Return the bot of a team."""
        return await asyncio.to_thread(self.find_bot, enterprise_id=enterprise_id, team_id=team_id)

    async def async_save_bot(self, bot: Bot) -> None:
        """Keep the bot of a team."""
        await asyncio.to_thread(self.save_bot, bot)

    async def async_delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Keep it no more."""
        await asyncio.to_thread(self.delete_bot, enterprise_id=enterprise_id, team_id=team_id)

    def save_bot(self, bot: Bot) -> None:
        """Write it beside the old one, whose place it takes when it is on the disk."""
        folder = Path(self.base_dir) / f"none-{bot.team_id}"
        _make_private(folder)
        draft = folder / "draft"
        _write(draft, json.dumps(bot.__dict__))
        draft.replace(folder / "bot-latest")


class StateFiles(FileOAuthStateStore):
    """A file for each install page that somebody has open.

    What comes back from a browser is the name of a file, so it has to look like one of ours.
    """

    async def async_issue(self, *args: object, **kwargs: object) -> str:
        """Return a new state."""
        return await asyncio.to_thread(self.issue)

    async def async_consume(self, state: str) -> bool:
        """Tell whether a state is good, which it is once."""
        return await asyncio.to_thread(self.consume, state)

    def issue(self, *args: object, **kwargs: object) -> str:
        """Return a new state, and forget those that nobody came back with."""
        _make_private(Path(self.base_dir))
        self._sweep()
        state = str(super().issue())
        (Path(self.base_dir) / state).chmod(FILE_MODE)
        return state

    def consume(self, state: str) -> bool:
        """Tell whether a state is good, which it is once."""
        return STATE.fullmatch(state) is not None and bool(super().consume(state))

    def _sweep(self) -> None:
        found = []
        for path in Path(self.base_dir).glob("*"):
            with suppress(FileNotFoundError):  # somebody came back with it
                found.append((path.stat().st_mtime, path))
        late = time.time() - self.expiration_seconds
        for n, (at, path) in enumerate(sorted(found, reverse=True), start=1):
            if n >= STATES_KEPT or at < late:
                path.unlink(missing_ok=True)


def _make_private(folder: Path) -> None:
    """Make a folder of this user alone, and so the two around it, which are Slack's."""
    for each in (folder.parent.parent, folder.parent, folder):
        each.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        each.chmod(FOLDER_MODE)


def _write(path: Path, content: str) -> None:
    path.unlink(missing_ok=True)  # its mode would stay
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(file, "w", encoding="utf-8") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _silent_logger() -> logging.Logger:
    """Return a logger that says nothing: the SDK names states in warnings, good ones too."""
    logger = logging.getLogger("slack_bolt.states")
    logger.disabled = True
    return logger


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept for several workspaces.

    Attributes:
        installations: The bots.
        states: The install pages that are open.
        engine: The database in which it all is, if it is in one.
    """

    installations: Installations
    states: AsyncOAuthStateStore
    engine: AsyncEngine | None = None

    async def close(self) -> None:
        """Let go of the database; it is connected to anew by whoever asks again."""
        if self.engine:
            await self.engine.dispose()


def kept_at(place: Place, client_id: str) -> Kept:
    """Return what is kept at a place for the app of that client id.

    Args:
        place: The folder of the state, or the database with the tables ``slack_bots`` and
            ``slack_oauth_states`` where it looks without being told a schema.
        client_id: The app's.
    """
    if isinstance(place, Path):
        folder = place / FOLDER
        return Kept(
            Installations(
                BotFiles(
                    base_dir=str(folder),
                    client_id=client_id,
                    historical_data_enabled=False,
                    logger=sdk_logger(),
                )
            ),
            StateFiles(
                expiration_seconds=STATE_SECONDS,
                base_dir=str(folder / STATES),
                client_id=client_id,
                logger=_silent_logger(),
            ),
        )
    # parts that those alone have installed who use PostgreSQL
    from adapters.slack._tables import AsyncSQLAlchemyInstallationStore, StateTable

    return Kept(
        Installations(AsyncSQLAlchemyInstallationStore(client_id, place, logger=sdk_logger())),
        StateTable(STATE_SECONDS, place, logger=_silent_logger()),
        place,
    )
