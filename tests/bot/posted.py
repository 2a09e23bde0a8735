"""A digest that stands in its channel."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.deliveries import Delivery, DeliveryState
from bot.ports import Store
from tests.examples import NOW, message, receipt


async def post(planned: Sequence[Delivery], store: Store) -> list[Delivery]:
    """Let a digest's messages stand in its channel as its first, second … message."""
    slot = planned[0].slot
    shown = {paper for each in planned for paper in each.papers}
    await store.plan(planned, receipt(slot.day, slot.channel, posted=len(shown)))
    for number, each in enumerate(planned, start=1):
        at = message(number, slot.channel)
        await store.advance(each.key, DeliveryState.SENDING, at=NOW)
        await store.advance(each.key, DeliveryState.SENT, ref=at)
    return list(await store.deliveries(slot))
