"""Draw a digest for every platform, against encoding its papers as JSON: the least a post costs."""

from __future__ import annotations

import importlib
import json
from dataclasses import asdict
from datetime import UTC, date, datetime

from rich.console import Console
from rich.table import Table

from benchmarks._papers import papers
from benchmarks._timing import compare
from bot.cards import digest_message
from bot.domain.channels import ChannelRef, Subscription, UserRef
from bot.domain.papers import Batch, BatchKey
from bot.services.digest import plan_digest

PLATFORMS = ("slack", "discord", "console")
NOW = datetime(2026, 5, 7, 12, tzinfo=UTC)


def run(screen: Console) -> None:
    batch = Batch(BatchKey("huggingface", date(2026, 5, 7)), tuple(papers(50)))
    by_id = {paper.id: paper for paper in batch.papers}
    plain = [asdict(paper) for paper in batch.papers[:10]]
    table = Table("platform", "digest of 10, ms", "JSON, ms", "ratio")
    for platform in PLATFORMS:
        render = importlib.import_module(f"adapters.{platform}.render")
        channel = ChannelRef(platform, "1", "2")
        order = Subscription(channel, UserRef(platform, "1", "3"), NOW)

        def digest(order: Subscription = order, render: object = render) -> None:
            plan = plan_digest(order, batch.key.day, (batch,), {}, now=NOW)
            for delivery in plan.deliveries:
                reply = digest_message(delivery, by_id, {})
                render.post_body(order.channel, reply, key=delivery.key)  # type: ignore[attr-defined]

        taken = compare(digest, lambda: json.dumps(plain, default=str), rounds=5)
        table.add_row(platform, f"{taken.ours:.2f}", f"{taken.peer:.2f}", f"{taken.ratio:.0f}")
    screen.print(table)
