"""The slash command: made of the definitions, known again, and read."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from adapters.discord.commands import (
    ADMINS,
    MEMBERS,
    Invocation,
    as_typed,
    command_payload,
    fingerprint,
    read_invocation,
    read_menu,
)
from bot.commands import all_commands
from bot.commands.parsing import spec_of
from bot.domain.papers import PaperId
from bot.domain.reply import Reply
from tests.doubles.discord_limits import check_commands

Json = dict[str, Any]


def options(name: str, group: str = MEMBERS) -> dict[str, Json]:
    found = {each["name"]: each for each in _group(group)["options"]}[name]
    return {each["name"]: each for each in found["options"]}


def _group(name: str) -> Json:
    return {each["name"]: each for each in command_payload()}[name]


def test_members_see_what_they_may_use_and_admins_the_rest() -> None:
    names = [each["name"] for each in _group(MEMBERS)["options"]]
    hidden = [each["name"] for each in _group(ADMINS)["options"]]
    assert names == sorted(names, key=list(all_commands()).index)
    assert hidden == ["subscribe", "unsubscribe", "settings"]
    assert set(names) | set(hidden) == set(all_commands())
    assert options("settings") == {}  # members look at them
    assert options("settings", ADMINS)["at"]


def test_where_a_command_shows_and_to_whom() -> None:
    members, admins, menu = command_payload()
    assert (members["contexts"], members["integration_types"]) == ([0, 1, 2], [0, 1])
    assert (admins["contexts"], admins["integration_types"]) == ([0, 1], [0])
    assert int(admins["default_member_permissions"]) == 1 << 5
    assert "default_member_permissions" not in members
    assert (menu["type"], menu["name"]) == (3, "Summarize this paper")
    assert all("contexts" not in each for each in command_payload(one_guild=True))


def test_discord_takes_the_commands() -> None:
    check_commands(command_payload())


def test_types_and_bounds_are_those_of_the_parameters() -> None:
    found = options("search")
    assert found["query"] == {
        "type": 3,
        "name": "query",
        "description": "Words to look for, and what narrows them down.",
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
    subscribe = options("subscribe", ADMINS)
    layouts = [each["value"] for each in subscribe["layout"]["choices"]]
    assert layouts == ["thread", "list", "cards", "papers"]
    assert subscribe["at"]["autocomplete"]
    assert options("show")["paper"]["autocomplete"]
    assert options("settings", ADMINS)["include"]["autocomplete"]
    assert "autocomplete" not in options("settings", ADMINS)["sources"]


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

    group, _ = command_payload({"odd": spec_of(odd)})
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
    theirs[0]["contexts"] = [2, 1, 0]
    theirs[0]["options"][1]["options"][1]["required"] = False
    theirs[0]["options"][1]["options"][1]["choices"] = []
    theirs[1]["default_member_permissions"] = str(ours[1]["default_member_permissions"])
    theirs.reverse()
    assert fingerprint(theirs) == fingerprint(ours)
    assert fingerprint([]) != fingerprint(ours)
    of_a_guild = command_payload(one_guild=True)
    assert fingerprint(theirs, one_guild=True) == fingerprint(of_a_guild, one_guild=True)


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
    called = {"name": ADMINS, "options": [{"name": "settings", "type": 1}]}
    assert read_invocation(called) == Invocation("settings", for_admins=True)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("help", "/papers help"),
        ("/papers help", "/papers help"),
        ("subscribe", "/papers-admin subscribe"),
        ("settings", "/papers settings"),
        ("settings --at 09:30", "/papers-admin settings at:09:30"),
        ('search "world models" --limit 3', '/papers search query:"world models" limit:3'),
        (
            "search <query> [--limit 1-10] [--share]",
            "/papers search query:… [limit:1-10] [share:True]",
        ),
        ("today --share", "/papers today share:True"),
        ("--share", "share:True"),
        ("help --nonsense 3", "/papers help --nonsense 3"),
        ("settled", "settled"),
        ("1f00ab", "1f00ab"),
    ],
)
def test_our_lines_are_shown_as_people_type_them_here(ours: str, theirs: str) -> None:
    assert as_typed(ours) == theirs


def test_a_menu_is_read_for_what_its_message_shows() -> None:
    message = {
        "id": "2605.00009",
        "content": "see arxiv.org/abs/2605.00001",
        "embeds": [{"url": "https://huggingface.co/papers/2605.00002", "footer": {"text": "x"}}],
        "components": [
            {"components": [{"type": 10, "content": "[a](https://arxiv.org/abs/2605.00003)"}]}
        ],
    }
    other = {"content": "2605.00004"}
    data = {"target_id": "7", "resolved": {"messages": {"7": message, "8": other}}}
    found = PaperId.find_all(read_menu(data))
    assert [each.key for each in found] == ["2605.00001", "2605.00002", "2605.00003"]
    assert read_menu({}) == []
