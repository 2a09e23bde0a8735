"""The serving half of the Slack double: requests, deliveries, faults, records, waiting."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias, TypeVar
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from .loopback import listen
from .slack_api import ALL_SCOPES, BlockCheck, Outcome, WebApi
from .slack_args import Args
from .slack_faults import (
    AnswerLost,
    ApiError,
    Fault,
    RateLimited,
    Reset,
    ServerError,
    SlackError,
    Timeout,
)
from .slack_records import (
    Ack,
    Answer,
    Call,
    Delivered,
    Effect,
    Envelope,
    Sent,
    Verification,
    Via,
)
from .slack_state import Ephemeral, Json, Message, View, Workspace
from .slack_transport import HttpTransport, SocketModeTransport, Transport
from .slack_wire import (
    event_body,
    message_event,
    reaction_event,
)

T = TypeVar("T")
DisconnectReason: TypeAlias = Literal[
    "warning", "refresh_requested", "link_disabled", "too_many_websockets"
]

RESPONSE_URL_USES = 5
RESPONSE_URL_SECONDS = 30 * 60
POST_INTERVAL_SECONDS = 1.0
POST_BURST = 30  # posts beyond the workspace's rate; "generous", says Slack, and no number
RETRY_DELAYS = (0.0, 60.0, 300.0)  # at once, after a minute, after five
SOCKETS = 10
FAREWELL_SECONDS = 10.0
SUBSCRIPTIONS = frozenset({"app_home_opened", "app_mention", "app_uninstalled", "message.im"})
SUBSCRIPTIONS |= {"member_joined_channel", "reaction_added", "reaction_removed", "tokens_revoked"}


@dataclass(slots=True)
class Hook:
    """A ``response_url``: who it answers, about which message, and how often it was used."""

    exchange: str
    user: str
    channel: str
    message_ts: str | None
    at: float
    uses: int = 0


class SlackServer:
    """Slack's side of the wire for one workspace and one app; people come with ``SlackDouble``."""

    def __init__(
        self,
        workspace: Workspace | None = None,
        *,
        bot_token: str = "xoxb-double",
        app_token: str = "xapp-double",
        scopes: frozenset[str] = ALL_SCOPES,
        subscriptions: frozenset[str] = SUBSCRIPTIONS,
        block_check: BlockCheck | None = None,
        enforce_limits: bool = False,
        posts_apart: tuple[float, float] = (POST_INTERVAL_SECONDS, 0),
        ack_timeout: float = 3.0,
        retry_delays: Sequence[float] = RETRY_DELAYS,
        most_sockets: int = SOCKETS,
        farewell: float = FAREWELL_SECONDS,
        config_token: str = "xoxe.xoxp-double",
        client: tuple[str, str] = ("1.2", "client-secret-double"),
        redirect_url: str = "https://bot.example.org/slack/oauth_redirect",
        manifest: Json | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Describe the app: its tokens, scopes and subscriptions; a workspace brings its clock.

        ``posts_apart`` is what is enforced: seconds between posts of a channel, and of all.
        ``manifest`` is what the app's owner is shown, who alone has the ``config_token``. Whoever
        installs the app is sent to the ``redirect_url`` with a code, which the ``client``, an id
        and a secret, exchanges for the token.
        """
        self.workspace = workspace or Workspace(clock=clock)
        self.bot_token = bot_token
        self.app_token = app_token
        self.config_token = config_token
        self.client = client
        self.redirect_url = redirect_url
        self.manifest = manifest or {}
        self.subscriptions = subscriptions
        self.enforce_limits = enforce_limits
        self.posts_apart = posts_apart
        self.retry_delays = tuple(retry_delays)
        self.calls: list[Call] = []
        self.acks: list[Ack] = []
        self.sent: list[Sent] = []
        self.answers: list[Answer] = []
        self.opened: list[tuple[str, View]] = []
        self.installed = True
        self._api = WebApi(self.workspace, scopes=scopes, block_check=block_check)
        self._ack_timeout = ack_timeout
        self._farewell = farewell
        self._socket_mode = SocketModeTransport(self.workspace, self, ack_timeout, most_sockets)
        self._transport: Transport = self._socket_mode
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._hooks: dict[str, Hook] = {}
        self._codes: dict[str, tuple[SlackServer, str]] = {}
        self._teams: dict[str, SlackServer] = {}
        self._events: dict[str, Envelope] = {}
        self._duplicates = 0
        self._last_posts: dict[str, float] = {}
        self._posts_until = float("-inf")
        self._busy = 0
        self._change = asyncio.Event()
        self._closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._port = 0

    # Lifecycle

    async def __aenter__(self) -> Self:
        """Start to listen."""
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_route("*", "/api/{method}", self._serve_api)
        app.router.add_post("/response/{secret}", self._serve_response_url)
        app.router.add_get("/link/", self._socket_mode.serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        self._port = await listen(self._runner)
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; a delivery that failed by a bug of the double is raised here."""
        self._closing.set()
        self._socket_mode.abort()
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        if self._runner is not None:
            await self._runner.cleanup()
        for outcome in ended:
            if isinstance(outcome, Exception) and error is None:
                raise outcome

    @property
    def base_url(self) -> str:
        """The ``base_url`` for the app's Web API clients."""
        return f"http://127.0.0.1:{self._port}/api/"

    @property
    def methods(self) -> frozenset[str]:
        """The Web API methods it knows, those about the app itself aside."""
        return frozenset(self._api.methods)

    def use_http(self, url: str, signing_secret: str) -> None:
        """Deliver everything as signed requests to the app's URL from now on."""
        self._transport = HttpTransport(
            self.workspace,
            self,
            self._ack_timeout,
            url=url,
            signing_secret=signing_secret,
            session=self._http_session,
        )

    def add_team(self, other: SlackServer) -> None:
        """Let the app be in another workspace too: here by its token, and on the same websockets.

        Its people act in the other double, which is entered as well.
        """
        self._teams[other.bot_token] = other
        other._transport = self._socket_mode

    def use_socket_mode(self) -> None:
        """Deliver everything over the app's websockets from now on, as at the start."""
        self._transport = self._socket_mode

    def _http_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("enter the SlackDouble first: async with SlackDouble() as slack")
        return self._session

    async def verify_url(self) -> Verification:
        """Send ``url_verification`` to the app's URL, as the settings page does."""
        if not isinstance(self._transport, HttpTransport):
            raise TypeError("there is no URL to verify in Socket Mode: call use_http first")
        return await self._transport.verify()

    # Records and waiting

    def record_sent(self, sent: Sent) -> None:
        """Note a document that went out."""
        self.sent.append(sent)

    def record_ack(self, ack: Ack) -> None:
        """Note what became of a delivery."""
        self.acks.append(ack)
        self.changed()

    def changed(self) -> None:
        """Wake whoever waits for a change."""
        self._change.set()
        self._change = asyncio.Event()

    def messages(self, channel: str) -> tuple[Message, ...]:
        """Return everything in a channel, replies included, oldest first."""
        return self.workspace.messages(channel)

    def ephemerals(self, user: str, channel: str | None = None) -> tuple[Ephemeral, ...]:
        """Return what only this person sees, oldest first."""
        return tuple(
            e
            for e in self.workspace.ephemerals.values()
            if e.user == user and channel in (None, e.channel)
        )

    def calls_of(self, method: str) -> tuple[Call, ...]:
        """Return the requests for one method, oldest first."""
        return tuple(call for call in self.calls if call.method == method)

    def modal(self, user: str) -> View | None:
        """Return the modal a person has in front of them."""
        stack = self.workspace.stack(user)
        return stack[-1] if stack else None

    def home(self, user: str) -> View | None:
        """Return what a person's Home tab shows."""
        return self.workspace.home(user)

    async def wait_for(self, predicate: Callable[[], T | None], timeout: float = 5) -> T:
        """Wait until the predicate gives something true, and return it.

        It is asked after every change in the double, and twenty times a second besides, so it may
        look at the app too.

        Raises:
            TimeoutError: when it never does; names the last calls.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            change = self._change
            if found := predicate():
                return found
            remaining = deadline - loop.time()
            if remaining <= 0:
                last = ", ".join(call.method for call in self.calls[-5:]) or "none"
                raise TimeoutError(f"nothing within {timeout} s; the last calls: {last}")
            await _wait(change, min(remaining, 0.05))

    async def settled(self, *, quiet: float = 0.05, timeout: float = 5) -> None:
        """Wait until no request or delivery is under way and nothing changes for ``quiet`` seconds.

        Retries that are not due yet do not count.

        Raises:
            TimeoutError: when it never gets quiet.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            change = self._change
            if not await _wait(change, quiet) and not self._busy:
                return
            if loop.time() > deadline:
                raise TimeoutError(f"not settled within {timeout} s, {self._busy} under way")

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self.changed()

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        async def run() -> None:
            await work

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            self._tasks.discard(task)  # one that failed is kept for __aexit__

    # Faults

    def fault(self, method: str, fault: Fault, times: int = 1) -> None:
        """Let the next calls of a method fail; ``response_url`` counts as a method."""
        self._faults[method].extend([fault] * times)

    def clear_faults(self) -> None:
        """Forget the faults that did not happen yet."""
        self._faults.clear()

    def duplicate(self, times: int = 1) -> None:
        """Deliver each of the next payloads twice, down to its envelope or its signature."""
        self._duplicates += times

    def lose_acks(self, times: int = 1) -> None:
        """Cut the websockets on which the next acks come, before these are read."""
        self._socket_mode.lose_acks(times)

    def _is_doubled(self) -> bool:
        twice = self._duplicates > 0
        self._duplicates -= twice
        return twice

    async def replay(self) -> int:
        """Let somebody who listened in send the last request again; return the status."""
        if not isinstance(self._transport, HttpTransport):
            raise TypeError("nobody can listen in to a websocket: call use_http first")
        return await self._transport.replay()

    async def redeliver(self, event_id: str, *, attempt: int = 1, reason: str = "timeout") -> Ack:
        """Deliver an event again as a retry, acked or not."""
        envelope = replace(self._events[event_id], attempt=attempt, reason=reason)
        with self._under_way():
            return await self._transport.deliver(envelope)

    @property
    def sockets(self) -> tuple[int, ...]:
        """The connected websockets, numbered from 0 in the order they connected."""
        return self._socket_mode.sockets

    async def connected(self, count: int = 1, timeout: float = 5) -> None:
        """Wait until the app has ``count`` websockets open."""
        await self.wait_for(lambda: len(self.sockets) >= count, timeout)

    async def disconnect(self, reason: DisconnectReason, socket: int | None = None) -> None:
        """Send a disconnect message on one websocket, or all.

        After ``warning`` they get envelopes until they are closed, otherwise none. They are closed
        a while later, or at once if there are too many or the app's Socket Mode is off.
        """
        told = await self._socket_mode.disconnect(reason, socket)
        if reason in ("warning", "refresh_requested"):
            self._spawn(self._close_later(told))

    async def _close_later(self, sockets: Collection[int]) -> None:
        if not await _wait(self._closing, self._farewell):
            await self._socket_mode.close(sockets)

    def abort(self, socket: int | None = None) -> None:
        """Cut one websocket's TCP connection, or all, without a goodbye."""
        self._socket_mode.abort(socket)

    def half_open(self, socket: int | None = None) -> None:
        """Stop to answer pings on one websocket, or all: what is sent there is lost."""
        self._socket_mode.half_open(socket)

    # Web API

    async def _serve_api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        token, raw = await _arguments(request)
        home = self._teams.get(token or "", self)
        return await home._answer_api(request, method, token, raw)

    async def _answer_api(
        self, request: web.Request, method: str, token: str | None, raw: dict[str, Any]
    ) -> web.StreamResponse:
        self.calls.append(Call(method, raw, dict(request.headers), self.workspace.clock()))
        with self._under_way():
            limited = self._over_the_limit(method, raw)
            fault = limited or self._next_fault(method)
            answer: Json | None = None
            if fault is None or fault.stored:
                answer = self._perform(method, token, raw)
            return await self._faulty(request, fault, method, answer)

    def _next_fault(self, method: str) -> Fault | None:
        queued = self._faults.get(method)
        return queued.popleft() if queued else None

    def _over_the_limit(self, method: str, raw: Mapping[str, Any]) -> Fault | None:
        if not self.enforce_limits or method != "chat.postMessage":
            return None
        now, channel = asyncio.get_running_loop().time(), str(raw.get("channel"))
        in_channel, in_all = self.posts_apart
        if now - self._last_posts.get(channel, float("-inf")) < in_channel:
            return RateLimited(retry_after=1)
        if self._posts_until - now > POST_BURST * in_all:
            return RateLimited(retry_after=1)
        self._last_posts[channel] = now
        self._posts_until = max(now, self._posts_until) + in_all
        return None

    async def _faulty(
        self, request: web.Request, fault: Fault | None, method: str, answer: Json | None
    ) -> web.StreamResponse:
        match fault:
            case None:
                scopes = {"X-OAuth-Scopes": ",".join(sorted(self._api.scopes))}
                return self._json(method, answer or {}, headers=scopes)
            case RateLimited(retry_after=seconds):
                headers = {"Retry-After": str(seconds)}
                return self._json(
                    method, {"ok": False, "error": "ratelimited"}, status=429, headers=headers
                )
            case ServerError(status=status):
                page = "<html><body>Something went wrong</body></html>"
                return web.Response(status=status, text=page, content_type="text/html")
            case ApiError(error=error, messages=messages):
                return self._json(method, _refusal(SlackError(error, *messages)))
            case Timeout(seconds=seconds):
                await _wait(self._closing, seconds)
            case Reset() | AnswerLost():
                pass
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    def _json(
        self,
        method: str,
        body: Json,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        self.record_sent(Sent("api", method, body))
        return web.json_response(body, status=status, headers=headers)

    def _perform(self, method: str, token: str | None, raw: Mapping[str, Any]) -> Json:
        try:
            if method == "oauth.v2.access":
                return self._access(raw)
            self._check_token(method, token)
            if method == "apps.connections.open":
                ticket = self._socket_mode.ticket()
                url = f"ws://127.0.0.1:{self._port}/link/?ticket={ticket}"
                return {"ok": True, "url": f"{url}&app_id={self.workspace.app_id}"}
            if method == "apps.manifest.export":
                return {"ok": True, "manifest": self.manifest}
            outcome = self._api.perform(method, raw)
        except SlackError as e:
            return _refusal(e)
        self._watch(method, raw, outcome)
        return outcome.answer

    def authorize(self, user: str, query: Mapping[str, str]) -> str:
        """Let a person allow the app on the page that it sent them to; return where that leads."""
        given = {name: query.get(name) for name in ("client_id", "redirect_uri")}
        if given != {"client_id": self.client[0], "redirect_uri": self.redirect_url}:
            raise SlackError("bad_redirect_uri", f"not this app's: {given}")
        code = uuid.uuid4().hex
        for each in (self, *self._teams.values()):
            if user in each.workspace.users:
                self._codes[code] = each, user
        return f"{self.redirect_url}?{urlencode({'code': code, 'state': query.get('state', '')})}"

    def _access(self, raw: Mapping[str, Any]) -> Json:
        if raw.get("client_id") != self.client[0]:
            raise SlackError("invalid_client_id")
        if raw.get("client_secret") != self.client[1]:
            raise SlackError("bad_client_secret")
        if raw.get("code") not in self._codes:
            raise SlackError("invalid_code")
        if raw.get("redirect_uri") != self.redirect_url:
            raise SlackError("bad_redirect_uri")
        home, user = self._codes.pop(str(raw["code"]))
        home.installed = True
        return {
            "ok": True,
            "access_token": home.bot_token,
            "token_type": "bot",
            "scope": ",".join(sorted(home._api.scopes)),
            "bot_user_id": home.workspace.bot_user_id,
            "app_id": home.workspace.app_id,
            "team": {"id": home.workspace.team_id, "name": home.workspace.team_name},
            "enterprise": None,
            "is_enterprise_install": False,
            "authed_user": {"id": user},
        }

    def _check_token(self, method: str, token: str | None) -> None:
        wanted = {
            "apps.connections.open": self.app_token,
            "apps.manifest.export": self.config_token,
        }
        if not token:
            raise SlackError("not_authed")
        if token not in (self.bot_token, *wanted.values()):
            raise SlackError("invalid_auth")
        if not self.installed and token == self.bot_token:
            raise SlackError("account_inactive")
        if token != wanted.get(method, self.bot_token):
            raise SlackError("not_allowed_token_type")

    def _watch(self, method: str, raw: Mapping[str, Any], outcome: Outcome) -> None:
        if (posted := outcome.posted) is not None:
            self._note_message("chat.postMessage", "posted", posted)
            self._spawn(self._announce(posted))
        if (updated := outcome.updated) is not None:
            self._note_message("chat.update", "replaced", updated)
        if outcome.whispered is not None:
            self._note_ephemeral("chat.postEphemeral", self.workspace.ephemerals[outcome.whispered])
        if outcome.opened is not None and raw.get("trigger_id"):
            self.opened.append((str(raw["trigger_id"]), outcome.opened))
        if outcome.reacted is not None:
            message, name, added = outcome.reacted
            self._spawn(self._reacted(message, self.workspace.bot_user_id, name, added=added))

    def _note_message(
        self, via: Via, effect: Effect, message: Message, exchange: str | None = None
    ) -> None:
        self._note(
            Answer(
                via,
                effect,
                message.channel,
                message.ts,
                message.text,
                message.blocks,
                thread_ts=message.thread_ts,
                exchange=exchange,
            )
        )

    def _note_ephemeral(self, via: Via, shown: Ephemeral, exchange: str | None = None) -> None:
        self._note(
            Answer(
                via,
                "ephemeral",
                shown.channel,
                shown.ts,
                shown.text,
                shown.blocks,
                user=shown.user,
                thread_ts=shown.thread_ts,
                exchange=exchange,
            )
        )

    def _note(self, answer: Answer) -> None:
        at, order = self.workspace.clock(), len(self.answers)
        self.answers.append(replace(answer, at=at, order=order))
        self.changed()

    # response_url

    async def _serve_response_url(self, request: web.Request) -> web.StreamResponse:
        _, raw = await _arguments(request)
        headers = dict(request.headers)
        self.calls.append(Call("response_url", raw, headers, self.workspace.clock()))
        with self._under_way():
            fault = self._next_fault("response_url")
            answer: Json = {"ok": True}
            if fault is None or fault.stored:
                answer = self._use_hook(request.match_info["secret"], Args(raw))
            if fault is None and not answer["ok"]:
                return web.json_response(answer, status=404)
            return await self._faulty(request, fault, "response_url", answer)

    def _use_hook(self, secret: str, args: Args) -> Json:
        hook = self._hooks.get(secret)
        if hook is None:
            return {"ok": False, "error": "invalid_url"}
        if self.workspace.clock() - hook.at > RESPONSE_URL_SECONDS:
            return {"ok": False, "error": "expired_url"}
        if hook.uses >= RESPONSE_URL_USES:
            return {"ok": False, "error": "used_url"}
        hook.uses += 1
        try:
            self._respond(hook, args, "response_url")
        except SlackError as e:
            return {"ok": False, "error": e.code}
        return {"ok": True}

    def _respond(self, hook: Hook, args: Args, via: Via) -> None:
        workspace, source = self.workspace, hook.message_ts
        if args.flag("delete_original") and source is not None:
            if workspace.ephemerals.pop(source, None) is None:
                workspace.delete(hook.channel, source)
            self._note(Answer(via, "deleted", hook.channel, source, exchange=hook.exchange))
            return
        text, blocks, attachments = self._api.checked_content(args)
        thread_ts = args.text("thread_ts") or None
        if args.flag("replace_original") and source in workspace.ephemerals:
            shown = replace(
                workspace.ephemerals[source],
                text=text,
                blocks=workspace.with_block_ids(blocks),
            )
            workspace.ephemerals[source] = shown
            self._note_ephemeral(via, shown, hook.exchange)
        elif args.flag("replace_original") and source is not None:
            before = workspace.message(hook.channel, source)
            changed = workspace.store(
                replace(before, text=text, blocks=blocks, revision=before.revision + 1)
            )
            self._note_message(via, "replaced", changed, hook.exchange)
        elif args.text("response_type") == "in_channel":
            fields = {"text": text, "blocks": blocks, "attachments": attachments}
            posted = workspace.store(
                self._api.from_bot(hook.channel, thread_ts=thread_ts, **fields)
            )
            self._note_message(via, "posted", posted, hook.exchange)
            self._spawn(self._announce(posted))
        else:
            shown = workspace.whisper(hook.user, hook.channel, text, blocks, thread_ts)
            self._note_ephemeral(via, shown, hook.exchange)

    # Events

    async def emit(self, event: Json, *, channel: str | None = None) -> Delivered:
        """Tell the app about an event, if it is subscribed and the bot is in the channel."""
        event_id = self.workspace.new_id("Ev")
        name = str(event["type"])
        if name == "message":
            kinds = {"channel": "channels", "group": "groups", "im": "im"}
            name = f"message.{kinds[event['channel_type']]}"
        inside = True
        if channel is not None:
            inside = self.workspace.bot_user_id in self.workspace.channel(channel).members
        if name not in self.subscriptions or not inside:
            return Delivered(event_id, event, None, attempts=0)
        body = event_body(self.workspace, event_id, event)
        envelope = Envelope("events_api", str(event["type"]), body)
        self._events[event_id] = envelope
        with self._under_way():
            ack = await self._transport.deliver(envelope, twice=self._is_doubled())
        if ack.within is None and not ack.no_retry:
            self._spawn(self._retry(envelope, ack))
        return Delivered(event_id, event, ack.within, attempts=1)

    async def _retry(self, envelope: Envelope, failed: Ack) -> None:
        for attempt, delay in enumerate(self.retry_delays, start=1):
            if await _wait(self._closing, delay):
                return
            reason = failed.failure or "timeout"
            with self._under_way():
                failed = await self._transport.deliver(
                    replace(envelope, attempt=attempt, reason=reason)
                )
            if failed.within is not None or failed.no_retry:
                return

    async def _announce(self, message: Message) -> Delivered:
        event = message_event(self.workspace, message)
        return await self.emit(event, channel=message.channel)

    async def _reacted(self, message: Message, user: str, emoji: str, *, added: bool) -> Delivered:
        event = reaction_event(message, user, emoji, self.workspace.new_ts(), added=added)
        return await self.emit(event, channel=message.channel)


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event for so long; return whether it came."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def _arguments(request: web.Request) -> tuple[str | None, dict[str, Any]]:
    """Return the token and the arguments, wherever the client put them."""
    raw: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        found = json.loads(await request.text() or "{}")
        raw |= found if isinstance(found, dict) else {}
    else:
        raw |= dict(await request.post())
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind == "Basic":
        known = aiohttp.BasicAuth.decode(f"{kind} {token}")
        raw |= {"client_id": known.login, "client_secret": known.password}
    given = raw.pop("token", None)
    return (token if kind == "Bearer" else given), raw


def _refusal(error: SlackError) -> Json:
    answer: Json = {"ok": False, "error": error.code}
    if error.messages and error.code.startswith("invalid_"):
        answer["response_metadata"] = {"messages": list(error.messages)}
    if error.needed:
        answer |= {"needed": error.needed, "provided": error.provided}
    return answer
