"""What a process does until it is killed: it votes, posts and writes snapshots, all at once.

It writes a line into a pipe after each verb that returned, and only then goes on.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from adapters.storage.tinydb import TinyDBStore
from bot.domain.channels import Layout, UserRef
from bot.domain.deliveries import Delivery, DeliveryState, Receipt, Slot
from bot.services.deliveries import deliver
from bot.services.digest import CARDS_PER_MESSAGE, Plan, plan_digest
from tests.examples import NOW, ballot, batch, batch_key, subscription
from tests.fakes import Clock
from tests.torture.chat import FileChat

FIRST = date(2020, 1, 1)
VOTED = 400
"""Papers that are voted on."""

VOTERS = 20
LISTED = batch(FIRST, 5 * CARDS_PER_MESSAGE)
"""Papers of which each digest is made."""

DAYS = 30
"""Days of each life; what is a year old is archived on the way."""

AT_ONCE = 4
"""Digests on their way at the same time."""

CHECKPOINT_BYTES = 100_000


def digest(n: int) -> Plan:
    """Return the plan of the nth day: a thread or cards, of two to five messages."""
    day, messages = FIRST + timedelta(days=n), 2 + n % 4
    threaded = n % 3 > 0
    order = subscription(
        layout=Layout.THREAD if threaded else Layout.CARDS,
        limit=messages - 1 if threaded else messages * CARDS_PER_MESSAGE,
    )
    return plan_digest(order, day, [replace(LISTED, key=batch_key(day))], {}, now=NOW)


class TellingStore(TinyDBStore):
    """A store that says into a pipe what has become durable, once it has."""

    pipe: int

    def tell(self, line: str) -> None:
        os.write(self.pipe, f"{line}\n".encode())

    async def plan(self, deliveries: Sequence[Delivery], receipt: Receipt) -> bool:
        taken = await super().plan(deliveries, receipt)
        for each in deliveries:
            self.tell(f"planned {each.key}")
        return taken

    async def advance(self, key: str, state: DeliveryState, **fields: Any) -> None:
        await super().advance(key, state, **fields)
        self.tell(f"{state} {key}")


async def work(folder: Path, channel: Path, number: int, pipe: int) -> None:
    """Live the life of that number."""
    store = await TellingStore.open(folder, checkpoint_bytes=CHECKPOINT_BYTES)
    store.pipe = pipe
    store.tell("open")
    chat = FileChat(channel, str(number), random.Random(number))

    async def votes(voter: int) -> None:
        for n in itertools.count():
            user = f"{number}-{voter}-{n}"
            await store.cast(ballot(n % VOTED + 1, UserRef("slack", "T1", user)))
            store.tell(f"vote {n % VOTED + 1} {user}")

    async def digests() -> None:
        await store.save_batch(LISTED, NOW)
        await finish(store, chat)
        days = iter(range(number * DAYS, (number + 1) * DAYS))
        await asyncio.gather(*(post(days) for _ in range(AT_ONCE)))

    async def post(days: Iterator[int]) -> None:
        for n in days:
            plan = digest(n)
            await store.plan(plan.deliveries, plan.receipt)
            await carry(plan.receipt.slot, store, chat)

    async def checkpoints() -> None:
        while True:
            await store.checkpoint()
            store.tell("checkpoint")
            await asyncio.sleep(0.01)

    await asyncio.gather(*map(votes, range(VOTERS)), digests(), checkpoints())


async def finish(store: TinyDBStore, chat: FileChat) -> None:
    """Go on with every digest that an earlier life left unfinished."""
    await asyncio.gather(*(carry(slot, store, chat) for slot in await store.unfinished()))


async def carry(slot: Slot, store: TinyDBStore, chat: FileChat) -> None:
    """Send a digest to its end; what may be there is looked for as often as it takes."""
    while not (await deliver(slot, store=store, adapter=chat, clock=Clock())).done:
        pass
