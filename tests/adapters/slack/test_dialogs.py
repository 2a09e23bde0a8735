from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.slack._dialogs import command_of, dialog_view, read_view
from adapters.slack.limits import problems
from bot.commands import all_commands
from bot.domain.dialog import Dialog, Field

Json = dict[str, Any]

FIELDS = (
    Field("at", "At", "A time (HH:MM)", "text", "08:30"),
    Field("limit", "Limit", "How many", "integer", "10", minimum=1, maximum=25),
    Field("layout", "Layout", "How it looks", "choice", "list", ("thread", "list", "cards")),
    Field("share", "Share", "For all to see", "boolean", "yes"),
)
words = st.text(max_size=40) | st.sampled_from(["x" * 4_000, "<!channel>", "\u202e", " ", ""])
fields = st.builds(
    Field,
    st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=30),
    words,
    words,
    st.sampled_from(["text", "integer", "boolean", "choice"]),
    words | st.integers().map(str),
    st.lists(words, max_size=120).map(tuple),
    st.none() | st.integers(-9, 9),
    st.none() | st.integers(10, 99),
)
dialogs = st.builds(
    Dialog,
    st.sampled_from(sorted(all_commands())),
    words,
    st.lists(fields, min_size=1, max_size=25, unique_by=lambda each: each.name).map(tuple),
)


def drawn(*given: Field) -> list[Json]:
    view = dialog_view(Dialog("settings", "Settings", given), private_metadata="C1")
    assert problems(view, "modal") == []
    return [block["element"] for block in view["blocks"]]


def shown(view: Json) -> Json:
    """Return ``state.values`` of a view that is handed in as it was opened."""
    values: Json = {}
    for block in view["blocks"]:
        element = block["element"]
        match element["type"]:
            case "static_select":
                state = {"selected_option": element.get("initial_option")}
            case "checkboxes":
                state = {"selected_options": element.get("initial_options", [])}
            case _:
                state = {"value": element.get("initial_value")}
        values[block["block_id"]] = {element["action_id"]: {"type": element["type"], **state}}
    return values


def test_a_dialog_has_one_input_a_field() -> None:
    view = dialog_view(Dialog("settings", "Settings", FIELDS), private_metadata="C1")
    assert (view["callback_id"], view["private_metadata"]) == ("dialog|settings", "C1")
    assert [view[key]["text"] for key in ("title", "submit", "close")] == [
        "Settings",
        "Save",
        "Cancel",
    ]
    assert [block["block_id"] for block in view["blocks"]] == ["at", "limit", "layout", "share"]
    assert all(block["optional"] for block in view["blocks"])
    assert [block["hint"]["text"] for block in view["blocks"]] == [each.hint for each in FIELDS]
    at, limit, layout, share = (block["element"] for block in view["blocks"])
    assert at == {"type": "plain_text_input", "action_id": "at", "initial_value": "08:30"}
    assert (limit["min_value"], limit["max_value"], limit["initial_value"]) == ("1", "25", "10")
    assert layout["initial_option"]["value"] == "list"
    assert share["initial_options"] == share["options"]


def test_what_is_handed_in_as_it_was_reads_as_it_was() -> None:
    view = dialog_view(Dialog("settings", "Settings", FIELDS), private_metadata="")
    assert read_view(shown(view)) == {each.name: each.value for each in FIELDS}


def test_what_was_emptied_is_empty_and_what_was_unticked_is_no() -> None:
    emptied = tuple(replace(each, value="") for each in FIELDS)
    view = dialog_view(Dialog("settings", "Settings", emptied), private_metadata="")
    assert read_view(shown(view)) == {"at": "", "limit": "", "layout": "", "share": "no"}
    assert read_view({"at": {}}) == {"at": ""}


@pytest.mark.parametrize("value", ["ten", "0", "26", "-1", "१"])
def test_a_number_that_the_field_does_not_take_is_left_out(value: str) -> None:
    (limit,) = drawn(replace(FIELDS[1], value=value))
    assert "initial_value" not in limit


def test_a_number_without_bounds_takes_any() -> None:
    (limit,) = drawn(Field("limit", "Limit", "", "integer", "-7"))
    assert limit["initial_value"] == "-7"
    assert not {"min_value", "max_value"} & set(limit)


@pytest.mark.parametrize("choices", [(), tuple(map(str, range(101))), ("x" * 151,), (" ",)])
def test_a_choice_that_slack_cannot_list_is_typed(choices: tuple[str, ...]) -> None:
    (layout,) = drawn(replace(FIELDS[2], choices=choices))
    assert layout["type"] == "plain_text_input"
    assert layout["initial_value"] == "list"


def test_a_modal_of_another_kind_is_none_of_a_command() -> None:
    assert command_of("dialog|settings") == "settings"
    assert command_of("answer") is None


@pytest.mark.parametrize("name", sorted(all_commands()))
def test_the_dialog_of_every_command_is_a_modal_that_slack_takes(name: str) -> None:
    spec = all_commands()[name]
    if spec.parameters:
        assert problems(dialog_view(spec.dialog({}), private_metadata=""), "modal") == []


@settings(max_examples=100, deadline=None)
@given(dialogs, st.text(max_size=100))
def test_every_dialog_is_a_modal_that_slack_takes(dialog: Dialog, kept: str) -> None:
    view = dialog_view(dialog, private_metadata=kept)
    assert problems(view, "modal") == []
    assert set(read_view(shown(view))) == {each.name for each in dialog.fields}
