"""The console's one workspace, and short names for its messages."""

from __future__ import annotations

from bot.domain.channels import ChannelRef, MessageRef, UserRef

PLATFORM = "console"
WORKSPACE = "local"

CHANNEL = ChannelRef(PLATFORM, WORKSPACE, "papers")
YOU = UserRef(PLATFORM, WORKSPACE, "you")


def message_ref(channel: ChannelRef, number: int) -> MessageRef:
    """Return the reference of a channel's n-th message."""
    return MessageRef(channel, f"m{number}")
