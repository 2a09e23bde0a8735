from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.channels import WORKDAYS, ChannelRef, MessageRef, Schedule, UserRef, Weekday

words = st.text(st.characters(exclude_characters="/:", categories=["L", "N", "P"]), min_size=1)


@given(words, words, words)
def test_references_survive_being_written_and_read(first: str, second: str, third: str) -> None:
    channel = ChannelRef(first, second, third)
    assert ChannelRef.parse(str(channel)) == channel
    assert UserRef.parse(str(UserRef(first, second, third))) == UserRef(first, second, third)
    message = MessageRef(channel, second)
    assert MessageRef.parse(str(message)) == message


def test_references_are_written_as_the_documentation_says() -> None:
    channel = ChannelRef("slack", "T1", "C123")
    assert str(channel) == "slack:T1/C123"
    assert str(UserRef("slack", "T1", "U1")) == "slack:T1/U1"
    assert str(MessageRef(channel, "1724140800.000100")) == "slack:T1/C123/1724140800.000100"


@pytest.mark.parametrize("text", ["", "slack", "slack:", ":T1/C1", "slack:T1", "slack:T1/", "T1/C"])
def test_what_is_no_reference_is_refused_with_its_form(text: str) -> None:
    for kind in (ChannelRef, UserRef, MessageRef):
        with pytest.raises(ValueError, match="not of the form"):
            kind.parse(text)


def test_a_message_is_no_channel_and_a_channel_no_message() -> None:
    with pytest.raises(ValueError, match="channel"):
        ChannelRef.parse("slack:T1/C1/1.2")
    with pytest.raises(ValueError, match="message"):
        MessageRef.parse("slack:T1/C1")


def test_a_schedule_allows_its_weekdays_alone() -> None:
    monday = date(2026, 5, 4)
    allowed = [Schedule().allows(monday.replace(day=4 + n)) for n in range(7)]
    assert allowed == [True] * 5 + [False] * 2
    assert [day.value for day in WORKDAYS] == ["mon", "tue", "wed", "thu", "fri"]
    assert Schedule(weekdays=(Weekday.SUN,)).allows(date(2026, 5, 10))
