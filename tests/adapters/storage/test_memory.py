from __future__ import annotations

import pytest

from adapters.storage.memory import MemoryStore
from bot.ports import Store
from tests.contracts.store import OpenPair, OpenStore, Pair, SharedStoreContract, StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def open_store(self) -> OpenStore:
        async def opened() -> Store:
            return MemoryStore()

        return opened


class TestLeasedMemoryStore(StoreContract):
    @pytest.fixture
    def open_store(self) -> OpenStore:
        async def opened() -> Store:
            return MemoryStore(lease_seconds=3_600)

        return opened


class TestSharedMemoryStore(SharedStoreContract):
    @pytest.fixture
    def open_pair(self) -> OpenPair:
        async def opened() -> Pair:
            now = 0.0

            async def wait(seconds: float) -> None:
                nonlocal now
                now += seconds

            store = MemoryStore(lease_seconds=60, clock=lambda: now)
            return Pair(store, store.replica(), wait)

        return opened
