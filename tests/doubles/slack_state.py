"""What the pretended workspace holds: people, channels, messages, views. No I/O."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from .slack_faults import SlackError

Json: TypeAlias = dict[str, Any]
ChannelKind: TypeAlias = Literal["public", "private", "im"]

EMOJI_ALIASES = {"thumbsup": "+1", "thumbsdown": "-1"}  # events carry the short names


@dataclass(frozen=True, slots=True)
class User:
    """A member of the workspace; bots are members too."""

    id: str
    name: str
    is_bot: bool = False
    deleted: bool = False
    tz: str = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Channel:
    """A conversation, and who is in it."""

    id: str
    name: str
    kind: ChannelKind = "public"
    archived: bool = False
    members: frozenset[str] = frozenset()
    created: int = 0


@dataclass(frozen=True, slots=True)
class Reaction:
    """One emoji under a message and everyone who chose it, first one first."""

    name: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edited:
    """The "(edited)" mark: who changed the text, and when."""

    user: str
    ts: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands now.

    ``edited`` is the mark people see, which an edit with blocks does not leave; ``revision``
    counts every edit.
    """

    channel: str
    ts: str
    text: str
    user: str | None = None
    bot_id: str | None = None
    app_id: str | None = None
    blocks: tuple[Json, ...] = ()
    attachments: tuple[Json, ...] = ()
    thread_ts: str | None = None
    broadcast: bool = False
    metadata: Json | None = None
    reactions: tuple[Reaction, ...] = ()
    edited: Edited | None = None
    revision: int = 0
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_reply(self) -> bool:
        """Whether it hangs under another message."""
        return self.thread_ts is not None and self.thread_ts != self.ts


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """A message only one person sees, which no history call returns."""

    channel: str
    user: str
    ts: str
    text: str
    blocks: tuple[Json, ...] = ()
    thread_ts: str | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A modal or a Home tab, with the body the app sent."""

    id: str
    user: str
    body: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    channel: str | None = None

    @property
    def type(self) -> str:
        """``modal`` or ``home``."""
        return str(self.body.get("type"))

    @property
    def blocks(self) -> tuple[Json, ...]:
        """The blocks on the screen, each with its id."""
        return tuple(self.body.get("blocks") or ())


class Workspace:
    """One team with one installed app; every change goes through a method.

    Raises:
        SlackError: with Slack's code, when the change or the look-up is refused.
    """

    def __init__(
        self,
        *,
        team_id: str = "T00000001",
        team_name: str = "Reading Group",
        domain: str = "reading-group",
        app_id: str = "A00000001",
        bot_id: str = "B00000001",
        bot_user_id: str = "U00000001",
        bot_name: str = "papers",
        first_id: int = 1,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Start with the bot alone; Slack gives no id twice, so another workspace starts later."""
        self.team_id = team_id
        self.team_name = team_name
        self.domain = domain
        self.app_id = app_id
        self.bot_id = bot_id
        self.bot_user_id = bot_user_id
        self.bot_name = bot_name
        self.clock = clock
        self.users: dict[str, User] = {bot_user_id: User(bot_user_id, bot_name, is_bot=True)}
        self.channels: dict[str, Channel] = {}
        self.views: dict[str, View] = {}
        self.ephemerals: dict[str, Ephemeral] = {}
        self._messages: dict[str, dict[str, Message]] = {}
        self._last_tick = 0
        self._last_id = first_id

    def new_id(self, prefix: str) -> str:
        """Return an id nobody has yet."""
        self._last_id += 1
        return f"{prefix}{self._last_id:08d}"

    def new_ts(self) -> str:
        """Return a message time stamp later than every other."""
        self._last_tick = max(int(self.clock() * 1_000_000), self._last_tick + 1)
        return f"{self._last_tick // 1_000_000}.{self._last_tick % 1_000_000:06d}"

    def add_user(self, name: str, *, bot: bool = False, tz: str = "Europe/Berlin") -> User:
        """Let someone join the team."""
        user = User(self.new_id("U"), name, is_bot=bot, tz=tz)
        self.users[user.id] = user
        return user

    def add_channel(
        self, name: str, *, private: bool = False, archived: bool = False, member: bool = True
    ) -> Channel:
        """Open a channel with everyone in it, the bot included if ``member``."""
        people = frozenset(self.users) - (frozenset() if member else {self.bot_user_id})
        channel = Channel(
            self.new_id("C"),
            name,
            "private" if private else "public",
            archived=archived,
            members=people,
            created=int(self.clock()),
        )
        self.channels[channel.id] = channel
        return channel

    def change_channel(self, channel: str, **changes: Any) -> Channel:
        """Archive, rename, or set the members."""
        changed = replace(self.channel(channel), **changes)
        self.channels[changed.id] = changed
        return changed

    def join(self, channel: str, user: str) -> Channel:
        """Put a user into a channel."""
        return self.change_channel(channel, members=self.channel(channel).members | {user})

    def leave(self, channel: str, user: str) -> Channel:
        """Take a user out of a channel."""
        return self.change_channel(channel, members=self.channel(channel).members - {user})

    def user(self, user: str) -> User:
        """Return a member by id."""
        try:
            return self.users[user]
        except KeyError as e:
            raise SlackError("user_not_found", f"no user {user!r}") from e

    def channel(self, channel: str) -> Channel:
        """Return a channel by id, whoever may see it."""
        try:
            return self.channels[channel]
        except KeyError as e:
            raise SlackError("channel_not_found") from e

    def im_with(self, user: str) -> Channel:
        """Return the direct messages between a user and the bot, opened on first use."""
        people = frozenset({self.user(user).id, self.bot_user_id})
        for channel in self.channels.values():
            if channel.kind == "im" and channel.members == people:
                return channel
        channel = Channel(
            self.new_id("D"), "directmessage", "im", members=people, created=int(self.clock())
        )
        self.channels[channel.id] = channel
        return channel

    def messages(self, channel: str) -> tuple[Message, ...]:
        """Return everything in a channel, replies included, oldest first."""
        stored = self._messages.get(channel, {})
        return tuple(stored[ts] for ts in sorted(stored, key=ts_key))

    def replies(self, channel: str, ts: str) -> tuple[Message, ...]:
        """Return what hangs under a message, oldest first."""
        return tuple(m for m in self.messages(channel) if m.is_reply and m.thread_ts == ts)

    def message(self, channel: str, ts: str) -> Message:
        """Return one message."""
        try:
            return self._messages[channel][ts]
        except KeyError as e:
            raise SlackError("message_not_found") from e

    def store(self, message: Message) -> Message:
        """Keep a message, or its new version; blocks without an id get one, as in Slack."""
        message = replace(message, blocks=self.with_block_ids(message.blocks))
        self._messages.setdefault(message.channel, {})[message.ts] = message
        return message

    def delete(self, channel: str, ts: str) -> None:
        """Take a message away."""
        self.message(channel, ts)
        del self._messages[channel][ts]

    def say(self, user: str, channel: str, text: str, *, thread_ts: str | None = None) -> Message:
        """Let a person write something."""
        author = self.user(user)
        return self.store(
            Message(self.channel(channel).id, self.new_ts(), text, author.id, thread_ts=thread_ts)
        )

    def whisper(
        self,
        user: str,
        channel: str,
        text: str,
        blocks: Sequence[Json] = (),
        thread_ts: str | None = None,
    ) -> Ephemeral:
        """Show something to one person only."""
        shown = Ephemeral(
            channel, user, self.new_ts(), text, self.with_block_ids(blocks), thread_ts
        )
        self.ephemerals[shown.ts] = shown
        return shown

    def react(self, user: str, channel: str, ts: str, emoji: str) -> tuple[Message, str]:
        """Add a reaction; return the message and the emoji's canonical name."""
        name = canonical_emoji(emoji)
        message = self.message(channel, ts)
        before = {r.name: r.users for r in message.reactions}
        if user in before.get(name, ()):
            raise SlackError("already_reacted")
        before[name] = (*before.get(name, ()), user)
        return self._with_reactions(message, before), name

    def unreact(self, user: str, channel: str, ts: str, emoji: str) -> tuple[Message, str]:
        """Take a reaction back; return the message and the emoji's canonical name."""
        name = canonical_emoji(emoji)
        message = self.message(channel, ts)
        before = {r.name: r.users for r in message.reactions}
        if user not in before.get(name, ()):
            raise SlackError("no_reaction")
        before[name] = tuple(u for u in before[name] if u != user)
        return self._with_reactions(message, before), name

    def _with_reactions(self, message: Message, users: Mapping[str, tuple[str, ...]]) -> Message:
        kept = tuple(Reaction(name, who) for name, who in users.items() if who)
        return self.store(replace(message, reactions=kept))

    def with_block_ids(self, blocks: Sequence[Json]) -> tuple[Json, ...]:
        """Return the blocks with an id on each."""
        return tuple(
            block if block.get("block_id") else {**block, "block_id": self.new_id("b")}
            for block in blocks
        )

    def put_view(self, view: View) -> View:
        """Show a view, or its new version."""
        body = dict(view.body)
        body["blocks"] = list(self.with_block_ids(body.get("blocks") or ()))
        view = replace(view, body=body)
        self.views[view.id] = view
        return view

    def close_view(self, view_id: str, *, all_of_them: bool = False) -> None:
        """Close a modal, or the whole stack it is in."""
        root = self.views[view_id].root_id
        stack = [v.id for v in self.views.values() if v.root_id == root]
        for each in stack if all_of_them else [view_id]:
            del self.views[each]

    def stack(self, user: str) -> tuple[View, ...]:
        """Return a person's open modals, the visible one last."""
        return tuple(v for v in self.views.values() if v.user == user and v.type == "modal")

    def home(self, user: str) -> View | None:
        """Return what a person's Home tab shows, if anything was published."""
        return next((v for v in self.views.values() if v.user == user and v.type == "home"), None)


def ts_key(ts: str) -> tuple[int, int]:
    """Order time stamps exactly: they are strings with six decimals, no floats."""
    whole, _, part = ts.partition(".")
    return int(whole or 0), int(part.ljust(6, "0")[:6] or 0)


def canonical_emoji(emoji: str) -> str:
    """Return the name events carry, without colons, a skin tone kept."""
    base, tone, rest = emoji.strip(":").partition("::")
    if not base or not all(c.isalnum() or c in "_-+'" for c in base):
        raise SlackError("invalid_name")
    return EMOJI_ALIASES.get(base, base) + tone + rest


def interactive_elements(blocks: Sequence[Json]) -> Iterator[tuple[str, Json]]:
    """Yield every element with an ``action_id``, with the id of its block."""
    for block in blocks:
        yield from _inside(block, str(block.get("block_id", "")))


def _inside(node: object, block_id: str) -> Iterator[tuple[str, Json]]:
    if isinstance(node, dict):
        block_id = str(node.get("block_id") or block_id)
        if "action_id" in node and "type" in node:
            yield block_id, node
            return
        for value in node.values():
            yield from _inside(value, block_id)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _inside(value, block_id)
