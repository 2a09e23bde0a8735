"""Any store and the model of one, step by step: a reader cannot tell them apart."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from adapters.storage.memory import MemoryStore
from bot.domain.channels import ChannelRef
from bot.domain.deliveries import DeliveryState, Seen, Slot
from bot.domain.errors import StoreError
from bot.domain.votes import Ballot, VoteKind
from bot.ports import Store
from tests.contracts.store import ballots
from tests.examples import (
    ANN,
    CHANNEL,
    NOW,
    OTHER_CHANNEL,
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

DAYS = ("2026-05-06", "2026-05-07", "2026-05-08")
CHANNELS = (CHANNEL, OTHER_CHANNEL)

days = st.sampled_from(DAYS)
channels = st.sampled_from(CHANNELS)
parts = st.sampled_from(["head", "a", "b"])
rights = st.builds(slot, days, channels) | st.sampled_from(["publish", "repair"])
shown = st.frozensets(st.integers(1, 5))


class StoreMachine(RuleBasedStateMachine):
    """Whatever is done, in whatever order, by one process that may start anew.

    A subclass says how its store is begun, opened again and taken away, and adds what it alone can
    do; ``TestCase`` of it is the test.

    Attributes:
        lease_seconds: How long the store's leases last: longer than a run, or for ever.
    """

    lease_seconds: ClassVar[float | None] = None
    store: Store

    async def begun(self) -> Store:
        """Return the store, empty."""
        raise NotImplementedError

    async def reopened(self) -> Store:
        """Return the store, which was closed, as the same process opens it again."""
        raise NotImplementedError

    async def removed(self) -> None:
        """Take away what the store, which was closed, has left."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.model = MemoryStore(self.lease_seconds)
        self.store = self.run(self.begun())

    def teardown(self) -> None:
        self.run(self.store.close())
        self.run(self.removed())
        self.loop.close()

    def run(self, verb: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(verb)

    def both(self, verb: str, *args: Any, **kwargs: Any) -> None:
        """Ask both the same; they answer alike, or refuse in the same words."""
        expected = self._outcome(self.model, verb, *args, **kwargs)
        assert self._outcome(self.store, verb, *args, **kwargs) == expected

    def _outcome(self, store: Store, verb: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.run(getattr(store, verb)(*args, **kwargs))
        except StoreError as error:
            return str(error)

    @rule(day=days, papers=st.lists(st.integers(1, 5)), votes=st.integers(0, 3))
    def save_batch(self, day: str, papers: list[int], votes: int) -> None:
        self.both("save_batch", batch(day, [paper(n, upvotes=votes) for n in papers]), NOW)

    @rule(day=days, channel=channels, names=st.lists(parts, unique=True))
    def plan(self, day: str, channel: ChannelRef, names: list[str]) -> None:
        planned = [delivery(part, n, day=day, channel=channel) for n, part in enumerate(names)]
        self.both("plan", planned, receipt(day, channel))

    @rule(right=rights)
    def claim(self, right: Slot | str) -> None:
        self.both("claim", right)

    @rule(right=rights, wait=st.sampled_from([0, 3_600]))
    def release(self, right: Slot | str, wait: float) -> None:
        self.both("release", right, wait)

    @rule(day=days, channel=channels, part=parts, state=st.sampled_from(DeliveryState))
    def advance(self, day: str, channel: ChannelRef, part: str, state: DeliveryState) -> None:
        self.both("advance", delivery(part, day=day, channel=channel).key, state, at=NOW)

    @rule(day=days, channel=channels, part=parts, papers=shown)
    def tell_sent(self, day: str, channel: ChannelRef, part: str, papers: frozenset[int]) -> None:
        key = delivery(part, day=day, channel=channel).key
        seen = {paper_id(n): Seen(batch_key(day), slot(day).day) for n in papers}
        ref = message(int(key[:5], 16), channel)
        self.both("advance", key, DeliveryState.SENT, ref=ref, seen=seen or None)

    @rule(day=days, channel=channels, posted=st.integers(0, 3))
    def save_receipt(self, day: str, channel: ChannelRef, posted: int) -> None:
        self.both("save_receipt", receipt(day, channel, posted=posted))

    @rule(each=ballots, verb=st.sampled_from(["cast", "withdraw"]))
    def vote(self, each: Ballot, verb: str) -> None:
        self.both(verb, each)

    @rule(chosen=st.frozensets(ballots, max_size=3), prefix=st.sampled_from(["m1#", "button"]))
    def repair(self, chosen: frozenset[Ballot], prefix: str) -> None:
        self.both("replace_marks", CHANNEL, prefix, chosen)

    @rule(channel=channels, limit=st.integers(1, 3))
    def subscribe(self, channel: ChannelRef, limit: int) -> None:
        self.both("save_subscription", subscription(channel, limit=limit))

    @rule(channel=channels)
    def unsubscribe(self, channel: ChannelRef) -> None:
        self.both("remove_subscription", channel)

    @rule()
    def open_again(self) -> None:
        self.run(self.store.close())
        self.store = self.run(self.reopened())

    @invariant()
    def both_read_alike(self) -> None:
        self.both("papers")
        self.both("batches", ["huggingface"], limit=9)
        self.both("subscriptions")
        self.both("unfinished")
        self.both("sent_since", NOW)
        ids = [paper_id(n) for n in range(1, 6)]
        for channel in CHANNELS:
            self.both("unfinished", channel)
            self.both("latest_slot", channel)
            self.both("receipts", channel, limit=9)
            self.both("seen", channel, ids)
            self.both("tallies", channel)
            for day in DAYS:
                self.both("deliveries", slot(day, channel))
        for n in (1, 2):
            for kind in VoteKind:
                marks = self.run(self.model.marks(CHANNEL, paper_id(n), ANN, kind))
                assert set(self.run(self.store.marks(CHANNEL, paper_id(n), ANN, kind))) == marks
