"""Post to forums, where every message begins a post or stands in one.

A post is a thread and its first message, made by one call that takes no nonce. So that call is
made once, and where its answer is lost the forum is read before it is made again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import discord
from discord.http import Route

from adapters.discord.calls import TOO_MANY_THREADS, Place, ask, call, in_either, once
from adapters.discord.ids import PLATFORM
from adapters.discord.limits import LIMITS, Json
from adapters.discord.render import is_marked
from adapters.discord.styles import Styles
from bot.domain.channels import ChannelRef, MessageRef
from bot.domain.errors import Ambiguous, Refused
from bot.domain.reply import Card, Heading, Item, Reply, plain
from bot.text import clip, one_line

T = TypeVar("T")

ARCHIVE_AFTER: Literal[1440] = 1440
"""Minutes without a message after which a thread leaves the list of active ones."""

KEPT_ACTIVE = 25
"""So many of our newest threads are never archived to make room: as many as a digest has papers."""

GENERAL = ("papers", "paper", "daily papers", "digest", "research", "news", "other")
"""Tags for a post that no other tag fits, where the forum asks for one."""

REQUIRES_TAG = 1 << 4
"""docs.discord.com/developers/resources/channel#channel-object-channel-flags"""

PAGE = 100


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of a forum; one that is moderated is given by those alone who manage threads."""

    id: int
    name: str
    moderated: bool = False


@dataclass(frozen=True, slots=True)
class Forum:
    """What has to be known of a forum to post in it."""

    tags: tuple[Tag, ...] = ()
    needs_tag: bool = False


def post_name(reply: Reply) -> str:
    """Return what a post is called: the reply's first title, or else its one line."""
    for node in reply.nodes:
        match node:
            case Heading(words):
                title = one_line(words)
            case Card(title=spans) | Item(title=spans):
                title = one_line(plain(spans))
            case _:
                continue
        if title:
            return clip(title, LIMITS.thread_name)
    return clip(one_line(reply.summary) or "Daily Papers", LIMITS.thread_name)


def chosen_tags(forum: Forum, topics: Sequence[str]) -> list[int]:
    """Return the tags of a post about those topics, the most telling first.

    Raises:
        Refused: if the forum asks for a tag and has none that the bot may give.
    """
    open_tags = [tag for tag in forum.tags if not tag.moderated]
    told = [topic.casefold() for topic in topics]
    fitting = [tag for topic in told for tag in open_tags if _within(tag.name.casefold(), topic)]
    chosen = list(dict.fromkeys(tag.id for tag in fitting))[: LIMITS.thread_tags]
    if chosen or not forum.needs_tag:
        return chosen
    by_name = {tag.name.casefold(): tag.id for tag in reversed(open_tags)}
    general = [by_name[name] for name in GENERAL if name in by_name]
    if open_tags:
        return [*general, open_tags[0].id][:1]
    raise Refused(
        PLATFORM,
        "the forum asks for a tag, and the bot may give none",
        cure="Add a tag such as “Papers” that everybody may use",
    )


def _within(tag: str, topic: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(tag)}(?!\w)", topic) is not None


class Forums:
    """Posts to forums, and finds what was posted.

    Args:
        client: Returns the one that is connected, or raises a ``TryLater``.
        pauses: Seconds before each further try of a call whose answer was lost.
        styles: Is told of the messages that are posted and found.
    """

    def __init__(
        self, client: Callable[[], discord.Client], pauses: Sequence[float], styles: Styles
    ) -> None:
        self._client = client
        self._pauses = tuple(pauses)
        self._styles = styles

    async def post(
        self,
        channel: ChannelRef,
        reply: Reply,
        first: Json,
        second: Callable[[], Json],
        *,
        key: str,
    ) -> MessageRef:
        """Begin a post whose first message is the first body, or else the second; return where.

        Raises:
            Refused, Gone, TryLater, Ambiguous: see ``bot.domain.errors``.
        """
        http, forum = self._client().http, await self._read(channel)
        post = {
            "name": post_name(reply),
            "auto_archive_duration": ARCHIVE_AFTER,
            "applied_tags": list(map(str, chosen_tags(forum, reply.topics))),
        }
        route = Route("POST", "/channels/{channel_id}/threads", channel_id=int(channel.id))

        async def send(body: Json) -> Json:
            message = {name: body[name] for name in body.keys() - {"nonce", "enforce_nonce"}}
            made: Json = await http.request(route, json={**post, "message": message})
            return made

        async def begin() -> Json:
            return await once(lambda: in_either(send, first, second))

        async def begin_in_room() -> Json:
            return await in_room(begin, lambda: self.make_room(channel))

        for pause in (*self._pauses, None):
            try:
                made = await call(begin_in_room, Place.NEW_POST, pauses=())
                self._styles.learn(made["message"])
                return _first_message(channel, int(made["id"]), int(made["message"]["id"]))
            except Ambiguous:
                if pause is None:
                    raise
            await asyncio.sleep(pause)
            if found := await self.find(channel, key=key):
                return found
        raise AssertionError("the last try returns or raises")

    async def find(self, channel: ChannelRef, *, key: str, after: int = 0) -> MessageRef | None:
        """Look among the posts begun after an id for the one of that key."""
        http = self._client().http
        for number in await self._posts(channel, after):
            try:
                first: Any = await ask(
                    lambda: http.get_message(number, number),  # noqa: B023 - awaited at once
                    Place.HISTORY,
                    pauses=self._pauses,
                )
            except Refused:  # its first message was deleted
                continue
            if is_marked(first, key):
                self._styles.learn(first)
                return _first_message(channel, number, number)
        return None

    async def make_room(self, channel: ChannelRef) -> bool:
        """Archive our oldest thread of the guild, unless there are but few; tell whether one was.

        Archived threads are read as before, and are active again as soon as somebody writes.
        """
        client = self._client()
        ours = sorted(int(each["id"]) for each in await self._active(channel) if self._own(each))
        if len(ours) <= KEPT_ACTIVE:
            return False
        try:
            await client.http.edit_channel(ours[0], archived=True)
        except discord.HTTPException:  # that there is no room is what matters
            return False
        return True

    async def _read(self, channel: ChannelRef) -> Forum:
        http = self._client().http
        read: Any = await ask(
            lambda: http.get_channel(int(channel.id)), Place.CHANNEL, pauses=self._pauses
        )
        tags = (
            Tag(int(each["id"]), one_line(each["name"]), bool(each.get("moderated")))
            for each in read.get("available_tags", ())
        )
        return Forum(tuple(tags), bool(int(read.get("flags", 0)) & REQUIRES_TAG))

    async def _posts(self, channel: ChannelRef, after: int) -> list[int]:
        """Return our newest posts of a forum begun after an id, the archived ones among them."""
        http = self._client().http
        archived: Any = await ask(
            lambda: http.get_public_archived_threads(int(channel.id), limit=PAGE),
            Place.HISTORY,
            pauses=self._pauses,
        )
        active = [each for each in await self._active(channel) if each["parent_id"] == channel.id]
        ours = {int(each["id"]) for each in (*active, *archived["threads"]) if self._own(each)}
        return sorted((each for each in ours if each > after), reverse=True)[:PAGE]

    async def _active(self, channel: ChannelRef) -> list[Json]:
        http = self._client().http
        read: Any = await ask(
            lambda: http.get_active_threads(int(channel.workspace)),
            Place.HISTORY,
            pauses=self._pauses,
        )
        return cast(list[Json], read["threads"])

    def _own(self, thread: Json) -> bool:
        me = self._client().user
        return me is not None and thread.get("owner_id") == str(me.id)


async def in_room(begin: Callable[[], Awaitable[T]], make_room: Callable[[], Awaitable[bool]]) -> T:
    """Begin a thread, and once more when room was made where the guild has too many."""
    try:
        return await begin()
    except discord.HTTPException as error:
        if error.code != TOO_MANY_THREADS or not await make_room():
            raise
    return await begin()


def _first_message(channel: ChannelRef, thread: int, message: int) -> MessageRef:
    """Return the message that began a post; on Discord the two have one id."""
    return MessageRef(ChannelRef(channel.platform, channel.workspace, str(thread)), str(message))
