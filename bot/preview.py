"""Make the digest that a channel would get, through the real source, plan and renderer.

Nothing is posted and nothing is kept: the store is one of memory.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from adapters.papers import open_file, open_sources
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot.domain.channels import ChannelRef, Layout, MessageRef, Subscription, UserRef
from bot.domain.deliveries import Delivery
from bot.domain.errors import ConfigError, SourceError
from bot.domain.papers import Batch, batch_day
from bot.domain.reply import Reply
from bot.ports import PaperSource, Thread
from bot.services.deliveries import message_of, thread_of
from bot.services.digest import plan_digest
from bot.services.summaries import described_batch
from config.settings import Settings


@dataclass(frozen=True, slots=True)
class Preview:
    """What to preview."""

    platform: str
    source: str | None
    path: Path | None
    day: date | None
    layout: Layout
    limit: int


@dataclass(frozen=True, slots=True)
class PreviewMessage:
    """One message of the digest: as a reply, and as the platform's request body."""

    reply: Reply
    body: Mapping[str, Any]
    place: str


async def preview_of(settings: Settings, wanted: Preview, *, now: datetime) -> list[PreviewMessage]:
    """Return the messages of a digest, in the order in which they would be sent.

    Raises:
        ConfigError: if the source is not known or lacks its file.
        SourceError: if the source does not answer, or lists nothing for that day.
    """
    async with AsyncExitStack() as stack:
        source = await _source(settings, wanted, stack, now)
        batch = await described_batch(await _batch(source, wanted.day, now), ExtractiveSummarizer())
    store = MemoryStore()
    await store.save_batch(batch, now)
    channel = ChannelRef(wanted.platform, "preview", "channel")
    order = Subscription(
        channel=channel,
        owner=UserRef(wanted.platform, "preview", "you"),
        created_at=now,
        layout=wanted.layout,
        limit=wanted.limit,
    )
    plan = plan_digest(order, batch.key.day, (batch,), {}, now=now)
    head = MessageRef(channel, "head")
    return [await _message(delivery, head, store) for delivery in plan.deliveries]


async def _message(delivery: Delivery, head: MessageRef, store: MemoryStore) -> PreviewMessage:
    reply = await message_of(delivery, store)
    thread = thread_of(delivery, head)
    return PreviewMessage(
        reply,
        _body(delivery.slot.channel, reply, delivery.key, thread),
        "in the thread" if thread else "in the channel",
    )


def _body(channel: ChannelRef, reply: Reply, key: str, thread: Thread | None) -> Mapping[str, Any]:
    render = importlib.import_module(f"adapters.{channel.platform}.render")
    body: Mapping[str, Any] = render.post_body(channel, reply, key=key, thread=thread)
    return body


async def _source(
    settings: Settings, wanted: Preview, stack: AsyncExitStack, now: datetime
) -> PaperSource:
    name = wanted.source or settings.sources.enabled[0]
    if wanted.path and name in ("page", "folder"):
        kind: Literal["page", "folder"] = "page" if name == "page" else "folder"
        return open_file(kind, wanted.path, wanted.day, now.date())
    if name == "page":
        raise ConfigError("--path is missing: the source `page` reads a saved page from a file")
    sources = settings.sources.model_copy(update={"enabled": (name,)})
    opened = await open_sources(settings.model_copy(update={"sources": sources}), stack)
    return opened[name]


async def _batch(source: PaperSource, day: date | None, now: datetime) -> Batch:
    batch = await source.batch(day) if day else await source.newest(batch_day(now))
    if batch is None or not batch.papers:
        when = f"on {day}" if day else "yet"
        raise SourceError(source.name, f"nothing is listed {when}; lists appear from Mon to Fri")
    return batch
