"""Slack's contract, kept to by the double of this project and by an emulator of others."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.contracts.slack_api import SlackContract
from tests.contracts.slack_peers import OpenSlack, code_of
from tests.doubles.slack_peer import open_doubled_slack
from tests.peers import needed_node
from tests.peers.emulator import BOT_TOKEN, Emulator, open_emulated_slack


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """Return the emulator's process, one for all tests here; each begins it anew."""
    running = Emulator(needed_node())
    yield running
    running.stop()


class TestTheDouble(SlackContract):
    @pytest.fixture
    def open_slack(self) -> OpenSlack:
        return open_doubled_slack


class TestTheEmulator(SlackContract):
    @pytest.fixture
    def open_slack(self, emulator: Emulator) -> OpenSlack:
        return partial(open_emulated_slack, emulator)


# What the launcher changes about the emulator has to be needed still


def as_it_is(emulator: Emulator, token: str) -> AsyncWebClient:
    """Return a client whose requests nothing adapts."""
    return AsyncWebClient(token, base_url=f"{emulator.url}/api/", headers={"X-As-It-Is": "1"})


async def test_the_emulator_reads_no_arguments_of_a_query(emulator: Emulator) -> None:
    async with open_emulated_slack(emulator, ["chat:write"]) as slack:
        channel = await slack.add_channel("papers")
        bare = as_it_is(emulator, BOT_TOKEN)
        asked = bare.api_call("conversations.history", params={"channel": channel})
        assert await code_of(asked) == "channel_not_found"
        with pytest.raises(SlackApiError, match="status: 404"):
            await bare.conversations_history(channel=channel)  # a GET
        adapted = AsyncWebClient(BOT_TOKEN, base_url=slack.base_url)
        assert await code_of(adapted.conversations_history(channel=channel)) == ""


async def test_the_emulator_lets_anybody_in(emulator: Emulator) -> None:
    assert await code_of(as_it_is(emulator, "xoxb-nobodys").auth_test()) == ""


async def test_the_emulator_does_not_say_which_bot_wrote_a_message(emulator: Emulator) -> None:
    async with open_emulated_slack(emulator, ["chat:write"]) as slack:
        channel = await slack.add_channel("papers")
        for client, known in (
            (as_it_is(emulator, BOT_TOKEN), False),
            (AsyncWebClient(BOT_TOKEN, base_url=slack.base_url), True),
        ):
            posted = await client.chat_postMessage(channel=channel, text="x")
            assert ("bot_id" in posted["message"]) is known
