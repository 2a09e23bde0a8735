"""Socket Mode: two websockets, each replaced before it ends, so that no click falls between.

Slack gives each payload to one of an app's websockets and ends each of them every few hours. An
event that nobody acknowledged comes again; a click or a command does not. So the next websocket is
open before the one that Slack wants to end is closed, and that one is listened to until Slack has
closed it. The SDK does it the other way round, and tries for ever with an address that is good
once; here its client never reconnects by itself.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import structlog
from aiohttp import WSMessage
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from adapters.slack._listeners import Memory
from adapters.slack.ids import PLATFORM
from adapters.slack.limits import Json
from bot.domain.errors import ConfigError, PlatformError, TryLater

log = structlog.get_logger()

CONNECTIONS = 2
CONNECTIONS_MOST = 10
"""Of one app, all its processes together: docs.slack.dev/apis/events-api/using-socket-mode"""

CLOSED = "closed"
SILENT = "silent"
DEAF = "deaf"
DISABLED = "link_disabled"
CROWDED = "too_many_websockets"
USELESS = frozenset({CLOSED, SILENT, DEAF, DISABLED, CROWDED})
"""Ends after which a websocket brings nothing more; every other is announced in time."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds.

    Attributes:
        ping: Between two pings of a websocket.
        silent: For a pong or a message; a websocket without is cut off, whatever TCP says.
        connect: For a websocket to open and to be greeted.
        farewell: For Slack to close what it said it would, about ten seconds later.
        lost: For any websocket to work again; then the platform is down.
        steady: A websocket that lasted so long was well; the next trouble is the first again.
        look: Between two looks at a websocket.
        pause: After the second failure in a row; it doubles with each.
        longest_pause: After many.
        ack: For what has come to be acknowledged before a websocket is closed.
        close: For Slack to say goodbye.
    """

    ping: float = 5
    silent: float = 20
    connect: float = 15
    farewell: float = 20
    lost: float = 60
    steady: float = 60
    look: float = 1
    pause: float = 1
    longest_pause: float = 60
    ack: float = 3
    close: float = 2

    def after(self, failures: int) -> float:
        """Return the pause after so many failures in a row; the first is repaired at once."""
        if failures < 2:
            return 0
        return min(self.pause * 2.0 ** min(failures - 2, 30), self.longest_pause)


class Line(AsyncSocketModeHandler):
    """One websocket, which ends once and is replaced by whoever keeps it."""

    client: SocketModeClient

    def __init__(
        self, bolt: AsyncApp, token: str, url: str, envelopes: Memory, patience: Patience
    ) -> None:
        super().__init__(bolt, token, ping_interval=patience.ping)
        self.client.wss_uri = url
        self.client.on_message_listeners.append(self._heard)
        # whenever the SDK finds a reason to reconnect, it calls this
        self.client.connect_to_new_endpoint = self._found_ended  # type: ignore[method-assign]
        self._envelopes = envelopes
        self._patience = patience
        self._heard_at = _now()
        self._greeted = False
        self._answered = asyncio.Event()
        self._ended = asyncio.Event()
        self._why = ""
        self._acknowledging: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Connect and be greeted.

        Raises:
            TryLater: if that does not happen in time.
        """
        try:
            async with asyncio.timeout(self._patience.connect):
                await self.connect_async()  # type: ignore[no-untyped-call]  # the SDK's
                await self._answered.wait()
        except TimeoutError as error:
            raise TryLater(PLATFORM, "no Socket Mode connection could be made") from error
        if not self._greeted:
            raise TryLater(PLATFORM, f"no Socket Mode connection was made ({self._why})")

    async def end(self) -> str:
        """Wait until it brings nothing more, or soon will not; return why."""
        while not self._why:
            await _within(self._patience.look, self._ended.wait())
            self._ends(await self.fault())
        return self._why

    async def gone(self) -> None:
        """Wait until it brings nothing more."""
        while not await self.fault():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(self._patience.look)

    async def fault(self) -> str:
        """Return why it brings nothing more; empty while it may."""
        client = self.client
        if not await client.is_connected():
            return CLOSED
        if client.message_processor.done():
            return DEAF
        pong = client.last_ping_pong_time
        since_pong = time.time() - pong if pong else self._patience.silent
        quiet = min(since_pong, _now() - self._heard_at)
        return SILENT if quiet >= self._patience.silent else ""

    async def works(self) -> bool:
        """Tell whether what Slack sends here arrives."""
        return self._greeted and not await self.fault()

    async def close(self) -> None:
        """Acknowledge what has come, say goodbye, and leave no task behind."""
        await self._acknowledged()
        client = self.client
        # one that is cut off never answers
        closing = self.close_async()  # type: ignore[no-untyped-call]  # the SDK's
        await _within(self._patience.close, closing)
        begun = (client.message_processor, client.current_session_monitor, client.message_receiver)
        tasks = [task for task in begun if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.aiohttp_client_session.close()
        await self._acknowledged()  # what came meanwhile is at work then, and can be waited for

    async def _acknowledged(self) -> None:
        if self._acknowledging:
            await asyncio.wait(set(self._acknowledging), timeout=self._patience.ack)

    async def handle(  # type: ignore[override]  # as the SDK's
        self, client: SocketModeClient, req: SocketModeRequest
    ) -> None:
        """Hand an envelope on, once, whichever websocket brings it."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("an envelope is handled in a task")
        self._acknowledging.add(task)
        try:
            if self._envelopes.has(req.envelope_id):
                log.info("slack envelope came twice", kind=req.type)
                await client.send_socket_mode_response(SocketModeResponse(req.envelope_id))
            else:
                await super().handle(client, req)
        except ConnectionError as error:
            log.warning("slack acknowledgement lost", kind=req.type, reason=str(error))
        finally:
            self._acknowledging.discard(task)

    async def _heard(self, message: WSMessage) -> None:
        self._heard_at = _now()
        told: Json = {}
        with suppress(ValueError):  # the SDK has it too, and complains
            told = json.loads(message.data)
        match told:
            case {"type": "hello"}:
                _note_greeting(told.get("num_connections", 1))
                self._greeted = True
                self._answered.set()
            case {"type": "disconnect"}:
                self._ends(str(told.get("reason") or "disconnect"))

    async def _found_ended(self, force: bool = False) -> None:
        self._ends(CLOSED)

    def _ends(self, why: str) -> None:
        self._why = self._why or why
        if self._why:
            self._answered.set()
            self._ended.set()


def _note_greeting(connections: int) -> None:
    if connections < CONNECTIONS_MOST:
        log.info("slack websocket open", connections=connections)
        return
    log.warning(
        "slack takes no more websockets of this app",
        connections=connections,
        cure="End other copies of the bot; one that was cut off counts until Slack misses it",
    )


class SocketMode:
    """The websockets of one process.

    Args:
        bolt: What is handed the envelopes.
        token: The app-level token.
        new_url: Returns the address of a new websocket; raises ``ConfigError`` or ``TryLater``.
        clock: Counts seconds, for the memory of envelopes.
        patience: How long to wait.
    """

    def __init__(
        self,
        bolt: AsyncApp,
        token: str,
        new_url: Callable[[], Awaitable[str]],
        clock: Callable[[], float],
        patience: Patience,
    ) -> None:
        self._bolt = bolt
        self._token = token
        self._new_url = new_url
        self._envelopes = Memory(clock)
        self._patience = patience
        self._lines: set[Line] = set()
        self._problem = ""

    async def __aenter__(self) -> Self:
        """Open the first websocket.

        Raises:
            ConfigError: if Slack will not have it.
            TryLater: if it cannot be opened.
        """
        self._first = await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all of them."""
        await asyncio.gather(*map(self._close, tuple(self._lines)))

    async def watch(self) -> None:
        """Keep two websockets open.

        Raises:
            ConfigError: when none works and Slack will not have another.
            TryLater: when none has worked for long.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for line in (self._first, *[None] * (CONNECTIONS - 1)):
                    group.create_task(self._keep(group, line))
                group.create_task(self._miss())
        except* (ConfigError, PlatformError) as problems:
            raise problems.exceptions[0] from None

    async def _keep(self, group: asyncio.TaskGroup, line: Line | None) -> None:
        """Replace one websocket for ever."""
        failures = 0
        while True:
            line = line or await self._opened(failures)
            opened_at = _now()
            why = await line.end()
            (log.warning if why in USELESS else log.info)("slack websocket ends", why=why)
            steady = _now() - opened_at >= self._patience.steady
            failures = 0 if steady else failures + 1
            if why == CROWDED:
                failures = max(failures, 2)
            if why in USELESS:
                group.create_task(self._close(line))
                line = None
            else:
                old, line = line, await self._opened(failures)
                group.create_task(self._take_leave(old))

    async def _opened(self, failures: int) -> Line:
        """Return a new websocket, however long it takes.

        Raises:
            ConfigError: when Slack will not have it and none works.
        """
        while True:
            await asyncio.sleep(self._patience.after(failures))
            try:
                return await self._open()
            except ConfigError as error:
                if not await self._hears():
                    raise
                self._problem = str(error)
            except TryLater as error:
                self._problem = error.problem
                await asyncio.sleep(error.retry_after or 0)
            failures += 1
            log.warning("slack websocket not opened", reason=self._problem, failures=failures)

    async def _open(self) -> Line:
        line = Line(self._bolt, self._token, await self._new_url(), self._envelopes, self._patience)
        self._lines.add(line)
        try:
            await line.open()
        except BaseException:  # nobody else knows it if the first one is cancelled
            await self._close(line)
            raise
        return line

    async def _take_leave(self, line: Line) -> None:
        """Listen until Slack closes a websocket, so that nothing is on its way when we do."""
        await _within(self._patience.farewell, line.gone())
        await self._close(line)

    async def _close(self, line: Line) -> None:
        await line.close()
        self._lines.discard(line)

    async def _hears(self) -> bool:
        return any([await line.works() for line in tuple(self._lines)])

    async def _miss(self) -> None:
        """Give up when no websocket has worked for long."""
        heard_at = _now()
        while _now() - heard_at < self._patience.lost:
            await asyncio.sleep(self._patience.look)
            if await self._hears():
                heard_at = _now()
        problem = f" ({self._problem})" if self._problem else ""
        raise TryLater(PLATFORM, f"the Socket Mode connection is lost{problem}")


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _within(seconds: float, work: Awaitable[object]) -> None:
    """Wait for something, but no longer than so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work
