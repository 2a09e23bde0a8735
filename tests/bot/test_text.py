from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.text import ELLIPSIS, clean, clip, count, one_line, size

ACTING = (
    {chr(code) for code in range(0xA0) if unicodedata.category(chr(code)) == "Cc"} - {"\n", "\t"}
) | set("\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
SURROGATES = st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF)

foreign = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(sorted(ACTING)),
        st.sampled_from("\n\t .!?\"')]([-–—A1aé\u0301👍🏽\u200d\ufe0f"),
        SURROGATES,
    ),
    max_size=80,
)
well_formed = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from(" \n.,;:-–a👍🏽\u200d\ufe0f\u0301")),
    max_size=80,
)


@given(well_formed)
def test_a_size_is_the_number_of_utf_16_units(text: str) -> None:
    assert size(text) == len(text.encode("utf-16-le")) // 2


@given(well_formed, st.integers(-1, 90))
def test_a_clipped_text_never_exceeds_its_limit(text: str, limit: int) -> None:
    clipped = clip(text, limit)
    assert size(clipped) <= max(limit, 0)
    assert clip(clipped, limit) == clipped
    assert clipped.encode("utf-16-le").decode("utf-16-le") == clipped


@given(well_formed, st.integers(1, 90))
def test_a_clipped_text_is_the_beginning_of_the_whole_and_says_that_it_is_cut(
    text: str, limit: int
) -> None:
    clipped = clip(text, limit)
    if size(text) <= limit:
        assert clipped == text
    else:
        assert clipped.endswith(ELLIPSIS)
        assert text.startswith(clipped.removesuffix(ELLIPSIS))


@pytest.mark.parametrize(
    ("text", "limit", "clipped"),
    [
        ("walking and running", 19, "walking and running"),
        ("walking and running", 18, "walking and…"),
        ("walking, and running", 9, "walking…"),
        ("incomprehensibilities", 10, "incompreh…"),
        ("👍👍👍", 6, "👍👍👍"),
        ("👍👍👍", 5, "👍👍…"),
        ("👍👍👍", 4, "👍…"),
        ("cafe\u0301 noir", 5, "caf…"),
        ("anything", 1, "…"),
        ("anything", 0, ""),
        ("", 0, ""),
    ],
)
def test_a_text_is_cut_between_words_and_never_inside_a_character(
    text: str, limit: int, clipped: str
) -> None:
    assert clip(text, limit) == clipped


@given(foreign)
@example("a\ud83db")
@example("\u061cשלום")
def test_a_clean_text_holds_nothing_that_acts(text: str) -> None:
    for cleaned in (clean(text), one_line(text)):
        assert not ACTING & set(cleaned)
        cleaned.encode()  # a lone surrogate would fail here, and in every file and request


@given(foreign)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert one_line(one_line(text)) == one_line(text)


@given(foreign)
def test_one_line_is_one_line(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    assert "  " not in line


def test_a_clean_text_keeps_its_lines_and_joined_emoji() -> None:
    assert clean("one\r\ntwo\n\nthree") == "one\ntwo\n\nthree"
    assert one_line(" one\n two\tthree ") == "one two three"
    assert clean("👩\u200d🔬 می\u200cخواهم") == "👩\u200d🔬 می\u200cخواهم"


def test_a_number_has_its_noun_in_the_right_form() -> None:
    assert count(1, "paper") == "1 paper"
    assert count(0, "paper") == "0 papers"
    assert count(1234, "batch", "batches") == "1,234 batches"
