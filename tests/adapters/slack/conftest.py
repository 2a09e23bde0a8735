"""A team's Slack over loopback, with the real dispatcher behind the adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.search.lexical import LexicalIndex
from adapters.slack._socket import Patience
from adapters.slack.app import SlackAdapter
from adapters.slack.ids import channel_ref
from adapters.slack.manifest import EVENTS, SCOPES
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot.dispatch import Dispatcher
from bot.domain.channels import ChannelRef, Layout
from bot.domain.deliveries import DeliveryState, Slot
from bot.domain.votes import Tally
from bot.services import deliveries
from bot.services.digest import plan_digest
from bot.services.health import Health
from config.settings import SlackSettings
from tests.doubles.slack import Channel, Message, SlackDouble, User
from tests.examples import NOW, TODAY, batch, paper_id, subscription

SECRET = "loopback-signing-secret"
LONG = 30.0
"""Seconds, for a machine that has much else to do."""


@dataclass(slots=True)
class Office:
    """A workspace with the bot in it, and what the bot keeps."""

    slack: SlackDouble
    adapter: SlackAdapter
    inbox: Dispatcher
    store: MemoryStore
    ann: User
    papers: Channel
    task: asyncio.Task[None]
    waits: list[float] = field(default_factory=list)

    @property
    def team(self) -> str:
        return self.slack.workspace.team_id

    @property
    def channel(self) -> ChannelRef:
        return channel_ref(self.team, self.papers.id)

    @property
    def messages(self) -> tuple[Message, ...]:
        return self.slack.messages(self.papers.id)

    async def votes(self, n: int = 1) -> Tally:
        tallies = await self.store.tallies(self.channel, [paper_id(n)])
        return tallies.get(paper_id(n), Tally())

    async def counted(self, up: int, n: int = 1) -> Tally:
        """Return the votes once there are so many, and those that may come too many have come."""
        async with asyncio.timeout(LONG):
            while (await self.votes(n)).up < up:
                await asyncio.sleep(0.02)
        await self.slack.settled(timeout=LONG)
        return await self.votes(n)

    async def deliver(self, layout: Layout = Layout.THREAD) -> deliveries.Outcome:
        """Post the day's digest, or what is left of it."""
        order = subscription(self.channel, layout=layout)
        listed = batch(papers=2)
        await self.store.save_batch(listed, NOW)
        plan = plan_digest(order, TODAY, [listed], {}, now=NOW)
        await self.store.plan(plan.deliveries, plan.receipt)
        return await deliveries.deliver(
            self.slot, store=self.store, adapter=self.adapter, clock=lambda: datetime.now(UTC)
        )

    @property
    def slot(self) -> Slot:
        return Slot(self.channel, TODAY)

    async def states(self) -> list[DeliveryState]:
        return [each.state for each in await self.store.deliveries(self.slot)]


def settings_for(slack: SlackDouble, mode: str = "socket", **changes: Any) -> SlackSettings:
    plain = {
        "bot_token": SecretStr(slack.bot_token),
        "app_token": SecretStr(slack.app_token),
        "signing_secret": SecretStr(SECRET),
        "mode": mode,
        "port": 0,
        "api_url": slack.base_url,
    }
    return SlackSettings.model_validate(plain | changes)


@asynccontextmanager
async def office(
    mode: str = "socket",
    *,
    inbox: type[Dispatcher] = Dispatcher,
    patience: Patience | None = None,
    seconds: Callable[[], float] = lambda: 0.0,
    **slack_options: Any,
) -> AsyncIterator[Office]:
    """Run the bot in a workspace, with no more scopes and events than its manifest asks for."""
    options = {"scopes": frozenset(SCOPES), "subscriptions": frozenset(EVENTS)} | slack_options
    async with SlackDouble(**options) as slack:
        ann, channel = slack.workspace.add_user("ann"), slack.workspace.add_channel("papers")
        store, index, waits = MemoryStore(), LexicalIndex(), list[float]()
        await index.add(batch(papers=3).papers)
        await store.save_papers(batch(papers=3).papers)
        answering = inbox(
            store, index, ExtractiveSummarizer(), {}, clock=lambda: NOW, health=Health(NOW)
        )

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        adapter = SlackAdapter(
            settings_for(slack, mode), clock=seconds, sleep=sleep, patience=patience
        )
        task = asyncio.create_task(adapter.serve(answering))
        try:
            if mode == "http":
                port = await slack.wait_for(lambda: adapter.port or task.done())
                slack.use_http(f"http://127.0.0.1:{port}/slack/events", SECRET)
            else:
                await slack.connected()
            yield Office(slack, adapter, answering, store, ann, channel, task, waits)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the SDK from sending loopback requests to a proxy of the machine."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
