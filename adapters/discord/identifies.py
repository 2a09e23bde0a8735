"""How soon a new session of the gateway may begin. Pure.

A token may begin 1,000 sessions a day; one more, and Discord makes it void. A gateway that ends
every session at once would use them up in an hour and a half, at one each five seconds.
"""

from __future__ import annotations

FIRST_PAUSE = 5.0
"""Seconds between two; discord.py's own, and Discord's least."""

LONGEST_PAUSE = 300.0
"""Seconds between two of many in a row; at one in five minutes a day sees 288."""

STEADY = 600.0
"""Seconds after which a session that ended was a good one."""

SPARE = 50
"""Sessions of a day that are left for whoever mends what is wrong."""


class Identifies:
    """Doubles the pause while sessions end soon after they began."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._pause = 0.0

    def pause(self, now: float) -> float:
        """Return how many seconds to wait before the session that is to begin at ``now``."""
        if self._last is None:
            self._pause = 0.0
        elif now - self._last > STEADY:
            self._pause = FIRST_PAUSE
        else:
            self._pause = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
        self._last = now + self._pause
        return self._pause
