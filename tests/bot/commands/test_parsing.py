from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import cards
from bot.commands.parsing import (
    REST,
    TEXT_CHARS,
    CommandSpec,
    Form,
    PaperName,
    Parameter,
    Range,
    spec_of,
)
from bot.domain.errors import BadArgument
from bot.domain.reply import Reply


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


async def toy(  # noqa: D417  # the context is no argument
    ctx: object,
    query: Annotated[str, REST],
    limit: Annotated[int, Range(1, 25)] = 10,
    size: Size | None = None,
    period: Literal["day", "week"] = "day",
    min_votes: int = 0,
    day: Annotated[date | None, Form(date.fromisoformat, "YYYY-MM-DD")] = None,
    quiet: bool = False,
) -> Reply:
    """Find toys.

    A second paragraph
    of description.

    Args:
        query: Words to look for.
        limit: How many,
            at the most.
        size: How large.
        period: How long.
        min_votes: How liked.
        day: Which day.
        quiet: Whether to be quiet.
    """
    return cards.sentence_reply(query)


TOY = spec_of(toy, examples=["toy bear"])


def test_a_definition_is_read_from_signature_and_docstring() -> None:
    assert (TOY.name, TOY.summary) == ("toy", "Find toys.")
    assert TOY.description == "A second paragraph\nof description."
    options = {option.name: option for option in TOY.options}
    assert [*options] == [
        "query", "limit", "size", "period", "min_votes", "day", "quiet", "share",
    ]  # fmt: skip
    assert options["limit"] == Parameter(
        "limit", "integer", "How many, at the most.", False, 10, bounds=Range(1, 25)
    )
    assert options["size"].choices == ("small", "large")
    assert options["period"].choices == ("day", "week")
    assert options["query"].required
    assert options["query"].rest


def test_a_usage_line_shows_every_option_with_what_stands_for_its_value() -> None:
    assert TOY.usage == (
        "toy <query> [--limit 1-25] [--size small|large] [--period day|week] "
        "[--min_votes MIN_VOTES] [--day YYYY-MM-DD] [--quiet] [--share]"
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("bear", {"query": "bear"}),
        ("brown  bear", {"query": "brown bear"}),
        ('"brown  bear"', {"query": '"brown  bear"'}),
        ("bear --limit 3 cub", {"query": "bear cub", "limit": "3"}),
        ("bear --limit=3", {"query": "bear", "limit": "3"}),
        ("bear --LIMIT 3", {"query": "bear", "limit": "3"}),
        ("bear --min-votes 3", {"query": "bear", "min_votes": "3"}),
        ("bear —limit 3", {"query": "bear", "limit": "3"}),
        ("bear –limit 3", {"query": "bear", "limit": "3"}),
        ("“brown bear”", {"query": '"brown bear"'}),
        ('by:"Ann Author" x', {"query": 'by:"Ann Author" x'}),
        ("bear --quiet cub", {"query": "bear cub", "quiet": "yes"}),
        ("bear --quiet=no", {"query": "bear", "quiet": "no"}),
        ("it's a bear", {"query": "it's a bear"}),
        ('5" bear', {"query": '5" bear'}),
        ("bear -- cub - x", {"query": "bear -- cub - x"}),
        (r"a\b c#d", {"query": r"a\b c#d"}),
        ("# bear", {"query": "# bear"}),
        ("", {}),
    ],
)
def test_a_line_is_read_as_people_and_their_chat_clients_write_it(
    line: str, expected: dict[str, str]
) -> None:
    assert TOY.parse(line) == expected


@pytest.mark.parametrize(
    ("line", "sentence", "hint"),
    [
        ("", "`query` is missing.", "Usage: toy"),
        ("x --limit", "`limit` needs a value.", "Usage: toy"),
        ("x --limit 0", "`limit` goes from 1 to 25; 0 is outside.", ""),
        ("x --limit ten", "`limit` is a whole number from 1 to 25, not “ten”.", ""),
        ("x --limit 1e9", "`limit` is a whole number from 1 to 25, not “1e9”.", ""),
        (f"x --limit {'9' * 1900}", "`limit` goes from 1 to 25; 99", ""),
        ("x --limit " + "z" * 1900, "`limit` is a whole number from 1 to 25, not “zzz", ""),
        ("x --size huge", "`size` is small or large, not “huge”.", ""),
        ("x --quiet=maybe", "`quiet` is yes or no, not “maybe”.", ""),
        ("x --limti 3", "`--limti` is no option of toy.", "Did you mean `--limit`?"),
        ("x --zebra 3", "`--zebra` is no option of toy.", "Usage: toy"),
        ("x --day soon", "`day` Invalid isoformat string: 'soon'.", "Which day."),
        ('""', "`query` is empty.", "Words to look for."),
        ("x" * 2001, "`toy` has 2,001 characters; 2,000 are the most taken.", ""),
    ],
)
def test_what_is_wrong_is_said_with_the_option_the_value_and_the_cure(
    line: str, sentence: str, hint: str
) -> None:
    with pytest.raises(BadArgument) as error:
        TOY.read(TOY.parse(line))
    assert str(error.value).startswith(sentence)
    assert error.value.hint.startswith(hint)


def test_defaults_fill_in_what_is_not_said() -> None:
    assert TOY.read({"query": "bear", "limit": None}) == {
        "query": "bear", "limit": 10, "size": None, "period": "day", "min_votes": 0, "day": None,
        "quiet": False, "share": False,
    }  # fmt: skip


def test_values_that_a_platform_took_apart_are_read_like_typed_ones() -> None:
    read = TOY.read(
        {"query": "bear", "limit": 3, "size": "LARGE", "quiet": True, "day": "2026-05-07"}
    )
    assert (read["limit"], read["size"], read["quiet"], read["day"]) == (
        3,
        Size.LARGE,
        True,
        date(2026, 5, 7),
    )


def test_a_value_too_long_is_refused_wherever_it_comes_from() -> None:
    with pytest.raises(BadArgument, match="`query` has 2,001 characters; 2,000 are the most taken"):
        TOY.read({"query": "x" * 2001})


def test_words_beyond_the_last_parameter_are_refused() -> None:
    async def plain(ctx: object, first: str, second: int = 1) -> Reply:  # noqa: D417
        """Do.

        Args:
            first: One.
            second: Two.
        """
        return cards.sentence_reply(first)

    spec = spec_of(plain)
    assert spec.parse("a 2") == {"first": "a", "second": "2"}
    with pytest.raises(BadArgument, match="does not take “c”"):
        spec.parse("a 2 c")


@given(st.text(max_size=80))
def test_any_line_is_read_or_refused(line: str) -> None:
    try:
        values = TOY.read(TOY.parse(line))
    except BadArgument as error:
        assert error.parameter  # noqa: PT017  # either outcome is right
    else:
        assert values["query"]


plain_words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8).filter(
    str.strip
)


@given(st.lists(plain_words, min_size=1, max_size=5), st.integers(1, 25), st.booleans())
def test_an_option_means_the_same_wherever_it_stands(
    found: list[str], limit: int, first: bool
) -> None:
    option, query = f"--limit {limit}", " ".join(found)
    line = f"{option} {query}" if first else f"{query} {option}"
    assert TOY.parse(line) == {"query": query, "limit": str(limit)}


def bad(name: str, source: str) -> Any:
    """Define a function by its source, for definitions that no type checker would let pass."""
    scope: dict[str, Any] = {"Reply": Reply, "PaperName": PaperName}
    exec(source, scope)
    return scope[name]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("async def x(ctx): pass", "command x: its docstring starts with one sentence"),
        ("async def x(ctx):\n 'No dot'", "ends in a dot"),
        ("async def x(ctx, a: str):\n 'Do.'", "command x, parameter a: describe it under Args"),
        (
            "async def x(ctx, a: float):\n '''Do.\n\n Args:\n     a: One.\n '''",
            "needs a Form that reads it from text",
        ),
        (
            "async def x(ctx):\n '''Do.\n\n Args:\n     b: Gone.\n '''",
            r"documents \['b'\], which it does not take",
        ),
    ],
)
def test_a_definition_that_cannot_be_read_says_why(source: str, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        spec_of(bad("x", source))


def test_a_command_that_is_never_shown_takes_no_share() -> None:
    private = CommandSpec("x", "Do.", "", (), toy, share=False)
    assert private.options == ()
    with pytest.raises(BadArgument):
        private.parse("--share")


def test_the_longest_text_is_taken() -> None:
    assert TOY.read(TOY.parse("x" * TEXT_CHARS))["query"] == "x" * TEXT_CHARS
