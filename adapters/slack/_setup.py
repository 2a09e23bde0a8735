"""Compare the app that is installed in Slack with what the bot needs. Pure.

Slack names the scopes of a token with every answer, so they are looked at in each start. It tells
no bot which events its app subscribes to: only the owner of the app may ask, with a configuration
token that lasts twelve hours, and so ``doctor`` looks when it is given one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from adapters.slack.limits import Json
from adapters.slack.manifest import SCOPES, manifest
from bot.domain.errors import ConfigError

REINSTALL = "reinstall the app from `daily-papers manifest slack`"

DISPENSABLE: Mapping[str, str] = {
    "app_mentions:read": "mentions of the bot are not heard",
    "channels:history": "a message whose answer was lost is not looked for in public channels",
    "groups:history": "a message whose answer was lost is not looked for in private channels",
    "channels:read": "whether the bot is in a public channel is not looked at beforehand",
    "groups:read": "whether the bot is in a private channel is not looked at beforehand",
    "im:history": "direct messages are not heard",
    "users:read": "reactions of other bots count as votes",
}
"""Scopes without which the bot works, and what it does not do then. It needs all others."""

COMPARED: tuple[tuple[str, ...], ...] = (
    ("oauth_config", "scopes", "bot"),
    ("settings", "event_subscriptions", "bot_events"),
    ("settings", "event_subscriptions", "request_url"),
    ("settings", "interactivity", "is_enabled"),
    ("settings", "interactivity", "request_url"),
    ("settings", "socket_mode_enabled"),
    ("settings", "token_rotation_enabled"),
    ("features", "app_home", "home_tab_enabled"),
    ("features", "app_home", "messages_tab_enabled"),
    ("features", "app_home", "messages_tab_read_only_enabled"),
    ("features", "shortcuts"),
)
"""What of a manifest decides whether the bot is heard; a team may name and describe the rest."""


def losses(granted: Collection[str]) -> dict[str, str]:
    """Return the scopes that a token lacks, each with what does not work without it.

    Raises:
        ConfigError: if nothing would work, or votes would be lost in silence.
    """
    lacking = [scope for scope in SCOPES if scope not in granted]
    needed = [scope for scope in lacking if scope not in DISPENSABLE]
    if needed:
        raise ConfigError(f"SLACK_BOT_TOKEN lacks the scopes {', '.join(needed)}: {REINSTALL}")
    return {scope: DISPENSABLE[scope] for scope in lacking}


def differences(app: Json, mode: Literal["socket", "http"]) -> list[str]:
    """Return where an app's manifest falls short of what the bot needs."""
    ours = manifest(mode, "https://bot.invalid" if mode == "http" else None)
    found = [
        difference
        for path in COMPARED
        for difference in _difference(".".join(path), _at(ours, path), _at(app, path))
    ]
    if not _at(app, ("features", "slash_commands")):
        found.append("features.slash_commands is empty")
    return found


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def _difference(name: str, wanted: Any, found: Any) -> list[str]:
    if isinstance(wanted, bool):
        return [] if bool(found) == wanted else [f"{name} is not {str(wanted).lower()}"]
    if isinstance(wanted, str):  # an address, which is whatever the team made it
        return [] if found else [f"{name} is empty"]
    here = set(map(_word, found or ()))
    lacking = [word for word in map(_word, wanted or ()) if word not in here]
    return [f"{name} lacks {', '.join(lacking)}"] if lacking else []


def _word(entry: Any) -> str:
    """Return what tells an entry of a list from others."""
    return str(entry.get("callback_id")) if isinstance(entry, dict) else str(entry)
