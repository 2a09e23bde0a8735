"""Replay captured batches through the real plan, ledger and renderers of every platform.

One channel per platform and layout subscribes; every batch is planned, drawn as the platform's
request bodies in every style that it has, checked against its limits, and recorded as sent.
"""

from __future__ import annotations

import importlib
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from types import ModuleType
from typing import Any

from adapters.storage.memory import MemoryStore
from bot.domain.channels import (
    ChannelRef,
    Layout,
    MessageRef,
    Schedule,
    Subscription,
    UserRef,
    Weekday,
)
from bot.domain.papers import Batch, PaperId
from bot.domain.reply import Reply
from bot.domain.votes import Reaction
from bot.ports import Inbox, Thread
from bot.scheduler import DigestRuns

PLATFORMS = ("slack", "discord", "console")
STYLES = {"slack": ("rich",), "discord": ("embeds",)}
"""In what other styles a platform can draw, beside the one it is set to at first."""
LIMITS = {Layout.THREAD: 25, Layout.LIST: 25, Layout.CARDS: 10, Layout.PAPERS: 10}
OnPost = Callable[[str, dict[str, Any]], None]
START = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Figures:
    """What a replay did, and what went wrong; messages by platform, and by platform and style."""

    batches: int = 0
    entries: int = 0
    papers: set[PaperId] = field(default_factory=set)
    messages: Counter[str] = field(default_factory=Counter)
    largest: Counter[str] = field(default_factory=Counter)
    resurfaced: int = 0
    over_limit: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


@dataclass(slots=True)
class RenderedChat:
    """A chat platform that draws and checks what it is given, and sends it nowhere."""

    platform: str
    figures: Figures
    on_post: OnPost
    _count: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def render(self) -> ModuleType:
        return importlib.import_module(f"adapters.{self.platform}.render")

    async def serve(self, inbox: Inbox) -> None:
        raise AssertionError("a replay has no inbox")

    async def post(
        self, channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None
    ) -> MessageRef:
        body = self.render.post_body(channel, reply, key=key, thread=thread)
        self._account(self.platform, f"{channel} {reply.summary[:60]!r}", body)
        for style in STYLES.get(self.platform, ()):
            styled = self.render.post_body(channel, reply, key=key, thread=thread, style=style)
            if styled != body:
                name = f"{self.platform}, {style}"
                self._account(name, f"{channel}, {style}, {reply.summary[:60]!r}", styled)
        return MessageRef(channel, str(next(self._count)))

    def _account(self, name: str, message: str, body: dict[str, Any]) -> None:
        limits = importlib.import_module(f"adapters.{self.platform}.limits")
        self.on_post(name, body)
        self.figures.messages[name] += 1
        self.figures.largest[name] = max(self.figures.largest[name], len(str(body)))
        self.figures.over_limit += [f"{message}: {problem}" for problem in limits.problems(body)]

    async def edit(self, message: MessageRef, reply: Reply) -> None:
        raise AssertionError("a replay edits nothing")

    async def find(
        self, channel: ChannelRef, *, key: str, since: datetime, thread: Thread | None = None
    ) -> MessageRef | None:
        return None

    async def reactions(self, message: MessageRef) -> Collection[Reaction]:
        return ()


def subscriptions() -> list[Subscription]:
    """Return one subscription per platform and layout."""
    return [
        Subscription(
            channel=ChannelRef(platform, "1", f"{number}"),
            owner=UserRef(platform, "1", "9"),
            created_at=START,
            schedule=Schedule(time(20), "UTC", tuple(Weekday)),
            sources=("folder",),
            layout=layout,
            limit=limit,
        )
        for platform in PLATFORMS
        for number, (layout, limit) in enumerate(LIMITS.items(), start=1)
    ]


async def replay(
    batches: Iterable[Batch],
    *,
    on_batch: Callable[[date], None] = lambda day: None,
    on_post: OnPost = lambda name, body: None,
    orders: Sequence[Subscription] | None = None,
) -> Figures:
    """Replay batches, oldest first, to every platform and layout."""
    figures = Figures()
    adapters: Mapping[str, RenderedChat] = {
        name: RenderedChat(name, figures, on_post) for name in PLATFORMS
    }
    store = MemoryStore()
    now = START
    runs = DigestRuns(store, adapters, lambda: now)
    shown: Counter[tuple[ChannelRef, PaperId]] = Counter()
    chosen = subscriptions() if orders is None else orders
    for order in chosen:
        await store.save_subscription(order)
    for batch in batches:
        now = datetime.combine(batch.key.day, time(20), UTC)
        figures.batches += 1
        figures.entries += len(batch.papers)
        figures.papers.update(paper.id for paper in batch.papers)
        await store.save_batch(batch, now)
        for order in chosen:
            await runs.run_due(order.channel)
            slot = await store.latest_slot(order.channel)
            if slot and slot.day == batch.key.day:
                for delivery in await store.deliveries(slot):
                    figures.resurfaced += len(delivery.resurfaced)
                    if delivery.part == "head" and order.layout is Layout.THREAD:
                        continue  # its papers follow, one by one
                    shown.update((order.channel, paper) for paper in delivery.papers)
        on_batch(batch.key.day)
    figures.doubled += [
        f"{channel}: {paper} {times} times"
        for (channel, paper), times in shown.items()
        if times > 1
    ]
    return figures
