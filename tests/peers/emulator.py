"""Slack as npm's ``emulate`` has it, in a process of its own, as a peer of the contract."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.manifest import SCOPES
from tests.contracts.slack_peers import CLIENT_ID, CLIENT_SECRET, REDIRECT, Failure
from tests.peers import FOLDER

Json = dict[str, Any]

TEAM = "T000000001"  # the emulator has this one
APP: Json = {"app_id": "A0PAPERS", "bot_id": "B0PAPERS", "bot_user_id": "U0PAPERS"}
BOT: Json = {**APP, "type": "bot", "user_id": APP["bot_user_id"]}
PEOPLE = ("ann", "bob")
BOT_TOKEN, POOR_TOKEN, REACTING_TOKEN = "xoxb-papers", "xoxb-poor", "xoxb-reacting"

SEED: Json = {
    "strict_scopes": True,
    "users": [{"name": name} for name in PEOPLE],
    "oauth_apps": [
        {
            **APP,
            "name": "papers",
            "bot_name": "papers",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uris": [REDIRECT],
            "scopes": list(SCOPES),
        }
    ],
    "tokens": [
        {**BOT, "token": BOT_TOKEN, "scopes": list(SCOPES)},
        {**BOT, "token": POOR_TOKEN, "scopes": [each for each in SCOPES if each != "chat:write"]},
        {**BOT, "token": REACTING_TOKEN, "scopes": ["reactions:write"]},
        *({"token": f"xoxp-{name}", "type": "user", "user": name} for name in PEOPLE),
    ],
}

ANSWERS: Mapping[Failure, Json] = {
    Failure.LIMITED: {"status": 429, "headers": {"Retry-After": "0"}, "body": "{}"},
    Failure.BROKEN: {"status": 500, "body": "<html></html>"},
    Failure.LOST: {
        "done": True,
        "status": 200,
        "headers": {"Content-Length": "4096", "Connection": "close"},
        "body": '{"ok": tr',
    },
}


class Emulator:
    """The process; it ends with ``stop``, or with whoever started it."""

    def __init__(self, node: str) -> None:
        self._process = subprocess.Popen(
            [node, FOLDER / "slack.mjs", json.dumps(SEED)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._out.readline().strip()
        if not self.url:
            raise RuntimeError(f"the emulator ended with {self._process.wait()} at its start")

    @property
    def _out(self) -> Any:
        return self._process.stdout

    async def control(self, verb: str, body: object = None) -> Json:
        """Ask it for what Slack's API has no method for; return all that it holds."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/peer/{verb}", json=body) as answer,
        ):
            found: Json = await answer.json()
            return found

    def stop(self) -> None:
        """End it."""
        self._process.communicate(timeout=10)


class EmulatedSlack:
    """A workspace of the emulator."""

    team = TEAM
    bot_user = APP["bot_user_id"]

    breaks: ClassVar[Mapping[str, str]] = {
        "A public channel takes a message of a member alone.": (
            "The emulator lets a bot post to any public channel, as with chat:write.public."
        ),
        "A public channel is read to a member alone.": "It looks at membership of private ones.",
        "A private channel does not exist for who is not in it.": (
            "It says not_in_channel, which tells of the channel; either parks a subscription."
        ),
        "History begins where it is asked to.": "It ignores oldest and latest.",
        "History holds metadata for who asks for it alone.": "It always shows metadata.",
        "The replies of a thread come in pages.": "It returns all replies at once.",
        "Blocks of a type that does not exist are refused.": (
            "It looks at no block; Slack's own types do, in the check of types."
        ),
        "A block without an id gets one.": "It returns blocks as they came.",
        "An edit with blocks leaves no mark.": "It marks every edit.",
        "A token that nobody issued is called invalid.": (
            "It says not_authed; either is the fault of the token."
        ),
        "An answer names the scopes of the token.": "It names those that a call lacked alone.",
        "A view that cannot be is called an invalid argument.": "It says invalid_view.",
        "An emoji of several names has one of them under messages.": (
            "It keeps the name that was sent, and knows no emoji."
        ),
        "An event says for which app and installation it is, and when it was.": (
            "Its events lack api_app_id, authorizations and event_ts."
        ),
        "A reaction's event says who wrote the message.": "Its events lack item_user.",
        "A message's event says of what kind its channel is.": "Its events lack channel_type.",
        "A mention is told as an event of its own.": "It tells of a message alone.",
        "A wrong client secret is called so.": "It says invalid_client_id.",
    }

    def __init__(self, emulator: Emulator, people: Mapping[str, str], bot_token: str) -> None:
        self._emulator = emulator
        self._people = people
        self._tokens = {id_: f"xoxp-{name}" for name, id_ in people.items()}
        self._tokens[self.bot_user] = REACTING_TOKEN
        self.base_url = f"{emulator.url}/api/"
        self.bot_token = bot_token

    def _as(self, person: str) -> AsyncWebClient:
        return AsyncWebClient(self._tokens[person], base_url=self.base_url)

    @property
    def _owner(self) -> AsyncWebClient:
        return self._as(self._people["ann"])

    async def add_person(self, name: str) -> str:
        return self._people[name]  # both are there from the start, in no channel

    async def add_channel(
        self, name: str, *, private: bool = False, archived: bool = False, joined: bool = True
    ) -> str:
        asked = {"name": name, "is_private": private}  # the SDK's 0 and 1 it would not take
        made = await self._owner.api_call("conversations.create", json=asked)
        channel = str(made["channel"]["id"])
        if joined:
            await self._owner.conversations_invite(channel=channel, users=self.bot_user)
        if archived:
            await self._owner.conversations_archive(channel=channel)
        return channel

    async def say(self, person: str, channel: str, text: str, **fields: Any) -> str:
        said = await self._as(person).chat_postMessage(channel=channel, text=text, **fields)
        return str(said["ts"])

    async def write_to_bot(self, person: str, text: str) -> str:
        opened = await self._as(person).conversations_open(users=self.bot_user)
        channel = str(opened["channel"]["id"])
        await self.say(person, channel, text)
        return channel

    async def mention(self, person: str, channel: str, text: str) -> None:
        await self.say(person, channel, f"<@{self.bot_user}> {text}")

    async def react(self, person: str, channel: str, ts: str, emoji: str) -> None:
        await self._as(person).reactions_add(channel=channel, timestamp=ts, name=emoji)

    async def unreact(self, person: str, channel: str, ts: str, emoji: str) -> None:
        await self._as(person).reactions_remove(channel=channel, timestamp=ts, name=emoji)

    async def trigger(self, person: str, view: str | None = None) -> str:
        """Return a trigger by the emulator's own method, for nobody can press anything there."""
        client = AsyncWebClient(self.bot_token, base_url=self.base_url)
        asked = {"user_id": person, "view_id": view or ""}
        made = await client.api_call("views.generateTriggerId", json=asked)
        return str(made["trigger_id"])

    async def whispers(self, person: str) -> Sequence[str]:
        held = await self._emulator.control("state")
        shown = held["collections"]["slack.ephemeral_messages"]["items"]
        return [each["text"] for each in shown if each["target_user"] == person]

    async def views(self, person: str) -> Sequence[Json]:
        held = await self._emulator.control("state")
        views = held["collections"]["slack.views"]["items"]
        return [{**each, "id": each["view_id"]} for each in views if each["user_id"] == person]

    async def tell(self, url: str, secret: str) -> None:
        await self._emulator.control("listen", {"url": url, "secret": secret})

    async def told(self) -> Sequence[int | None]:
        held = await self._emulator.control("state")
        return [each["status_code"] for each in held["deliveries"]]

    async def fail(self, method: str, failure: Failure) -> None:
        await self._emulator.control("fail", {"method": method, **ANSWERS[failure]})

    async def authorize(self, person: str) -> str:
        form = {
            "user_id": person,
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT,
            "scope": ",".join(SCOPES),
            "state": "s",
        }
        page = f"{self._emulator.url}/oauth/v2/authorize/callback"
        async with (
            aiohttp.ClientSession() as session,
            session.post(page, data=form, allow_redirects=False) as answer,
        ):
            return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


@asynccontextmanager
async def open_emulated_slack(
    emulator: Emulator, scopes: Collection[str]
) -> AsyncIterator[EmulatedSlack]:
    """Begin an empty workspace in a process that goes on; tokens there have scopes of their own."""
    held = await emulator.control("reset")
    users = held["collections"]["slack.users"]["items"]
    people = {each["name"]: each["user_id"] for each in users if each["name"] in PEOPLE}
    token = BOT_TOKEN if "chat:write" in scopes else POOR_TOKEN
    yield EmulatedSlack(emulator, people, token)
