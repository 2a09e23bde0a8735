from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.reply import (
    ACTION_CHARS,
    Bold,
    Link,
    Plain,
    RunAction,
    VoteAction,
    parse_action,
    plain,
    text,
)
from bot.domain.votes import VoteKind
from tests.examples import paper_id


@given(st.sampled_from(VoteKind), st.integers(1, 99999))
def test_a_vote_button_survives_a_restart(kind: VoteKind, n: int) -> None:
    action = VoteAction(kind, paper_id(n))
    assert parse_action(action.pack()) == action


@given(st.sampled_from(["search", "help"]), st.text(max_size=80))
def test_a_command_button_survives_a_restart_whatever_its_arguments(name: str, line: str) -> None:
    action = RunAction(name, line)
    assert parse_action(action.pack()) == action


def test_a_button_too_long_for_a_platform_is_refused_with_its_length() -> None:
    RunAction("search", "x" * (ACTION_CHARS - len("run|search|"))).pack()
    with pytest.raises(ValueError, match="100 characters, not 101"):
        RunAction("search", "x" * (ACTION_CHARS - len("run|search|") + 1)).pack()


@pytest.mark.parametrize("packed", ["", "vote", "vote|up", "vote|up|", "vote|sideways|a:b", "run|"])
def test_a_button_of_another_bot_is_refused(packed: str) -> None:
    with pytest.raises(ValueError):
        parse_action(packed)


@given(st.text())
def test_any_text_is_a_button_or_refused(packed: str) -> None:
    with suppress(ValueError):
        assert parse_action(packed).pack() == packed or "|" not in packed.removeprefix("run|")


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "ftp://example.org", "/papers"])
def test_a_link_leads_to_the_web_or_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        Link("a paper", url)


def test_a_text_is_made_of_strings_and_spans() -> None:
    made = text("▲ 3 · ", Bold("team 1"))
    assert made == (Plain("▲ 3 · "), Bold("team 1"))
    assert plain(made) == "▲ 3 · team 1"
