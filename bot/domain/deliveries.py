"""The record of what was posted where: slots, deliveries, receipts. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bot.domain.channels import ChannelRef, Layout, MessageRef
from bot.domain.papers import BatchKey, PaperId

TEMPLATE_VERSION = 1
"""Raise it when a digest is cut into other messages than before."""

HEAD = "head"


class DeliveryState(StrEnum):
    """Where a message is on its way.

    Sent, failed and parked are ends; an ambiguous one is looked for before it is sent again.
    """

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    PARKED = "parked"
    AMBIGUOUS = "ambiguous"


UNFINISHED = (DeliveryState.PLANNED, DeliveryState.SENDING, DeliveryState.AMBIGUOUS)
"""The states in which a message may still be sent."""


class OnAmbiguous(StrEnum):
    """What becomes of a message that may have been posted, where the channel cannot be read."""

    SKIP = "skip"
    """It is not sent again: a reader may miss it."""
    RESEND = "resend"
    """It is sent again: a reader may see it twice."""


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """The right to post one digest: one channel, one local date."""

    channel: ChannelRef
    day: date

    def __str__(self) -> str:
        return f"{self.channel}@{self.day.isoformat()}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of a digest.

    Attributes:
        key: Names the message for ever; never made of titles or times.
        part: ``head``, a paper's id, or ``cards-2`` and so on.
        position: Order within the slot, the head first.
        papers: The papers it shows, in rank order.
        first_rank: Rank of the first of them.
        resurfaced: Papers it mentions because they were listed again.
        attempted_at: When the last attempt to send began.
    """

    key: str
    slot: Slot
    part: str
    position: int
    layout: Layout
    batches: tuple[BatchKey, ...]
    papers: tuple[PaperId, ...]
    first_rank: int = 1
    resurfaced: tuple[PaperId, ...] = ()
    state: DeliveryState = DeliveryState.PLANNED
    ref: MessageRef | None = None
    reason: str = ""
    attempted_at: datetime | None = None

    @property
    def in_thread(self) -> bool:
        """Whether the message belongs under the head rather than beside it."""
        return self.layout is Layout.THREAD and self.part != HEAD

    @property
    def newest(self) -> BatchKey:
        """The batch after whose day the digest is named."""
        return max(self.batches, key=lambda batch: batch.day)

    def paper_at(self, rank: int) -> PaperId | None:
        """Return the paper of that rank (from 1), if this message shows it."""
        index = rank - self.first_rank
        return self.papers[index] if 0 <= index < len(self.papers) else None


def delivery_key(slot: Slot, batches: Iterable[BatchKey], part: str) -> str:
    """Return the name of a message: equal however often its slot is planned.

    The slot's day is part of it, because one batch can fill two digests: what is listed after the
    first is posted comes with the second.
    """
    named = "\n".join([str(slot), *sorted(map(str, batches)), part, str(TEMPLATE_VERSION)])
    return hashlib.sha256(named.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Held:
    """Papers that a digest left out, for one reason."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The account of one scheduled run in one channel.

    Attributes:
        listed: Papers in the batches looked at.
        matched: Those that pass the channel's filters and are new to it.
        posted: Papers in messages that reached the channel.
        note: One sentence for a reader: what happened and why.
    """

    slot: Slot
    ran_at: datetime
    batches: tuple[BatchKey, ...]
    listed: int
    matched: int
    posted: int
    held: tuple[Held, ...]
    note: str
    next_run: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """That a channel has been shown a paper: in which batch, when, and with how many votes."""

    batch: BatchKey
    day: date
    upvotes: int | None = None
