"""What is remembered of messages, and what is forgotten."""

from __future__ import annotations

from adapters.discord.limits import V2
from adapters.discord.styles import Styles


def test_the_styles_of_the_messages_told_of_last_are_known() -> None:
    styles = Styles(kept=2)
    styles.learn({"id": "1", "flags": V2})
    styles.learn({"id": "2", "flags": 0})
    styles.learn({"id": "1", "flags": V2 | 64})
    styles.learn({"id": 3})
    assert styles.of("1") == "components"
    assert styles.of("2") is None
    assert styles.of("3") == "embeds"
