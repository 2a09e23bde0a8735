"""How envelopes reach the app: over its websockets, or as signed HTTP requests."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlencode

import aiohttp
from aiohttp import WSMsgType, web

from .slack_records import Ack, Envelope, Sent, Verification
from .slack_state import Json, Workspace
from .slack_wire import VERIFICATION_TOKEN

KIND_NAMES = {
    "events_api": "event",
    "slash_commands": "slash_command",
    "interactive": "interactive",
}


class Recorder(Protocol):
    """Where transports write down what happened."""

    def record_sent(self, sent: Sent) -> None:
        """Note a document that went out."""

    def record_ack(self, ack: Ack) -> None:
        """Note what became of a delivery."""

    def changed(self) -> None:
        """Wake whoever waits for a change."""


class Transport(Protocol):
    """One way to the app."""

    async def deliver(self, envelope: Envelope, *, twice: bool = False) -> Ack:
        """Bring an envelope to the app and wait for the ack, for as long as Slack would.

        ``twice`` brings the very same one a second time, as a network may.
        """


def name_of_event_id(envelope: Envelope) -> str | None:
    """Return the ``event_id`` of an event, which every retry repeats."""
    event_id = envelope.payload.get("event_id")
    return str(event_id) if event_id is not None else None


@dataclass(slots=True)
class _Pending:
    envelope: Envelope
    sent_at: float
    socket: int
    done: asyncio.Future[tuple[float, Json | None]]


class _Socket:
    def __init__(self, number: int, ws: web.WebSocketResponse, request: web.Request) -> None:
        self.number = number
        self.ws = ws
        self.request = request
        self.half_open = False
        self.draining = False

    async def send(self, body: Json) -> None:
        if not self.half_open and not self.ws.closed:
            await self.ws.send_str(json.dumps(body))

    def abort(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


class SocketModeTransport:
    """Slack's end of Socket Mode: each envelope goes to one of the sockets, in turn."""

    def __init__(
        self, workspace: Workspace, recorder: Recorder, ack_timeout: float, most: int
    ) -> None:
        """Wait for the app to connect, at the most so many times."""
        self._workspace = workspace
        self._recorder = recorder
        self._ack_timeout = ack_timeout
        self._most = most
        self._losses = 0
        self._sockets: list[_Socket] = []
        self._pending: dict[str, _Pending] = {}
        self._tickets: set[str] = set()
        self._connected = 0
        self._turn = 0

    @property
    def sockets(self) -> tuple[int, ...]:
        """The connected sockets, by the order in which they connected since the start."""
        return tuple(socket.number for socket in self._sockets)

    def ticket(self) -> str:
        """Return a ticket that opens one websocket."""
        ticket = uuid.uuid4().hex
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one websocket until it ends."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403)
        ws = web.WebSocketResponse(autoping=False)
        try:
            await ws.prepare(request)
        except ConnectionError:  # an app that was killed is gone already
            return web.Response(status=500)
        self._tickets.discard(ticket)
        socket = _Socket(self._connected, ws, request)
        self._connected += 1
        if len(self._sockets) >= self._most:
            await self._dismiss(socket, "too_many_websockets")
            return ws
        hello: Json = {
            "type": "hello",
            "num_connections": len(self._sockets) + 1,
            "debug_info": {
                "host": "applink",
                "build_number": 1,
                "approximate_connection_time": 18060,
            },
            "connection_info": {"app_id": self._workspace.app_id},
        }
        await socket.send(hello)
        self._recorder.record_sent(Sent("control", "hello", hello))
        self._sockets.append(socket)
        self._recorder.changed()
        try:
            async for message in ws:
                if socket.half_open:
                    continue
                if message.type is WSMsgType.PING:
                    await ws.pong(message.data)
                elif message.type is WSMsgType.TEXT and self._losses:
                    self._losses -= 1
                    socket.abort()
                    break
                elif message.type is WSMsgType.TEXT:
                    self._acked(json.loads(message.data))
        finally:
            self._forget(socket)
        return ws

    def _forget(self, socket: _Socket) -> None:
        if socket in self._sockets:
            self._sockets.remove(socket)
        for pending in list(self._pending.values()):
            if pending.socket == socket.number and not pending.done.done():
                pending.done.set_exception(ConnectionResetError("the socket is gone"))
        self._recorder.changed()

    def _acked(self, body: Json) -> None:
        pending = self._pending.pop(str(body.get("envelope_id")), None)
        if pending is None:
            return
        within = asyncio.get_running_loop().time() - pending.sent_at
        if not pending.done.done():
            pending.done.set_result((within, body.get("payload")))
            return
        ack = _ack(pending.envelope, str(body["envelope_id"]), socket=pending.socket)
        self._recorder.record_ack(
            replace(ack, late=True, within=within, payload=body.get("payload"))
        )

    def lose_acks(self, times: int) -> None:
        """Cut the sockets on which the next acks come, before these are read."""
        self._losses += times

    async def deliver(self, envelope: Envelope, *, twice: bool = False) -> Ack:
        """Send an envelope to the next socket in turn and wait for its ack.

        ``twice`` sends the very same one again, on whichever socket is next then.
        """
        envelope_id = str(uuid.uuid4())
        ack = await self._deliver(envelope, envelope_id)
        if twice:
            await self._deliver(envelope, envelope_id)
        return ack

    async def _deliver(self, envelope: Envelope, envelope_id: str) -> Ack:
        ready = [socket for socket in self._sockets if not socket.draining]
        if not ready:
            return self._noted(_ack(envelope, envelope_id, failure="no_connection"))
        socket = ready[self._turn % len(ready)]
        self._turn += 1
        body: Json = {
            "envelope_id": envelope_id,
            "type": envelope.kind,
            "payload": envelope.payload,
            "accepts_response_payload": envelope.wants_answer,
        }
        if envelope.kind == "events_api":
            body |= {"retry_attempt": envelope.attempt, "retry_reason": envelope.reason}
        loop = asyncio.get_running_loop()
        pending = _Pending(envelope, loop.time(), socket.number, loop.create_future())
        self._pending[envelope_id] = pending
        ack = _ack(envelope, envelope_id, socket=socket.number)
        kind = KIND_NAMES[envelope.kind]
        self._recorder.record_sent(Sent(kind, envelope.name, envelope.payload))
        try:
            await socket.send(body)
            async with asyncio.timeout(self._ack_timeout):
                within, payload = await pending.done
        except TimeoutError:
            return self._noted(replace(ack, failure="timeout"))
        except ConnectionError:
            return self._noted(replace(ack, failure="connection_failed"))
        return self._noted(replace(ack, within=within, payload=payload))

    def _noted(self, ack: Ack) -> Ack:
        self._recorder.record_ack(ack)
        return ack

    def _chosen(self, number: int | None) -> list[_Socket]:
        return [s for s in self._sockets if number in (None, s.number)]

    async def disconnect(self, reason: str, number: int | None = None) -> tuple[int, ...]:
        """Tell sockets that they are to be closed; return which."""
        told = self._chosen(number)
        for socket in told:
            socket.draining = reason != "warning"
            await self._dismiss(socket, reason)
        return tuple(socket.number for socket in told)

    async def close(self, numbers: Collection[int]) -> None:
        """Close sockets politely: nothing more is sent there, and what was is waited for."""
        for socket in [each for each in self._sockets if each.number in numbers]:
            socket.draining = True
            unread = [p.done for p in self._pending.values() if p.socket == socket.number]
            if unread:
                await asyncio.wait(unread, timeout=self._ack_timeout)
            await socket.ws.close()

    async def _dismiss(self, socket: _Socket, reason: str) -> None:
        body: Json = {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink"}}
        await socket.send(body)
        self._recorder.record_sent(Sent("control", "disconnect", body))
        if reason in ("link_disabled", "too_many_websockets"):
            await socket.ws.close()

    def abort(self, number: int | None = None) -> None:
        """Cut the TCP connection of sockets, without a close frame."""
        for socket in self._chosen(number):
            socket.abort()
            self._forget(socket)

    def half_open(self, number: int | None = None) -> None:
        """Let sockets go deaf and dumb while their TCP connection stays up."""
        for socket in self._chosen(number):
            socket.half_open = True


class HttpTransport:
    """Slack's end of HTTP mode: signed POSTs to the app's request URL."""

    def __init__(
        self,
        workspace: Workspace,
        recorder: Recorder,
        ack_timeout: float,
        *,
        url: str,
        signing_secret: str,
        session: Callable[[], aiohttp.ClientSession],
    ) -> None:
        """Send everything to one URL."""
        self._workspace = workspace
        self._recorder = recorder
        self._ack_timeout = ack_timeout
        self._url = url
        self._signing_secret = signing_secret
        self._session = session
        self._last: tuple[bytes, dict[str, str]] | None = None

    def _headers(self, body: str, content_type: str) -> dict[str, str]:
        stamp = str(int(self._workspace.clock()))
        secret = self._signing_secret.encode()
        digest = hmac.new(secret, f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        return {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
        }

    async def deliver(self, envelope: Envelope, *, twice: bool = False) -> Ack:
        """POST an envelope and take a 200 for the ack; ``twice`` POSTs the same bytes again."""
        ack = await self._deliver(envelope)
        if twice:
            await self.replay()
        return ack

    async def replay(self) -> int:
        """POST the last request again, down to its signature, and return the status."""
        if self._last is None:
            raise RuntimeError("nothing was sent yet that could be sent again")
        body, headers = self._last
        async with self._session().post(self._url, data=body, headers=headers) as response:
            return response.status

    async def _deliver(self, envelope: Envelope) -> Ack:
        if envelope.kind == "events_api":
            body, content_type = json.dumps(envelope.payload), "application/json"
        else:
            fields = envelope.payload
            if envelope.kind == "interactive":
                fields = {"payload": json.dumps(envelope.payload)}
            body, content_type = urlencode(fields), "application/x-www-form-urlencoded"
        headers = self._headers(body, content_type)
        if envelope.attempt:
            headers["X-Slack-Retry-Num"] = str(envelope.attempt)
            reason = "http_timeout" if envelope.reason == "timeout" else envelope.reason
            headers["X-Slack-Retry-Reason"] = reason
        self._last = body.encode(), headers
        ack = _ack(envelope, str(uuid.uuid4()))
        kind = KIND_NAMES[envelope.kind]
        self._recorder.record_sent(Sent(kind, envelope.name, envelope.payload))
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with (
                asyncio.timeout(self._ack_timeout),
                self._session().post(
                    self._url, data=body.encode(), headers=headers, allow_redirects=False
                ) as response,
            ):
                text = await response.text()
        except TimeoutError:
            return self._noted(replace(ack, failure="timeout"))
        except aiohttp.ClientError:
            return self._noted(replace(ack, failure="connection_failed"))
        ack = replace(
            ack,
            status=response.status,
            no_retry=response.headers.get("X-Slack-No-Retry") == "1",
        )
        if response.status != 200:
            return self._noted(replace(ack, failure="http_error"))
        payload = _answer_body(text, response.content_type)
        return self._noted(replace(ack, within=loop.time() - started, payload=payload))

    def _noted(self, ack: Ack) -> Ack:
        self._recorder.record_ack(ack)
        return ack

    async def verify(self) -> Verification:
        """Ask the URL to prove that it belongs to the app."""
        challenge = uuid.uuid4().hex
        asked = {"token": VERIFICATION_TOKEN, "challenge": challenge, "type": "url_verification"}
        body = json.dumps(asked)
        headers = self._headers(body, "application/json")
        self._recorder.record_sent(Sent("control", "url_verification", asked))
        async with (
            asyncio.timeout(self._ack_timeout),
            self._session().post(self._url, data=body.encode(), headers=headers) as response,
        ):
            text = await response.text()
        return Verification(response.status, response.status == 200 and challenge in text)


def _ack(
    envelope: Envelope,
    envelope_id: str,
    *,
    socket: int | None = None,
    failure: str | None = None,
) -> Ack:
    return Ack(
        envelope.kind,
        envelope.name,
        envelope_id,
        name_of_event_id(envelope),
        envelope.attempt,
        within=None,
        socket=socket,
        failure=failure,
    )


def _answer_body(text: str, content_type: str) -> Json | None:
    if not text.strip():
        return None
    if content_type == "application/json":
        found = json.loads(text)
        return found if isinstance(found, dict) else None
    return {"text": text}
