from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.summarizers.compression import compressed, is_from, negations
from bot.text import one_line

PIECES = st.sampled_from(
    [
        "In this paper, ",
        "To this end, ",
        "However, ",
        "Moreover, ",
        "we also propose ",
        "This paper proposes ",
        "and shows ",
        "Experiments show that ",
        "(a very long aside) ",
        "(AAE) ",
        "(not for 3 of them) ",
        "(Chelba et al., 2014) ",
        "(unclosed ",
        ") ",
        "does not ",
        "never ",
        "12.5% ",
        "a new method for graphs ",
        "iRDA ",
        "ß ",
        "模型 ",
        "🤗 ",
        "$f(x)$ ",
        ", ",
        ". ",
        "In this work ",
    ]
)
SENTENCES = st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join))


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("In this paper, we propose a walk on graphs.", "We propose a walk on graphs."),
        ("In this work we propose a walk on graphs.", "We propose a walk on graphs."),
        (
            "However, to this end, in this paper, we also propose a walk.",
            "We propose a walk.",
        ),
        ("Specifically, iRDA prunes many weights.", "iRDA prunes many weights."),
        ("This paper proposes a walk on graphs.", "We propose a walk on graphs."),
        ("This study studies the walks of cats.", "We study the walks of cats."),
        (
            "This paper proposes a walk and shows that it ends.",
            "This paper proposes a walk and shows that it ends.",
        ),
        ("Extensive experiments show that our walk is short.", "Our walk is short."),
        ("To solve this, in this paper we walk on graphs.", "We walk on graphs."),
        ("We walk (as cats do at night) on graphs.", "We walk on graphs."),
        ("We walk (CATS) on graphs.", "We walk (CATS) on graphs."),
        ("We walk (with 3 legs) on graphs.", "We walk (with 3 legs) on graphs."),
        ("We walk (but not far) on graphs.", "We walk (but not far) on graphs."),
        ("We walk (Chelba et al., 2014) on graphs.", "We walk on graphs."),
        ("We walk (as cats do on graphs.", "We walk (as cats do on graphs."),
        ("In this paper, we walk.", "In this paper, we walk."),
        ("We call f(x y) the walk of x.", "We call f(x y) the walk of x."),
        ("", ""),
    ],
)
def test_a_sentence_loses_what_says_nothing(sentence: str, expected: str) -> None:
    assert compressed(sentence) == expected


@pytest.mark.parametrize(
    ("short", "sentence", "expected"),
    [
        ("We walk.", "In this paper, we walk.", True),
        ("We propose a walk.", "This paper proposes a new walk.", True),
        ("We propose a walk.", "Moreover, this paper proposes a walk.", True),
        ("We propose a walk.", "This paper shows a walk.", False),
        ("We run.", "In this paper, we walk.", False),
        ("Walk we.", "we walk.", False),
        ("We walk 12 miles.", "We walk 13 miles.", False),
        ("We walk.", "We walk, and we walk.", True),
        ("", "We walk.", True),
        ("We walk.", "", False),
    ],
)
def test_a_text_is_from_a_sentence_if_its_words_stand_there_in_order(
    short: str, sentence: str, expected: bool
) -> None:
    assert is_from(short, sentence) is expected


@given(SENTENCES)
def test_nothing_is_invented(sentence: str) -> None:
    assert is_from(compressed(sentence), sentence)


@given(SENTENCES)
def test_no_sentence_becomes_empty_longer_or_other_when_compressed_again(sentence: str) -> None:
    short, whole = compressed(sentence), one_line(sentence)
    assert bool(short) == bool(whole)
    assert len(short) <= len(whole)
    assert compressed(sentence) == short


@given(SENTENCES)
def test_numbers_and_negations_stay(sentence: str) -> None:
    short, whole = compressed(sentence), one_line(sentence)
    cited = re.sub(r"\(Chelba[^()]*\)", "", whole)
    assert re.findall(r"\d+", re.sub(r"\(Chelba[^()]*\)", "", short)) == re.findall(r"\d+", cited)
    assert negations(short) == negations(whole)


@given(SENTENCES)
def test_parentheses_stay_balanced_and_no_comma_is_left_alone(sentence: str) -> None:
    short, whole = compressed(sentence), one_line(sentence)
    assert short.count("(") - short.count(")") == whole.count("(") - whole.count(")")
    assert short.count(" ,") <= whole.count(" ,")


def test_a_hostile_sentence_takes_no_time_to_speak_of() -> None:
    for piece in ("(", "a (b ", "In this paper, ", "our the ", "(Ab, 2014;", " ", "we also "):
        assert is_from(compressed(piece * 2_000), piece * 2_000)
