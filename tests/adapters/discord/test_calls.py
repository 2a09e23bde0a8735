"""What a failed call means: refused, gone, later, or unknown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import aiohttp
import discord
import pytest

from adapters.discord.calls import EDIT_WAIT, NotRepeated, Place, ask, call, meaning
from bot.domain.errors import Ambiguous, Gone, PlatformError, Refused, TryLater


def answered(status: int, code: int = 0, **headers: str) -> discord.HTTPException:
    response = cast(
        aiohttp.ClientResponse, SimpleNamespace(status=status, reason="no", headers=headers)
    )
    return discord.HTTPException(response, {"code": code, "message": "said"})


CHANNEL, THREAD = Place.CHANNEL, Place.THREAD
NEW_THREAD, NEW_POST = Place.NEW_THREAD, Place.NEW_POST


@pytest.mark.parametrize(
    ("error", "place", "kind", "words"),
    [
        (answered(400, 50035), CHANNEL, Refused, "HTTP 400, code 50035: said"),
        (answered(401), CHANNEL, TryLater, "DISCORD_TOKEN"),
        (answered(403, 50001), CHANNEL, Gone, "View Channel"),
        (answered(403, 50013), CHANNEL, Gone, "Send Messages in this channel"),
        (answered(403, 50013), THREAD, Gone, "Send Messages in Threads"),
        (answered(403, 50013), NEW_THREAD, Refused, "Create Public Threads"),
        (answered(403, 50007), CHANNEL, Gone, "permissions"),
        (answered(404, 10003), CHANNEL, Gone, "subscribe in another"),
        (answered(404, 10003), THREAD, Refused, "thread was deleted"),
        (answered(404, 10008), CHANNEL, Refused, "message was deleted"),
        (answered(400, 50008), CHANNEL, Gone, "text channel"),
        (answered(400, 160006), NEW_THREAD, TryLater, "layout"),
        (answered(400, 40067), NEW_POST, Refused, "Add a tag"),
        (answered(403, 50013), NEW_POST, Gone, "Create Posts"),
        (answered(400, 50083), THREAD, Refused, "Unlock the thread"),
        (answered(400, 30046), CHANNEL, TryLater, "30046"),
        (answered(400, 160004), NEW_THREAD, Refused, "160004"),
        (answered(404, 10062), CHANNEL, Gone, "10062"),
        (NotRepeated("HTTP 502"), NEW_POST, Ambiguous, "HTTP 502"),
        (answered(429), CHANNEL, TryLater, "HTTP 429"),
        (answered(500), CHANNEL, Ambiguous, "HTTP 500"),
        (answered(503), CHANNEL, Ambiguous, "HTTP 503"),
        (discord.RateLimited(90), CHANNEL, TryLater, "rate limited"),
        (ConnectionRefusedError(), CHANNEL, TryLater, "out of reach"),
        (RuntimeError("Session is closed"), CHANNEL, TryLater, "out of reach"),
        (ConnectionResetError(104, "reset"), CHANNEL, Ambiguous, "ConnectionResetError"),
        (aiohttp.ServerDisconnectedError(), CHANNEL, Ambiguous, "ServerDisconnectedError"),
        (TimeoutError(), CHANNEL, Ambiguous, "TimeoutError"),
    ],
)
def test_each_failure_has_one_meaning(
    error: Exception, place: Place, kind: type[PlatformError], words: str
) -> None:
    found = meaning(error, place)
    assert type(found) is kind
    assert words in str(found)


def test_edits_of_old_messages_wait_for_an_hour() -> None:
    found = meaning(answered(400, 30046), CHANNEL)
    assert isinstance(found, TryLater)
    assert found.retry_after == EDIT_WAIT


def test_a_wait_that_discord_names_is_handed_on() -> None:
    for error in (discord.RateLimited(90), answered(429, **{"Retry-After": "90"})):
        found = meaning(error, CHANNEL)
        assert isinstance(found, TryLater)
        assert found.retry_after == 90


class Request:
    """Raises what it is given, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tries = 0

    async def __call__(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


async def test_a_lost_answer_is_asked_for_twice_more() -> None:
    request = Request(TimeoutError(), answered(503))
    assert await call(request, CHANNEL, pauses=(0, 0)) == "done"
    assert request.tries == 3


async def test_what_discord_py_has_repeated_already_is_not_repeated_again() -> None:
    request = Request(answered(502))
    with pytest.raises(Ambiguous):
        await call(request, CHANNEL, pauses=(0, 0))
    assert request.tries == 1


async def test_a_refusal_is_final_unless_an_earlier_answer_was_lost() -> None:
    request = Request(answered(403, 50013))
    with pytest.raises(Gone):
        await call(request, CHANNEL, pauses=(0, 0))
    assert request.tries == 1
    with pytest.raises(Ambiguous, match="after an answer was lost"):
        await call(Request(TimeoutError(), answered(403), answered(403)), CHANNEL, pauses=(0, 0))


async def test_a_question_whose_answer_is_lost_can_be_asked_later() -> None:
    with pytest.raises(TryLater):
        await ask(Request(TimeoutError()), CHANNEL, pauses=())


async def test_an_error_of_ours_is_not_taken_for_one_of_the_network() -> None:
    with pytest.raises(KeyError):
        await call(Request(KeyError("bug")), CHANNEL, pauses=(0,))
