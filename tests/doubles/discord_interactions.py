"""Interactions: how long the bot has, what it may answer, and what the user saw of it."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, field
from typing import Any

from . import discord_limits as limits
from .discord_gateway import Gateway
from .discord_messages import FLAG_EPHEMERAL, FLAG_LOADING, Json, Message, MessageView
from .discord_rest import Rest
from .discord_state import Channel, DoubleError, User, World
from .discord_wire import Changes, Request, Route, refuse

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
REPLY, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
ANSWERS_TO = {  # docs page Receiving and Responding, "Interaction Callback Type"
    REPLY: {COMMAND, COMPONENT, MODAL_SUBMIT},
    DEFER: {COMMAND, COMPONENT, MODAL_SUBMIT},
    DEFER_UPDATE: {COMPONENT, MODAL_SUBMIT},
    UPDATE: {COMPONENT, MODAL_SUBMIT},
    CHOICES: {AUTOCOMPLETE},
    MODAL: {COMMAND, COMPONENT},
}
WEBHOOK = "/webhooks/{webhook_id}/{webhook_token}"


@dataclass(eq=False)
class Interaction:
    """One interaction, as the double keeps it."""

    id: int
    token: str
    type: int
    user: User
    channel: Channel
    created: float
    metadata: Json
    source: Message | None = None
    acked: float | None = None
    ack_type: int | None = None
    ack_body: Json = field(default_factory=dict)
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    answers: list[Message] = field(default_factory=list)


class Exchange:
    """What a user did, and live: what the bot made of it."""

    def __init__(self, interaction: Interaction, changes: Changes) -> None:
        self._interaction = interaction
        self._changes = changes

    @property
    def id(self) -> int:
        """The interaction's id."""
        return self._interaction.id

    @property
    def token(self) -> str:
        """The interaction's token."""
        return self._interaction.token

    @property
    def acked_within(self) -> float | None:
        """Seconds until the first response; None if none came in time."""
        acked = self._interaction.acked
        return None if acked is None else acked - self._interaction.created

    @property
    def ack_type(self) -> int | None:
        """The callback type of the first response: 4, 5, 6, 7 or 9."""
        return self._interaction.ack_type

    @property
    def ephemeral(self) -> bool:
        """Whether the first response is for the user alone."""
        original = self._interaction.original
        own = original is not None and original is not self._interaction.source
        return own and bool(original and original.flags & FLAG_EPHEMERAL)

    @property
    def modal(self) -> Json | None:
        """The modal that was opened, if any."""
        return self._interaction.ack_body if self.ack_type == MODAL else None

    @property
    def messages(self) -> tuple[MessageView, ...]:
        """The messages this brought, as they are now: the response, then the followups."""
        every = [self._interaction.original, *self._interaction.followups]
        return tuple(
            one.view()
            for one in every
            if one is not None and not one.deleted and not one.flags & FLAG_LOADING
            if one is not self._interaction.source or one in self._interaction.answers
        )

    async def answer(self, timeout: float = 5.0) -> MessageView:
        """The first real answer: the response, or what followed a deferral.

        Raises:
            DoubleError: There was none within `timeout` seconds, or a modal came instead.
        """
        if self.ack_type == MODAL:
            raise DoubleError("the bot opened a modal: look at .modal, then submit_modal()")
        answers = self._interaction.answers
        await self._changes.until(lambda: answers, timeout, f"an answer to {self._interaction.id}")
        return answers[0].view()


class Interactions:
    """Sends interactions to the bot and takes its responses and followups."""

    def __init__(
        self,
        world: World,
        gateway: Gateway,
        rest: Rest,
        changes: Changes,
        *,
        ack_seconds: float,
        token_seconds: float,
    ) -> None:
        self._world = world
        self._gateway = gateway
        self._rest = rest
        self._changes = changes
        self._ack_seconds = ack_seconds
        self._token_seconds = token_seconds
        self._by_token: dict[str, Interaction] = {}

    def routes(self) -> tuple[Route, ...]:
        """What this part of the API answers; the token in the path is the permission."""
        message = WEBHOOK + "/messages/{message_id}"
        original = WEBHOOK + "/messages/@original"
        callback = "/interactions/{interaction_id}/{interaction_token}/callback"
        return (
            Route("POST", callback, self._callback, False),
            Route("POST", WEBHOOK, self._followup, False),
            Route("GET", original, self._get, False),
            Route("PATCH", original, self._edit, False),
            Route("DELETE", original, self._delete, False),
            Route("GET", message, self._get, False),
            Route("PATCH", message, self._edit, False),
            Route("DELETE", message, self._delete, False),
        )

    # --- for the actors ---

    async def send(
        self,
        kind: int,
        user: User,
        channel: Channel,
        data: Json,
        *,
        source: Message | None = None,
    ) -> Interaction:
        """Dispatches an interaction and waits for the first response, or its time to pass."""
        if not self._gateway.sessions:
            raise DoubleError("no bot has a gateway session: nobody would get the interaction")
        number = self._world.ids.next()
        metadata: Json = {"id": str(number), "type": kind, "user": user.payload()}
        metadata["authorizing_integration_owners"] = self._owners(user, channel)
        if kind == COMMAND and data["type"] == 2:
            metadata["target_user"] = data["resolved"]["users"][data["target_id"]]
        elif kind == COMMAND and data["type"] == 3:
            metadata["target_message_id"] = data["target_id"]
        if source is not None:
            metadata["interacted_message_id"] = str(source.id)
        made = Interaction(
            number, secrets.token_urlsafe(48), kind, user, channel, self._world.now(), metadata
        )
        made.source = source
        self._by_token[made.token] = made
        self._gateway.event("INTERACTION_CREATE", self._payload(made, data))
        left = made.created + self._ack_seconds - self._world.now()
        with contextlib.suppress(DoubleError):  # "did not respond": acked_within stays None
            await self._changes.until(lambda: made.acked, max(left, 0.0), "a first response")
        return made

    def _owners(self, user: User, channel: Channel) -> Json:
        """Who installed the app: the guild, or else the person who brings it along."""
        if channel.guild.installed:
            return {"0": str(channel.guild.id)}
        return {"1": str(user.id)}

    def _payload(self, made: Interaction, data: Json) -> Json:
        channel, guild = made.channel, made.channel.guild
        permissions = str(channel.permissions(made.user))
        payload: Json = {
            "id": str(made.id),
            "application_id": str(self._world.bot.id),
            "type": made.type,
            "token": made.token,
            "version": 1,
            "data": data,
            "guild_id": str(guild.id),
            "guild": {"id": str(guild.id), "locale": "en-US", "features": []},
            "guild_locale": "en-US",
            "locale": "en-US",
            "channel_id": str(channel.id),
            "channel": channel.payload() | {"permissions": permissions},
            "member": guild.member_payload(made.user) | {"permissions": permissions},
            "app_permissions": str(channel.permissions(self._world.bot)),
            "entitlements": [],
            "authorizing_integration_owners": self._owners(made.user, channel),
            "context": 0,
            "attachment_size_limit": 10 * 1024 * 1024,
        }
        if made.source is not None:
            payload["message"] = made.source.payload()
        return payload

    # --- the first response ---

    def _callback(self, call: Request) -> Any:
        made = self._by_token.get(call.params["interaction_token"])
        if made is None or made.id != call.number("interaction_id"):
            raise refuse(404, 10062, "Unknown interaction")
        if made.acked is not None:
            raise refuse(400, 40060, "Interaction has already been acknowledged.")
        if self._world.now() - made.created > self._ack_seconds:
            raise refuse(404, 10062, "Unknown interaction")
        body = call.form()
        kind = int(body.get("type", 0))
        if made.type not in ANSWERS_TO.get(kind, set()):
            form = limits.Form()
            form.wrong(("type",), "BASE_TYPE_CHOICES", "Response type is not valid here.")
            form.done()
        data: Json = body.get("data") or {}
        self._respond(made, kind, data, call)
        made.acked, made.ack_type, made.ack_body = self._world.now(), kind, data
        if call.query.get("with_response") not in ("1", "true"):
            return None
        return self._receipt(made, kind)

    def _respond(self, made: Interaction, kind: int, data: Json, call: Request) -> None:
        if kind == MODAL:
            limits.check_modal(data)
        elif kind == CHOICES:
            limits.check_choices(data)
        elif kind == REPLY:
            limits.check_message(data, path=("data",), files=len(call.files))
            made.original = self._post(made, data, call, first=True)
            made.answers.append(made.original)
        elif kind == DEFER:
            ephemeral = int(data.get("flags") or 0) & FLAG_EPHEMERAL
            made.original = self._post(made, {}, call, first=True, flags=FLAG_LOADING | ephemeral)
        else:
            made.original = made.source
            if made.source is None:
                raise refuse(400, 50035, "Invalid Form Body", {})
            if kind == UPDATE:
                self._update(made, made.source, data, call, path=("data",))

    def _receipt(self, made: Interaction, kind: int) -> Json:
        told: Json = {"id": str(made.id), "type": made.type}
        resource: Json = {"type": kind}
        if made.original is not None:
            told["response_message_id"] = str(made.original.id)
            told["response_message_loading"] = kind == DEFER
            told["response_message_ephemeral"] = bool(made.original.flags & FLAG_EPHEMERAL)
            if kind in (REPLY, UPDATE):
                resource["message"] = made.original.payload()
        return {"interaction": told, "resource": resource}

    def _post(
        self, made: Interaction, data: Json, call: Request, *, first: bool, flags: int = 0
    ) -> Message:
        message = self._rest.build(made.channel, self._world.bot, data, call)
        message.flags |= flags
        message.metadata = made.metadata
        message.type = 0
        if first and made.type == COMMAND:
            on_target = made.metadata.keys() & {"target_user", "target_message_id"}
            message.type = 23 if on_target else 20
        elif made.source is not None:
            message.type, message.reference = 19, made.source
        if not first and message.reference is None:
            message.type, message.reference = 19, made.original
        if message.flags & FLAG_EPHEMERAL:
            message.seen_by = made.user.id
        self._rest.publish(message)
        return message

    # --- what follows ---

    def _valid(self, call: Request) -> Interaction:
        made = self._by_token.get(call.params["webhook_token"])
        known = call.number("webhook_id") == self._world.bot.id
        if made is None or made.acked is None or not known:
            raise refuse(404, 10015, "Unknown Webhook")
        if self._world.now() - made.created > self._token_seconds:
            raise refuse(401, 50027, "Invalid Webhook Token")
        return made

    def _message(self, call: Request) -> tuple[Interaction, Message]:
        made = self._valid(call)
        if "message_id" in call.params:
            number = call.number("message_id")
            every = [made.original, *made.followups]
            found = next((one for one in every if one is not None and one.id == number), None)
        else:
            found = made.original
        if found is None or found.deleted:
            raise refuse(404, 10008, "Unknown Message")
        return made, found

    def _followup(self, call: Request) -> Json:
        made = self._valid(call)
        body = call.form()
        limits.check_message(body, files=len(call.files))
        original = made.original
        if original is not None and not original.deleted and original.flags & FLAG_LOADING:
            self._update(made, original, body, call)
            return original.payload()
        message = self._post(made, body, call, first=False)
        made.followups.append(message)
        made.answers.append(message)
        return message.payload()

    def _update(
        self, made: Interaction, message: Message, body: Json, call: Request, path: limits.Path = ()
    ) -> None:
        loading = bool(message.flags & FLAG_LOADING)
        limits.check_message(
            body, path=path, flags_before=message.flags, files=len(call.files), new=loading
        )
        message.flags &= ~FLAG_LOADING
        self._rest.change(message, body, call)
        if loading:
            message.edited = None
        if message not in made.answers:
            made.answers.append(message)

    def _get(self, call: Request) -> Json:
        return self._message(call)[1].payload()

    def _edit(self, call: Request) -> Json:
        made, message = self._message(call)
        self._update(made, message, call.form(), call)
        return message.payload()

    def _delete(self, call: Request) -> None:
        self._rest.remove(self._message(call)[1])
