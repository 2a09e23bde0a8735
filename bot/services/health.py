"""What works and what does not, as the running process knows it. Whoever notices writes it down."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

UP = "up"


class Condition(StrEnum):
    """How a bot is, in one word."""

    OK = "ok"
    DEGRADED = "degraded"
    """It runs, and something that it needs does not."""
    DOWN = "down"
    """Nobody hears it."""


@dataclass(slots=True)
class Reading:
    """How a source was read last.

    Attributes:
        at: When it last answered, or ``None``.
        problem: Why it has not answered since; empty while all is well.
    """

    at: datetime | None = None
    problem: str = ""


@dataclass(slots=True)
class Health:
    """Everything a running bot depends on.

    Attributes:
        started_at: When the process began.
        platforms: By name, ``up`` or what is wrong.
        sources: By name.
        store: ``up`` or what is wrong.
    """

    started_at: datetime
    platforms: dict[str, str] = field(default_factory=dict)
    sources: dict[str, Reading] = field(default_factory=dict)
    store: str = UP

    @property
    def condition(self) -> Condition:
        """How the bot is, in one word."""
        up = [each == UP for each in self.platforms.values()]
        if not any(up):
            return Condition.DOWN
        silent = any(reading.problem for reading in self.sources.values())
        well = all(up) and self.store == UP and not silent
        return Condition.OK if well else Condition.DEGRADED

    def encode(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {
            **asdict(self),
            "started_at": self.started_at.isoformat(),
            "sources": {
                name: {"at": reading.at and reading.at.isoformat(), "problem": reading.problem}
                for name, reading in self.sources.items()
            },
        }

    @classmethod
    def decode(cls, told: Any) -> Health:
        """Read what ``encode`` wrote.

        Raises:
            ValueError: if it is not that.
        """
        try:
            return cls(
                started_at=datetime.fromisoformat(told["started_at"]),
                platforms=dict(told["platforms"]),
                sources={
                    name: Reading(
                        datetime.fromisoformat(each["at"]) if each["at"] else None, each["problem"]
                    )
                    for name, each in told["sources"].items()
                },
                store=told["store"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no account of a bot's health: {error!r}") from error
