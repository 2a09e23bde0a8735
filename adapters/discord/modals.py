"""Draw a dialog as modals of a few fields each, and read back what was filled in. Pure.

Discord shows five fields at a time, so a longer dialog has pages; each is saved by itself. A choice
of more than a select lists is typed instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from adapters.discord.limits import LIMITS, Json
from bot.domain.dialog import Dialog, Field
from bot.text import clean, clip, one_line, size

# docs.discord.com/developers/components/reference#component-object
STRING_SELECT, TEXT_INPUT, LABEL = 3, 4, 18
SHORT = 1

PREFIX = "dialog"
YES, NO = "yes", "no"
UNSET = frozenset({"", NO, "false", "off", "0"})


@dataclass(frozen=True, slots=True)
class Filled:
    """A page of a dialog as somebody sent it.

    Attributes:
        channel: Id of the channel that it is for, or nothing: where it was opened.
        fields: What stands in the fields of the page, as it would be typed.
    """

    command: str
    page: int
    channel: str
    fields: Mapping[str, str]


def pages(fields: int) -> int:
    """Return how many modals it takes to show so many fields."""
    return -(-fields // LIMITS.modal_fields)


def modal(dialog: Dialog, page: int = 1, channel: str = "") -> Json:
    """Return what opens one page of a dialog; see ``read_modal``.

    Args:
        dialog: What is asked for.
        page: Which page, from 1; beyond the last one it is the last.
        channel: Id of the channel that it is for, where it is another than it is opened in.
    """
    last = pages(len(dialog.fields))
    page = min(page, last)
    start = (page - 1) * LIMITS.modal_fields
    title = f"{dialog.title} ({page} of {last})" if last > 1 else dialog.title
    if size(title) > LIMITS.modal_title and last > 1:
        tail = f" ({page} of {last})"
        title = clip(one_line(dialog.title), LIMITS.modal_title - len(tail)) + tail
    return {
        "custom_id": f"{PREFIX}|{dialog.command}|{page}|{channel}",
        "title": clip(one_line(title) or "Daily Papers", LIMITS.modal_title),
        "components": [_label(each) for each in dialog.fields[start : start + LIMITS.modal_fields]],
    }


def read_modal(data: Mapping[str, Any]) -> Filled | None:
    """Read a modal that was sent, or return ``None`` if it is none of ours."""
    prefix, _, rest = str(data.get("custom_id", "")).partition("|")
    parts = rest.split("|")
    if prefix != PREFIX or len(parts) != 3 or not parts[1].isdecimal():
        return None
    command, page, channel = parts
    return Filled(command, int(page), channel, dict(_values(data.get("components", ()))))


def _values(labels: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for label in labels:
        entry = label.get("component") or {}
        chosen = entry.get("values")
        value = entry.get("value") if chosen is None else next(iter(chosen), "")
        if "custom_id" in entry:
            yield entry["custom_id"], str(value or "")


def _label(field: Field) -> Json:
    shown: Json = {
        "type": LABEL,
        "label": clip(one_line(field.label) or field.name, LIMITS.field_label),
        "component": {**_component(field), "custom_id": field.name},
    }
    if hint := one_line(field.hint):
        shown["description"] = clip(hint, LIMITS.field_hint)
    return shown


def _component(field: Field) -> Json:
    match field.kind:
        case "text" | "integer":
            return _typed(field)
        case "boolean":
            chosen = field.value.strip().lower() not in UNSET
            return _select([YES, NO], YES if chosen else NO, field)
        case "choice":
            return _choice(field)
        case _:
            assert_never(field.kind)


def _typed(field: Field) -> Json:
    value = clip(clean(field.value), LIMITS.input_text)
    bounds = ""
    if field.minimum is not None and field.maximum is not None:
        bounds = f"{field.minimum} to {field.maximum}"
    return {
        "type": TEXT_INPUT,
        "style": SHORT,
        "required": field.required,
        "max_length": LIMITS.input_text,
        **({"value": value} if value.strip() else {}),
        **({"placeholder": bounds} if bounds else {}),
    }


def _choice(field: Field) -> Json:
    choices = list(dict.fromkeys(field.choices))
    listed = 0 < len(choices) <= LIMITS.select_options and all(
        choice.strip() and size(choice) <= LIMITS.select_text for choice in choices
    )
    return _select(choices, field.value, field) if listed else _typed(field)


def _select(choices: Iterable[str], chosen: str, field: Field) -> Json:
    options = [
        {"label": each, "value": each, **({"default": True} if each == chosen else {})}
        for each in choices
    ]
    return {"type": STRING_SELECT, "options": options, "required": field.required}
