"""Where digests go and what was ordered there. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo


def _split(text: str, parts: int, form: str) -> list[str]:
    platform, colon, rest = text.partition(":")
    fields = rest.split("/", parts - 1)
    if not (platform and colon) or len(fields) != parts or not all(fields):
        raise ValueError(f"not of the form {form}: {text!r}")
    return [platform, *fields]


@dataclass(frozen=True, slots=True, order=True)
class ChannelRef:
    """A channel on a platform; its workspace or guild is part of its identity.

    Written ``slack:T1/C123``; direct messages are channels too.
    """

    platform: str
    workspace: str
    id: str

    def __str__(self) -> str:
        return f"{self.platform}:{self.workspace}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> ChannelRef:
        """Read what ``str`` wrote.

        Raises:
            ValueError: if the text is not ``platform:workspace/channel``.
        """
        platform, workspace, channel = _split(text, 2, "platform:workspace/channel")
        if "/" in channel:
            raise ValueError(f"not of the form platform:workspace/channel: {text!r}")
        return cls(platform, workspace, channel)


@dataclass(frozen=True, slots=True, order=True)
class UserRef:
    """A person on a platform, written ``slack:T1/U123``."""

    platform: str
    workspace: str
    id: str

    def __str__(self) -> str:
        return f"{self.platform}:{self.workspace}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> UserRef:
        """Read what ``str`` wrote.

        Raises:
            ValueError: if the text is not ``platform:workspace/user``.
        """
        return cls(*_split(text, 2, "platform:workspace/user"))


@dataclass(frozen=True, slots=True, order=True)
class MessageRef:
    """A posted message; ``channel`` is where it stands (on Discord that may be a thread).

    Written ``slack:T1/C123/1724140800.000100``.
    """

    channel: ChannelRef
    id: str

    def __str__(self) -> str:
        return f"{self.channel}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> MessageRef:
        """Read what ``str`` wrote.

        Raises:
            ValueError: if the text is not ``platform:workspace/channel/message``.
        """
        platform, workspace, channel, message = _split(
            text, 3, "platform:workspace/channel/message"
        )
        return cls(ChannelRef(platform, workspace, channel), message)


class Layout(StrEnum):
    """How a digest stands in a channel."""

    THREAD = "thread"
    """One head message with the ranked list, one message per paper in its thread."""
    LIST = "list"
    """The ranked list alone."""
    CARDS = "cards"
    """A short head, then the papers in full, several to a message."""
    PAPERS = "papers"
    """No head, and each paper in a message of its own; in a forum, in a post of its own."""


class Weekday(StrEnum):
    """A day of the week; ``date.weekday()`` is its position."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WORKDAYS = tuple(Weekday)[:5]


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a channel gets its digest.

    Attributes:
        at: Local time of day, or ``None`` for "as soon as the batch has settled".
        timezone: IANA name, as in ``Europe/Berlin``.
        weekdays: Local days on which a digest may be posted, in week order.
    """

    at: time | None = time(9, 0)
    timezone: str = "UTC"
    weekdays: tuple[Weekday, ...] = WORKDAYS

    @property
    def zone(self) -> ZoneInfo:
        """The time zone's rules."""
        return ZoneInfo(self.timezone)

    def allows(self, day: date) -> bool:
        """Tell whether a digest may be posted on that local day."""
        return tuple(Weekday)[day.weekday()] in self.weekdays


@dataclass(frozen=True, slots=True)
class Filters:
    """Which papers a channel wants; words match whole words, case aside."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    min_upvotes: int = 0


@dataclass(frozen=True, slots=True)
class Subscription:
    """A channel's standing order.

    Attributes:
        limit: Papers per digest at the most.
        owed_from: Digests due before this moment are not owed: when the schedule was last set.
        parked: Why nothing is posted any more, or ``None`` while all is well.
        language: In which a language model writes here; empty: as the operator set it.
        name: How people called the channel when this was last changed; may be empty.
    """

    channel: ChannelRef
    owner: UserRef
    created_at: datetime
    schedule: Schedule = field(default_factory=Schedule)
    sources: tuple[str, ...] = ("huggingface",)
    layout: Layout = Layout.THREAD
    limit: int = 10
    filters: Filters = field(default_factory=Filters)
    owed_from: datetime | None = None
    parked: str | None = None
    name: str = ""
    language: str = ""
