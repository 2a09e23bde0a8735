"""One of the processes that share a state: the whole bot with the real SDKs, until it is killed.

Only the addresses that it speaks to are the tests', and some waits, so that minutes become seconds.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import discord
import yarl
from pydantic import SecretStr

import adapters.discord.app  # imported on demand elsewhere; what is forked has it at once
import adapters.slack.app
from adapters.storage.postgres import PostgresStore
from bot import logs, scheduler
from bot.app import build
from bot.domain.errors import StoreError
from config.settings import DiscordSettings, HealthSettings, Settings, SlackSettings
from tests.examples import paper
from tests.fakes import FakeSource

NO_STORE = 75
"""How a process ends that finds no database at its start; whoever keeps it running tries again."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a replica has to know.

    Attributes:
        name: Names it in the database, its number first.
        store: The database's address.
        lease: Seconds that a right lasts.
        slack_url, discord_url, gateway_url: Where the platforms are.
        day: Of the list that is to be posted.
        papers: How many are on it.
        folder: Where its log and its health file are.
        seconds: How long it lives if nobody ends it.
    """

    name: str
    store: str
    lease: float
    slack_url: str
    slack_tokens: tuple[str, str]
    discord_url: str
    gateway_url: str
    discord_token: str
    day: date
    papers: int
    folder: Path
    seconds: int

    @property
    def number(self) -> str:
        """The replica's, whichever of its lives this is."""
        return self.name.partition(".")[0]

    @property
    def log(self) -> Path:
        """Where all of its lives write what is out of the ordinary."""
        return self.folder / f"{self.number}.log"

    def settings(self) -> Settings:
        """Return what an operator would have set."""
        bot, app = map(SecretStr, self.slack_tokens)
        return Settings(
            _env_file=None,
            slack=SlackSettings(bot_token=bot, app_token=app, api_url=self.slack_url),
            discord=DiscordSettings(token=SecretStr(self.discord_token)),
            health=HealthSettings(file=self.folder / f"{self.number}.json"),
        )


def run(orders: Orders) -> None:
    """Be a replica: what a process does that is forked for nothing else."""
    signal.alarm(orders.seconds)
    _hasten(orders)
    with orders.log.open("a", buffering=1) as log:
        logs.configure("warning", "json", log)
        try:
            asyncio.run(_work(orders))
        except asyncio.CancelledError:
            return
        except StoreError:
            sys.exit(NO_STORE)


def _hasten(orders: Orders) -> None:
    """Set what a process of its own may set: discord.py's addresses, and how long to wait.

    A lease of seconds wants retries of seconds, and the double's history does not lag. The clock is
    the real one, and posts to a channel are as far apart as ever.
    """
    discord.http.Route.BASE = orders.discord_url
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(orders.gateway_url)
    scheduler.RETRY_SECONDS = 1.0
    scheduler.SHARE_EVERY = timedelta(seconds=10)
    adapters.slack.app.LAG_SECONDS = 0.5


async def _work(orders: Orders) -> None:
    store = await PostgresStore.open(orders.store, lease_seconds=orders.lease, replica=orders.name)
    listed = [paper(n) for n in range(1, orders.papers + 1)]
    sources = {"huggingface": FakeSource({orders.day: listed})}
    try:
        async with build(orders.settings(), store=store, sources=sources) as app:
            app.look_every = 1.0
            app.inbox.turn_pause = 1.0
            await app.run()
    finally:
        await store.close()
