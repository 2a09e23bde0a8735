"""A Discord on the loopback interface: REST v10 and gateway for the real discord.py.

Build the guild before the bot connects, point discord.py at the double, act as its users:

    async with DiscordDouble() as double:
        channel = double.guild.add_text("papers")
        ada = double.guild.add_user("ada")
        with double.redirect():
            ...  # start the bot with double.token
            exchange = await double.slash(ada, channel, "papers", "search", {"query": "rag"})
            assert "rag" in (await exchange.answer()).text

It refuses what Discord refuses. What a user could not do raises DoubleError in the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import discord
import discord.gateway
import discord.http
import yarl
from aiohttp import web

from .discord_access import Access
from .discord_actors import Actors, Choice, Cleared, Reacted
from .discord_gateway import GUILDS, Gateway, Received
from .discord_interactions import Exchange, Interactions
from .discord_messages import Emoji, Json, MessageView
from .discord_reactions import Reactions
from .discord_rest import Rest
from .discord_state import Channel, DoubleError, Guild, Thread, User, World
from .discord_wire import (
    API,
    ApiError,
    Changes,
    Fault,
    Faults,
    Front,
    Limiter,
    RateLimited,
    Request,
    Reset,
    ServerError,
    ServerErrorAfterEffect,
    Timeout,
)
from .loopback import listen

__all__ = [
    "ApiError",
    "Channel",
    "Choice",
    "Cleared",
    "DiscordDouble",
    "DoubleError",
    "Emoji",
    "Exchange",
    "Fault",
    "Guild",
    "MessageView",
    "RateLimited",
    "Reacted",
    "Received",
    "Request",
    "Reset",
    "ServerError",
    "ServerErrorAfterEffect",
    "Thread",
    "Timeout",
    "User",
    "redirected",
]

NO_OPTIONS: Mapping[str, object] = {}


@contextlib.contextmanager
def redirected(api_url: str, gateway_url: str, identify_wait: float | None = 0.0) -> Iterator[None]:
    """Points discord.py at a double, of this process or another; see `DiscordDouble.redirect`."""
    base = discord.http.Route.BASE
    gateway = discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY
    hook = discord.Client.before_identify_hook

    async def wait(client: discord.Client, shard: int | None, *, initial: bool = False) -> None:
        if not initial:
            await asyncio.sleep(identify_wait or 0.0)

    discord.http.Route.BASE = api_url
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
    if identify_wait is not None:
        discord.Client.before_identify_hook = wait  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        discord.http.Route.BASE = base
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = gateway
        discord.Client.before_identify_hook = hook  # type: ignore[method-assign]


class DiscordDouble:
    """One Discord with one application and its bot; serves inside `async with`.

    Args:
        token: The only token that is accepted.
        bot_name: The application's and the bot's name.
        privileged_intents: Bits of the privileged intents the portal has switched on.
        enforce_limits: Answer 429 beyond the limits; else only announce generous ones.
        message_limit: New messages per channel and seconds.
        global_limit: Calls per seconds.
        ack_seconds: Time for the first response to an interaction.
        token_seconds: Life of an interaction's token.
        nonce_window: Seconds in which an enforced nonce is remembered.
        heartbeat_interval: Seconds, as told in HELLO.
        clock: Epoch seconds; `advance` shifts it.
        faults: What calls meet, if not what `fault` plans alone.
    """

    def __init__(
        self,
        *,
        token: str = "double.token",
        bot_name: str = "papers",
        privileged_intents: int = 0,
        enforce_limits: bool = False,
        message_limit: tuple[int, float] = (5, 5.0),
        global_limit: tuple[int, float] = (50, 1.0),
        ack_seconds: float = 3.0,
        token_seconds: float = 900.0,
        nonce_window: float = 300.0,
        heartbeat_interval: float = 41.25,
        clock: Callable[[], float] = time.time,
        faults: Faults | None = None,
    ) -> None:
        self.token = token
        self._clock = clock
        self._shift = 0.0
        self._changes = Changes()
        self._closing = asyncio.Event()
        self._faults = faults or Faults()
        self._world = World(self.now, bot_name)
        self.guild = self._world.add_guild("Team")
        self._gateway = Gateway(
            self._world,
            token=token,
            privileged=privileged_intents,
            heartbeat_interval=heartbeat_interval,
            faults=self._faults,
            changes=self._changes,
            closing=self._closing,
            resume_url=lambda: self.gateway_url,
        )
        access = Access(self._world)
        reactions = Reactions(self._world, access, self._gateway)
        self._rest = Rest(
            self._world,
            access,
            self._gateway,
            nonce_window=nonce_window,
            gateway_url=lambda: self.gateway_url,
        )
        self._interactions = Interactions(
            self._world,
            self._gateway,
            self._rest,
            self._changes,
            ack_seconds=ack_seconds,
            token_seconds=token_seconds,
        )
        self._actors = Actors(self._world, self._rest, reactions, self._interactions, self._changes)
        limiter = Limiter(
            self.now, enforce=enforce_limits, messages=message_limit, everything=global_limit
        )
        self._front = Front(
            now=self.now,
            token=token,
            limiter=limiter,
            faults=self._faults,
            changes=self._changes,
            closing=self._closing,
        )
        self._front.add(*self._rest.routes(), *reactions.routes(), *self._interactions.routes())
        self._runner: web.AppRunner | None = None
        self._port = 0

    # --- life ---

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=30 * 1024 * 1024)
        app.router.add_get("/gateway/", self._gateway.handle)
        app.router.add_route("*", "/{path:.*}", self._front.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        self._port = await listen(self._runner)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        with contextlib.suppress(DoubleError):
            await self._gateway.drop(resumable=False, code=None)
        if self._runner is not None:
            await self._runner.cleanup()
        if self._front.crashes and error is None:
            raise self._front.crashes[0]

    @property
    def api_url(self) -> str:
        """Where discord.py's Route.BASE must point."""
        return f"http://127.0.0.1:{self._port}{API}"

    @property
    def gateway_url(self) -> str:
        """Where the gateway listens."""
        return f"ws://127.0.0.1:{self._port}/gateway/"

    @contextlib.contextmanager
    def redirect(self, *, identify_wait: float | None = 0.0) -> Iterator[None]:
        """Points discord.py at the double, and back again.

        Args:
            identify_wait: Seconds before a second IDENTIFY; None keeps discord.py's five.
        """
        with redirected(self.api_url, self.gateway_url, identify_wait):
            yield

    # --- time and waiting ---

    def now(self) -> float:
        """The double's time, epoch seconds."""
        return self._clock() + self._shift

    def advance(self, seconds: float) -> None:
        """Lets time pass: tokens expire, nonces are forgotten, ids jump."""
        self._shift += seconds

    async def until(
        self, look: Callable[[], object], timeout: float = 5.0, what: str = "the double to change"
    ) -> None:
        """Waits, without polling, until `look` is true of the double.

        Raises:
            DoubleError: It was not within `timeout` seconds.
        """
        await self._changes.until(look, timeout, what)

    # --- what exists ---

    @property
    def bot(self) -> User:
        """The application's bot; its id is the application's too."""
        return self._world.bot

    def add_guild(self, name: str) -> Guild:
        """Another guild with the bot in it; before the bot connects."""
        return self._world.add_guild(name)

    async def announce(self, channel: Channel) -> None:
        """Tells the bot of a channel that was added while it was connected."""
        name = "THREAD_CREATE" if isinstance(channel, Thread) else "CHANNEL_CREATE"
        self._gateway.event(name, channel.payload(), intent=GUILDS)

    async def update(self, channel: Channel) -> None:
        """Tells the bot that a channel changed, for instance its `deny`."""
        name = "THREAD_UPDATE" if isinstance(channel, Thread) else "CHANNEL_UPDATE"
        self._gateway.event(name, channel.payload(), intent=GUILDS)

    async def delete_channel(self, channel: Channel) -> None:
        """An admin deletes a channel or thread."""
        is_thread = isinstance(channel, Thread)
        held: dict[int, Any] = channel.guild.threads if is_thread else channel.guild.channels
        payload = channel.payload()
        del held[channel.id]
        name = "THREAD_DELETE" if is_thread else "CHANNEL_DELETE"
        self._gateway.event(name, payload, intent=GUILDS)

    async def archive(self, thread: Thread, *, archived: bool = True) -> None:
        """Time, or a moderator, archives a thread."""
        self._rest.archive(thread, archived)

    def thread(self, thread_id: int) -> Thread:
        """A thread or forum post by its id, which is its first message's id too."""
        found = self._world.channel(thread_id)
        if not isinstance(found, Thread):
            raise DoubleError(f"there is no thread {thread_id}")
        return found

    @property
    def commands(self) -> tuple[Json, ...]:
        """Every synced command, global ones first; a guild's carry `guild_id`."""
        scopes = sorted(self._rest.commands, key=lambda scope: scope or 0)
        return tuple(one for scope in scopes for one in self._rest.commands[scope])

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every REST call, in the order of arrival."""
        return tuple(self._front.requests)

    @property
    def received(self) -> tuple[Received, ...]:
        """Every gateway frame from the bot."""
        return tuple(self._gateway.received)

    @property
    def sessions(self) -> tuple[str, ...]:
        """The gateway sessions that are alive or can be resumed."""
        return tuple(self._gateway.sessions)

    def messages(self, channel: Channel | int) -> tuple[MessageView, ...]:
        """What stands in a channel or thread, oldest first, without ephemeral messages."""
        number = channel if isinstance(channel, int) else channel.id
        found = self._world.channel(number)
        if found is None:
            raise DoubleError(f"there is no channel {number}")
        return tuple(found.messages[key].view() for key in sorted(found.messages))

    def message(self, message_id: int) -> MessageView:
        """One message, ephemeral ones included."""
        return self._world.message(message_id).view()

    # --- misfortune ---

    def fault(self, route: str, fault: Fault, times: int = 1) -> None:
        """Plans what the next calls of a route meet; "GET /gateway" is the websocket's.

        Args:
            route: Method and template, as in "POST /channels/{channel_id}/messages".
            fault: What happens instead of (or after) the normal answer.
            times: To how many calls.
        """
        self._faults.plan(route, fault, times)

    def clear_faults(self) -> None:
        """Forgets the planned faults."""
        self._faults.clear()

    async def drop_gateway(self, resumable: bool = True, code: int | None = None) -> None:
        """Cuts the gateway: with a TCP reset, or with a close code."""
        await self._gateway.drop(resumable=resumable, code=code)

    async def ask_to_reconnect(self) -> None:
        """Sends op 7 RECONNECT; returns when the bot has left to resume."""
        await self._gateway.ask_to_reconnect()

    async def invalidate_session(self, resumable: bool = False) -> None:
        """Sends op 9 INVALID_SESSION; returns when the bot has left."""
        await self._gateway.invalidate(resumable=resumable)

    async def send_raw_event(self, name: str, data: Any) -> None:
        """Sends any event to every session, whatever its intents."""
        self._gateway.event(name, data)

    # --- people ---

    async def slash(
        self,
        user: User,
        channel: Channel,
        command: str,
        subcommand: str | None = None,
        options: Mapping[str, object] = NO_OPTIONS,
    ) -> Exchange:
        """Runs a chat command; "group sub" names a nested sub-command.

        Returns when the bot has responded first, or its time has passed.
        """
        return await self._actors.slash(user, channel, command, subcommand, options)

    async def autocomplete(
        self,
        user: User,
        channel: Channel,
        command: str,
        subcommand: str | None,
        focused: str,
        typed: str,
        options: Mapping[str, object] = NO_OPTIONS,
    ) -> tuple[Choice, ...]:
        """Types into the option `focused`, others being filled in; what is offered."""
        return await self._actors.autocomplete(
            user, channel, command, subcommand, focused, typed, options
        )

    async def context_menu(
        self, user: User, target: User | int, name: str, *, channel: Channel | None = None
    ) -> Exchange:
        """Picks an entry in the menu of a message (by id) or of a person (in a channel)."""
        return await self._actors.context_menu(user, target, name, channel)

    async def click(self, user: User, message_id: int, custom_id: str) -> Exchange:
        """Presses a button that the stored message has."""
        return await self._actors.click(user, message_id, custom_id)

    async def select(
        self, user: User, message_id: int, custom_id: str, values: Iterable[object]
    ) -> Exchange:
        """Picks from a select menu that the stored message has."""
        return await self._actors.select(user, message_id, custom_id, values)

    async def submit_modal(
        self, user: User, custom_id: str, values: Mapping[str, object]
    ) -> Exchange:
        """Sends the modal that the bot opened for this user; values by custom id."""
        return await self._actors.submit_modal(user, custom_id, values)

    def set_endpoint(self, url: str | None) -> None:
        """The developer portal names an address to which interactions go instead."""
        self._rest.endpoint = url

    def leave_sessions(self, number: int) -> None:
        """So many sessions may still begin today."""
        self._rest.sessions_left = number

    def open_to_all(self, command: str) -> None:
        """A guild's admin lets everybody see a command, whatever its default permissions."""
        self._actors.open_to_all.add(command)

    async def react(
        self, user: User, message_id: int, emoji: str, *, burst: bool = False
    ) -> Reacted:
        """Reacts with "👍" or with a custom "name:id"."""
        return self._actors.react(user, message_id, emoji, burst=burst)

    async def unreact(
        self, user: User, message_id: int, emoji: str, *, burst: bool = False
    ) -> Reacted:
        """Takes the user's reaction back."""
        return self._actors.unreact(user, message_id, emoji, burst=burst)

    async def clear_reactions(self, message_id: int) -> Cleared:
        """A moderator removes every reaction of a message."""
        return self._actors.clear(message_id, None)

    async def clear_emoji(self, message_id: int, emoji: str) -> Cleared:
        """A moderator removes every reaction with one emoji."""
        return self._actors.clear(message_id, emoji)

    async def delete_message(self, message_id: int) -> Cleared:
        """A moderator deletes a message."""
        return self._actors.delete(message_id)

    async def say(self, user: User, channel: Channel, content: str) -> MessageView:
        """Somebody writes a message."""
        return self._actors.say(user, channel, content)
