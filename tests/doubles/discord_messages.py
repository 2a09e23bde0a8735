"""Messages of the double: as stored, as sent to the bot, and as a test looks at them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .discord_state import Channel, Thread, User

Json = dict[str, Any]

FLAG_HAS_THREAD = 1 << 5
FLAG_EPHEMERAL = 1 << 6
FLAG_LOADING = 1 << 7
FLAG_COMPONENTS_V2 = 1 << 15


def stamp(moment: datetime | None) -> str | None:
    """A time as Discord writes it."""
    return None if moment is None else moment.isoformat()


def walk(components: Iterable[Json]) -> Iterator[Json]:
    """Every component, nested ones and accessories included, in reading order."""
    for component in components:
        yield component
        yield from walk(component.get("components") or ())
        for key in ("accessory", "component"):
            if isinstance(component.get(key), dict):
                yield from walk([component[key]])


def with_ids(components: Iterable[Json]) -> list[Json]:
    """A copy in which every component has the integer id that Discord echoes."""
    stored = copy.deepcopy(list(components))
    taken = {component["id"] for component in walk(stored) if component.get("id")}
    free = iter(number for number in range(1, 10_000) if number not in taken)
    for component in walk(stored):
        if not component.get("id"):
            component["id"] = next(free)
        media = [component.get("media"), component.get("file")]
        media += [item.get("media") for item in component.get("items") or ()]
        for item in media:
            if isinstance(item, dict):
                item.setdefault("proxy_url", item.get("url"))
                item.setdefault("loading_state", 2)
    return stored


@dataclass(frozen=True)
class Emoji:
    """A unicode emoji (no id) or a guild's own."""

    name: str
    id: int | None = None

    @property
    def key(self) -> str:
        """As it stands in a reaction URL."""
        return self.name if self.id is None else f"{self.name}:{self.id}"

    def payload(self) -> Json:
        """The partial emoji object."""
        made: Json = {"id": None if self.id is None else str(self.id), "name": self.name}
        return made if self.id is None else made | {"animated": False}

    @classmethod
    def parse(cls, text: str) -> Emoji:
        """From "👍", "name:id" or "<:name:id>"."""
        name, colon, number = text.strip("<>").removeprefix("a:").lstrip(":").rpartition(":")
        return cls(name, int(number)) if colon and number.isdigit() else cls(text)


@dataclass
class Reaction:
    """Who reacted with one emoji: user ids, normal and super reactions apart."""

    emoji: Emoji
    normal: set[int] = field(default_factory=set)
    burst: set[int] = field(default_factory=set)

    def users(self, *, burst: bool) -> set[int]:
        """The set of one kind, to read or to change."""
        return self.burst if burst else self.normal

    def payload(self, viewer: int) -> Json:
        """The reaction object of a message."""
        return {
            "emoji": self.emoji.payload(),
            "count": len(self.normal) + len(self.burst),
            "count_details": {"normal": len(self.normal), "burst": len(self.burst)},
            "me": viewer in self.normal,
            "me_burst": viewer in self.burst,
            "burst_colors": [],
        }


@dataclass(eq=False)
class Message:
    """A stored message; ephemeral ones live outside their channel's history."""

    id: int
    channel: Channel
    author: User
    created: datetime
    type: int = 0
    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    flags: int = 0
    nonce: str | int | None = None
    edited: datetime | None = None
    reactions: dict[str, Reaction] = field(default_factory=dict)
    reference: Message | None = None
    thread: Thread | None = None
    seen_by: int | None = None
    metadata: Json | None = None
    deleted: bool = False

    def payload(self) -> Json:
        """The message object as the bot's REST calls see it."""
        made: Json = {
            "id": str(self.id),
            "channel_id": str(self.channel.id),
            "type": self.type,
            "author": self.author.payload(),
            "content": self.content,
            "timestamp": stamp(self.created),
            "edited_timestamp": stamp(self.edited),
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": copy.deepcopy(self.attachments),
            "embeds": [{"type": "rich"} | embed for embed in copy.deepcopy(self.embeds)],
            "components": copy.deepcopy(self.components),
            "pinned": False,
            "flags": self.flags,
        }
        if self.reactions:
            viewer = self.channel.guild.bot.id
            made["reactions"] = [one.payload(viewer) for one in self.reactions.values()]
        if self.nonce is not None:
            made["nonce"] = self.nonce
        if self.reference is not None:
            made["message_reference"] = {
                "type": 0,
                "message_id": str(self.reference.id),
                "channel_id": str(self.reference.channel.id),
                "guild_id": str(self.channel.guild.id),
            }
            made["referenced_message"] = (
                None if self.reference.deleted else self.reference.payload()
            )
        if self.thread is not None:  # discord.py fails on `"thread": null`
            made["thread"] = self.thread.payload()
        if self.metadata is not None:
            made["interaction_metadata"] = copy.deepcopy(self.metadata)
            made["application_id"] = made["webhook_id"] = str(self.channel.guild.bot.id)
        return made

    def event(self) -> Json:
        """The message as gateway events carry it."""
        guild = self.channel.guild
        member = guild.member_payload(self.author)
        del member["user"]
        return self.payload() | {"guild_id": str(guild.id), "member": member}

    def view(self) -> MessageView:
        """A frozen picture for assertions."""
        return MessageView(
            id=self.id,
            channel_id=self.channel.id,
            author_id=self.author.id,
            content=self.content,
            embeds=tuple(copy.deepcopy(self.embeds)),
            components=tuple(copy.deepcopy(self.components)),
            flags=self.flags,
            nonce=self.nonce,
            edited=self.edited is not None,
            deleted=self.deleted,
            thread_id=None if self.thread is None else self.thread.id,
            reactions={
                key: frozenset(one.normal | one.burst) for key, one in self.reactions.items()
            },
            attachments=tuple(item["filename"] for item in self.attachments),
        )


@dataclass(frozen=True)
class MessageView:
    """What a reader of the channel sees of one message, at one moment."""

    id: int
    channel_id: int
    author_id: int
    content: str
    embeds: tuple[Json, ...]
    components: tuple[Json, ...]
    flags: int
    nonce: str | int | None
    edited: bool
    deleted: bool
    thread_id: int | None
    reactions: Mapping[str, frozenset[int]]
    attachments: tuple[str, ...]

    @property
    def ephemeral(self) -> bool:
        """Whether one person alone sees it."""
        return bool(self.flags & FLAG_EPHEMERAL)

    @property
    def buttons(self) -> tuple[Json, ...]:
        """Every button, nested ones included."""
        return tuple(one for one in walk(self.components) if one.get("type") == 2)

    @property
    def custom_ids(self) -> tuple[str, ...]:
        """Every custom id, in reading order."""
        return tuple(one["custom_id"] for one in walk(self.components) if "custom_id" in one)

    @property
    def text(self) -> str:
        """All words a reader sees: content, embeds and text displays, one piece a line."""
        pieces = [self.content]
        for embed in self.embeds:
            pieces += [embed.get("title", ""), embed.get("description", "")]
            pieces += [embed.get("author", {}).get("name", "")]
            for entry in embed.get("fields", ()):
                pieces += [entry["name"], entry["value"]]
            pieces += [embed.get("footer", {}).get("text", "")]
        pieces += [one["content"] for one in walk(self.components) if one.get("type") == 10]
        return "\n".join(piece for piece in pieces if piece)
