"""How things stand in a channel: what was posted, what was not and why, what comes next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from bot.domain.channels import ChannelRef, Subscription
from bot.domain.deliveries import UNFINISHED, Delivery, DeliveryState, Receipt
from bot.ports import Store
from bot.services.schedule import next_run

RUNS = 3
"""Runs that are shown; what failed in one before them is no news."""


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """How things stand in a channel.

    Attributes:
        next_run: When the next digest is due, or ``None`` while nothing is posted.
        receipts: Of the last runs, newest first.
        waiting: Messages that are still to be sent, in order.
        unsent: Messages of those runs that will not be sent.
    """

    channel: ChannelRef
    subscription: Subscription | None
    next_run: datetime | None
    receipts: tuple[Receipt, ...]
    waiting: tuple[Delivery, ...]
    unsent: tuple[Delivery, ...]

    @property
    def is_well(self) -> bool:
        """Whether nobody has to look after anything."""
        parked = self.subscription is not None and self.subscription.parked is not None
        return not (parked or self.waiting or self.unsent)


async def channel_status(channel: ChannelRef, store: Store, now: datetime) -> ChannelStatus:
    """Read how things stand in a channel.

    Raises:
        StoreError: if the store cannot be asked.
    """
    subscription = await store.subscription(channel)
    receipts = tuple(await store.receipts(channel, RUNS))
    pending = await store.unfinished(channel)
    slots = dict.fromkeys((*pending, *(receipt.slot for receipt in receipts)))
    messages = [each for slot in slots for each in await store.deliveries(slot)]
    lost = (DeliveryState.FAILED, DeliveryState.PARKED)
    active = subscription is not None and subscription.parked is None
    return ChannelStatus(
        channel,
        subscription,
        next_run(subscription.schedule, now) if subscription and active else None,
        receipts,
        tuple(each for each in messages if each.state in UNFINISHED),
        tuple(each for each in messages if each.state in lost),
    )


def reasons(messages: tuple[Delivery, ...]) -> list[tuple[str, int]]:
    """Return why messages are where they are, and how many for each reason, most first."""
    return Counter(each.reason or f"{each.state}" for each in messages).most_common()
