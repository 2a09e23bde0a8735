"""Digest after digest, nothing is held on to; ``python -m benchmarks discord_fanout --soak``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, timedelta

from adapters.discord.app import DiscordAdapter
from adapters.discord.pace import LIMITS
from adapters.storage.memory import MemoryStore
from bot.domain.channels import Layout, Subscription, UserRef
from bot.domain.deliveries import Slot
from bot.domain.papers import Batch, BatchKey
from bot.services.deliveries import deliver
from bot.services.digest import plan_digest
from tests.adapters.discord.conftest import DAY, NOW, PAPERS, Team
from tests.adapters.discord.sizes import sizes


async def post_digest(team: Team, adapter: DiscordAdapter, day: date) -> None:
    """Post a day's digest, and let its thread come of age."""
    channel, store = team.slot.channel, MemoryStore()
    batch = Batch(BatchKey("sample", day), PAPERS)
    owner = UserRef("discord", channel.workspace, str(team.admin.id))
    order = Subscription(channel, owner, NOW, sources=("sample",), layout=Layout.THREAD)
    plan = plan_digest(order, day, (batch,), {}, now=NOW)
    await store.save_batch(batch, NOW)
    await store.plan(plan.deliveries, plan.receipt)
    slot = Slot(channel, day)
    outcome = await deliver(slot, store=store, adapter=adapter, clock=lambda: NOW)
    assert outcome.done
    for thread in list(team.double.guild.threads.values()):
        await team.double.archive(thread)


async def settled(adapter: DiscordAdapter) -> Mapping[str, int]:
    """Return the sizes when the bot has heard that all threads are archived."""
    client = adapter._client
    assert client
    async with asyncio.timeout(5):
        await client.wait_until_ready()  # two seconds after the last server was heard of
        while (found := sizes(adapter))["threads"] or is_hearing():
            await asyncio.sleep(0.01)
    return found


def is_hearing() -> bool:
    """Tell whether an event is being dealt with."""
    return any(each.get_name().startswith("discord.py: ") for each in asyncio.all_tasks())


async def test_digest_after_digest_nothing_is_held_on_to(team: Team) -> None:
    async with team.serving() as adapter:
        for number in range(10):
            await post_digest(team, adapter, DAY + timedelta(number))
        early = dict(await settled(adapter))
        for number in range(10, 20):
            await post_digest(team, adapter, DAY + timedelta(number))
        late = dict(await settled(adapter))
    assert len(team.double.messages(team.channel)) == 20
    assert late.pop("timed") <= LIMITS.recent
    assert late.pop("buckets") == early.pop("buckets") + 10  # a thread; dropped by discord.py later
    del early["timed"]
    assert late == early
