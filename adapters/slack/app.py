"""Slack as a chat platform: it connects, posts, edits and reads back.

One Bolt app, fed over Socket Mode or by signed HTTP; what people do there is in ``_listeners``,
what Slack's answers mean in ``_web``, which workspace has which token in ``_teams``.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog
from aiohttp import web
from slack_bolt.async_app import AsyncApp

from adapters.slack._desks import Desks, OneDesk, TeamDesks
from adapters.slack._http import events, listening
from adapters.slack._install import install_flow, pages
from adapters.slack._installations import kept_at
from adapters.slack._listeners import Listeners, Memory
from adapters.slack._pace import Pace
from adapters.slack._setup import REINSTALL, differences, losses
from adapters.slack._socket import Patience, SocketMode
from adapters.slack._teams import InstalledTeams, OneTeam, Teams
from adapters.slack._web import (
    Identity,
    Looks,
    SlackWeb,
    anonymous_client,
    sdk_logger,
    show,
)
from adapters.slack.ids import PLATFORM, channel_ref, message_ref, unicode_of, user_ref
from adapters.slack.limits import Json
from adapters.slack.manifest import INSTALL_PATH, LEAVING, SHORTCUT
from adapters.slack.render import METADATA_EVENT, envelope
from bot.domain.channels import ChannelRef, MessageRef, UserRef
from bot.domain.errors import Ambiguous, ConfigError, PlatformError, Refused, TryLater
from bot.domain.reply import Reply
from bot.domain.votes import Reaction
from bot.ports import Inbox, Thread
from config.settings import SlackSettings

if TYPE_CHECKING:
    from adapters.slack._installations import Kept, Place

log = structlog.get_logger()

ANYTHING = re.compile(".*")

MISSING_SCOPE = "missing_scope"

PAGE = 15
PAGES = 20
LAG_SECONDS = 5
"""History may lack what was just posted; it is read once more after this long."""

BOT_MEMORY = 10_000

CREDENTIALS = "the app's credentials (Basic Information of the app)"


class SlackAdapter:
    """One Slack workspace, or all that installed the app.

    Args:
        settings: Tokens and the way events arrive.
        place: Where installations are kept; not needed for one workspace.
        clock: Counts seconds, for the pace of posts and the memory of events.
        sleep: Waits between posts.
        patience: How long Socket Mode may take for what.
    """

    platform = PLATFORM

    def __init__(
        self,
        settings: SlackSettings,
        place: Place | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: Patience | None = None,
    ) -> None:
        self._settings = settings
        self._looks: dict[str, Looks] = {}
        self._paces: dict[str, Pace] = {}
        self._drawing = asyncio.Lock()
        self._clock = clock
        self._sleep = sleep
        self._patience = patience or Patience()
        self._events = Memory(clock)
        self._bots: OrderedDict[str, bool] = OrderedDict()
        self._kept: Kept | None = None
        self._pages: list[web.RouteDef] = []
        self._teams: Teams
        if is_shared(settings):
            app = _shared_app(settings)
            if place is None:
                raise ConfigError("Slack for several workspaces needs a place for installations")
            self._kept = kept_at(place, app.client_id)
            install_url = app.public_url + INSTALL_PATH
            self._teams = InstalledTeams(self._kept.installations, settings.api_url, install_url)
            self._pages = pages(
                install_flow(
                    self._kept,
                    client_id=app.client_id,
                    client_secret=app.client_secret,
                    public_url=app.public_url,
                    api_url=settings.api_url,
                )
            )
        else:
            self._teams = OneTeam(SlackWeb(_bot_token(settings), settings.api_url))
        _check_intake(settings)
        self.port: int | None = None
        """The port listened on, while one is."""

    async def serve(self, inbox: Inbox) -> None:
        """Connect, hand everything that arrives to ``inbox``, run until cancelled.

        Raises:
            ConfigError: when Slack refuses a token, or one is not set or lacks a scope.
            TryLater: when Slack cannot be reached, or the connection is lost for good.
        """
        desks = await self._desks(inbox)
        bolt = self._bolt(desks)
        try:
            async with self._intake(bolt) as watch:
                log.info("slack connected", mode=self._settings.mode, **desks.who)
                await watch()
        finally:
            await desks.drain()
            if self._kept:
                await self._kept.close()

    async def _desks(self, inbox: Inbox) -> Desks:
        def listeners(slack: SlackWeb, me: Identity) -> Listeners:
            return Listeners(inbox, me, slack, self._events, partial(self._is_bot, slack))

        if isinstance(self._teams, InstalledTeams):
            return TeamDesks(self._teams, listeners)
        slack = await self._teams.at("")
        me = await slack.identity()
        if self._settings.client_id:
            log.info("slack serves one workspace", cure="Unset SLACK_BOT_TOKEN to serve several")
        for scope, lost in _losses(me).items():
            log.warning("slack scope missing", scope=scope, lost=lost, cure=REINSTALL)
        return OneDesk(listeners(slack, me), me, _bot_token(self._settings))

    def _bolt(self, desks: Desks) -> AsyncApp:
        secret = self._settings.signing_secret
        app = AsyncApp(
            name="daily-papers",
            logger=sdk_logger(),
            client=anonymous_client(self._settings.api_url),
            authorize=desks.authorize,
            user_facing_authorize_error_message=desks.nobody,
            signing_secret=secret.get_secret_value() if secret else "",
        )
        app.command(ANYTHING)(desks.listener("command"))
        app.event("app_mention")(desks.listener("mention"))
        app.event("message")(desks.listener("message"))
        app.event("reaction_added")(desks.listener("reaction"))
        app.event("reaction_removed")(desks.listener("reaction"))
        app.event("app_home_opened")(desks.listener("home"))
        app.action(ANYTHING)(desks.listener("press"))
        app.view(ANYTHING)(desks.listener("submit"))
        app.shortcut(SHORTCUT)(desks.listener("summarize"))
        app.shortcut(ANYTHING)(desks.listener("ignore"))
        if isinstance(desks, TeamDesks):
            for name in LEAVING:
                app.event(name)(desks.left)
        app.event(ANYTHING)(desks.listener("ignore"))
        return app

    @asynccontextmanager
    async def _intake(self, bolt: AsyncApp) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        settings = self._settings
        by_http = settings.mode == "http"
        routes = [*self._pages]
        if by_http:
            routes.append(events(bolt, _signing_secret(settings), self._clock))
        async with AsyncExitStack() as stack:
            if routes:
                address = listening(routes, settings.host, settings.port)
                self.port = await stack.enter_async_context(address)
                stack.callback(setattr, self, "port", None)
            if by_http:
                yield _for_ever
            else:
                yield await stack.enter_async_context(self._socket(bolt))

    @asynccontextmanager
    async def _socket(self, bolt: AsyncApp) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        token = _app_token(self._settings)
        new_url = partial(SlackWeb(None, self._settings.api_url).socket_url, token)
        async with SocketMode(bolt, token, new_url, self._clock, self._patience) as sockets:
            yield sockets.watch

    async def post(
        self, channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None
    ) -> MessageRef:
        """Post one message when its channel and the workspace may get one.

        Slack knows no key that would make it refuse a second message, so ``key`` goes into the
        message's metadata, where ``find`` looks for it. What is posted to a person stands in the
        channel with them, which the answer names.
        """
        slack = await self._teams.at(channel.workspace)

        async def send(payload: Json) -> MessageRef:
            message = {**envelope(channel, key=key, thread=thread), **payload}
            pace = self._pace_of(channel)
            answer = await pace.post(channel.id, partial(slack.post, message))
            return message_ref(channel.workspace, answer["channel"], answer["ts"])

        async with self._drawing:  # a thousand at once would keep clicks from being acknowledged
            await asyncio.sleep(0)
        return await show(reply, send, self._looks_of(channel))

    async def edit(self, message: MessageRef, reply: Reply) -> None:
        """Make a message of ours show ``reply`` instead; its metadata stays."""
        slack = await self._teams.at(message.channel.workspace)

        async def send(payload: Json) -> None:
            changed = slack.client.chat_update(channel=message.channel.id, ts=message.id, **payload)
            await slack.ask(changed)

        await show(reply, send, self._looks_of(message.channel))

    async def find(
        self, channel: ChannelRef, *, key: str, since: datetime, thread: Thread | None = None
    ) -> MessageRef | None:
        """Look for our message of that key, and once more a little later, for history may lag.

        Raises:
            Refused: if the channel may not be read, or too much was said in it since.
            Ambiguous: if Slack gave no answer, so that it still is not known.
        """
        try:
            found = await self._read_back(channel, key, since, thread)
            if found is None:
                await self._sleep(LAG_SECONDS)
                found = await self._read_back(channel, key, since, thread)
        except TryLater as error:
            raise Ambiguous(PLATFORM, f"not read back: {error.problem}") from error
        return found

    async def _read_back(
        self, channel: ChannelRef, key: str, since: datetime, thread: Thread | None
    ) -> MessageRef | None:
        slack = await self._teams.at(channel.workspace)
        me = await slack.identity()
        cursor = None
        client = slack.client
        for _ in range(PAGES):
            window: Json = {
                "channel": channel.id,
                "oldest": f"{since.timestamp():.6f}",
                "limit": PAGE,
                "cursor": cursor,
                "include_all_metadata": True,
            }
            if thread and not thread.beside:
                asked = client.conversations_replies(ts=thread.head.id, **window)
            else:
                asked = client.conversations_history(**window)
            answer = await slack.ask(asked)
            for message in answer["messages"]:
                if message.get("bot_id") == me.bot and _key(message) == key:
                    return MessageRef(channel, message["ts"])
            cursor = answer.get("response_metadata", {}).get("next_cursor")
            if not cursor:
                return None
        raise Refused(
            PLATFORM,
            f"more than {PAGE * PAGES} messages have come since, the one sought is not among them",
            cure="Look for it in the channel: it will not be sent again",
        )

    async def reactions(self, message: MessageRef) -> Collection[Reaction]:
        """Read the reactions that mean something here; those of bots are left out."""
        slack = await self._teams.at(message.channel.workspace)
        asked = slack.client.reactions_get(
            channel=message.channel.id, timestamp=message.id, full=True
        )
        answer = await slack.ask(asked)
        return [
            Reaction(message, user_ref(message.channel.workspace, user), emoji, added=True)
            for each in answer.get("message", {}).get("reactions", ())
            if (emoji := unicode_of(each["name"]))
            for user in each["users"]
            if not await self._is_bot(slack, user)
        ]

    async def check(self, channel: ChannelRef) -> None:
        """Ask Slack whether the bot is in a channel; an app that may not ask learns it later."""
        slack = await self._teams.at(channel.workspace)
        try:
            told = await slack.ask(slack.client.conversations_info(channel=channel.id))
        except Refused as error:
            if error.problem.startswith(MISSING_SCOPE):
                return
            raise
        found = told["channel"]
        if found.get("is_archived"):
            raise slack.gone("is_archived")
        if not (found.get("is_im") or found.get("is_member")):
            raise slack.gone("not_in_channel")

    async def direct(self, user: UserRef) -> ChannelRef:
        """Return a person's id, which Slack takes for the channel of messages to them."""
        return channel_ref(user.workspace, user.id)

    def _pace_of(self, channel: ChannelRef) -> Pace:
        """Return the pace of a workspace: what one may be sent is no other's."""
        if channel.workspace not in self._paces:
            self._paces[channel.workspace] = Pace(self._clock, self._sleep)
        return self._paces[channel.workspace]

    def _looks_of(self, channel: ChannelRef) -> Looks:
        return self._looks.setdefault(channel.workspace, Looks(self._settings.style))

    async def _is_bot(self, slack: SlackWeb, user: str) -> bool:
        """Tell whether a user is a bot; one of whom nothing is known counts as a person."""
        if user == (await slack.identity()).user:
            return True
        if user not in self._bots:
            try:
                answer = await slack.ask(slack.client.users_info(user=user))
            except PlatformError as error:
                log.warning("slack user unknown", user=user, reason=str(error))
                return False
            self._bots[user] = bool(answer["user"].get("is_bot"))
            if len(self._bots) > BOT_MEMORY:
                self._bots.popitem(last=False)
        return self._bots[user]


async def _for_ever() -> None:
    await asyncio.Event().wait()


def _key(message: Json) -> object:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != METADATA_EVENT:
        return None
    return metadata.get("event_payload", {}).get("key")


async def probe(settings: SlackSettings) -> str:
    """Ask Slack who the bot is, without listening; return it in words.

    Raises:
        ConfigError: if a token is missing or lacks a scope, or Slack refuses one; and, given a
            configuration token, if the app is not set up as the bot needs it.
        TryLater: if Slack cannot be reached.
    """
    if is_shared(settings):
        app = _shared_app(settings)
        _check_intake(settings)
        if settings.mode == "socket":
            await SlackWeb(None, settings.api_url).socket_url(_app_token(settings))
        return f"workspaces install the app at {app.public_url}{INSTALL_PATH}"
    slack = SlackWeb(_bot_token(settings), settings.api_url)
    me = await slack.identity()
    found = [f"logged in as {me.name} in workspace {me.team}"]
    found += [f"without {scope} {lost}" for scope, lost in _losses(me).items()]
    if settings.mode == "socket":
        await slack.socket_url(_app_token(settings))
    if settings.config_token:
        token = settings.config_token.get_secret_value()
        if wrong := differences(await slack.app_manifest(token), settings.mode):
            raise ConfigError(f"the app in Slack differs, {'; '.join(wrong)}: {REINSTALL}")
        found.append("the app subscribes to all it needs")
    return "; ".join(found)


def _losses(me: Identity) -> dict[str, str]:
    """Return what does not work for want of a scope; nothing if Slack did not name them."""
    return losses(me.scopes) if me.scopes else {}


def _bot_token(settings: SlackSettings) -> str:
    if settings.bot_token is None:
        raise ConfigError("SLACK_BOT_TOKEN is not set: Slack needs the app's bot token (xoxb-…)")
    return settings.bot_token.get_secret_value()


def is_shared(settings: SlackSettings) -> bool:
    """Tell whether several workspaces are to be served: no token is set, but a client is."""
    return settings.bot_token is None and bool(settings.client_id or settings.client_secret)


@dataclass(frozen=True, slots=True)
class _SharedApp:
    client_id: str
    client_secret: str
    public_url: str


def _shared_app(settings: SlackSettings) -> _SharedApp:
    """Return what an app for several workspaces needs.

    Raises:
        ConfigError: if a part is not set.
    """
    needed = {
        "SLACK_CLIENT_ID": (settings.client_id, CREDENTIALS),
        "SLACK_CLIENT_SECRET": (settings.client_secret, CREDENTIALS),
        "SLACK_PUBLIC_URL": (
            settings.public_url,
            "the https address of the bot, under which Slack sends people to /slack/install",
        ),
    }
    for name, (value, what) in needed.items():
        if not value:
            raise ConfigError(
                f"{name} is not set: several workspaces need {what}; "
                "or set SLACK_BOT_TOKEN for a single one"
            )
    secret = settings.client_secret
    return _SharedApp(
        settings.client_id or "",
        secret.get_secret_value() if secret else "",
        settings.public_url or "",
    )


def _check_intake(settings: SlackSettings) -> None:
    """Raise a ``ConfigError`` if what its mode needs is not set."""
    if settings.mode == "socket":
        _app_token(settings)
    else:
        _signing_secret(settings)


def _app_token(settings: SlackSettings) -> str:
    if settings.app_token is None:
        raise ConfigError(
            "SLACK_APP_TOKEN is not set: Socket Mode needs an app-level token (xapp-…); "
            "or set SLACK_MODE=http"
        )
    return settings.app_token.get_secret_value()


def _signing_secret(settings: SlackSettings) -> str:
    if settings.signing_secret is None:
        raise ConfigError(
            "SLACK_SIGNING_SECRET is not set: HTTP mode needs the signing secret of the app; "
            "or set SLACK_MODE=socket"
        )
    return settings.signing_secret.get_secret_value()
