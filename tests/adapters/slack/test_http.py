"""HTTP mode against proxies that repeat, people who listen in, and the rest of the internet."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.signature import SignatureVerifier
from structlog.testing import capture_logs

from adapters.slack._http import BODY_BYTES
from adapters.slack.manifest import COMMAND, EVENTS_PATH
from bot import cards
from bot.domain.votes import Tally
from bot.ports import Found
from tests.adapters.slack.conftest import LONG, SECRET, Office, office
from tests.examples import paper

UP = "vote|up|arxiv:2605.00001"


@pytest.fixture
async def at() -> AsyncIterator[Office]:
    async with office("http") as made:
        yield made


async def post(at: Office, body: bytes, **headers: str) -> int:
    """Send something to the bot's address and return the status."""
    url = f"http://127.0.0.1:{at.adapter.port}{EVENTS_PATH}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(body), headers=headers) as response,
    ):
        return response.status


def signature(body: bytes, at: float) -> dict[str, str]:
    """Return the headers of a request that Slack signed at that moment."""
    stamp = str(int(at))
    signed = SignatureVerifier(SECRET).generate_signature(timestamp=stamp, body=body)
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": str(signed)}


# Coming twice


async def test_a_press_that_is_replayed_changes_nothing_and_tells_nothing(at: Office) -> None:
    shown = cards.paper_message(paper(1), Tally())
    ref = await at.adapter.post(at.channel, shown, key="k")
    pressed = await at.slack.click(at.ann.id, at.papers.id, ref.id, UP)
    await pressed.answer()
    assert [await at.slack.replay() for _ in range(3)] == [200] * 3
    assert await at.counted(1) == Tally(up=1)  # not taken back
    assert len(pressed.answers) == 1


async def test_a_command_that_a_proxy_sends_twice_is_answered_once(at: Office) -> None:
    at.slack.duplicate()
    asked = await at.slack.slash(at.ann.id, at.papers.id, COMMAND, "help")
    await asked.answer(LONG)
    await at.slack.settled(timeout=LONG)
    assert asked.acked_within is not None
    assert len(asked.answers) == 1


async def test_a_request_may_be_repeated_for_as_long_as_its_signature_is_good_but_once() -> None:
    """A clock that is five minutes off makes a signature good for ten."""
    passed = 0.0
    async with office("http", seconds=lambda: passed, clock=lambda: time.time() + 290) as at:
        asked = await at.slack.slash(at.ann.id, at.papers.id, COMMAND, "help")
        await asked.answer()
        for _ in range(10):
            passed += 60
            assert await at.slack.replay() == 200
        await at.slack.settled(timeout=LONG)
        assert len(asked.answers) == 1


async def test_an_event_that_slack_sends_again_passes_and_is_taken_once() -> None:
    late = 0.0
    async with office("http", clock=lambda: time.time() + late) as at:
        told = await at.slack.direct_message(at.ann.id, "help")
        late = 60.0
        again = await at.slack.redeliver(told.event_id)
        im = at.slack.workspace.im_with(at.ann.id)
        await at.slack.wait_for(lambda: len(at.slack.messages(im.id)) > 1, LONG)
        await at.slack.settled(timeout=LONG)
        assert (again.attempt, again.status) == (1, 200)
        assert len(at.slack.messages(im.id)) == 2


async def test_what_failed_may_come_again_within_the_same_second(at: Office) -> None:
    body = b'{"type": "something_of_the_future"}'
    headers = signature(body, time.time()) | {"Content-Type": "application/json"}
    statuses = [await post(at, body, **headers) for _ in range(2)]
    assert statuses[0] == statuses[1] != 200


# Turned away


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"token=x&command=%2Fpapers", {}),
        (b"{", {"Content-Type": "application/json"}),
        (b"\xff\xfe", {"Content-Type": "application/json"}),
        (b"x", {"X-Slack-Request-Timestamp": "soon", "X-Slack-Signature": "v0=0"}),
        (b"x", {"X-Slack-Request-Timestamp": "0", "X-Slack-Signature": "v0=0"}),
        (b"x", {"X-Slack-Request-Timestamp": str(int(time.time())), "X-Slack-Signature": "v0=é"}),
        (b"\xff", {"X-Slack-Request-Timestamp": str(int(time.time())), "X-Slack-Signature": "v0"}),
    ],
)
async def test_what_slack_did_not_sign_is_turned_away_before_it_is_read(
    at: Office, body: bytes, headers: dict[str, str]
) -> None:
    assert await post(at, body, **headers) == 401


async def test_a_signature_of_another_body_or_of_ten_minutes_ago_is_no_good(at: Office) -> None:
    body, now = b"command=%2Fpapers&text=help", time.time()
    assert await post(at, body + b"x", **signature(body, now)) == 401
    assert await post(at, body, **signature(body, now - 600)) == 401
    assert at.slack.calls_of("response_url") == ()


async def test_the_log_says_once_that_requests_are_turned_away_and_never_what_they_were() -> None:
    """With a wrong secret, what is turned away is Slack's, and names where answers go."""
    with capture_logs() as logs:
        async with office("http") as at:
            at.slack.use_http(f"http://127.0.0.1:{at.adapter.port}{EVENTS_PATH}", "another")
            for _ in range(3):
                asked = await at.slack.slash(at.ann.id, at.papers.id, COMMAND, "help")
                assert asked.acked_within is None
    (said,) = [each for each in logs if each["event"] == "slack requests turned away"]
    assert "SLACK_SIGNING_SECRET" in said["cure"]
    assert "/response/" not in str(logs)


async def test_a_body_that_is_too_long_is_not_taken(at: Office) -> None:
    for length, status in ((BODY_BYTES + 1, 413), (BODY_BYTES, 200)):
        body = b"command=%2Fpapers&text=help&padding=".ljust(length, b"x")
        body = body.replace(b"&padding", f"&user_id={at.ann.id}&padding".encode())[:length]
        assert await post(at, body, **form(body)) == status


def form(body: bytes) -> dict[str, str]:
    return signature(body, time.time()) | {"Content-Type": "application/x-www-form-urlencoded"}


async def test_what_slack_signed_and_nobody_can_read_is_a_bad_request(at: Office) -> None:
    body = b"{not json"
    headers: dict[str, Any] = signature(body, time.time())
    assert await post(at, body, **headers, **{"Content-Type": "application/json"}) == 400


async def test_a_request_that_arrives_while_another_is_at_work_does_not_wait(at: Office) -> None:
    go_on = asyncio.Event()

    async def slow(query: object, **_: Any) -> Found:
        await go_on.wait()
        return Found(0, ())

    at.inbox.index.search = slow  # type: ignore[method-assign]
    first = await at.slack.slash(at.ann.id, at.papers.id, COMMAND, "search x")
    second = await at.slack.slash(at.ann.id, at.papers.id, COMMAND, "help")
    assert first.acked_within is not None
    assert (await second.answer()).text.startswith("Commands")
    go_on.set()
    await at.slack.wait_for(lambda: len(at.slack.answers) == 2)
