"""Call Discord's REST API, and say what a failed call means for a message.

A message is posted under a nonce, so a call whose answer was lost is made again at once: Discord
posts it only once within some minutes. discord.py itself repeats 500, 502, 504 and 524 five times
and waits out 429; the rest is done here. Every request that counts for the global limit waits for
its turn, those that discord.py repeats too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from enum import StrEnum
from types import SimpleNamespace
from typing import TypeVar

import aiohttp
import discord
import structlog
from yarl import URL

from adapters.discord.ids import PLATFORM
from adapters.discord.pace import Pace
from bot.domain.errors import Ambiguous, Gone, PlatformError, Refused, TryLater
from bot.text import clip, one_line

log = structlog.get_logger()

S = TypeVar("S")
T = TypeVar("T")

PAUSES = (0.5, 2.0)
"""Seconds before the second and the third try of a call whose answer was lost."""

PATIENCE = 90.0
"""Seconds for one call, waiting for its turn apart; discord.py's own repeats need 25, a 429 at most
60."""

FAILURES = (discord.DiscordException, aiohttp.ClientError, OSError, RuntimeError)
"""What a call can raise; aiohttp says RuntimeError of a closed session. OSError has timeouts."""

FREE = frozenset({"interactions", "webhooks"})
"""What "interaction endpoints" begin with, which "are not bound to the bot's Global Rate Limit":
docs.discord.com/developers/topics/rate-limits#global-rate-limit"""

UNSAID = 1.0
"""Seconds to stop where a refusal does not say how many."""

REPEATED_BY_DISCORD_PY = frozenset({500, 502, 504, 524})

# docs.discord.com/developers/topics/opcodes-and-status-codes#json
UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION = 10003, 10008, 10015, 10062
MISSING_ACCESS, NOT_A_TEXT_CHANNEL, MISSING_PERMISSIONS = 50001, 50008, 50013
TOKEN_EXPIRED, INVALID_FORM, THREAD_ARCHIVED = 50027, 50035, 50083
EDITS_LIMITED, TAG_REQUIRED = 30046, 40067
THREAD_EXISTS, TOO_MANY_THREADS = 160004, 160006

EXPIRED = frozenset({UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, TOKEN_EXPIRED})
"""Somebody's interaction is over: nothing can be answered, and nothing is wrong."""

FORM_REFUSED = "form of a message refused"


class Place(StrEnum):
    """Where a call acts, which decides what permission it lacks."""

    CHANNEL = "Send Messages"
    THREAD = "Send Messages in Threads"
    NEW_THREAD = "Create Public Threads"
    NEW_POST = "Create Posts"
    HISTORY = "Read Message History"


EDIT_WAIT = 3600.0
"""Seconds before a message older than an hour is edited again. How many edits Discord allows it is
not published (discord/discord-api-docs#4413)."""

_server_errors: ContextVar[list[int]] = ContextVar("server_errors")
"""Answers of 500 and above to the call under way; discord.py repeats some without telling."""

_only_once: ContextVar[bool] = ContextVar("only_once", default=False)


class NotRepeated(aiohttp.ClientError):
    """An answer of 500 or above to a call that must not be made again unseen."""


_patience: ContextVar[asyncio.Timeout | None] = ContextVar("patience", default=None)
"""When the call under way is given up."""


def trace(pace: Pace) -> aiohttp.TraceConfig:
    """Return what holds a client's requests to the pace, and tells ``call`` of hidden answers.

    This is the only place between discord.py's own waiting and the network.
    """

    async def start(
        session: aiohttp.ClientSession,
        request: SimpleNamespace,
        begins: aiohttp.TraceRequestStartParams,
    ) -> None:
        if not is_counted(begins.url):
            return
        with _untimed():
            set_out = await pace.turn()
        if session.closed:  # meanwhile, where aiohttp does not look again
            pace.unused(set_out)
            raise RuntimeError("Session is closed")
        request.set_out = set_out

    async def end(
        _: object, request: SimpleNamespace, ended: aiohttp.TraceRequestEndParams
    ) -> None:
        response = ended.response
        if hasattr(request, "set_out"):
            pace.answered(request.set_out, _stop(response))
            del request.set_out  # what is raised here comes to ``fail`` as well
        if response.status >= 500 and (answers := _server_errors.get(None)) is not None:
            answers.append(response.status)
        if response.status >= 500 and _only_once.get():
            response.close()
            raise NotRepeated(f"HTTP {response.status}")

    async def fail(_: object, request: SimpleNamespace, __: object) -> None:
        if hasattr(request, "set_out"):
            pace.answered(request.set_out)

    config = aiohttp.TraceConfig()
    config.on_request_start.append(start)
    config.on_request_end.append(end)
    config.on_request_exception.append(fail)
    return config


def is_counted(url: URL) -> bool:
    """Tell whether a request counts for the global limit; a connect to the gateway is none."""
    root, *_ = url.parts[3:] or ("",)  # after /api/v10
    return url.parts[1:2] == ("api",) and root not in FREE


def _stop(response: aiohttp.ClientResponse) -> float | None:
    """Return how long no request at all is welcome; discord.py sees to those of one route."""
    headers = response.headers
    if response.status != 429 or headers.get("X-RateLimit-Scope", "global") != "global":
        return None
    wait = headers.get("Retry-After", "")
    return float(wait) if wait.isdecimal() else UNSAID


@asynccontextmanager
async def _timed() -> AsyncIterator[None]:
    """Give up after a while, waiting for turns apart."""
    async with asyncio.timeout(PATIENCE) as patience:
        token = _patience.set(patience)
        try:
            yield
        finally:
            _patience.reset(token)


@contextmanager
def _untimed() -> Iterator[None]:
    """Stop the clock of the call under way; if many channels are due, a turn can be far off."""
    patience = _patience.get()
    if patience is None or (until := patience.when()) is None:
        yield
        return
    clock = asyncio.get_running_loop().time
    began = clock()
    patience.reschedule(None)
    yield
    patience.reschedule(until + clock() - began)


async def call(
    request: Callable[[], Awaitable[T]], place: Place, *, pauses: Sequence[float] = PAUSES
) -> T:
    """Make a call that is safe to repeat, again where its answer is lost.

    Raises:
        Refused, Gone, TryLater: nothing was done.
        Ambiguous: it may have been done, by this try or an earlier one.
    """
    hidden: list[int] = []
    token = _server_errors.set(hidden)
    try:
        return await _called(request, place, pauses, hidden)
    finally:
        _server_errors.reset(token)


async def _called(
    request: Callable[[], Awaitable[T]], place: Place, pauses: Sequence[float], hidden: list[int]
) -> T:
    lost = False
    for pause in (*pauses, None):
        try:
            async with _timed():
                return await request()
        except FAILURES as error:
            failure = meaning(error, place)
            lost = lost or bool(hidden) or isinstance(failure, Ambiguous)
            if lost and not isinstance(failure, Ambiguous):
                failure = Ambiguous(PLATFORM, f"{failure.problem}, after an answer was lost")
            repeated = getattr(error, "status", None) in REPEATED_BY_DISCORD_PY
            if pause is None or repeated or not lost:
                raise failure from error
        await asyncio.sleep(pause)
    raise AssertionError("the last try returns or raises")


async def once(request: Callable[[], Awaitable[T]]) -> T:
    """Make a call that discord.py must not repeat of its own accord, as it does after a 500.

    Raises:
        NotRepeated: instead of the second try.
    """
    token = _only_once.set(True)
    try:
        return await request()
    finally:
        _only_once.reset(token)


async def in_either(
    send: Callable[[S], Awaitable[T]], first: S, second: Callable[[], S], *, guessed: bool = False
) -> T:
    """Send one form of a message, and where Discord calls it no valid form, the other.

    Args:
        send: Sends a form.
        first: The form to begin with.
        second: Makes the other one.
        guessed: Whether the first is but a guess at the form in which the message stands: then its
            refusal is nothing to look into, unless the second is refused as well.
    """
    try:
        return await send(first)
    except discord.HTTPException as error:
        if error.code != INVALID_FORM:
            raise
        reason = clip(one_line(error.text), 300)
    if not guessed:
        log.error(FORM_REFUSED, platform=PLATFORM, reason=reason)
        return await send(second())
    try:
        sent = await send(second())
    except discord.HTTPException as error:
        if error.code == INVALID_FORM:
            log.error(FORM_REFUSED, platform=PLATFORM, reason=reason)
        raise
    log.debug("message stands in the other style", platform=PLATFORM)
    return sent


async def ask(
    request: Callable[[], Awaitable[T]], place: Place, *, pauses: Sequence[float] = PAUSES
) -> T:
    """Make a call that changes nothing, or the same however often: a lost answer is no harm.

    Raises:
        Refused, Gone, TryLater: see ``bot.domain.errors``.
    """
    try:
        return await call(request, place, pauses=pauses)
    except Ambiguous as error:
        raise TryLater(PLATFORM, error.problem) from error.__cause__


def meaning(error: BaseException, place: Place) -> PlatformError:
    """Return what a failed call means for what was to be done at that place."""
    if isinstance(error, discord.RateLimited):
        return TryLater(PLATFORM, "rate limited", retry_after=error.retry_after)
    if isinstance(error, discord.HTTPException):
        return _answered(error, place)
    if isinstance(error, NotRepeated):
        return Ambiguous(PLATFORM, str(error))
    if isinstance(error, aiohttp.ClientConnectorError | ConnectionRefusedError | RuntimeError):
        return TryLater(PLATFORM, f"out of reach ({type(error).__name__})")
    return Ambiguous(PLATFORM, f"no answer ({type(error).__name__})")


def _answered(error: discord.HTTPException, place: Place) -> PlatformError:
    said = f"HTTP {error.status}" + (f", code {error.code}" if error.code else "")
    problem = f"{said}: {clip(one_line(error.text), 300)}" if error.text else said
    if error.status >= 500:
        return Ambiguous(PLATFORM, said)
    if error.status == 429:
        wait = error.response.headers.get("Retry-After", "")
        return TryLater(PLATFORM, said, retry_after=float(wait) if wait.isdecimal() else None)
    if error.status == 401:
        return TryLater(PLATFORM, said, cure="The token is no longer valid: renew DISCORD_TOKEN")
    if error.code == EDITS_LIMITED:
        return TryLater(PLATFORM, problem, retry_after=EDIT_WAIT)
    if error.code == TOO_MANY_THREADS:
        cure = "Archive threads in this server, or set the layout `list` or `cards`"
        return TryLater(PLATFORM, problem, cure=cure)
    if error.code == TAG_REQUIRED:
        cure = "Add a tag such as “Papers” to the forum that everybody may use"
        return Refused(PLATFORM, problem, cure=cure)
    if error.code == THREAD_ARCHIVED:
        return Refused(PLATFORM, problem, cure="Unlock the thread")
    if error.code == UNKNOWN_MESSAGE:
        return Refused(PLATFORM, problem, cure="The message was deleted")
    if error.code == UNKNOWN_CHANNEL and place is Place.THREAD:
        return Refused(PLATFORM, problem, cure="The thread was deleted")
    if place is Place.NEW_THREAD and error.code == MISSING_PERMISSIONS:
        cure = f"Give the bot the permission {place} here, or set the layout `list` or `cards`"
        return Refused(PLATFORM, problem, cure=cure)
    if error.code == NOT_A_TEXT_CHANNEL:
        return Gone(PLATFORM, problem, cure="Subscribe in a text channel or a forum")
    if error.status in (403, 404):
        return Gone(PLATFORM, problem, cure=_cure(error.code, place))
    return Refused(PLATFORM, problem)


def _cure(code: int, place: Place) -> str:
    if code == UNKNOWN_CHANNEL:
        return "The channel was deleted: subscribe in another one"
    if code == MISSING_ACCESS:
        return "Give the bot the permission View Channel here, and the digest goes on by itself"
    if code == MISSING_PERMISSIONS:
        return (
            f"Give the bot the permission {place} in this channel, and the digest goes on by itself"
        )
    return "Check the bot's permissions in this channel, and the digest goes on by itself"
