"""Claims are held against the text; what acts is taken out of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sentences import sentences
from bot.services.grounding import is_order, quoted, sanitized, shares_words
from tests.hostile.injections import FORBIDDEN, HONEST, INJECTIONS

TEXT = sentences(HONEST)


@pytest.mark.parametrize(
    ("quote", "place"),
    [
        ("a robot that walks on sand", 0),
        ("A ROBOT  that\nwalks on “sand”", 0),
        ("falls half as often as the best", 2),
        ("walks on sand. It learns from", 0),
        ("300 hours of video", 1),
        ("a robot that walks on snow", None),
        ("robot walks", None),
        ("sand", None),
        ("", None),
        ("any labels. On rough ground it", 1),
        ("obot that walks on san", None),
    ],
)
def test_a_quotation_stands_in_the_text_word_for_word(quote: str, place: int | None) -> None:
    found = quoted(quote, TEXT)
    assert found == (None if place is None else (TEXT[place], place))


def test_dashes_and_quotation_marks_of_any_kind_are_the_same() -> None:
    text = ["A state‐of‐the‐art “agent” isn’t slow – it’s fast."]
    assert quoted("state-of-the-art 'agent' isn't slow - it's fast", text) == (text[0], 0)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("It walks [well](https://evil.example/x).", "It walks well."),
        ("See ![a picture](http://evil.example/p.png) here.", "See a picture here."),
        ("Go to https://evil.example/?q=1 now.", "Go to now."),
        ("Ask @everyone and <@U123> or <!channel>.", "Ask everyone and or."),
        ("<https://evil.example|Click> it", "Click it"),
        ("- **It** walks `fast`.", "It walks fast."),
        ("1. It walks.", "It walks."),
        ("Zero\u200bwidth and \u202eturned", "Zerowidth and turned"),
        ("It scores 3.5 (see www.evil.example).", "It scores 3.5 (see)."),
        ("GPT-4.1 beats Node.js at p < 0.05.", "GPT-4.1 beats Node.js at p < 0.05."),
        ("Accuracy: 94.2% at 10:30.", "Accuracy: 94.2% at 10:30."),
        ("mail me@evil.com now", "mail now"),
    ],
)
def test_what_acts_is_taken_out_and_what_tells_stays(written: str, shown: str) -> None:
    assert sanitized(written) == shown


@pytest.mark.parametrize("written", INJECTIONS)
def test_nothing_that_acts_is_left_of_an_injection(written: str) -> None:
    told = sanitized(written).casefold()
    assert [each for each in FORBIDDEN if each in told] == []


@given(st.text())
def test_anything_can_be_sanitized_and_once_is_enough_for_links(written: str) -> None:
    told = sanitized(f"{written} https://evil.example/{written}")
    assert "https://" not in told.casefold()
    assert "\n" not in told


ORDERS = [each for each in INJECTIONS if is_order(each)]


def test_the_plainest_orders_to_a_model_are_told_from_science() -> None:
    assert len(ORDERS) >= 10
    science = [
        "We ignore previous work on sand and train a new model.",
        "Our model must be robust, and users should test it.",
        "We study how language models follow instructions in system prompts of agents.",
        "Please see the appendix for details.",
        "The assistant is evaluated by 20 reviewers, who write reports.",
        "Models respond to prompts with long answers.",
        *TEXT,
    ]
    assert [each for each in science if is_order(each)] == []


def test_a_claim_shares_words_with_what_it_is_about() -> None:
    assert shares_words("The robots walk on sandy ground.", HONEST, 0.4)
    assert not shares_words("Bitcoin prices will rise tomorrow.", HONEST, 0.4)
    assert shares_words("", HONEST, 0.4)
