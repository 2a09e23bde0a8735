"""A dispatcher over a store in memory, with a library to ask about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from adapters.search.lexical import LexicalIndex
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot.commands import all_commands
from bot.dispatch import Dispatcher
from bot.domain.channels import ChannelRef, Layout
from bot.domain.command import Caller, CommandCall, Press
from bot.domain.reply import Reply, Text, plain, text
from bot.services import library
from bot.services.health import Health
from tests.bot.posted import post
from tests.examples import (
    ANN,
    CHANNEL,
    TODAY,
    batch,
    delivery,
    message,
    paper,
)
from tests.fakes import Clock, FakeChat, FakeSource


@dataclass
class TestInbox:
    """What a test says to the bot, and what it hears."""

    __test__ = False

    clock: Clock = field(default_factory=Clock)
    source: FakeSource = field(default_factory=FakeSource)
    store: MemoryStore = field(default_factory=MemoryStore)
    index: LexicalIndex = field(default_factory=LexicalIndex)
    chat: FakeChat = field(default_factory=FakeChat)
    rescheduled: list[ChannelRef] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.inbox = Dispatcher(
            store=self.store,
            index=self.index,
            summarizer=ExtractiveSummarizer(),
            sources={self.source.name: self.source},
            clock=self.clock,
            health=Health(self.clock()),
            adapters={self.chat.platform: self.chat},
            commands=dict(all_commands()),
            reschedule=self._reschedule,
        )

    async def _reschedule(self, channel: ChannelRef) -> None:
        self.rescheduled.append(channel)

    async def fill(self) -> None:
        """Let two days be listed and today's digest of three papers stand in the channel."""
        self.source.days = {
            TODAY: [paper(n) for n in (1, 2, 3)],
            TODAY - timedelta(days=1): [paper(4, title="Walking Robots")],
        }
        for day, papers in self.source.days.items():
            await self.store.save_batch(batch(day, papers), self.clock())
            await library.keep(papers, self.store, self.index, ExtractiveSummarizer())
        await post([delivery(layout=Layout.LIST)], self.store)

    async def say(self, line: str, *, admin: bool = True, **values: object) -> Reply:
        """Run a command as it is typed, or with values as a platform takes them apart."""
        name, _, rest = line.partition(" ")
        return await self.inbox.command(CommandCall(caller(admin=admin), name, rest, values))

    async def press(self, action: str) -> Reply:
        return await self.inbox.press(Press(caller(), action, message(1)))


def caller(*, admin: bool = True) -> Caller:
    return Caller(ANN, CHANNEL, is_admin=admin)


def words(reply: Reply) -> str:
    """Return all that a reply shows, a line for each text."""
    return "\n".join(plain(each) for each in texts(reply))


def texts(reply: Reply) -> list[Text]:
    """Return the texts of a reply, headings among them."""
    names = ("text", "title", "byline", "line", "body", "meta")
    parts = [getattr(node, name, ()) for node in reply.nodes for name in names]
    return [text(part) if isinstance(part, str) else part for part in parts if part]
