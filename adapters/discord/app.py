"""Discord: one gateway connection that hears, and REST calls that post.

Of several processes one has the gateway, for a shard that is connected twice is told everything
twice; the others wait for their turn, and post meanwhile.

Reactions and messages that a moderator clears or deletes are not listened for: reading the message
again (``reactions``) heals the votes. Reactions in direct messages are not heard at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, cast

import discord
from discord.http import HTTPClient, Route

from adapters.discord._pace import Pace
from adapters.discord.calls import PAUSES, THREAD_EXISTS, UNKNOWN_CHANNEL, Place, ask, call
from adapters.discord.ids import DM, PLATFORM, channel_ref, snowflake_at
from adapters.discord.limits import LIMITS, Json
from adapters.discord.listener import Listener, check_application
from adapters.discord.render import is_marked, post_body, render
from bot.domain.channels import ChannelRef, MessageRef, UserRef
from bot.domain.errors import ConfigError, DailyPapersError, Gone, Refused, TryLater
from bot.domain.reply import Reply
from bot.domain.votes import Reaction, kind_of, rank_of
from bot.ports import Inbox, Thread
from bot.text import clip, count, one_line
from config.settings import DiscordSettings

SILENCE = 300.0
"""Seconds without a word from the gateway, which answers a heartbeat every 41, until it counts as
lost: discord.py can try for ever to resume at an address that is gone (Rapptz/discord.py#10511)."""

ARCHIVE_AFTER: Literal[1440] = 1440
"""Minutes without a message after which a thread leaves the list of active ones."""

GATEWAY = "discord gateway, shard 0"

CONNECT_SECONDS = 5.0
"""How soon to ask again while the connection is being made."""

NEEDED = {
    "View Channel": "view_channel",
    "Send Messages": "send_messages",
    "Embed Links": "embed_links",
    "Read Message History": "read_message_history",
    "Create Public Threads": "create_public_threads",
    "Send Messages in Threads": "send_messages_in_threads",
}
"""What a digest needs of a channel: the names that people see, and discord.py's."""

PAGE = 100
NORMAL, BURST = 0, 1
BAD_TOKEN = 4004

TOKEN_CURE = "copy it again from “Bot” in Discord's developer portal"  # noqa: S105 - no secret


class DiscordAdapter:
    """Discord as the core speaks to it.

    Args:
        settings: The section ``discord``.
        pauses: Seconds before each further try of a call whose answer was lost.
    """

    platform = PLATFORM

    def __init__(self, settings: DiscordSettings, *, pauses: Sequence[float] = PAUSES) -> None:
        self._settings = settings
        self._pauses = tuple(pauses)
        self._client: Listener | None = None
        self._pace = Pace()
        self._threads: dict[str, str] = {}  # the last one that was opened in each channel

    async def serve(self, inbox: Inbox) -> None:
        """Connect anew, answer until cancelled, and let running answers finish.

        Raises:
            LeaseLost: if another process may have the gateway; wait for the next turn.
        """
        token = _token(self._settings)
        client = self._client = Listener(inbox, self._settings.guild, self._pauses, self._pace)
        try:
            async with client:
                with _explained():
                    await client.login(token)
                try:
                    async with inbox.turn(GATEWAY):
                        await _run(client)
                finally:
                    await client.drain()
        finally:
            self._client = None
        raise TryLater(PLATFORM, "the connection ended")

    async def post(
        self, channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None
    ) -> MessageRef:
        """Post under the key's nonce; direct messages have no threads, there it stands below."""
        http, place, stands = self._http(), Place.CHANNEL, channel
        if thread and channel.workspace != DM:
            await self._open(thread)
            place, stands = Place.THREAD, replace(channel, id=thread.head.id)
        body = post_body(channel, reply, key=key, thread=thread)
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=int(stands.id))
        sent: Json = await call(lambda: http.request(route, json=body), place, pauses=self._pauses)
        return MessageRef(stands, str(sent["id"]))

    async def edit(self, message: MessageRef, reply: Reply) -> None:
        """Draw a message again; one that was deleted is ``Refused``."""
        http = self._http()
        route = Route(
            "PATCH",
            "/channels/{channel_id}/messages/{message_id}",
            channel_id=int(message.channel.id),
            message_id=int(message.id),
        )
        body = render(reply)
        await ask(lambda: http.request(route, json=body), Place.CHANNEL, pauses=self._pauses)

    async def find(
        self, channel: ChannelRef, *, key: str, since: datetime, thread: Thread | None = None
    ) -> MessageRef | None:
        """Look for the component ids that ``post`` gave the message; see ``ids.marks``."""
        me = self._connected().user
        await self._check_history(channel)
        stands = channel
        if thread and channel.workspace != DM:
            stands = replace(channel, id=thread.head.id)
        async for message in self._history(stands, snowflake_at(since) - 1):
            if me and message["author"]["id"] == str(me.id) and is_marked(message, key):
                return MessageRef(stands, str(message["id"]))
        return None

    async def reactions(self, message: MessageRef) -> Collection[Reaction]:
        """Read who reacted with the emoji that mean something, super reactions included."""
        http = self._http()
        channel, number = int(message.channel.id), int(message.id)
        read = await ask(
            lambda: http.get_message(channel, number), Place.HISTORY, pauses=self._pauses
        )
        found: set[Reaction] = set()
        for reaction in read.get("reactions", ()):
            emoji = reaction["emoji"]["name"]
            if reaction["emoji"].get("id") or not emoji or not _counts(emoji):
                continue
            for kind in (NORMAL, BURST):
                async for user in self._reactors(message, emoji, kind):
                    if not user.get("bot"):
                        person = UserRef(PLATFORM, message.channel.workspace, str(user["id"]))
                        found.add(Reaction(message, person, emoji, added=True))
        return found

    async def check(self, channel: ChannelRef) -> None:
        """Name the rights that the bot lacks in a channel; threads are counted among them."""
        client = self._connected()
        if channel.workspace == DM:
            return
        known = client.get_channel(int(channel.id))
        if isinstance(known, discord.abc.GuildChannel) and not isinstance(
            known, discord.TextChannel
        ):
            raise Gone(PLATFORM, "it is no text channel", cure="Subscribe in a text channel")
        rights = await self._rights(client, channel)
        missing = [name for name, needed in NEEDED.items() if not getattr(rights, needed)]
        if missing:
            names = ", ".join(missing)
            raise Refused(
                PLATFORM, f"it lacks {names}", cure=f"Give the bot {names} in this channel"
            )

    async def direct(self, user: UserRef) -> ChannelRef:
        """Open the private channel with a person, which is the same every time."""
        http, whom = self._http(), {"recipient_id": user.id}
        route = Route("POST", "/users/@me/channels")
        opened: Json = await ask(
            lambda: http.request(route, json=whom), Place.CHANNEL, pauses=self._pauses
        )
        return channel_ref(None, int(opened["id"]))

    def _connected(self) -> Listener:
        if self._client is None or self._client.user is None or self._client.is_closed():
            raise TryLater(PLATFORM, "not connected", retry_after=CONNECT_SECONDS)
        return self._client

    def _http(self) -> HTTPClient:
        return self._connected().http

    async def _open(self, thread: Thread) -> None:
        """Make the thread under its head, which has the head's id, unless it is there."""
        http, head = self._http(), int(thread.head.id)
        if self._threads.get(thread.head.channel.id) == thread.head.id:
            return
        name = clip(one_line(thread.title), LIMITS.thread_name)

        async def start() -> None:
            try:
                await http.start_thread_with_message(
                    int(thread.head.channel.id),
                    head,
                    name=name,
                    auto_archive_duration=ARCHIVE_AFTER,
                )
            except discord.HTTPException as error:
                if error.code != THREAD_EXISTS:
                    raise

        await ask(start, Place.NEW_THREAD, pauses=self._pauses)
        self._threads[thread.head.channel.id] = thread.head.id

    async def _check_history(self, channel: ChannelRef) -> None:
        """Refuse to look for a message where Discord would show none, whatever is there."""
        client = self._connected()
        if channel.workspace == DM or (
            client.is_ready() and client.get_channel(int(channel.id)) is None
        ):
            return
        rights = await self._rights(client, channel)
        if not rights.read_message_history:
            raise Refused(
                PLATFORM,
                "the channel cannot be read back",
                cure=f"Give the bot the permission {Place.HISTORY} in this channel",
            )

    async def _rights(self, client: Listener, channel: ChannelRef) -> discord.Permissions:
        """Return what the bot may do in a channel; Discord is asked where it did not tell."""
        known = client.get_channel(int(channel.id))
        if isinstance(known, discord.abc.GuildChannel) and known.guild.me:
            return known.permissions_for(known.guild.me)

        async def read() -> discord.Permissions:
            guild = await client.fetch_guild(int(channel.workspace), with_counts=False)
            me = await guild.fetch_member(cast(discord.ClientUser, client.user).id)
            return (await guild.fetch_channel(int(channel.id))).permissions_for(me)

        return await ask(read, Place.HISTORY, pauses=self._pauses)

    async def _history(self, stands: ChannelRef, after: int) -> AsyncIterator[Json]:
        """Yield what was posted after an id; a thread that does not exist holds nothing."""
        http = self._http()

        async def read() -> list[Json]:
            try:
                page = await http.logs_from(int(stands.id), PAGE, after=after)
            except discord.NotFound as error:
                if error.code != UNKNOWN_CHANNEL:
                    raise
                return []
            return cast(list[Json], page)

        while page := await ask(read, Place.HISTORY, pauses=self._pauses):
            for message in page:
                yield message
            if len(page) < PAGE:
                return
            after = max(int(message["id"]) for message in page)

    async def _reactors(self, message: MessageRef, emoji: str, kind: int) -> AsyncIterator[Json]:
        http, after = self._http(), 0

        async def read() -> list[Json]:
            page = await http.get_reaction_users(
                int(message.channel.id),
                int(message.id),
                emoji,
                PAGE,
                after=after,
                type=cast(Any, kind),
            )
            return cast(list[Json], page)

        while page := await ask(read, Place.HISTORY, pauses=self._pauses):
            for user in page:
                yield user
            if len(page) < PAGE:
                return
            after = max(int(user["id"]) for user in page)


async def probe(settings: DiscordSettings) -> str:
    """Log in without listening; return who the bot is and where.

    Raises:
        ConfigError, PlatformError: as ``serve`` does.
    """
    async with discord.Client(intents=discord.Intents.none()) as client:
        with _explained():
            await client.login(_token(settings))
            check_application(client)
        guilds = client.application.approximate_guild_count if client.application else 0
        return f"logged in as {client.user}, in {count(guilds, 'server')}"


def _token(settings: DiscordSettings) -> str:
    if settings.token is None:
        raise ConfigError(f"DISCORD_TOKEN is not set: {TOKEN_CURE}")
    return settings.token.get_secret_value()


async def _run(client: Listener) -> None:
    """Keep the connection until it is lost for good, or silent for too long."""
    with _explained():
        async with asyncio.timeout(SILENCE) as silence:
            now = asyncio.get_running_loop().time

            def heard() -> None:
                with suppress(RuntimeError):  # a last word after the end
                    silence.reschedule(now() + SILENCE)

            client.heard = heard
            await client.connect()


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what ends a connection into a setting to correct, or a reason to connect anew.

    Anything may come: the first connect failing is an ``AttributeError`` of discord.py
    (Rapptz/discord.py#10520), and an event of unknown shape ends it with what reading it raised.
    """
    try:
        yield
    except DailyPapersError:
        raise
    except discord.LoginFailure as error:
        raise ConfigError(f"Discord does not accept DISCORD_TOKEN: {TOKEN_CURE}") from error
    except discord.PrivilegedIntentsRequired as error:
        raise ConfigError(
            "Discord asks for privileged intents, which this bot does not use: check that "
            "DISCORD_TOKEN belongs to this bot's own application"
        ) from error
    except discord.ConnectionClosed as error:
        if error.code == BAD_TOKEN:
            raise ConfigError(f"Discord does not accept DISCORD_TOKEN: {TOKEN_CURE}") from error
        raise TryLater(PLATFORM, f"the gateway closed with code {error.code}") from error
    except TimeoutError as error:
        raise TryLater(PLATFORM, "nothing was heard from the gateway") from error
    except Exception as error:
        raise TryLater(PLATFORM, f"connection lost ({type(error).__name__})") from error


def _counts(emoji: str) -> bool:
    return kind_of(emoji) is not None or rank_of(emoji) is not None
