"""What the app asks of Slack, and the app manifest that follows from it. Pure.

Format: https://docs.slack.dev/reference/app-manifest
"""

from __future__ import annotations

from typing import Any, Literal

from bot.commands import all_commands
from bot.domain.errors import ConfigError
from bot.text import clip

COMMAND = "/papers"
SHORTCUT = "summarize"
EVENTS_PATH = "/slack/events"
INSTALL_PATH = "/slack/install"
REDIRECT_PATH = "/slack/oauth_redirect"

SCOPES = (
    "app_mentions:read",  # be asked in a channel
    "channels:read",  # know whether the bot is in a channel
    "channels:history",  # read a channel back before anything is posted again
    "chat:write",
    "commands",
    "groups:history",  # the same in private channels
    "groups:read",
    "im:history",  # be asked in direct messages
    "reactions:read",  # votes
    "users:read",  # tell people from bots
)
"""The bot's scopes, each with its use; tests run with these and no others."""

EVENTS = ("app_home_opened", "app_mention", "message.im", "reaction_added", "reaction_removed")
"""The events that the adapter listens to."""

LEAVING = ("app_uninstalled", "tokens_revoked")
"""Those that it listens to as well where several workspaces install the app."""

NAME_CHARS = 35
USAGE_CHARS = 1_000


def usage_hint() -> str:
    """Return what can follow the slash command, from the commands themselves."""
    usages = []
    for spec in all_commands().values():
        required = [option.usage for option in spec.parameters if option.required]
        usages.append(" ".join([spec.name, *required]))
    return clip(" | ".join(usages), USAGE_CHARS)


def manifest(
    mode: Literal["socket", "http"],
    url: str | None = None,
    name: str = "papers",
    *,
    several: bool = False,
) -> dict[str, Any]:
    """Return the manifest from which a team makes its own app.

    Args:
        mode: How events arrive.
        url: Public address of the bot, for ``http`` and for several workspaces.
        name: How the app and its bot user are called.
        several: Whether several workspaces are to install the app.

    Raises:
        ConfigError: if ``http`` or several workspaces have no https address, or the name is too
            long.
    """
    if len(name) > NAME_CHARS:
        raise ConfigError(
            f"Slack takes a name of {NAME_CHARS} characters, {name!r} has {len(name)}: shorten it"
        )
    root = (url or "").rstrip("/")
    if (mode == "http" or several) and not root.startswith("https://"):
        raise ConfigError(
            f"{'HTTP mode needs' if mode == 'http' else 'Several workspaces need'} "
            "the public https address of the bot, as in https://bot.example.org"
        )
    address = {"url": root + EVENTS_PATH} if mode == "http" else {}
    events = (*EVENTS, *LEAVING) if several else EVENTS
    redirect = {"redirect_urls": [root + REDIRECT_PATH]} if several else {}
    request = {f"request_{key}": value for key, value in address.items()}
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": name,
            "description": "Brings each day's Hugging Face Daily Papers to your channels.",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name, "always_online": True},
            "shortcuts": [
                {
                    "name": "Summarize this paper",
                    "type": "message",
                    "callback_id": SHORTCUT,
                    "description": "What the papers linked in a message say, for you alone.",
                }
            ],
            "slash_commands": [
                {
                    "command": COMMAND,
                    "description": "Daily papers: read, search, summarize, subscribe",
                    "usage_hint": usage_hint(),
                    "should_escape": True,
                    **address,
                }
            ],
        },
        "oauth_config": {**redirect, "scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": list(events), **request},
            "interactivity": {"is_enabled": True, **request},
            "org_deploy_enabled": False,
            "socket_mode_enabled": mode == "socket",
            "token_rotation_enabled": False,
        },
    }
