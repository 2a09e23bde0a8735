"""Slack as a chat platform: it connects, posts, edits and reads back.

One Bolt app, fed over Socket Mode or by signed HTTP; what people do there is in ``_listeners``,
what Slack's answers mean in ``_web``.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

from adapters.slack._listeners import DRAIN_SECONDS, Listeners, Memory
from adapters.slack._web import (
    Identity,
    Looks,
    Pace,
    SlackWeb,
    anonymous_client,
    sdk_logger,
    show,
)
from adapters.slack.ids import PLATFORM, unicode_of, user_ref
from adapters.slack.limits import Json
from adapters.slack.manifest import EVENTS_PATH
from adapters.slack.render import METADATA_EVENT, envelope
from bot.domain.channels import ChannelRef, MessageRef
from bot.domain.errors import Ambiguous, ConfigError, PlatformError, Refused, TryLater
from bot.domain.reply import Reply
from bot.domain.votes import Reaction
from bot.ports import Inbox, Thread
from config.settings import SlackSettings

log = structlog.get_logger()

ANYTHING = re.compile(".*")

CONNECT_SECONDS = 30
PING_SECONDS = 5
LOST_CHECKS = 4
"""A connection found dead so often in a row is given up; the SDK mends shorter breaks itself."""

PAGE = 15
PAGES = 20
LAG_SECONDS = 5
"""History may lack what was just posted; it is read once more after this long."""

BOT_MEMORY = 10_000


class SlackAdapter:
    """One Slack workspace.

    Args:
        settings: Tokens and the way events arrive.
        clock: Counts seconds, for the pace of posts and the memory of events.
        sleep: Waits between posts.
        watch_seconds: How often the connection is looked at.
    """

    platform = PLATFORM

    def __init__(
        self,
        settings: SlackSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        watch_seconds: float = 15,
    ) -> None:
        self._settings = settings
        self._token = _bot_token(settings)
        _check_intake(settings)
        self._web = SlackWeb(self._token, settings.api_url)
        self._looks = Looks(settings.style)
        self._pace = Pace(clock, sleep)
        self._sleep = sleep
        self._watch_seconds = watch_seconds
        self._events = Memory(clock)
        self._bots: OrderedDict[str, bool] = OrderedDict()
        self.port: int | None = None
        """The port listened on in HTTP mode, while it is."""

    async def serve(self, inbox: Inbox) -> None:
        """Connect, hand everything that arrives to ``inbox``, run until cancelled.

        Raises:
            ConfigError: when Slack refuses a token, or one is not set.
            TryLater: when Slack cannot be reached, or the connection is lost for good.
        """
        me = await self._web.identity()
        listeners = Listeners(inbox, me, self._web, self._events, self._is_bot)
        bolt = self._bolt(me, listeners)
        intake = self._socket if self._settings.mode == "socket" else self._http
        try:
            async with intake(bolt) as watch:
                log.info("slack connected", mode=self._settings.mode, bot=me.name, team=me.team)
                await watch()
        finally:
            await listeners.drain()

    def _bolt(self, me: Identity, listeners: Listeners) -> AsyncApp:
        async def authorize() -> AuthorizeResult:
            return AuthorizeResult(
                enterprise_id=None,
                team_id=me.team,
                bot_token=self._token,
                bot_id=me.bot,
                bot_user_id=me.user,
            )

        secret = self._settings.signing_secret
        app = AsyncApp(
            name="daily-papers",
            logger=sdk_logger(),
            client=anonymous_client(self._settings.api_url),
            authorize=authorize,
            signing_secret=secret.get_secret_value() if secret else "",
        )
        app.command(ANYTHING)(listeners.command)
        app.event("app_mention")(listeners.mention)
        app.event("message")(listeners.message)
        app.event("reaction_added")(listeners.reaction)
        app.event("reaction_removed")(listeners.reaction)
        app.action(ANYTHING)(listeners.press)
        app.shortcut(ANYTHING)(listeners.ignore)
        app.event(ANYTHING)(listeners.ignore)
        return app

    @asynccontextmanager
    async def _socket(self, bolt: AsyncApp) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        token = _app_token(self._settings)
        url = await self._web.socket_url(token)  # the SDK alone would try a bad token for ever
        handler = AsyncSocketModeHandler(bolt, token, ping_interval=PING_SECONDS)
        handler.client.wss_uri = url
        try:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await handler.connect_async()  # type: ignore[no-untyped-call]  # the SDK's
            except TimeoutError as error:
                raise TryLater(PLATFORM, "no Socket Mode connection could be made") from error
            yield partial(self._watch, handler)
        finally:
            await handler.close_async()  # type: ignore[no-untyped-call]  # the SDK's

    async def _watch(self, handler: AsyncSocketModeHandler) -> None:
        dead = 0
        while dead < LOST_CHECKS:
            await asyncio.sleep(self._watch_seconds)
            dead = 0 if await handler.client.is_connected() else dead + 1
        raise TryLater(PLATFORM, "the Socket Mode connection is lost")

    @asynccontextmanager
    async def _http(self, bolt: AsyncApp) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        async def handle(request: web.Request) -> web.Response:
            answer = await bolt.async_dispatch(await to_bolt_request(request))
            return await to_aiohttp_response(answer)

        server = web.Application()
        server.router.add_post(EVENTS_PATH, handle)
        runner = web.AppRunner(server, access_log=None, shutdown_timeout=DRAIN_SECONDS)
        await runner.setup()
        host, port = self._settings.host, self._settings.port
        try:
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                raise ConfigError(
                    f"SLACK_HOST and SLACK_PORT: cannot listen on {host}:{port}, "
                    f"{error.strerror}: choose a free port"
                ) from error
            self.port = runner.addresses[0][1]
            yield _for_ever
        finally:
            self.port = None
            await runner.cleanup()

    async def post(
        self, channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None
    ) -> MessageRef:
        """Post one message, at most one a second to a channel.

        Slack knows no key that would make it refuse a second message, so ``key`` goes into the
        message's metadata, where ``find`` looks for it.
        """

        async def send(payload: Json) -> str:
            await self._pace.turn(channel.id)
            posted = self._web.client.chat_postMessage(
                **envelope(channel, key=key, thread=thread), **payload
            )
            return str((await self._web.ask(posted, lost=Ambiguous))["ts"])

        return MessageRef(channel, await show(reply, send, self._looks))

    async def edit(self, message: MessageRef, reply: Reply) -> None:
        """Make a message of ours show ``reply`` instead; its metadata stays."""

        async def send(payload: Json) -> None:
            changed = self._web.client.chat_update(
                channel=message.channel.id, ts=message.id, **payload
            )
            await self._web.ask(changed)

        await show(reply, send, self._looks)

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
        me = await self._web.identity()
        cursor = None
        client = self._web.client
        for _ in range(PAGES):
            window: Json = {
                "channel": channel.id,
                "oldest": f"{since.timestamp():.6f}",
                "limit": PAGE,
                "cursor": cursor,
                "include_all_metadata": True,
            }
            if thread:
                asked = client.conversations_replies(ts=thread.head.id, **window)
            else:
                asked = client.conversations_history(**window)
            answer = await self._web.ask(asked)
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
        asked = self._web.client.reactions_get(
            channel=message.channel.id, timestamp=message.id, full=True
        )
        answer = await self._web.ask(asked)
        return [
            Reaction(message, user_ref(message.channel.workspace, user), emoji, added=True)
            for each in answer.get("message", {}).get("reactions", ())
            if (emoji := unicode_of(each["name"]))
            for user in each["users"]
            if not await self._is_bot(user)
        ]

    async def _is_bot(self, user: str) -> bool:
        """Tell whether a user is a bot; one of whom nothing is known counts as a person."""
        if user == (await self._web.identity()).user:
            return True
        if user not in self._bots:
            try:
                answer = await self._web.ask(self._web.client.users_info(user=user))
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
        ConfigError: if a token is missing or Slack refuses one.
        TryLater: if Slack cannot be reached.
    """
    slack = SlackWeb(_bot_token(settings), settings.api_url)
    me = await slack.identity()
    if settings.mode == "socket":
        await slack.socket_url(_app_token(settings))
    return f"logged in as {me.name} in workspace {me.team}"


def _bot_token(settings: SlackSettings) -> str:
    if settings.bot_token is None:
        raise ConfigError("SLACK_BOT_TOKEN is not set: Slack needs the app's bot token (xoxb-…)")
    return settings.bot_token.get_secret_value()


def _check_intake(settings: SlackSettings) -> None:
    """Raise a ``ConfigError`` if what its mode needs is not set."""
    if settings.mode == "socket":
        _app_token(settings)
    elif settings.signing_secret is None:
        raise ConfigError(
            "SLACK_SIGNING_SECRET is not set: HTTP mode needs the signing secret of the app; "
            "or set SLACK_MODE=socket"
        )


def _app_token(settings: SlackSettings) -> str:
    if settings.app_token is None:
        raise ConfigError(
            "SLACK_APP_TOKEN is not set: Socket Mode needs an app-level token (xapp-…); "
            "or set SLACK_MODE=http"
        )
    return settings.app_token.get_secret_value()
