"""What is wrong with the requests that a bot made: by Discord's description, and by our own table.

The description misses the sums (2,000, 4,000 and 6,000 characters, 40 nested components) and does
not mind keys that it does not know; the table here does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from adapters.discord.limits import problems as message_problems
from adapters.discord.limits import walk
from tests.doubles import discord_openapi
from tests.doubles.discord_limits import check_choices, check_commands, check_modal, check_thread
from tests.doubles.discord_wire import Refused

Json = dict[str, Any]

CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
FOLLOWUP = "/webhooks/{webhook_id}/{webhook_token}"
ORIGINAL = FOLLOWUP + "/messages/@original"
MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = MESSAGES + "/{message_id}"
FROM_MESSAGE = MESSAGE + "/threads"
THREADS = "/channels/{channel_id}/threads"
COMMANDS = "/applications/{application_id}/commands"
GUILD_COMMANDS = "/applications/{application_id}/guilds/{guild_id}/commands"
CHANNEL = "/channels/{channel_id}"
DIRECT = "/users/@me/channels"

TEMPLATES = (
    CALLBACK, ORIGINAL, FOLLOWUP, FROM_MESSAGE, MESSAGE, MESSAGES, THREADS, GUILD_COMMANDS,
    COMMANDS, DIRECT, CHANNEL,
)  # fmt: skip
"""The longer ones first."""

MESSAGE_KEYS = frozenset(
    ["content", "embeds", "components", "flags", "allowed_mentions", "nonce", "enforce_nonce"]
)
KEYS: Mapping[str, frozenset[str]] = {
    MESSAGES: MESSAGE_KEYS,
    MESSAGE: MESSAGE_KEYS,
    ORIGINAL: MESSAGE_KEYS,
    FOLLOWUP: MESSAGE_KEYS,
    THREADS: frozenset(["name", "auto_archive_duration", "applied_tags", "message"]),
    FROM_MESSAGE: frozenset(["name", "auto_archive_duration", "rate_limit_per_user"]),
    CALLBACK: frozenset(["type", "data"]),
    CHANNEL: frozenset(["archived"]),
    DIRECT: frozenset(["recipient_id"]),
}
COMPONENT_KEYS: Mapping[int, frozenset[str]] = {
    1: frozenset(["components"]),
    2: frozenset(["style", "label", "custom_id", "url", "disabled", "emoji"]),
    3: frozenset(["custom_id", "options", "required", "placeholder"]),
    4: frozenset(["custom_id", "style", "value", "required", "max_length", "placeholder"]),
    9: frozenset(["components", "accessory"]),
    10: frozenset(["content"]),
    11: frozenset(["media", "description"]),
    14: frozenset(),
    17: frozenset(["components", "accent_color"]),
    18: frozenset(["label", "description", "component"]),
}
COMMAND_KEYS = frozenset(
    ["type", "name", "description", "options", "contexts", "integration_types",
     "default_member_permissions", "required", "choices", "autocomplete", "min_value", "max_value",
     "max_length"]
)  # fmt: skip


def problems(method: str, path: str, body: Any) -> list[str]:
    """Return what is wrong with one request; its body may be anything that goes as JSON."""
    template = template_of(path)
    found = [*_by_table(template, body)]
    if discord_openapi.available():
        found += discord_openapi.problems(method, template, body)
    return [f"{method} {template}: {each}" for each in found]


def template_of(path: str) -> str:
    """Return the route that a path is one of.

    Raises:
        LookupError: if it is none that the bot is known to use with a body.
    """
    for template in TEMPLATES:
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return template
    raise LookupError(f"{path} is no route with a body that is checked: add it")


def _by_table(template: str, body: Any) -> Iterator[str]:
    if template in (COMMANDS, GUILD_COMMANDS):
        yield from _refused(lambda: check_commands(body))
        yield from _unknown_of_commands(body)
        return
    yield from _unknown(body, KEYS[template])
    if template in (MESSAGES, MESSAGE, ORIGINAL, FOLLOWUP):
        yield from _message(body)
    elif template == THREADS:
        yield from _refused(lambda: check_thread(body, forum_tags=None, require_tag=False))
        yield from _message(body["message"])
    elif template == FROM_MESSAGE:
        yield from _refused(lambda: check_thread(body, forum_tags=None, require_tag=False))
    elif template == CALLBACK and body["type"] == 9:
        yield from _refused(lambda: check_modal(body["data"]))
        yield from _unknown_of_components(_labels(body["data"]["components"]))
    elif template == CALLBACK and body["type"] == 8:
        yield from _refused(lambda: check_choices(body["data"]))


def _message(body: Json) -> Iterator[str]:
    yield from message_problems(body)
    yield from _unknown(body, MESSAGE_KEYS)
    yield from _unknown_of_components(walk(body.get("components", ())))


def _labels(components: Iterable[Json]) -> Iterator[Json]:
    for each in components:
        yield each
        yield each["component"]


def _unknown_of_components(components: Iterable[Json]) -> Iterator[str]:
    for each in components:
        yield from _unknown(each, COMPONENT_KEYS[each["type"]] | {"type", "id"})


def _unknown_of_commands(options: Iterable[Json]) -> Iterator[str]:
    for each in options:
        yield from _unknown(each, COMMAND_KEYS)
        yield from _unknown_of_commands(each.get("options", ()))


def _unknown(body: Mapping[str, Any], known: frozenset[str]) -> Iterator[str]:
    yield from (f"unknown key {name!r}" for name in body.keys() - known)


def _refused(check: Any) -> Iterator[str]:
    try:
        check()
    except Refused as refused:
        yield str(refused.error)
