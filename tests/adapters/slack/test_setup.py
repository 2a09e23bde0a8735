"""An app in Slack that lacks something: what ends the start, what only degrades it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from adapters.search.lexical import LexicalIndex
from adapters.slack._setup import COMPARED, DISPENSABLE, differences, losses
from adapters.slack.app import SlackAdapter, probe
from adapters.slack.live import validate
from adapters.slack.manifest import SCOPES, manifest
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot.dispatch import Dispatcher
from bot.doctor import examine
from bot.domain.errors import ConfigError
from bot.services.health import Health
from config.settings import Settings
from tests.adapters.slack.conftest import office, settings_for
from tests.doubles.slack import SlackDouble
from tests.examples import NOW

NEEDED = [scope for scope in SCOPES if scope not in DISPENSABLE]


def without(*lost: str) -> frozenset[str]:
    return frozenset(SCOPES) - set(lost)


# Scopes


def test_what_a_bot_cannot_do_without_is_decided_for_every_scope() -> None:
    assert {"chat:write", "commands", "reactions:read"} <= set(NEEDED)
    assert set(DISPENSABLE) <= set(SCOPES)
    assert losses(SCOPES) == {}


@pytest.mark.parametrize("scope", NEEDED)
async def test_a_scope_that_is_needed_ends_the_start_when_it_is_missing(scope: str) -> None:
    async with SlackDouble(scopes=without(scope, "users:read")) as slack:
        inbox = Dispatcher(
            MemoryStore(),
            LexicalIndex(),
            ExtractiveSummarizer(),
            {},
            clock=lambda: NOW,
            health=Health(NOW),
        )
        with pytest.raises(ConfigError) as caught:
            await SlackAdapter(settings_for(slack)).serve(inbox)
        with pytest.raises(ConfigError, match=f"lacks the scopes {scope}"):
            await probe(settings_for(slack))
    assert str(caught.value) == (
        f"SLACK_BOT_TOKEN lacks the scopes {scope}: "
        "reinstall the app from `daily-papers manifest slack`"
    )


async def test_all_scopes_that_are_missing_are_named_at_once() -> None:
    with pytest.raises(ConfigError, match="chat:write, commands"):
        losses(without("chat:write", "commands", "im:history"))


@pytest.mark.parametrize("scope", DISPENSABLE)
async def test_a_scope_that_is_dispensable_is_warned_of_and_the_bot_works(scope: str) -> None:
    with capture_logs() as logs:
        async with office(scopes=without(scope)) as made:
            answer = await made.slack.slash(made.ann.id, made.papers.id, "/papers", "help")
            assert (await answer.answer()).text.startswith("Commands")
            assert scope in await probe(settings_for(made.slack))
    (said,) = [each for each in logs if each["event"] == "slack scope missing"]
    assert (said["scope"], said["lost"]) == (scope, DISPENSABLE[scope])
    assert "reinstall" in said["cure"]


async def test_a_slack_that_does_not_name_the_scopes_is_believed() -> None:
    async with SlackDouble(scopes=frozenset()) as slack:
        assert "logged in" in await probe(settings_for(slack))


# The app, as its owner sees it


@pytest.mark.parametrize("mode", ["socket", "http"])
def test_an_app_from_the_manifest_is_as_it_should_be(mode: Any) -> None:
    made = manifest(mode, "https://papers.example" if mode == "http" else None)
    assert differences(made, mode) == []
    made["display_information"]["name"] = "our papers"
    made["features"]["slash_commands"][0]["command"] = "/our-papers"
    made["features"]["bot_user"]["always_online"] = False
    made["settings"]["event_subscriptions"]["bot_events"].append("member_joined_channel")
    assert differences(made, mode) == []


@pytest.mark.parametrize("path", COMPARED)
def test_what_an_app_lacks_is_named_wherever_it_is(path: tuple[str, ...]) -> None:
    *folders, last = path
    mode: Any = "http" if last == "request_url" else "socket"
    made = manifest(mode, "https://papers.example" if mode == "http" else None)
    holder: Any = made
    for folder in folders:
        holder = holder[folder]
    match holder[last]:
        case bool() as wanted:
            holder[last] = not wanted
        case [first, *_]:
            holder[last] = holder[last][1:]
            named = first["callback_id"] if isinstance(first, dict) else first
            assert named in str(differences(made, mode))
        case str():
            holder[last] = ""
    assert [each.startswith(".".join(path)) for each in differences(made, mode)] == [True]


def test_an_app_that_is_quite_another_is_described_in_full() -> None:
    found = differences({"settings": {"token_rotation_enabled": True}}, "socket")
    assert any("reaction_added" in each for each in found)
    assert "settings.token_rotation_enabled is not false" in found
    assert "features.slash_commands is empty" in found


async def test_doctor_finds_an_event_that_the_app_does_not_subscribe_to() -> None:
    made = manifest("socket")
    async with SlackDouble(manifest=made) as slack:
        settings = settings_for(slack, config_token=SecretStr(slack.config_token))
        assert "subscribes to all it needs" in await probe(settings)
        made["settings"]["event_subscriptions"]["bot_events"].remove("reaction_added")
        findings = await examine(
            Settings(_env_file=None, slack=settings, sources={"enabled": "sample"}),
            offline=False,
            now=NOW,
        )
    (found,) = [each for each in findings if each.what == "slack"]
    assert not found.ok
    assert found.detail == (
        "the app in Slack differs, settings.event_subscriptions.bot_events lacks reaction_added"
    )
    assert found.cure == "reinstall the app from `daily-papers manifest slack`"


async def test_a_configuration_token_that_ran_out_is_named() -> None:
    async with SlackDouble() as slack:
        settings = settings_for(slack, config_token=SecretStr("xoxe.xoxp-old"))
        with pytest.raises(ConfigError, match=r"SLACK_CONFIG_TOKEN .* twelve hours"):
            await probe(settings)


async def test_doctor_asks_slack_whether_it_would_take_a_digest() -> None:
    body = {"text": "A digest", "blocks": [{"type": "divider"}]}
    wrong = {"text": "A digest", "blocks": [{"type": "header"}]}
    async with SlackDouble() as slack:
        settings = settings_for(slack)
        assert await validate(settings, [body, body]) == []
        (problem,) = await validate(settings, [body, wrong])
        assert problem.startswith("message 2: invalid_blocks")
        assert slack.messages(slack.workspace.add_channel("papers").id) == ()
