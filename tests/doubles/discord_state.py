"""The world the Discord double holds: guilds, channels, users and messages. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .discord_messages import Emoji, Json, Message, stamp

DISCORD_EPOCH_MS = 1_420_070_400_000  # docs page Reference, "Snowflakes"

TEXT, DM, FORUM, PUBLIC_THREAD, PRIVATE_THREAD = 0, 1, 15, 11, 12

CHANNEL_FLAG_REQUIRE_TAG = 1 << 4

PERMISSION_BITS: Mapping[str, int] = {  # docs page Permissions
    "ADMINISTRATOR": 1 << 3,
    "MANAGE_CHANNELS": 1 << 4,
    "MANAGE_GUILD": 1 << 5,
    "ADD_REACTIONS": 1 << 6,
    "VIEW_CHANNEL": 1 << 10,
    "SEND_MESSAGES": 1 << 11,
    "MANAGE_MESSAGES": 1 << 13,
    "EMBED_LINKS": 1 << 14,
    "ATTACH_FILES": 1 << 15,
    "READ_MESSAGE_HISTORY": 1 << 16,
    "MENTION_EVERYONE": 1 << 17,
    "USE_EXTERNAL_EMOJIS": 1 << 18,
    "MANAGE_WEBHOOKS": 1 << 29,
    "USE_APPLICATION_COMMANDS": 1 << 31,
    "MANAGE_THREADS": 1 << 34,
    "CREATE_PUBLIC_THREADS": 1 << 35,
    "CREATE_PRIVATE_THREADS": 1 << 36,
    "SEND_MESSAGES_IN_THREADS": 1 << 38,
    "PIN_MESSAGES": 1 << 51,
}
EVERYONE = frozenset(
    {
        "ADD_REACTIONS",
        "VIEW_CHANNEL",
        "SEND_MESSAGES",
        "EMBED_LINKS",
        "ATTACH_FILES",
        "READ_MESSAGE_HISTORY",
        "USE_EXTERNAL_EMOJIS",
        "USE_APPLICATION_COMMANDS",
        "CREATE_PUBLIC_THREADS",
        "SEND_MESSAGES_IN_THREADS",
    }
)


class DoubleError(AssertionError):
    """The test asked the double for something that a user of Discord could not do."""


def bits(names: Iterable[str]) -> int:
    """Permission names as Discord's bit field."""
    return sum(PERMISSION_BITS[name] for name in set(names))


class Snowflakes:
    """Ids that grow with the clock and never repeat."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last = 0

    def next(self) -> int:
        """A new id that carries the present time."""
        milliseconds = int(self._now() * 1000) - DISCORD_EPOCH_MS
        self._last = max(self._last + 1, milliseconds << 22)
        return self._last


@dataclass(frozen=True)
class User:
    """Somebody in a guild; `permissions` come on top of what everyone may do."""

    id: int
    name: str
    bot: bool = False
    permissions: frozenset[str] = frozenset()

    def payload(self) -> Json:
        """The user object of the REST API."""
        return {
            "id": str(self.id),
            "username": self.name,
            "global_name": self.name,
            "discriminator": "0",
            "avatar": None,
            "bot": self.bot,
            "public_flags": 0,
        }


@dataclass(frozen=True)
class Tag:
    """A forum's tag."""

    id: int
    name: str

    def payload(self) -> Json:
        """The forum tag object."""
        return {
            "id": str(self.id),
            "name": self.name,
            "moderated": False,
            "emoji_id": None,
            "emoji_name": None,
        }


@dataclass(eq=False)
class Channel:
    """A text or forum channel; `deny` takes permissions from the bot here."""

    id: int
    guild: Guild
    name: str
    type: int = TEXT
    deny: set[str] = field(default_factory=set)
    tags: tuple[Tag, ...] = ()
    require_tag: bool = False
    topic: str | None = None
    messages: dict[int, Message] = field(default_factory=dict)

    @property
    def root(self) -> Channel:
        """The channel whose permissions count here."""
        return self

    def permissions(self, user: User) -> int:
        """What a user may do here, as bits."""
        names = EVERYONE | user.permissions
        if user == self.guild.bot:
            names |= self.guild.bot_permissions
        if "ADMINISTRATOR" in names:
            return bits(PERMISSION_BITS)
        return bits(names - self.root.deny if user == self.guild.bot else names)

    def payload(self) -> Json:
        """The channel object."""
        bot = str(self.guild.bot.id)
        return {
            "id": str(self.id),
            "guild_id": str(self.guild.id),
            "type": self.type,
            "name": self.name,
            "topic": self.topic,
            "position": list(self.guild.channels).index(self.id),
            "nsfw": False,
            "parent_id": None,
            "rate_limit_per_user": 0,
            "last_message_id": str(max(self.messages)) if self.messages else None,
            "flags": CHANNEL_FLAG_REQUIRE_TAG if self.require_tag else 0,
            "permission_overwrites": (
                [{"id": bot, "type": 1, "allow": "0", "deny": str(bits(self.deny))}]
                if self.deny
                else []
            ),
            "available_tags": [tag.payload() for tag in self.tags],
            "default_auto_archive_duration": 1440,
            "default_forum_layout": 0,
            "default_sort_order": None,
        }


@dataclass(eq=False)
class Thread(Channel):
    """A thread or a forum post."""

    parent: Channel = field(kw_only=True)
    owner: User = field(kw_only=True)
    created: datetime = field(kw_only=True)
    archive_changed: datetime = field(kw_only=True)
    auto_archive: int = 1440
    applied_tags: tuple[int, ...] = ()
    archived: bool = False
    locked: bool = False

    @property
    def root(self) -> Channel:
        """The channel whose permissions count here."""
        return self.parent

    def payload(self) -> Json:
        """The thread object."""
        shown = sum(message.type in (0, 19, 20) for message in self.messages.values())
        return {
            "id": str(self.id),
            "guild_id": str(self.guild.id),
            "parent_id": str(self.parent.id),
            "owner_id": str(self.owner.id),
            "type": self.type,
            "name": self.name,
            "last_message_id": str(max(self.messages)) if self.messages else None,
            "message_count": shown,
            "total_message_sent": shown,
            "member_count": 1,
            "rate_limit_per_user": 0,
            "flags": 0,
            "applied_tags": [str(tag) for tag in self.applied_tags],
            "thread_metadata": {
                "archived": self.archived,
                "archive_timestamp": stamp(self.archive_changed),
                "auto_archive_duration": self.auto_archive,
                "locked": self.locked,
                "create_timestamp": stamp(self.created),
            },
            "member": {
                "id": str(self.id),
                "user_id": str(self.guild.bot.id),
                "join_timestamp": stamp(self.created),
                "flags": 1,
            },
        }


@dataclass(eq=False)
class Guild:
    """A server with its channels, threads and people; build it before the bot connects.

    Attributes:
        most_threads: Active threads that it may have.
        installed: Whether its admin added the app, rather than each person for themselves.
    """

    id: int
    name: str
    bot: User
    owner: User
    ids: Snowflakes
    bot_permissions: set[str] = field(default_factory=set)
    channels: dict[int, Channel] = field(default_factory=dict)
    threads: dict[int, Thread] = field(default_factory=dict)
    users: dict[int, User] = field(default_factory=dict)
    emojis: list[Emoji] = field(default_factory=list)
    installed: bool = True
    most_threads: int = 1_000

    def __post_init__(self) -> None:
        self.users = {self.bot.id: self.bot, self.owner.id: self.owner}
        self._bot_role = self.ids.next()

    def add_text(self, name: str) -> Channel:
        """A new text channel."""
        return self._add(Channel(self.ids.next(), self, name))

    def add_forum(
        self, name: str, tags: Iterable[str] = (), *, require_tag: bool = False
    ) -> Channel:
        """A new forum channel."""
        made = tuple(Tag(self.ids.next(), tag) for tag in tags)
        forum = Channel(self.ids.next(), self, name, FORUM, tags=made, require_tag=require_tag)
        return self._add(forum)

    def _add(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        return channel

    def add_user(self, name: str, *, bot: bool = False, permissions: Iterable[str] = ()) -> User:
        """A new member."""
        user = User(self.ids.next(), name, bot, frozenset(permissions))
        self.users[user.id] = user
        return user

    def add_emoji(self, name: str) -> Emoji:
        """A custom emoji of this guild."""
        emoji = Emoji(name, self.ids.next())
        self.emojis.append(emoji)
        return emoji

    def member_payload(self, user: User) -> Json:
        """The guild member object."""
        return {
            "user": user.payload(),
            "nick": None,
            "avatar": None,
            "banner": None,
            "roles": [str(self._bot_role)] if user == self.bot else [],
            "joined_at": "2025-01-01T00:00:00+00:00",
            "premium_since": None,
            "communication_disabled_until": None,
            "deaf": False,
            "mute": False,
            "pending": False,
            "flags": 0,
        }

    def payload(self) -> Json:
        """The guild object of the REST API."""
        return {
            "id": str(self.id),
            "name": self.name,
            "owner_id": str(self.owner.id),
            "roles": [
                self._role(self.id, "@everyone", 0, EVERYONE),
                self._role(self._bot_role, self.bot.name, 1, self.bot_permissions),
            ],
            "emojis": [
                emoji.payload()
                | {"roles": [], "require_colons": True, "managed": False, "available": True}
                for emoji in self.emojis
            ],
            "stickers": [],
            "features": [],
            "icon": None,
            "splash": None,
            "banner": None,
            "description": None,
            "afk_channel_id": None,
            "afk_timeout": 300,
            "system_channel_id": None,
            "system_channel_flags": 0,
            "rules_channel_id": None,
            "public_updates_channel_id": None,
            "safety_alerts_channel_id": None,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "premium_tier": 0,
            "premium_progress_bar_enabled": False,
            "preferred_locale": "en-US",
            "vanity_url_code": None,
        }

    @staticmethod
    def _role(number: int, name: str, position: int, names: Iterable[str]) -> Json:
        colors = {"primary_color": 0, "secondary_color": None, "tertiary_color": None}
        return {
            "id": str(number),
            "name": name,
            "position": position,
            "permissions": str(bits(names)),
            "color": 0,
            "colors": colors,
            "hoist": False,
            "managed": position > 0,
            "mentionable": False,
            "flags": 0,
        }

    def create_event(self, *, all_members: bool) -> Json:
        """GUILD_CREATE; without the members intent only the bot is listed."""
        members = self.users.values() if all_members else [self.bot]
        return self.payload() | {
            "unavailable": False,
            "large": False,
            "joined_at": "2025-01-01T00:00:00+00:00",
            "member_count": len(self.users),
            "members": [self.member_payload(user) for user in members],
            "channels": [channel.payload() for channel in self.channels.values()],
            "threads": [one.payload() for one in self.threads.values() if not one.archived],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }


class World:
    """Everything that exists, and how to find it by id."""

    def __init__(self, now: Callable[[], float], bot_name: str) -> None:
        self.now = now
        self.ids = Snowflakes(now)
        self.owner = User(self.ids.next(), "owner", permissions=frozenset({"ADMINISTRATOR"}))
        self.bot = User(self.ids.next(), bot_name, bot=True)
        self.guilds: dict[int, Guild] = {}
        self.directs: dict[int, Channel] = {}
        self.by_id: dict[int, Message] = {}

    def moment(self) -> datetime:
        """The present time of this world."""
        return datetime.fromtimestamp(self.now(), UTC)

    def add_guild(self, name: str) -> Guild:
        """A new guild with the bot in it."""
        guild = Guild(self.ids.next(), name, self.bot, self.owner, self.ids)
        self.guilds[guild.id] = guild
        return guild

    def direct(self, user: User) -> Channel:
        """The channel of private messages with a person, the same every time."""
        if user.id not in self.directs:
            guild = next(iter(self.guilds.values()))  # whose rights everybody has there
            self.directs[user.id] = Channel(self.ids.next(), guild, user.name, DM)
        return self.directs[user.id]

    def channel(self, number: int) -> Channel | None:
        """The channel or thread of this id."""
        for channel in self.directs.values():
            if channel.id == number:
                return channel
        for guild in self.guilds.values():
            found = guild.channels.get(number) or guild.threads.get(number)
            if found is not None:
                return found
        return None

    def user(self, number: int) -> User | None:
        """The person or bot of this id."""
        for guild in self.guilds.values():
            if number in guild.users:
                return guild.users[number]
        return {self.bot.id: self.bot, self.owner.id: self.owner}.get(number)

    def message(self, number: int) -> Message:
        """The message of this id; an unknown or deleted one is the test's mistake."""
        found = self.by_id.get(number)
        if found is None or found.deleted:
            raise DoubleError(f"there is no message {number}")
        return found

    def keep(self, message: Message) -> Message:
        """Stores a message; others than its reader never find an ephemeral one."""
        self.by_id[message.id] = message
        if message.seen_by is None:
            message.channel.messages[message.id] = message
        return message
