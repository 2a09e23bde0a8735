"""Dialogs as modals: drawn within Discord's limits, and read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.limits import LIMITS, Json
from adapters.discord.modals import Filled, modal, pages, read_modal
from bot.domain.dialog import Dialog, Field
from bot.text import size
from tests.doubles import discord_openapi
from tests.doubles.discord_limits import check_modal

FIELDS = (
    Field("at", "At", "Local time.", value="09:00", required=True),
    Field("layout", "Layout", "How it looks.", "choice", "list", ("thread", "list")),
    Field("limit", "Limit", "At the most.", "integer", "10", minimum=1, maximum=25, required=True),
    Field("share", "Share", "", "boolean", "yes"),
    Field("include", "Include", "Words."),
    Field("exclude", "Exclude", "Words."),
)
DIALOG = Dialog("settings", "Settings of #papers", FIELDS)
CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"


def component(shown: Json, name: str) -> Json:
    found = (each["component"] for each in shown["components"])
    return next(each for each in found if each["custom_id"] == name)


def test_five_fields_stand_on_a_page() -> None:
    first, second = modal(DIALOG), modal(DIALOG, 2)
    assert [each["component"]["custom_id"] for each in first["components"]] == [
        "at",
        "layout",
        "limit",
        "share",
        "include",
    ]
    assert [each["component"]["custom_id"] for each in second["components"]] == ["exclude"]
    assert (first["title"], second["title"]) == (
        "Settings of #papers (1 of 2)",
        "Settings of #papers (2 of 2)",
    )
    assert modal(DIALOG, 9) == second
    assert (pages(5), pages(6), pages(10)) == (1, 2, 2)


def test_each_kind_of_field_is_drawn_as_what_it_holds() -> None:
    shown = modal(DIALOG)
    assert component(shown, "at") == {
        "type": 4,
        "style": 1,
        "required": True,
        "max_length": 4_000,
        "value": "09:00",
        "custom_id": "at",
    }
    layout = component(shown, "layout")
    assert [(each["value"], each.get("default")) for each in layout["options"]] == [
        ("thread", None),
        ("list", True),
    ]
    assert component(shown, "limit")["placeholder"] == "1 to 25"
    share = component(shown, "share")
    assert [each["value"] for each in share["options"] if each.get("default")] == ["yes"]
    assert "value" not in component(shown, "include")
    assert shown["components"][0]["description"] == "Local time."
    assert "description" not in shown["components"][3]


def test_a_choice_too_long_for_a_select_is_typed() -> None:
    many = Field("zone", "Zone", "", "choice", "3", tuple(map(str, range(26))))
    assert component(modal(Dialog("x", "X", (many,))), "zone")["type"] == 4


def test_what_was_filled_in_is_read_back() -> None:
    data = {
        "custom_id": modal(DIALOG, 2, "77")["custom_id"],
        "components": [
            {"type": 18, "id": 1, "component": {"type": 4, "custom_id": "at", "value": " 8:30"}},
            {"type": 18, "component": {"type": 3, "custom_id": "layout", "values": ["list"]}},
            {"type": 18, "component": {"type": 3, "custom_id": "share", "values": []}},
        ],
    }
    fields = {"at": " 8:30", "layout": "list", "share": ""}
    assert read_modal(data) == Filled("settings", 2, "77", fields)


@pytest.mark.parametrize(
    "custom_id", ["", "x", "vote|up|arxiv:1", "dialog|settings", "dialog|s|x|"]
)
def test_a_modal_of_another_make_is_none_of_ours(custom_id: str) -> None:
    assert read_modal({"custom_id": custom_id}) is None


words = st.text(max_size=300)
fields = st.builds(
    Field,
    name=st.text("abcdefgh_", min_size=1, max_size=20),
    label=words,
    hint=words,
    kind=st.sampled_from(["text", "integer", "boolean", "choice"]),
    value=words,
    choices=st.lists(words, max_size=30).map(tuple),
    minimum=st.none() | st.integers(-5, 5),
    maximum=st.none() | st.integers(5, 50),
    required=st.booleans(),
)


@given(words, st.lists(fields, min_size=1, max_size=12, unique_by=lambda each: each.name))
def test_discord_takes_every_page_of_every_dialog(title: str, some: list[Field]) -> None:
    dialog = Dialog("settings", title, tuple(some))
    for page in range(1, pages(len(some)) + 1):
        shown = modal(dialog, page)
        check_modal(shown)
        assert 1 <= size(shown["title"]) <= LIMITS.modal_title
        if discord_openapi.available():
            body = {"type": 9, "data": shown}
            assert discord_openapi.problems("POST", CALLBACK, body) == []
