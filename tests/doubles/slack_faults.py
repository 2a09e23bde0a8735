"""What can go wrong on the way to Slack and back, as values a test queues on the double."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias


class SlackError(Exception):
    """A refusal with Slack's own code, answered as ``ok: false``."""

    def __init__(self, code: str, *messages: str, needed: str = "", provided: str = "") -> None:
        """Keep the code, and the sentences that go into ``response_metadata.messages``."""
        super().__init__(": ".join((code, *messages)))
        self.code = code
        self.messages = messages
        self.needed = needed
        self.provided = provided


@dataclass(frozen=True, slots=True)
class RateLimited:
    """429 with ``Retry-After``; nothing is stored."""

    retry_after: int = 1
    stored: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class ServerError:
    """A 5xx page instead of JSON, before or (``stored``) after the effect."""

    status: int = 500
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Timeout:
    """Silence for ``seconds``, then a dropped connection, without or with the effect."""

    seconds: float
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is aborted before anything is stored."""

    stored: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """The effect is stored and the connection is aborted instead of an answer."""

    stored: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class ApiError:
    """``ok: false`` with this code, before or (``stored``) after the effect."""

    error: str
    messages: tuple[str, ...] = ()
    stored: bool = False


Fault: TypeAlias = RateLimited | ServerError | Timeout | Reset | AnswerLost | ApiError
