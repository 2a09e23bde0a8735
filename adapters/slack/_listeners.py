"""What people do in Slack, turned into calls of the inbox and their answers shown.

A command or a press is acknowledged before anything else, for Slack waits three seconds. Events are
told at least once and in any order, so each is taken once and only changes what can be read again.

Every member of the workspace may set a channel up, as in Slack itself; guests of a shared channel,
who belong to another workspace, may not.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck

from adapters.slack._views import Views
from adapters.slack._web import Identity, SlackWeb, respond, show
from adapters.slack.ids import (
    channel_ref,
    message_ref,
    typed,
    unicode_of,
    user_ref,
    without_mention,
)
from adapters.slack.limits import Json
from adapters.slack.render import UNFURL
from bot.domain.command import Caller, CommandCall, Press
from bot.domain.errors import Ambiguous, PlatformError
from bot.domain.reply import Action, OpenAction, Reply, RunAction, parse_action
from bot.domain.votes import Reaction
from bot.ports import Inbox

log = structlog.get_logger()

DRAIN_SECONDS = 10

EVENT_SECONDS = 24 * 3600
"""Slack may repeat an event for this long."""
EVENTS_KEPT = 20_000


NAMELESS = frozenset({"directmessage", "privategroup"})
"""What Slack writes for the name of a channel that it does not tell."""

SHOWN = frozenset({"text", "fallback", "title", "title_link", "url", "from_url", "original_url"})


class Memory:
    """What was heard of lately."""

    def __init__(
        self,
        clock: Callable[[], float],
        seconds: float = EVENT_SECONDS,
        most: int = EVENTS_KEPT,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._most = most
        self._heard: OrderedDict[str, float] = OrderedDict()

    def has(self, name: str) -> bool:
        """Tell whether a thing was heard of before, and remember it."""
        now = self._clock()
        while self._heard and (
            len(self._heard) > self._most or next(iter(self._heard.values())) <= now - self._seconds
        ):
            self._heard.popitem(last=False)
        known = name in self._heard
        self._heard.setdefault(name, now)
        return known

    def forget(self, name: str) -> None:
        """Take a thing for unheard of, whether it was or not."""
        self._heard.pop(name, None)


class Listeners:
    """What Bolt calls; one method for each kind of thing that people do."""

    def __init__(
        self,
        inbox: Inbox,
        me: Identity,
        slack: SlackWeb,
        events: Memory,
        is_bot: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._inbox = inbox
        self._views = Views(inbox, slack)
        self._me = me
        self._web = slack
        self._events = events
        self._is_bot = is_bot
        self._running: set[asyncio.Task[Any]] = set()
        self._one_reaction = asyncio.Lock()

    async def drain(self) -> None:
        """Wait for the listeners that run, within bounds; Bolt does not."""
        if self._running:
            _, late = await asyncio.wait(set(self._running), timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()

    @contextmanager
    def _work(self, kind: str) -> Iterator[None]:
        """Track a listener, and log what it raises: Bolt would forget that it acknowledged."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a listener runs in a task")
        self._running.add(task)
        try:
            yield
        except PlatformError as error:
            log.warning("slack answer not shown", kind=kind, reason=str(error))
        except Exception:
            log.exception("slack listener failed", kind=kind)
        finally:
            self._running.discard(task)

    async def command(self, ack: AsyncAck, body: Json) -> None:
        """Answer a slash command, whatever it is called in this workspace."""
        await ack()
        with self._work("command"):
            caller = self._caller(
                body["user_id"],
                body["channel_id"],
                body.get("team_id"),
                body.get("channel_name", ""),
            )
            reply = await self._inbox.command(_call(caller, body.get("text", "")))
            await self._respond(body["response_url"], reply)

    async def press(self, ack: AsyncAck, body: Json) -> None:
        """Answer a button; one that opens a page needs no answer."""
        await ack()
        with self._work("press"):
            packed, user = body["actions"][0].get("value"), body["user"]
            if not packed:
                return
            channel = body.get("channel") or {"id": user["id"]}  # there is none at home
            caller = self._caller(
                user["id"], channel["id"], user.get("team_id"), channel.get("name", "")
            )
            action = _action(packed)
            if isinstance(action, OpenAction):
                if action.channel:
                    caller = caller.at(action.channel)
                await self._views.open(caller, action.command, body["trigger_id"])
            elif "channel" not in body:
                reply = await self._inbox.press(Press(caller, packed))
                in_dialog = body["view"]["type"] == "modal"
                await self._views.show(reply, body["trigger_id"], above=in_dialog)
            else:
                await self._pressed(caller, packed, body)

    async def _pressed(self, caller: Caller, packed: str, body: Json) -> None:
        container, message = body["container"], None
        if not container.get("is_ephemeral"):
            message = message_ref(self._me.team, caller.channel.id, container["message_ts"])
        reply = await self._inbox.press(Press(caller, packed, message))
        action = _action(packed)
        turned = message is None and isinstance(action, RunAction) and action.in_place
        thread = container.get("thread_ts")
        await self._respond(body["response_url"], reply, thread=thread, replace=turned)

    async def summarize(self, ack: AsyncAck, body: Json) -> None:
        """Summarize the papers that a message names, for whoever asked for it."""
        await ack()
        with self._work("shortcut"):
            user = body["user"]
            caller = self._caller(user["id"], body["channel"]["id"], user.get("team_id"))
            for reply in await self._inbox.mentioned(caller, shown_texts(body["message"])):
                await self._respond(body["response_url"], reply)

    async def submit(self, ack: AsyncAck, body: Json, view: Json) -> None:
        """Take what was filled in."""
        with self._work("dialog"):
            user = body["user"]
            caller = self._caller(user["id"], user["id"], user.get("team_id"))
            await self._views.submit(ack, view, caller)

    async def home(self, event: Json) -> None:
        """Draw the home of whoever looks at it."""
        with self._work("home"):
            if event.get("tab") == "home":
                caller = self._caller(event["user"], event["user"], None)
                await self._views.home(caller, (event.get("view") or {}).get("hash"))

    async def mention(self, event: Json) -> None:
        """Answer somebody who writes to the bot in a channel."""
        with self._work("mention"):
            if _by_a_person(event) and not self._heard(event):
                reply = await self._ask(event)
                if reply.private:
                    await self._told(reply, partial(self._whisper, event))
                else:
                    thread = event.get("thread_ts") or event["ts"]
                    await self._told(reply, partial(self._say, event["channel"], thread))

    async def message(self, event: Json) -> None:
        """Answer somebody who writes to the bot in private."""
        with self._work("message"):
            private = event.get("channel_type") == "im"
            if private and _by_a_person(event) and not self._heard(event):
                reply = await self._ask(event)
                say = partial(self._say, event["channel"], event.get("thread_ts"))
                await self._told(reply, say)

    async def reaction(self, event: Json, body: Json) -> None:
        """Hand on a person's reaction to a message of ours."""
        with self._work("reaction"):
            item, emoji = event["item"], unicode_of(event["reaction"])
            ours = event.get("item_user") in (None, self._me.user)
            if not (emoji and ours and item["type"] == "message"):
                return
            if self._events.has(body["event_id"]):
                return
            async with self._one_reaction:  # in order: a person may take one back at once
                if await self._is_bot(event["user"]):
                    return
                await self._inbox.reaction(
                    Reaction(
                        message_ref(self._me.team, item["channel"], item["ts"]),
                        user_ref(self._me.team, event["user"]),
                        emoji,
                        added=event["type"] == "reaction_added",
                    )
                )

    async def ignore(self, ack: AsyncAck) -> None:
        """Acknowledge what nobody waits for, so that Slack shows no warning."""
        await ack()

    def _caller(self, user: str, channel: str, team: str | None, name: str = "") -> Caller:
        mine = self._me.team
        return Caller(
            user_ref(mine, user),
            channel_ref(mine, channel),
            is_admin=team in (None, mine),
            channel_name="" if name in NAMELESS else name,
        )

    def _heard(self, event: Json) -> bool:
        """Tell whether a message came before, be it as another event."""
        return self._events.has(f"{event['channel']}/{event['ts']}")

    async def _ask(self, event: Json) -> Reply:
        team = event.get("user_team") or event.get("team")
        caller = self._caller(event["user"], event["channel"], team)
        return await self._inbox.command(
            _call(caller, without_mention(event.get("text", ""), self._me.user))
        )

    async def _told(self, reply: Reply, send: Callable[[Json], Awaitable[Json | None]]) -> None:
        """Send a reply, and in its place the one that comes later.

        What was whispered, or posted through a response URL, cannot be changed: it comes below.
        """
        posted = await show(reply, send)
        if not reply.later:
            return
        better = await reply.later()
        if posted is None:
            await show(better, send)
            return

        async def change(payload: Json) -> None:
            changed = self._web.client.chat_update(
                channel=posted["channel"], ts=posted["ts"], **payload
            )
            await self._web.ask(changed)

        await show(better, change)

    async def _whisper(self, event: Json, payload: Json) -> None:
        shown = self._web.client.chat_postEphemeral(
            channel=event["channel"],
            user=event["user"],
            thread_ts=event.get("thread_ts"),
            **payload,
        )
        await self._web.ask(shown, lost=Ambiguous)

    async def _say(self, channel: str, thread: str | None, payload: Json) -> Json:
        shown = self._web.client.chat_postMessage(
            channel=channel, thread_ts=thread, **payload, **UNFURL
        )
        posted = await self._web.ask(shown, lost=Ambiguous)
        return {"channel": posted["channel"], "ts": posted["ts"]}

    async def _respond(
        self, url: str, reply: Reply, *, thread: str | None = None, replace: bool = False
    ) -> None:
        where: Json = {
            "response_type": "ephemeral" if reply.private else "in_channel",
            "replace_original": replace,
            **UNFURL,
        }
        if thread:
            where["thread_ts"] = thread
        await self._told(reply, lambda payload: respond(url, {**payload, **where}))


def _call(caller: Caller, text: str) -> CommandCall:
    name, *rest = typed(text).split(maxsplit=1) or [""]
    return CommandCall(caller, name, "".join(rest))


def _action(packed: str) -> Action | None:
    try:
        return parse_action(packed)
    except ValueError:
        return None  # of an older version: the inbox says so


def shown_texts(value: object, name: str = "") -> Iterator[str]:
    """Yield what a message shows or links to; its times and ids look like papers."""
    match value:
        case dict():
            for key, each in value.items():
                yield from shown_texts(each, key)
        case list():
            for each in value:
                yield from shown_texts(each, name)
        case str() if name in SHOWN:
            yield value


def _by_a_person(event: Json) -> bool:
    return bool(event.get("user")) and not (event.get("subtype") or event.get("bot_id"))
