"""What passes for Slack in tests, and what of Slack is true of it.

A peer is anything that speaks Slack's Web API and tells events: the double of this project, and an
emulator that others wrote. ``RULES`` are statements about Slack with a probe each; a peer lists
those that it breaks, with the reason. The contract in ``slack_api`` holds the list to be exact.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Protocol

import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.manifest import SCOPES

Json = dict[str, Any]

SECRET = "secret-of-the-contract"
KEY: Json = {"event_type": "daily_papers_delivery", "event_payload": {"key": "k"}}
BUTTON: Json = {
    "type": "actions",
    "elements": [
        {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go"}
    ],
}
MODAL: Json = {
    "type": "modal",
    "callback_id": "settings",
    "title": {"type": "plain_text", "text": "Settings"},
    "private_metadata": "C1",
    "blocks": [BUTTON],
}
HOME: Json = {"type": "home", "blocks": [BUTTON]}
REDIRECT = "https://bot.example.org/slack/oauth_redirect"
CLIENT_ID, CLIENT_SECRET = "1000.2000", "client-secret-of-the-contract"


class Failure(Enum):
    """What can go wrong with the next call of a method."""

    LIMITED = "429, to be tried again at once; nothing is done"
    BROKEN = "a page with status 500; nothing is done"
    LOST = "it is done, but the line drops within the answer"


class SlackPeer(Protocol):
    """One workspace with the bot installed, and people who do what people do there."""

    base_url: str
    bot_token: str
    team: str
    bot_user: str
    breaks: ClassVar[Mapping[str, str]]
    """The rules that do not hold here, each with the reason."""

    async def add_person(self, name: str) -> str:
        """Return the id of a person who is new here."""

    async def add_channel(
        self, name: str, *, private: bool = False, archived: bool = False, joined: bool = True
    ) -> str:
        """Let people open a channel, with the bot in it or not; return its id."""

    async def say(self, person: str, channel: str, text: str, **fields: Any) -> str:
        """Let a person write a message; return its ``ts``."""

    async def write_to_bot(self, person: str, text: str) -> str:
        """Let a person write to the bot in private; return the channel once the bot was told."""

    async def mention(self, person: str, channel: str, text: str) -> None:
        """Let a person address the bot in a channel; return once the bot was told."""

    async def react(self, person: str, channel: str, ts: str, emoji: str) -> None:
        """Let somebody put an emoji under a message; return once the bot was told."""

    async def unreact(self, person: str, channel: str, ts: str, emoji: str) -> None:
        """Let somebody take it back; return once the bot was told."""

    async def trigger(self, person: str, view: str | None = None) -> str:
        """Return a ``trigger_id``, as one comes with whatever a person presses."""

    async def whispers(self, person: str) -> Sequence[str]:
        """Return the texts that this person alone was shown."""

    async def views(self, person: str) -> Sequence[Json]:
        """Return the views that a person has, as Slack answers them, the oldest first."""

    async def tell(self, url: str, secret: str) -> None:
        """Send events to an address from now on, signed with the secret."""

    async def told(self) -> Sequence[int | None]:
        """Return what the address answered to each event so far."""

    async def fail(self, method: str, failure: Failure) -> None:
        """Let the next call of a method go wrong."""

    async def authorize(self, person: str) -> str:
        """Let a person allow the app of ``CLIENT_ID``; return the code that this gives."""


OpenSlack = Callable[[Collection[str]], AbstractAsyncContextManager[SlackPeer]]
"""Begins an empty workspace in which the bot has those scopes."""


# What is true of Slack


@dataclass(frozen=True, slots=True)
class Site:
    """A peer with a channel and a message in it, for whoever asks something about the peer."""

    slack: SlackPeer
    client: AsyncWebClient
    channel: str
    person: str
    ts: str


Probe = Callable[[Site], Awaitable[bool]]
RULES: dict[str, Probe] = {}


def sentence(probe: Probe) -> str:
    """Return the rule that a probe is about: its docstring."""
    return " ".join((probe.__doc__ or "").split())


def rule(probe: Probe) -> Probe:
    """Take a probe's docstring for a rule; the probe tells whether it holds."""
    RULES[sentence(probe)] = probe
    return probe


def need(slack: SlackPeer, needed: Probe) -> None:
    """Skip the test where a peer breaks a rule."""
    if reason := slack.breaks.get(sentence(needed)):
        pytest.skip(f"not so here: {sentence(needed)} {reason}")


async def code_of(call: Awaitable[Any]) -> str:
    """Return the code with which Slack refuses a call, empty if it does not."""
    try:
        await call
    except SlackApiError as error:
        return str(error.response["error"])
    return ""


@asynccontextmanager
async def ears(slack: SlackPeer) -> AsyncIterator[list[Json]]:
    """Listen to the events that a peer tells, and take each."""
    heard: list[Json] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append(await request.json())
        return web.Response()

    server = web.Application()
    server.router.add_post("/", hear)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await slack.tell(f"http://127.0.0.1:{runner.addresses[0][1]}/", SECRET)
        yield heard
    finally:
        await runner.cleanup()


async def heard_of(heard: list[Json], kind: str) -> Json:
    """Return the first event of a kind; those that come at all have come when this is asked."""
    for _ in range(20):
        for body in heard:
            if body["event"]["type"] == kind:
                return body
        await asyncio.sleep(0.01)
    return {}


@rule
async def public_post(at: Site) -> bool:
    """A public channel takes a message of a member alone."""
    elsewhere = await at.slack.add_channel("elsewhere", joined=False)
    post = at.client.chat_postMessage(channel=elsewhere, text="x")
    return await code_of(post) == "not_in_channel"


@rule
async def public_read(at: Site) -> bool:
    """A public channel is read to a member alone."""
    elsewhere = await at.slack.add_channel("elsewhere", joined=False)
    return await code_of(at.client.conversations_history(channel=elsewhere)) == "not_in_channel"


@rule
async def private_unknown(at: Site) -> bool:
    """A private channel does not exist for who is not in it."""
    secret = await at.slack.add_channel("secret", private=True, joined=False)
    post = at.client.chat_postMessage(channel=secret, text="x")
    return await code_of(post) == "channel_not_found"


@rule
async def window(at: Site) -> bool:
    """History begins where it is asked to."""
    answer = await at.client.conversations_history(channel=at.channel, oldest="9999999999.000000")
    return answer["messages"] == []


@rule
async def metadata_asked(at: Site) -> bool:
    """History holds metadata for who asks for it alone."""
    await at.client.chat_postMessage(channel=at.channel, text="x", metadata=KEY)
    answer = await at.client.conversations_history(channel=at.channel)
    return not any("metadata" in each for each in answer["messages"])


@rule
async def pages_of_replies(at: Site) -> bool:
    """The replies of a thread come in pages."""
    for _ in range(3):
        await at.client.chat_postMessage(channel=at.channel, text="x", thread_ts=at.ts)
    answer = await at.client.conversations_replies(channel=at.channel, ts=at.ts, limit=2)
    return bool(answer["has_more"])


@rule
async def odd_blocks(at: Site) -> bool:
    """Blocks of a type that does not exist are refused."""
    post = at.client.chat_postMessage(channel=at.channel, text="x", blocks=[{"type": "odd"}])
    return await code_of(post) == "invalid_blocks"


@rule
async def block_ids(at: Site) -> bool:
    """A block without an id gets one."""
    answer = await at.client.chat_postMessage(channel=at.channel, text="x", blocks=[BUTTON])
    return "block_id" in answer["message"]["blocks"][0]


@rule
async def no_mark(at: Site) -> bool:
    """An edit with blocks leaves no mark."""
    ts = (await at.client.chat_postMessage(channel=at.channel, text="x", blocks=[BUTTON]))["ts"]
    await at.client.chat_update(channel=at.channel, ts=ts, text="y", blocks=[BUTTON])
    (message, *_) = (await at.client.conversations_history(channel=at.channel))["messages"]
    return "edited" not in message


@rule
async def wrong_token(at: Site) -> bool:
    """A token that nobody issued is called invalid."""
    stranger = AsyncWebClient("xoxb-nobodys", base_url=at.slack.base_url)
    return await code_of(stranger.auth_test()) == "invalid_auth"


@rule
async def scopes_named(at: Site) -> bool:
    """An answer names the scopes of the token."""
    named = (await at.client.auth_test()).headers.get("x-oauth-scopes", "")
    return set(named.split(",")) == set(SCOPES)


@rule
async def odd_view(at: Site) -> bool:
    """A view that cannot be is called an invalid argument."""
    publish = at.client.views_publish(user_id=at.person, view={"type": "odd", "blocks": []})
    return await code_of(publish) == "invalid_arguments"


@rule
async def one_name(at: Site) -> bool:
    """An emoji of several names has one of them under messages."""
    await at.slack.react(at.person, at.channel, at.ts, "thumbsup")
    answer = await at.client.reactions_get(channel=at.channel, timestamp=at.ts)
    return [each["name"] for each in answer["message"]["reactions"]] == ["+1"]


@rule
async def told_to_whom(at: Site) -> bool:
    """An event says for which app and installation it is, and when it was."""
    async with ears(at.slack) as heard:
        await at.slack.react(at.person, at.channel, at.ts, "tada")
        body = await heard_of(heard, "reaction_added")
    return {"api_app_id", "authorizations"} <= set(body) and "event_ts" in body["event"]


@rule
async def told_whose(at: Site) -> bool:
    """A reaction's event says who wrote the message."""
    async with ears(at.slack) as heard:
        await at.slack.react(at.person, at.channel, at.ts, "tada")
        return "item_user" in (await heard_of(heard, "reaction_added"))["event"]


@rule
async def told_where(at: Site) -> bool:
    """A message's event says of what kind its channel is."""
    async with ears(at.slack) as heard:
        await at.slack.write_to_bot(at.person, "help")
        return (await heard_of(heard, "message"))["event"].get("channel_type") == "im"


@rule
async def told_of_mention(at: Site) -> bool:
    """A mention is told as an event of its own."""
    async with ears(at.slack) as heard:
        await at.slack.mention(at.person, at.channel, "help")
        return bool(await heard_of(heard, "app_mention"))


@rule
async def installs(at: Site) -> bool:
    """Whoever allows the app gives it a code, which is good for a token."""
    code = await at.slack.authorize(at.person)
    return not await code_of(access(at.slack, code))


@rule
async def wrong_secret(at: Site) -> bool:
    """A wrong client secret is called so."""
    code = await at.slack.authorize(at.person)
    return await code_of(access(at.slack, code, secret="wrong")) == "bad_client_secret"


def access(
    slack: SlackPeer, code: str, *, secret: str = CLIENT_SECRET, redirect: str = REDIRECT
) -> Awaitable[Any]:
    """Ask for a token in exchange for a code."""
    return AsyncWebClient(base_url=slack.base_url).oauth_v2_access(
        client_id=CLIENT_ID, client_secret=secret, code=code, redirect_uri=redirect
    )
