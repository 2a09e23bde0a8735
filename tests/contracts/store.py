"""What every store keeps to, and what those keep to that several processes share.

A subclass of ``StoreContract`` supplies ``open_store``, which begins an empty one; a subclass of
``SharedStoreContract`` supplies ``open_pair``, which begins one and opens it twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.deliveries import DeliveryState, Seen, Slot
from bot.domain.errors import LeaseLost, StoreError
from bot.domain.papers import Paper, PaperId
from bot.domain.summaries import Point, Summary
from bot.domain.votes import Ballot, Tally, VoteKind
from bot.ports import Store
from tests import examples
from tests.examples import (
    ANN,
    BOB,
    CHANNEL,
    NOW,
    OTHER_CHANNEL,
    TODAY,
    ballot,
    batch,
    batch_key,
    delivery,
    message,
    paper,
    paper_id,
    receipt,
    slot,
    subscription,
)

OpenStore = Callable[[], Awaitable[Store]]

LATER = NOW + timedelta(hours=1)
ORIGINS = ("button", "m1#👍", "m1#❤", "m2#👍")
RIGHTS = (slot(), "publish")
PREFIXES = ("m1#", "m2#", "button", "")

ballots = st.builds(
    ballot,
    st.integers(1, 2),
    st.sampled_from([ANN, BOB]),
    st.sampled_from(VoteKind),
    st.sampled_from(ORIGINS),
    st.sampled_from([CHANNEL, OTHER_CHANNEL]),
)
vote_steps = st.lists(
    st.one_of(
        st.tuples(st.just("cast"), ballots),
        st.tuples(st.just("withdraw"), ballots),
        st.tuples(st.just("replace"), st.sampled_from(PREFIXES), st.frozensets(ballots)),
    ),
    max_size=20,
)


def tallied(marks: set[Ballot]) -> dict[PaperId, Tally]:
    """Count the people of ``CHANNEL`` as a reader of the rules would."""
    return {
        voted: Tally(
            **{
                kind.value: len(
                    {
                        each.user
                        for each in marks
                        if (each.channel, each.paper, each.kind) == (CHANNEL, voted, kind)
                    }
                )
                for kind in VoteKind
            }
        )
        for voted in {each.paper for each in marks if each.channel == CHANNEL}
    }


class StoreContract:
    """Every test begins with an empty store."""

    @pytest.fixture
    async def store(self, open_store: OpenStore) -> AsyncIterator[Store]:
        store = await open_store()
        yield store
        await store.close()

    async def test_a_store_that_works_answers_a_ping(self, store: Store) -> None:
        await store.ping()

    async def test_a_verb_called_again_changes_nothing_more(self, store: Store) -> None:
        """A caller that was not answered does not know whether it took effect."""
        key, shown = delivery().key, {paper_id(1): Seen(batch_key(), slot().day)}
        for verb in (
            lambda: store.save_batch(batch(), NOW),
            lambda: store.save_papers([paper(1, upvotes=7)]),
            lambda: store.save_subscription(subscription()),
            lambda: store.plan([delivery(), delivery("a", 1)], receipt()),
            lambda: store.claim(slot()),
            lambda: store.advance(key, DeliveryState.SENDING, at=LATER),
            lambda: store.advance(key, DeliveryState.SENT, ref=message(), seen=shown),
            lambda: store.release(slot()),
            lambda: store.save_receipt(receipt(posted=3)),
            lambda: store.cast(ballot()),
            lambda: store.cast(ballot(2, BOB, VoteKind.SAVE, "m1#🔖")),
            lambda: store.withdraw(ballot()),
            lambda: store.replace_marks(CHANNEL, "m1#", [ballot(3, origin="m1#👍")]),
            lambda: store.remove_subscription(CHANNEL),
        ):
            await verb()
            once = await everything(store)
            await verb()
            assert await everything(store) == once

    # Library

    async def test_an_empty_store_answers_every_question(self, store: Store) -> None:
        assert list(await store.batches(["huggingface"])) == []
        assert await store.papers() == {}
        assert await store.papers([paper_id(1)]) == {}
        assert list(await store.subscriptions()) == []
        assert await store.subscription(CHANNEL) is None
        assert await store.delivery("unknown") is None
        assert list(await store.deliveries(slot())) == []
        assert list(await store.unfinished()) == []
        assert await store.seen(CHANNEL, [paper_id(1)]) == {}
        assert await store.delivery_at(message()) is None
        assert await store.latest_slot(CHANNEL) is None
        assert list(await store.sent_since(NOW)) == []
        assert list(await store.receipts(CHANNEL)) == []
        assert list(await store.marks(CHANNEL, paper_id(1), ANN, VoteKind.UP)) == []
        assert await store.tallies(CHANNEL) == {}

    async def test_a_batch_saved_twice_is_one_batch(self, store: Store) -> None:
        assert await store.save_batch(batch(papers=3), NOW) == 3
        assert await store.save_batch(batch(papers=3), LATER) == 0
        assert list(await store.batches(["huggingface"])) == [batch(papers=3, grown_at=NOW)]

    async def test_a_raw_text_is_kept_and_goes_with_a_newer_text(self, store: Store) -> None:
        told = paper(1, title="a b", raw_title="a~b", abstract="c d", raw_abstract="c~d")
        await store.save_papers([told])
        assert await store.papers([told.id]) == {told.id: told}
        newer = paper(1, title="new", abstract="c e", raw_abstract="c~e")
        await store.save_papers([newer])
        assert await store.papers([told.id]) == {told.id: told.described_anew(newer)}
        assert (await store.papers([told.id]))[told.id].raw_title is None

    async def test_a_slots_receipt_is_found_however_old(self, store: Store) -> None:
        assert await store.receipt(slot()) is None
        old = replace(receipt(), posted=3)
        await store.save_receipt(old)
        for day in range(10, 20):
            later = slot(day=f"2026-06-{day}")
            await store.save_receipt(replace(receipt(), slot=later))
        assert await store.receipt(slot()) == old

    async def test_without_names_the_batches_of_all_sources_come(self, store: Store) -> None:
        for source in ("huggingface", "shelfmark"):
            await store.save_batch(batch(papers=1, source=source), NOW)
        found = await store.batches(None)
        assert [each.key.source for each in found] == ["huggingface", "shelfmark"]

    async def test_a_batch_grows_and_notes_when(self, store: Store) -> None:
        await store.save_batch(batch(papers=2), NOW)
        assert await store.save_batch(batch(papers=3), LATER) == 1
        (kept,) = await store.batches(["huggingface"])
        assert kept.papers == batch(papers=3).papers
        assert kept.arrived == {paper_id(1): NOW, paper_id(2): NOW, paper_id(3): LATER}

    async def test_a_newer_reading_brings_newer_counts_and_loses_no_paper(
        self, store: Store
    ) -> None:
        await store.save_batch(batch(papers=[paper(1), paper(2)]), NOW)
        voted = paper(2, upvotes=500)
        assert await store.save_batch(batch(papers=[voted, paper(3)]), LATER) == 1
        (kept,) = await store.batches(["huggingface"])
        assert kept.papers == (paper(1), voted, paper(3))

    async def test_a_reading_that_tells_less_takes_nothing_away(self, store: Store) -> None:
        told = paper(1, one_line="In one line.", upvotes=9, code_url="https://github.com/a/b")
        await store.save_batch(batch(papers=[told]), NOW)
        await store.save_batch(batch(papers=[paper(1, one_line=None, upvotes=None)]), LATER)
        kept = (await store.papers([paper_id(1)]))[paper_id(1)]
        assert (kept.one_line, kept.upvotes, kept.code_url) == (
            told.one_line,
            told.upvotes,
            told.code_url,
        )

    async def test_an_empty_reading_changes_nothing_and_begins_no_batch(self, store: Store) -> None:
        assert await store.save_batch(batch(papers=0), NOW) == 0
        assert list(await store.batches(["huggingface"])) == []
        await store.save_batch(batch(papers=2), LATER)
        assert await store.save_batch(batch(papers=0), LATER + timedelta(hours=1)) == 0
        assert list(await store.batches(["huggingface"])) == [batch(papers=2, grown_at=LATER)]

    async def test_a_paper_listed_twice_in_a_reading_is_kept_once(self, store: Store) -> None:
        assert await store.save_batch(batch(papers=[paper(1), paper(1)]), NOW) == 1
        (kept,) = await store.batches(["huggingface"])
        assert kept.papers == (paper(1),)

    async def test_a_paper_of_two_batches_reads_as_it_was_described_last(
        self, store: Store
    ) -> None:
        await store.save_batch(batch("2026-05-06", [paper(1)]), NOW)
        await store.save_batch(batch("2026-05-07", [paper(1, upvotes=7)]), LATER)
        await store.save_papers([paper(1, upvotes=8)])
        found = await store.batches(["huggingface"])
        assert [each.papers for each in found] == [(paper(1, upvotes=8),)] * 2

    async def test_batches_come_newest_first_of_the_named_sources_within_a_limit(
        self, store: Store
    ) -> None:
        days = ("2026-05-05", "2026-05-07", "2026-05-04", "2026-05-06")
        for day in days:
            await store.save_batch(batch(day), NOW)
        await store.save_batch(batch("2026-05-07", source="arxiv"), NOW)

        async def keys(*sources: str, **limits: object) -> list[str]:
            return [str(each.key) for each in await store.batches(sources, **limits)]  # type: ignore[arg-type]

        assert await keys("huggingface") == ["huggingface/2026-05-07", "huggingface/2026-05-06"]
        assert await keys("huggingface", since=date(2026, 5, 6), limit=9) == [
            "huggingface/2026-05-07",
            "huggingface/2026-05-06",
        ]
        assert await keys("huggingface", "arxiv", limit=3) == [
            "arxiv/2026-05-07",
            "huggingface/2026-05-07",
            "huggingface/2026-05-06",
        ]
        assert await keys("unknown") == []
        assert await keys() == []

    async def test_papers_come_by_id_in_the_order_asked_for_or_all(self, store: Store) -> None:
        await store.save_papers(paper(n) for n in (1, 2, 3))
        found = await store.papers(paper_id(n) for n in (3, 9, 1))
        assert list(found.items()) == [(paper_id(3), paper(3)), (paper_id(1), paper(1))]
        assert await store.papers() == {paper_id(n): paper(n) for n in (1, 2, 3)}
        assert await store.papers([]) == {}

    async def test_a_paper_saved_again_is_replaced(self, store: Store) -> None:
        await store.save_papers([paper(1), paper(1, title="Revised")])
        assert await store.papers() == {paper_id(1): paper(1, title="Revised")}

    async def test_any_text_may_stand_in_a_title(self, store: Store) -> None:
        odd = Paper(paper_id(1), title='"\u2028\x00\ud800 𝔐 <@U1>', abstract="")
        await store.save_papers([odd])
        assert await store.papers() == {odd.id: odd}

    # Subscriptions

    async def test_a_channel_has_one_subscription_until_it_is_removed(self, store: Store) -> None:
        await store.save_subscription(subscription())
        await store.save_subscription(subscription(limit=3))
        await store.save_subscription(subscription(OTHER_CHANNEL))
        assert await store.subscription(CHANNEL) == subscription(limit=3)
        assert list(await store.subscriptions()) == [
            subscription(OTHER_CHANNEL),
            subscription(limit=3),
        ]
        assert await store.remove_subscription(CHANNEL) is True
        assert await store.remove_subscription(CHANNEL) is False
        assert await store.subscription(CHANNEL) is None

    async def test_what_was_seen_voted_and_planned_outlives_the_subscription(
        self, store: Store
    ) -> None:
        await store.save_subscription(subscription())
        await store.plan([delivery()], receipt())
        shown = {paper_id(1): Seen(batch_key(), slot().day)}
        await store.advance(delivery().key, DeliveryState.SENT, ref=message(), seen=shown)
        await store.cast(ballot())
        await store.remove_subscription(CHANNEL)
        assert await store.seen(CHANNEL, [paper_id(1)])
        assert await store.tallies(CHANNEL) == {paper_id(1): Tally(up=1)}
        assert await store.plan([delivery()], receipt()) is False

    # Ledger

    async def test_a_slot_is_taken_once_with_its_deliveries_and_receipt(self, store: Store) -> None:
        parts = [delivery("b", 2), delivery(), delivery("a", 1)]
        assert await store.plan(parts, receipt()) is True
        assert list(await store.deliveries(slot())) == [parts[1], parts[2], parts[0]]
        assert await store.delivery(parts[0].key) == parts[0]
        assert list(await store.receipts(CHANNEL)) == [receipt()]

        assert await store.plan([delivery("c")], receipt(note="again")) is False
        assert await store.delivery(delivery("c").key) is None
        assert list(await store.receipts(CHANNEL)) == [receipt()]

    async def test_a_slot_without_deliveries_is_taken_as_well(self, store: Store) -> None:
        assert await store.plan([], receipt()) is True
        assert await store.plan([delivery()], receipt()) is False
        assert list(await store.deliveries(slot())) == []
        assert list(await store.unfinished()) == []

    async def test_of_many_plans_at_once_one_wins(self, store: Store) -> None:
        plans = [store.plan([delivery(str(n))], receipt(note=str(n))) for n in range(20)]
        wins = await asyncio.gather(*plans)
        assert wins.count(True) == 1
        winner = wins.index(True)
        assert list(await store.deliveries(slot())) == [delivery(str(winner))]
        assert [each.note for each in await store.receipts(CHANNEL)] == [str(winner)]

    async def test_channels_and_days_are_slots_of_their_own(self, store: Store) -> None:
        assert await store.plan([], receipt())
        assert await store.plan([], receipt(channel=OTHER_CHANNEL))
        assert await store.plan([], receipt("2026-05-08"))

    async def test_a_message_planned_before_is_neither_planned_again_nor_changed(
        self, store: Store
    ) -> None:
        await store.plan([delivery()], receipt())
        await store.advance(delivery().key, DeliveryState.SENT, ref=message(), at=NOW)
        again = replace(delivery(papers=(9,)), slot=slot("2026-05-08"))
        late = replace(delivery("late", 1), slot=slot("2026-05-08"))
        assert await store.plan([again, late], receipt("2026-05-08")) is True
        assert list(await store.deliveries(slot("2026-05-08"))) == [late]
        standing = await store.delivery_at(message())
        assert standing is not None
        assert standing.slot == slot()
        assert standing.state is DeliveryState.SENT

    async def test_a_digest_is_extended_by_what_is_new_and_its_receipt_replaced(
        self, store: Store
    ) -> None:
        await store.plan([delivery(), delivery("a", 1)], receipt())
        await store.advance(delivery().key, DeliveryState.SENT, ref=message(), at=NOW)
        later = [delivery(), delivery("c", 3), delivery("b", 2)]
        for _ in range(2):
            await store.extend(later, receipt(note="2 more"))
            found = list(await store.deliveries(slot()))
            assert [each.part for each in found] == ["head", "a", "b", "c"]
            assert found[0].state is DeliveryState.SENT
        assert list(await store.receipts(CHANNEL)) == [receipt(note="2 more")]
        assert list(await store.unfinished()) == [slot()]

    async def test_a_digest_that_was_never_planned_is_not_extended(self, store: Store) -> None:
        with pytest.raises(LeaseLost):
            await store.extend([delivery()], receipt())
        assert await store.delivery(delivery().key) is None
        assert list(await store.receipts(CHANNEL)) == []

    async def test_a_receipt_takes_no_slot(self, store: Store) -> None:
        await store.save_receipt(receipt(note="early"))
        assert await store.plan([delivery()], receipt()) is True
        assert list(await store.receipts(CHANNEL, limit=9)) == [receipt()]

    async def test_an_attempt_keeps_its_start_until_the_next_one(self, store: Store) -> None:
        key = delivery().key
        await store.plan([delivery()], receipt())
        await store.advance(key, DeliveryState.SENDING, at=NOW)
        await store.advance(key, DeliveryState.AMBIGUOUS, reason="answer lost")
        assert await store.delivery(key) == delivery(
            state=DeliveryState.AMBIGUOUS, reason="answer lost", attempted_at=NOW
        )
        await store.advance(key, DeliveryState.SENDING, at=LATER)
        await store.advance(key, DeliveryState.SENT, ref=message())
        sent = delivery(state=DeliveryState.SENT, ref=message(), attempted_at=LATER)
        assert await store.delivery(key) == sent
        assert list(await store.deliveries(slot())) == [sent]

    @pytest.mark.parametrize("state", [each for each in DeliveryState if each != "sent"])
    async def test_what_was_sent_stays_sent(self, store: Store, state: DeliveryState) -> None:
        await store.plan([delivery()], receipt())
        await store.advance(delivery().key, DeliveryState.SENT, ref=message(), at=NOW)
        await store.advance(delivery().key, state, reason="late news", at=LATER)
        assert await store.delivery_at(message()) == delivery(
            state=DeliveryState.SENT, ref=message(), attempted_at=NOW
        )

    async def test_nothing_is_recorded_of_a_message_that_was_never_planned(
        self, store: Store
    ) -> None:
        with pytest.raises(StoreError, match="was never planned"):
            await store.advance("unknown", DeliveryState.SENDING, at=NOW)
        assert await store.delivery("unknown") is None

    async def test_unfinished_slots_come_oldest_day_first(self, store: Store) -> None:
        for day, state in (
            ("2026-05-08", DeliveryState.SENDING),
            ("2026-05-07", DeliveryState.PLANNED),
            ("2026-05-06", DeliveryState.AMBIGUOUS),
            ("2026-05-05", DeliveryState.SENT),
            ("2026-05-04", DeliveryState.FAILED),
            ("2026-05-03", DeliveryState.PARKED),
        ):
            parts = [delivery(day=day), delivery("a", 1, day=day)]
            await store.plan(parts, receipt(day))
            for each in parts:
                await store.advance(each.key, state)
        days = [str(each.day) for each in await store.unfinished()]
        assert days == ["2026-05-06", "2026-05-07", "2026-05-08"]

    async def test_unfinished_slots_of_a_channel_are_its_own(self, store: Store) -> None:
        for day, channel in (
            ("2026-05-08", CHANNEL),
            ("2026-05-07", OTHER_CHANNEL),
            ("2026-05-06", CHANNEL),
        ):
            await store.plan([delivery(day=day, channel=channel)], receipt(day, channel))
        ours = [slot("2026-05-06"), slot("2026-05-08")]
        theirs = slot("2026-05-07", OTHER_CHANNEL)
        assert list(await store.unfinished(CHANNEL)) == ours
        assert list(await store.unfinished(OTHER_CHANNEL)) == [theirs]
        assert list(await store.unfinished()) == [ours[0], theirs, ours[1]]
        await store.advance(
            delivery(day=theirs.day, channel=theirs.channel).key, DeliveryState.PARKED
        )
        assert list(await store.unfinished(OTHER_CHANNEL)) == []
        assert list(await store.unfinished()) == ours

    async def test_a_slot_that_was_never_planned_cannot_be_claimed(self, store: Store) -> None:
        assert await store.claim(slot()) is False
        await store.release(slot())
        assert await store.claim(slot()) is False
        assert await store.plan([delivery()], receipt()) is True
        assert await store.claim(slot("2026-05-08")) is False

    async def test_whoever_planned_may_advance_at_once(self, store: Store) -> None:
        assert store.lease_seconds is None or store.lease_seconds > 0
        await store.plan([delivery()], receipt())
        await store.advance(delivery().key, DeliveryState.SENDING, at=NOW)
        kept = await store.delivery(delivery().key)
        assert kept == delivery(state=DeliveryState.SENDING, attempted_at=NOW)

    @pytest.mark.parametrize("right", RIGHTS, ids=str)
    async def test_a_right_is_kept_claimed_again_and_taken_back(
        self, store: Store, right: Slot | str
    ) -> None:
        assert await taken(store, right) is True
        assert await store.claim(right) is True
        assert await store.claim(right) is True
        await store.release(right)
        await store.release(right)
        assert await store.claim(right) is True
        await store.release(right, wait=60)
        assert await store.claim(right) is True

    async def test_a_message_leads_to_its_delivery(self, store: Store) -> None:
        await store.plan([delivery(), delivery("a", 1)], receipt())
        await store.advance(delivery().key, DeliveryState.SENT, ref=message(1))
        await store.advance(delivery("a").key, DeliveryState.SENT, ref=message(2))
        found = await store.delivery_at(message(2))
        assert found is not None
        assert found.part == "a"
        assert await store.delivery_at(message(3)) is None
        assert await store.delivery_at(message(1, OTHER_CHANNEL)) is None

    async def test_the_latest_slot_is_the_newest_in_which_something_was_sent(
        self, store: Store
    ) -> None:
        for day in ("2026-05-06", "2026-05-05", "2026-05-07"):
            await store.plan([delivery(day=day)], receipt(day))
        await store.plan([], receipt("2026-05-08"))
        await store.plan([delivery(channel=OTHER_CHANNEL)], receipt(channel=OTHER_CHANNEL))
        assert await store.latest_slot(CHANNEL) is None
        for day in ("2026-05-06", "2026-05-05"):
            await store.advance(delivery(day=day).key, DeliveryState.SENT, ref=message())
        await store.advance(delivery(day="2026-05-07").key, DeliveryState.FAILED)
        assert await store.latest_slot(CHANNEL) == slot("2026-05-06")

    async def test_sent_since_counts_from_the_attempt_oldest_first(self, store: Store) -> None:
        parts = [delivery(part, n) for n, part in enumerate("abcd")]
        await store.plan(parts, receipt())
        for part, at in zip(parts, (LATER, NOW, NOW - timedelta(seconds=1), NOW), strict=True):
            await store.advance(part.key, DeliveryState.SENDING, at=at)
        for n, part in enumerate(parts[:3]):
            await store.advance(part.key, DeliveryState.SENT, ref=message(n))
        assert [each.part for each in await store.sent_since(NOW)] == ["b", "a"]

    async def test_seen_papers_are_those_asked_for_with_the_last_showing(
        self, store: Store
    ) -> None:
        first = Seen(batch_key("2026-05-06"), date(2026, 5, 6), upvotes=3)
        second = Seen(batch_key("2026-05-07"), date(2026, 5, 7))
        await show(store, {paper_id(1): first, paper_id(2): first})
        await show(store, {paper_id(1): second})
        await show(store, {paper_id(1): first})
        assert await store.seen(CHANNEL, map(paper_id, (1, 3))) == {paper_id(1): second}
        assert await store.seen(CHANNEL, [paper_id(2)]) == {paper_id(2): first}
        assert await store.seen(OTHER_CHANNEL, [paper_id(1)]) == {}

    async def test_receipts_come_newest_first_and_one_per_slot(self, store: Store) -> None:
        for day in ("2026-05-06", "2026-05-08", "2026-05-07"):
            await store.save_receipt(receipt(day))
        await store.save_receipt(receipt("2026-05-07", posted=3))
        await store.save_receipt(receipt("2026-05-09", OTHER_CHANNEL))
        assert list(await store.receipts(CHANNEL)) == [receipt("2026-05-08")]
        assert list(await store.receipts(CHANNEL, limit=9)) == [
            receipt("2026-05-08"),
            receipt("2026-05-07", posted=3),
            receipt("2026-05-06"),
        ]

    # Writings

    async def test_what_was_written_is_kept_and_replaced(self, store: Store) -> None:
        first = Summary((Point("One.", "of one", 0, "Method"), Point("Two.")), "by a model")
        second = Summary((), "again", Point("All."), why=Point("Why.", "as it is"))
        assert await store.writing("k") is None
        await store.save_writing("k", first)
        await store.save_writing("other", second)
        assert await store.writing("k") == first
        await store.save_writing("k", second)
        assert await store.writing("k") == second

    async def test_tokens_add_up_by_day_and_channel(self, store: Store) -> None:
        assert await store.spent(TODAY) == {}
        for channel, tokens in ((CHANNEL, 5), (OTHER_CHANNEL, 7), (CHANNEL, 20)):
            await store.spend(channel, TODAY, tokens)
        await store.spend(CHANNEL, TODAY + timedelta(days=1), 3_000_000_000)
        assert await store.spent(TODAY) == {CHANNEL: 25, OTHER_CHANNEL: 7}
        assert await store.spent(TODAY + timedelta(days=1)) == {CHANNEL: 3_000_000_000}

    # Votes

    async def test_a_person_counts_once_however_many_marks_they_made(self, store: Store) -> None:
        for origin in ORIGINS:
            await store.cast(ballot(origin=origin))
            await store.cast(ballot(origin=origin))
        await store.cast(ballot(user=BOB))
        await store.cast(ballot(kind=VoteKind.SAVE))
        assert await store.tallies(CHANNEL) == {paper_id(1): Tally(up=2, save=1)}
        assert set(await store.marks(CHANNEL, paper_id(1), ANN, VoteKind.UP)) == set(ORIGINS)

        for origin in ORIGINS[1:]:
            await store.withdraw(ballot(origin=origin))
        assert await store.tallies(CHANNEL) == {paper_id(1): Tally(up=2, save=1)}
        await store.withdraw(ballot(origin=ORIGINS[0]))
        await store.withdraw(ballot(origin=ORIGINS[0]))
        assert await store.tallies(CHANNEL) == {paper_id(1): Tally(up=1, save=1)}

    async def test_a_paper_nobody_votes_for_any_more_has_no_tally(self, store: Store) -> None:
        await show(store, {paper_id(2): Seen(batch_key(), slot().day)})
        await store.withdraw(ballot())
        await store.cast(ballot())
        await store.withdraw(ballot())
        assert await store.tallies(CHANNEL) == {}
        assert await store.tallies(CHANNEL, map(paper_id, (1, 2, 3))) == {}

    async def test_votes_on_papers_that_nobody_keeps_count_too(self, store: Store) -> None:
        await store.cast(ballot(7))
        assert await store.papers([paper_id(7)]) == {}
        assert await store.tallies(CHANNEL, map(paper_id, (7, 8))) == {paper_id(7): Tally(up=1)}

    async def test_votes_and_showings_of_a_paper_leave_each_other_alone(self, store: Store) -> None:
        shown = Seen(batch_key(), slot().day)
        await store.cast(ballot())
        await show(store, {paper_id(1): shown})
        await store.cast(ballot(user=BOB))
        await store.withdraw(ballot())
        assert await store.seen(CHANNEL, [paper_id(1)]) == {paper_id(1): shown}
        assert await store.tallies(CHANNEL) == {paper_id(1): Tally(up=1)}

    async def test_a_persons_votes_are_found_in_whatever_channel(self, store: Store) -> None:
        await store.cast(ballot(1, ANN, VoteKind.SAVE))
        await store.cast(ballot(1, ANN, VoteKind.SAVE, "m1#🔖"))
        await store.cast(ballot(2, ANN, VoteKind.SAVE, channel=OTHER_CHANNEL))
        await store.cast(ballot(3, ANN, VoteKind.UP))
        await store.cast(ballot(4, BOB, VoteKind.SAVE))
        await store.cast(ballot(5, ANN, VoteKind.SAVE))
        await store.withdraw(ballot(5, ANN, VoteKind.SAVE))
        found = await store.voted(ANN, VoteKind.SAVE)
        assert sorted(found) == [(OTHER_CHANNEL, paper_id(2)), (CHANNEL, paper_id(1))]
        assert list(await store.voted(BOB, VoteKind.UP)) == []

    async def test_votes_cast_at_once_all_count(self, store: Store) -> None:
        people = [replace(ANN, id=f"U{n}") for n in range(30)]
        await asyncio.gather(*(store.cast(ballot(user=user)) for user in people))
        assert await store.tallies(CHANNEL) == {paper_id(1): Tally(up=30)}

    @settings(
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,  # the fixture opens; every example has its store
            HealthCheck.differing_executors,  # one suite, several stores
        ],
    )
    @given(steps=vote_steps)
    async def test_votes_behave_like_a_set_of_ballots(
        self, open_store: OpenStore, steps: list[tuple[object, ...]]
    ) -> None:
        store = await open_store()
        model: set[Ballot] = set()
        for step in steps:
            match step:
                case ("cast", Ballot() as each):
                    await store.cast(each)
                    model.add(each)
                case ("withdraw", Ballot() as each):
                    await store.withdraw(each)
                    model.discard(each)
                case ("replace", str(prefix), frozenset(chosen)):
                    await store.replace_marks(CHANNEL, prefix, chosen)
                    model = set(chosen) | {
                        each
                        for each in model
                        if each.channel != CHANNEL or not each.origin.startswith(prefix)
                    }
        for n, user, kind in ((n, u, k) for n in (1, 2) for u in (ANN, BOB) for k in VoteKind):
            assert set(await store.marks(CHANNEL, paper_id(n), user, kind)) == {
                each.origin for each in model if each == ballot(n, user, kind, each.origin, CHANNEL)
            }
        assert await store.tallies(CHANNEL) == tallied(model)
        assert await store.tallies(CHANNEL, [paper_id(1)]) == {
            voted: tally for voted, tally in tallied(model).items() if voted == paper_id(1)
        }
        await store.close()


@dataclass(frozen=True, slots=True)
class Pair:
    """One state, opened by two processes.

    Attributes:
        wait: Lets so many seconds pass: by sleeping, or by telling the store that they have. No
            step of a test needs all of ``lease_seconds`` but where it waits for them to be over.
    """

    one: Store
    two: Store
    wait: Callable[[float], Awaitable[None]]

    @property
    def lease_seconds(self) -> float:
        """How long a right lasts, to both."""
        assert self.one.lease_seconds is not None
        assert self.one.lease_seconds == self.two.lease_seconds
        return self.one.lease_seconds

    async def outlast(self) -> None:
        """Let all leases run out."""
        await self.wait(self.lease_seconds * 1.1)


OpenPair = Callable[[], Awaitable[Pair]]


class SharedStoreContract:
    """Every test begins with an empty store that two processes have open."""

    @pytest.fixture
    async def pair(self, open_pair: OpenPair) -> AsyncIterator[Pair]:
        pair = await open_pair()
        yield pair
        await pair.one.close()
        await pair.two.close()

    # Rights

    async def test_of_two_plans_at_once_one_wins_and_has_the_lease(self, pair: Pair) -> None:
        plans = (
            pair.one.plan([delivery("a")], receipt(note="one")),
            pair.two.plan([delivery("b")], receipt(note="two")),
        )
        wins = await asyncio.gather(*plans)
        assert sorted(wins) == [False, True]
        winner, loser = (pair.one, pair.two) if wins[0] else (pair.two, pair.one)
        (planned,) = await loser.deliveries(slot())
        assert planned.part == ("a" if wins[0] else "b")
        assert await loser.receipt(slot()) == receipt(note="one" if wins[0] else "two")
        assert await loser.claim(slot()) is False
        with pytest.raises(LeaseLost):
            await loser.advance(planned.key, DeliveryState.SENDING, at=NOW)
        await winner.advance(planned.key, DeliveryState.SENDING, at=NOW)
        assert await winner.claim(slot()) is True

    @pytest.mark.parametrize("right", RIGHTS, ids=str)
    async def test_of_two_claims_at_once_one_wins(self, pair: Pair, right: Slot | str) -> None:
        await taken(pair.one, right)
        await pair.one.release(right)
        claims = await asyncio.gather(pair.one.claim(right), pair.two.claim(right))
        assert sorted(claims) == [False, True]

    @pytest.mark.parametrize("right", RIGHTS, ids=str)
    async def test_a_right_is_another_process_s_once_its_lease_has_run_out(
        self, pair: Pair, right: Slot | str
    ) -> None:
        assert await taken(pair.one, right) is True
        assert await pair.two.claim(right) is False
        await pair.outlast()
        assert await pair.two.claim(right) is True
        assert await pair.one.claim(right) is False
        await pair.outlast()
        assert await pair.one.claim(right) is True

    @pytest.mark.parametrize("right", RIGHTS, ids=str)
    async def test_a_claim_renews_a_lease(self, pair: Pair, right: Slot | str) -> None:
        assert await taken(pair.one, right) is True
        for _ in range(4):
            await pair.wait(pair.lease_seconds * 0.4)
            assert await pair.one.claim(right) is True
        assert await pair.two.claim(right) is False

    @pytest.mark.parametrize("right", RIGHTS, ids=str)
    async def test_a_released_right_is_free_at_once(self, pair: Pair, right: Slot | str) -> None:
        assert await taken(pair.one, right) is True
        await pair.two.release(right)  # it is not its own
        assert await pair.two.claim(right) is False
        await pair.one.release(right)
        assert await pair.two.claim(right) is True
        await pair.one.release(right)  # nor is it any more
        assert await pair.one.claim(right) is False

    @pytest.mark.parametrize("right", RIGHTS, ids=str)
    async def test_a_right_released_with_a_wait_is_free_after_it_and_its_owner_s_before(
        self, pair: Pair, right: Slot | str
    ) -> None:
        assert await taken(pair.one, right) is True
        await pair.one.release(right, wait=pair.lease_seconds / 2)
        assert await pair.two.claim(right) is False
        assert await pair.one.claim(right) is True

        await pair.one.release(right, wait=pair.lease_seconds * 2)
        await pair.outlast()
        assert await pair.two.claim(right) is False, "a wait may be longer than a lease"
        await pair.outlast()
        assert await pair.two.claim(right) is True
        assert await pair.one.claim(right) is False

    async def test_rights_are_apart_from_each_other(self, pair: Pair) -> None:
        await pair.one.plan([delivery()], receipt())
        await pair.two.plan([delivery(channel=OTHER_CHANNEL)], receipt(channel=OTHER_CHANNEL))
        assert await pair.one.claim("publish") is True
        assert await pair.two.claim("repair") is True
        assert await pair.two.claim(str(slot())) is True, "a name is no slot"
        assert await pair.two.claim(slot()) is False
        assert await pair.one.claim(slot(channel=OTHER_CHANNEL)) is False

    # What a lost lease forbids

    async def test_a_process_that_was_frozen_changes_nothing_but_tells_what_it_sent(
        self, pair: Pair
    ) -> None:
        parts = [delivery(), delivery("a", 1)]
        await pair.one.plan(parts, receipt())
        await pair.one.advance(parts[0].key, DeliveryState.SENDING, at=NOW)
        await pair.outlast()
        assert await pair.two.claim(slot()) is True
        before = await everything(pair.two)
        for state in DeliveryState:
            if state is not DeliveryState.SENT:
                with pytest.raises(LeaseLost, match="leave it to the other"):
                    await pair.one.advance(parts[0].key, state, reason="late", at=LATER)
        assert await everything(pair.two) == before

        shown = {paper_id(1): Seen(batch_key(), slot().day)}
        await pair.one.advance(parts[0].key, DeliveryState.SENT, ref=message(), seen=shown)
        await pair.two.advance(parts[0].key, DeliveryState.SENDING, at=LATER)
        assert await pair.two.delivery_at(message()) == replace(
            parts[0], state=DeliveryState.SENT, ref=message(), attempted_at=NOW
        )
        assert await pair.two.seen(CHANNEL, [paper_id(1)]) == shown
        await pair.two.advance(parts[1].key, DeliveryState.SENDING, at=LATER)
        with pytest.raises(LeaseLost):
            await pair.one.advance(parts[1].key, DeliveryState.SENDING, at=LATER)

    async def test_a_lease_that_ran_out_is_lost_though_nobody_else_claimed_it(
        self, pair: Pair
    ) -> None:
        await pair.one.plan([delivery()], receipt())
        await pair.outlast()
        with pytest.raises(LeaseLost):
            await pair.one.advance(delivery().key, DeliveryState.SENDING, at=NOW)
        assert await pair.one.claim(slot()) is True
        await pair.one.advance(delivery().key, DeliveryState.SENDING, at=NOW)
        await pair.outlast()
        await pair.one.advance(delivery().key, DeliveryState.SENT, ref=message())
        kept = await pair.two.delivery_at(message())
        assert kept is not None
        assert kept.state is DeliveryState.SENT

    async def test_an_advance_renews_the_lease(self, pair: Pair) -> None:
        await pair.one.plan([delivery()], receipt())
        for _ in range(4):
            await pair.wait(pair.lease_seconds * 0.4)
            await pair.one.advance(delivery().key, DeliveryState.SENDING, at=NOW)
        assert await pair.two.claim(slot()) is False

    async def test_what_one_left_the_other_finishes(self, pair: Pair) -> None:
        await pair.one.plan([delivery()], receipt())
        await pair.one.advance(delivery().key, DeliveryState.AMBIGUOUS, reason="lost", at=NOW)
        await pair.one.release(slot())
        assert list(await pair.two.unfinished()) == [slot()]
        assert await pair.two.claim(slot()) is True
        await pair.two.advance(delivery().key, DeliveryState.SENT, ref=message())
        assert list(await pair.one.unfinished(CHANNEL)) == []

    # What both see

    async def test_what_one_writes_the_other_reads(self, pair: Pair) -> None:
        await fill(pair.one)
        assert await everything(pair.two) == await everything(pair.one)
        await pair.two.withdraw(ballot())
        await pair.two.replace_marks(CHANNEL, "m1#", [ballot(3, origin="m1#👍")])
        await pair.two.save_papers([paper(9, upvotes=1)])
        await pair.two.save_receipt(receipt(posted=3))
        assert await pair.two.remove_subscription(CHANNEL) is True
        assert await everything(pair.one) == await everything(pair.two)
        assert await pair.one.remove_subscription(CHANNEL) is False
        await pair.one.save_subscription(subscription(limit=3))
        assert await pair.two.subscription(CHANNEL) == subscription(limit=3)

    async def test_readings_merged_by_both_at_once_are_all_kept(self, pair: Pair) -> None:
        readings = [[1, 2], [2, 3], [4], [1, 5]]
        added = await asyncio.gather(
            *(
                store.save_batch(batch(papers=[paper(n) for n in reading]), NOW)
                for store, reading in zip((pair.one, pair.two) * 2, readings, strict=True)
            )
        )
        assert sum(added) == 5
        for store in (pair.one, pair.two):
            (kept,) = await store.batches(["huggingface"])
            assert {each.id for each in kept.papers} == {paper_id(n) for n in range(1, 6)}
            assert len(kept.papers) == 5

    async def test_votes_cast_by_both_at_once_all_count(self, pair: Pair) -> None:
        people = [replace(ANN, id=f"U{n}") for n in range(20)]
        await asyncio.gather(
            *(store.cast(ballot(user=user)) for user in people for store in (pair.one, pair.two)),
            *(pair.one.cast(ballot(2, user=user)) for user in people[:10]),
            *(pair.two.cast(ballot(2, user=user)) for user in people[10:]),
        )
        for store in (pair.one, pair.two):
            votes = Tally(up=20)
            assert await store.tallies(CHANNEL) == {paper_id(1): votes, paper_id(2): votes}

    async def test_a_showing_that_one_tells_late_does_not_turn_time_back(self, pair: Pair) -> None:
        older = Seen(batch_key("2026-05-06"), date(2026, 5, 6))
        newer = Seen(batch_key("2026-05-07"), date(2026, 5, 7))
        await show(pair.one, {paper_id(1): newer})
        await show(pair.two, {paper_id(1): older})
        assert await pair.one.seen(CHANNEL, [paper_id(1)]) == {paper_id(1): newer}


async def taken(store: Store, right: Slot | str) -> bool:
    """Take a right that nobody has had: a slot's by planning it."""
    if isinstance(right, Slot):
        return await store.plan([delivery()], receipt())
    return await store.claim(right)


async def show(store: Store, seen: Mapping[PaperId, Seen]) -> None:
    """Let ``CHANNEL`` see papers, as a digest of that day does that is sent."""
    (day,) = {each.day for each in seen.values()}
    shown = delivery(day=day)
    await store.plan([shown], receipt(day))
    await store.advance(shown.key, DeliveryState.SENT, seen=seen)


async def fill(store: Store) -> None:
    """Keep one of everything."""
    await store.save_batch(batch(), NOW)
    await store.save_papers([paper(9)])
    await store.save_subscription(subscription(parked="archived", owed_from=NOW))
    await store.plan([delivery(), delivery("a", 1)], receipt(next_run=LATER))
    shown = {paper_id(1): Seen(batch_key(), slot().day, 5)}
    await store.advance(delivery().key, DeliveryState.SENT, ref=message(), at=NOW, seen=shown)
    await store.cast(ballot())
    await store.cast(ballot(2, BOB, VoteKind.SAVE, "m1#🔖"))


async def write(store: Store) -> None:
    """Keep something a model wrote, and what that cost."""
    await store.save_writing("k", Summary((Point("One."),), "by a model"))
    await store.spend(CHANNEL, TODAY, 9)


async def everything(store: Store) -> tuple[object, ...]:
    """Read all that ``fill`` kept, and what hangs together with it."""
    ids = [paper_id(n) for n in range(10)]
    return (
        list(await store.batches(["huggingface"])),
        await store.papers(),
        list(await store.subscriptions()),
        list(await store.deliveries(examples.slot())),
        list(await store.unfinished()),
        await store.delivery_at(message()),
        await store.latest_slot(CHANNEL),
        list(await store.sent_since(NOW)),
        list(await store.receipts(CHANNEL, limit=9)),
        await store.seen(CHANNEL, ids),
        set(await store.marks(CHANNEL, paper_id(2), BOB, VoteKind.SAVE)),
        await store.tallies(CHANNEL),
        await store.writing("k"),
        await store.spent(TODAY),
    )
