"""Domain values as JSON documents, and back. No I/O.

Every field stands under its own name, so that people and later versions can read a document: a
field that it lacks takes its default, a field that nobody knows is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime, time
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from bot.domain.channels import ChannelRef, MessageRef, Subscription, UserRef
from bot.domain.deliveries import Delivery, Receipt, Seen, Slot
from bot.domain.papers import BatchKey, Paper, PaperId
from bot.domain.summaries import Summary
from bot.domain.votes import VoteKind

T = TypeVar("T")
Json = dict[str, Any]

NAMES = (PaperId, BatchKey, ChannelRef, UserRef, MessageRef)
"""What is written by ``str`` and read by ``parse``."""


@dataclass(frozen=True, slots=True)
class ListedBatch:
    """A batch as it is kept: its papers stand elsewhere, once."""

    key: BatchKey
    papers: tuple[PaperId, ...]
    arrived: Mapping[PaperId, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TakenSlot:
    """A slot that is taken, with the keys of its deliveries in order."""

    slot: Slot
    deliveries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Which delivery stands at a message."""

    delivery: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What one channel did with one paper: when it was shown, and who voted how.

    Attributes:
        votes: By kind and origin, each person with a 1: a field of its own is added, and taken
            away, by the smallest of patches.
    """

    channel: ChannelRef
    paper: PaperId
    seen: Seen | None = None
    votes: Mapping[VoteKind, Mapping[str, Mapping[UserRef, int]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spending:
    """What a channel has spent on a day, in tokens of a language model."""

    channel: ChannelRef
    day: date
    tokens: int


KINDS: Mapping[str, type] = {
    "papers": Paper,
    "batches": ListedBatch,
    "subscriptions": Subscription,
    "slots": TakenSlot,
    "deliveries": Delivery,
    "messages": Standing,
    "receipts": Receipt,
    "ledger": Entry,
    "writings": Summary,
    "spending": Spending,
}
"""What each table holds."""


def encode(value: object) -> Any:
    """Return a value as JSON knows it.

    Raises:
        TypeError: if documents hold no such value; an instant without a time zone is none.
    """
    match value:
        case None | bool() | int():
            return value
        case str() | PaperId() | BatchKey() | ChannelRef() | UserRef() | MessageRef():
            return str(value)
        case datetime(tzinfo=None):
            raise TypeError(f"an instant without a time zone: {value}")
        case date() | time():
            return value.isoformat()
        case tuple():
            return [encode(each) for each in value]
        case Mapping():
            return {encode(key): encode(each) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: encode(getattr(value, each.name)) for each in fields(value)}
    raise TypeError(f"documents hold no {type(value).__name__}")


def decode(kind: type[T], value: object) -> T:
    """Read what ``encode`` wrote.

    Raises:
        ValueError: if it is no value of that kind.
    """
    try:
        return cast(T, _decode(kind, value))
    except (TypeError, AttributeError) as error:  # a part of another type, or a part that is absent
        raise ValueError(str(error)) from error


def _decode(kind: Any, value: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        (some,) = (each for each in arguments if each is not NoneType)
        return None if value is None else _decode(some, value)
    if origin is tuple:
        return tuple(_decode(arguments[0], each) for each in _typed(list, value))
    if origin is Mapping:
        pairs = _typed(dict, value).items()
        return {_decode(arguments[0], key): _decode(arguments[1], each) for key, each in pairs}
    if kind in NAMES:
        return kind.parse(value)
    if kind in (date, datetime, time):
        return kind.fromisoformat(value)
    if issubclass(kind, Enum):
        return kind(value)
    if kind in (str, int):
        return _typed(kind, value)
    document = _typed(dict, value)
    parts = {name: hint for name, hint in _hints(kind).items() if name in document}
    return kind(**{name: _decode(hint, document[name]) for name, hint in parts.items()})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _typed(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{value!r:.60} is no {kind.__name__}")
    return value
