from __future__ import annotations

import pytest

from adapters.slack.manifest import COMMAND, EVENTS, SCOPES, manifest, usage_hint
from bot.commands import all_commands
from bot.domain.errors import ConfigError


def test_a_socket_mode_app_needs_no_address() -> None:
    made = manifest("socket")
    assert made["settings"]["socket_mode_enabled"] is True
    assert "url" not in str(made).replace("usage", "")
    assert made["oauth_config"]["scopes"]["bot"] == list(SCOPES)
    assert made["settings"]["event_subscriptions"] == {"bot_events": list(EVENTS)}
    assert made["settings"]["interactivity"] == {"is_enabled": True}


def test_an_http_app_has_one_address_for_everything() -> None:
    made = manifest("http", "https://bot.example.org/")
    url = "https://bot.example.org/slack/events"
    assert made["settings"]["socket_mode_enabled"] is False
    assert made["settings"]["event_subscriptions"]["request_url"] == url
    assert made["settings"]["interactivity"]["request_url"] == url
    assert made["features"]["slash_commands"][0]["url"] == url


@pytest.mark.parametrize("url", [None, "", "http://bot.example.org", "bot.example.org"])
def test_http_without_a_public_https_address_is_refused(url: str | None) -> None:
    with pytest.raises(ConfigError, match="public https address"):
        manifest("http", url)


def test_the_name_is_the_teams_choice_within_bounds() -> None:
    made = manifest("socket", name="lab-papers")
    assert made["display_information"]["name"] == "lab-papers"
    assert made["features"]["bot_user"]["display_name"] == "lab-papers"
    with pytest.raises(ConfigError, match="35 characters"):
        manifest("socket", name="x" * 36)


def test_the_usage_hint_names_every_command() -> None:
    made = manifest("socket")["features"]["slash_commands"]
    assert [each["command"] for each in made] == [COMMAND]
    assert made[0]["usage_hint"] == usage_hint()
    assert "search <query>" in usage_hint()
    assert all(name in usage_hint() for name in all_commands())
