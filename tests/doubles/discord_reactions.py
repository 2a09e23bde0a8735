"""Reactions: who reacted with what, the events of it, and the routes that read and change it."""

from __future__ import annotations

from .discord_access import MESSAGE, Access, place
from .discord_gateway import GUILD_MESSAGE_REACTIONS, Gateway
from .discord_limits import EMOJIS_PER_MESSAGE
from .discord_messages import Emoji, Json, Message, Reaction
from .discord_state import Guild, User, World
from .discord_wire import Request, Route, refuse

REACTION = MESSAGE + "/reactions/{emoji_name}"


class Reactions:
    """Answers what a bot asks about reactions, and lets people react."""

    def __init__(self, world: World, access: Access, gateway: Gateway) -> None:
        self._world = world
        self._access = access
        self._gateway = gateway

    def routes(self) -> tuple[Route, ...]:
        """What this part of the API answers."""
        return (
            Route("PUT", REACTION + "/@me", self._react),
            Route("DELETE", REACTION + "/@me", self._unreact),
            Route("DELETE", REACTION + "/{user_id}", self._unreact_other),
            Route("GET", REACTION, self._reactors),
            Route("DELETE", REACTION, self._clear_emoji),
            Route("DELETE", MESSAGE + "/reactions", self._clear_reactions),
        )

    def _emoji(self, call: Request, guild: Guild) -> Emoji:
        emoji = Emoji.parse(call.params["emoji_name"])
        known = {own.id for own in guild.emojis} if emoji.id else set()
        if emoji.id not in known if emoji.id else emoji.name.isascii() and emoji.name.isalnum():
            raise refuse(400, 10014, "Unknown Emoji")
        return emoji

    def react(self, message: Message, user: User, emoji: Emoji, *, burst: bool) -> bool:
        """Adds a reaction; False when it was there."""
        held = message.reactions.get(emoji.key)
        if held is None:
            if len(message.reactions) >= EMOJIS_PER_MESSAGE:
                raise refuse(400, 30010, "Maximum number of reactions reached (20)")
            held = message.reactions[emoji.key] = Reaction(emoji)
        if user.id in held.users(burst=burst):
            return False
        held.users(burst=burst).add(user.id)
        event = self._reaction_event(message, user, emoji, burst=burst)
        event["message_author_id"] = str(message.author.id)
        event["member"] = message.channel.guild.member_payload(user)
        if burst:
            event["burst_colors"] = ["#ff9900"]
        self._gateway.event("MESSAGE_REACTION_ADD", event, intent=GUILD_MESSAGE_REACTIONS)
        return True

    def unreact(self, message: Message, user: User, emoji: Emoji, *, burst: bool) -> bool:
        """Takes a reaction away; False when there was none."""
        held = message.reactions.get(emoji.key)
        if held is None or user.id not in held.users(burst=burst):
            return False
        held.users(burst=burst).remove(user.id)
        if not held.normal | held.burst:
            del message.reactions[emoji.key]
        event = self._reaction_event(message, user, emoji, burst=burst)
        self._gateway.event("MESSAGE_REACTION_REMOVE", event, intent=GUILD_MESSAGE_REACTIONS)
        return True

    @staticmethod
    def _reaction_event(message: Message, user: User, emoji: Emoji, *, burst: bool) -> Json:
        return place(message) | {
            "user_id": str(user.id),
            "message_id": str(message.id),
            "emoji": emoji.payload(),
            "burst": burst,
            "type": int(burst),
        }

    def clear(self, message: Message, emoji: Emoji | None) -> bool:
        """Removes all reactions, or all with one emoji; False when there were none."""
        event = place(message) | {"message_id": str(message.id)}
        if emoji is None:
            there = bool(message.reactions)
            message.reactions.clear()
            name = "MESSAGE_REACTION_REMOVE_ALL"
        else:
            there = message.reactions.pop(emoji.key, None) is not None
            event["emoji"] = emoji.payload()
            name = "MESSAGE_REACTION_REMOVE_EMOJI"
        if there:
            self._gateway.event(name, event, intent=GUILD_MESSAGE_REACTIONS)
        return there

    def _react(self, call: Request) -> None:
        message = self._access.found(call, "READ_MESSAGE_HISTORY")
        emoji = self._emoji(call, message.channel.guild)
        if emoji.key not in message.reactions:
            self._access.seen(call, "ADD_REACTIONS")
        self.react(message, self._world.bot, emoji, burst=False)

    def _unreact(self, call: Request) -> None:
        message = self._access.found(call)
        emoji = self._emoji(call, message.channel.guild)
        self.unreact(message, self._world.bot, emoji, burst=False)

    def _unreact_other(self, call: Request) -> None:
        message = self._access.found(call, "MANAGE_MESSAGES")
        user = self._world.user(call.number("user_id"))
        if user is None:
            raise refuse(404, 10013, "Unknown User")
        emoji = self._emoji(call, message.channel.guild)
        if not self.unreact(message, user, emoji, burst=False):
            self.unreact(message, user, emoji, burst=True)

    def _reactors(self, call: Request) -> list[Json]:
        message = self._access.found(call, "READ_MESSAGE_HISTORY")
        limit = call.count("limit", 25, 100)
        emoji = self._emoji(call, message.channel.guild)
        held = message.reactions.get(emoji.key, Reaction(emoji))
        after = int(call.query.get("after", 0))
        chosen = sorted(held.users(burst=call.query.get("type") == "1"))
        users = [self._world.user(number) for number in chosen if number > after]
        return [user.payload() for user in users[:limit] if user is not None]

    def _clear_emoji(self, call: Request) -> None:
        message = self._access.found(call, "MANAGE_MESSAGES")
        self.clear(message, self._emoji(call, message.channel.guild))

    def _clear_reactions(self, call: Request) -> None:
        self.clear(self._access.found(call, "MANAGE_MESSAGES"), None)
