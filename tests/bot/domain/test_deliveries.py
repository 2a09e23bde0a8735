from __future__ import annotations

import itertools
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.channels import Layout
from bot.domain.deliveries import HEAD, delivery_key
from tests.examples import OTHER_CHANNEL, batch_key, delivery, paper_id, slot

KEY = "d118e9aff1bcdc1b5b3d1cdcc47f1d86d4166954c85c2a58fb6c1d50f8861ec4"


def test_a_message_keeps_its_name_for_ever() -> None:
    """A key that changes makes every unfinished digest be posted again: raise TEMPLATE_VERSION."""
    assert delivery_key(slot("2026-05-07"), [batch_key("2026-05-07")], HEAD) == KEY


def test_the_order_in_which_batches_are_named_does_not_matter() -> None:
    batches = [batch_key("2026-05-06"), batch_key("2026-05-07"), batch_key("2026-05-07", "sample")]
    names = {delivery_key(slot(), order, HEAD) for order in itertools.permutations(batches)}
    assert len(names) == 1


def test_everything_that_makes_another_message_makes_another_name() -> None:
    batches = [batch_key("2026-05-07")]
    names = [
        delivery_key(slot("2026-05-07"), batches, HEAD),
        delivery_key(slot("2026-05-08"), batches, HEAD),
        delivery_key(slot("2026-05-07", OTHER_CHANNEL), batches, HEAD),
        delivery_key(slot("2026-05-07"), [*batches, batch_key("2026-05-06")], HEAD),
        delivery_key(slot("2026-05-07"), batches, "cards-2"),
        delivery_key(slot("2026-05-07"), batches, str(paper_id(1))),
    ]
    assert len(set(names)) == len(names)


@given(st.integers(1, 9), st.integers(1, 5), st.integers(-3, 20))
def test_a_rank_names_the_paper_in_that_place(first: int, papers: int, rank: int) -> None:
    message = delivery(papers=range(1, papers + 1), first_rank=first)
    inside = first <= rank < first + papers
    assert message.paper_at(rank) == (paper_id(rank - first + 1) if inside else None)


def test_only_what_follows_the_head_of_a_thread_stands_in_the_thread() -> None:
    assert not delivery(HEAD).in_thread
    assert delivery(str(paper_id(1)), 1).in_thread
    assert not delivery("cards-2", 1, layout=Layout.CARDS).in_thread


def test_a_slot_is_written_with_its_channel_and_day() -> None:
    assert str(slot(date(2026, 5, 7))) == "slack:T1/C1@2026-05-07"
