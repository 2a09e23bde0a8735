"""Slack as the bot sees it, on loopback: Web API, Socket Mode, signed HTTP, and people.

``SlackDouble`` is the whole of it::

    async with SlackDouble() as slack:
        alice = slack.workspace.add_user("alice")
        channel = slack.workspace.add_channel("papers")
        client = AsyncWebClient(slack.bot_token, base_url=slack.base_url)
        ...
        exchange = await slack.slash(alice.id, channel.id, "/papers", "search foo")
        assert (await exchange.answer()).text == "Nothing found."

Everything runs in the caller's event loop. Deviations from Slack that tests must know: text is
stored as sent (no escaping, no ``rich_text`` made of it), long text is not split, a deleted
parent leaves no tombstone, and of the limits only those of posts are enforced.
"""

from __future__ import annotations

from collections.abc import Mapping

from .slack_api import ALL_SCOPES, Trigger
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
    Envelope,
    Exchange,
)
from .slack_server import SUBSCRIPTIONS, DisconnectReason, Hook, SlackServer
from .slack_state import Channel, Ephemeral, Json, Message, User, View, Workspace
from .slack_wire import (
    VERIFICATION_TOKEN,
    NotOnScreenError,
    clicked_message_json,
    find_element,
    interaction,
    mention_event,
    pressed_action,
    state_values,
    view_json,
)

__all__ = [
    "ALL_SCOPES",
    "SUBSCRIPTIONS",
    "Ack",
    "Answer",
    "AnswerLost",
    "ApiError",
    "Call",
    "Channel",
    "Delivered",
    "DisconnectReason",
    "Ephemeral",
    "Exchange",
    "Fault",
    "Message",
    "NotOnScreenError",
    "RateLimited",
    "Reset",
    "ServerError",
    "SlackDouble",
    "SlackError",
    "Timeout",
    "User",
    "View",
    "Workspace",
]


class SlackDouble(SlackServer):
    """Slack for one workspace and one app, on a free port of 127.0.0.1.

    Use it as an async context manager. Actors (``slash``, ``click``, ``react`` ...) are the
    people of the workspace; they return once the app has acked or Slack would have given up.

    Raises:
        SlackError: from an actor who does what Slack would not let them do.
        NotOnScreenError: from an actor who presses or fills in what is not shown.
    """

    # Events

    async def react(self, user: str, channel: str, ts: str, emoji: str) -> Delivered:
        """Let a person put an emoji under a message."""
        message, name = self.workspace.react(user, channel, ts, emoji)
        self.changed()
        return await self._reacted(message, user, name, added=True)

    async def unreact(self, user: str, channel: str, ts: str, emoji: str) -> Delivered:
        """Let a person take their emoji back."""
        message, name = self.workspace.unreact(user, channel, ts, emoji)
        self.changed()
        return await self._reacted(message, user, name, added=False)

    async def mention(
        self, user: str, channel: str, text: str, thread_ts: str | None = None
    ) -> Delivered:
        """Let a person write to the bot in a channel; the mention is put in front if missing."""
        mark = f"<@{self.workspace.bot_user_id}>"
        text = text if mark in text else f"{mark} {text}"
        message = self.workspace.say(user, channel, text, thread_ts=thread_ts)
        self.changed()
        self._spawn(self._announce(message))
        return await self.emit(mention_event(self.workspace, message), channel=channel)

    async def direct_message(self, user: str, text: str) -> Delivered:
        """Let a person write to the bot in private."""
        message = self.workspace.say(user, self.workspace.im_with(user).id, text)
        self.changed()
        return await self._announce(message)

    async def open_home(self, user: str) -> Delivered:
        """Let a person open the Home tab of the app."""
        event: Json = {
            "type": "app_home_opened",
            "user": self.workspace.user(user).id,
            "channel": self.workspace.im_with(user).id,
            "tab": "home",
            "event_ts": self.workspace.new_ts(),
        }
        if (view := self.home(user)) is not None:
            event["view"] = view_json(self.workspace, view)
        return await self.emit(event)

    async def invite(self, user: str, channel: str) -> Delivered:
        """Let a person invite the bot to a channel."""
        joined = self.workspace.join(channel, self.workspace.bot_user_id)
        self.changed()
        event: Json = {
            "type": "member_joined_channel",
            "user": self.workspace.bot_user_id,
            "channel": joined.id,
            "channel_type": "G" if joined.kind == "private" else "C",
            "team": self.workspace.team_id,
            "inviter": self.workspace.user(user).id,
            "event_ts": self.workspace.new_ts(),
        }
        return await self.emit(event, channel=channel)

    async def uninstall(self) -> tuple[Delivered, Delivered]:
        """Let an administrator remove the app: its token dies, and it is told so."""
        self.installed = False
        revoked: Json = {"oauth": [], "bot": [self.workspace.bot_user_id]}
        tokens = await self.emit({"type": "tokens_revoked", "tokens": revoked})
        return tokens, await self.emit({"type": "app_uninstalled"})

    # Commands and interactions

    def trigger(self, user: str, channel: str | None = None, view_id: str | None = None) -> str:
        """Return a fresh ``trigger_id``, as every command and interaction carries one."""
        trigger_id = f"{self.workspace.new_id('')}.{self.workspace.team_id[1:]}.double"
        trigger = Trigger(trigger_id, user, channel, view_id, self.workspace.clock())
        self._api.triggers[trigger_id] = trigger
        return trigger_id

    def _hook(self, exchange: str, user: str, channel: str, message_ts: str | None) -> str:
        secret = self.workspace.new_id("hook")
        at = self.workspace.clock()
        self._hooks[secret] = Hook(exchange, user, channel, message_ts, at)
        return f"http://127.0.0.1:{self._port}/response/{secret}"

    async def _exchange(
        self,
        envelope: Envelope,
        exchange: str,
        *,
        user: str,
        channel: str | None,
        message_ts: str | None = None,
    ) -> tuple[Exchange, Ack]:
        since = len(self.answers)
        with self._under_way():
            ack = await self._transport.deliver(envelope, twice=self._is_doubled())
        return (
            Exchange(
                exchange,
                envelope.kind,
                user,
                channel,
                message_ts,
                str(envelope.payload.get("trigger_id", "")),
                envelope.payload.get("response_url"),
                ack.within,
                ack.payload,
                since,
                self,
            ),
            ack,
        )

    async def slash(self, user: str, channel: str, command: str, text: str = "") -> Exchange:
        """Let a person type a slash command; an answer in the ack is shown."""
        who, where = self.workspace.user(user), self.workspace.channel(channel)
        exchange = self.workspace.new_id("X")
        payload: Json = {
            "token": VERIFICATION_TOKEN,
            "team_id": self.workspace.team_id,
            "team_domain": self.workspace.domain,
            "channel_id": where.id,
            "channel_name": "privategroup" if where.kind == "private" else where.name,
            "user_id": who.id,
            "user_name": who.name,
            "command": command,
            "text": text,
            "api_app_id": self.workspace.app_id,
            "is_enterprise_install": "false",
            "response_url": self._hook(exchange, user, channel, None),
            "trigger_id": self.trigger(user, channel),
        }
        envelope = Envelope("slash_commands", command, payload, wants_answer=True)
        done, ack = await self._exchange(envelope, exchange, user=user, channel=channel)
        if ack.payload and (ack.payload.get("text") or ack.payload.get("blocks")):
            hook = Hook(exchange, user, channel, None, self.workspace.clock())
            self._respond(hook, Args(ack.payload), "ack")
        return done

    async def click(
        self, user: str, channel: str, message_ts: str, action_id: str, value: str | None = None
    ) -> Exchange:
        """Let a person press a button of a message, or choose ``value`` in one of its menus."""
        message = self.workspace.message(channel, message_ts)
        container: Json = {
            "type": "message",
            "message_ts": message_ts,
            "channel_id": channel,
            "is_ephemeral": False,
        }
        if message.thread_ts is not None:
            container["thread_ts"] = message.thread_ts
        more: Json = {
            "container": container,
            "message": clicked_message_json(self.workspace, message),
        }
        pressed = find_element(message.blocks, action_id, value)
        return await self._pressed(user, pressed, value, more, channel, message_ts)

    async def click_ephemeral(
        self, user: str, channel: str, message_ts: str, action_id: str, value: str | None = None
    ) -> Exchange:
        """Let a person press a button of a message that only they see."""
        shown = self.workspace.ephemerals.get(message_ts)
        if shown is None or (shown.user, shown.channel) != (user, channel):
            raise NotOnScreenError(f"{user} sees no ephemeral message {message_ts} in {channel}")
        container = {
            "type": "message",
            "message_ts": message_ts,
            "channel_id": channel,
            "is_ephemeral": True,
        }
        pressed = find_element(shown.blocks, action_id, value)
        return await self._pressed(
            user, pressed, value, {"container": container}, channel, message_ts
        )

    async def click_view(
        self, user: str, view_id: str, action_id: str, value: str | None = None
    ) -> Exchange:
        """Let a person press a button of a modal or of the Home tab."""
        view = self._view_of(user, view_id)
        more: Json = {
            "container": {"type": "view", "view_id": view_id},
            "view": view_json(self.workspace, view),
        }
        pressed = find_element(view.blocks, action_id, value)
        return await self._pressed(user, pressed, value, more, None, None)

    async def _pressed(
        self,
        user: str,
        pressed: tuple[str, Json],
        value: str | None,
        more: Json,
        channel: str | None,
        message_ts: str | None,
    ) -> Exchange:
        exchange, who = self.workspace.new_id("X"), self.workspace.user(user)
        action = pressed_action(*pressed, value, self.workspace.new_ts())
        payload = interaction(self.workspace, "block_actions", who, self.trigger(user, channel))
        payload |= more | {"actions": [action]}
        if channel is not None:
            where = self.workspace.channel(channel)
            payload |= {
                "channel": {"id": where.id, "name": where.name},
                "state": {"values": {}},
                "response_url": self._hook(exchange, user, channel, message_ts),
            }
        envelope = Envelope("interactive", "block_actions", payload)
        done, _ = await self._exchange(
            envelope, exchange, user=user, channel=channel, message_ts=message_ts
        )
        return done

    async def shortcut(self, user: str, channel: str, ts: str, callback_id: str) -> Exchange:
        """Let a person choose a message shortcut."""
        message, where = self.workspace.message(channel, ts), self.workspace.channel(channel)
        exchange, who = self.workspace.new_id("X"), self.workspace.user(user)
        payload = interaction(self.workspace, "message_action", who, self.trigger(user, channel))
        del payload["api_app_id"], payload["user"]["username"]
        payload |= {
            "callback_id": callback_id,
            "action_ts": self.workspace.new_ts(),
            "message_ts": ts,
            "message": clicked_message_json(self.workspace, message),
            "channel": {"id": where.id, "name": where.name},
            "response_url": self._hook(exchange, user, channel, ts),
        }
        envelope = Envelope("interactive", "message_action", payload)
        done, _ = await self._exchange(
            envelope, exchange, user=user, channel=channel, message_ts=ts
        )
        return done

    def _view_of(self, user: str, view_id: str) -> View:
        view = self.workspace.views.get(view_id)
        if view is None or view.user != user:
            raise NotOnScreenError(f"{user} has no view {view_id} open")
        return view

    async def submit(
        self, user: str, view_id: str, values: Mapping[str, object] | None = None
    ) -> Exchange:
        """Let a person fill in a modal and send it.

        ``values`` maps ``action_id`` to a text, to the value of an option, or to several; inputs
        that are not named keep what they show. The modal then closes, or does what the ack says.
        """
        view = self._view_of(user, view_id)
        filled = state_values(view, values or {})
        exchange, who = self.workspace.new_id("X"), self.workspace.user(user)
        payload = interaction(
            self.workspace, "view_submission", who, self.trigger(user, view.channel, view_id)
        )
        payload["view"] = view_json(self.workspace, view, filled)
        payload["response_urls"] = self._response_urls(exchange, user, view, filled)
        envelope = Envelope("interactive", "view_submission", payload, wants_answer=True)
        done, ack = await self._exchange(envelope, exchange, user=user, channel=view.channel)
        if ack.within is not None:
            self._after_submit(view, ack.payload or {})
        return done

    def _response_urls(self, exchange: str, user: str, view: View, filled: Json) -> list[Json]:
        urls: list[Json] = []
        for block in view.blocks:
            element = block.get("element") or {}
            if not element.get("response_url_enabled"):
                continue
            entry = filled[block["block_id"]][element["action_id"]]
            chosen = entry.get("selected_conversation") or entry.get("selected_channel")
            if chosen:
                urls.append(
                    {
                        "block_id": block["block_id"],
                        "action_id": element["action_id"],
                        "channel_id": chosen,
                        "response_url": self._hook(exchange, user, chosen, None),
                    }
                )
        return urls

    def _after_submit(self, view: View, answer: Json) -> None:
        body = answer.get("view")
        match answer.get("response_action"):
            case "errors":
                return
            case "update" if isinstance(body, dict):
                self._api.changed_view(view, body)
            case "push" if isinstance(body, dict):
                self._api.new_view(view.user, body, view, view.channel)
            case "clear":
                self.workspace.close_view(view.id, all_of_them=True)
            case _ if view.id in self.workspace.views:
                self.workspace.close_view(view.id)
        self.changed()

    async def close_view(self, user: str, view_id: str) -> Exchange | None:
        """Let a person close a modal; the app hears of it when it asked to."""
        view = self._view_of(user, view_id)
        self.workspace.close_view(view_id)
        self.changed()
        if not view.body.get("notify_on_close"):
            return None
        payload = interaction(self.workspace, "view_closed", self.workspace.user(user), None)
        payload |= {"view": view_json(self.workspace, view), "is_cleared": False}
        envelope = Envelope("interactive", "view_closed", payload)
        exchange = self.workspace.new_id("X")
        done, _ = await self._exchange(envelope, exchange, user=user, channel=view.channel)
        return done
