"""What must not grow with the number of digests posted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from adapters.discord.app import DiscordAdapter


def sizes(adapter: DiscordAdapter) -> Mapping[str, int]:
    """Count what a connected adapter, and discord.py below it, hold on to."""
    client = adapter._client
    assert client
    turns = adapter._pace._turns
    return {
        "tasks": sum(not is_of_server(each) for each in asyncio.all_tasks()),
        "opened": len(adapter._threads),
        "places": len(turns._free_at),
        "timed": len(turns._took),
        "at work": len(client._running) + len(client._locks) + len(client._bots),
        "routes": len(client.http._bucket_hashes),
        "buckets": len(client.http._buckets),
        "threads": sum(len(guild.threads) for guild in client.guilds),
        "views": len(client._connection._view_store.persistent_views),
    }


def is_of_server(task: asyncio.Task[object]) -> bool:
    """Tell whether a task serves a connection of a double in this process; it has one for each."""
    return getattr(task.get_coro(), "__qualname__", "") == "RequestHandler.start"
