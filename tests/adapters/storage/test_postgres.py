from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings

from adapters.storage.postgres import PostgresStore
from adapters.storage.postgres._engine import Database
from bot.ports import Store
from tests.contracts.store import OpenPair, OpenStore, Pair, SharedStoreContract, StoreContract
from tests.contracts.store_machine import StoreMachine
from tests.doubles.postgres import PostgresCluster


async def empty(postgres: PostgresCluster) -> str:
    """Return the address of a database that has the tables and no rows."""
    url = await postgres.emptied("contract")
    if not await postgres.value("SELECT to_regnamespace('daily_papers')", "contract"):
        await (await PostgresStore.open(url)).close()
    return url


def opened(url: str, replica: str = "one", lease_seconds: float = 3_600) -> PostgresStore:
    """Open a state that has its tables, sooner than ``open`` does."""
    return PostgresStore(Database(url), lease_seconds=lease_seconds, replica=replica)


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def open_store(self, postgres: PostgresCluster) -> OpenStore:
        async def begun() -> Store:
            return opened(await empty(postgres))

        return begun


class TestSharedPostgresStore(SharedStoreContract):
    @pytest.fixture
    def open_pair(self, postgres: PostgresCluster) -> OpenPair:
        async def begun() -> Pair:
            url = await empty(postgres)

            async def wait(seconds: float) -> None:
                await postgres.execute(
                    f"UPDATE daily_papers.slots SET leased_until = leased_until - '{seconds} s'::interval;"
                    f"UPDATE daily_papers.leases SET leased_until = leased_until - '{seconds} s'::interval",
                    "contract",
                )

            return Pair(opened(url, "one"), opened(url, "two"), wait)

        return begun


class PostgresMachine(StoreMachine):
    lease_seconds = 3_600
    postgres: ClassVar[PostgresCluster]

    async def begun(self) -> Store:
        return opened(await empty(self.postgres))

    async def reopened(self) -> Store:
        return opened(self.postgres.url("contract"))


class TestPostgresStepByStep(PostgresMachine.TestCase):
    settings = settings(
        max_examples=10,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )

    @pytest.fixture(autouse=True)
    def _server(self, postgres: PostgresCluster) -> None:
        PostgresMachine.postgres = postgres
