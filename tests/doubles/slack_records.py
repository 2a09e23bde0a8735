"""What the double remembers of the talk between Slack and the app."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from .slack_state import Json, View

T = TypeVar("T")
EnvelopeKind: TypeAlias = Literal["events_api", "slash_commands", "interactive"]
Effect: TypeAlias = Literal["ephemeral", "posted", "replaced", "deleted"]
Via: TypeAlias = Literal[
    "ack", "response_url", "chat.postMessage", "chat.postEphemeral", "chat.update"
]


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the app to the Web API (or ``response_url``), as it came in."""

    method: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    at: float


@dataclass(frozen=True, slots=True)
class Sent:
    """One JSON document the double put on the wire.

    ``kind`` is ``api``, ``event``, ``interactive``, ``slash_command`` or ``control``.
    """

    kind: str
    name: str
    body: Json


@dataclass(frozen=True, slots=True)
class Envelope:
    """One thing to bring to the app; ``attempt`` counts from 0."""

    kind: EnvelopeKind
    name: str
    payload: Json
    attempt: int = 0
    reason: str = ""
    wants_answer: bool = False


@dataclass(frozen=True, slots=True)
class Ack:
    """What became of one delivery.

    ``within`` is the seconds until the ack and ``None`` when it did not come in time; an ack that
    came after that is recorded a second time with ``late`` and its real delay.
    """

    kind: EnvelopeKind
    name: str
    envelope_id: str
    event_id: str | None
    attempt: int
    within: float | None
    payload: Json | None = None
    late: bool = False
    socket: int | None = None
    status: int | None = None
    failure: str | None = None
    no_retry: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of telling the app about an event.

    ``attempts`` is 0 when the app is not subscribed to it or the bot is not in the channel, and
    1 when the first delivery has ended; retries go on in the background (``SlackDouble.acks``).
    """

    event_id: str
    event: Json
    acked_within: float | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Verification:
    """The app's answer to ``url_verification``."""

    status: int
    ok: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """Something the app let people see, by whatever door it came."""

    via: Via
    effect: Effect
    channel: str
    ts: str
    text: str = ""
    blocks: tuple[Json, ...] = ()
    user: str | None = None
    thread_ts: str | None = None
    at: float = 0.0
    order: int = 0
    exchange: str | None = None


class Witness(Protocol):
    """The part of the double an exchange looks back at."""

    @property
    def answers(self) -> Sequence[Answer]:
        """Everything people were shown, oldest first."""

    @property
    def opened(self) -> Sequence[tuple[str, View]]:
        """The views that were opened, each with its trigger."""

    async def wait_for(self, predicate: Callable[[], T | None], timeout: float = 5) -> T:
        """Wait until the predicate gives something."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command or interaction of a user, and everything it led to.

    Answers through the ack or the ``response_url`` belong to it for certain. Nothing on the wire
    links a ``chat.*`` call to it, so those count when they came later in the same channel (an
    ephemeral one: to the same user; an edit: of the message that was clicked).
    """

    id: str
    kind: EnvelopeKind
    user: str
    channel: str | None
    message_ts: str | None
    trigger_id: str
    response_url: str | None
    acked_within: float | None
    ack_payload: Json | None
    since: int
    witness: Witness = field(repr=False, compare=False)

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Everything shown because of it so far, oldest first."""
        return tuple(a for a in self.witness.answers[self.since :] if self._is_mine(a))

    @property
    def ephemeral(self) -> tuple[Answer, ...]:
        """What only the user was shown."""
        return tuple(a for a in self.answers if a.effect == "ephemeral")

    @property
    def posted(self) -> tuple[Answer, ...]:
        """What everyone in the channel was shown."""
        return tuple(a for a in self.answers if a.effect == "posted")

    @property
    def views(self) -> tuple[View, ...]:
        """The modals opened with its trigger, as they were when opened."""
        return tuple(view for trigger, view in self.witness.opened if trigger == self.trigger_id)

    async def answer(self, timeout: float = 5, *, via: Via | None = None) -> Answer:
        """Wait for the first thing shown because of it.

        Raises:
            TimeoutError: when nothing came.
        """
        return await self.witness.wait_for(
            lambda: next((a for a in self.answers if via in (None, a.via)), None), timeout
        )

    async def view(self, timeout: float = 5) -> View:
        """Wait for the modal opened with its trigger.

        Raises:
            TimeoutError: when none was opened.
        """
        return await self.witness.wait_for(lambda: next(iter(self.views), None), timeout)

    def _is_mine(self, answer: Answer) -> bool:
        if answer.exchange is not None:
            return answer.exchange == self.id
        if answer.channel != self.channel:
            return False
        if answer.effect == "ephemeral":
            return answer.user == self.user
        return answer.effect == "posted" or answer.ts == self.message_ts
