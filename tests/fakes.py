"""A chat platform and a paper source in memory, which can be told to fail."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from bot.domain.channels import ChannelRef, MessageRef, UserRef
from bot.domain.errors import PlatformError, SourceError
from bot.domain.papers import Batch, BatchKey, Paper, PaperId
from bot.domain.reply import Reply
from bot.domain.votes import Reaction
from bot.ports import Completion, Inbox, Period, Thread
from tests.examples import NOW


class Crash(BaseException):
    """The process ends here: nothing that handles errors may see it."""


@dataclass(frozen=True, slots=True)
class Post:
    """A message that stands in a channel."""

    ref: MessageRef
    key: str
    reply: Reply
    at: datetime
    thread: Thread | None = None


class FakeChat:
    """A chat platform whose channels are a list of posts.

    Attributes:
        posts: What stands in all channels, oldest first.
        calls: How many posts were asked for, failed ones among them.
        edits: What messages were made to show, in order.
        unreadable: Raised by ``find``, if set.
        closed: Raised by ``check``, if set.
    """

    def __init__(
        self, platform: str = "slack", *, clock: Callable[[], datetime] = lambda: NOW
    ) -> None:
        self.platform = platform
        self.posts: list[Post] = []
        self.calls = 0
        self.edits: list[tuple[MessageRef, Reply]] = []
        self.unreadable: PlatformError | None = None
        self.closed: PlatformError | None = None
        self._clock = clock
        self._troubles: dict[int, tuple[BaseException, bool]] = {}
        self._marks: defaultdict[MessageRef, set[tuple[UserRef, str]]] = defaultdict(set)

    def fail(self, nth: int, error: BaseException, *, after: bool = False) -> None:
        """Raise at the nth post from now, counted from 1: before it takes effect, or after."""
        self._troubles[self.calls + nth] = (error, after)

    def heal(self) -> None:
        """Forget every trouble that is still to come."""
        self._troubles.clear()

    def react(self, message: MessageRef, user: UserRef, emoji: str) -> Reaction:
        """Let a person react, unheard by the bot."""
        self._marks[message].add((user, emoji))
        return Reaction(message, user, emoji, added=True)

    def keys(self, channel: ChannelRef | None = None) -> list[str]:
        """Return the keys of the messages that stand in a channel, or in all."""
        return [each.key for each in self.posts if channel in (None, each.ref.channel)]

    async def serve(self, inbox: Inbox) -> None:
        await asyncio.Event().wait()

    async def post(
        self, channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None
    ) -> MessageRef:
        self.calls += 1
        error, after = self._troubles.pop(self.calls, (None, False))
        if error and not after:
            raise error
        ref = MessageRef(channel, f"m{len(self.posts) + 1}")
        self.posts.append(Post(ref, key, reply, self._clock(), thread))
        if error:
            raise error
        return ref

    async def edit(self, message: MessageRef, reply: Reply) -> None:
        self.edits.append((message, reply))

    async def find(
        self, channel: ChannelRef, *, key: str, since: datetime, thread: Thread | None = None
    ) -> MessageRef | None:
        if self.unreadable:
            raise self.unreadable
        for each in self.posts:
            if (each.ref.channel, each.key) == (channel, key) and each.at >= since:
                return each.ref
        return None

    async def reactions(self, message: MessageRef) -> Collection[Reaction]:
        return [Reaction(message, user, emoji, added=True) for user, emoji in self._marks[message]]

    async def check(self, channel: ChannelRef) -> None:
        if self.closed:
            raise self.closed

    async def direct(self, user: UserRef) -> ChannelRef:
        return ChannelRef(user.platform, user.workspace, f"D{user.id}")


class FakeSource:
    """A paper source with a list for some days.

    Attributes:
        texts: Whole papers, in Markdown.
        trouble: Raised by every question, if set.
        asked: How many questions there were.
    """

    def __init__(
        self, days: Mapping[date, Sequence[Paper]] | None = None, name: str = "huggingface"
    ) -> None:
        self.name = name
        self.days = dict(days or {})
        self.trouble: SourceError | None = None
        self.texts: dict[PaperId, str] = {}
        self.asked = 0

    def _ask(self) -> None:
        self.asked += 1
        if self.trouble:
            raise self.trouble

    def _papers(self) -> list[Paper]:
        return [paper for day in sorted(self.days, reverse=True) for paper in self.days[day]]

    async def newest(self, until: date) -> Batch | None:
        self._ask()
        listed = [day for day, papers in self.days.items() if papers and day <= until]
        return await self.batch(max(listed)) if listed else None

    async def batch(self, day: date) -> Batch:
        self._ask()
        return Batch(BatchKey(self.name, day), tuple(self.days.get(day, ())))

    async def roundup(self, period: Period, day: date) -> Sequence[Paper]:
        self._ask()
        return self._papers()

    async def paper(self, paper: PaperId) -> Paper | None:
        self._ask()
        return next((each for each in self._papers() if each.id == paper), None)

    async def search(self, query: str, limit: int) -> Sequence[Paper]:
        self._ask()
        return [each for each in self._papers() if query.lower() in each.title.lower()][:limit]

    async def full_text(self, paper: PaperId) -> str | None:
        self._ask()
        return self.texts.get(paper)


class FakeModel:
    """A language model that writes the same claim about everything, once it is let."""

    model = "small"

    def __init__(self, claim: str, quote: str) -> None:
        each = {"text": claim, "quote": quote}
        self._value = {"line": each, "points": [each], "why": {}, "limits": {}}
        self.may_write = asyncio.Event()

    async def complete(
        self, *, instructions: str, text: str, schema: Mapping[str, object], name: str
    ) -> Completion:
        await self.may_write.wait()
        return Completion(self._value, 100, 10, estimated=False, model=self.model)


class Clock:
    """A clock that goes only when it is told to."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now.astimezone(UTC)

    def __call__(self) -> datetime:
        return self.now
