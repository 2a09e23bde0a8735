"""Who likes what, as sets: adding and removing twice is the same as once. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.channels import ChannelRef, MessageRef, UserRef
from bot.domain.papers import PaperId


class VoteKind(StrEnum):
    """What a vote says."""

    UP = "up"
    DOWN = "down"
    SAVE = "save"


RANK_EMOJI = ("1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣", "🔟")
"""On a head message these count for the paper of that rank."""

EMOJI: Mapping[str, VoteKind] = {
    "👍": VoteKind.UP,
    "⬆️": VoteKind.UP,
    "❤️": VoteKind.UP,
    "👎": VoteKind.DOWN,
    "🔖": VoteKind.SAVE,
}
"""On a message that holds one paper these count for that paper."""

_MODIFIERS = dict.fromkeys([0xFE0F, *range(0x1F3FB, 0x1F400)])


def plain_emoji(emoji: str) -> str:
    """Return an emoji without skin tone and presentation marks, for comparing."""
    return emoji.translate(_MODIFIERS)


_KINDS = {plain_emoji(emoji): kind for emoji, kind in EMOJI.items()}
_RANKS = {plain_emoji(emoji): rank for rank, emoji in enumerate(RANK_EMOJI, start=1)}


@dataclass(frozen=True, slots=True)
class Reaction:
    """A person added an emoji to a message, or took it away; adapters drop the bot's own."""

    message: MessageRef
    user: UserRef
    emoji: str
    added: bool


@dataclass(frozen=True, slots=True)
class Ballot:
    """One mark of one person: ``origin`` tells a button from each emoji of each message.

    A person's vote stands while any of their marks for that paper and kind stands.
    """

    channel: ChannelRef
    paper: PaperId
    user: UserRef
    kind: VoteKind
    origin: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How many people of one channel voted on one paper, by kind."""

    up: int = 0
    down: int = 0
    save: int = 0


def kind_of(emoji: str) -> VoteKind | None:
    """Return what an emoji says about the one paper it stands on, if anything."""
    return _KINDS.get(plain_emoji(emoji))


def rank_of(emoji: str) -> int | None:
    """Return the rank that a number emoji names, from 1 to 10, if it is one."""
    return _RANKS.get(plain_emoji(emoji))
