"""Hear what people do on Discord, and answer them: commands, menus, buttons, dialogs, suggestions.

Whoever acts is told within 3 seconds that an answer will come; the answer follows when it is made.
A button names all that it does, so those of old messages work after a restart: no view is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, cast
from weakref import WeakValueDictionary

import discord
import structlog
from discord.http import Route

from adapters.discord.calls import EXPIRED, FAILURES, Place, ask, in_either, meaning, trace
from adapters.discord.commands import (
    MESSAGE_MENU,
    command_payload,
    fingerprint,
    read_invocation,
    read_menu,
)
from adapters.discord.identifies import Identifies
from adapters.discord.ids import PLATFORM, channel_ref, message_ref, packed_action, user_ref
from adapters.discord.limits import LIMITS, Json
from adapters.discord.modals import modal, read_modal
from adapters.discord.pace import Pace
from adapters.discord.render import Style, other, render
from adapters.discord.styles import style_of
from bot.cards import sentence_reply
from bot.commands import all_commands
from bot.domain.channels import ChannelRef, UserRef
from bot.domain.command import Caller, CommandCall, Press
from bot.domain.errors import ConfigError, PlatformError
from bot.domain.reply import Action, Button, Controls, OpenAction, Reply, RunAction, parse_action
from bot.domain.votes import Reaction
from bot.ports import Inbox
from bot.text import one_line, size
from config.settings import DiscordSettings

log = structlog.get_logger()

DRAIN = 10.0
"""Seconds that running answers get at the end."""

QUICK = 2.5
"""Seconds for what has to be the first answer, suggestions and dialogs; Discord waits for 3."""

DRAFTS = 100
"""How many dialogs that were filled in wrongly are kept, to be corrected."""

LONGEST_LIMIT = 60.0
"""Seconds of a rate limit that are waited out inside a call; a longer one is ``TryLater``."""

EPHEMERAL = 1 << 6
ORIGINAL = "/messages/@original"

MODAL = 9
"""docs.discord.com/developers/interactions/receiving-and-responding#interaction-callback-type"""

DIALOGS = frozenset(name for name, spec in all_commands().items() if spec.current)

Draft = tuple[UserRef, ChannelRef, str, int]
"""Whose, for which channel, of which command, which page."""

TOO_SLOW = sentence_reply("The bot cannot do this at the moment.", "Try again in a few minutes.")
TOO_OLD = sentence_reply("This form is of an older version of the bot.", "Open it again.")


class Listener(discord.Client):
    """One connection to the gateway."""

    def __init__(
        self, inbox: Inbox, settings: DiscordSettings, pauses: Sequence[float], pace: Pace
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
        self._guild = settings.guild
        self._style: Style = settings.style
        self._pauses = pauses
        self._identifies = Identifies()
        self._running: set[asyncio.Task[Any]] = set()
        self._drafts: dict[Draft, Mapping[str, str]] = {}
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
        if await register(self, self._guild):
            log.info("commands registered", platform=PLATFORM, guild=self._guild)
        if self._guild and await self.http.get_global_commands(self.application_id or 0):
            log.warning(
                "every command shows twice",
                platform=PLATFORM,
                cure="`daily-papers sync --clear` takes away those of all servers, or "
                "leave DISCORD_GUILD empty",
            )

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        """Tell of nothing after the end, when discord.py has no loop left to tell it in."""
        if not self.is_closed():
            super().dispatch(event, *args, **kwargs)

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

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Wait until a new session may begin; the first one begins at once."""
        await asyncio.sleep(self._identifies.pause(asyncio.get_running_loop().time()))

    async def on_ready(self) -> None:
        """Take note that a session has begun: what came since the last one was not heard."""
        await self._inbox.missed()

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Answer a command, an entry of a menu, a button, a dialog or a half-typed option."""
        with self._at_work():
            match interaction.type:
                case discord.InteractionType.application_command:
                    if _data(interaction).get("type") == MESSAGE_MENU:
                        await self._menu(interaction)
                    else:
                        await self._command(interaction)
                case discord.InteractionType.modal_submit:
                    await self._submitted(interaction)
                case discord.InteractionType.component:
                    await self._press(interaction)
                case discord.InteractionType.autocomplete:
                    await self._suggest(interaction)

    async def _command(self, interaction: discord.Interaction) -> None:
        asked = read_invocation(_data(interaction))
        command = CommandCall(_caller(interaction), asked.name, values=asked.values)
        if asked.for_admins and not asked.values and asked.name in DIALOGS:
            await self._open(interaction, command.caller, OpenAction(asked.name))
            return
        private = asked.values.get("share") is not True
        await self._answer(interaction, private, lambda: self._inbox.command(command))

    async def _press(self, interaction: discord.Interaction) -> None:
        caller, stands = _caller(interaction), None
        if interaction.message:
            channel = interaction.channel_id or 0
            stands = message_ref(interaction.guild_id, channel, interaction.message.id)
        packed = packed_action(_data(interaction)["custom_id"])
        action = _action(packed)
        if isinstance(action, OpenAction):
            await self._open(interaction, caller, action)
            return
        press = Press(caller, packed, stands)
        on = interaction.message
        if on and on.flags.ephemeral and isinstance(action, RunAction) and action.in_place:
            await self._turn(interaction, press, style_of(on.flags.value))
        else:
            await self._answer(interaction, True, lambda: self._inbox.press(press))

    async def _menu(self, interaction: discord.Interaction) -> None:
        caller, texts = _caller(interaction), read_menu(_data(interaction))
        more: list[Reply] = []

        async def first() -> Reply:
            reply, *others = await self._inbox.mentioned(caller, texts)
            more.extend(others)
            return reply

        await self._answer(interaction, True, first)
        for reply in more:
            with _unanswered():
                await self._show(_route("POST", interaction), reply, EPHEMERAL)

    async def _turn(self, interaction: discord.Interaction, press: Press, stands: Style) -> None:
        """Let an answer take the place of the message that was pressed on, in its style."""
        with _unanswered():
            await interaction.response.defer()
            reply = await self._inbox.press(press)
            await self._say(_route("PATCH", interaction, ORIGINAL), render(reply, stands))

    async def _open(
        self, interaction: discord.Interaction, caller: Caller, action: OpenAction
    ) -> None:
        """Show a dialog, which has to be the first answer, or say why there is none."""
        at = caller.at(action.channel) if action.channel else caller
        try:
            async with asyncio.timeout(QUICK):
                found = await self._inbox.dialog(CommandCall(at, action.command))
        except TimeoutError:
            found = TOO_SLOW
        if isinstance(found, Reply):
            reply = found
            await self._answer(interaction, True, lambda: _given(reply))
            return
        page = action.page or 1
        draft = self._drafts.pop((at.user, at.channel, action.command, page), {})
        fields = (replace(each, value=draft.get(each.name, each.value)) for each in found.fields)
        shown = modal(replace(found, fields=tuple(fields)), page, action.channel)
        route = Route(
            "POST",
            "/interactions/{interaction_id}/{interaction_token}/callback",
            interaction_id=interaction.id,
            interaction_token=interaction.token,
        )
        with _unanswered():
            await self._say(route, {"type": MODAL, "data": shown})

    async def _submitted(self, interaction: discord.Interaction) -> None:
        """Run what was filled in; what is wrong is kept, so that it can be corrected."""
        filled, caller = read_modal(_data(interaction)), _caller(interaction)
        if filled is None:
            await self._answer(interaction, True, lambda: _given(TOO_OLD))
            return
        at = caller.at(filled.channel) if filled.channel else caller
        call = CommandCall(at, filled.command, fields=filled.fields)

        async def run() -> Reply:
            reply = await self._inbox.command(call)
            if reply.problem is None:
                return reply
            while len(self._drafts) >= DRAFTS:
                del self._drafts[next(iter(self._drafts))]
            self._drafts[at.user, at.channel, filled.command, filled.page] = filled.fields
            again = OpenAction(filled.command, filled.channel, filled.page)
            return replace(reply, nodes=(*reply.nodes, Controls((Button("Correct it", again),))))

        await self._answer(interaction, True, run)

    async def _answer(
        self, interaction: discord.Interaction, private: bool, work: Callable[[], Awaitable[Reply]]
    ) -> None:
        """Say within 3 seconds that an answer will come, then give it."""
        with _unanswered():
            await interaction.response.defer(ephemeral=private, thinking=True)
            reply = await work()
            if reply.private and not private:  # an error is nobody else's business
                await self._say(_route("DELETE", interaction, ORIGINAL))
                await self._show(_route("POST", interaction), reply, EPHEMERAL)
            else:
                await self._show(_route("PATCH", interaction, ORIGINAL), reply)
                if reply.later:
                    better = await reply.later()
                    await self._show(_route("PATCH", interaction, ORIGINAL), better)

    async def _show(self, route: Route, reply: Reply, flags: int = 0) -> None:
        """Answer in the style that is set, or in the other where Discord does not take it."""

        def drawn(style: Style) -> Json:
            body = render(reply, style)
            return body | {"flags": body.get("flags", 0) | flags}

        async def send(body: Json) -> None:
            await self.http.request(route, json=body)

        first, second = drawn(self._style), partial(drawn, other(self._style))
        both = partial(in_either, send, first, second)
        await ask(both, Place.CHANNEL, pauses=self._pauses)

    async def _say(self, route: Route, body: Json | None = None) -> None:
        """Call until it is answered: an answer shown twice is better than none."""
        sent: dict[str, Any] = {} if body is None else {"json": body}
        await ask(lambda: self.http.request(route, **sent), Place.CHANNEL, pauses=self._pauses)

    async def _suggest(self, interaction: discord.Interaction) -> None:
        asked = read_invocation(_data(interaction))
        command = CommandCall(_caller(interaction), asked.name, values=asked.values)
        values: Sequence[str] = ()
        try:
            async with asyncio.timeout(QUICK):
                values = await self._inbox.suggest(command, asked.focused, asked.typed)
        except Exception:
            log.exception("no suggestions", command=asked.name, option=asked.focused)
        lines = (one_line(value) for value in values)
        shown = [each for each in lines if each and size(each) <= LIMITS.choice]
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

    async def on_raw_reaction_clear(self, event: discord.RawReactionClearEvent) -> None:
        """Have a message read again from which all reactions were taken."""
        await self._reread(event)

    async def on_raw_reaction_clear_emoji(self, event: discord.RawReactionClearEmojiEvent) -> None:
        """Have a message read again from which all reactions of an emoji were taken."""
        if event.emoji.id is None:
            await self._reread(event)

    async def _reread(
        self, event: discord.RawReactionClearEvent | discord.RawReactionClearEmojiEvent
    ) -> None:
        message = message_ref(event.guild_id, event.channel_id, event.message_id)
        lock = self._locks.setdefault(event.message_id, asyncio.Lock())
        with self._at_work():
            async with lock:
                await self._inbox.missed(message)

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


async def register(client: discord.Client, guild: int | None, *, clear: bool = False) -> bool:
    """Register the commands for all guilds or for one, or none at all; tell if it was needed.

    Raises:
        discord.HTTPException, discord.RateLimited: if Discord does not take them.
    """
    app, one_guild = client.application_id or 0, guild is not None
    wanted = [] if clear else command_payload(one_guild=one_guild)
    if guild is None:
        known = await client.http.get_global_commands(app)
    else:
        known = await client.http.get_guild_commands(app, guild)
    seen = fingerprint(cast(list[Json], known), one_guild=one_guild)
    if seen == fingerprint(wanted, one_guild=one_guild):
        return False
    if guild is None:
        await client.http.bulk_upsert_global_commands(app, wanted)
    else:
        await client.http.bulk_upsert_guild_commands(app, guild, wanted)
    return True


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
    alone = interaction.is_user_integration() and not interaction.is_guild_integration()
    guest = alone if guild else interaction.context.private_channel
    return Caller(
        user_ref(guild, interaction.user.id),
        channel_ref(guild, channel),
        is_admin=not guest and (guild is None or rights.manage_guild or rights.administrator),
        is_guest=guest,
        channel_name=getattr(interaction.channel, "name", "") or "",
    )


def _route(method: str, interaction: discord.Interaction, below: str = "") -> Route:
    return Route(
        method,
        "/webhooks/{webhook_id}/{webhook_token}" + below,
        webhook_id=interaction.application_id,
        webhook_token=interaction.token,
    )


def _data(interaction: discord.Interaction) -> Json:
    return cast(Json, interaction.data)


@contextmanager
def _unanswered() -> Iterator[None]:
    """Log why an answer did not reach whoever asked, instead of failing."""
    try:
        yield
    except PlatformError as error:
        _log_unanswered(error.__cause__ or error)
    except FAILURES as error:
        _log_unanswered(error)


def _action(packed: str) -> Action | None:
    try:
        return parse_action(packed)
    except ValueError:
        return None  # of an older version: the inbox says so


async def _given(reply: Reply) -> Reply:
    return reply


def _log_unanswered(error: BaseException) -> None:
    reason = str(meaning(error, Place.CHANNEL))
    if getattr(error, "code", None) in EXPIRED:
        log.warning("interaction expired", platform=PLATFORM, reason=reason)
    else:
        log.warning("interaction not answered", platform=PLATFORM, reason=reason)
