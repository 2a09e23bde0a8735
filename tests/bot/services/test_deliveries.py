from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from adapters.storage.memory import MemoryStore
from bot.domain.channels import Layout
from bot.domain.deliveries import HEAD, Delivery, DeliveryState, OnAmbiguous, Slot
from bot.domain.errors import (
    Ambiguous,
    Gone,
    Refused,
    StoreError,
    TryLater,
)
from bot.domain.papers import Batch
from bot.domain.reply import plain
from bot.services.deliveries import RECORD_PAUSES, Outcome, deliver, park, refresh
from bot.services.digest import plan_digest
from tests.examples import (
    ANN,
    CHANNEL,
    NOW,
    TODAY,
    ballot,
    batch,
    paper,
    paper_id,
    slot,
    subscription,
)
from tests.fakes import Clock, Crash, FakeChat

PARTS = [HEAD, *(str(paper_id(n)) for n in (1, 2, 3))]
DONE = Outcome(done=True)


class CrashingStore(MemoryStore):
    """A store whose process ends at the nth step: before it is durable, or just after."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.crash_at: tuple[int, bool] | None = None

    async def advance(self, *args: Any, **fields: Any) -> None:
        self.steps += 1
        if self.crash_at == (self.steps, False):
            raise Crash
        await super().advance(*args, **fields)
        if self.crash_at == (self.steps, True):
            raise Crash

    async def save_receipt(self, *args: Any) -> None:
        self.steps += 1
        if self.crash_at == (self.steps, False):
            raise Crash
        await super().save_receipt(*args)


async def planned(
    store: MemoryStore, layout: Layout = Layout.THREAD, listed: Batch | None = None
) -> list[Delivery]:
    """Plan the day's digest of three papers."""
    found = listed or batch()
    await store.save_batch(found, NOW)
    plan = plan_digest(subscription(layout=layout), TODAY, [found], {}, now=NOW)
    assert await store.plan(plan.deliveries, plan.receipt)
    return list(plan.deliveries)


async def states(store: MemoryStore, of: Slot | None = None) -> list[str]:
    return [each.state.value for each in await store.deliveries(of or slot())]


async def test_a_digest_is_posted_in_order_its_papers_in_the_thread_of_its_head() -> None:
    store, chat = MemoryStore(), FakeChat()
    messages = await planned(store)
    assert await deliver(slot(), store=store, adapter=chat, clock=Clock()) == DONE
    assert chat.keys() == [each.key for each in messages]
    head, *papers = chat.posts
    assert head.thread is None
    assert {each.thread.head for each in papers if each.thread} == {head.ref}
    assert papers[0].thread
    assert papers[0].thread.title == "Daily Papers · Thu 7 May 2026"
    refs = [each.ref for each in await store.deliveries(slot())]
    assert refs == [each.ref for each in chat.posts]


async def test_a_posted_digest_is_seen_and_accounted_for() -> None:
    store, chat = MemoryStore(), FakeChat()
    await planned(store)
    await deliver(slot(), store=store, adapter=chat, clock=Clock())
    seen = await store.seen(CHANNEL, [paper_id(n) for n in range(1, 5)])
    assert {each: seen[each].day for each in seen} == {paper_id(n): TODAY for n in (1, 2, 3)}
    assert seen[paper_id(1)].upvotes == 99
    (receipt,) = await store.receipts(CHANNEL)
    assert receipt.posted == 3
    assert await store.unfinished() == []


async def test_a_finished_digest_is_left_alone() -> None:
    store, chat = MemoryStore(), FakeChat()
    await planned(store)
    await deliver(slot(), store=store, adapter=chat, clock=Clock())
    assert await deliver(slot(), store=store, adapter=chat, clock=Clock()) == DONE
    assert chat.calls == 4
    assert await deliver(slot("2026-05-08"), store=store, adapter=chat, clock=Clock()) == DONE


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4])
async def test_a_crash_of_the_bot_while_it_posts_neither_loses_nor_doubles_a_message(
    nth: int, after: bool, layout: Layout
) -> None:
    store, chat = MemoryStore(), FakeChat()
    messages = await planned(store, layout)
    chat.fail(nth, Crash(), after=after)
    if nth <= len(messages):
        with pytest.raises(Crash):
            await deliver(slot(), store=store, adapter=chat, clock=Clock())
        assert await store.unfinished() == [slot()]
    assert await deliver(slot(), store=store, adapter=chat, clock=Clock()) == DONE
    assert chat.keys() == [each.key for each in messages]
    assert set(await states(store)) == {"sent"}
    assert len(await store.seen(CHANNEL, [paper_id(n) for n in (1, 2, 3)])) == 3


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, 10))
async def test_a_crash_at_any_durable_step_neither_loses_nor_doubles_a_message(
    step: int, after: bool
) -> None:
    store, chat = CrashingStore(), FakeChat()
    messages = await planned(store)
    store.crash_at = (step, after)
    try:
        await deliver(slot(), store=store, adapter=chat, clock=Clock())
    except Crash:
        assert step <= 9
    store.crash_at = None
    assert await deliver(slot(), store=store, adapter=chat, clock=Clock()) == DONE
    assert chat.keys() == [each.key for each in messages]
    assert len(await store.seen(CHANNEL, [paper_id(n) for n in (1, 2, 3)])) == 3
    (receipt,) = await store.receipts(CHANNEL)
    assert receipt.posted == 3


@pytest.mark.parametrize("arrived", [False, True])
async def test_a_message_whose_answer_was_lost_is_looked_for_before_it_is_sent_again(
    arrived: bool,
) -> None:
    store, chat = MemoryStore(), FakeChat()
    messages = await planned(store)
    chat.fail(2, Ambiguous("slack", "connection lost"), after=arrived)
    assert await deliver(slot(), store=store, adapter=chat, clock=Clock()) == Outcome(done=False)
    assert await states(store) == ["sent", "ambiguous", "planned", "planned"]
    assert await deliver(slot(), store=store, adapter=chat, clock=Clock()) == DONE
    assert chat.keys() == [each.key for each in messages]


async def test_a_message_that_may_be_there_is_not_sent_while_nobody_can_look() -> None:
    """The platform is out of reach when the channel is read back: that clears nothing up."""
    store, chat = MemoryStore(), FakeChat()
    messages = await planned(store)
    chat.fail(1, Ambiguous("slack", "connection lost"), after=True)
    await deliver(slot(), store=store, adapter=chat, clock=Clock())
    chat.unreadable = TryLater("slack", "HTTP 503", retry_after=30)
    outcome = await deliver(slot(), store=store, adapter=chat, clock=Clock())
    assert not outcome.done
    chat.unreadable = None
    assert await deliver(slot(), store=store, adapter=chat, clock=Clock()) == DONE
    assert chat.keys() == [each.key for each in messages]


async def test_a_message_that_may_be_there_in_a_channel_nobody_may_read_is_not_sent_again() -> None:
    store, chat = MemoryStore(), FakeChat()
    await planned(store, Layout.LIST)
    chat.fail(1, Ambiguous("slack", "connection lost"), after=True)
    await deliver(slot(), store=store, adapter=chat, clock=Clock())
    chat.unreadable = Refused("slack", "missing_scope")
    assert await deliver(slot(), store=store, adapter=chat, clock=Clock()) == DONE
    assert await states(store) == ["failed"]
    assert chat.calls == 1


async def test_a_message_nobody_can_look_for_is_sent_again_where_the_operator_wants_that() -> None:
    store, chat = MemoryStore(), FakeChat()
    (head,) = await planned(store, Layout.LIST)
    chat.fail(1, Ambiguous("slack", "connection lost"), after=True)
    await deliver(slot(), store=store, adapter=chat, clock=Clock())
    chat.unreadable = Refused("slack", "missing_scope")
    again = OnAmbiguous.RESEND
    assert (
        await deliver(slot(), store=store, adapter=chat, clock=Clock(), on_ambiguous=again) == DONE
    )
    assert await states(store) == ["sent"]
    assert chat.keys() == [head.key, head.key]


class OutOfReach(MemoryStore):
    """A store that is out of reach for a while, from the first message on that was posted."""

    left = 3

    async def advance(self, key: str, state: DeliveryState, **fields: Any) -> None:
        if state is DeliveryState.SENT and self.left:
            self.left -= 1
            raise StoreError("PostgreSQL is out of reach")
        await super().advance(key, state, **fields)


async def test_what_was_posted_is_recorded_as_soon_as_the_store_is_there_again() -> None:
    store, chat, pauses = OutOfReach(), FakeChat(), list[float]()
    messages = await planned(store)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    outcome = await deliver(slot(), store=store, adapter=chat, clock=Clock(), sleep=sleep)
    assert outcome == DONE
    assert chat.keys() == [each.key for each in messages]
    assert pauses == list(RECORD_PAUSES[:3])


async def test_a_store_that_stays_out_of_reach_ends_the_run_and_the_next_goes_on() -> None:
    store, chat = OutOfReach(), FakeChat()
    store.left = len(RECORD_PAUSES) + 1
    messages = await planned(store)

    async def sleep(_: float) -> None:
        """Wait for nothing."""

    with pytest.raises(StoreError, match="out of reach"):
        await deliver(slot(), store=store, adapter=chat, clock=Clock(), sleep=sleep)
    assert await states(store) == ["sending", "planned", "planned", "planned"]
    assert await deliver(slot(), store=store, adapter=chat, clock=Clock()) == DONE
    assert chat.keys() == [each.key for each in messages]


async def test_a_message_is_found_although_the_platforms_clock_is_behind() -> None:
    clock = Clock()
    store = MemoryStore()
    chat = FakeChat(clock=lambda: clock() - timedelta(seconds=50))
    messages = await planned(store, Layout.LIST)
    chat.fail(1, Ambiguous("slack", "connection lost"), after=True)
    await deliver(slot(), store=store, adapter=chat, clock=clock)
    assert await deliver(slot(), store=store, adapter=chat, clock=clock) == DONE
    assert chat.keys() == [messages[0].key]


async def test_a_refused_head_takes_its_thread_with_it_and_nothing_is_seen() -> None:
    store, chat = MemoryStore(), FakeChat()
    await planned(store)
    chat.fail(1, Refused("slack", "msg_too_long"))
    assert await deliver(slot(), store=store, adapter=chat, clock=Clock()) == DONE
    assert await states(store) == ["failed"] * 4
    head, first, *_ = await store.deliveries(slot())
    assert (head.reason, first.reason) == ("slack: msg_too_long", "the head was not sent")
    assert chat.posts == []
    assert await store.seen(CHANNEL, [paper_id(1)]) == {}
    assert (await store.receipts(CHANNEL))[0].posted == 0


async def test_a_refused_paper_costs_itself_alone() -> None:
    store, chat = MemoryStore(), FakeChat()
    await planned(store)
    chat.fail(3, Refused("slack", "invalid_blocks"))
    assert await deliver(slot(), store=store, adapter=chat, clock=Clock()) == DONE
    assert await states(store) == ["sent", "sent", "failed", "sent"]


async def test_cards_do_not_wait_for_a_refused_head() -> None:
    store, chat = MemoryStore(), FakeChat()
    await planned(store, Layout.CARDS, batch(TODAY, 5))
    chat.fail(1, Refused("slack", "invalid_blocks"))
    assert await deliver(slot(), store=store, adapter=chat, clock=Clock()) == DONE
    assert await states(store) == ["failed", "sent"]
    assert set(await store.seen(CHANNEL, [paper_id(n) for n in range(1, 6)])) == {
        paper_id(4),
        paper_id(5),
    }


async def test_a_channel_that_is_gone_parks_what_is_left_of_its_digest() -> None:
    store, chat = MemoryStore(), FakeChat()
    await planned(store)
    gone = Gone("slack", "is_archived", cure="Unarchive it")
    chat.fail(3, gone)
    outcome = await deliver(slot(), store=store, adapter=chat, clock=Clock())
    assert outcome == Outcome(done=True, gone=gone)
    assert await states(store) == ["sent", "sent", "parked", "parked"]
    assert await store.unfinished() == []


@pytest.mark.parametrize("seconds", [None, 17.5])
async def test_a_busy_platform_is_asked_again_after_the_time_it_named(
    seconds: float | None,
) -> None:
    store, chat = MemoryStore(), FakeChat()
    messages = await planned(store)
    chat.fail(2, TryLater("slack", "ratelimited", retry_after=seconds))
    outcome = await deliver(slot(), store=store, adapter=chat, clock=Clock())
    assert outcome == Outcome(done=False, retry_after=seconds)
    assert await states(store) == ["sent", "planned", "planned", "planned"]
    assert await deliver(slot(), store=store, adapter=chat, clock=Clock()) == DONE
    assert chat.keys() == [each.key for each in messages]


async def test_what_stands_in_the_channel_is_seen_before_the_digest_is_complete() -> None:
    store, chat = MemoryStore(), FakeChat()
    await planned(store)
    chat.fail(2, TryLater("slack", "ratelimited"))
    await deliver(slot(), store=store, adapter=chat, clock=Clock())
    assert len(await store.seen(CHANNEL, [paper_id(n) for n in (1, 2, 3)])) == 3


async def test_a_digest_held_up_shows_the_votes_of_the_moment_it_is_sent() -> None:
    store, chat = MemoryStore(), FakeChat()
    await planned(store, Layout.LIST)
    await store.save_papers([paper(1, upvotes=123)])
    await store.cast(ballot(1, ANN))
    await deliver(slot(), store=store, adapter=chat, clock=Clock())
    (first, *_) = [node for node in chat.posts[0].reply.nodes if hasattr(node, "meta")]
    assert plain(first.meta) == "▲ 123 on HF · team 1"


async def test_a_refresh_edits_the_head_alone_and_only_once_it_is_sent() -> None:
    store, chat = MemoryStore(), FakeChat()
    await planned(store)
    await refresh(slot(), store=store, adapter=chat)
    assert chat.edits == []
    await deliver(slot(), store=store, adapter=chat, clock=Clock())
    await store.cast(ballot(2))
    await refresh(slot(), store=store, adapter=chat)
    ((edited, reply),) = chat.edits
    assert edited == chat.posts[0].ref
    assert "team 1" in plain([node for node in reply.nodes if hasattr(node, "meta")][1].meta)


async def test_a_channel_is_parked_and_its_owner_told_once_for_the_first_reason() -> None:
    store, chat = MemoryStore(), FakeChat()
    await store.save_subscription(subscription(name="papers"))
    for problem in ("is_archived", "channel_not_found"):
        error = Gone("slack", problem, cure="Unarchive it")
        await park(CHANNEL, error, store=store, adapter=chat)
    parked = await store.subscription(CHANNEL)
    assert parked
    assert parked.parked == "slack: is_archived. Unarchive it"
    (notice,) = chat.posts
    assert notice.ref.channel == await chat.direct(ANN)
    assert notice.reply.summary == "The digest in #papers is paused: is_archived."
    await park(slot().channel, Gone("slack", "x"), store=MemoryStore(), adapter=chat)
    assert len(chat.posts) == 1


async def test_an_owner_who_takes_no_messages_stops_nothing() -> None:
    store, chat = MemoryStore(), FakeChat()
    await store.save_subscription(subscription())
    chat.fail(1, Refused("slack", "cannot_dm_bot"))
    await park(CHANNEL, Gone("slack", "is_archived"), store=store, adapter=chat)
    assert (await store.subscription(CHANNEL)).parked == "slack: is_archived"  # type: ignore[union-attr]


def test_nothing_but_the_three_unfinished_states_is_ever_sent() -> None:
    ends = {DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.PARKED}
    unfinished = {DeliveryState.PLANNED, DeliveryState.SENDING, DeliveryState.AMBIGUOUS}
    assert ends | unfinished == set(DeliveryState)
