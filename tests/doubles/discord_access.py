"""Finding what a call names, with Discord's refusals when the bot may not reach it."""

from __future__ import annotations

from .discord_messages import Json, Message
from .discord_state import PERMISSION_BITS, Channel, Guild, World
from .discord_wire import Request, refuse

MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = MESSAGES + "/{message_id}"


class Access:
    """The bot's view of the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def seen(self, call: Request, *needed: str) -> Channel:
        """The channel of the call, if the bot may see it and has the permissions."""
        channel = self._world.channel(call.number("channel_id"))
        if channel is None:
            raise refuse(404, 10003, "Unknown Channel")
        granted = channel.permissions(self._world.bot)
        if not granted & PERMISSION_BITS["VIEW_CHANNEL"]:
            raise refuse(403, 50001, "Missing Access")
        if any(not granted & PERMISSION_BITS[name] for name in needed):
            raise refuse(403, 50013, "Missing Permissions")
        return channel

    def found(self, call: Request, *needed: str) -> Message:
        """The message of the call, likewise."""
        channel = self.seen(call, *needed)
        message = channel.messages.get(call.number("message_id"))
        if message is None:
            raise refuse(404, 10008, "Unknown Message")
        return message

    def guild(self, call: Request) -> Guild:
        """The guild of the call."""
        guild = self._world.guilds.get(call.number("guild_id"))
        if guild is None:
            raise refuse(403, 50001, "Missing Access")
        return guild


def place(message: Message) -> Json:
    """Where a message is, as events say it."""
    return {"channel_id": str(message.channel.id), "guild_id": str(message.channel.guild.id)}
