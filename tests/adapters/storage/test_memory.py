from __future__ import annotations

import pytest

from adapters.storage.memory import MemoryStore
from bot.ports import Store
from tests.contracts.store import OpenStore, StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def open_store(self) -> OpenStore:
        async def opened() -> Store:
            return MemoryStore()

        return opened
