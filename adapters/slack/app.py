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
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

from adapters.slack._http import listening
from adapters.slack._listeners import Listeners, Memory
from adapters.slack._pace import Pace
from adapters.slack._setup import REINSTALL, differences, losses
from adapters.slack._socket import Patience, SocketMode
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
from adapters.slack.manifest import SHORTCUT
from adapters.slack.render import METADATA_EVENT, envelope
from bot.domain.channels import ChannelRef, MessageRef, UserRef
from bot.domain.errors import Ambiguous, ConfigError, PlatformError, Refused, TryLater
from bot.domain.reply import Reply
from bot.domain.votes import Reaction
from bot.ports import Inbox, Thread
from config.settings import SlackSettings

log = structlog.get_logger()

ANYTHING = re.compile(".*")

MISSING_SCOPE = "missing_scope"

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
        patience: How long Socket Mode may take for what.
    """

    platform = PLATFORM

    def __init__(
        self,
        settings: SlackSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: Patience | None = None,
    ) -> None:
        self._settings = settings
        self._token = _bot_token(settings)
        _check_intake(settings)
        self._web = SlackWeb(self._token, settings.api_url)
        self._looks = Looks(settings.style)
        self._pace = Pace(clock, sleep)
        self._drawing = asyncio.Lock()
        self._clock = clock
        self._sleep = sleep
        self._patience = patience or Patience()
        self._events = Memory(clock)
        self._bots: OrderedDict[str, bool] = OrderedDict()
        self.port: int | None = None
        """The port listened on in HTTP mode, while it is."""

    async def serve(self, inbox: Inbox) -> None:
        """Connect, hand everything that arrives to ``inbox``, run until cancelled.

        Raises:
            ConfigError: when Slack refuses a token, or one is not set or lacks a scope.
            TryLater: when Slack cannot be reached, or the connection is lost for good.
        """
        me = await self._web.identity()
        for scope, lost in _losses(me).items():
            log.warning("slack scope missing", scope=scope, lost=lost, cure=REINSTALL)
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
        app.event("app_home_opened")(listeners.home)
        app.action(ANYTHING)(listeners.press)
        app.view(ANYTHING)(listeners.submit)
        app.shortcut(SHORTCUT)(listeners.summarize)
        app.shortcut(ANYTHING)(listeners.ignore)
        app.event(ANYTHING)(listeners.ignore)
        return app

    @asynccontextmanager
    async def _socket(self, bolt: AsyncApp) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        token = _app_token(self._settings)
        new_url = partial(self._web.socket_url, token)
        async with SocketMode(bolt, token, new_url, self._clock, self._patience) as sockets:
            yield sockets.watch

    @asynccontextmanager
    async def _http(self, bolt: AsyncApp) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        secret = _signing_secret(self._settings)
        host, port = self._settings.host, self._settings.port
        try:
            async with listening(bolt, secret, host, port, self._clock) as self.port:
                yield _for_ever
        finally:
            self.port = None

    async def post(
        self, channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None
    ) -> MessageRef:
        """Post one message when its channel and the workspace may get one.

        Slack knows no key that would make it refuse a second message, so ``key`` goes into the
        message's metadata, where ``find`` looks for it. What is posted to a person stands in the
        channel with them, which the answer names.
        """

        async def send(payload: Json) -> MessageRef:
            message = {**envelope(channel, key=key, thread=thread), **payload}
            answer = await self._pace.post(channel.id, partial(self._web.post, message))
            return message_ref(channel.workspace, answer["channel"], answer["ts"])

        async with self._drawing:  # a thousand at once would keep clicks from being acknowledged
            await asyncio.sleep(0)
        return await show(reply, send, self._looks)

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

    async def check(self, channel: ChannelRef) -> None:
        """Ask Slack whether the bot is in a channel; an app that may not ask learns it later."""
        try:
            told = await self._web.ask(self._web.client.conversations_info(channel=channel.id))
        except Refused as error:
            if error.problem.startswith(MISSING_SCOPE):
                return
            raise
        found = told["channel"]
        if found.get("is_archived"):
            raise self._web.gone("is_archived")
        if not (found.get("is_im") or found.get("is_member")):
            raise self._web.gone("not_in_channel")

    async def direct(self, user: UserRef) -> ChannelRef:
        """Return a person's id, which Slack takes for the channel of messages to them."""
        return channel_ref(user.workspace, user.id)

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
        ConfigError: if a token is missing or lacks a scope, or Slack refuses one; and, given a
            configuration token, if the app is not set up as the bot needs it.
        TryLater: if Slack cannot be reached.
    """
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
