"""The double's gateway: sessions that survive a dropped connection, and what they are sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from .discord_state import World
from .discord_wire import Changes, Faults, Reset, ServerError, Timeout, hang, reset

GUILDS = 1 << 0
GUILD_MEMBERS = 1 << 1
GUILD_PRESENCES = 1 << 8
GUILD_MESSAGES = 1 << 9
GUILD_MESSAGE_REACTIONS = 1 << 10
MESSAGE_CONTENT = 1 << 15
PRIVILEGED = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT
KNOWN_INTENTS = (1 << 26) - 1

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, REQUEST_MEMBERS = 0, 1, 2, 6, 7, 8
INVALID_SESSION, HELLO, HEARTBEAT_ACK = 9, 10, 11
IGNORED = frozenset({3, 4, 31})  # presence, voice state, soundboard: accepted, without effect


@dataclass(frozen=True)
class Received:
    """One frame from the bot."""

    op: int
    data: Any
    time: float


@dataclass(eq=False)
class Connection:
    """One websocket; an int in its queue closes it with that code."""

    request: web.Request
    socket: web.WebSocketResponse
    compressor: Any
    queue: asyncio.Queue[str | int] = field(default_factory=asyncio.Queue)
    session: Session | None = None
    closing: bool = False

    def frame(self, op: int, data: Any) -> None:
        """Sends something that is not an event."""
        self.queue.put_nowait(json.dumps({"op": op, "d": data, "s": None, "t": None}))

    async def write(self) -> None:
        """Sends what is queued, in order, until it is told to close."""
        while not self.closing:
            item = await self.queue.get()
            with contextlib.suppress(ConnectionError):
                if isinstance(item, int):
                    self.closing = True
                    await self.socket.close(code=item)
                elif self.compressor is None:
                    await self.socket.send_str(item)
                else:
                    data = self.compressor.compress(item.encode())
                    data += self.compressor.flush(zlib.Z_SYNC_FLUSH)
                    await self.socket.send_bytes(data)


@dataclass(eq=False)
class Session:
    """A gateway session with everything it was sent, for RESUME."""

    id: str
    intents: int
    sequence: int = 0
    sent: list[tuple[int, str]] = field(default_factory=list)
    connection: Connection | None = None

    def event(self, name: str, data: Any) -> None:
        """Sends an event now, or keeps it until the bot resumes."""
        self.sequence += 1
        text = json.dumps({"op": DISPATCH, "t": name, "s": self.sequence, "d": data})
        self.sent.append((self.sequence, text))
        if self.connection is not None:
            self.connection.queue.put_nowait(text)


class Gateway:
    """Speaks gateway v10 with every bot that connects."""

    def __init__(
        self,
        world: World,
        *,
        token: str,
        privileged: int,
        heartbeat_interval: float,
        faults: Faults,
        changes: Changes,
        closing: asyncio.Event,
        resume_url: Callable[[], str],
    ) -> None:
        self._world = world
        self._token = token
        self._privileged = privileged
        self._heartbeat_interval = heartbeat_interval
        self._faults = faults
        self._changes = changes
        self._closing = closing
        self._resume_url = resume_url
        self.sessions: dict[str, Session] = {}
        self.connections: list[Connection] = []
        self.received: list[Received] = []

    # --- for the double ---

    def event(self, name: str, data: Any, *, intent: int = 0) -> None:
        """Sends an event to every session that subscribed to its intent."""
        for session in self.sessions.values():
            if not intent or session.intents & intent:
                session.event(name, data)

    def message_event(self, name: str, data: Any) -> None:
        """A message event; without the content intent others' words are blank."""
        for session in self.sessions.values():
            if not session.intents & GUILD_MESSAGES:
                continue
            own = data["author"]["id"] == str(self._world.bot.id)
            blank: dict[str, Any] = {"content": "", "embeds": [], "components": []}
            hidden = {} if own or session.intents & MESSAGE_CONTENT else blank
            session.event(name, data | hidden)

    async def drop(self, *, resumable: bool, code: int | None) -> None:
        """Ends every connection: abruptly, or with a close code."""
        gone = list(self.connections)
        if not resumable:
            self.sessions.clear()
        for connection in gone:
            if code is None:
                reset(connection.request)
            else:
                connection.queue.put_nowait(code)
        await self._gone(gone)

    async def ask_to_reconnect(self) -> None:
        """Op 7; returns when the bot has left."""
        gone = list(self.connections)
        for connection in gone:
            connection.frame(RECONNECT, None)
        await self._gone(gone)

    async def invalidate(self, *, resumable: bool) -> None:
        """Op 9; returns when the bot has left."""
        gone = list(self.connections)
        if not resumable:
            self.sessions.clear()
        for connection in gone:
            connection.frame(INVALID_SESSION, resumable)
        await self._gone(gone)

    async def _gone(self, connections: list[Connection]) -> None:
        def all_left() -> bool:
            return not any(one in self.connections for one in connections)

        await self._changes.until(all_left, 5.0, "the gateway connections to end")

    # --- for the bot ---

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serves one websocket until it ends."""
        fault = self._faults.take("GET /gateway")
        if isinstance(fault, Reset | Timeout):
            await hang(request, fault, self._closing)
            return web.Response(status=500)
        if isinstance(fault, ServerError):
            return web.Response(status=fault.status, text="no healthy upstream")
        compress = request.query.get("compress")
        socket = web.WebSocketResponse(compress=False, autoping=True)
        await socket.prepare(request)
        if request.query.get("v") != "10" or request.query.get("encoding") != "json":
            await socket.close(code=4012, message=b"Invalid API version")
            return socket
        if compress not in (None, "zlib-stream"):
            await socket.close(code=4002, message=b"the double knows only zlib-stream")
            return socket
        connection = Connection(request, socket, zlib.compressobj() if compress else None)
        self.connections.append(connection)
        connection.frame(HELLO, {"heartbeat_interval": int(self._heartbeat_interval * 1000)})
        try:
            await self._serve(connection)
        finally:
            self._left(connection)
        return socket

    async def _serve(self, connection: Connection) -> None:
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(connection.write())
            async for frame in connection.socket:
                code = self._receive(connection, frame)
                if code is not None:
                    connection.queue.put_nowait(code)
                self._changes.happened()
            if not connection.closing:  # else the close frame is still on its way
                writer.cancel()

    def _left(self, connection: Connection) -> None:
        self.connections.remove(connection)
        session = connection.session
        if session is not None and session.connection is connection:
            session.connection = None
            left = connection.socket.close_code in (WSCloseCode.OK, WSCloseCode.GOING_AWAY)
            if left and not connection.closing:  # the bot's own wish ends the session
                self.sessions.pop(session.id, None)
        self._changes.happened()

    def _receive(self, connection: Connection, frame: WSMessage) -> int | None:
        """Acts on one frame; the answer is a code to close with, or None."""
        try:
            if frame.type is not WSMsgType.TEXT or len(frame.data.encode()) > 4096:
                return 4002
            message = json.loads(frame.data)
            op, data = int(message["op"]), message.get("d")
        except (ValueError, KeyError, TypeError):
            return 4002
        self.received.append(Received(op, data, self._world.now()))
        if op == HEARTBEAT:
            connection.frame(HEARTBEAT_ACK, None)
            return None
        if op == IDENTIFY:
            return self._identify(connection, data)
        if op == RESUME:
            return self._resume(connection, data)
        if connection.session is None:
            return 4003
        if op == REQUEST_MEMBERS:
            self._members(connection.session, data)
            return None
        return None if op in IGNORED else 4001

    def _identify(self, connection: Connection, data: Any) -> int | None:
        if connection.session is not None:
            return 4005
        if data.get("token") != self._token:
            return 4004
        intents = int(data.get("intents", 0))
        if intents & ~KNOWN_INTENTS:
            return 4013
        if intents & PRIVILEGED & ~self._privileged:
            return 4014
        session = Session(secrets.token_hex(16), intents, connection=connection)
        self.sessions[session.id] = connection.session = session
        bot = self._world.bot
        ready: dict[str, Any] = {
            "v": 10,
            "user": bot.payload() | {"verified": True, "mfa_enabled": False, "email": None},
            "guilds": [{"id": str(one), "unavailable": True} for one in self._world.guilds],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self._resume_url(),
            "application": {"id": str(bot.id), "flags": 0},
            "private_channels": [],
        }
        if "shard" in data:
            ready["shard"] = data["shard"]
        session.event("READY", ready)
        if intents & GUILDS:
            for guild in self._world.guilds.values():
                everyone = bool(intents & GUILD_MEMBERS)
                session.event("GUILD_CREATE", guild.create_event(all_members=everyone))
        return None

    def _resume(self, connection: Connection, data: Any) -> int | None:
        if data.get("token") != self._token:
            return 4004
        session = self.sessions.get(str(data.get("session_id")))
        if session is None:
            connection.frame(INVALID_SESSION, False)
            return None
        if int(data.get("seq") or 0) > session.sequence:
            return 4007
        session.connection = connection.session = None
        for number, text in session.sent:
            if number > int(data.get("seq") or 0):
                connection.queue.put_nowait(text)
        session.connection, connection.session = connection, session
        session.event("RESUMED", {"_trace": []})
        return None

    def _members(self, session: Session, data: Any) -> None:
        guild = self._world.guilds.get(int(data["guild_id"]))
        if guild is None:
            return
        wanted = {int(one) for one in data.get("user_ids") or ()}
        found = [
            guild.member_payload(user)
            for user in guild.users.values()
            if user.id in wanted or (not wanted and user.name.startswith(data.get("query") or ""))
        ]
        chunk = {"guild_id": str(guild.id), "members": found, "chunk_index": 0, "chunk_count": 1}
        session.event("GUILD_MEMBERS_CHUNK", chunk | {"nonce": data.get("nonce")})
