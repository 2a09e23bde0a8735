"""Socket Mode against everything that Slack, its network and its load balancers do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.slack._socket import Patience
from adapters.slack.manifest import COMMAND
from bot import cards
from bot.domain.errors import ConfigError, TryLater
from bot.domain.votes import Tally
from tests.adapters.slack.conftest import LONG, Office, office
from tests.doubles.slack import ApiError, Exchange, RateLimited, ServerError
from tests.examples import paper

UP = "vote|up|arxiv:2605.00001"
QUICK = Patience(look=0.05, pause=0.05, longest_pause=0.2)


@asynccontextmanager
async def connected(patience: Patience = QUICK, **slack_options: Any) -> AsyncIterator[Office]:
    """Run the bot with both of its websockets open, numbered 0 and 1."""
    async with office(patience=patience, **slack_options) as made:
        await made.slack.connected(2, LONG)
        yield made


async def paper_to_vote_on(here: Office) -> str:
    shown = cards.paper_message(paper(1), Tally())
    return (await here.adapter.post(here.channel, shown, key="k")).id


async def press(here: Office, ts: str) -> Exchange:
    """Let somebody who did not vote yet press the button."""
    somebody = here.slack.workspace.add_user("somebody").id
    return await here.slack.click(somebody, here.papers.id, ts, UP)


async def replaced(here: Office, *old: int) -> None:
    """Wait until there are two websockets, and none of these among them."""
    await here.slack.wait_for(
        lambda: len(here.slack.sockets) == 2 and not set(old) & set(here.slack.sockets), LONG
    )


def opened(here: Office) -> int:
    return len(here.slack.calls_of("apps.connections.open"))


# Connecting


async def test_two_websockets_are_open_and_payloads_come_on_both() -> None:
    async with connected() as here:
        for _ in range(4):
            exchange = await here.slack.slash(here.ann.id, here.papers.id, COMMAND, "help")
            assert (await exchange.answer()).text.startswith("Commands")
        assert {ack.socket for ack in here.slack.acks} == {0, 1}
        assert opened(here) == 2


async def test_one_websocket_is_enough_to_be_up_while_slack_will_not_have_another() -> None:
    with capture_logs() as logs:
        async with office(patience=QUICK, most_sockets=1) as here:
            await here.slack.wait_for(lambda: opened(here) >= 4, LONG)
            exchange = await here.slack.slash(here.ann.id, here.papers.id, COMMAND, "help")
            assert (await exchange.answer()).text.startswith("Commands")
            assert here.slack.sockets == (0,)
    refused = [each["reason"] for each in logs if each["event"] == "slack websocket not opened"]
    assert refused
    assert "too_many_websockets" in refused[0]


async def test_no_websocket_at_all_is_tried_later() -> None:
    async with office(patience=QUICK) as here:
        here.task.cancel()
        await asyncio.wait([here.task])
        here.slack.fault("apps.connections.open", RateLimited(0), times=2)
        with pytest.raises(TryLater, match="ratelimited"):
            await here.adapter.serve(here.inbox)


async def test_slack_s_last_websocket_is_said_to_be_the_last() -> None:
    with capture_logs() as logs:
        async with connected() as here:
            hello = next(each for each in here.slack.sent if each.name == "hello").body
            hello["num_connections"] = 10
            await next(iter(here.slack._socket_mode._sockets)).send(hello)
            await here.slack.wait_for(lambda: [e for e in logs if e.get("connections") == 10])
    (said,) = [each for each in logs if each["log_level"] == "warning"]
    assert "End other copies" in said["cure"]


def test_pauses_between_attempts_grow_to_a_minute() -> None:
    pauses = [Patience().after(failures) for failures in range(12)]
    assert pauses == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert Patience().after(10_000) == 60


# Acknowledging


async def test_everything_is_acknowledged_although_its_work_takes_longer_than_slack_waits() -> None:
    """Nothing that people do waits for what somebody did before."""
    async with connected(ack_timeout=10) as here:
        begun, go_on = asyncio.Semaphore(0), asyncio.Event()
        ts = await paper_to_vote_on(here)
        here.inbox.index.search = held(here.inbox.index.search, begun, go_on)  # type: ignore[method-assign]
        asked = [
            await here.slack.slash(here.ann.id, here.papers.id, COMMAND, "search paper")
            for _ in range(2)
        ]
        event = await here.slack.mention(here.ann.id, here.papers.id, "search paper")
        for _ in range(3):
            await begun.acquire()  # all three are at work
        assert {each.acked_within is None for each in asked} == {False}
        assert event.acked_within is not None
        assert (await (await press(here, ts)).answer()).text.startswith("Your vote counts")
        assert not any(each.answers for each in asked)
        go_on.set()
        for each in asked:
            assert "3 papers for" in (await each.answer()).text


def held(
    work: Callable[..., Awaitable[Any]], begun: asyncio.Semaphore, go_on: asyncio.Event
) -> Callable[..., Awaitable[Any]]:
    async def later(*arguments: Any, **options: Any) -> Any:
        begun.release()
        await go_on.wait()
        return await work(*arguments, **options)

    return later


async def test_a_payload_that_comes_twice_has_one_effect() -> None:
    async with connected() as here:
        ts = await paper_to_vote_on(here)
        here.slack.duplicate(4)
        pressed = await press(here, ts)
        asked = await here.slack.slash(here.ann.id, here.papers.id, COMMAND, "help")
        assert await here.counted(1) == Tally(up=1)  # not taken back by the second
        for each in (pressed, asked):
            await each.answer(LONG)
        await here.slack.settled(timeout=LONG)
        assert (len(pressed.answers), len(asked.answers)) == (1, 1)
        await here.slack.direct_message(here.ann.id, "help")
        await here.slack.mention(here.ann.id, here.papers.id, "help")
        im = here.slack.workspace.im_with(here.ann.id)
        await here.slack.wait_for(lambda: len(here.slack.messages(im.id)) > 1, LONG)
        await here.slack.wait_for(
            lambda: len(here.slack.ephemerals(here.ann.id, here.papers.id)) > 1, LONG
        )
        await here.slack.settled(timeout=LONG)
        assert len(here.slack.messages(im.id)) == 2
        assert len(here.slack.ephemerals(here.ann.id, here.papers.id)) == 2
        assert not [ack for ack in here.slack.acks if ack.within is None]


async def test_an_event_whose_acknowledgement_was_lost_counts_once_when_it_comes_again() -> None:
    async with connected() as here:
        await here.deliver()
        here.slack.lose_acks()
        told = await here.slack.react(here.ann.id, here.papers.id, here.messages[1].ts, "+1")
        assert told.acked_within is None
        await reactions_acknowledged(here, 1)
        assert [ack.attempt for ack in here.slack.acks if ack.event_id == told.event_id] == [0, 1]
        assert await here.counted(1) == Tally(up=1)


async def reactions_acknowledged(here: Office, count: int) -> None:
    """Wait until so many reactions have been acknowledged and dealt with."""
    await here.slack.wait_for(
        lambda: (
            count
            == len(
                {
                    ack.event_id
                    for ack in here.slack.acks
                    if ack.name == "reaction_added" and ack.within is not None
                }
            )
        ),
        LONG,
    )


async def test_a_press_whose_acknowledgement_was_lost_counts_and_is_not_told_again() -> None:
    async with connected() as here:
        ts = await paper_to_vote_on(here)
        here.slack.lose_acks()
        pressed = await press(here, ts)
        assert pressed.acked_within is None
        assert (await pressed.answer()).text.startswith("Your vote counts")
        await replaced(here)
        assert len([ack for ack in here.slack.acks if ack.kind == "interactive"]) == 1
        assert await here.counted(1) == Tally(up=1)


async def test_an_event_that_a_dead_websocket_swallowed_counts_when_it_comes_again() -> None:
    async with connected(ack_timeout=2, retry_delays=(0, 0, 0)) as here:
        await here.deliver()
        ben = here.slack.workspace.add_user("ben")
        here.slack.half_open(0)
        for user in (here.ann.id, ben.id):  # one of them meets the dead one
            await here.slack.react(user, here.papers.id, here.messages[1].ts, "+1")
        await reactions_acknowledged(here, 2)
        assert 1 in {ack.attempt for ack in here.slack.acks}
        assert await here.counted(2) == Tally(up=2)


# Replacing

ENDS = ["warning", "refresh_requested", "link_disabled", "too_many_websockets", "abort"]


@pytest.mark.parametrize("end", ENDS)
async def test_a_websocket_that_ends_is_replaced_and_the_other_stays(end: Any) -> None:
    async with connected(farewell=0.5) as here:
        ts = await paper_to_vote_on(here)
        if end == "abort":
            here.slack.abort(0)
        else:
            await here.slack.disconnect(end, 0)
        await replaced(here, 0)
        assert here.slack.sockets == (1, 2)
        assert opened(here) == 3
        for _ in range(4):
            assert (await press(here, ts)).acked_within is not None
        assert await here.counted(4) == Tally(up=4)


@pytest.mark.parametrize(("reason", "which"), [("warning", None), ("refresh_requested", 0)])
async def test_no_click_is_lost_while_websockets_are_replaced(
    reason: Any, which: int | None
) -> None:
    async with connected(farewell=1) as here:
        ts = await paper_to_vote_on(here)
        old = {0, 1} if which is None else {which}
        await here.slack.disconnect(reason, which)
        pressed = [await press(here, ts)]
        while old & set(here.slack.sockets):
            pressed.append(await press(here, ts))
        await replaced(here, *old)
        pressed += [await press(here, ts) for _ in range(4)]
        assert [each for each in pressed if each.acked_within is None] == []
        assert await here.counted(len(pressed)) == Tally(up=len(pressed))
        for each in pressed:
            await each.answer(LONG)
        await here.slack.settled(timeout=LONG)
        assert [len(each.answers) for each in pressed] == [1] * len(pressed)


async def test_a_websocket_that_is_torn_off_takes_no_more_with_it_than_was_on_it() -> None:
    async with connected() as here:
        ts = await paper_to_vote_on(here)
        pressing = [asyncio.create_task(press(here, ts)) for _ in range(20)]
        await asyncio.sleep(0)
        here.slack.abort(0)
        pressed = [await each for each in pressing]
        failed = {ack.socket for ack in here.slack.acks if ack.within is None}
        assert failed <= {0}
        await replaced(here, 0)
        pressed += [await press(here, ts) for _ in range(4)]
        heard = [each for each in pressed if each.acked_within is not None]
        assert len(heard) >= 14
        assert len(heard) <= (await here.counted(len(heard))).up <= len(pressed)


async def test_a_websocket_that_is_half_open_is_noticed_and_replaced() -> None:
    async with connected(replace(QUICK, ping=1)) as here:
        ts = await paper_to_vote_on(here)
        here.slack.half_open(0)
        await replaced(here, 0)
        for _ in range(4):
            assert (await press(here, ts)).acked_within is not None


async def test_a_websocket_on_which_nothing_comes_is_replaced_though_it_looks_well() -> None:
    """Between a load balancer that keeps a connection up and a Slack that is gone."""
    with capture_logs() as logs:
        async with connected(replace(QUICK, ping=60, silent=1)) as here:
            await here.slack.wait_for(lambda: not {0, 1} & set(here.slack.sockets), LONG)
    assert "silent" in [each.get("why") for each in logs]


async def test_trouble_with_one_websocket_ends_nothing() -> None:
    async with connected(replace(QUICK, lost=0.5)) as here:
        here.slack.fault("apps.connections.open", ServerError(503), times=1_000)
        here.slack.abort(0)
        await here.slack.wait_for(lambda: opened(here) >= 12, LONG)  # seconds later
        assert not here.task.done()
        exchange = await here.slack.slash(here.ann.id, here.papers.id, COMMAND, "help")
        assert (await exchange.answer()).text.startswith("Commands")
        here.slack.clear_faults()
        await here.slack.connected(2, LONG)


# Ending


async def test_a_connection_lost_for_long_ends_serving() -> None:
    async with connected(replace(QUICK, lost=0.5)) as here:
        here.slack.fault("apps.connections.open", ServerError(503), times=1_000)
        here.slack.abort()
        with pytest.raises(TryLater, match=r"connection is lost \(HTTP 503"):
            await asyncio.wait_for(here.task, LONG)


async def test_socket_mode_switched_off_ends_serving_at_once_with_the_cure() -> None:
    async with connected() as here:
        here.slack.fault("apps.connections.open", ApiError("access_denied"), times=1_000)
        await here.slack.disconnect("link_disabled")
        with pytest.raises(ConfigError, match="switch Socket Mode on"):
            await asyncio.wait_for(here.task, LONG)


async def test_a_token_that_is_refused_later_ends_nothing_while_a_websocket_works() -> None:
    async with connected() as here:
        here.slack.fault("apps.connections.open", ApiError("token_revoked"), times=3)
        here.slack.abort(0)
        await replaced(here, 0)
        assert not here.task.done()


@pytest.mark.parametrize("cut_off", [False, True])
async def test_nothing_is_left_behind_at_the_end(cut_off: bool) -> None:
    async with connected(farewell=60) as here:
        if cut_off:
            here.slack.half_open()  # nobody says goodbye any more
        else:
            await here.slack.disconnect("warning")  # two more, and two that wait for their end
            await here.slack.connected(4, LONG)
        here.task.cancel()
        await asyncio.wait([here.task], timeout=LONG)
        assert here.task.cancelled()
        await here.slack.wait_for(lambda: cut_off or not here.slack.sockets)
        assert [name for name in map(running, asyncio.all_tasks()) if "slack_" in name] == []


def running(task: asyncio.Task[Any]) -> str:
    """Return the file of the code that a task runs, to tell the SDK's from the test's."""
    code = getattr(task.get_coro(), "cr_code", None)
    return str(code.co_filename).replace("tests/doubles/slack_", "") if code else ""


async def test_what_was_acknowledged_is_answered_before_the_end() -> None:
    async with connected() as here:
        asking = [
            asyncio.create_task(
                here.slack.slash(here.ann.id, here.papers.id, COMMAND, "show 2605.00001")
            )
            for _ in range(10)
        ]
        await here.slack.wait_for(lambda: here.slack.acks, LONG)
        here.task.cancel()
        await asyncio.wait([here.task], timeout=LONG)
        asked = [await each for each in asking]
        heard = [each for each in asked if each.acked_within is not None]
        assert heard
        assert ["Paper 1" in answer.text for each in heard for answer in each.answers] == [
            True for _ in heard
        ]
