"""Who answers what arrives: the listeners of the workspace that it arrives from.

Bolt asks ``authorize`` before anything is acknowledged, so no network is waited for there, and no
disk once a workspace is known.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, cast

import structlog
from slack_bolt.async_app import AsyncBoltContext
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from adapters.slack._listeners import Listeners
from adapters.slack._teams import InstalledTeams
from adapters.slack._web import Identity, SlackWeb
from adapters.slack.limits import Json
from bot.domain.errors import PlatformError

log = structlog.get_logger()

Listener = Callable[..., Awaitable[None]]
Authorize = Callable[..., Awaitable[AuthorizeResult]]

DESK = "desk"
"""The key of Bolt's context under which a request carries its listeners."""

NOBODY = "The app is not installed in this workspace any more. Somebody may install it again."


class Desks(Protocol):
    """What Bolt needs to know of those who answer."""

    nobody: str
    """What a person is told whose workspace nobody answers for."""

    @property
    def who(self) -> Mapping[str, str]:
        """What the log says of them."""

    @property
    def authorize(self) -> Authorize:
        """Return whom a request is for."""

    def listener(self, name: str) -> Listener:
        """Return what Bolt calls for that method of ``Listeners``."""

    async def drain(self) -> None:
        """Wait for what runs, within bounds."""


class OneDesk:
    """The listeners of the only workspace."""

    nobody = NOBODY

    def __init__(self, listeners: Listeners, me: Identity, token: str) -> None:
        self._listeners = listeners
        self._me = me
        self._token = token

    @property
    def who(self) -> Mapping[str, str]:
        """Who the bot is."""
        return {"bot": self._me.name, "team": self._me.team}

    @property
    def authorize(self) -> Authorize:
        """Return whom every request is for."""

        async def authorize() -> AuthorizeResult:
            return _result(self._me, self._token)

        return authorize

    def listener(self, name: str) -> Listener:
        """Return a method of the listeners."""
        method: Listener = getattr(self._listeners, name)
        return method

    async def drain(self) -> None:
        """Wait for what runs, within bounds."""
        await self._listeners.drain()


class TeamDesks:
    """Listeners for each workspace that installed the app, made when it is first heard of.

    Args:
        teams: The workspaces.
        listeners: Makes them for one.
    """

    nobody = NOBODY

    def __init__(
        self, teams: InstalledTeams, listeners: Callable[[SlackWeb, Identity], Listeners]
    ) -> None:
        self._teams = teams
        self._new = listeners
        self._by_team: dict[str, tuple[SlackWeb, Listeners]] = {}
        self._replaced: list[Listeners] = []

    @property
    def who(self) -> Mapping[str, str]:
        """Where to install the app."""
        return {"install": self._teams.install_url}

    @property
    def authorize(self) -> Authorize:
        """Return whom a request is for, and note who answers it."""

        async def authorize(
            context: AsyncBoltContext, team_id: str | None
        ) -> AuthorizeResult | None:
            slack = await self._teams.known(team_id) if team_id else None
            if slack is None or team_id is None:
                return None
            me = await slack.identity()  # known, so nobody is asked
            context[DESK] = self._desk(team_id, slack, me)
            return _result(me, slack.client.token or "")

        return cast("Authorize", authorize)  # Bolt's types forget that there may be nobody

    def listener(self, name: str) -> Listener:
        """Return what calls the method of the listeners whom a request is for."""
        wanted = [*inspect.signature(getattr(Listeners, name)).parameters][1:]

        async def listen(args: AsyncArgs) -> None:
            method: Listener = getattr(args.context[DESK], name)
            await method(**{each: getattr(args, each) for each in wanted})

        return listen

    async def left(self, event: Json, body: Json, context: AsyncBoltContext) -> None:
        """Forget a workspace that uninstalled the app."""
        team = context.team_id or ""
        try:
            if await self._teams.left(team, event, float(body.get("event_time") or 0)):
                log.info("slack app uninstalled", team=team)
        except PlatformError as error:
            log.warning("slack installation not removed", team=team, reason=str(error))

    async def drain(self) -> None:
        """Wait for what runs, within bounds."""
        running = [listeners for _, listeners in self._by_team.values()]
        await asyncio.gather(*(each.drain() for each in (*running, *self._replaced)))

    def _desk(self, team: str, slack: SlackWeb, me: Identity) -> Listeners:
        known, listeners = self._by_team.get(team, (None, None))
        if listeners is None or known is not slack:
            if listeners is not None:
                self._replaced.append(listeners)  # it may be at work still
            listeners = self._new(slack, me)
            self._by_team[team] = slack, listeners
        return listeners


def _result(me: Identity, token: str) -> AuthorizeResult:
    return AuthorizeResult(
        enterprise_id=None,
        team_id=me.team,
        bot_token=token,
        bot_id=me.bot,
        bot_user_id=me.user,
    )
