"""HTTP mode: what Slack signed is taken once; all else is turned away before it costs anything.

A request is measured before it is read, and its signature checked over the raw body before it is
parsed, so that nobody but Slack makes the bot work or writes into its log.

One that comes a second time is answered 200 and has no effect. It comes from a proxy whose first
attempt lost its answer, and Slack should be told that it arrived; or from somebody who listened in,
and learns nothing. What Slack itself sends again has a new timestamp, hence another signature: it
passes, and the listeners know the event.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier

from adapters.slack._listeners import DRAIN_SECONDS, Memory
from adapters.slack.manifest import EVENTS_PATH
from bot.domain.errors import ConfigError

log = structlog.get_logger()

BODY_BYTES = 1 << 20
"""A press carries the message it was made on, some 50,000 bytes at the most."""
READ_SECONDS = 10

REPLAY_SECONDS = 11 * 60
"""A signature is good from five minutes before its timestamp until five minutes after."""
REPLAYS_KEPT = 100_000

COMPLAINT_SECONDS = 60


class Door:
    """Lets in what Slack signed."""

    def __init__(self, bolt: AsyncApp, secret: str, clock: Callable[[], float]) -> None:
        self._bolt = bolt
        self._verifier = SignatureVerifier(secret)
        self._taken = Memory(clock, REPLAY_SECONDS, REPLAYS_KEPT)
        self._complaints = Memory(clock, COMPLAINT_SECONDS)

    async def take(self, request: web.Request) -> web.Response:
        """Answer one request."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                body = await request.read()
        except TimeoutError:
            return web.Response(status=408)
        signature = request.headers.get("X-Slack-Signature", "")
        if not self._is_signed(body, request.headers.get("X-Slack-Request-Timestamp"), signature):
            self._complain()
            return web.Response(status=401)
        if self._taken.has(signature):
            log.info("slack request came twice")
            return web.Response()
        status = 500
        try:
            answer = await self._answer(request)
            status = answer.status
        finally:
            if status != 200:  # Slack may send it again within the same second
                self._taken.forget(signature)
        return answer

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            asked = await to_bolt_request(request)
        except ValueError:  # signed, and yet neither JSON nor a form
            return web.Response(status=400)
        return await to_aiohttp_response(await self._bolt.async_dispatch(asked))

    def _is_signed(self, body: bytes, timestamp: str | None, signature: str) -> bool:
        try:
            return self._verifier.is_valid(body, timestamp, signature)
        except (TypeError, ValueError):  # no number, no text, no ASCII
            return False

    def _complain(self) -> None:
        """Say once a minute that requests are turned away; never what was in them."""
        if not self._complaints.has("signature"):
            log.warning(
                "slack requests turned away",
                reason="wrong signature, or a timestamp more than five minutes off",
                cure="Set SLACK_SIGNING_SECRET to the one under Basic Information of the app, "
                "and this machine's clock",
            )


def events(bolt: AsyncApp, secret: str, clock: Callable[[], float]) -> web.RouteDef:
    """Return where Slack sends what it signs."""
    return web.post(EVENTS_PATH, Door(bolt, secret, clock).take)


@asynccontextmanager
async def listening(routes: Iterable[web.RouteDef], host: str, port: int) -> AsyncIterator[int]:
    """Take requests on an address; yield the port, which is a free one if 0 was given.

    Raises:
        ConfigError: if the address cannot be listened on.
    """
    server = web.Application(client_max_size=BODY_BYTES)
    server.router.add_routes(routes)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=DRAIN_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigError(
                f"SLACK_HOST and SLACK_PORT: cannot listen on {host}:{port}, "
                f"{error.strerror}: choose a free port"
            ) from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
