"""The double as one of the peers that the contract of Slack is held against."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from adapters.slack.manifest import EVENTS
from tests.contracts.slack_peers import CLIENT_ID, CLIENT_SECRET, REDIRECT, Failure

from .slack import AnswerLost, Fault, Message, RateLimited, ServerError, SlackDouble
from .slack_state import Json
from .slack_wire import view_json

FAULTS: Mapping[Failure, Fault] = {
    Failure.LIMITED: RateLimited(0),
    Failure.BROKEN: ServerError(500),
    Failure.LOST: AnswerLost(),
}


class DoubledSlack:
    """A workspace of the double."""

    breaks: ClassVar[Mapping[str, str]] = {}

    def __init__(self, double: SlackDouble) -> None:
        self._double = double
        self.base_url = double.base_url
        self.bot_token = double.bot_token
        self.team = double.workspace.team_id
        self.bot_user = double.workspace.bot_user_id

    async def add_person(self, name: str) -> str:
        return self._double.workspace.add_user(name).id

    async def add_channel(
        self, name: str, *, private: bool = False, archived: bool = False, joined: bool = True
    ) -> str:
        return self._double.workspace.add_channel(
            name, private=private, archived=archived, member=joined
        ).id

    async def say(self, person: str, channel: str, text: str, **fields: Any) -> str:
        workspace = self._double.workspace
        message = Message(channel, workspace.new_ts(), text, workspace.user(person).id, **fields)
        return workspace.store(message).ts

    async def write_to_bot(self, person: str, text: str) -> str:
        await self._double.direct_message(person, text)
        return self._double.workspace.im_with(person).id

    async def mention(self, person: str, channel: str, text: str) -> None:
        await self._double.mention(person, channel, text)

    async def react(self, person: str, channel: str, ts: str, emoji: str) -> None:
        await self._double.react(person, channel, ts, emoji)

    async def unreact(self, person: str, channel: str, ts: str, emoji: str) -> None:
        await self._double.unreact(person, channel, ts, emoji)

    async def trigger(self, person: str, view: str | None = None) -> str:
        return self._double.trigger(person, view_id=view)

    async def whispers(self, person: str) -> Sequence[str]:
        return [shown.text for shown in self._double.ephemerals(person)]

    async def views(self, person: str) -> Sequence[Json]:
        workspace = self._double.workspace
        return [
            view_json(workspace, view) for view in workspace.views.values() if view.user == person
        ]

    async def tell(self, url: str, secret: str) -> None:
        self._double.use_http(url, secret)

    async def told(self) -> Sequence[int | None]:
        return [ack.status for ack in self._double.acks]

    async def fail(self, method: str, failure: Failure) -> None:
        self._double.fault(method, FAULTS[failure])

    async def authorize(self, person: str) -> str:
        asked = {"client_id": CLIENT_ID, "redirect_uri": REDIRECT}
        return parse_qs(urlsplit(self._double.authorize(person, asked)).query)["code"][0]


@asynccontextmanager
async def open_doubled_slack(scopes: Collection[str]) -> AsyncIterator[DoubledSlack]:
    """Begin an empty workspace that tells the bot no more events than its manifest asks for."""
    async with SlackDouble(
        scopes=frozenset(scopes),
        subscriptions=frozenset(EVENTS),
        retry_delays=(),
        client=(CLIENT_ID, CLIENT_SECRET),
        redirect_url=REDIRECT,
    ) as double:
        yield DoubledSlack(double)
