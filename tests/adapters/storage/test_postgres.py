from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, settings
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.storage import folder_of, open_store
from adapters.storage.opening import load
from adapters.storage.postgres import PostgresStore, dump, fill
from adapters.storage.postgres._engine import CONNECTIONS, Database, Place, told
from adapters.storage.postgres._schema import SCHEMA, metadata
from adapters.storage.postgres._upgrade import OPTIONS
from adapters.storage.tinydb import TinyDBStore
from bot.domain.deliveries import DeliveryState
from bot.domain.errors import ConfigError, LeaseLost, StoreError
from bot.domain.papers import PaperId
from bot.domain.votes import Tally
from bot.ports import Store
from tests.contracts import store as contract
from tests.contracts.store import (
    OpenPair,
    OpenStore,
    Pair,
    SharedStoreContract,
    StoreContract,
    everything,
)
from tests.contracts.store_machine import StoreMachine
from tests.doubles.postgres import GUARDED, PostgresCluster
from tests.examples import (
    ANN,
    CHANNEL,
    NOW,
    ballot,
    batch,
    delivery,
    message,
    paper,
    paper_id,
    receipt,
    slot,
)

SECONDS = 60.0
"""How long anything may take here before it counts as never; nothing comes near it."""


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
                for table in ("slots", "leases"):
                    await postgres.execute(
                        f"UPDATE daily_papers.{table} "
                        f"SET leased_until = leased_until - interval '{seconds} s'",
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


@pytest.fixture
async def url(postgres: PostgresCluster) -> str:
    """Return the address of a database with the tables and no rows."""
    return await empty(postgres)


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    store = opened(url)
    yield store
    await store.close()


def database_of(url: str) -> str:
    return url.rpartition("/")[2]


# Opening


async def test_opening_again_gives_everything_back(postgres: PostgresCluster) -> None:
    url = await postgres.created()
    store = await PostgresStore.open(url)
    await contract.fill(store)
    before = await everything(store)
    await store.close()
    store = await PostgresStore.open(url)
    assert await everything(store) == before
    assert await store.plan([delivery("b")], receipt()) is False
    await store.close()


async def test_an_address_opens_it(postgres: PostgresCluster) -> None:
    url = await postgres.created()
    for address in (url, url.replace("postgresql:", "postgres:"), f"{url}?sslmode=disable"):
        store = await open_store(address)
        assert isinstance(store, PostgresStore)
        assert store.lease_seconds == 90
        await store.close()


async def test_of_several_hosts_one_that_can_be_written_to_is_used(
    postgres: PostgresCluster,
) -> None:
    url = await postgres.created()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        hosts = f"127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{postgres.port}/"
        several = url.replace(f"127.0.0.1:{postgres.port}/", hosts)
        store = await PostgresStore.open(f"{several}?target_session_attrs=read-write")
        await store.ping()
        await store.close()


async def test_revisions_lead_to_the_tables_that_the_store_asks(store: PostgresStore) -> None:
    def compared(connection: Any) -> list[Any]:
        options = {
            **OPTIONS,
            "include_schemas": True,
            "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
        }
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        return list(found)

    async with store.database.transaction() as connection:
        assert await connection.run_sync(compared) == []


async def test_several_processes_may_open_an_empty_database_at_once(
    postgres: PostgresCluster,
) -> None:
    url = await postgres.created()
    stores = await asyncio.gather(*(PostgresStore.open(url) for _ in range(4)))
    assert sorted(
        await asyncio.gather(*(store.plan([delivery()], receipt()) for store in stores))
    ) == [False, False, False, True]
    for store in stores:
        await store.close()


async def test_tables_of_others_are_left_alone(postgres: PostgresCluster) -> None:
    url = await postgres.created()
    name = database_of(url)
    await postgres.execute(
        "CREATE TABLE papers (id text PRIMARY KEY);"
        "CREATE TABLE alembic_version (version_num text PRIMARY KEY);"
        "INSERT INTO papers VALUES ('mine'); INSERT INTO alembic_version VALUES ('abcdef')",
        name,
    )
    store = await PostgresStore.open(url)
    await contract.fill(store)
    await store.close()
    assert await postgres.value("SELECT string_agg(id, ',') FROM papers", name) == "mine"
    assert await postgres.value("SELECT version_num FROM alembic_version", name) == "abcdef"
    schemas = "SELECT count(DISTINCT schemaname) FROM pg_tables WHERE schemaname !~ '^pg_|^info'"
    assert await postgres.value(schemas, name) == 2


async def test_a_newer_version_s_state_is_refused_and_left_alone(
    postgres: PostgresCluster,
) -> None:
    url = await postgres.created()
    await (await PostgresStore.open(url)).close()
    newer = "UPDATE daily_papers.alembic_version SET version_num = '0999'"
    await postgres.execute(newer, database_of(url))
    for _ in range(2):
        with pytest.raises(StoreError, match=r"newer version \(revision 0999\): run that version"):
            await PostgresStore.open(url)


async def test_a_user_who_may_make_no_schema_is_told_what_is_missing(
    postgres: PostgresCluster,
) -> None:
    url = await postgres.created()
    name = database_of(url)
    await postgres.execute("CREATE ROLE humble LOGIN")
    with pytest.raises(StoreError, match=r"permission denied .* GRANT CREATE ON DATABASE"):
        await PostgresStore.open(postgres.url(name, "humble"))
    await postgres.execute("CREATE SCHEMA daily_papers AUTHORIZATION humble", name)
    store = await PostgresStore.open(postgres.url(name, "humble"))
    await contract.fill(store)
    await store.close()


async def test_a_database_that_cannot_hold_every_text_is_refused(
    postgres: PostgresCluster,
) -> None:
    await postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StoreError, match=r"\(encoding LATIN1\): make one WITH ENCODING 'UTF8'"):
        await PostgresStore.open(postgres.url("latin"))


async def test_the_database_s_own_settings_do_not_weaken_what_is_promised(
    postgres: PostgresCluster,
) -> None:
    url = await postgres.created()
    for name, weak in (
        ("synchronous_commit", "off"),
        ("default_transaction_isolation", "repeatable read"),
        ("statement_timeout", "0"),
    ):
        await postgres.execute(f"ALTER DATABASE \"{database_of(url)}\" SET {name} = '{weak}'")
    store = await PostgresStore.open(url)
    async with store.database.transaction() as connection:
        for name, strong in (
            ("synchronous_commit", "on"),
            ("transaction_isolation", "read committed"),
            ("statement_timeout", "30s"),
            ("tcp_user_timeout", "10000"),
            ("application_name", "daily-papers"),
        ):
            assert await connection.scalar(text(f"SHOW {name}")) == strong
    await store.close()


# Addresses that do not work

SECRET = "hunter2"


@pytest.fixture
async def guarded(postgres: PostgresCluster) -> str:
    """Return an address whose password is right."""
    make = (
        f"DO $$ BEGIN CREATE ROLE {GUARDED} LOGIN PASSWORD 'right' SUPERUSER; "
        "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    await postgres.execute(make)
    return postgres.url(database_of(await empty(postgres)), GUARDED, "right")


async def refused(url: str) -> str:
    """Return why an address is refused; neither that nor its causes tell a secret."""
    with pytest.raises((ConfigError, StoreError)) as refusal:
        await open_store(url)
    told = "".join(traceback.format_exception(refusal.value))
    assert SECRET not in told
    return str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:",
        "postgresql://",
        f"postgresql://bot:{SECRET}@host",
        f"postgresql://bot:{SECRET}@host/",
        f"postgresql://bot:{SECRET}@/papers",
        f"postgresql://bot:{SECRET}/x@host/papers",
        f"postgresql://bot:7/{SECRET}@host/papers",
        f"postgresql://bot:{SECRET}@x@host/papers",
        f"postgresql://bot:{SECRET}#x@host/papers",
        f"postgresql://bot:{SECRET}?x@host/papers",
        f"postgresql://bot:{SECRET}@host/papers/more",
        f"postgresql://bot:{SECRET}@host:port:1/papers",
        f"postgresql://bot:{SECRET}@host:port/papers",
        f"postgresql://bot:{SECRET}@host/papers?{SECRET}",
        f"postgresql://bot:{SECRET}@host/papers?sslmode=often",
    ],
)
async def test_a_malformed_address_names_the_cure(url: str) -> None:
    problem = await refused(url)
    assert re.match("STORE_URL (is no address|cannot be).*(use `postgresql://|sslmode)", problem)


async def test_a_password_may_hold_anything_that_is_escaped(
    postgres: PostgresCluster, guarded: str
) -> None:
    await postgres.execute(f"ALTER ROLE {GUARDED} PASSWORD 'p@:/?#% w'")
    escaped = guarded.replace("right", "p%40%3A%2F%3F%23%25%20w")
    try:
        await (await open_store(escaped)).close()
    finally:
        await postgres.execute(f"ALTER ROLE {GUARDED} PASSWORD 'right'")


async def test_a_wrong_password_names_the_cure(guarded: str) -> None:
    await (await open_store(guarded)).close()
    problem = await refused(guarded.replace("right", SECRET))
    assert re.match(
        r"PostgreSQL at 127\.0\.0\.1:\d+, database contract, refuses the user or the password "
        r"\(.+\): correct them in STORE_URL$",
        problem,
    )


async def test_a_missing_database_names_the_cure(guarded: str) -> None:
    problem = await refused(guarded.replace("/contract", "/nowhere"))
    assert "database nowhere, is not there: create it, or name another one" in problem


async def test_an_unknown_part_of_an_address_names_the_cure(guarded: str) -> None:
    problem = await refused(f"{guarded}?channel_binding={SECRET}")
    assert 'does not know a part of STORE_URL (unrecognized configuration parameter "' in problem
    assert problem.endswith("leave that out")


async def test_a_server_that_is_not_there_names_the_cure() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        problem = await refused(f"postgresql://bot:{SECRET}@127.0.0.1:{port}/papers")
    assert problem == (
        f"PostgreSQL at 127.0.0.1:{port}, database papers, is not running: "
        "start it, or correct host and port in STORE_URL"
    )


async def test_a_host_that_nobody_knows_names_the_cure() -> None:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    problem = str(told(Place("db.example:5432", "papers"), unknown))
    assert problem == (
        "PostgreSQL at db.example:5432, database papers, cannot be found by that name: "
        "correct the host in STORE_URL, or the network"
    )


def test_a_database_keeps_no_files() -> None:
    with pytest.raises(ConfigError, match="keeps no files here: use pg_dump") as refusal:
        folder_of(f"postgresql://bot:{SECRET}@host/papers")
    assert SECRET not in str(refusal.value)


def run(code: str) -> str:
    """Run Python in a process of its own; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", f"import asyncio, sys\n{code}"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_what_is_not_installed_is_named() -> None:
    printed = run(
        "sys.modules['sqlalchemy'] = None\n"
        "from adapters.storage import open_store\n"
        f"asyncio.run(open_store('postgresql://bot:{SECRET}@host/papers'))"
    )
    assert "ConfigError: STORE_URL names PostgreSQL, for which parts are missing: " in printed
    assert "pip install 'daily-papers[postgres]'" in printed


def test_other_stores_do_without_its_parts() -> None:
    printed = run(
        "from adapters.storage import open_store\n"
        "asyncio.run(open_store('memory:'))\n"
        "print({'sqlalchemy', 'asyncpg', 'alembic'} & set(sys.modules))"
    )
    assert printed == "set()\n"


# Leases, by the server's clock


async def eventually(verb: Callable[[], Awaitable[bool]]) -> None:
    """Ask until the answer is yes."""
    async with asyncio.timeout(SECONDS):
        while not await verb():
            await asyncio.sleep(0.02)


async def test_a_process_that_froze_loses_its_slot_and_may_tell_what_it_sent(url: str) -> None:
    frozen, other = opened(url, "frozen", 0.3), opened(url, "other")
    await frozen.plan([delivery(), delivery("a", 1)], receipt())
    await eventually(lambda: other.claim(slot()))
    with pytest.raises(LeaseLost, match=re.escape(str(slot()))):
        await frozen.advance(delivery().key, DeliveryState.SENDING, at=NOW)
    await frozen.advance(delivery().key, DeliveryState.SENT, ref=message(), at=NOW)
    await other.advance(delivery("a").key, DeliveryState.SENDING, at=NOW)
    assert [each.state.value for each in await other.deliveries(slot())] == ["sent", "sending"]
    await frozen.close()
    await other.close()


async def test_a_name_is_free_once_its_wait_is_over(url: str) -> None:
    one, two = opened(url, "one"), opened(url, "two")
    assert await one.claim("publish")
    await one.release("publish", wait=0.3)
    await eventually(lambda: two.claim("publish"))
    assert not await one.claim("publish")
    await one.close()
    await two.close()


async def test_of_many_processes_one_plans_and_one_claims(url: str) -> None:
    stores = [opened(url, f"replica {n}") for n in range(6)]
    for day in ("2026-05-07", "2026-05-08", "2026-05-09"):
        plans = [store.plan([delivery(day=day)], receipt(day)) for store in stores for _ in "ab"]
        assert Counter(await asyncio.gather(*plans)) == {True: 1, False: 11}
        claims = await asyncio.gather(*(store.claim(slot(day)) for store in stores))
        assert Counter(claims) == {True: 1, False: 5}
        await stores[claims.index(True)].release(slot(day))
        claims = await asyncio.gather(*(store.claim(slot(day)) for store in stores))
        assert Counter(claims) == {True: 1, False: 5}
        names = await asyncio.gather(*(store.claim(f"turn {day}") for store in stores))
        assert Counter(names) == {True: 1, False: 5}
    for store in stores:
        await store.close()


async def test_what_is_added_to_a_digest_at_once_is_all_there(store: PostgresStore) -> None:
    await store.plan([delivery()], receipt())
    later = [delivery(part, n) for n, part in enumerate("abcdef", start=1)]
    await asyncio.gather(
        *(store.extend(later[n : n + 3], receipt(note=str(n))) for n in (0, 3, 1, 2))
    )
    assert list(await store.deliveries(slot())) == [delivery(), *later]
    async with aclosing(dump(store)) as rows:
        (taken,) = [row[2]["deliveries"] async for row in rows if row[0] == "slots"]
    assert sorted(taken) == sorted(each.key for each in (delivery(), *later))


async def test_a_claim_never_waits_for_who_is_at_the_slot(
    postgres: PostgresCluster, url: str, store: PostgresStore
) -> None:
    other = opened(url, "other")
    await store.plan([delivery()], receipt())
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT * FROM daily_papers.slots FOR UPDATE")
    assert await store.claim(slot()) is True, "it is ours, whoever looks at it"
    assert await other.claim(slot()) is False
    await connection.execute("UPDATE daily_papers.slots SET leased_until = clock_timestamp()")
    assert await other.claim(slot()) is False
    await transaction.commit()
    assert await other.claim(slot()) is True
    assert await store.claim(slot()) is False
    await connection.close()
    await other.close()


# Outages


async def test_a_restart_of_the_server_costs_no_verb(
    postgres: PostgresCluster, store: PostgresStore
) -> None:
    people = [replace(ANN, id=f"U{n}") for n in range(CONNECTIONS)]
    for round_, mode in enumerate(("immediate", "fast"), start=1):
        await asyncio.gather(*(store.cast(ballot(round_, user)) for user in people))
        await asyncio.to_thread(postgres.restart, mode)
        await asyncio.gather(*(store.cast(ballot(round_ + 2, user)) for user in people))
    votes = Tally(up=len(people))
    assert await store.tallies(CHANNEL) == {paper_id(n): votes for n in (1, 2, 3, 4)}


async def test_what_was_answered_outlives_crashes_of_the_server(
    postgres: PostgresCluster, store: PostgresStore
) -> None:
    answered: set[str] = set()
    over = asyncio.Event()

    async def vote(voter: int) -> None:
        for n in range(100_000):
            if over.is_set():
                return
            user = replace(ANN, id=f"U{voter}-{n}")
            with suppress(StoreError):  # it may be there, or not
                await store.cast(ballot(user=user))
                answered.add(str(user))

    async with asyncio.TaskGroup() as voters:
        for voter in range(20):
            voters.create_task(vote(voter))
        for goal in (100, 200, 300):
            async with asyncio.timeout(SECONDS):
                while len(answered) < goal:
                    await asyncio.sleep(0.01)
            await asyncio.to_thread(postgres.restart, "immediate")
        over.set()
    async with store.database.transaction() as connection:
        rows = await connection.execute(text("SELECT person FROM daily_papers.votes"))
        assert answered <= set(rows.scalars())


async def test_an_outage_is_told_and_over_once_the_server_is_back(
    postgres: PostgresCluster, store: PostgresStore
) -> None:
    await store.cast(ballot())
    await asyncio.to_thread(postgres.stop, "fast")
    try:
        async with asyncio.timeout(SECONDS):
            for verb in (store.ping, lambda: store.cast(ballot(2)), lambda: store.claim("a")):
                with pytest.raises(StoreError, match=r"database contract, is not running: start"):
                    await verb()
    finally:
        await asyncio.to_thread(postgres.start)
    await store.cast(ballot(3))
    assert set(await store.tallies(CHANNEL)) == {paper_id(1), paper_id(3)}


@asynccontextmanager
async def wire(postgres: PostgresCluster) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """Yield the port of a line to the server, and the event that makes it swallow everything."""
    cut = asyncio.Event()
    ends: list[asyncio.StreamWriter] = []

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                if not cut.is_set():
                    target.write(data)
            target.close()

    async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", postgres.port)
        ends.extend((writer, to_writer))
        await asyncio.gather(carry(reader, to_writer), carry(to_reader, writer))

    server = await asyncio.start_server(joined, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], cut
    server.close()
    for end in ends:
        end.close()


async def test_a_line_that_swallows_everything_is_told_and_given_up(
    postgres: PostgresCluster, url: str
) -> None:
    async with wire(postgres) as (port, cut):
        through = url.replace(f":{postgres.port}/", f":{port}/")
        database = Database(through, silence=0.5)
        store = PostgresStore(database, lease_seconds=60, replica="one")
        await asyncio.gather(*(store.ping() for _ in range(CONNECTIONS)))
        cut.set()
        async with asyncio.timeout(SECONDS):
            with pytest.raises(StoreError, match="does not answer: see whether it runs"):
                await store.cast(ballot())
        cut.clear()
        async with asyncio.timeout(SECONDS):  # at the first try: no other old line is tried
            await asyncio.gather(*(store.cast(ballot(n)) for n in range(CONNECTIONS)))
        assert len(await store.tallies(CHANNEL)) == CONNECTIONS
        await store.close()


async def test_transactions_that_lock_each_other_out_are_begun_anew(store: PostgresStore) -> None:
    await store.save_papers([paper(1), paper(2)])
    both = asyncio.Barrier(2)
    begun = 0

    def crossing(first: int, second: int) -> Callable[[AsyncConnection], Awaitable[None]]:
        async def work(connection: AsyncConnection) -> None:
            nonlocal begun
            begun += 1
            touch = text("UPDATE daily_papers.papers SET document = document WHERE id = :id")
            await connection.execute(touch, {"id": str(paper_id(first))})
            if begun <= 2:
                await both.wait()
            await connection.execute(touch, {"id": str(paper_id(second))})

        return work

    await asyncio.gather(
        store.database.change(crossing(1, 2)), store.database.change(crossing(2, 1))
    )
    assert begun == 3


async def test_callers_who_give_up_leave_nothing_behind(store: PostgresStore) -> None:
    for n in range(60):
        day = f"2026-05-{n % 9 + 1:02}"
        verb = asyncio.ensure_future(store.plan([delivery(str(n), day=day)], receipt(day)))
        await asyncio.sleep(n % 12 * 0.0005)
        verb.cancel()
        with suppress(asyncio.CancelledError):
            await verb
    async with asyncio.timeout(SECONDS):
        await asyncio.gather(*(store.cast(ballot(n)) for n in range(CONNECTIONS * 2)))
    for found in await store.unfinished():
        assert await store.receipt(found) is not None
        assert await store.deliveries(found)


async def test_closing_finishes_what_has_begun_and_begins_nothing_more(url: str) -> None:
    store = opened(url)
    votes = [asyncio.ensure_future(store.cast(ballot(n))) for n in range(1, 30)]
    await asyncio.sleep(0)  # each verb begins
    await store.close()
    await asyncio.gather(*votes)
    with pytest.raises(StoreError, match="closed"):
        await store.cast(ballot())
    store = opened(url)
    assert len(await store.tallies(CHANNEL)) == 29
    await store.close()


async def test_what_a_text_of_the_database_cannot_hold_is_told(store: PostgresStore) -> None:
    for key in ("\x00", "\ud800"):
        with pytest.raises(StoreError, match="cannot hold a value that it was given"):
            await store.papers([PaperId("arxiv", key)])
    await store.ping()


async def test_a_document_that_cannot_be_read_is_told(
    postgres: PostgresCluster, store: PostgresStore
) -> None:
    await store.save_papers([paper(1)])
    await postgres.execute("UPDATE daily_papers.papers SET document = '{}'", "contract")
    with pytest.raises(StoreError, match=r"holds a Paper that cannot be read .* backup"):
        await store.papers()


async def test_what_changes_nothing_is_not_written(
    postgres: PostgresCluster, store: PostgresStore
) -> None:
    async def versions() -> object:
        seen = "SELECT string_agg(xmin::text, ' ') FROM daily_papers."
        return [await postgres.value(seen + name, "contract") for name in ("papers", "batches")]

    await store.save_batch(batch(), NOW)
    before = await versions()
    assert await store.save_batch(batch(), NOW) == 0
    await store.save_papers([paper(1)])
    assert await versions() == before


# Copies


async def rows_of(store: PostgresStore) -> list[tuple[str, str, Any]]:
    async with aclosing(dump(store)) as rows:
        return sorted([row async for row in rows], key=lambda row: row[:2])


async def given(rows: list[tuple[str, str, Any]]) -> AsyncIterator[tuple[str, str, Any]]:
    for row in rows:
        yield row


async def test_a_state_of_tinydb_is_the_same_in_the_database(
    tmp_path: Path, store: PostgresStore
) -> None:
    tiny = await TinyDBStore.open(tmp_path)
    await contract.fill(tiny)
    await tiny.cast(ballot(1, origin="m1#👍"))
    before = await everything(tiny)
    await tiny.close()
    rows = [
        (table, key, document)
        for table, documents in load(tmp_path).tables.items()
        for key, document in documents.items()
    ]
    await fill(store, given(rows))
    assert await rows_of(store) == sorted(rows, key=lambda row: row[:2])
    assert {table for table, _, _ in rows} >= {"slots", "messages", "receipts", "ledger"}
    assert await everything(store) == before


async def test_many_votes_are_carried(postgres: PostgresCluster, store: PostgresStore) -> None:
    people = {f"slack:T1/U{n}": 1 for n in range(25_000)}
    rows = [
        (
            "ledger",
            f"{CHANNEL} {paper_id(n)}",
            {
                "channel": str(CHANNEL),
                "paper": str(paper_id(n)),
                "seen": None,
                "votes": {"up": {"button": people}},
            },
        )
        for n in (1, 2)
    ]
    await fill(store, given(rows))
    votes = Tally(up=25_000)
    assert await store.tallies(CHANNEL) == {paper_id(1): votes, paper_id(2): votes}
    assert await rows_of(store) == rows


async def test_a_database_that_holds_anything_is_not_written_over(store: PostgresStore) -> None:
    await store.claim("publish")  # which is no state
    await fill(store, given([]))
    await store.cast(ballot())
    with pytest.raises(StoreError, match="database contract, holds a state: name an empty"):
        await fill(store, given([]))


@pytest.mark.parametrize("row", [("papers", "x", {"id": "x"}), ("pictures", "x", {})])
async def test_of_rows_that_cannot_all_be_read_none_is_written(
    store: PostgresStore, row: tuple[str, str, Any]
) -> None:
    good = ("messages", str(message()), {"delivery": "k"})
    with pytest.raises(StoreError, match=f"{row[0]} 'x' cannot be read"):
        await fill(store, given([good, row]))
    assert await rows_of(store) == []


async def test_rows_are_of_one_moment(store: PostgresStore) -> None:
    await contract.fill(store)
    before = await rows_of(store)
    seen = []
    async with aclosing(dump(store)) as rows:
        async for row in rows:
            seen.append(row)
            await store.replace_marks(CHANNEL, "", ())
            await store.save_papers([paper(7)])
    assert sorted(seen, key=lambda row: row[:2]) == before
    assert await rows_of(store) != before


async def test_reading_may_stop_early(store: PostgresStore) -> None:
    await contract.fill(store)
    for _ in range(CONNECTIONS * 2):
        async with aclosing(dump(store)) as rows:
            async for _ in rows:
                break
    await store.ping()
