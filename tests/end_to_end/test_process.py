"""The bot as a process of its own: run, health, post, killed without warning, stopped politely."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.papers import batch_day
from tests.doubles.huggingface import HuggingFaceDouble
from tests.doubles.slack import Channel, SlackDouble, User
from tests.examples import paper

PAPERS = 4
SATURDAY = 5


def closed_day() -> date:
    """Return the newest working day whose list takes no more papers."""
    day = batch_day(datetime.now(UTC)) - timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day -= timedelta(days=1)
    return day


@dataclass(slots=True)
class Machine:
    """A machine with a state folder on which the bot can be started."""

    slack: SlackDouble
    ann: User
    papers: Channel
    environment: dict[str, str]

    async def start(self, *arguments: str) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env=self.environment,
        )

    async def call(self, *arguments: str) -> tuple[int, str]:
        process = await self.start(*arguments)
        out, err = await process.communicate()
        return process.returncode or 0, out.decode() + err.decode()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Process]:
        process = await self.start("run")
        try:
            await self.slack.connected(timeout=30)
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def subscribe(self, text: str = "subscribe --at settled --weekdays daily") -> None:
        done = await self.slack.slash(self.ann.id, self.papers.id, "/papers", text)
        answer = await done.answer(timeout=20, via="response_url")  # the digest may come before it
        assert "Subscribed" in str(answer.blocks)

    async def posted(self, number: int) -> None:
        await self.slack.wait_for(
            lambda: len(self.slack.messages(self.papers.id)) >= number, timeout=30
        )

    @property
    def texts(self) -> list[str]:
        return [each.text for each in self.slack.messages(self.papers.id)]


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    listed = [paper(number, upvotes=50 - number) for number in range(1, PAPERS + 1)]
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(HuggingFaceDouble({closed_day(): listed}))
        slack = await stack.enter_async_context(SlackDouble())
        environment = {
            **os.environ,
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": slack.base_url,
            "HF_API_URL": hub.url,
            "STORE_URL": f"tinydb://{tmp_path / 'state'}",
            "HEALTH_FILE": str(tmp_path / "health.json"),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        user = slack.workspace.add_user("ann")
        yield Machine(slack, user, slack.workspace.add_channel("papers"), environment)


async def test_killed_in_the_middle_of_a_digest_it_posts_the_rest_and_nothing_twice(
    machine: Machine,
) -> None:
    async with machine.running() as process:
        await machine.subscribe()
        await machine.posted(2)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    async with machine.running():
        await machine.posted(PAPERS + 1)
        code, shown = await machine.call("health")
        assert (code, "slack up" in shown) == (0, True)
    assert len(set(machine.texts)) == len(machine.texts) == PAPERS + 1


async def test_stopped_politely_it_leaves_at_once_and_says_so_to_health(machine: Machine) -> None:
    async with machine.running() as process:
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
        assert process.returncode == 0
        assert b"Traceback" not in err
    assert (await machine.call("health"))[0] == 1


async def test_a_second_bot_on_the_same_state_is_refused(machine: Machine) -> None:
    async with machine.running() as process:
        code, shown = await machine.call("run")
        checked, finding = await machine.call("doctor", "--offline")
    assert code == 2
    assert f"process {process.pid}" in shown
    assert (checked, "in use by process" in finding) == (0, True)
    assert "Traceback" not in shown


async def test_a_running_bot_is_asked_how_things_stand_and_backed_up(
    machine: Machine, tmp_path: Path
) -> None:
    async with machine.running():
        await machine.subscribe()
        await machine.posted(PAPERS + 1)
        code, shown = 1, ""
        async with asyncio.timeout(30):
            while f"posted {PAPERS}." not in shown:  # the last message, then the receipt
                code, shown = await machine.call("status")
        assert (code, "Bot: ok" in shown) == (0, True), shown
        assert machine.papers.id in shown
        assert "Next digest: " in shown
        assert all(len(line) <= 80 for line in shown.splitlines())
        file = str(tmp_path / "papers.tar")
        assert (await machine.call("backup", "--to", file))[0] == 0
        assert "Paper 1" in (await machine.call("export"))[1]
    machine.environment["STORE_URL"] = f"tinydb://{tmp_path / 'copy'}"
    assert (await machine.call("restore", file))[0] == 0
    code, shown = await machine.call("status")
    assert f"posted {PAPERS}." in shown


async def test_a_digest_is_posted_by_hand_once(machine: Machine) -> None:
    async with machine.running():
        await machine.subscribe("subscribe --at 09:00 --layout list")
    day = closed_day().isoformat()
    code, shown = await machine.call("post", "--date", day)
    assert (code, f"Posted {PAPERS}." in shown) == (0, True), shown
    code, shown = await machine.call("post", "--date", day)
    assert code == 0
    assert len(machine.texts) == 1
    code, shown = await machine.call("post", "--date", "2031-01-01", "--channel", "slack:T/none")
    assert code == 2


async def test_no_secret_reaches_the_log(machine: Machine) -> None:
    machine.environment["SLACK_APP_TOKEN"] = "xapp-1-CANARY-9"
    code, shown = await machine.call("run")
    assert code == 2
    assert "SLACK_APP_TOKEN" in shown
    assert "CANARY" not in shown
