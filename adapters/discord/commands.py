"""Discord's commands, made of the command definitions, and how to read a call of one. Pure.

Members see ``/papers``, with a sub-command for each of ours; what only those may do who manage a
server stands in ``/papers-admin``, which Discord hides from everybody else. A guild changes that
under "Integrations"; who may do what is checked again with each call.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from adapters.discord.limits import LIMITS, Json
from bot.commands import all_commands
from bot.commands.parsing import FLAG, TEXT_CHARS, CommandSpec, Parameter
from bot.domain.errors import BadArgument
from bot.text import clip

MEMBERS, ADMINS = "papers", "papers-admin"
DESCRIPTIONS = {
    MEMBERS: "Daily Papers from Hugging Face: search, summarize, vote, show.",
    ADMINS: "Daily Papers in this channel: subscribe, unsubscribe, settings.",
}

SUMMARIZE_MENU = "Summarize this paper"
"""An entry under "Apps" in the menu of a message."""

MANAGE_GUILD = 1 << 5
"""docs.discord.com/developers/topics/permissions"""

# docs.discord.com/developers/interactions/application-commands
CHAT_INPUT, MESSAGE_MENU = 1, 3
SUB_COMMAND, STRING, INTEGER, BOOLEAN = 1, 3, 4, 5
IN_GUILDS, WITH_BOT, BETWEEN_PEOPLE = 0, 1, 2
GUILD_INSTALL, USER_INSTALL = 0, 1

ANYWHERE = {
    "contexts": [IN_GUILDS, WITH_BOT, BETWEEN_PEOPLE],
    "integration_types": [GUILD_INSTALL, USER_INSTALL],
}
AT_HOME = {"contexts": [IN_GUILDS, WITH_BOT], "integration_types": [GUILD_INSTALL]}

KNOWN = (
    "type", "name", "description", "required", "autocomplete", "choices", "value",
    "min_value", "max_value", "max_length", "options", "default_member_permissions",
    *ANYWHERE,
)  # fmt: skip
"""What we say of a command; Discord adds ids, versions and translations when it gives it back."""


def command_payload(
    commands: Mapping[str, CommandSpec] | None = None, *, one_guild: bool = False
) -> list[Json]:
    """Return the body that registers the commands.

    Args:
        commands: The definitions, if not all there are.
        one_guild: Whether it is for one guild, where nothing is said of other places.

    Raises:
        ValueError: if there are more commands, or options of one, than Discord takes.
    """
    specs = list((all_commands() if commands is None else commands).values())
    menu: Json = {"type": MESSAGE_MENU, "name": SUMMARIZE_MENU, **ANYWHERE}
    payload: list[Json] = [
        _group(MEMBERS, [_for_members(spec) for spec in specs if not spec.admin]) | ANYWHERE,
        _group(ADMINS, [spec for spec in specs if _for_admins(spec)])
        | AT_HOME
        | {"default_member_permissions": MANAGE_GUILD},
        menu,
    ]
    left_out = tuple(ANYWHERE) if one_guild else ()
    return [
        {name: value for name, value in each.items() if name not in left_out}
        for each in payload
        if each is menu or each["options"]
    ]


def _for_admins(spec: CommandSpec) -> bool:
    return spec.admin or spec.current is not None


def _for_members(spec: CommandSpec) -> CommandSpec:
    """Return a command as everybody sees it: what its dialog changes, members only look at."""
    return replace(spec, parameters=()) if spec.current else spec


def _group(name: str, specs: Sequence[CommandSpec]) -> Json:
    return {
        "type": CHAT_INPUT,
        "name": name,
        "description": DESCRIPTIONS[name],
        "options": _fitting(name, [_sub_command(spec) for spec in specs]),
    }


def _fitting(name: str, options: list[Json]) -> list[Json]:
    if len(options) > LIMITS.options:
        raise ValueError(
            f"Discord allows {LIMITS.options} options, {name} has {len(options)}: drop some"
        )
    return options


def _sub_command(spec: CommandSpec) -> Json:
    ordered = sorted(spec.options, key=lambda option: not option.required)
    return {
        "type": SUB_COMMAND,
        "name": spec.name,
        "description": clip(spec.summary, LIMITS.command_description),
        "options": _fitting(spec.name, [_option(option) for option in ordered]),
    }


def _option(option: Parameter) -> Json:
    made: Json = {
        "name": option.name,
        "description": clip(option.description, LIMITS.command_description),
    }
    if option.required:
        made["required"] = True
    match option.kind:
        case "boolean":
            return {"type": BOOLEAN, **made}
        case "integer":
            bounds = option.bounds
            limits = {"min_value": bounds.minimum, "max_value": bounds.maximum} if bounds else {}
            return {"type": INTEGER, **made, **limits}
        case "text" | "paper":
            return {"type": STRING, **made, **_values(option)}
        case _:
            assert_never(option.kind)


def _values(option: Parameter) -> Json:
    """Return how a text is chosen: from a list, with suggestions, or freely."""
    if 0 < len(option.choices) <= LIMITS.choices:
        return {"choices": [{"name": value, "value": value} for value in option.choices]}
    form = option.form
    offers = option.kind == "paper" or option.choices or (form and (form.values or form.topics))
    suggested = {"autocomplete": True} if offers else {}
    return {"max_length": TEXT_CHARS, **suggested}


def fingerprint(commands: Iterable[Mapping[str, Any]], *, one_guild: bool = False) -> str:
    """Return a hash of what commands look like: equal for ours and for Discord's copy of them."""
    left_out = tuple(ANYWHERE) if one_guild else ()
    look = sorted(
        (_look(each, left_out) for each in commands),
        key=lambda each: (str(each.get("type")), str(each.get("name"))),
    )
    return hashlib.sha256(json.dumps(look, sort_keys=True).encode()).hexdigest()


def _look(part: Any, left_out: Sequence[str]) -> Any:
    if isinstance(part, Mapping):
        said = [name for name in KNOWN if name not in left_out]
        told = {name: part[name] for name in said if part.get(name) not in (None, "", [])}
        looks = {name: _look(value, left_out) for name, value in told.items()}
        if "default_member_permissions" in looks:  # a number to Discord, a text from it
            looks["default_member_permissions"] = str(looks["default_member_permissions"])
        return {name: look for name, look in looks.items() if look is not False}
    if isinstance(part, Sequence) and not isinstance(part, str):
        inside = [_look(each, left_out) for each in part]
        return inside if inside and isinstance(inside[0], dict) else sorted(inside)
    return part


def as_typed(words: str) -> str:
    """Return a line of ours, such as ``search rag --limit 3``, as somebody types it on Discord.

    What is no command of ours stays as it is.
    """
    name, _, rest = words.removeprefix("/papers").strip().partition(" ")
    spec = all_commands().get(name)
    if words == FLAG + "share":
        return "share:True"
    if spec is None:
        return words
    group = ADMINS if spec.admin or (spec.current and rest) else MEMBERS
    shown = [f"/{group} {name}", *_options(spec, rest)]
    return " ".join(each for each in shown if each)


def _options(spec: CommandSpec, rest: str) -> Iterator[str]:
    if "<" in rest or "[" in rest:  # a usage line
        usage = re.sub(r"<(\w+)>", r"\1:…", rest)
        usage = re.sub(r"\[--(\w+)\]", r"[\1:True]", usage)
        yield re.sub(r"--(\w+) ", r"\1:", usage)
        return
    try:
        given = spec.parse(rest)
    except BadArgument:
        yield rest
        return
    for option in spec.options:
        if option.name in given:
            value = given[option.name]
            yield f"{option.name}:{'True' if option.kind == 'boolean' else value}"


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call as somebody filled it in, or is filling it in.

    Attributes:
        for_admins: Whether it was called among the commands of those who manage the server.
        focused: The option being typed, while suggestions are asked for.
        typed: What it holds so far.
    """

    name: str
    values: Mapping[str, object] = field(default_factory=dict)
    focused: str = ""
    typed: str = ""
    for_admins: bool = False


def read_invocation(data: Mapping[str, Any]) -> Invocation:
    """Read the data of a command interaction."""
    sub_command = data["options"][0]
    options = sub_command.get("options", ())
    focused = next((each for each in options if each.get("focused")), {"name": "", "value": ""})
    return Invocation(
        sub_command["name"],
        {each["name"]: each["value"] for each in options if not each.get("focused")},
        focused["name"],
        str(focused["value"]),
        for_admins=data.get("name") == ADMINS,
    )


def read_menu(data: Mapping[str, Any]) -> list[str]:
    """Return what the message shows and links to on which a menu's entry was chosen."""
    messages = data.get("resolved", {}).get("messages", {})
    return list(_shown(messages.get(data.get("target_id"), {})))


SHOWN = frozenset({"content", "title", "description", "url", "name", "value", "text"})


def _shown(value: object, name: str = "") -> Iterator[str]:
    match value:
        case dict():
            for key, each in value.items():
                yield from _shown(each, key)
        case list():
            for each in value:
                yield from _shown(each, name)
        case str() if name in SHOWN:
            yield value
