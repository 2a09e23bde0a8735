"""The arguments of Web API calls, and the pages their answers come in. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .slack_faults import SlackError
from .slack_state import Message, ts_key


class Args:
    """The arguments of a call, read the way Slack reads JSON, forms and queries alike."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        """Keep what was sent."""
        self.raw = raw

    def text(self, name: str, default: str = "") -> str:
        """Return a string."""
        value = self.raw.get(name)
        return default if value is None else str(value)

    def flag(self, name: str) -> bool:
        """Return a boolean in any of its spellings."""
        return str(self.raw.get(name, "")).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        """Return a whole number."""
        value = self.raw.get(name)
        try:
            return default if value in (None, "") else int(str(value))
        except ValueError as e:
            raise SlackError("invalid_arguments", f"[ERROR] {name} must be an integer") from e

    def decoded(self, name: str) -> Any:
        """Return a structure, which forms carry as JSON text."""
        value = self.raw.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except json.JSONDecodeError as e:
            raise SlackError(f"invalid_{name}_format") from e


def in_window(args: Args, message: Message) -> bool:
    """Return whether a message lies between ``oldest`` and ``latest``, ends only if asked."""
    ts, inclusive = ts_key(message.ts), args.flag("inclusive")
    oldest, latest = args.text("oldest"), args.text("latest")
    try:
        low = ts_key(oldest) if oldest else (0, 0)
        high = ts_key(latest) if latest else None
    except ValueError as e:
        raise SlackError("invalid_ts_oldest") from e
    if ts < low or (ts == low and not inclusive):
        return False
    return high is None or ts < high or (ts == high and inclusive)


def read_limit(args: Args, default: int, most: int) -> int:
    """Return how many items a page may hold."""
    limit = args.number("limit", default) or default
    if not 1 <= limit <= most:
        raise SlackError("invalid_limit")
    return limit


def one_page(
    args: Args, found: Sequence[Message], default: int, most: int
) -> tuple[list[Message], str]:
    """Return the page the cursor asks for, and the cursor of the next, empty at the end."""
    start = 0
    if after := read_cursor(args, "next_ts"):
        order = [m.ts.replace(".", "") for m in found]
        if after not in order:
            raise SlackError("invalid_cursor")
        start = order.index(after)
    limit = read_limit(args, default, most)
    page, rest = list(found[start : start + limit]), found[start + limit :]
    return page, write_cursor("next_ts", rest[0].ts.replace(".", "")) if rest else ""


def write_cursor(kind: str, position: str) -> str:
    """Return a cursor as opaque as Slack's."""
    return base64.b64encode(f"{kind}:{position}".encode()).decode()


def read_cursor(args: Args, kind: str) -> str:
    """Return where the cursor points, empty without one."""
    cursor = args.text("cursor")
    if not cursor:
        return ""
    try:
        found, _, position = base64.b64decode(cursor, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as e:
        raise SlackError("invalid_cursor") from e
    if found != kind or not position:
        raise SlackError("invalid_cursor")
    return position
