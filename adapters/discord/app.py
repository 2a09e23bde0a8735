"""Discord: one gateway connection that hears, and REST calls that post.

Of several processes one has the gateway, for a shard that is connected twice is told everything
twice; the others wait for their turn, and post meanwhile.

Reactions in direct messages are not heard; reading the message again (``reactions``) counts them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, cast

import discord
from discord.http import HTTPClient, Route

from adapters.discord.calls import (
    PAUSES,
    THREAD_ARCHIVED,
    THREAD_EXISTS,
    UNKNOWN_CHANNEL,
    Place,
    ask,
    call,
    in_either,
)
from adapters.discord.forums import ARCHIVE_AFTER, Forums, in_room
from adapters.discord.gateway import SILENCE, check_sessions, explained, listen, token_of
from adapters.discord.ids import DM, PLATFORM, channel_ref, snowflake_at
from adapters.discord.limits import LIMITS, Json
from adapters.discord.listener import Listener, check_application, register
from adapters.discord.pace import Pace
from adapters.discord.render import Style, is_marked, other, post_body, render
from adapters.discord.styles import Styles
from bot.domain.channels import ChannelRef, MessageRef, UserRef
from bot.domain.errors import ConfigError, Gone, Refused, TryLater
from bot.domain.reply import Reply
from bot.domain.votes import Reaction, kind_of, rank_of
from bot.ports import Inbox, Thread
from bot.text import clip, count, one_line
from config.settings import DiscordSettings

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

NEEDED_IN_FORUMS = {
    "View Channel": "view_channel",
    "Create Posts": "send_messages",
    "Embed Links": "embed_links",
    "Read Message History": "read_message_history",
    "Send Messages in Posts": "send_messages_in_threads",
}
"""What a digest needs of a forum, likewise."""

FORUMS = (discord.ChannelType.forum.value, discord.ChannelType.media.value)
OTHER_CHANNEL = "Subscribe in a text channel or a forum"

PAGE = 100
NORMAL, BURST = 0, 1


class DiscordAdapter:
    """Discord as the core speaks to it.

    Args:
        settings: The section ``discord``.
        pauses: Seconds before each further try of a call whose answer was lost.
        silence: Seconds without a word from the gateway until it counts as lost.
    """

    platform = PLATFORM

    def __init__(
        self,
        settings: DiscordSettings,
        *,
        pauses: Sequence[float] = PAUSES,
        silence: float = SILENCE,
    ) -> None:
        self._settings = settings
        self._silence = silence
        self._pauses = tuple(pauses)
        self._client: Listener | None = None
        self._pace = Pace()
        self._threads: dict[str, str] = {}  # the last one that was opened in each channel
        self._kinds: dict[int, bool] = {}
        self._styles = Styles()
        self._forums = Forums(self._connected, pauses, self._styles)

    async def serve(self, inbox: Inbox) -> None:
        """Connect anew, answer until cancelled, and let running answers finish.

        Raises:
            LeaseLost: if another process may have the gateway; wait for the next turn.
        """
        token = token_of(self._settings)
        client = self.listener(inbox)
        try:
            async with client:
                with explained():
                    await client.login(token)
                try:
                    async with inbox.turn(GATEWAY):
                        with explained():
                            await check_sessions(client)
                        await listen(client, self._silence)
                finally:
                    await client.drain()
        finally:
            self._client = None
        raise TryLater(PLATFORM, "the connection ended")

    def listener(self, inbox: Inbox) -> Listener:
        """Return a new connection that is not made yet; posts go by it from now on."""
        self._client = Listener(inbox, self._settings, self._pauses, self._pace)
        return self._client

    async def post(
        self, channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None
    ) -> MessageRef:
        """Post under the key's nonce; direct messages have no threads, there it stands below.

        In a forum a message with no head begins a post, and all others stand in that of their head.
        """
        http, place = self._http(), Place.CHANNEL
        forum = await self._is_forum(channel)
        style = self._settings.style

        def drawn(style: Style) -> Json:
            return post_body(channel, reply, key=key, thread=thread, style=style)

        first, second = drawn(style), partial(drawn, other(style))
        if forum and thread is None:
            return await self._forums.post(channel, reply, first, second, key=key)
        stands = _stands(channel, thread, forum)
        if thread and stands != channel:
            place = Place.THREAD
            if not forum:
                await self._open(thread)
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=int(stands.id))

        async def send(body: Json) -> Json:
            made: Json = await http.request(route, json=body)
            return made

        sent = await call(lambda: in_either(send, first, second), place, pauses=self._pauses)
        self._styles.learn(sent)
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

        async def send(body: Json) -> None:
            self._styles.learn(await http.request(route, json=body))

        async def draw() -> None:
            if stands := self._styles.of(message.id):
                await send(render(reply, stands))
                return
            style = self._settings.style
            second = partial(render, reply, other(style))
            await in_either(send, render(reply, style), second, guessed=True)

        async def change() -> None:
            try:
                await draw()
            except discord.HTTPException as error:
                if error.code != THREAD_ARCHIVED:
                    raise
                await http.edit_channel(int(message.channel.id), archived=False)
                await draw()
                await http.edit_channel(int(message.channel.id), archived=True)

        await ask(change, Place.CHANNEL, pauses=self._pauses)

    async def find(
        self, channel: ChannelRef, *, key: str, since: datetime, thread: Thread | None = None
    ) -> MessageRef | None:
        """Look for the component ids that ``post`` gave the message; see ``ids.marks``."""
        me = self._connected().user
        await self._check_history(channel)
        after, forum = snowflake_at(since) - 1, await self._is_forum(channel)
        if forum and thread is None:
            return await self._forums.find(channel, key=key, after=after)
        stands = _stands(channel, thread, forum)
        async for message in self._history(stands, after):
            if me and message["author"]["id"] == str(me.id) and is_marked(message, key):
                self._styles.learn(message)
                return MessageRef(stands, str(message["id"]))
        return None

    async def reactions(self, message: MessageRef) -> Collection[Reaction]:
        """Read who reacted with the emoji that mean something, super reactions included."""
        http = self._http()
        channel, number = int(message.channel.id), int(message.id)
        read = await ask(
            lambda: http.get_message(channel, number), Place.HISTORY, pauses=self._pauses
        )
        self._styles.learn(read)
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
            known, discord.TextChannel | discord.ForumChannel
        ):
            raise Gone(PLATFORM, "it is no text channel or forum", cure=OTHER_CHANNEL)
        rights = await self._rights(client, channel)
        forum = await self._is_forum(channel)
        needed = NEEDED_IN_FORUMS if forum else NEEDED
        missing = [name for name, right in needed.items() if not getattr(rights, right)]
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

    async def _is_forum(self, channel: ChannelRef) -> bool:
        """Tell whether a channel holds nothing but threads, which never changes."""
        number = int(channel.id)
        if channel.workspace == DM:
            return False
        if known := self._connected().get_channel(number):
            return isinstance(known, discord.ForumChannel)
        if number not in self._kinds:
            http = self._http()
            read = await ask(lambda: http.get_channel(number), Place.CHANNEL, pauses=self._pauses)
            self._kinds[number] = read["type"] in FORUMS
        return self._kinds[number]

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

        channel = thread.head.channel

        async def start() -> None:
            try:
                await http.start_thread_with_message(
                    int(channel.id), head, name=name, auto_archive_duration=ARCHIVE_AFTER
                )
            except discord.HTTPException as error:
                if error.code != THREAD_EXISTS:
                    raise

        async def start_in_room() -> None:
            await in_room(start, lambda: self._forums.make_room(channel))

        await ask(start_in_room, Place.NEW_THREAD, pauses=self._pauses)
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
        with explained():
            await client.login(token_of(settings))
            check_application(client)
        guilds = client.application.approximate_guild_count if client.application else 0
        return f"logged in as {client.user}, in {count(guilds, 'server')}"


async def sync(settings: DiscordSettings, *, guild: int | None, clear: bool) -> str:
    """Register the commands, for all guilds or for one, or take them away; return what was done.

    Raises:
        ConfigError, PlatformError: as ``serve`` does.
    """
    async with discord.Client(intents=discord.Intents.none()) as client:
        with explained():
            await client.login(token_of(settings))
            try:
                changed = await register(client, guild, clear=clear)
            except discord.Forbidden as error:
                raise ConfigError(
                    f"the bot is not in the server {guild}, or may not have commands there: invite "
                    "it with the link of `daily-papers manifest discord`"
                ) from error
    where = "in every server" if guild is None else f"in the server {guild}"
    if not changed:
        return f"commands {where}: as they should be"
    return f"commands {where}: {'taken away' if clear else 'registered'}"


def _stands(channel: ChannelRef, thread: Thread | None, forum: bool) -> ChannelRef:
    """Return where a message of a channel stands: in it, or in the thread of its head.

    That has the head's id; in a forum it is where the head itself stands.
    """
    if thread is None or channel.workspace == DM or (thread.beside and not forum):
        return channel
    if forum:
        return thread.head.channel
    return replace(channel, id=thread.head.id)


def _counts(emoji: str) -> bool:
    return kind_of(emoji) is not None or rank_of(emoji) is not None
