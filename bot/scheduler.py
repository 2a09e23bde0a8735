"""Turn the clock into calls: polls, digests, head edits. The one file that knows APScheduler.

It decides nothing about a digest: ``due`` says which slot is owed, ``DigestRuns`` asks the services
to plan and send it. A job that starts late runs late, once (no misfire limit, coalesced); a job
that never started because the bot was down is caught up with at the next start, newest only.

Where several processes share a store, each has all the jobs. Who takes a slot first plans it, who
has its lease sends it, and the others look again when the lease would have run out.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from bot.domain.channels import ChannelRef, Layout, Schedule, Subscription
from bot.domain.deliveries import UNFINISHED, DeliveryState, OnAmbiguous, Receipt, Slot
from bot.domain.errors import (
    DailyPapersError,
    LeaseLost,
    PlatformError,
    SourceError,
    StoreError,
    TryLater,
)
from bot.domain.papers import Batch, BatchKey, is_settled
from bot.ports import ChatAdapter, PaperSource, SearchIndex, Store, Summarizer
from bot.services import deliveries, library, votes
from bot.services.digest import candidates, not_ordered, plan_digest, plan_late, takes_late
from bot.services.health import Health, Reading
from bot.services.leases import leased
from bot.services.schedule import OWED, daily_time, latest_daily, next_daily, next_run

log = structlog.get_logger()

SPREAD_SECONDS = 60
"""Digests of one hour start within this time, each channel always at the same second."""

RETRY_SECONDS = 60.0
PUT_OFF = ", put off"
BUG_SECONDS = 900.0
DRAIN_SECONDS = 10.0
RECEIPTS_BACK = 30
"""How many days without a digest may lie between two that know of each other."""

SHARE_EVERY = timedelta(minutes=1)
"""How soon one process takes note of what another one was told, or left unfinished."""

REPAIR_EVERY = timedelta(hours=3)
REVIVE_EVERY = timedelta(hours=1)
EDIT_PAUSE = timedelta(minutes=5)
"""Least wait after a platform refused an edit for now; Discord limits those of older messages."""

CONNECT_TIME = timedelta(seconds=20)
"""Platforms are connected by then; reactions made while the bot was down are read after it."""

REPAIR_WINDOW = timedelta(days=3)

Clock = Callable[[], datetime]
Work = Callable[[], Awaitable[None]]


class LocalDaily(BaseTrigger):  # type: ignore[misc]  # apscheduler ships no types
    """Fires once per local day at a wall-clock time, changes of the clock included.

    See ``bot.services.schedule`` for the rule, and for the triggers that do not keep it.
    """

    def __init__(self, at: time, zone: ZoneInfo) -> None:
        self.at = at
        self.zone = zone

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return the first moment after the previous one, or from now on where there was none."""
        after = previous_fire_time or now - timedelta(microseconds=1)
        return next_daily(self.at, self.zone, after.astimezone(UTC))

    def __repr__(self) -> str:
        return f"LocalDaily({self.at:%H:%M}, {self.zone.key})"


def due(subscription: Subscription, now: datetime) -> date | None:
    """Return the local day whose digest is owed at ``now``, whether or not it was posted."""
    schedule = subscription.schedule
    day, instant = latest_daily(daily_time(schedule), schedule.zone, now)
    if instant < (subscription.owed_from or subscription.created_at) or now - instant > OWED:
        return None
    return day


def moot(slot: Slot, subscription: Subscription | None, now: datetime) -> str | None:
    """Return why what is unsent of a slot's digest shall not be sent any more, if so."""
    if subscription is None:
        return "the channel has unsubscribed"
    today = now.astimezone(subscription.schedule.zone).date()
    return "more than a day old" if today - slot.day > OWED else None


def spread(channel: ChannelRef) -> timedelta:
    """Return how long after the full minute a channel's digest starts; always the same."""
    digest = hashlib.sha256(str(channel).encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:4]) % SPREAD_SECONDS)


@dataclass(slots=True)
class DigestRuns:
    """Run one channel's digest from plan to receipt; never two runs of a channel at a time.

    Attributes:
        on_ambiguous: What becomes of a message that may stand in a channel that cannot be read.
        unread: Sources that did not answer when they were last polled.
    """

    store: Store
    adapters: Mapping[str, ChatAdapter]
    clock: Clock
    on_ambiguous: OnAmbiguous = OnAmbiguous.SKIP
    unread: set[str] = field(default_factory=set)
    _locks: defaultdict[ChannelRef, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )

    async def run_due(self, channel: ChannelRef) -> float | None:
        """Run what the channel's clock owes it now; return seconds to wait if it must go on."""
        subscription = await self.store.subscription(channel)
        if subscription is None or subscription.parked:
            return None
        day = due(subscription, self.clock())
        return await self.run(subscription, day) if day else None

    async def run_settled(self, subscription: Subscription) -> float | None:
        """Run the digest of a channel that waits for its batches to settle, if they have."""
        now = self.clock()
        today = now.astimezone(subscription.schedule.zone).date()
        if not subscription.schedule.allows(today):
            return None
        batches = [each for each in await self.batches(subscription, now) if each.papers]
        if not batches or not all(is_settled(batch, now) for batch in batches):
            return None
        posted = await self._posted(subscription.channel)
        if all(batch.key in posted for batch in batches):
            return None  # late papers alone wait for the next list, or for the deadline
        return await self.run(subscription, today, tuple(batches))

    async def run(
        self, subscription: Subscription, day: date, batches: tuple[Batch, ...] | None = None
    ) -> float | None:
        """Plan the digest of a slot if it is free, send what is unsent, keep the receipt.

        Args:
            subscription: The channel's standing order.
            day: The slot's local date.
            batches: What to make the digest of, instead of what is newest. If it comes out
                empty, the slot stays free: the day's own digest may still come.

        Returns:
            Seconds after which to go on, or ``None`` when nothing is left to do.
        """
        slot = Slot(subscription.channel, day)
        async with self._locks[slot.channel]:
            off = slot.channel.platform not in self.adapters
            if off and await self.store.unfinished(slot.channel):
                return None  # one digest waits for its platform, not one of each day
            await self._plan(subscription, slot, batches)
            return await self._deliver(slot)

    def is_at_work(self, channel: ChannelRef) -> bool:
        """Tell whether a run of the channel is under way in this process."""
        return channel in self._locks and self._locks[channel].locked()

    async def run_late(self, channel: ChannelRef) -> float | None:
        """Add to the thread of a channel's digest what was listed after it was posted."""
        async with self._locks[channel]:
            subscription = await self.store.subscription(channel)
            slot = await self.store.latest_slot(channel)
            if subscription is None or subscription.parked or slot is None:
                return None
            digest = await self.store.deliveries(slot)
            receipt = await self.store.receipt(slot)
            if receipt is None or not takes_late(digest, self.clock()):
                return None
            batches = await self._kept(digest[0].batches)
            ids = [paper.id for batch in batches for paper in batch.papers]
            seen = await self.store.seen(channel, ids)
            plan = plan_late(subscription, digest, receipt, batches, seen)
            if plan is None:
                return None
            async with leased(slot, self.store) as lease:
                if lease is None:
                    return self.store.lease_seconds
                await self.store.extend(plan.deliveries, plan.receipt)
            _report(plan.receipt)
            return await self._deliver(slot)

    async def _kept(self, keys: Sequence[BatchKey]) -> list[Batch]:
        """Return batches as they are now."""
        found = []
        for key in keys:
            newer = await self.store.batches([key.source], since=key.day, limit=RECEIPTS_BACK)
            found += [batch for batch in newer if batch.key == key]
        return found

    async def resume(self, slot: Slot) -> float | None:
        """Go on with a digest that an earlier run left unfinished."""
        async with self._locks[slot.channel]:
            return await self._deliver(slot)

    async def give_up(self, slot: Slot, reason: str) -> None:
        """Send no more of a slot's digest, unless another process is at it."""
        async with self._locks[slot.channel], leased(slot, self.store) as lease:
            if lease is None:
                return
            for delivery in await self.store.deliveries(slot):
                if delivery.state in UNFINISHED:
                    await self.store.advance(delivery.key, DeliveryState.FAILED, reason=reason)
        log.warning("digest given up", channel=str(slot.channel), day=str(slot.day), reason=reason)

    async def _plan(
        self, subscription: Subscription, slot: Slot, batches: tuple[Batch, ...] | None
    ) -> None:
        now, given = self.clock(), batches is not None
        following = next_run(subscription.schedule, now)
        if batches is None and not subscription.schedule.allows(slot.day):
            receipt = not_ordered(subscription, slot.day, now, following)
            if await self.store.plan((), receipt):
                _report(receipt)
            return
        if batches is None:
            batches = await self.batches(subscription, now)
        ids = [paper.id for batch in batches for paper in batch.papers]
        seen = await self.store.seen(slot.channel, ids)
        plan = plan_digest(subscription, slot.day, batches, seen, now=now, next_run=following)
        if given and not plan.deliveries:
            return
        missing = sorted(self.unread.intersection(subscription.sources))
        if missing and not plan.deliveries:
            await self._wait_for(missing, plan.receipt)
        elif await self.store.plan(plan.deliveries, plan.receipt):
            _report(plan.receipt)

    async def _wait_for(self, sources: Sequence[str], receipt: Receipt) -> None:
        """Account for a digest that is empty because a source is silent; its slot stays free."""
        if await self.store.deliveries(receipt.slot):
            return
        note = f"{' and '.join(sources)} did not answer; the digest comes as soon as it does."
        receipt = replace(receipt, note=note)
        await self.store.save_receipt(receipt)
        _report(receipt)

    async def batches(self, subscription: Subscription, now: datetime) -> tuple[Batch, ...]:
        """Return the batches that a digest at ``now`` would be made of."""
        kept: list[Batch] = []
        for source in subscription.sources:
            kept += await self.store.batches([source], limit=3)
        return candidates(kept, await self._posted(subscription.channel), now)

    async def _posted(self, channel: ChannelRef) -> dict[BatchKey, datetime]:
        """Return the batches that the channel's last run looked at, and when it did.

        A run that found nothing to post counts as well; one whose digest never arrived does not.
        """
        last = await self.store.latest_slot(channel)
        for receipt in await self.store.receipts(channel, limit=RECEIPTS_BACK):
            if receipt.batches and (receipt.slot == last or not receipt.matched):
                return dict.fromkeys(receipt.batches, receipt.ran_at)
        return {}

    async def _deliver(self, slot: Slot) -> float | None:
        adapter = self.adapters.get(slot.channel.platform)
        if adapter is None:
            log.warning("platform is off", channel=str(slot.channel), cure="set its token")
            return None
        if not await self.store.deliveries(slot):
            return None
        try:
            async with leased(slot, self.store) as lease:
                if lease is None:
                    return self.store.lease_seconds
                outcome = await deliveries.deliver(
                    slot,
                    store=self.store,
                    adapter=adapter,
                    clock=self.clock,
                    on_ambiguous=self.on_ambiguous,
                )
                again = None if outcome.done else outcome.retry_after or RETRY_SECONDS
                lease.wait = again or 0
        except LeaseLost as error:
            log.warning("digest left to another process", reason=str(error))
            return self.store.lease_seconds
        if outcome.gone:
            await deliveries.park(slot.channel, outcome.gone, store=self.store, adapter=adapter)
        return again


def _report(receipt: Receipt) -> None:
    log.info(
        "digest planned",
        channel=str(receipt.slot.channel),
        day=str(receipt.slot.day),
        listed=receipt.listed,
        matched=receipt.matched,
        note=receipt.note,
        next_run=receipt.next_run.isoformat() if receipt.next_run else None,
    )


class Scheduler:
    """Every job of the running bot."""

    def __init__(
        self,
        *,
        store: Store,
        index: SearchIndex,
        summarizer: Summarizer,
        sources: Mapping[str, PaperSource],
        adapters: Mapping[str, ChatAdapter],
        clock: Clock,
        stale: set[Slot],
        health: Health | None = None,
        on_ambiguous: OnAmbiguous = OnAmbiguous.SKIP,
        poll_every: timedelta = timedelta(minutes=20),
        refresh_every: timedelta = timedelta(seconds=10),
    ) -> None:
        self.runs = DigestRuns(store, adapters, clock, on_ambiguous)
        self._health = health or Health(clock())
        self._store = store
        self._index = index
        self._summarizer = summarizer
        self._sources = sources
        self._adapters = adapters
        self._clock = clock
        self._stale = stale
        self._poll_every = poll_every
        self._refresh_every = refresh_every
        self._edit_at: dict[Slot, datetime] = {}
        self._scheduled: dict[ChannelRef, Schedule] = {}
        self._obstructed: set[ChannelRef] = set()
        self._under_way: list[str] = []
        self._repairing = asyncio.Lock()
        self._idle = asyncio.Event()
        self._idle.set()
        self._jobs = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        self._jobs.add_listener(
            _on_trouble, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
        )

    async def start(self) -> None:
        """Poll once, make up for what was missed, then let the clock run."""
        await self.poll()
        await self.catch_up()
        for subscription in await self._store.subscriptions():
            self._schedule(subscription)
            for name in set(subscription.sources).difference(self._sources):
                channel, cure = str(subscription.channel), "add it to SOURCES_ENABLED"
                log.warning("source is off", source=name, channel=channel, cure=cure)
        self._every(self.poll, self._poll_every, "poll")
        self._every(self.refresh, self._refresh_every, "refresh")
        self._every(self.repair, REPAIR_EVERY, "repair")
        self._every(self.revive, REVIVE_EVERY, "revive")
        if self._store.lease_seconds is not None:
            self._every(self.share, SHARE_EVERY, "share")
        self.reconnected()
        self._jobs.start()

    async def stop(self) -> None:
        """Fire no more, and let what runs come to its end, for a while."""
        if not self._jobs.running:
            return
        self._jobs.pause()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            log.warning("jobs cut off", running=len(self._under_way), after=DRAIN_SECONDS)
        self._jobs.shutdown(wait=False)

    def repair_at(self, moment: datetime) -> None:
        """Read reactions again at a moment, for events were lost until shortly before it."""
        work = self.repair
        self._add("repair once", DateTrigger(moment), work, at_once=2)  # one runs, one waits

    def reconnected(self) -> None:
        """Read reactions again once a platform that connects now hears them, for some were lost."""
        self.repair_at(self._clock() + CONNECT_TIME)

    def recovered(self) -> None:
        """Go on with everything soon, for the state can be written again."""
        self.repair_at(self._clock())
        self._add("catch up", DateTrigger(self._clock()), self.catch_up)

    async def reschedule(self, channel: ChannelRef) -> None:
        """Take note of a channel's new, changed or ended subscription."""
        subscription = await self._store.subscription(channel)
        if subscription:
            self._schedule(subscription)
            if subscription.schedule.at is None:
                self._soon(channel, self._clock())
        else:
            self._unschedule(channel)

    async def share(self) -> None:
        """Take note of what other processes were told, and of what they left unfinished."""
        orders = {each.channel: each for each in await self._store.subscriptions()}
        for channel in self._scheduled.keys() - orders.keys():
            self._unschedule(channel)
        for channel, order in orders.items():
            if self._scheduled.get(channel) != order.schedule:
                self._schedule(order)
        for slot in await self._store.unfinished():
            job = f"{slot.channel} again"
            busy = job in self._under_way or self.runs.is_at_work(slot.channel)
            if not busy and not self._jobs.get_job(job):
                self._soon(slot.channel, self._clock())

    async def catch_up(self) -> None:
        """Finish what was left unfinished, then post what fell due while the bot was down."""
        unfinished = [slot.channel for slot in await self._store.unfinished()]
        subscribed = [each.channel for each in await self._store.subscriptions()]
        await asyncio.gather(*map(self._go_on, dict.fromkeys((*unfinished, *subscribed))))

    async def fire(self, channel: ChannelRef) -> None:
        """Run what a channel is owed now."""
        await self._guarded(channel, partial(self.runs.run_due, channel))

    async def poll(self) -> None:
        """Read every source, then post what had to wait for it."""
        unread, self.runs.unread = self.runs.unread, set()
        added = 0
        for name, source in self._sources.items():
            try:
                added += await library.poll(
                    source, self._store, self._index, self._summarizer, self._clock()
                )
                self._health.sources[name] = Reading(self._clock())
            except SourceError as error:
                self.runs.unread.add(name)
                self._health.sources.setdefault(name, Reading()).problem = error.problem
                log.warning("source failed", source=error.source, reason=str(error))
        if not self._jobs.running:
            return
        if unread - self.runs.unread:
            await self.catch_up()
        else:
            await self.post_settled()
        if added:
            await self.post_late()

    async def post_late(self) -> None:
        """Post what was just listed in the threads of the digests that it belongs to."""
        orders = await self._store.subscriptions()
        threaded = [each.channel for each in orders if each.layout is Layout.THREAD]
        await asyncio.gather(
            *(self._guarded(each, partial(self.runs.run_late, each)) for each in threaded)
        )

    async def post_settled(self) -> None:
        """Post to the channels that wait for their batches to settle."""
        orders = await self._store.subscriptions()
        waiting = [each.channel for each in orders if each.schedule.at is None and not each.parked]
        await asyncio.gather(*map(self._go_on, waiting))

    async def refresh(self) -> None:
        """Edit the heads whose counts have changed since the last time."""
        now = self._clock()
        for slot in [each for each in self._stale if self._edit_at.get(each, now) <= now]:
            self._stale.discard(slot)
            self._edit_at.pop(slot, None)
            adapter = self._adapters.get(slot.channel.platform)
            if adapter is None:
                continue
            try:
                await deliveries.refresh(slot, store=self._store, adapter=adapter)
            except TryLater as error:
                self._stale.add(slot)
                pause = timedelta(seconds=error.retry_after or 0)
                self._edit_at[slot] = now + max(pause, EDIT_PAUSE)
                log.warning("head not edited yet", channel=str(slot.channel), reason=str(error))
            except PlatformError as error:
                log.warning("head not edited", channel=str(slot.channel), reason=str(error))
            except StoreError:
                self._stale.add(slot)
                raise

    async def revive(self) -> None:
        """Go on with the parked channels whose obstacle has gone.

        A channel in which none was ever found stays parked: there it is posts alone that fail, and
        each day would begin with the same complaint.
        """
        for subscription in await self._store.subscriptions():
            channel = subscription.channel
            adapter = self._adapters.get(channel.platform)
            if subscription.parked is None or adapter is None:
                continue
            try:
                await adapter.check(channel)
                if channel in self._obstructed:
                    await deliveries.revive(channel, store=self._store, adapter=adapter)
                    self._obstructed.discard(channel)
                    self._soon(channel, self._clock())
            except PlatformError as error:
                log.info("channel still parked", channel=str(channel), reason=str(error))
                if not isinstance(error, TryLater):
                    self._obstructed.add(channel)

    async def repair(self) -> None:
        """Read the reactions of recent messages again, so that lost events heal.

        One that is wanted while another is under way follows it, for that may have read too early.
        """
        async with self._repairing, leased("repair", self._store) as lease:
            if lease is not None:
                await self._repair()

    async def _repair(self) -> None:
        for delivery in await self._store.sent_since(self._clock() - REPAIR_WINDOW):
            adapter = self._adapters.get(delivery.slot.channel.platform)
            if adapter is None:
                continue
            try:
                if await votes.reread(delivery, store=self._store, adapter=adapter):
                    self._stale.add(delivery.slot)
            except PlatformError as error:
                log.warning("votes not repaired", message=str(delivery.ref), reason=str(error))

    async def _guarded(
        self, channel: ChannelRef, work: Callable[[], Awaitable[float | None]]
    ) -> bool:
        """Do one channel's work, and again later if it must go on; tell whether it must.

        Its failure is logged and stops no other channel.
        """
        try:
            again = await work()
        except DailyPapersError as error:
            log.error("digest failed", channel=str(channel), reason=str(error))
            again = RETRY_SECONDS
        except Exception:
            log.exception("digest failed unexpectedly", channel=str(channel))
            again = BUG_SECONDS
        if again is not None:
            self._soon(channel, self._clock() + timedelta(seconds=again))
        return again is not None

    def _soon(self, channel: ChannelRef, moment: datetime) -> None:
        work = partial(self._go_on, channel)
        self._add(f"{channel} again", DateTrigger(moment), work, at_once=2)  # one runs, one waits

    async def _go_on(self, channel: ChannelRef) -> None:
        """Do what a channel is owed; while a digest is held up, no other one is planned."""
        subscription = await self._store.subscription(channel)
        for slot in await self._store.unfinished(channel):
            if reason := moot(slot, subscription, self._clock()):
                await self.runs.give_up(slot, reason)
            elif await self._guarded(channel, partial(self.runs.resume, slot)):
                return
        if subscription and subscription.schedule.at is None and not subscription.parked:
            work = partial(self.runs.run_settled, subscription)
            if await self._guarded(channel, work):
                return
        await self.fire(channel)

    def _schedule(self, subscription: Subscription) -> None:
        schedule: Schedule = subscription.schedule
        self._scheduled[subscription.channel] = schedule
        self._add(
            str(subscription.channel),
            LocalDaily(daily_time(schedule), schedule.zone),
            partial(self._fire_spread, subscription.channel),
        )

    def _unschedule(self, channel: ChannelRef) -> None:
        if self._scheduled.pop(channel, None):
            self._jobs.remove_job(str(channel))

    async def _fire_spread(self, channel: ChannelRef) -> None:
        self._soon(channel, self._clock() + spread(channel))

    def _every(self, work: Work, interval: timedelta, name: str) -> None:
        seconds = int(interval.total_seconds())
        self._add(name, IntervalTrigger(seconds=seconds, timezone=UTC), work)

    def _add(self, name: str, trigger: BaseTrigger, work: Work, *, at_once: int = 1) -> None:
        self._jobs.add_job(
            self._do,
            trigger,
            args=[name, work],
            id=name,
            replace_existing=True,
            max_instances=at_once,
        )

    async def _do(self, name: str, work: Work) -> None:
        """Do a job, counted, so that ``stop`` can wait for it; once more later without a store."""
        self._under_way.append(name)
        self._idle.clear()
        try:
            await work()
        except StoreError as error:
            log.error("job put off", job=name, reason=str(error))
            moment = self._clock() + timedelta(seconds=RETRY_SECONDS)
            self._add(name.removesuffix(PUT_OFF) + PUT_OFF, DateTrigger(moment), work)
        finally:
            self._under_way.remove(name)
            if not self._under_way:
                self._idle.set()


def _on_trouble(event: Any) -> None:
    error = getattr(event, "exception", None)
    log.error("job failed", job=event.job_id, reason=repr(error) if error else "not run in time")
