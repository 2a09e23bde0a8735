"""Ids: there and back, and marks that stay."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import discord
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord import ids
from bot.domain.channels import ChannelRef, MessageRef, UserRef


def test_references_name_guild_channel_and_message() -> None:
    assert str(ids.message_ref(1, 2, 3)) == "discord:1/2/3"
    assert MessageRef.parse("discord:1/2/3") == ids.message_ref(1, 2, 3)
    assert ids.channel_ref(None, 2) == ChannelRef("discord", "dm", "2")
    assert ids.user_ref(1, 4) == UserRef("discord", "1", "4")


@given(st.datetimes(min_value=datetime(2016, 1, 1), max_value=datetime(2060, 1, 1)))  # noqa: DTZ001 - made aware below
def test_snowflakes_carry_the_time_as_discord_py_reads_it(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC, microsecond=0)
    assert discord.utils.snowflake_time(ids.snowflake_at(aware)) == aware


def test_a_moment_before_discord_is_the_smallest_id() -> None:
    assert ids.snowflake_at(datetime(1999, 1, 1, tzinfo=UTC)) == 0


@given(st.text())
def test_marks_are_two_different_component_ids_above_those_discord_hands_out(key: str) -> None:
    first, second = ids.marks(key)
    assert first != second
    assert all(2**30 <= mark < 2**31 for mark in (first, second))
    assert ids.marks(key) == (first, second)


@given(st.text(alphabet="abc|:.123", min_size=1, max_size=90), st.integers(1, 40))
def test_an_action_is_read_from_the_id_of_each_twin(packed: str, number: int) -> None:
    made = ids.custom_id(packed, number)
    assert made
    assert ids.packed_action(made) == packed


def test_an_id_that_is_too_long_is_none() -> None:
    assert ids.custom_id("x" * 100, 1) == "x" * 100
    assert ids.custom_id("x" * 99, 2) is None
    assert ids.custom_id("😀" * 51, 1) is None


def test_the_invite_asks_for_what_the_bot_needs_and_no_more() -> None:
    query = parse_qs(urlsplit(ids.invite_url(42)).query)
    assert query["client_id"] == ["42"]
    assert query["scope"] == ["bot applications.commands"]
    asked = discord.Permissions(int(query["permissions"][0]))
    assert {name for name, granted in asked if granted} == {
        "read_messages",
        "send_messages",
        "embed_links",
        "read_message_history",
        "add_reactions",
        "create_public_threads",
        "send_messages_in_threads",
    }
