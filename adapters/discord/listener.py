"""Hear what people do on Discord, and answer them: commands, buttons, suggestions, reactions.

Whoever acts is told within 3 seconds that an answer will come; the answer follows when it is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast
from weakref import WeakValueDictionary

import discord
import structlog
from discord.http import Route

from adapters.discord._pace import Pace
from adapters.discord.calls import EXPIRED, FAILURES, Place, ask, meaning, trace
from adapters.discord.commands import command_payload, fingerprint, read_invocation
from adapters.discord.ids import PLATFORM, channel_ref, message_ref, packed_action, user_ref
from adapters.discord.limits import LIMITS, Json
from adapters.discord.render import render
from bot.domain.command import Caller, CommandCall, Press
from bot.domain.errors import ConfigError, PlatformError
from bot.domain.reply import Reply
from bot.domain.votes import Reaction
from bot.ports import Inbox
from bot.text import clip, one_line

log = structlog.get_logger()

DRAIN = 10.0
"""Seconds that running answers get at the end."""

SUGGEST = 2.5
"""Seconds for suggestions; Discord waits for 3."""

LONGEST_LIMIT = 60.0
"""Seconds of a rate limit that are waited out inside a call; a longer one is ``TryLater``."""

EPHEMERAL = 1 << 6
ORIGINAL = "/messages/@original"


class Listener(discord.Client):
    """One connection to the gateway."""

    def __init__(
        self, inbox: Inbox, guild: int | None, pauses: Sequence[float], pace: Pace
    ) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True, guild_reactions=True),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            max_ratelimit_timeout=LONGEST_LIMIT,
            http_trace=trace(pace),
            enable_debug_events=True,  # for on_socket_raw_receive
        )
        self.heard: Callable[[], None] = lambda: None
        self._inbox = inbox
        self._guild = guild
        self._pauses = pauses
        self._running: set[asyncio.Task[Any]] = set()
        self._bots: set[int] = set()
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def setup_hook(self) -> None:
        """Register the commands if Discord knows others."""
        check_application(self)
        try:
            await self._register()
        except (discord.HTTPException, discord.RateLimited) as error:
            reason = str(meaning(error, Place.CHANNEL))
            if self._guild and getattr(error, "status", None) == 403:
                raise ConfigError(
                    f"the bot is not in the server {self._guild}, or may not have commands there: "
                    "correct DISCORD_GUILD, or invite it with `daily-papers manifest discord`"
                ) from error
            log.error("commands not registered", platform=PLATFORM, reason=reason)

    async def _register(self) -> None:
        app, wanted = self.application_id or 0, command_payload()
        if self._guild:
            known = await self.http.get_guild_commands(app, self._guild)
        else:
            known = await self.http.get_global_commands(app)
        if fingerprint(cast(list[Json], known)) == fingerprint(wanted):
            return
        if self._guild:
            await self.http.bulk_upsert_guild_commands(app, self._guild, wanted)
        else:
            await self.http.bulk_upsert_global_commands(app, wanted)
        log.info("commands registered", platform=PLATFORM, guild=self._guild)

    async def drain(self) -> None:
        """Let running answers finish, for a while."""
        if self._running:
            await asyncio.wait(self._running, timeout=DRAIN)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        task = cast(asyncio.Task[Any], asyncio.current_task())
        self._running.add(task)
        try:
            yield
        finally:
            self._running.discard(task)

    async def on_socket_raw_receive(self, _: str) -> None:
        """Take note that the gateway is alive."""
        self.heard()

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Answer a command, a button or a half-typed option."""
        with self._at_work():
            match interaction.type:
                case discord.InteractionType.application_command:
                    await self._command(interaction)
                case discord.InteractionType.component:
                    await self._press(interaction)
                case discord.InteractionType.autocomplete:
                    await self._suggest(interaction)

    async def _command(self, interaction: discord.Interaction) -> None:
        asked = read_invocation(_data(interaction))
        command = CommandCall(_caller(interaction), asked.name, values=asked.values)
        private = asked.values.get("share") is not True
        await self._answer(interaction, private, lambda: self._inbox.command(command))

    async def _press(self, interaction: discord.Interaction) -> None:
        caller, stands = _caller(interaction), None
        if interaction.message:
            channel = interaction.channel_id or 0
            stands = message_ref(interaction.guild_id, channel, interaction.message.id)
        press = Press(caller, packed_action(_data(interaction)["custom_id"]), stands)
        await self._answer(interaction, True, lambda: self._inbox.press(press))

    async def _answer(
        self, interaction: discord.Interaction, private: bool, work: Callable[[], Awaitable[Reply]]
    ) -> None:
        """Say within 3 seconds that an answer will come, then give it."""
        try:
            await interaction.response.defer(ephemeral=private, thinking=True)
        except FAILURES as error:
            _log_unanswered(error)
            return
        reply = await work()
        body = render(reply)
        try:
            if reply.private and not private:  # an error is nobody else's business
                await self._say(_route("DELETE", interaction, ORIGINAL))
                body["flags"] |= EPHEMERAL
                await self._say(_route("POST", interaction), body)
            else:
                await self._say(_route("PATCH", interaction, ORIGINAL), body)
        except PlatformError as error:
            _log_unanswered(error.__cause__ or error)

    async def _say(self, route: Route, body: Json | None = None) -> None:
        """Call until it is answered: an answer shown twice is better than none."""
        sent: dict[str, Any] = {} if body is None else {"json": body}
        await ask(lambda: self.http.request(route, **sent), Place.CHANNEL, pauses=self._pauses)

    async def _suggest(self, interaction: discord.Interaction) -> None:
        asked = read_invocation(_data(interaction))
        command = CommandCall(_caller(interaction), asked.name, values=asked.values)
        values: Sequence[str] = ()
        try:
            async with asyncio.timeout(SUGGEST):
                values = await self._inbox.suggest(command, asked.focused, asked.typed)
        except Exception:
            log.exception("no suggestions", command=asked.name, option=asked.focused)
        shown = [clip(one_line(value), LIMITS.choice) for value in values if value.strip()]
        choices = [discord.app_commands.Choice(name=each, value=each) for each in shown]
        try:
            await interaction.response.autocomplete(choices[: LIMITS.choices])
        except FAILURES as error:
            _log_unanswered(error)

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Hand in a reaction, unless a bot gave it."""
        if event.member and event.member.bot:
            self._bots.add(event.user_id)
        await self._reaction(event, added=True)

    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """Hand in the end of a reaction."""
        await self._reaction(event, added=False)

    async def _reaction(self, event: discord.RawReactionActionEvent, *, added: bool) -> None:
        own = self.user is not None and event.user_id == self.user.id
        if own or event.user_id in self._bots or event.emoji.id is not None:
            return
        reaction = Reaction(
            message_ref(event.guild_id, event.channel_id, event.message_id),
            user_ref(event.guild_id, event.user_id),
            event.emoji.name,
            added,
        )
        lock = self._locks.setdefault(event.message_id, asyncio.Lock())
        with self._at_work():
            async with lock:  # events of one message are counted in the order they came
                await self._inbox.reaction(reaction)


def check_application(client: discord.Client) -> None:
    """Fail where commands would never arrive.

    Raises:
        ConfigError: if the application has an address for them.
    """
    if client.application and client.application.interactions_endpoint_url:
        raise ConfigError(
            "Discord sends commands to an address instead of to the bot: delete “Interactions "
            "Endpoint URL” under “General Information” in the developer portal"
        )


def _caller(interaction: discord.Interaction) -> Caller:
    """Return who acts and in which channel; a thread counts as the channel it belongs to."""
    guild, channel = interaction.guild_id, interaction.channel_id or 0
    if isinstance(interaction.channel, discord.Thread):
        channel = interaction.channel.parent_id
    rights = interaction.permissions
    admin = guild is None or rights.manage_guild or rights.administrator
    return Caller(user_ref(guild, interaction.user.id), channel_ref(guild, channel), admin)


def _route(method: str, interaction: discord.Interaction, below: str = "") -> Route:
    return Route(
        method,
        "/webhooks/{webhook_id}/{webhook_token}" + below,
        webhook_id=interaction.application_id,
        webhook_token=interaction.token,
    )


def _data(interaction: discord.Interaction) -> Json:
    return cast(Json, interaction.data)


def _log_unanswered(error: BaseException) -> None:
    reason = str(meaning(error, Place.CHANNEL))
    if getattr(error, "code", None) in EXPIRED:
        log.warning("interaction expired", platform=PLATFORM, reason=reason)
    else:
        log.warning("interaction not answered", platform=PLATFORM, reason=reason)
