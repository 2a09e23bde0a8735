"""Small builders of domain values, the same ones in every test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from bot.domain.channels import ChannelRef, Layout, MessageRef, Subscription, UserRef
from bot.domain.deliveries import HEAD, Delivery, Receipt, Slot, delivery_key
from bot.domain.papers import Batch, BatchKey, Paper, PaperId
from bot.domain.votes import Ballot, VoteKind

NOW = datetime(2026, 5, 7, 9, tzinfo=UTC)
TODAY = NOW.date()
CHANNEL = ChannelRef("slack", "T1", "C1")
OTHER_CHANNEL = ChannelRef("discord", "900", "901")
ANN = UserRef("slack", "T1", "U1")
BOB = UserRef("slack", "T1", "U2")


def paper_id(n: int) -> PaperId:
    """Return the id of the nth paper, counted from 1."""
    return PaperId("arxiv", f"2605.{n:05d}")


def paper(n: int, **fields: Any) -> Paper:
    """Return the nth paper, counted from 1; later ones have fewer votes."""
    plain = Paper(
        id=paper_id(n),
        title=f"Paper {n}",
        abstract=f"The first sentence of paper {n}. And a second one.",
        authors=("Ann Author", "Bob Writer"),
        published=date(2026, 5, 5),
        upvotes=max(0, 100 - n),
    )
    return replace(plain, **fields)


def batch_key(day: date | str = TODAY, source: str = "huggingface") -> BatchKey:
    """Return a batch's key."""
    return BatchKey.parse(f"{source}/{day}")


def batch(
    day: date | str = TODAY,
    papers: int | Sequence[Paper] = 3,
    *,
    source: str = "huggingface",
    grown_at: datetime | None = None,
) -> Batch:
    """Return a batch of so many papers, or of these."""
    if isinstance(papers, int):
        papers = [paper(n) for n in range(1, papers + 1)]
    arrived = {each.id: grown_at for each in papers} if grown_at else {}
    return Batch(batch_key(day, source), tuple(papers), arrived)


def subscription(channel: ChannelRef = CHANNEL, **fields: Any) -> Subscription:
    """Return a channel's standing order."""
    return replace(Subscription(channel=channel, owner=ANN, created_at=NOW), **fields)


def slot(day: date | str = TODAY, channel: ChannelRef = CHANNEL) -> Slot:
    """Return a channel's slot of a day."""
    return Slot(channel, date.fromisoformat(str(day)))


def delivery(
    part: str = HEAD,
    position: int = 0,
    *,
    day: date | str = TODAY,
    channel: ChannelRef = CHANNEL,
    papers: Sequence[int] = (1, 2, 3),
    **fields: Any,
) -> Delivery:
    """Return a planned message of the digest of a day, made of that day's batch."""
    batches = (batch_key(day),)
    plain = Delivery(
        key=delivery_key(slot(day, channel), batches, part),
        slot=slot(day, channel),
        part=part,
        position=position,
        layout=Layout.THREAD,
        batches=batches,
        papers=tuple(paper_id(n) for n in papers),
    )
    return replace(plain, **fields)


def receipt(day: date | str = TODAY, channel: ChannelRef = CHANNEL, **fields: Any) -> Receipt:
    """Return the account of a day's run."""
    plain = Receipt(
        slot=slot(day, channel),
        ran_at=NOW,
        batches=(batch_key(day),),
        listed=3,
        matched=3,
        posted=0,
        held=(),
        note="3 papers of the batch.",
    )
    return replace(plain, **fields)


def message(n: int = 1, channel: ChannelRef = CHANNEL) -> MessageRef:
    """Return where the nth message of a channel stands."""
    return MessageRef(channel, f"1778144400.{n:06d}")


def ballot(
    n: int = 1,
    user: UserRef = ANN,
    kind: VoteKind = VoteKind.UP,
    origin: str = "button",
    channel: ChannelRef = CHANNEL,
) -> Ballot:
    """Return one mark on the nth paper."""
    return Ballot(channel, paper_id(n), user, kind, origin)
