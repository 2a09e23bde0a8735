"""Durable votes in the journal and in PostgreSQL, against TinyDB's own storages and SQLite.

``--million``, or BENCH_MILLION=1 in the environment, measures a million votes too. A peer whose one
run would take minutes is skipped: a dash. The disk's own fdatasync stands beside every figure.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tinydb import Query, TinyDB
from tinydb.middlewares import CachingMiddleware
from tinydb.storages import JSONStorage

from adapters.storage import open_store, segments, snapshot
from adapters.storage.disk import Disk
from adapters.storage.migrations import SCHEMA
from adapters.storage.snapshot import Meta
from adapters.storage.tinydb import TinyDBStore
from bot.domain.channels import ChannelRef, UserRef
from bot.domain.papers import PaperId
from bot.domain.votes import Ballot, VoteKind
from bot.ports import Store
from tests.doubles.postgres import CURE, PostgresCluster, binaries

SIZES = (1_000, 10_000, 100_000)
VOTERS = 20
PEOPLE = 10_000
SECONDS = 1.5
WAITING = 100
JSON_LIMIT = 100_000


class Counting(Disk):
    """A disk that adds up how long it syncs."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def sync(self, file: int) -> None:
        started = time.perf_counter()
        super().sync(file)
        self.seconds += time.perf_counter() - started


@dataclass(slots=True)
class Measured:
    """Votes per second, alone and with others waiting, and microseconds of a vote less sync."""

    alone: float | None = None
    together: float | None = None
    cost: float | None = None


def run(screen: Console) -> None:
    million = "--million" in sys.argv or os.environ.get("BENCH_MILLION") == "1"
    sizes = (*SIZES, 1_000_000) if million else SIZES
    table = Table(
        "votes", "store", "alone /s", f"{WAITING} waiting /s", "µs less sync", "fdatasync ms"
    )
    costs: dict[int, float] = {}
    for size in sizes:
        peers: dict[str, Callable[[Path, int], Measured]] = {
            "journal": _journal,
            "PostgreSQL (3)": _postgres,
            "SQLite WAL FULL (2)": _sqlite,
            "TinyDB JSONStorage": lambda folder, size: _stock(folder, size, JSONStorage),
            "TinyDB Caching (1)": lambda folder, size: _stock(
                folder, size, CachingMiddleware(JSONStorage)
            ),
        }
        for name, peer in peers.items():
            with tempfile.TemporaryDirectory() as place:
                slow = name.startswith("TinyDB") and size > JSON_LIMIT
                measured = Measured() if slow else peer(Path(place), size)
                disk = _fdatasync(Path(place))
            if name == "journal" and measured.cost:
                costs[size] = measured.cost
            shown = [measured.alone, measured.together, measured.cost]
            figures = ["—" if each is None else f"{each:,.0f}" for each in shown]
            table.add_row(f"{size:,}", name, *figures, f"{disk:.2f}")
    screen.print(table)
    screen.print("(1) not durable: written every 1,000 votes")
    screen.print(
        "(2) called directly: an event loop would stand still, or pay for a thread as well"
    )
    screen.print(
        "(3) the replicas' store over loopback; the server shares the cores and the disk with it"
        if binaries()
        else f"(3) {CURE}"
    )
    least, most = min(costs), max(costs)
    ratio = costs[most] / costs[least]
    screen.print(f"a vote less sync, {most:,} over {least:,}: {ratio:.2f} (aim: at most 2)")
    _load(screen, sizes[-1])


def _fdatasync(folder: Path) -> float:
    """Return the median milliseconds that the disk takes for a hundred bytes."""
    disk, taken = Disk(), []
    file = disk.open(folder / "probe")
    for _ in range(50):
        disk.write(file, b"x" * 100)
        started = time.perf_counter()
        disk.sync(file)
        taken.append((time.perf_counter() - started) * 1_000)
    disk.close(file)
    return statistics.median(taken)


# The journal

CHANNEL = ChannelRef("slack", "T1", "C1")


def _paper(number: int) -> str:
    return f"arxiv:{2500 + number // 100_000}.{number % 100_000:05}"


def _user(number: int) -> str:
    return f"slack:T1/U{number % PEOPLE:08}"


def _prepare(folder: Path, size: int) -> None:
    """Write a state of that many votes, twenty to a paper of a channel."""
    entries = {}
    for number in range(size // VOTERS):
        people = {_user(number * 7 + voter): 1 for voter in range(VOTERS)}
        key = f"{CHANNEL} {_paper(number)}"
        entry = {"channel": str(CHANNEL), "paper": _paper(number), "seen": None}
        entries[key] = {**entry, "votes": {"up": {"button": people}}}
    disk = Disk()
    disk.close(disk.open(folder / segments.file_name(1)))
    tables = snapshot.frozen({"ledger": entries})
    snapshot.write(disk, folder / snapshot.NAME, tables, Meta(SCHEMA, 0))


def _ballots(size: int) -> Iterator[Ballot]:
    for n in itertools.count():
        paper = PaperId.parse(_paper(n * 7919 % (size // VOTERS)))
        yield Ballot(CHANNEL, paper, UserRef("slack", "T1", f"N{n}"), VoteKind.UP, "button")


def _journal(folder: Path, size: int) -> Measured:
    _prepare(folder, size)
    return asyncio.run(_votes(folder, size))


async def _votes(folder: Path, size: int) -> Measured:
    disk = Counting()
    store = await TinyDBStore.open(folder, disk=disk)
    ballots = _ballots(size)
    count, seconds = await _for_a_while(store, ballots)
    less_sync = (seconds - disk.seconds) / count * 1e6
    rate = await _together(store, ballots)
    await store.close()
    return Measured(count / seconds, rate, less_sync)


def _postgres(_: Path, size: int) -> Measured:
    """The same votes through the store of several replicas; the server syncs every commit."""
    if binaries() is None:
        return Measured()
    cluster = PostgresCluster(durable=True)
    try:
        cluster.start()
        return asyncio.run(_database_votes(cluster, size))
    finally:
        cluster.remove()


ROWS = f"""
    INSERT INTO daily_papers.votes (channel, paper, kind, origin, person)
    SELECT '{CHANNEL}', format('arxiv:%s.%s', 2500 + n / 100000, lpad((n % 100000)::text, 5, '0')),
        'up', 'button', format('slack:T1/U%s', lpad(((n * 7 + v) % {PEOPLE})::text, 8, '0'))
    FROM generate_series(0, {{papers}} - 1) AS n, generate_series(0, {VOTERS - 1}) AS v
"""


async def _database_votes(cluster: PostgresCluster, size: int) -> Measured:
    url = await cluster.created()
    database = url.rpartition("/")[2]
    store = await open_store(url)
    await cluster.execute(ROWS.format(papers=size // VOTERS), database)
    await cluster.execute("VACUUM ANALYZE daily_papers.votes", database)
    ballots = _ballots(size)
    count, seconds = await _for_a_while(store, ballots)
    rate = await _together(store, ballots)
    await store.close()
    return Measured(count / seconds, rate)


async def _together(store: Store, ballots: Iterator[Ballot]) -> float:
    """Return the votes a second of many voters who wait for theirs to be durable."""

    async def voter() -> int:
        return (await _for_a_while(store, ballots))[0]

    started = time.perf_counter()
    together = sum(await asyncio.gather(*(voter() for _ in range(WAITING))))
    return together / (time.perf_counter() - started)


async def _for_a_while(store: Store, ballots: Iterator[Ballot]) -> tuple[int, float]:
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < SECONDS:
        await store.cast(next(ballots))
        count += 1
    return count, time.perf_counter() - started


# Peers


def _sqlite(folder: Path, size: int) -> Measured:
    """One commit a vote; it has no group commit, so waiting does not help."""
    base = sqlite3.connect(folder / "votes.sqlite", isolation_level=None)
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("PRAGMA synchronous=FULL")
    base.execute("CREATE TABLE votes (paper TEXT, user TEXT, PRIMARY KEY (paper, user))")
    rows = (
        (_paper(number), _user(number * 7 + voter))
        for number in range(size // VOTERS)
        for voter in range(VOTERS)
    )
    base.execute("BEGIN")
    base.executemany("INSERT INTO votes VALUES (?, ?)", rows)
    base.execute("COMMIT")

    def vote(n: int) -> None:
        row = (_paper(n * 7919 % (size // VOTERS)), f"N{n}")
        base.execute("INSERT OR IGNORE INTO votes VALUES (?, ?)", row)

    measured = Measured(_rate(vote))
    base.close()
    return measured


def _stock(folder: Path, size: int, storage: Callable[..., JSONStorage]) -> Measured:
    """A document a vote, as TinyDB's own documentation would have it."""
    rows = {
        str(n): {"paper": _paper(n // VOTERS), "user": _user(n // VOTERS * 7 + n % VOTERS)}
        for n in range(1, size + 1)
    }
    (folder / "votes.json").write_text(json.dumps({"_default": rows}))
    base = TinyDB(folder / "votes.json", storage=storage)
    query = Query()

    def vote(n: int) -> None:
        row = {"paper": _paper(n * 7919 % (size // VOTERS)), "user": f"N{n}"}
        base.upsert(row, (query.paper == row["paper"]) & (query.user == row["user"]))

    measured = Measured(_rate(vote))
    base.close()
    return measured


def _rate(vote: Callable[[int], None]) -> float:
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < SECONDS:
        vote(count)
        count += 1
    return count / (time.perf_counter() - started)


# Loading, memory and snapshots


def _load(screen: Console, size: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        child = os.fork()
        if child == 0:  # so that what was needed for preparing is not measured
            _prepare(folder, size)
            os._exit(0)
        os.waitpid(child, 0)
        gc.collect()
        asyncio.run(_loaded(screen, folder, size))


async def _loaded(screen: Console, folder: Path, size: int) -> None:
    disk = _fdatasync(folder)
    before = _resident()
    started = time.perf_counter()
    store = await TinyDBStore.open(folder)
    seconds = time.perf_counter() - started
    memory = _resident() - before
    megabytes = (folder / snapshot.NAME).stat().st_size / 1e6
    idle = await _longest_stall(asyncio.sleep(1))
    started = time.perf_counter()
    stall = await _longest_stall(store.checkpoint())
    took = time.perf_counter() - started
    voting, stopped, ballots = 0, asyncio.Event(), _ballots(size)

    async def votes() -> None:
        nonlocal voting
        while not stopped.is_set():
            await store.cast(next(ballots))
            voting += 1

    voters = [asyncio.create_task(votes()) for _ in range(WAITING)]
    alone = await _longest_stall(asyncio.sleep(1))
    before, began = voting, time.perf_counter()
    busy = await _longest_stall(store.checkpoint())
    rate = (voting - before) / (time.perf_counter() - began)
    stopped.set()
    await asyncio.gather(*voters)
    await store.close()
    screen.print(f"at {size:,} votes (fdatasync {disk:.2f} ms):")
    screen.print(f"  load {seconds:.2f} s (aim: at most 1 at a million)")
    screen.print(f"  memory {memory:.0f} MB for a snapshot of {megabytes:.0f} MB (aim: 200)")
    screen.print(
        f"  longest stall of the event loop while writing a snapshot in {took:.1f} s: "
        f"{stall:.0f} ms (aim: at most 50), idle {idle:.0f} ms"
    )
    screen.print(
        f"  the same with {WAITING} people voting all the time: {busy:.0f} ms at {rate:,.0f} "
        f"votes/s, without a snapshot {alone:.0f} ms"
    )


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def _longest_stall(work: object) -> float:
    """Return the longest time in milliseconds that a task had to wait for its turn."""
    longest, task = 0.0, asyncio.ensure_future(work)  # type: ignore[call-overload]
    while not task.done():
        started = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - started - 0.001)
    await task
    return longest * 1_000
