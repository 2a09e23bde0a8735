"""A command as a platform hands it in. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bot.domain.channels import ChannelRef, MessageRef, UserRef


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and where; a thread counts as its channel.

    Attributes:
        is_admin: Whether they manage the channel.
        is_guest: Whether the bot came with them alone, and is not at home in the channel.
        channel_name: How people call the channel, where the platform tells.
    """

    user: UserRef
    channel: ChannelRef
    is_admin: bool = False
    is_guest: bool = False
    channel_name: str = ""

    def at(self, channel: str, name: str = "") -> Caller:
        """Return the same person in another channel of the workspace, by its id."""
        return replace(self, channel=replace(self.channel, id=channel), channel_name=name)


@dataclass(frozen=True, slots=True)
class CommandCall:
    """A command with its arguments: typed text, or values that the platform took apart.

    Attributes:
        text: Everything after the command's name, where the platform gives one line.
        values: Arguments by parameter name, where the platform gives them one by one.
        fields: What stands in the fields of a dialog, by parameter name, where one was filled in.
    """

    caller: Caller
    name: str
    text: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    fields: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody pressed a button; ``action`` is what ``Button.action`` was packed into."""

    caller: Caller
    action: str
    message: MessageRef | None = None
