"""A team's Discord over loopback, with the real dispatcher behind the adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pytest
from pydantic import SecretStr

from adapters.discord.app import DiscordAdapter
from adapters.discord.ids import channel_ref
from adapters.discord.render import Style
from adapters.search.lexical import LexicalIndex
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot.commands import Defaults
from bot.dispatch import Dispatcher
from bot.domain.channels import Layout, MessageRef, Subscription, UserRef
from bot.domain.command import Caller, CommandCall, Press
from bot.domain.deliveries import Slot
from bot.domain.dialog import Dialog
from bot.domain.papers import Batch, BatchKey, Paper, PaperId
from bot.domain.reply import Reply
from bot.domain.votes import Reaction
from bot.ports import Store
from bot.services.deliveries import Outcome, deliver
from bot.services.digest import plan_digest
from bot.services.health import Health
from config.settings import DiscordSettings
from tests.doubles import discord_openapi
from tests.doubles.discord import Channel, DiscordDouble, User

NOW = datetime(2026, 5, 7, 12, 0, tzinfo=UTC)
DAY = date(2026, 5, 7)
IDENTIFY = 2
CREATE = "POST /channels/{channel_id}/messages"


def paper(number: int) -> Paper:
    return Paper(
        id=PaperId("arxiv", f"2605.{number:05d}"),
        title=f"World models, part {number}",
        abstract="We train agents in their own dreams. They wake up better.",
        authors=("Ada Lovelace", "Alan Turing"),
        keywords=("world models", "dreams") if number == 1 else (),
        upvotes=100 - number,
    )


PAPERS = tuple(paper(number) for number in range(1, 4))


@dataclass
class Heard:
    """The real inbox; what came in and has been dealt with is kept, and can be waited for."""

    dispatcher: Dispatcher
    calls: list[CommandCall] = field(default_factory=list)
    presses: list[Press] = field(default_factory=list)
    reactions: asyncio.Queue[Reaction] = field(default_factory=asyncio.Queue)
    rereads: asyncio.Queue[MessageRef] = field(default_factory=asyncio.Queue)
    sessions: asyncio.Queue[None] = field(default_factory=asyncio.Queue)

    async def command(self, call: CommandCall) -> Reply:
        self.calls.append(call)
        return await self.dispatcher.command(call)

    async def press(self, press: Press) -> Reply:
        self.presses.append(press)
        return await self.dispatcher.press(press)

    async def reaction(self, reaction: Reaction) -> None:
        await self.dispatcher.reaction(reaction)
        self.reactions.put_nowait(reaction)

    async def dialog(self, call: CommandCall) -> Dialog | Reply:
        return await self.dispatcher.dialog(call)

    async def mentioned(self, caller: Caller, texts: Iterable[str]) -> Sequence[Reply]:
        return await self.dispatcher.mentioned(caller, texts)

    async def missed(self, message: MessageRef | None = None) -> None:
        await self.dispatcher.missed(message)
        if message is None:
            self.sessions.put_nowait(None)
        else:
            self.rereads.put_nowait(message)

    async def suggest(self, call: CommandCall, parameter: str, typed: str) -> Sequence[str]:
        return await self.dispatcher.suggest(call, parameter, typed)

    def turn(self, name: str) -> AbstractAsyncContextManager[None]:
        return self.dispatcher.turn(name)

    async def next_session(self) -> None:
        async with asyncio.timeout(20):  # a second one begins after 5 seconds
            await self.sessions.get()

    async def next_reread(self) -> MessageRef:
        async with asyncio.timeout(5):
            return await self.rereads.get()

    async def next_reaction(self) -> Reaction:
        async with asyncio.timeout(5):
            return await self.reactions.get()


@dataclass
class Team:
    """A guild with a channel, a member and an admin, and the bot's state."""

    double: DiscordDouble
    channel: Channel
    ada: User
    admin: User
    inbox: Heard
    store: Store

    @property
    def slot(self) -> Slot:
        return Slot(channel_ref(self.double.guild.id, self.channel.id), DAY)

    @property
    def connections(self) -> int:
        """How often a bot has begun a session."""
        return sum(frame.op == IDENTIFY for frame in self.double.received)

    @asynccontextmanager
    async def serving(
        self,
        *,
        guild: int | None = None,
        style: Style = "components",
        pauses: Sequence[float] = (0, 0),
    ) -> AsyncIterator[DiscordAdapter]:
        """An adapter that is connected."""
        settings = DiscordSettings(token=SecretStr(self.double.token), guild=guild, style=style)
        adapter = DiscordAdapter(settings, pauses=pauses)
        earlier = self.connections
        with self.double.redirect():
            task = asyncio.create_task(adapter.serve(self.inbox))
            try:
                await self.double.until(lambda: self.connections > earlier, what="the bot")
                yield adapter
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def plan(self, layout: Layout = Layout.THREAD, papers: int = len(PAPERS)) -> None:
        """Plan today's digest of the channel."""
        listed = tuple(paper(number) for number in range(1, papers + 1))
        batch = Batch(BatchKey("sample", DAY), listed)
        await self.store.save_papers(listed)
        order = Subscription(
            channel=self.slot.channel,
            owner=UserRef("discord", self.slot.channel.workspace, str(self.admin.id)),
            created_at=NOW,
            sources=("sample",),
            layout=layout,
        )
        plan = plan_digest(order, DAY, (batch,), {}, now=NOW)
        await self.store.save_subscription(order)
        assert await self.store.plan(plan.deliveries, plan.receipt)

    async def deliver(self, adapter: DiscordAdapter) -> Outcome:
        """Send what is left of the digest."""
        return await deliver(self.slot, store=self.store, adapter=adapter, clock=lambda: NOW)


async def filled_dispatcher() -> Dispatcher:
    """The real dispatcher over a library of one batch, in memory."""
    store, index = MemoryStore(), LexicalIndex()
    await store.save_batch(Batch(BatchKey("sample", DAY), PAPERS), NOW)
    await index.add(PAPERS)
    return Dispatcher(
        store=store,
        index=index,
        summarizer=ExtractiveSummarizer(),
        sources={"sample": None},  # type: ignore[dict-item]  # nothing here asks a source
        clock=lambda: NOW,
        health=Health(NOW),
        defaults=Defaults(sources=("sample",)),
    )


@pytest.fixture
async def team() -> AsyncIterator[Team]:
    """Every request of a test is checked against Discord's own description, where it is at hand."""
    dispatcher = await filled_dispatcher()
    async with DiscordDouble(clock=NOW.timestamp) as double:
        channel = double.guild.add_text("papers")
        ada = double.guild.add_user("ada")
        admin = double.guild.add_user("grace", permissions={"MANAGE_GUILD"})
        yield Team(double, channel, ada, admin, Heard(dispatcher), dispatcher.store)
    if discord_openapi.available():
        for request in double.requests:
            if request.body is not None and request.status == 200:
                found = discord_openapi.problems(request.method, request.template, request.body)
                assert found == [], request.route
