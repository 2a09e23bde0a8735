"""Discord's snowflakes as references of ours and back, and the ids that messages carry. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime
from urllib.parse import urlencode

from adapters.discord.limits import LIMITS
from bot.domain.channels import ChannelRef, MessageRef, UserRef
from bot.text import size

PLATFORM = "discord"

DM = "dm"
"""Stands for the guild of a direct message, which has none."""

EPOCH_MS = 1_420_070_400_000
"""docs.discord.com/developers/reference#snowflakes"""

PERMISSIONS = 309_237_730_368
"""View Channel, Send Messages, Embed Links, Read Message History, Add Reactions, Create Public
Threads, Send Messages in Threads: docs.discord.com/developers/topics/permissions"""

TWIN = "␟"
"""Stands before the number that tells equal buttons of one message apart."""


def channel_ref(guild: int | None, channel: int) -> ChannelRef:
    """Return the reference of a channel, or of a thread where a message stands in one."""
    return ChannelRef(PLATFORM, DM if guild is None else str(guild), str(channel))


def user_ref(guild: int | None, user: int) -> UserRef:
    """Return the reference of a person as a member of a guild."""
    return UserRef(PLATFORM, DM if guild is None else str(guild), str(user))


def message_ref(guild: int | None, channel: int, message: int) -> MessageRef:
    """Return the reference of a message where it stands."""
    return MessageRef(channel_ref(guild, channel), str(message))


def snowflake_at(moment: datetime) -> int:
    """Return the smallest id that a message posted at that moment can have."""
    return max(0, int(moment.timestamp() * 1000) - EPOCH_MS) << 22


def nonce(key: str) -> str:
    """Return what makes Discord refuse a second message of a key, for some minutes."""
    return key[:24]


def marks(key: str) -> tuple[int, int]:
    """Return the two component ids that name a message for ever.

    Discord keeps a component's integer id, gives it back when the channel is read and shows it to
    nobody; it does not give back the nonce. The ids lie above those that Discord hands out itself.
    """
    digest = hashlib.sha256(key.encode()).digest()
    first, second = (int.from_bytes(digest[at : at + 4], "big") >> 2 for at in (0, 4))
    return 1 << 30 | first | 1, (1 << 30 | second) & ~1


def custom_id(packed: str, number: int) -> str | None:
    """Return the id of a message's n-th button of that action, or ``None`` if it is too long."""
    made = packed if number == 1 else f"{packed}{TWIN}{number}"
    return made if size(made) <= LIMITS.custom_id else None


def packed_action(custom_id: str) -> str:
    """Return the action that ``custom_id`` was made of."""
    packed, twin, number = custom_id.rpartition(TWIN)
    return packed if twin and number.isdecimal() else custom_id


def invite_url(application_id: int, *, personal: bool = False) -> str:
    """Return the link with which somebody adds the bot to a guild, its permissions asked for.

    Args:
        application_id: Of the application in the developer portal.
        personal: Whether a person adds it for themselves instead, to use it wherever they are.
    """
    query: dict[str, object] = {"client_id": application_id}
    if personal:
        query |= {"scope": "applications.commands", "integration_type": 1}
    else:
        query |= {"scope": "bot applications.commands", "permissions": PERMISSIONS}
    return f"https://discord.com/oauth2/authorize?{urlencode(query)}"
