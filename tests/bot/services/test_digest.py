from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.channels import Filters, Layout, Subscription, Weekday
from bot.domain.deliveries import HEAD, Held, Seen
from bot.domain.papers import Batch, Paper, PaperId, opens_at
from bot.services.digest import (
    CARDS_PER_MESSAGE,
    RESURFACED_SHOWN,
    Plan,
    candidates,
    not_ordered,
    objection,
    plan_digest,
    rank,
)
from tests.examples import NOW, TODAY, batch, batch_key, paper, paper_id, slot, subscription

YESTERDAY = TODAY - timedelta(days=1)

papers = st.builds(
    lambda n, upvotes, word: paper(n, upvotes=upvotes, title=f"Paper {n} on {word}"),
    st.integers(1, 40),
    st.one_of(st.none(), st.integers(0, 9)),
    st.sampled_from(["walking", "running", "C++ (fast)"]),
)
batches = st.tuples(
    st.lists(papers, max_size=30).map(lambda found: batch(TODAY, found)),
    st.lists(papers, max_size=6).map(lambda found: batch(YESTERDAY, found)),
)
seen_maps = st.dictionaries(
    st.integers(1, 40).map(paper_id),
    st.sampled_from([YESTERDAY, TODAY]).map(lambda day: Seen(batch_key(day), day)),
    max_size=20,
)
orders = st.builds(
    lambda layout, limit, include, exclude, least: subscription(
        layout=layout, limit=limit, filters=Filters(include, exclude, least)
    ),
    st.sampled_from(Layout),
    st.integers(1, 25),
    st.sampled_from([(), ("walking",), ("walking", "c++ (fast)")]),
    st.sampled_from([(), ("running",)]),
    st.integers(0, 5),
)


def planned(plan: Plan) -> list[PaperId]:
    """Return the papers of a digest in the order in which they are read."""
    layout = plan.deliveries[0].layout if plan.deliveries else Layout.LIST
    shown = plan.deliveries if layout in (Layout.CARDS, Layout.PAPERS) else plan.deliveries[:1]
    return [each for delivery in shown for each in delivery.papers]


def by_id(found: tuple[Batch, ...]) -> dict[PaperId, Paper]:
    return {each.id: each for one in reversed(found) for each in reversed(one.papers)}


@given(orders, batches, seen_maps)
def test_a_digest_ranks_new_papers_by_votes_up_to_the_limit(
    order: Subscription, found: tuple[Batch, ...], seen: dict[PaperId, Seen]
) -> None:
    plan = plan_digest(order, TODAY, found, seen, now=NOW)
    known = by_id(found)
    votes = [-1 if known[each].upvotes is None else known[each].upvotes for each in planned(plan)]
    assert votes == sorted(votes, reverse=True)
    assert len(votes) <= order.limit
    assert len(set(planned(plan))) == len(votes)
    assert not set(planned(plan)) & set(seen)
    assert all(objection(known[each], order.filters) is None for each in planned(plan))


@given(orders, batches, seen_maps)
def test_every_listed_paper_is_planned_or_held_for_a_reason(
    order: Subscription, found: tuple[Batch, ...], seen: dict[PaperId, Seen]
) -> None:
    plan = plan_digest(order, TODAY, found, seen, now=NOW)
    held = sum(each.count for each in plan.receipt.held)
    assert plan.receipt.listed == len(by_id(found)) == len(planned(plan)) + held
    assert plan.receipt.matched >= len(planned(plan))
    assert all(each.reason and each.count > 0 for each in plan.receipt.held)
    assert plan.receipt.posted == 0
    assert plan.receipt.note.endswith((".", ")"))


@given(orders, batches, seen_maps)
def test_papers_listed_again_later_are_mentioned_on_the_head_alone(
    order: Subscription, found: tuple[Batch, ...], seen: dict[PaperId, Seen]
) -> None:
    plan = plan_digest(order, TODAY, found, seen, now=NOW)
    newest = {each.id for each in found[0].papers}
    again = {each for each, before in seen.items() if before.batch.day < TODAY and each in newest}
    for delivery in plan.deliveries:
        mentioned = set(delivery.resurfaced)
        if delivery.part == HEAD:
            assert mentioned <= again
            assert len(mentioned) == min(len(again), RESURFACED_SHOWN)
        else:
            assert not mentioned


@given(orders, batches)
def test_every_layout_has_its_shape(order: Subscription, found: tuple[Batch, ...]) -> None:
    plan = plan_digest(order, TODAY, found, {}, now=NOW)
    messages, ids = plan.deliveries, planned(plan)
    assert [each.position for each in messages] == list(range(len(messages)))
    assert len({each.key for each in messages}) == len(messages)
    assert len({each.part for each in messages}) == len(messages)
    assert all(each.slot == slot(TODAY) for each in messages)
    for each in messages:
        ranks = range(each.first_rank, each.first_rank + len(each.papers))
        assert [each.paper_at(rank) for rank in ranks] == [ids[rank - 1] for rank in ranks]
    if not messages:
        assert not ids
        return
    if order.layout is Layout.PAPERS:
        assert [each.papers for each in messages] == [(each,) for each in ids]
        assert [each.part for each in messages] == list(map(str, ids))
        return
    head, *rest = messages
    assert (head.part, head.first_rank) == (HEAD, 1)
    if order.layout is Layout.LIST:
        assert not rest
    elif order.layout is Layout.THREAD:
        assert [each.papers for each in rest] == [(each,) for each in head.papers]
        assert [each.part for each in rest] == list(map(str, head.papers))
    else:
        sizes = [len(each.papers) for each in messages]
        assert sizes[:-1] == [CARDS_PER_MESSAGE] * (len(sizes) - 1)
        assert 1 <= sizes[-1] <= CARDS_PER_MESSAGE
        assert [each.part for each in rest] == [f"cards-{n}" for n in range(2, len(messages) + 1)]


@given(orders, batches, seen_maps)
def test_a_plan_depends_on_nothing_but_what_it_is_made_of(
    order: Subscription, found: tuple[Batch, ...], seen: dict[PaperId, Seen]
) -> None:
    plan = plan_digest(order, TODAY, found, seen, now=NOW)
    assert plan == plan_digest(order, TODAY, found, seen, now=NOW)
    renamed = tuple(
        replace(each, papers=tuple(replace(one, abstract="Other words.") for one in each.papers))
        for each in found
    )
    again = plan_digest(order, TODAY, renamed, seen, now=NOW + timedelta(minutes=5))
    assert [each.key for each in again.deliveries] == [each.key for each in plan.deliveries]


def test_papers_of_equal_votes_stay_in_the_order_of_their_source() -> None:
    found = [paper(1, upvotes=3), paper(2, upvotes=None), paper(3, upvotes=3), paper(4, upvotes=0)]
    assert [each.id for each in rank(found)] == [paper_id(n) for n in (1, 3, 4, 2)]


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        (Filters(), None),
        (Filters(include=("Walking",)), None),
        (Filters(include=("in the   dark",)), None),
        (Filters(include=("walk",)), "mentions none of “walk”"),
        (Filters(include=("walk", "run")), "mentions none of “walk”, “run”"),
        (Filters(include=("C++",)), None),
        (Filters(include=("robots",)), None),
        (Filters(exclude=("legs",)), "mentions “legs”"),
        (Filters(exclude=("leg",)), None),
        (Filters(include=("walking",), exclude=("legs",)), "mentions “legs”"),
        (Filters(min_upvotes=7), None),
        (Filters(min_upvotes=8), "fewer than 8 votes"),
    ],
)
def test_filters_match_whole_words_and_say_why_a_paper_is_left_out(
    filters: Filters, reason: str | None
) -> None:
    found = paper(
        1,
        title="Walking in C++",
        abstract="On legs, in the\ndark.",
        keywords=("robots",),
        upvotes=7,
    )
    assert objection(found, filters) == reason


def test_a_paper_of_unknown_votes_has_none_for_a_filter_that_asks() -> None:
    assert objection(paper(1, upvotes=None), Filters(min_upvotes=1)) == "fewer than 1 vote"
    assert objection(paper(1, upvotes=None), Filters()) is None


def test_a_receipt_accounts_for_everything_in_sentences() -> None:
    found = batch(TODAY, [paper(1), paper(2), paper(3, title="Boring"), paper(4), paper(5)])
    seen = {
        paper_id(1): Seen(batch_key(TODAY), TODAY),
        paper_id(2): Seen(batch_key(YESTERDAY), YESTERDAY),
    }
    order = subscription(limit=1, filters=Filters(exclude=("boring",)))
    plan = plan_digest(order, TODAY, [found], seen, now=NOW, next_run=NOW + timedelta(days=1))
    assert planned(plan) == [paper_id(4)]
    assert set(plan.receipt.held) == {
        Held("already posted", 1),
        Held("listed again after it was posted", 1),
        Held("mentions “boring”", 1),
        Held("beyond the limit of 1", 1),
    }
    assert plan.receipt.note == "1 paper of the batch of Thu 7 May 2026."
    assert plan.receipt.next_run == NOW + timedelta(days=1)


def test_an_empty_digest_still_says_why() -> None:
    nothing = plan_digest(subscription(), TODAY, [], {}, now=NOW)
    assert nothing.deliveries == ()
    assert nothing.receipt.note == "No batch is ready: nothing has been listed yet."
    seen = {paper_id(n): Seen(batch_key(), TODAY) for n in (1, 2, 3)}
    repeated = plan_digest(subscription(), TODAY, [batch()], seen, now=NOW)
    assert repeated.deliveries == ()
    assert repeated.receipt.note == (
        "Nothing new: the newest batch is of Thu 7 May 2026 (3 already posted)."
    )


def test_a_day_without_an_ordered_digest_has_its_account_too() -> None:
    order = subscription(
        schedule=replace(subscription().schedule, weekdays=(Weekday.MON, Weekday.TUE))
    )
    receipt = not_ordered(order, date(2026, 5, 7), NOW, NOW + timedelta(days=4))
    assert receipt.note == "No digest is ordered for a Thursday (weekdays: mon, tue)."
    assert (receipt.slot, receipt.listed, receipt.posted) == (slot(date(2026, 5, 7)), 0, 0)


READY = opens_at(TODAY) + timedelta(hours=3)
POSTED_AT = READY - timedelta(days=1)
BEFORE = TODAY - timedelta(days=2)


def listed(day: date, **arrived: datetime) -> Batch:
    """Return a list of papers 1 and 2, the second of which may have come late."""
    first = opens_at(day)
    times = {paper_id(1): first, paper_id(2): arrived.get("late", first)}
    return replace(batch(day, [paper(1), paper(2)]), arrived=times)


def test_first_contact_brings_the_newest_list_alone() -> None:
    kept = [listed(TODAY), listed(YESTERDAY), listed(BEFORE)]
    assert candidates(kept, {}, READY) == (kept[0],)


def test_late_arrivals_of_the_list_posted_last_come_with_the_next() -> None:
    late = listed(YESTERDAY, late=POSTED_AT + timedelta(minutes=1))
    newest, last = candidates([listed(TODAY), late], {batch_key(YESTERDAY): POSTED_AT}, READY)
    assert newest == listed(TODAY)
    assert [each.id for each in last.papers] == [paper_id(2)]


def test_what_the_last_digest_left_out_of_its_list_stays_left_out() -> None:
    kept = [listed(TODAY), listed(YESTERDAY)]
    chosen = candidates(kept, {batch_key(YESTERDAY): POSTED_AT}, READY)
    assert [len(each.papers) for each in chosen] == [2, 0]


def test_of_a_list_posted_already_only_what_came_since_is_new() -> None:
    late = listed(TODAY, late=READY + timedelta(hours=1))
    (only,) = candidates([late], {batch_key(TODAY): READY}, READY + timedelta(hours=2))
    assert [each.id for each in only.papers] == [paper_id(2)]


def test_after_a_longer_silence_only_the_newest_list_counts() -> None:
    kept = [listed(TODAY), listed(YESTERDAY), listed(BEFORE)]
    assert candidates(kept, {batch_key(BEFORE): POSTED_AT}, READY) == (kept[0],)


def test_a_list_that_is_not_ready_is_passed_over_for_the_one_before() -> None:
    kept = [listed(TODAY), listed(YESTERDAY), listed(BEFORE)]
    early = READY - timedelta(seconds=1)
    assert candidates(kept, {}, early) == (kept[1],)
    assert candidates([batch(TODAY, 0), kept[1]], {}, READY) == (kept[1],)


def test_every_source_has_its_own_newest_list() -> None:
    kept = [batch(TODAY), batch(YESTERDAY, source="folder"), batch(YESTERDAY)]
    assert candidates(kept, {}, READY) == (kept[0], kept[1])
    assert candidates([], {}, READY) == ()
