from __future__ import annotations

import pytest

from bot.domain.errors import (
    Ambiguous,
    AmbiguousPaper,
    BadArgument,
    ConfigError,
    DailyPapersError,
    Gone,
    NotAllowed,
    PlatformError,
    Refused,
    SourceError,
    StoreError,
    TryLater,
    UnknownCommand,
    UnknownPaper,
    UserError,
)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (SourceError("huggingface", "HTTP 503", retry_after=60),
         "huggingface: HTTP 503, retry after 60 s"),
        (SourceError("huggingface", "HTTP 404"), "huggingface: HTTP 404"),
        (Gone("slack", "is_archived", cure="Unarchive it"), "slack: is_archived. Unarchive it"),
        (BadArgument("limit", "goes from 1 to 25; 99 is outside"),
         "`limit` goes from 1 to 25; 99 is outside."),
        (UnknownCommand("serch", "search"), "There is no command `serch`."),
        (UnknownPaper("xyz"), "No paper here goes by “xyz”."),
        (AmbiguousPaper("walking", [("arxiv:1", "A"), ("arxiv:2", "B")]),
         "Several papers fit “walking”:\n• A (arxiv:1)\n• B (arxiv:2)"),
    ],
)  # fmt: skip
def test_an_error_says_the_thing_the_problem_and_the_cure(
    error: DailyPapersError, sentence: str
) -> None:
    assert str(error) == sentence


def test_a_hint_is_the_nearest_command_or_where_to_find_them() -> None:
    assert UnknownCommand("serch", "search").hint == "Did you mean `search`?"
    assert UnknownCommand("xyz", None).hint == "`help` lists the commands."


def test_every_audience_has_its_own_root() -> None:
    roots = (UserError, ConfigError, SourceError, StoreError, PlatformError)
    assert all(root.__base__ is DailyPapersError for root in roots)
    assert {each.__base__ for each in (Refused, Gone, TryLater, Ambiguous)} == {PlatformError}
    shown = (UnknownCommand, BadArgument, UnknownPaper, AmbiguousPaper, NotAllowed)
    assert {each.__base__ for each in shown} == {UserError}
