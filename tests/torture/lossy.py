"""Slack and Discord that lose the answers to a share of the posts that they have stored."""

from __future__ import annotations

import random

from tests.doubles.discord import DiscordDouble
from tests.doubles.discord_wire import CREATE_MESSAGE, Fault, Faults, Reset
from tests.doubles.slack import AnswerLost, SlackDouble
from tests.doubles.slack import Fault as SlackFault

POST = "chat.postMessage"


class Losses:
    """Decides which answers are lost.

    Attributes:
        posts: Posts that were asked for, repeated ones among them.
        lost: Those of them whose answer was lost.
    """

    def __init__(self, share: float, draw: random.Random) -> None:
        self._share = share
        self._draw = draw
        self.posts = 0
        self.lost = 0

    def next(self) -> bool:
        """Count a post; tell whether its answer is to be lost."""
        self.posts += 1
        lost = self._draw.random() < self._share
        self.lost += lost
        return lost


class LossySlack(SlackDouble):
    """Slack with its limit of posts, and losses."""

    def __init__(self, losses: Losses) -> None:
        super().__init__(enforce_limits=True)
        self._losses = losses

    def _next_fault(self, method: str) -> SlackFault | None:
        lost = method == POST and self._losses.next()
        return AnswerLost() if lost else super()._next_fault(method)


class LossyFaults(Faults):
    """Discord's losses, beside what is planned."""

    def __init__(self, losses: Losses) -> None:
        super().__init__()
        self._losses = losses

    def take(self, route: str) -> Fault | None:
        lost = route == CREATE_MESSAGE and self._losses.next()
        return Reset(after_effect=True) if lost else super().take(route)


def lossy_discord(losses: Losses) -> DiscordDouble:
    """Return Discord with its limits, and losses."""
    return DiscordDouble(enforce_limits=True, faults=LossyFaults(losses))
