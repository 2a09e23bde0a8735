"""Kill the processes that share a state while they post, crash the database; then read it all.

Each process is the whole bot with the real SDKs. PostgreSQL is a real server of its own; Slack and
Discord are the doubles, with their limits, and lose the answers to some of the posts that they have
stored. Whichever process ends is started again at once. Kills fall between the first post and the
last ones, however fast the machine is. In the end each message of each digest is to stand in its
place: once, in order, and recorded.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.progress import Progress

from adapters.discord.app import GATEWAY
from adapters.discord.ids import nonce
from adapters.storage.postgres import PostgresStore
from bot import logs
from bot.domain.channels import Layout, Schedule, Weekday
from bot.domain.deliveries import DeliveryState, Slot
from bot.domain.errors import StoreError
from bot.ports import Store
from tests.doubles.postgres import CURE, PostgresCluster, binaries
from tests.examples import subscription
from tests.torture import replica
from tests.torture.channels import Channels, compare
from tests.torture.lossy import Losses, LossySlack, lossy_discord
from tests.torture.replica import NO_STORE, Orders

MANY = 600
LONG, SHORT = 12, 6
"""Messages of a digest, its head among them, where there are many messages, and where few."""

IN_SLACK = 0.6
"""Share of the channels that are Slack's."""

LOST = 0.03
"""Share of the posts whose answers are lost."""

LAST = 0.9
"""Share of the posts after which nothing is killed any more."""

OWNER, OWNER_EVERY = 1, 10
"""Which one of so many kills meets the process that has Discord's gateway."""

SECONDS = 1_800
"""A limit for what has gone wrong for good; how long it takes is the machine's as well."""

LEAVE_SECONDS = 120.0
"""How long a process has that was asked to leave."""

PRELOADED = ("tests.torture.channels", "tests.torture.lossy", "tests.torture.replica")
"""What each process would import by itself; not this module, which may be the program."""

UNFORESEEN = re.compile(
    "bug|failed unexpectedly|job failed|listener failed|refused|parked|given up|unseen|Task"
)
"""Events of the log that neither kills, nor lost answers, nor a database that is gone explain."""


@dataclass(frozen=True, slots=True)
class Form:
    """How much is to be endured.

    Attributes:
        messages: Rounded down to whole digests.
        crashes: Of the database.
        lease: Seconds; about so long does a killed process hold up the others.
    """

    messages: int = 1_200
    kills: int = 60
    crashes: int = 2
    replicas: int = 4
    lease: float = 4.0

    @property
    def digest(self) -> int:
        """Messages of a digest."""
        return LONG if self.messages >= MANY else SHORT

    @property
    def channels(self) -> int:
        """Digests, for each channel has one."""
        return self.messages // self.digest


@dataclass(slots=True)
class Figures:
    """What was tried and what went wrong.

    Attributes:
        messages: Those that stand in all channels.
        owners_killed: Kills that met the process that had Discord's gateway.
        unrecorded: Messages that stood in a channel, unknown to the state, when their process died.
        starts: Of replicas.
        no_store: Starts that came to nothing, for the database was down.
        leases_lost: Digests that a living process had to leave to another one.
        wrong: What else does not fit together.
    """

    messages: int = 0
    kills: int = 0
    owners_killed: int = 0
    unrecorded: int = 0
    database_crashes: int = 0
    answers_lost: int = 0
    starts: int = 0
    no_store: int = 0
    leases_lost: int = 0
    missing: int = 0
    extra: int = 0
    out_of_order: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return bool(self.missing or self.extra or self.out_of_order or self.wrong)


class Team:
    """So many replicas; whichever ends is started again.

    Args:
        orders: What each has to know, but for its name.
        number: How many there are.
        figures: What counts.
    """

    def __init__(self, orders: Orders, number: int, figures: Figures) -> None:
        self._orders = orders
        self._figures = figures
        # A process that has imported everything forks the replicas off: a start costs no second.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(PRELOADED))
        self._lives = [0] * number
        self._running = {each: self._started(each) for each in range(number)}

    def name(self, number: int) -> str:
        """Return the name of a replica's present life."""
        return f"{number}.{self._lives[number]}"

    def number(self, name: object) -> int | None:
        """Return the replica that has this name now."""
        return next((number for number in self._running if self.name(number) == name), None)

    def kill(self, number: int) -> None:
        """End a replica without a warning, and start it again."""
        self._end(number)
        self._running[number] = self._started(number)

    def keep(self) -> None:
        """Start again what has ended by itself."""
        for number, process in self._running.items():
            if process.exitcode is not None:
                self._note(number, process.exitcode)
                self._running[number] = self._started(number)

    async def leave(self) -> None:
        """Ask all of them to leave, as an operator does."""
        for process in self._running.values():
            process.terminate()
        for number, process in self._running.items():
            await asyncio.to_thread(process.join, LEAVE_SECONDS)
            self._note(number, process.exitcode)

    def end(self) -> None:
        """End what is left."""
        for number in self._running:
            self._end(number)

    def _end(self, number: int) -> None:
        process = self._running[number]
        process.kill()
        process.join()

    def _note(self, number: int, code: int | None) -> None:
        if code == NO_STORE:
            self._figures.no_store += 1
        elif code != 0:
            self._figures.wrong.append(f"replica {self.name(number)} ended with {code}")

    def _started(self, number: int) -> BaseProcess:
        self._lives[number] += 1
        self._figures.starts += 1
        orders = replace(self._orders, name=self.name(number))
        process = self._context.Process(target=replica.run, args=(orders,), daemon=True)
        process.start()
        return process


@dataclass(slots=True)
class Ordeal:
    """What is done to a team while it posts."""

    form: Form
    cluster: PostgresCluster
    losses: Losses
    channels: Channels
    team: Team
    figures: Figures
    draw: random.Random

    async def kills(self, on_kill: Callable[[], None]) -> None:
        """Kill one after the other, at moments that are drawn from all posts."""
        posts = range(1, round(self.form.messages * LAST))
        for nth, moment in enumerate(sorted(self.draw.sample(posts, self.form.kills))):
            await self._posted(moment)
            victim, owner = self.draw.randrange(self.form.replicas), await self._owner()
            if nth % OWNER_EVERY == OWNER:
                while (owner := await self._owner()) is None:
                    await self._moment(0.1)
                victim = owner
            name = self.team.name(victim)
            self.team.kill(victim)
            self.figures.kills += 1
            self.figures.owners_killed += victim == owner
            self.figures.unrecorded += await self._unrecorded(name)
            on_kill()

    async def crashes(self) -> None:
        """Crash the database while all are at work, and start it again."""
        for nth in range(self.form.crashes):
            await self._posted(self.form.messages * (nth + 1) // (self.form.crashes + 1))
            await asyncio.to_thread(self.cluster.restart, "immediate")
            self.figures.database_crashes += 1

    async def finished(self, store: Store, slots: Sequence[Slot]) -> None:
        """Wait until all is sent and accounted for."""
        while True:
            with suppress(StoreError):
                if not await store.unfinished() and await self._accounted(store, slots):
                    return
            await self._moment(0.2)

    async def _accounted(self, store: Store, slots: Sequence[Slot]) -> bool:
        receipts = [await store.receipt(slot) for slot in slots]
        return all(each and each.posted == self.form.digest - 1 for each in receipts)

    async def _posted(self, posts: int) -> None:
        while self.losses.posts < posts:
            await self._moment(0.01)

    async def _moment(self, seconds: float) -> None:
        self.team.keep()
        await asyncio.sleep(seconds)

    async def _owner(self) -> int | None:
        """Return the replica that has Discord's gateway, if it is known and alive."""
        name = await self._asked(
            "SELECT worker FROM daily_papers.leases "
            f"WHERE name = '{GATEWAY}' AND leased_until > clock_timestamp()"
        )
        return self.team.number(name)

    async def _unrecorded(self, name: str) -> int:
        """Count the messages that stand in a channel while a dead process was sending them."""
        sending = await self._asked(
            "SELECT array_agg(key) FROM daily_papers.deliveries "
            "JOIN daily_papers.slots USING (channel, day) "
            f"WHERE state = 'sending' AND worker = '{name}'"
        )
        keys = sending if isinstance(sending, list) else []
        standing = self.channels.names() if keys else set()
        return sum(not standing.isdisjoint((key, nonce(key))) for key in keys)

    async def _asked(self, sql: str) -> object:
        """Ask the database, or nobody while it is down."""
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return await self.cluster.value(sql)
        return None


def run(form: Form, seed: int, on_kill: Callable[[], None]) -> Figures:
    """Let a team post so many messages while it is killed and its database crashes."""
    logs.configure("error", "json")
    cluster = PostgresCluster(durable=True)
    try:
        cluster.start()
        with tempfile.TemporaryDirectory() as folder:
            return asyncio.run(_run(form, seed, cluster, Path(folder), on_kill))
    finally:
        cluster.remove()


async def _run(
    form: Form, seed: int, cluster: PostgresCluster, folder: Path, on_kill: Callable[[], None]
) -> Figures:
    figures, losses = Figures(), Losses(LOST, random.Random(seed))
    async with LossySlack(losses) as slack, lossy_discord(losses) as discord:
        in_slack = round(form.channels * IN_SLACK)
        channels = Channels(slack, discord, (in_slack, form.channels - in_slack))
        store = await PostgresStore.open(cluster.url())
        slots = await _ordered(store, channels, form)
        orders = Orders(
            name="",
            store=cluster.url(),
            lease=form.lease,
            slack_url=slack.base_url,
            slack_tokens=(slack.bot_token, slack.app_token),
            discord_url=discord.api_url,
            gateway_url=discord.gateway_url,
            discord_token=discord.token,
            day=slots[0].day - timedelta(days=3),
            papers=form.digest - 1,
            folder=folder,
            seconds=2 * SECONDS,
        )
        team = Team(orders, form.replicas, figures)
        ordeal = Ordeal(form, cluster, losses, channels, team, figures, random.Random(seed))
        try:
            async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
                group.create_task(ordeal.kills(on_kill))
                group.create_task(ordeal.crashes())
                group.create_task(ordeal.finished(store, slots))
            await team.leave()
        except TimeoutError:
            figures.wrong.append(f"not finished within {SECONDS} s")
        finally:
            team.end()
        figures.answers_lost = losses.lost
        await _look(store, channels, slots, form, figures)
        _read_logs(folder, figures)
        await store.close()
    return figures


async def _ordered(store: Store, channels: Channels, form: Form) -> list[Slot]:
    """Subscribe all channels to a digest that has been due for a minute; return their slots."""
    due = datetime.now(UTC) - timedelta(minutes=1)
    schedule = Schedule(due.time().replace(second=0, microsecond=0), "UTC", tuple(Weekday))
    for channel in channels.all:
        order = subscription(
            channel,
            created_at=due - timedelta(hours=1),
            schedule=schedule,
            layout=Layout.THREAD,
            limit=form.digest - 1,
        )
        await store.save_subscription(order)
    return [Slot(channel, due.date()) for channel in channels.all]


async def _look(
    store: Store, channels: Channels, slots: Sequence[Slot], form: Form, figures: Figures
) -> None:
    """Compare what was planned, what is recorded, and what stands in the channels."""
    for slot in slots:
        planned = await store.deliveries(slot)
        standing = channels.standing(slot.channel)
        found = compare(planned, standing, form.digest)
        figures.messages += len(standing)
        figures.missing += found.missing
        figures.extra += found.extra
        figures.out_of_order += found.out_of_order
        figures.wrong += found.wrong
        for each in planned:
            if each.state is not DeliveryState.SENT or each.ref is None:
                figures.wrong.append(f"{slot}: {each.part} is {each.state} in the end")
            elif await store.delivery_at(each.ref) != each:
                figures.wrong.append(f"{slot}: {each.part} is not found by its message")


def _read_logs(folder: Path, figures: Figures) -> None:
    """Look in the replicas' logs for other troubles than those that were made."""
    for line in (line for log in sorted(folder.glob("*.log")) for line in log.open()):
        told = json.loads(line) if line.startswith("{") else {"event": f"bug: {line}"}
        if _is_unforeseen(told):
            figures.wrong.append(line.strip())
        figures.leases_lost += told["event"] == "digest left to another process"


def _is_unforeseen(told: dict[str, object]) -> bool:
    if told["event"] == "job failed":
        reason, job = str(told["reason"]), str(told["job"])
        late = reason == "not run in time" and not job.endswith("again")  # its turn comes again
        return not late and reason != "CancelledError()"  # cut off by the end of its process
    return UNFORESEEN.search(str(told["event"])) is not None


def main() -> None:
    """``python -m tests.torture.replicas``: alone in a process, long or short."""
    if binaries() is None:
        sys.exit(CURE)
    options = argparse.ArgumentParser(description=__doc__)
    for each in Form.__dataclass_fields__.values():
        options.add_argument(f"--{each.name}", type=type(each.default), default=each.default)
    options.add_argument("--seed", type=int, default=int(time.time()))
    wanted = vars(options.parse_args())
    seed = wanted.pop("seed")
    form = Form(**wanted)
    with Progress(console=Console(highlight=False, soft_wrap=True)) as progress:
        task = progress.add_task(f"replicas, seed {seed}", total=form.kills)
        started = time.monotonic()
        figures = run(form, seed, lambda: progress.advance(task))
        took = time.monotonic() - started
        progress.console.print(f"replicas, seed {seed}, {took:.0f} s:\n  {figures}", markup=False)
    sys.exit(figures.failed)


if __name__ == "__main__":
    main()
