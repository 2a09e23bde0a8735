"""People in the guild: what a client lets them type, press and pick; the rest is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .discord_interactions import (
    AUTOCOMPLETE,
    CHOICES,
    COMMAND,
    COMPONENT,
    MODAL_SUBMIT,
    Exchange,
    Interaction,
    Interactions,
)
from .discord_messages import Emoji, Json, Message, MessageView, walk
from .discord_reactions import Reactions
from .discord_rest import Rest
from .discord_state import PERMISSION_BITS, Channel, DoubleError, User, World
from .discord_wire import Changes, Refused

SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER = range(1, 11)
SELECTS = {3: STRING, 5: USER, 6: ROLE, 7: MENTIONABLE, 8: CHANNEL}
MODAL_VALUE = {4, 21, 23}  # text input, radio group, checkbox
MODAL_VALUES = {*SELECTS, 22}  # selects, checkbox group


@dataclass(frozen=True)
class Choice:
    """One line that autocomplete offered."""

    name: str
    value: str | int | float


@dataclass(frozen=True)
class Reacted:
    """A change of one reaction; `changed` is False when it was so already."""

    message_id: int
    user_id: int
    emoji: str
    burst: bool
    changed: bool


@dataclass(frozen=True)
class Cleared:
    """Reactions that were removed at once, or a message that was deleted."""

    message_id: int
    changed: bool


class Actors:
    """Does what people do."""

    def __init__(
        self,
        world: World,
        rest: Rest,
        reactions: Reactions,
        interactions: Interactions,
        changes: Changes,
    ) -> None:
        self._world = world
        self._rest = rest
        self._reactions = reactions
        self._interactions = interactions
        self._changes = changes
        self._modals: dict[tuple[int, str], Interaction] = {}
        self.open_to_all: set[str] = set()

    # --- commands ---

    async def slash(
        self,
        user: User,
        channel: Channel,
        command: str,
        subcommand: str | None,
        options: Mapping[str, object],
    ) -> Exchange:
        """Runs a chat command."""
        stored = self._synced(1, command, user, channel)
        spec, wrap = self._descend(stored, subcommand)
        resolved: Json = {}
        given = list(self._given(spec, options, channel, resolved))
        missing = [
            one["name"]
            for one in spec.get("options") or ()
            if one.get("required") and one["name"] not in options
        ]
        if missing:
            raise DoubleError(f"/{command} needs {', '.join(missing)}")
        data = self._command_data(stored, wrap(given), resolved)
        return await self._run(COMMAND, user, channel, data)

    async def autocomplete(
        self,
        user: User,
        channel: Channel,
        command: str,
        subcommand: str | None,
        focused: str,
        typed: str,
        options: Mapping[str, object],
    ) -> tuple[Choice, ...]:
        """Types into an option and returns what is offered."""
        stored = self._synced(1, command, user, channel)
        spec, wrap = self._descend(stored, subcommand)
        found = next((one for one in spec.get("options") or () if one["name"] == focused), None)
        if found is None or not found.get("autocomplete"):
            raise DoubleError(f"/{command} offers no completion for {focused!r}")
        given = list(self._given(spec, options, channel, {}))
        given.append({"name": focused, "type": found["type"], "value": typed, "focused": True})
        data = self._command_data(stored, wrap(given), {})
        made = await self._interactions.send(AUTOCOMPLETE, user, channel, data)
        if made.ack_type != CHOICES:
            raise DoubleError(f"loading the options of {focused!r} failed: no answer in time")
        return tuple(
            Choice(one["name"], one["value"]) for one in made.ack_body.get("choices") or ()
        )

    async def context_menu(
        self, user: User, target: User | int, name: str, channel: Channel | None
    ) -> Exchange:
        """Picks an app's entry in the menu of a message, or of a person."""
        if isinstance(target, User):
            if channel is None:
                raise DoubleError("a person's menu needs the channel where it is opened")
            place, number, kind = channel, target.id, 2
            resolved = self._people(channel, [target])
        else:
            message = self._visible(user, target)
            place, number, kind = message.channel, message.id, 3
            resolved = {"messages": {str(message.id): message.payload()}}
        stored = self._synced(kind, name, user, place)
        data = self._command_data(stored, [], resolved) | {"target_id": str(number)}
        return await self._run(COMMAND, user, place, data)

    def _synced(self, kind: int, name: str, user: User, channel: Channel) -> Json:
        scopes = (channel.guild.id, None)
        found = next(
            (
                one
                for scope in scopes
                for one in self._rest.commands.get(scope, ())
                if (one["type"], one["name"]) == (kind, name)
            ),
            None,
        )
        if found is None:
            raise DoubleError(f"the command {name!r} was never synced")
        needed = int(found.get("default_member_permissions") or 0)
        granted = channel.permissions(user)
        if name in self.open_to_all:
            needed = 0
        if needed & ~granted and not granted & PERMISSION_BITS["ADMINISTRATOR"]:
            raise DoubleError(f"{user.name} does not see {name!r}: default_member_permissions")
        return found

    def _command_data(self, stored: Json, options: list[Json], resolved: Json) -> Json:
        data: Json = {"id": stored["id"], "name": stored["name"], "type": stored["type"]}
        if "guild_id" in stored:
            data["guild_id"] = stored["guild_id"]
        if options:
            data["options"] = options
        return data | ({"resolved": resolved} if resolved else {})

    @staticmethod
    def _descend(stored: Json, subcommand: str | None) -> tuple[Json, Any]:
        """The sub-command's description, and how to nest its options."""
        spec, layers = stored, []
        for name in (subcommand or "").split():
            found = next((one for one in spec.get("options") or () if one["name"] == name), None)
            if found is None or found["type"] not in (SUBCOMMAND, GROUP):
                raise DoubleError(f"/{stored['name']} has no sub-command {name!r}")
            layers.append(found)
            spec = found
        if any(one["type"] in (SUBCOMMAND, GROUP) for one in spec.get("options") or ()):
            raise DoubleError(f"/{stored['name']} runs only with a sub-command")

        def wrap(given: list[Json]) -> list[Json]:
            for layer in reversed(layers):
                given = [{"name": layer["name"], "type": layer["type"], "options": given}]
            return given

        return spec, wrap

    def _given(
        self, spec: Json, options: Mapping[str, object], channel: Channel, resolved: Json
    ) -> Iterator[Json]:
        known = {one["name"]: one for one in spec.get("options") or ()}
        for name, value in options.items():
            if name not in known:
                raise DoubleError(f"{spec['name']!r} has no option {name!r}")
            sent = self._value(known[name], value, channel, resolved)
            yield {"name": name, "type": known[name]["type"], "value": sent}

    def _value(self, spec: Json, value: object, channel: Channel, resolved: Json) -> object:
        kind, name = spec["type"], spec["name"]
        if kind in (USER, CHANNEL, ROLE, MENTIONABLE):
            number = value.id if isinstance(value, User | Channel) else value
            return self._resolve(kind, str(number), channel, resolved)
        fits = {
            STRING: isinstance(value, str),
            INTEGER: isinstance(value, int) and not isinstance(value, bool),
            BOOLEAN: isinstance(value, bool),
            NUMBER: isinstance(value, int | float) and not isinstance(value, bool),
        }
        if not fits.get(kind, False):
            raise DoubleError(f"option {name!r} (type {kind}) does not take {value!r}")
        if isinstance(value, str):
            low, high = spec.get("min_length", 0), spec.get("max_length", 6000)
            inside = low <= len(value) <= high
        else:
            assert isinstance(value, int | float)
            low, high = spec.get("min_value", -(2**53)), spec.get("max_value", 2**53)
            inside = low <= value <= high
        if not inside:
            raise DoubleError(f"option {name!r} takes {low} to {high}, not {value!r}")
        choices = [one["value"] for one in spec.get("choices") or ()]
        if choices and value not in choices:
            raise DoubleError(f"option {name!r} offers {choices}, not {value!r}")
        return value

    def _resolve(self, kind: int, number: str, channel: Channel, resolved: Json) -> str:
        if not number.isdigit():
            raise DoubleError(f"{number!r} is no id")
        if kind == CHANNEL:
            target = self._world.channel(int(number))
            if target is None:
                raise DoubleError(f"there is no channel {number}")
            entry = target.payload() | {"permissions": str(target.permissions(self._world.bot))}
            resolved.setdefault("channels", {})[number] = entry
        elif kind == ROLE:
            roles = {role["id"]: role for role in channel.guild.payload()["roles"]}
            if number not in roles:
                raise DoubleError(f"there is no role {number}")
            resolved.setdefault("roles", {})[number] = roles[number]
        else:
            person = channel.guild.users.get(int(number))
            if person is None:
                raise DoubleError(f"there is no member {number}")
            for key, entries in self._people(channel, [person]).items():
                resolved.setdefault(key, {}).update(entries)
        return number

    @staticmethod
    def _people(channel: Channel, people: Iterable[User]) -> Json:
        members: Json = {}
        for person in people:
            member = channel.guild.member_payload(person)
            del member["user"]
            members[str(person.id)] = member | {"permissions": str(channel.permissions(person))}
        return {"users": {str(one.id): one.payload() for one in people}, "members": members}

    async def _run(
        self,
        kind: int,
        user: User,
        channel: Channel,
        data: Json,
        *,
        source: Message | None = None,
    ) -> Exchange:
        made = await self._interactions.send(kind, user, channel, data, source=source)
        exchange = Exchange(made, self._changes)
        if exchange.modal is not None:
            self._modals[user.id, exchange.modal["custom_id"]] = made
        return exchange

    # --- components and modals ---

    def _visible(self, user: User, number: int) -> Message:
        message = self._world.message(number)
        if message.seen_by not in (None, user.id):
            raise DoubleError(f"{user.name} does not see the ephemeral message {number}")
        return message

    def _component(self, message: Message, custom_id: str) -> Json:
        offered = [one for one in walk(message.components) if "custom_id" in one]
        found = next((one for one in offered if one["custom_id"] == custom_id), None)
        if found is None:
            names = [one["custom_id"] for one in offered]
            raise DoubleError(f"message {message.id} has no {custom_id!r}, only {names}")
        if found.get("disabled"):
            raise DoubleError(f"{custom_id!r} of message {message.id} is disabled")
        return found

    async def click(self, user: User, message_id: int, custom_id: str) -> Exchange:
        """Presses a button."""
        message = self._visible(user, message_id)
        found = self._component(message, custom_id)
        if found["type"] != 2:
            raise DoubleError(f"{custom_id!r} is no button")
        data = {"component_type": 2, "custom_id": custom_id, "id": found["id"]}
        return await self._run(COMPONENT, user, message.channel, data, source=message)

    async def select(
        self, user: User, message_id: int, custom_id: str, values: Iterable[object]
    ) -> Exchange:
        """Picks from a select menu."""
        message = self._visible(user, message_id)
        found = self._component(message, custom_id)
        if found["type"] not in SELECTS:
            raise DoubleError(f"{custom_id!r} is no select menu")
        resolved: Json = {}
        data: Json = {"component_type": found["type"], "custom_id": custom_id, "id": found["id"]}
        data["values"] = self._picked(found, values, message.channel, resolved)
        if resolved:
            data["resolved"] = resolved
        return await self._run(COMPONENT, user, message.channel, data, source=message)

    def _picked(
        self, spec: Json, values: Iterable[object], channel: Channel, resolved: Json
    ) -> list[str]:
        picked = [str(one.id if isinstance(one, User | Channel) else one) for one in values]
        least, most = spec.get("min_values", 1), spec.get("max_values", 1)
        if spec["type"] == 22:
            most = spec.get("max_values", len(spec["options"]))
        if spec.get("required") is False and not picked:
            return []
        if not least <= len(picked) <= most:
            raise DoubleError(f"{spec['custom_id']!r} takes {least} to {most} values")
        if spec["type"] in (3, 22):
            offered = [one["value"] for one in spec["options"]]
            if not set(picked) <= set(offered):
                raise DoubleError(f"{spec['custom_id']!r} offers {offered}, not {picked}")
            return picked
        return [self._resolve(SELECTS[spec["type"]], one, channel, resolved) for one in picked]

    async def submit_modal(
        self, user: User, custom_id: str, values: Mapping[str, object]
    ) -> Exchange:
        """Fills in the modal that is open and sends it."""
        opened = self._modals.get((user.id, custom_id))
        if opened is None:
            raise DoubleError(f"no modal {custom_id!r} is open for {user.name}")
        items: list[Json] = opened.ack_body["components"]
        inputs = {one["custom_id"] for one in walk(items) if "custom_id" in one}
        if set(values) - inputs:
            raise DoubleError(f"modal {custom_id!r} has {sorted(inputs)}, not {sorted(values)}")
        resolved: Json = {}
        counter = iter(range(1, 100))
        sent = [self._filled(item, values, opened.channel, resolved, counter) for item in items]
        data: Json = {"custom_id": custom_id, "components": sent}
        if resolved:
            data["resolved"] = resolved
        del self._modals[user.id, custom_id]
        source = opened.source
        return await self._run(MODAL_SUBMIT, user, opened.channel, data, source=source)

    def _filled(
        self,
        item: Json,
        values: Mapping[str, object],
        channel: Channel,
        resolved: Json,
        counter: Iterator[int],
    ) -> Json:
        made: Json = {"type": item["type"], "id": item.get("id") or next(counter)}
        if item["type"] == 18:
            made["component"] = self._filled(item["component"], values, channel, resolved, counter)
        elif item["type"] == 1:
            made["components"] = [
                self._filled(one, values, channel, resolved, counter) for one in item["components"]
            ]
        elif item["type"] in MODAL_VALUE:
            made["custom_id"] = item["custom_id"]
            made["value"] = self._typed(item, values.get(item["custom_id"]))
        elif item["type"] in MODAL_VALUES:
            made["custom_id"] = item["custom_id"]
            preset = [each["value"] for each in item.get("options", ()) if each.get("default")]
            chosen = values.get(item["custom_id"], preset)
            many = chosen if isinstance(chosen, list | tuple) else [chosen]
            made["values"] = self._picked(item, many, channel, resolved)
        elif item["type"] != 10:
            raise DoubleError(f"the double cannot fill in components of type {item['type']}")
        return made

    @staticmethod
    def _typed(item: Json, value: object) -> object:
        name = item["custom_id"]
        if item["type"] == 23:
            return bool(item.get("default", False) if value is None else value)
        if item["type"] == 21:
            offered = [one["value"] for one in item["options"]]
            if value not in offered and (value is not None or item.get("required", True)):
                raise DoubleError(f"{name!r} offers {offered}, not {value!r}")
            return value
        text = str(item.get("value") or "" if value is None else value)
        least, most = item.get("min_length") or 0, item.get("max_length") or 4000
        if item.get("required", True):
            least = max(least, 1)
        if (text or least) and not least <= len(text) <= most:
            raise DoubleError(f"{name!r} takes {least} to {most} characters, not {len(text)}")
        return text

    # --- reactions and messages ---

    def react(self, user: User, message_id: int, emoji: str, *, burst: bool) -> Reacted:
        """Adds a reaction."""
        one = Emoji.parse(emoji)
        message = self._visible(user, message_id)
        try:
            changed = self._reactions.react(message, user, one, burst=burst)
        except Refused as refused:
            raise DoubleError(refused.error.message) from None
        return Reacted(message_id, user.id, one.key, burst, changed)

    def unreact(self, user: User, message_id: int, emoji: str, *, burst: bool) -> Reacted:
        """Takes an own reaction back."""
        one = Emoji.parse(emoji)
        message = self._visible(user, message_id)
        changed = self._reactions.unreact(message, user, one, burst=burst)
        return Reacted(message_id, user.id, one.key, burst, changed)

    def clear(self, message_id: int, emoji: str | None) -> Cleared:
        """A moderator removes all reactions, or all with one emoji."""
        one = None if emoji is None else Emoji.parse(emoji)
        return Cleared(message_id, self._reactions.clear(self._world.message(message_id), one))

    def delete(self, message_id: int) -> Cleared:
        """A moderator deletes a message."""
        self._rest.remove(self._world.message(message_id))
        return Cleared(message_id, True)

    def say(self, user: User, channel: Channel, content: str) -> MessageView:
        """Somebody writes a message."""
        message = Message(
            self._world.ids.next(), channel, user, self._world.moment(), content=content
        )
        self._rest.publish(message)
        return message.view()
