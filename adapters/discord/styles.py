"""Know in which style each message stands. No I/O.

A message cannot be edited into the other style, so a wrong guess costs a call that is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.discord.limits import V2
from adapters.discord.render import Style

KEPT = 5_000
"""Of how many messages the style is remembered: those of three days in some 60 channels."""


def style_of(flags: int) -> Style:
    """Return the style of a message that has those flags."""
    return "components" if flags & V2 else "embeds"


class Styles:
    """The styles of the messages that Discord told of last, by their ids."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._known: dict[str, Style] = {}

    def learn(self, message: Mapping[str, Any]) -> None:
        """Take note of a message as Discord returns it."""
        number = str(message["id"])
        self._known.pop(number, None)
        self._known[number] = style_of(message.get("flags", 0))
        while len(self._known) > self._kept:
            del self._known[next(iter(self._known))]

    def of(self, number: str) -> Style | None:
        """Return the style of a message, if it is known."""
        return self._known.get(number)
