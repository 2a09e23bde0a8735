"""Discord's slash command, made of the command definitions, and how to read a call of it. Pure.

There is one command, ``/papers``, with a sub-command for each of ours: rights, help and the list of
commands stay in one place for the people who manage a guild.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from adapters.discord.limits import LIMITS, Json
from bot.commands import all_commands
from bot.commands.parsing import TEXT_CHARS, CommandSpec, Parameter
from bot.text import clip

GROUP = "papers"
DESCRIPTION = "Daily Papers from Hugging Face: search, summarize, vote, subscribe."

# docs.discord.com/developers/interactions/application-commands
CHAT_INPUT, SUB_COMMAND, STRING, INTEGER, BOOLEAN = 1, 1, 3, 4, 5
IN_GUILDS, IN_DMS = 0, 1
GUILD_INSTALL = 0

KNOWN = (
    "type", "name", "description", "required", "autocomplete", "choices", "value",
    "min_value", "max_value", "max_length", "contexts", "integration_types", "options",
)  # fmt: skip
"""What we say of a command; Discord adds ids, versions and translations when it gives it back."""


def command_payload(commands: Mapping[str, CommandSpec] | None = None) -> list[Json]:
    """Return the body that registers the commands.

    Raises:
        ValueError: if there are more commands, or options of one, than Discord takes.
    """
    specs = all_commands() if commands is None else commands
    return [
        {
            "type": CHAT_INPUT,
            "name": GROUP,
            "description": DESCRIPTION,
            "contexts": [IN_GUILDS, IN_DMS],
            "integration_types": [GUILD_INSTALL],
            "options": _fitting(GROUP, [_sub_command(spec) for spec in specs.values()]),
        }
    ]


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
    offers = option.kind == "paper" or option.choices or (option.form and option.form.values)
    suggested = {"autocomplete": True} if offers else {}
    return {"max_length": TEXT_CHARS, **suggested}


def fingerprint(commands: Iterable[Mapping[str, Any]]) -> str:
    """Return a hash of what commands look like: equal for ours and for Discord's copy of them."""
    look = sorted((_look(each) for each in commands), key=lambda each: str(each.get("name")))
    return hashlib.sha256(json.dumps(look, sort_keys=True).encode()).hexdigest()


def _look(part: Any) -> Any:
    if isinstance(part, Mapping):
        told = {name: part[name] for name in KNOWN if part.get(name) not in (None, "", [])}
        return {name: _look(value) for name, value in told.items() if value is not False}
    if isinstance(part, Sequence) and not isinstance(part, str):
        looks = [_look(each) for each in part]
        return looks if looks and isinstance(looks[0], dict) else sorted(looks)
    return part


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call as somebody filled it in, or is filling it in.

    Attributes:
        focused: The option being typed, while suggestions are asked for.
        typed: What it holds so far.
    """

    name: str
    values: Mapping[str, object] = field(default_factory=dict)
    focused: str = ""
    typed: str = ""


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
    )
