"""The slash command: made of the definitions, known again, and read."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from adapters.discord.commands import (
    Invocation,
    command_payload,
    fingerprint,
    read_invocation,
)
from bot.commands import all_commands
from bot.commands.parsing import spec_of
from bot.domain.reply import Reply
from tests.doubles.discord_limits import check_commands

Json = dict[str, Any]


def options(name: str) -> dict[str, Json]:
    (group,) = command_payload()
    (found,) = [each for each in group["options"] if each["name"] == name]
    return {each["name"]: each for each in found["options"]}


def test_every_command_is_a_sub_command_in_the_order_of_help() -> None:
    (group,) = command_payload()
    assert group["name"] == "papers"
    assert group["contexts"] == [0, 1]
    assert [each["name"] for each in group["options"]] == list(all_commands())


def test_discord_takes_the_commands() -> None:
    check_commands(command_payload())


def test_types_and_bounds_are_those_of_the_parameters() -> None:
    found = options("search")
    assert found["query"] == {
        "type": 3,
        "name": "query",
        "description": "Words to look for.",
        "required": True,
        "max_length": 2_000,
    }
    assert (found["limit"]["type"], found["limit"]["min_value"], found["limit"]["max_value"]) == (
        4,
        1,
        10,
    )
    assert found["share"]["type"] == 5


def test_few_values_are_a_choice_and_open_ones_are_suggested() -> None:
    assert [each["value"] for each in options("subscribe")["layout"]["choices"]] == [
        "thread",
        "list",
        "cards",
    ]
    assert options("subscribe")["at"]["autocomplete"]
    assert options("show")["paper"]["autocomplete"]
    assert "autocomplete" not in options("settings")["include"]


def test_required_options_come_first_and_long_descriptions_are_clipped() -> None:
    async def odd(  # noqa: D417 - the context is no argument of the command
        ctx: object, first: str = "x", *, second: str
    ) -> Reply:
        """Do something odd.

        Args:
            first: One.
            second: Words, words, words, words, words, words, words, words, words, words, words,
                words, words, words, words and words.
        """
        raise NotImplementedError

    (group,) = command_payload({"odd": spec_of(odd)})
    first, *_ = group["options"][0]["options"]
    assert first["name"] == "second"
    assert len(first["description"]) <= 100
    assert first["description"].endswith("…")


def test_more_commands_than_discord_takes_fail_at_once() -> None:
    spec = all_commands()["help"]
    with pytest.raises(ValueError, match="allows 25 options, papers has 26"):
        command_payload({str(number): spec for number in range(26)})


def test_the_fingerprint_knows_what_discord_gives_back() -> None:
    ours = command_payload()
    theirs = copy.deepcopy(ours)
    theirs[0] |= {"id": "1", "version": "2", "nsfw": False, "name_localizations": None}
    theirs[0]["contexts"] = [1, 0]
    theirs[0]["options"][1]["options"][1]["required"] = False
    theirs[0]["options"][1]["options"][1]["choices"] = []
    assert fingerprint(theirs) == fingerprint(ours)
    assert fingerprint([]) != fingerprint(ours)


@pytest.mark.parametrize(
    ("field", "value"), [("description", "Else."), ("min_value", 0), ("required", True)]
)
def test_the_fingerprint_sees_a_change(field: str, value: object) -> None:
    changed = command_payload()
    changed[0]["options"][1]["options"][1][field] = value
    assert fingerprint(changed) != fingerprint(command_payload())


def test_a_call_is_read_with_the_option_being_typed_apart() -> None:
    limit = {"name": "limit", "type": 4, "value": 3}
    query = {"name": "query", "type": 3, "value": "wor", "focused": True}
    data = {"options": [{"name": "search", "type": 1, "options": [limit, query]}]}
    assert read_invocation(data) == Invocation("search", {"limit": 3}, "query", "wor")
    assert read_invocation({"options": [{"name": "help", "type": 1}]}) == Invocation("help")
