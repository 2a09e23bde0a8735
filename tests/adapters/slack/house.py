"""Two workspaces over loopback, and one bot that both may install."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from pydantic import SecretStr

from adapters.search.lexical import LexicalIndex
from adapters.slack.app import SlackAdapter
from adapters.slack.ids import channel_ref
from adapters.slack.manifest import EVENTS, EVENTS_PATH, INSTALL_PATH, LEAVING, SCOPES
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot.dispatch import Dispatcher
from bot.domain.channels import ChannelRef
from bot.services.health import Health
from config.settings import SlackSettings
from tests.adapters.slack.conftest import SECRET, settings_for
from tests.doubles.slack import Channel, SlackDouble, User, Workspace
from tests.examples import NOW, batch

COOKIE = "slack-app-oauth-state"
PUBLIC = "https://bot.example.org"


@dataclass(slots=True)
class Team:
    """A workspace that may install the app."""

    slack: SlackDouble
    ann: User
    papers: Channel

    @property
    def channel(self) -> ChannelRef:
        return channel_ref(self.slack.workspace.team_id, self.papers.id)


@dataclass(slots=True)
class House:
    """Two workspaces and one bot for both."""

    teams: tuple[Team, Team]
    adapter: SlackAdapter
    inbox: Dispatcher
    store: MemoryStore
    task: asyncio.Task[None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.adapter.port}"

    async def ask(self, path: str, **cookies: str) -> tuple[int, str, dict[str, str]]:
        """Open a page; return its status, its text and the cookies that it sets."""
        # a browser returns the cookie over https alone, which is not spoken here
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(self.url + path, headers=headers if cookies else None) as page,
        ):
            found = {name: each.value for name, each in page.cookies.items()}
            return page.status, await page.text(), found

    async def begin(self) -> tuple[dict[str, str], str]:
        """Open the install page; return what the way to Slack asks for, and the cookie."""
        status, page, cookies = await self.ask(INSTALL_PATH)
        assert status == 200
        link = re.search(r'href="https://slack\.com/oauth/v2/authorize\?([^"]+)"', page)
        assert link
        return dict(parse_qsl(html.unescape(link[1]))), cookies[COOKIE]

    async def install(self, team: Team) -> None:
        """Let a workspace install the app, as its people do in a browser."""
        asked, cookie = await self.begin()
        back = urlsplit(self.teams[0].slack.authorize(team.ann.id, asked))
        assert back.geturl().startswith(PUBLIC)
        status, page, _ = await self.ask(f"{back.path}?{back.query}", **{COOKIE: cookie})
        assert (status, "Thank you" in page) == (200, True), page


def shared_settings(slack: SlackDouble, mode: str = "http", **changes: Any) -> SlackSettings:
    """Return the settings for several workspaces."""
    client_id, client_secret = slack.client
    several = {
        "bot_token": None,
        "client_id": client_id,
        "client_secret": SecretStr(client_secret),
        "public_url": PUBLIC,
    }
    return settings_for(slack, mode, **(several | changes))


@asynccontextmanager
async def house(folder: Path, mode: str = "http", *, install: bool = True) -> AsyncIterator[House]:
    """Run the bot for two workspaces, which have installed the app if so asked."""
    options = {"scopes": frozenset(SCOPES), "subscriptions": frozenset({*EVENTS, *LEAVING})}
    second = Workspace(
        team_id="T00000002",
        team_name="Other Group",
        domain="other-group",
        bot_id="B00000002",
        bot_user_id="U00009000",
        first_id=9000,
    )
    async with (
        SlackDouble(**options) as slack,
        SlackDouble(second, bot_token="xoxb-other", **options) as other,
    ):
        slack.add_team(other)
        teams = [
            Team(each, each.workspace.add_user("ann"), each.workspace.add_channel("papers"))
            for each in (slack, other)
        ]
        store, index = MemoryStore(), LexicalIndex()
        await index.add(batch(papers=3).papers)
        await store.save_papers(batch(papers=3).papers)
        inbox = Dispatcher(
            store, index, ExtractiveSummarizer(), {}, clock=lambda: NOW, health=Health(NOW)
        )

        async def sleep(seconds: float) -> None:
            pass

        settings = shared_settings(slack, mode)
        adapter = SlackAdapter(settings, folder, clock=lambda: 0.0, sleep=sleep)
        task = asyncio.create_task(adapter.serve(inbox))
        try:
            port = await slack.wait_for(lambda: adapter.port or task.done())
            if mode == "http":
                for each in (slack, other):
                    each.use_http(f"http://127.0.0.1:{port}{EVENTS_PATH}", SECRET)
            else:
                await slack.connected()
            made = House((teams[0], teams[1]), adapter, inbox, store, task)
            for team in teams if install else ():
                await made.install(team)
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
