"""Draw a dialog as a modal, and read back what was filled in. Pure.

What Slack cannot show degrades so: a choice of more than it lists is typed instead, and a value
that its kind of field does not hold is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from adapters.slack.limits import LIMITS, Json
from bot.domain.dialog import Dialog, Field
from bot.text import clean, clip, one_line, size

PREFIX = "dialog|"
YES, NO = "yes", "no"
UNSET = frozenset({"", NO, "false", "off", "0"})


def dialog_view(dialog: Dialog, *, private_metadata: str) -> Json:
    """Return the modal in which a command is filled in; see ``command_of`` and ``read_view``.

    Args:
        dialog: What is asked for.
        private_metadata: What comes back with the answer; people do not see it.
    """
    return {
        "type": "modal",
        "callback_id": f"{PREFIX}{dialog.command}",
        "title": _plain(dialog.title, LIMITS.view_title, or_else="Daily Papers"),
        "submit": _plain("Save", LIMITS.view_button),
        "close": _plain("Cancel", LIMITS.view_button),
        "private_metadata": private_metadata,
        "blocks": [_input(field) for field in dialog.fields],
    }


def command_of(callback_id: str) -> str | None:
    """Return the command of a modal made here, by its ``callback_id``."""
    return callback_id.removeprefix(PREFIX) if callback_id.startswith(PREFIX) else None


def read_view(state_values: Mapping[str, Any]) -> dict[str, str]:
    """Return what was filled in, by field, from ``state.values`` of a submitted view."""
    return {name: _read(entries.get(name) or {}) for name, entries in state_values.items()}


def _read(entry: Mapping[str, Any]) -> str:
    if entry.get("type") == "checkboxes":
        return YES if entry.get("selected_options") else NO
    if entry.get("type") == "static_select":
        return str((entry.get("selected_option") or {}).get("value", ""))
    return entry.get("value") or ""


def _input(field: Field) -> Json:
    block = {
        "type": "input",
        "block_id": field.name,
        "optional": not field.required,
        "label": _plain(field.label, LIMITS.label, or_else=field.name),
        "element": {"action_id": field.name, **_element(field)},
    }
    if one_line(field.hint):
        block["hint"] = _plain(field.hint, LIMITS.hint)
    return block


def _element(field: Field) -> Json:
    match field.kind:
        case "text":
            return _typed(field)
        case "integer":
            return _number(field)
        case "boolean":
            option = {"text": _plain(field.label, LIMITS.option_text, or_else="Yes"), "value": YES}
            chosen = field.value.strip().lower() not in UNSET
            initial = {"initial_options": [option]} if chosen else {}
            return {"type": "checkboxes", "options": [option], **initial}
        case "choice":
            return _choice(field)
        case _:
            assert_never(field.kind)


def _typed(field: Field) -> Json:
    value = clip(clean(field.value), LIMITS.input_text)
    return {"type": "plain_text_input", **({"initial_value": value} if value.strip() else {})}


def _number(field: Field) -> Json:
    least, most = field.minimum, field.maximum
    element: Json = {"type": "number_input", "is_decimal_allowed": False}
    if least is not None:
        element["min_value"] = str(least)
    if most is not None:
        element["max_value"] = str(most)
    value = field.value.strip()
    if value.isascii() and value.removeprefix("-").isdecimal():
        number = int(value)
        if (least is None or number >= least) and (most is None or number <= most):
            element["initial_value"] = str(number)
    return element


def _choice(field: Field) -> Json:
    options = [
        {"text": _plain(choice, LIMITS.option_text, or_else=choice), "value": choice}
        for choice in dict.fromkeys(field.choices)
    ]
    listed = 0 < len(options) <= LIMITS.options and all(
        choice.strip() and size(choice) <= LIMITS.option_value for choice in field.choices
    )
    if not listed:
        return _typed(field)
    initial = [option for option in options if option["value"] == field.value]
    return {
        "type": "static_select",
        "options": options,
        **({"initial_option": initial[0]} if initial else {}),
    }


def _plain(characters: str, most: int, *, or_else: str = "") -> Json:
    words = clip(one_line(characters) or or_else, most)
    return {"type": "plain_text", "text": words, "emoji": False}
