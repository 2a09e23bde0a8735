"""Carry a planned digest to its channel, message by message; the plan was made elsewhere.

Every step is durable before the next: ``sending`` is written before the platform is called, so that
after a crash a message is known to be either not tried, or perhaps there. What is perhaps there is
looked for in the channel before anything is sent again. Whoever delivers has the slot's lease.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot import cards
from bot.domain.channels import ChannelRef, Layout, MessageRef, Subscription
from bot.domain.deliveries import (
    HEAD,
    UNFINISHED,
    Delivery,
    DeliveryState,
    OnAmbiguous,
    Seen,
    Slot,
)
from bot.domain.errors import (
    Ambiguous,
    Gone,
    PlatformError,
    Refused,
    StoreError,
    StorePoisoned,
    TryLater,
)
from bot.domain.papers import PaperId
from bot.domain.reply import Reply
from bot.ports import ChatAdapter, Store, Thread

log = structlog.get_logger()

CLOCKS_DIFFER = timedelta(seconds=60)
"""How far a platform's clock may be behind ours when a channel is read back."""

RECORD_PAUSES = (1.0, 5.0, 15.0, 30.0, *[60.0] * 14)
"""Seconds between attempts to record what was posted: a quarter of an hour, for it is known now."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a digest came.

    Attributes:
        done: Whether nothing is left to send.
        retry_after: Seconds to wait before going on, where the platform said so.
        gone: Why the channel takes nothing any more, or ``None``.
    """

    done: bool
    retry_after: float | None = None
    gone: PlatformError | None = None


@dataclass(frozen=True, slots=True)
class _Carrier:
    """What carries the messages of one slot."""

    store: Store
    adapter: ChatAdapter
    clock: Callable[[], datetime]
    on_ambiguous: OnAmbiguous
    sleep: Sleep

    async def carry(self, delivery: Delivery, thread: Thread | None) -> Delivery:
        """Bring one message to its channel, unless it is there; return it as it is then."""
        tried = delivery.state in (DeliveryState.SENDING, DeliveryState.AMBIGUOUS)
        ref = await self._found(delivery, thread) if tried else None
        seen = await seen_by(delivery, self.store)
        if ref is None:
            channel, reply = delivery.slot.channel, await message_of(delivery, self.store)
            await self.store.advance(delivery.key, DeliveryState.SENDING, at=self.clock())
            ref = await self.adapter.post(channel, reply, key=delivery.key, thread=thread)
        await self._record(delivery, ref, seen)
        return replace(delivery, state=DeliveryState.SENT, ref=ref)

    async def _found(self, delivery: Delivery, thread: Thread | None) -> MessageRef | None:
        """Look in the channel for a message that may be there.

        Raises:
            Refused: if the channel cannot be read, and the message is not to be sent again.
            Ambiguous: if it could not be read this time.
        """
        if delivery.attempted_at is None:
            return None
        try:
            return await self.adapter.find(
                delivery.slot.channel,
                key=delivery.key,
                since=delivery.attempted_at - CLOCKS_DIFFER,
                thread=thread,
            )
        except TryLater as error:  # that it can be there is still true
            raise Ambiguous(error.platform, error.problem, cure=error.cure) from error
        except Refused as error:
            if self.on_ambiguous is OnAmbiguous.SKIP:
                problem = f"perhaps posted, not sent again: {error.problem}"
                raise Refused(error.platform, problem, cure=error.cure) from error
            log.warning("message sent again unseen", **_fields(delivery), reason=str(error))
            return None

    async def _record(
        self, delivery: Delivery, ref: MessageRef, seen: Mapping[PaperId, Seen]
    ) -> None:
        """Write down that a message stands, however long the store takes to be there again."""
        for pause in (*RECORD_PAUSES, None):
            try:
                await self.store.advance(delivery.key, DeliveryState.SENT, ref=ref, seen=seen)
            except StorePoisoned:
                raise
            except StoreError as error:
                if pause is None:
                    raise
                log.error("posted but not recorded yet", **_fields(delivery), reason=str(error))
                await self.sleep(pause)
            else:
                return


async def deliver(
    slot: Slot,
    *,
    store: Store,
    adapter: ChatAdapter,
    clock: Callable[[], datetime],
    on_ambiguous: OnAmbiguous = OnAmbiguous.SKIP,
    sleep: Sleep = asyncio.sleep,
) -> Outcome:
    """Send what is left of a slot's digest, in order, and record what the channel has seen.

    Raises:
        LeaseLost: if the slot is not leased to this process any more.
        StoreError: if a step could not be recorded; the next run goes on from there.
    """
    carrier = _Carrier(store, adapter, clock, on_ambiguous, sleep)
    deliveries = list(await store.deliveries(slot))
    outcome = Outcome(done=True)
    for index, delivery in enumerate(deliveries):
        if delivery.state not in UNFINISHED:
            continue
        head = deliveries[0]
        if delivery.in_thread and head.state is not DeliveryState.SENT:
            await store.advance(delivery.key, DeliveryState.FAILED, reason="the head was not sent")
            continue
        try:
            deliveries[index] = await carrier.carry(delivery, thread_of(delivery, head.ref))
        except Refused as error:
            log.error("message refused", **_fields(delivery), reason=str(error))
            await store.advance(delivery.key, DeliveryState.FAILED, reason=str(error))
            deliveries[index] = replace(delivery, state=DeliveryState.FAILED)
        except Gone as error:
            for left in deliveries[index:]:
                await store.advance(left.key, DeliveryState.PARKED, reason=str(error))
            outcome = Outcome(done=True, gone=error)
            break
        except TryLater as error:
            log.warning("message postponed", **_fields(delivery), reason=str(error))
            await store.advance(delivery.key, DeliveryState.PLANNED, reason=str(error))
            return Outcome(done=False, retry_after=error.retry_after)
        except Ambiguous as error:
            log.warning("answer lost", **_fields(delivery), reason=str(error))
            await store.advance(delivery.key, DeliveryState.AMBIGUOUS, reason=str(error))
            return Outcome(done=False)
    await _account(slot, store)
    return outcome


def thread_of(delivery: Delivery, head: MessageRef | None) -> Thread | None:
    """Return the thread under a delivery's head, if it has another message for a head."""
    if head is None or delivery.part == HEAD or delivery.layout is Layout.PAPERS:
        return None
    return Thread(head, cards.digest_title(delivery.newest.day), beside=not delivery.in_thread)


async def message_of(delivery: Delivery, store: Store) -> Reply:
    """Return the message of a delivery as it reads now."""
    wanted = (*delivery.papers, *delivery.resurfaced)
    papers = await store.papers(wanted)
    tallies = await store.tallies(delivery.slot.channel, wanted)
    return cards.digest_message(delivery, papers, tallies)


async def _account(slot: Slot, store: Store) -> None:
    """Put on the receipt what reached the channel, if it is not there yet."""
    deliveries = await store.deliveries(slot)
    sent = [each for each in deliveries if each.state is DeliveryState.SENT]
    shown = {paper for each in sent for paper in each.papers}
    receipt = await store.receipt(slot)
    if receipt and receipt.posted != len(shown):
        await store.save_receipt(replace(receipt, posted=len(shown)))
        log.info(
            "digest posted",
            channel=str(slot.channel),
            day=str(slot.day),
            papers=len(shown),
            messages=len(sent),
            failed=sum(each.state is DeliveryState.FAILED for each in deliveries),
        )


async def seen_by(delivery: Delivery, store: Store) -> Mapping[PaperId, Seen]:
    """Return what a channel has seen once a delivery is sent."""
    shown = (*delivery.papers, *delivery.resurfaced)
    papers = await store.papers(shown)
    return {
        paper: Seen(
            delivery.newest,
            delivery.slot.day,
            papers[paper].upvotes if paper in papers else None,
        )
        for paper in shown
    }


async def refresh(slot: Slot, *, store: Store, adapter: ChatAdapter) -> None:
    """Make the messages of a digest that show several papers show today's counts."""
    for delivery in await store.deliveries(slot):
        one_paper = delivery.in_thread or delivery.layout is Layout.PAPERS
        if not one_paper and delivery.ref and delivery.state is DeliveryState.SENT:
            await adapter.edit(delivery.ref, await message_of(delivery, store))


async def park(
    channel: ChannelRef, error: PlatformError, *, store: Store, adapter: ChatAdapter
) -> None:
    """Stop posting to a channel that takes nothing any more, and tell its owner, once."""
    subscription = await store.subscription(channel)
    if subscription is None or subscription.parked is not None:
        return
    await store.save_subscription(replace(subscription, parked=str(error)))
    log.error("channel parked", channel=str(channel), reason=str(error), cure=error.cure)
    notice = cards.parked_reply(subscription, error)
    await _tell_owner(subscription, notice, f"parked {error}", adapter)


async def revive(channel: ChannelRef, *, store: Store, adapter: ChatAdapter) -> None:
    """Unpark a channel that takes messages again, and tell its owner."""
    subscription = await store.subscription(channel)
    if subscription is None or subscription.parked is None:
        return
    await store.save_subscription(replace(subscription, parked=None))
    log.info("channel unparked", channel=str(channel))
    notice = cards.revived_reply(subscription)
    await _tell_owner(subscription, notice, f"revived {subscription.parked}", adapter)


async def _tell_owner(
    subscription: Subscription, notice: Reply, occasion: str, adapter: ChatAdapter
) -> None:
    """Write to the owner in private, or log why not; an occasion is told once."""
    named = f"{occasion} {subscription.channel} {subscription.owed_from}"
    try:
        private = await adapter.direct(subscription.owner)
        key = hashlib.sha256(named.encode()).hexdigest()
        await adapter.post(private, notice, key=key)
    except PlatformError as problem:
        channel, owner = str(subscription.channel), str(subscription.owner)
        log.warning("owner not told", channel=channel, owner=owner, reason=str(problem))


def _fields(delivery: Delivery) -> dict[str, str]:
    return {"channel": str(delivery.slot.channel), "part": delivery.part}
