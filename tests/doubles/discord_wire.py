"""HTTP between the double and the bot: routes, records, rate limits and planned faults."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
import socket
import struct
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import unquote

from aiohttp import web

from .discord_messages import Json
from .discord_state import DoubleError

API = "/api/v10"
CREATE_MESSAGE = "POST /channels/{channel_id}/messages"

T = TypeVar("T")


# --- faults -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RateLimited:
    """429 with the headers and body of Discord itself; `via=False` looks like Cloudflare."""

    retry_after: float = 0.2
    is_global: bool = False
    via: bool = True


@dataclass(frozen=True)
class ServerError:
    """A 5xx; the request has no effect."""

    status: int = 502


@dataclass(frozen=True)
class ServerErrorAfterEffect:
    """A 5xx; the request took effect all the same."""

    status: int = 502


@dataclass(frozen=True)
class Reset:
    """A TCP reset instead of an answer."""

    after_effect: bool = False


@dataclass(frozen=True)
class Timeout:
    """No answer for some seconds, then a reset."""

    seconds: float = 60.0
    after_effect: bool = False


@dataclass(frozen=True)
class ApiError:
    """A refusal with Discord's JSON error code."""

    status: int
    code: int
    message: str
    errors: Json | None = None

    def body(self) -> Json:
        """The JSON error."""
        made: Json = {"message": self.message, "code": self.code}
        return made if self.errors is None else made | {"errors": self.errors}


Fault = RateLimited | ServerError | ServerErrorAfterEffect | Reset | Timeout | ApiError


class Refused(Exception):
    """A handler's way to answer with an error."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


def refuse(status: int, code: int, message: str, errors: Json | None = None) -> Refused:
    """The refusal to raise."""
    return Refused(ApiError(status, code, message, errors))


class Faults:
    """Planned misfortunes, first in first out per route."""

    def __init__(self) -> None:
        self._queues: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def plan(self, route: str, fault: Fault, times: int) -> None:
        """Lets the next calls of a route meet this fault."""
        self._queues[_anonymous(route)].extend([fault] * times)

    def take(self, route: str) -> Fault | None:
        """The fault for this call, if one is due."""
        queue = self._queues.get(_anonymous(route))
        return queue.popleft() if queue else None

    def clear(self) -> None:
        """Forgets what was planned."""
        self._queues.clear()


def _anonymous(route: str) -> str:
    return re.sub(r"\{\w+\}", "{}", route)


# --- waiting ------------------------------------------------------------------------------------


class Changes:
    """Wakes those who wait for the double's state to change."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def happened(self) -> None:
        """Something changed: look again."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def until(self, look: Callable[[], T | None], timeout: float, what: str) -> T:
        """Waits until `look` finds something.

        Raises:
            DoubleError: It did not within `timeout` seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                while not (found := look()):
                    future = asyncio.get_running_loop().create_future()
                    self._waiting.add(future)
                    await future
        except TimeoutError:
            raise DoubleError(f"waited {timeout:g} s for {what}") from None
        return found


# --- requests -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Upload:
    """A file of a multipart body."""

    field: str
    filename: str
    content: bytes


@dataclass(frozen=True)
class Request:
    """One REST call as it arrived; `status` is None until (or unless) it was answered."""

    method: str
    template: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str]
    time: float
    files: tuple[Upload, ...] = ()
    status: int | None = None

    @property
    def route(self) -> str:
        """Method and template in one."""
        return f"{self.method} {self.template}"

    def number(self, name: str) -> int:
        """An id from the path."""
        text = self.params[name]
        if not text.isdigit():
            said = f'Value "{text}" is not snowflake.'
            errors = {name: {"_errors": [{"code": "NUMBER_TYPE_COERCE", "message": said}]}}
            raise refuse(400, 50035, "Invalid Form Body", errors)
        return int(text)

    def form(self) -> Json:
        """The body as an object."""
        return self.body if isinstance(self.body, dict) else {}

    def count(self, name: str, default: int, most: int) -> int:
        """A number from the query, such as `limit`."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.isdigit() or not 1 <= int(text) <= most:
            said = f"int value should be between 1 and {most}."
            errors = {name: {"_errors": [{"code": "NUMBER_TYPE_MAX", "message": said}]}}
            raise refuse(400, 50035, "Invalid Form Body", errors)
        return int(text)


Handler = Callable[[Request], Any]


@dataclass(frozen=True)
class Route:
    """A line of the API; webhook and callback routes carry their token in the path."""

    method: str
    template: str
    handler: Handler
    needs_token: bool = True
    pattern: re.Pattern[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.template)
        object.__setattr__(self, "pattern", re.compile(pattern))


class Limiter:
    """Discord's two kinds of limit: per channel on new messages, and on all calls together.

    The first is told with every answer, and a channel's count begins anew all at once, as told. The
    second is told by nothing but a 429. When its seconds begin is not documented: here any second
    counts, so whoever is let through here is so whenever they begin.
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        enforce: bool,
        messages: tuple[int, float],
        everything: tuple[int, float],
    ) -> None:
        self._now = now
        self._enforce = enforce
        self._messages = messages
        self._everything = everything
        self._calls: deque[float] = deque()
        self._counts: dict[str, tuple[int, float]] = {}

    def over(self, call: Request) -> RateLimited | None:
        """Counts a call, or says how long it must wait."""
        if not self._enforce:
            return None
        is_global = not call.template.startswith(("/interactions/", "/webhooks/"))
        if is_global and (wait := self._wait()) > 0:
            return RateLimited(wait, is_global=True)
        if call.route == CREATE_MESSAGE:
            used, ends = self._count(call)
            if used >= self._messages[0]:
                return RateLimited(ends - self._now())
            self._counts[self._bucket(call)] = (used + 1, ends)
        if is_global:
            self._calls.append(self._now())
        return None

    def _wait(self) -> float:
        most, window = self._everything
        while self._calls and self._calls[0] <= self._now() - window:
            self._calls.popleft()
        return self._calls[0] + window - self._now() if len(self._calls) >= most else 0.0

    def _count(self, call: Request) -> tuple[int, float]:
        """How many messages a channel has had since its count began, and when it ends."""
        used, ends = self._counts.get(self._bucket(call), (0, 0.0))
        return (used, ends) if ends > self._now() else (0, self._now() + self._messages[1])

    @staticmethod
    def _bucket(call: Request) -> str:
        return f"{call.route}:{call.params.get('channel_id', '')}"

    def headers(self, call: Request, epoch: float) -> dict[str, str]:
        """The X-RateLimit headers of an answer, which know nothing of the limit on all calls."""
        most, reset = 50, 1.0
        remaining = most - 1
        if self._enforce and call.route == CREATE_MESSAGE:
            most = self._messages[0]
            used, ends = self._count(call)
            remaining, reset = most - used, ends - self._now()
        return {
            "X-RateLimit-Limit": str(most),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": f"{epoch + reset:.3f}",
            "X-RateLimit-Reset-After": f"{math.ceil(reset * 1000) / 1000:.3f}",
            "X-RateLimit-Bucket": hashlib.md5(call.route.encode()).hexdigest(),
        }


# --- the front ----------------------------------------------------------------------------------


async def hang(request: web.BaseRequest, fault: Reset | Timeout, closing: asyncio.Event) -> None:
    """Leaves the caller without an answer: waits if asked to, then resets the connection."""
    if isinstance(fault, Timeout):
        try:
            async with asyncio.timeout(fault.seconds):
                await closing.wait()
        except TimeoutError:
            pass
    reset(request)


def reset(request: web.BaseRequest) -> None:
    """Cuts the connection with a TCP RST."""
    transport = request.transport
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer whose Content-Type is exactly application/json, as discord.py demands."""
    said = dict(headers or {})
    if body is None:
        return web.Response(status=status, headers=said)
    said["Content-Type"] = "application/json"
    return web.Response(status=status, body=json.dumps(body).encode(), headers=said)


class Front:
    """Receives REST calls, records them, and answers through the routes it was given."""

    def __init__(
        self,
        *,
        now: Callable[[], float],
        token: str,
        limiter: Limiter,
        faults: Faults,
        changes: Changes,
        closing: asyncio.Event,
    ) -> None:
        self._now = now
        self._token = token
        self._limiter = limiter
        self._faults = faults
        self._changes = changes
        self._closing = closing
        self._routes: list[Route] = []
        self.requests: list[Request] = []
        self.crashes: list[Exception] = []

    def add(self, *routes: Route) -> None:
        """More routes; the first that fits answers."""
        self._routes.extend(routes)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers one call."""
        call, route = await self._read(request)
        index = len(self.requests)
        self.requests.append(call)
        self._changes.happened()
        response = await self._respond(request, call, route)
        if response is None:
            return web.Response(status=500)  # never leaves: the connection is gone
        self.requests[index] = replace(call, status=response.status)
        self._changes.happened()
        return response

    async def _read(self, request: web.Request) -> tuple[Request, Route | None]:
        raw = request.rel_url.raw_path.removeprefix(API)
        found, params = self._match(request.method, raw)
        body: Any = None
        files: list[Upload] = []
        if request.content_type.startswith("multipart/"):
            for name, part in (await request.post()).items():
                if isinstance(part, web.FileField):
                    files.append(Upload(name, part.filename, part.file.read()))
                elif name == "payload_json":
                    text = part if isinstance(part, str) else bytes(part).decode()
                    body = json.loads(text)
        elif content := await request.read():
            body = json.loads(content)
        call = Request(
            method=request.method,
            template=found.template if found else unquote(raw),
            path=unquote(raw),
            params=params,
            query=dict(request.query),
            body=body,
            headers=dict(request.headers),
            time=self._now(),
            files=tuple(files),
        )
        return call, found

    def _match(self, method: str, raw: str) -> tuple[Route | None, dict[str, str]]:
        for route in self._routes:
            hit = route.pattern.fullmatch(raw) if route.method == method else None
            if hit:
                return route, {name: unquote(part) for name, part in hit.groupdict().items()}
        return None, {}

    async def _respond(
        self, request: web.Request, call: Request, route: Route | None
    ) -> web.StreamResponse | None:
        fault = self._faults.take(call.route) or self._limiter.over(call)
        late = isinstance(fault, ServerErrorAfterEffect) or (
            isinstance(fault, Reset | Timeout) and fault.after_effect
        )
        headers = self._limiter.headers(call, self._now())
        if late or fault is None:
            try:
                body = self._perform(call, route)
                response = answer(204 if body is None else 200, body, headers)
            except Refused as refused:
                response = answer(refused.error.status, refused.error.body(), headers)
                fault = None
            except Exception as crash:  # a body that the double cannot read: shown at its end
                crash.add_note(f"while the double answered {call.route} with {call.body!r}")
                self.crashes.append(crash)
                response = answer(400, {"message": "the double failed", "code": 0}, headers)
                fault = None
            if fault is None:
                return response
        if isinstance(fault, Reset | Timeout):
            self._changes.happened()
            await hang(request, fault, self._closing)
            return None
        if isinstance(fault, RateLimited):
            return _limited(fault, headers)
        if isinstance(fault, ApiError):
            return answer(fault.status, fault.body(), headers)
        assert fault is not None
        said = {"message": f"{fault.status}: Server Error", "code": 0}
        return answer(fault.status, said)

    def _perform(self, call: Request, route: Route | None) -> Any:
        if route is None:
            raise refuse(404, 0, f"404: Not Found (the double does not know {call.route})")
        if route.needs_token and call.headers.get("Authorization") != f"Bot {self._token}":
            raise refuse(401, 0, "401: Unauthorized")
        return route.handler(call)


def _limited(fault: RateLimited, headers: Mapping[str, str]) -> web.Response:
    said = {} if fault.is_global else dict(headers)
    said["Retry-After"] = str(math.ceil(fault.retry_after))
    said["X-RateLimit-Scope"] = "global" if fault.is_global else "user"
    if fault.is_global:
        said["X-RateLimit-Global"] = "true"
    else:
        said["X-RateLimit-Remaining"] = "0"
        said["X-RateLimit-Reset-After"] = f"{fault.retry_after:.3f}"
    if not fault.via:
        return web.Response(status=429, text="error code: 1015", headers={"Server": "cloudflare"})
    said["Via"] = "1.1 google"
    body = {
        "message": "You are being rate limited.",
        "retry_after": fault.retry_after,
        "global": fault.is_global,
    }
    return answer(429, body, said)
