from __future__ import annotations

import pytest

from adapters.slack.ids import (
    EMOJI_NAMES,
    channel_ref,
    message_ref,
    name_of,
    typed,
    unicode_of,
    user_ref,
    without_mention,
)
from bot.domain.votes import EMOJI, RANK_EMOJI, kind_of, rank_of


def test_references_name_platform_and_workspace() -> None:
    assert str(channel_ref("T1", "C1")) == "slack:T1/C1"
    assert str(user_ref("T1", "U1")) == "slack:T1/U1"
    assert str(message_ref("T1", "C1", "1724140800.000100")) == "slack:T1/C1/1724140800.000100"


def test_exactly_the_emoji_that_mean_something_have_names() -> None:
    assert set(EMOJI_NAMES) == {*EMOJI, *RANK_EMOJI}


@pytest.mark.parametrize("emoji", [*EMOJI, *RANK_EMOJI])
def test_names_and_emoji_round_trip(emoji: str) -> None:
    name = name_of(emoji)
    assert name
    assert unicode_of(name) == emoji


def test_aliases_and_skin_tones_are_understood() -> None:
    for name in ("+1", "thumbsup", "+1::skin-tone-3", ":thumbsup::skin-tone-6:"):
        assert unicode_of(name) == "👍"
    assert kind_of(str(unicode_of("-1::skin-tone-2"))) == "down"
    assert rank_of(str(unicode_of("keycap_ten"))) == 10


@pytest.mark.parametrize("name", ["tada", "", "+2", "skin-tone-3", "one_two"])
def test_other_emoji_mean_nothing(name: str) -> None:
    assert unicode_of(name) is None
    assert name_of("🎉") is None


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("search a &lt;b&gt; &amp; c", "search a <b> & c"),
        ("show <https://arxiv.org/abs/2605.00001>", "show https://arxiv.org/abs/2605.00001"),
        ("show <https://a.org/x?a=1&amp;b=2|a.org>", "show https://a.org/x?a=1&b=2"),
        ("ask <@U1|ann> in <#C1|papers>", "ask @ann in #papers"),
        ("<!here> <@U1>", "@here @U1"),
        ("3 < 4", "3 < 4"),
    ],
)
def test_typed_text_reads_as_the_person_wrote_it(sent: str, meant: str) -> None:
    assert typed(sent) == meant


def test_a_mention_of_the_bot_is_no_part_of_the_command() -> None:
    assert typed(without_mention("<@U1>: search x", "U1")) == "search x"
    assert typed(without_mention("search x <@U1|papers>", "U1")) == "search x"
    assert "@U2" in typed(without_mention("<@U2> hi", "U1"))
