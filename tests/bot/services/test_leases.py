from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from adapters.storage.memory import MemoryStore
from bot.domain.deliveries import Slot
from bot.domain.errors import LeaseLost, StoreError
from bot.services.leases import RENEWALS, leased

SECONDS = 0.15
"""Short enough to wait for; no test depends on how much longer anything takes."""


class Flaky(MemoryStore):
    """A store that can be out of reach, or give our right to another process."""

    out_of_reach = False
    claims = 0

    async def claim(self, right: Slot | str) -> bool:
        self.claims += 1
        if self.out_of_reach:
            raise StoreError("out of reach")
        return await super().claim(right)

    async def release(self, right: Slot | str, wait: float = 0) -> None:
        if self.out_of_reach:
            raise StoreError("out of reach")
        await super().release(right, wait)


async def until(condition: object) -> None:
    async with asyncio.timeout(30):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_one_process_has_a_right_and_the_other_gets_it_after_it() -> None:
    ours = MemoryStore(60)
    theirs = ours.replica()
    async with leased("gateway", ours) as mine:
        assert mine is not None
        async with leased("gateway", theirs) as other:
            assert other is None
    async with leased("gateway", theirs) as other:
        assert other is not None


async def test_a_right_is_renewed_for_as_long_as_it_is_needed() -> None:
    store = Flaky(SECONDS)
    async with leased("gateway", store) as lease:
        assert lease is not None
        await until(lambda: store.claims > 3 * RENEWALS)
        async with leased("gateway", store.replica()) as other:
            assert other is None


async def test_nobody_gets_a_right_before_its_owner_wants_to_go_on() -> None:
    now = 0.0
    store = MemoryStore(60, clock=lambda: now)
    async with leased("gateway", store) as lease:
        assert lease is not None
        lease.wait = 300
    now = 299
    async with leased("gateway", store.replica()) as other:
        assert other is None
    now = 300
    async with leased("gateway", store.replica()) as other:
        assert other is not None


async def cut_off(store: Flaky, meanwhile: Callable[[], None]) -> None:
    """Work under a lease for longer than a test runs."""
    async with leased("gateway", store):
        meanwhile()
        await asyncio.sleep(60)


async def test_work_is_cut_off_before_a_right_that_cannot_be_renewed_runs_out() -> None:
    store = Flaky(SECONDS)
    with pytest.raises(LeaseLost, match="gateway is not leased to this process"):
        await cut_off(store, lambda: setattr(store, "out_of_reach", True))


async def test_work_is_cut_off_at_once_when_another_process_has_the_right() -> None:
    store = Flaky(SECONDS)
    taken = ("another process", float("inf"))
    with pytest.raises(LeaseLost):
        await cut_off(store, lambda: store._leases.update(gateway=taken))


async def test_a_short_time_out_of_reach_costs_nothing() -> None:
    store = Flaky(SECONDS * 20)
    async with leased("gateway", store):
        store.out_of_reach = True
        before = store.claims
        await until(lambda: store.claims > before)
        store.out_of_reach = False
        before = store.claims
        await until(lambda: store.claims > before + 1)


async def test_the_works_own_timeout_and_failure_stay_what_they_are() -> None:
    store = MemoryStore(60)
    with pytest.raises(TimeoutError):
        async with leased("gateway", store), asyncio.timeout(0):
            await asyncio.sleep(60)
    with pytest.raises(ZeroDivisionError):
        async with leased("gateway", store):
            _ = 1 / 0
    async with leased("gateway", store.replica()) as other:
        assert other is not None, "it was let go of"


async def test_where_there_is_one_process_nothing_runs_out() -> None:
    store = Flaky()
    async with leased("gateway", store) as lease:
        assert lease is not None
        store.out_of_reach = True
        await asyncio.sleep(0)
    assert store.claims == 1
