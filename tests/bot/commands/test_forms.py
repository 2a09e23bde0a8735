from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.forms import (
    DATE,
    TIME,
    WEEKDAYS,
    WORDS,
    WORDS_MOST,
    ZONE,
    days_in_words,
    read_date,
    read_time,
    read_weekdays,
    read_words,
    read_zone,
)
from bot.domain.channels import WORKDAYS, Weekday

FORMS = {"date": DATE, "time": TIME, "zone": ZONE, "weekdays": WEEKDAYS, "words": WORDS}


@pytest.mark.parametrize("name", FORMS)
def test_every_ready_example_can_be_read(name: str) -> None:
    for value in FORMS[name].values:
        FORMS[name].read(value)


@pytest.mark.parametrize("name", FORMS)
@given(value=st.text(min_size=1, max_size=40))
def test_any_text_is_read_or_refused(name: str, value: str) -> None:
    with suppress(ValueError):
        FORMS[name].read(value)


@given(st.dates())
def test_a_date_is_read_as_it_is_written(day: date) -> None:
    assert read_date(day.isoformat()) == day


@given(st.integers(0, 23), st.integers(0, 59))
def test_a_time_is_read_as_it_is_written(hour: int, minute: int) -> None:
    assert (
        read_time(f"{hour:02d}:{minute:02d}") == read_time(f"{hour}:{minute}") == time(hour, minute)
    )


def test_settled_is_no_time() -> None:
    assert read_time("settled") is None
    assert read_time("Settled") is None


@pytest.mark.parametrize("name", ["Europe/Berlin", "europe/berlin", "EUROPE/BERLIN"])
def test_a_zone_is_read_whatever_its_case(name: str) -> None:
    assert ZoneInfo(read_zone(name)) == ZoneInfo("Europe/Berlin")
    assert read_zone("america/new york") == "America/New_York"
    assert read_zone("utc") == "UTC"


@pytest.mark.parametrize(
    ("value", "days"),
    [
        ("mon", ["mon"]),
        ("Monday", ["mon"]),
        ("fri,mon", ["mon", "fri"]),
        ("mon, wed fri", ["mon", "wed", "fri"]),
        ("mon-fri", list(WORKDAYS)),
        ("weekdays", list(WORKDAYS)),
        ("sat-mon", ["mon", "sat", "sun"]),
        ("Friday-Sunday,tue", ["tue", "fri", "sat", "sun"]),
        ("daily", list(Weekday)),
    ],
)
def test_weekdays_are_read_in_week_order(value: str, days: list[str]) -> None:
    assert list(read_weekdays(value)) == days


def test_words_are_read_once_each_and_none_is_the_empty_list() -> None:
    assert read_words("world models, robots ,robots,") == ("world models", "robots")
    assert read_words("none") == read_words("None") == ()


@pytest.mark.parametrize(
    ("read", "value", "sentence"),
    [
        (read_date, "soon", "is a date such as 2026-05-07, not “soon”"),
        (read_date, "2026-02-30", "is a date such as 2026-05-07, not “2026-02-30”"),
        (read_time, "25:00", "is a time such as 09:00, or `settled`, not “25:00”"),
        (read_time, "9", "is a time such as 09:00, or `settled`, not “9”"),
        (read_zone, "Berlin", "is an IANA time zone such as Europe/Berlin, not “Berlin”"),
        (read_zone, "../etc/passwd", "is an IANA time zone"),
        (read_weekdays, "mon,xyz", "are days such as mon,wed or mon-fri or daily, not “mon,xyz”"),
        (read_weekdays, ",", "names no day; to stop the digest use `unsubscribe`"),
        (
            read_words,
            ",".join(map(str, range(WORDS_MOST + 1))),
            "holds 31 words; 30 are the most taken",
        ),
        (read_time, "x" * 99, "not “" + "x" * 39 + "…”"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence_that_follows_the_options_name(
    read: Callable[[str], object], value: str, sentence: str
) -> None:
    with pytest.raises(ValueError) as error:
        read(value)
    assert sentence in str(error.value)


DAYS = ("daily", "mon-fri", "mon, wed, fri", "sat, sun", "fri", "tue-thu")


@pytest.mark.parametrize("days", DAYS)
def test_days_are_written_as_they_are_read(days: str) -> None:
    assert days_in_words(read_weekdays(days)) == days
