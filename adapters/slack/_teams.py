"""Which workspace is spoken to with which token: always the same one, or that of each installation.

Whatever is heard of a workspace is answered before three seconds are over, so there its token comes
from memory; whatever is posted by itself looks it up, for another process may have been told of a
new one.
"""

from __future__ import annotations

from typing import Protocol

from slack_sdk.oauth.installation_store import Bot

from adapters.slack._installations import Installations
from adapters.slack._web import Identity, SlackWeb
from adapters.slack.ids import PLATFORM
from bot.domain.errors import Gone

UNINSTALLED = "the app is not installed there"

LATE_SECONDS = 2
"""Slack tells in whole seconds, and by its own clock, when an app was uninstalled."""


class Teams(Protocol):
    """The workspaces that are served."""

    async def at(self, team: str) -> SlackWeb:
        """Return how to speak to a workspace.

        Raises:
            Gone: if the app is not installed there.
            TryLater: if that cannot be told now.
        """


class OneTeam:
    """The one workspace whose token is set."""

    def __init__(self, web: SlackWeb) -> None:
        self.web = web

    async def at(self, team: str) -> SlackWeb:
        """Return how to speak to it."""
        return self.web


class InstalledTeams:
    """The workspaces that installed the app.

    Args:
        installations: Their tokens.
        api_url: Address of the API.
        install_url: Where the app is installed.
    """

    def __init__(self, installations: Installations, api_url: str, install_url: str) -> None:
        self._installations = installations
        self._api_url = api_url
        self.install_url = install_url
        self._webs: dict[str, tuple[str, SlackWeb]] = {}

    async def at(self, team: str) -> SlackWeb:
        """Return how to speak to a workspace.

        Raises:
            Gone: if the app is not installed there.
            TryLater: if that cannot be told now.
        """
        bot = await self._installations.read(team)
        if bot is None:
            self._webs.pop(team, None)
            raise self._gone(team)
        return self._web(team, bot)

    async def known(self, team: str) -> SlackWeb | None:
        """Return the same from memory, or nothing if the app is not installed there."""
        bot = await self._installations.known(team)
        return self._web(team, bot) if bot else None

    async def left(self, team: str, event: dict[str, object], at: float) -> bool:
        """Forget a workspace that uninstalled the app or took its token back.

        An event may come late: it says nothing about what was installed after it.

        Args:
            team: The workspace.
            event: What Slack told.
            at: When that happened.

        Returns:
            Whether the token was removed.
        """
        bot = await self._installations.read(team)
        if bot is None or bot.installed_at > at + LATE_SECONDS:
            return False
        match event:
            case {"type": "tokens_revoked", "tokens": {"bot": [*users]}}:
                ours = bot.bot_user_id in users
            case {"type": "app_uninstalled"}:
                ours = True
            case _:
                ours = False
        if ours:
            await self._installations.remove(team)
            self._webs.pop(team, None)
        return ours

    def _web(self, team: str, bot: Bot) -> SlackWeb:
        token, web = self._webs.get(team, ("", None))
        if web is None or token != bot.bot_token:
            web = SlackWeb(
                bot.bot_token,
                self._api_url,
                identity=Identity(team, bot.bot_user_id, bot.bot_id, "papers"),
                left=lambda: self._gone(team),
            )
            self._webs[team] = bot.bot_token, web
        return web

    def _gone(self, team: str) -> Gone:
        self._installations.forget(team)
        cure = f"Install it again: {self.install_url}, then run /papers subscribe"
        return Gone(PLATFORM, UNINSTALLED, cure=cure)
