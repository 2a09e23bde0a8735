from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.storage.memory import MemoryStore
from bot.domain.channels import MessageRef, UserRef
from bot.domain.command import Caller
from bot.domain.deliveries import Delivery, DeliveryState
from bot.domain.reply import VoteAction
from bot.domain.votes import Reaction, Tally, VoteKind
from bot.services import votes
from tests.bot.posted import post
from tests.examples import ANN, BOB, CHANNEL, NOW, delivery, message, paper_id

HEAD_AT, PAPER_AT = message(1), message(2)
CALLER = Caller(ANN, CHANNEL)
UP = VoteAction(VoteKind.UP, paper_id(1))


HEAD_PLANNED = delivery()
PAPER_PLANNED = delivery(str(paper_id(1)), 1, papers=(1,))
ON_HEAD = replace(HEAD_PLANNED, ref=HEAD_AT, state=DeliveryState.SENT, attempted_at=NOW)
ON_PAPER = replace(PAPER_PLANNED, ref=PAPER_AT, state=DeliveryState.SENT, attempted_at=NOW)


@pytest.fixture
async def store() -> MemoryStore:
    """Return a store in which a head and one paper's message stand in the channel."""
    store = MemoryStore()
    await post([HEAD_PLANNED, PAPER_PLANNED], store)
    return store


def reaction(
    emoji: str, at: MessageRef = HEAD_AT, user: UserRef = ANN, *, added: bool = True
) -> Reaction:
    return Reaction(at, user, emoji, added)


async def tally(store: MemoryStore, n: int = 1) -> Tally:
    return (await store.tallies(CHANNEL)).get(paper_id(n), Tally())


@pytest.mark.parametrize(
    ("emoji", "on", "vote"),
    [
        ("1️⃣", ON_HEAD, (1, VoteKind.UP)),
        ("3️⃣", ON_HEAD, (3, VoteKind.UP)),
        ("4️⃣", ON_HEAD, None),
        ("👍", ON_HEAD, None),
        ("👍", ON_PAPER, (1, VoteKind.UP)),
        ("👍🏿", ON_PAPER, (1, VoteKind.UP)),
        ("👎", ON_PAPER, (1, VoteKind.DOWN)),
        ("🔖", ON_PAPER, (1, VoteKind.SAVE)),
        ("🎉", ON_PAPER, None),
        ("1️⃣", ON_PAPER, (1, VoteKind.UP)),
        ("2️⃣", ON_PAPER, None),
        ("4️⃣", delivery("cards-2", papers=(4, 5), first_rank=4), (4, VoteKind.UP)),
    ],
)
def test_a_reaction_counts_for_the_paper_it_can_only_mean(
    emoji: str, on: Delivery, vote: tuple[int, VoteKind] | None
) -> None:
    ballot = votes.ballot_of(reaction(emoji), on)
    found = ballot and (int(ballot.paper.key[-5:]), ballot.kind)
    assert found == vote


async def test_a_reaction_on_a_foreign_message_counts_for_nothing(store: MemoryStore) -> None:
    assert await votes.apply(reaction("1️⃣", message(99)), store) is None
    assert await store.tallies(CHANNEL) == {}


async def test_a_reaction_tells_which_counts_it_changed(store: MemoryStore) -> None:
    assert await votes.apply(reaction("2️⃣"), store) == ON_HEAD
    assert await votes.apply(reaction("🎉"), store) is None
    assert await tally(store, 2) == Tally(up=1)


marks = st.tuples(
    st.sampled_from(["1️⃣", "2️⃣", "👍", "👍🏽", "👎", "🎉"]),
    st.sampled_from([HEAD_AT, PAPER_AT]),
    st.sampled_from([ANN, BOB]),
)


@given(st.lists(st.tuples(marks, st.booleans()), max_size=20), st.randoms())
async def test_events_lost_doubled_or_disordered_heal_when_the_messages_are_read_again(
    events: list[tuple[tuple[str, MessageRef, UserRef], bool]], chance: object
) -> None:
    """The truth is what stands in the channel; the events that arrive only hurry it up."""
    told, truth = MemoryStore(), MemoryStore()
    for store in (told, truth):
        await post([HEAD_PLANNED, PAPER_PLANNED], store)
    standing: set[tuple[str, MessageRef, UserRef]] = set()
    for (emoji, at, user), added in events:
        (standing.add if added else standing.discard)((emoji, at, user))
        for _ in range(chance.choice([0, 1, 2])):  # type: ignore[attr-defined]
            await votes.apply(reaction(emoji, at, user, added=added), told)
    for emoji, at, user in standing:
        await votes.apply(reaction(emoji, at, user), truth)
    for each in (ON_HEAD, ON_PAPER):
        found = [
            reaction(emoji, at, user) for emoji, at, user in sorted(standing) if at == each.ref
        ]
        await votes.repair(each, found, told)
    assert await told.tallies(CHANNEL) == await truth.tallies(CHANNEL)


async def test_a_person_counts_once_however_often_they_say_it(store: MemoryStore) -> None:
    await votes.apply(reaction("1️⃣"), store)
    await votes.apply(reaction("👍", PAPER_AT), store)
    await votes.toggle(UP, CALLER, store)
    assert await tally(store) == Tally(up=1)
    await votes.apply(reaction("1️⃣", added=False), store)
    assert await tally(store) == Tally(up=1)


async def test_a_repair_leaves_buttons_and_other_messages_alone(store: MemoryStore) -> None:
    await votes.toggle(UP, CALLER, store)
    await votes.apply(reaction("👍", PAPER_AT, BOB), store)
    await votes.repair(ON_HEAD, [], store)
    assert await tally(store) == Tally(up=2)


async def test_a_button_pressed_twice_takes_its_vote_back(store: MemoryStore) -> None:
    assert await votes.toggle(UP, CALLER, store) == (True, Tally(up=1))
    assert await votes.toggle(UP, CALLER, store) == (False, Tally())


async def test_a_button_does_not_claim_to_take_back_a_vote_that_stands_by_reaction(
    store: MemoryStore,
) -> None:
    await votes.apply(reaction("👍", PAPER_AT), store)
    await votes.toggle(UP, CALLER, store)
    assert await votes.toggle(UP, CALLER, store) == (True, Tally(up=1))
