"""The shapes of the blocks, elements and views that are used here. Pure.

Another block, element or key is a mistake of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adapters.slack._check import (
    Json,
    Rule,
    Shape,
    anything,
    between,
    characters,
    either,
    flag,
    one_of_type,
    several,
    texts,
)
from adapters.slack._table import LIMITS, Surface, takes_url


def _address(value: Any) -> Sequence[str]:
    sound = isinstance(value, str) and takes_url(value)
    return () if sound else (": not an address that Slack takes",)


def _number(value: Any) -> Sequence[str]:
    sound = isinstance(value, str) and value.isascii() and value.removeprefix("-").isdecimal()
    return () if sound else (": no whole number in a string",)


def _text(most: int) -> Rule:
    return one_of_type("text", texts(most))


def _plain(most: int) -> Rule:
    return one_of_type("text", {"plain_text": texts(most)["plain_text"]})


_TYPE: Mapping[str, Rule] = {"type": anything}
_PLACEHOLDER: Mapping[str, Rule] = {"placeholder": _plain(LIMITS.placeholder)}

CONFIRM = Shape(
    {
        "title": _plain(LIMITS.confirm_title),
        "text": _text(LIMITS.confirm_text),
        "confirm": _plain(LIMITS.confirm_button),
        "deny": _plain(LIMITS.confirm_button),
        "style": either("primary", "danger"),
    },
    needs=("title", "text", "confirm", "deny"),
)
IMAGE = Shape(
    {**_TYPE, "image_url": _address, "alt_text": characters(LIMITS.image_alt)},
    needs=("image_url", "alt_text"),
)


def _element(rules: Mapping[str, Rule], *needs: str, also: Rule = anything) -> Shape:
    """Return the shape of what a person can press, choose from or fill in."""
    common = {**_TYPE, "action_id": characters(LIMITS.action_id)}
    return Shape({**common, **rules}, ("action_id", *needs), also=also)


def _choice(most: int, option_text: Rule, **more: Rule) -> Shape:
    option = Shape(
        {
            "text": option_text,
            "value": characters(LIMITS.option_value),
            "description": _plain(LIMITS.option_description),
        },
        needs=("text", "value"),
    )
    rules: dict[str, Rule] = {"options": several(option, most), "confirm": CONFIRM, **more}
    return _element(rules, "options", also=_begins_with_options)


def _begins_with_options(value: Mapping[str, Any]) -> Sequence[str]:
    initial = [*value.get("initial_options", ()), value.get("initial_option")]
    known = (*value["options"], None)
    return () if all(each in known for each in initial) else (": begins with what is no option",)


def _in_order(low: str, high: str) -> Rule:
    def check(value: Mapping[str, Any]) -> Sequence[str]:
        wrong = low in value and high in value and int(value[low]) > int(value[high])
        return (f": {low} is above {high}",) if wrong else ()

    return check


BUTTON = _element(
    {
        "text": _plain(LIMITS.button_text),
        "value": characters(LIMITS.button_value),
        "url": _address,
        "style": either("primary", "danger"),
        "confirm": CONFIRM,
    },
    "text",
)
CHOICES = {  # what an initial option is, `_begins_with_options` says
    "static_select": _choice(
        LIMITS.options, _plain(LIMITS.option_text), initial_option=anything, **_PLACEHOLDER
    ),
    "multi_static_select": _choice(
        LIMITS.options,
        _plain(LIMITS.option_text),
        initial_options=several(anything, LIMITS.options),
        max_selected_items=between(1, LIMITS.options),
        **_PLACEHOLDER,
    ),
    "checkboxes": _choice(
        LIMITS.checkboxes,
        _text(LIMITS.option_text),
        initial_options=several(anything, LIMITS.checkboxes),
    ),
    "radio_buttons": _choice(
        LIMITS.radio_buttons, _text(LIMITS.option_text), initial_option=anything
    ),
}
PRESSED = {
    "button": BUTTON,
    "overflow": _choice(LIMITS.overflow_options, _plain(LIMITS.option_text)),
    "static_select": CHOICES["static_select"],
}
INPUTS = {
    **CHOICES,
    "plain_text_input": _element(
        {
            **_PLACEHOLDER,
            "initial_value": characters(LIMITS.input_text),
            "multiline": flag,
            "min_length": between(0, LIMITS.input_text),
            "max_length": between(1, LIMITS.input_text),
        },
        also=_in_order("min_length", "max_length"),
    ),
    "number_input": _element(
        {
            **_PLACEHOLDER,
            "initial_value": _number,
            "min_value": _number,
            "max_value": _number,
            "is_decimal_allowed": flag,
        },
        "is_decimal_allowed",
        also=_in_order("min_value", "max_value"),
    ),
}
_WORDS = characters(LIMITS.blocks_json, blank=True)  # no limit of its own is documented
_STYLE = Shape(dict.fromkeys(("bold", "italic", "strike", "code"), flag))
RICH_TEXT = {  # its other elements call people or channels, and are never wanted here
    "text": Shape({**_TYPE, "text": _WORDS, "style": _STYLE}, ("text",)),
    "link": Shape({**_TYPE, "text": _WORDS, "url": _address, "style": _STYLE}, ("text", "url")),
}
RICH_TEXT_SECTION = Shape(
    {**_TYPE, "elements": several(one_of_type("element", RICH_TEXT), LIMITS.blocks_json)},
    needs=("elements",),
)


def _block(rules: Mapping[str, Rule], *needs: str, **more: Any) -> Shape:
    return Shape({**_TYPE, "block_id": characters(LIMITS.block_id), **rules}, needs, **more)


def _collapses(value: Mapping[str, Any]) -> Sequence[str]:
    if value.get("default_collapsed") and not value.get("is_collapsible"):
        return (": collapsed, yet not collapsible",)
    if value.get("has_header_divider") and value.get("is_collapsible"):
        return (": a divider below the header of what is collapsible",)
    return ()


BASE = {
    "header": _block({"text": _plain(LIMITS.header)}, "text"),
    "section": _block(
        {
            "text": _text(LIMITS.section),
            "fields": several(_text(LIMITS.field), LIMITS.fields),
            "accessory": one_of_type("accessory", {**CHOICES, **PRESSED, "image": IMAGE}),
        },
        one_of=("text", "fields"),
    ),
    "context": _block(
        {
            "elements": several(
                one_of_type("element", {**texts(LIMITS.context_text), "image": IMAGE}),
                LIMITS.context_elements,
            )
        },
        "elements",
    ),
    "actions": _block(
        {"elements": several(one_of_type("element", PRESSED), LIMITS.actions_elements)}, "elements"
    ),
    "divider": _block({}),
    "image": _block({**IMAGE.rules, "title": _plain(LIMITS.image_title)}, *IMAGE.needs),
    "rich_text": _block(
        {
            "elements": several(
                one_of_type("element", {"rich_text_section": RICH_TEXT_SECTION}),
                LIMITS.blocks_json,
            )
        },
        "elements",
    ),
}
"""Blocks that every surface of every workspace takes."""

CARD = _block(
    {
        "title": _text(LIMITS.card_title),
        "subtitle": _text(LIMITS.card_subtitle),
        "body": _text(LIMITS.card_body),
        "icon": IMAGE,
        "hero_image": IMAGE,
        "actions": several(one_of_type("action", {"button": BUTTON}), LIMITS.card_actions),
    },
    one_of=("hero_image", "title", "actions", "body"),
)
CAROUSEL = _block(
    {"elements": several(one_of_type("card", {"card": CARD}), LIMITS.carousel_cards)}, "elements"
)
CONTAINER = _block(
    {
        "title": _plain(LIMITS.container_title),
        "subtitle": _text(LIMITS.container_subtitle),
        "icon": IMAGE,
        "width": either("narrow", "standard", "wide", "full"),
        "child_blocks": several(one_of_type("child", BASE), LIMITS.container_blocks),
        **dict.fromkeys(("is_collapsible", "default_collapsed", "has_header_divider"), flag),
    },
    "title",
    "child_blocks",
    also=_collapses,
)
ALERT = _block(
    {
        "text": _text(LIMITS.alert),
        "level": either("default", "info", "warning", "error", "success"),
    },
    "text",
)
INPUT = _block(
    {
        "label": _plain(LIMITS.label),
        "element": one_of_type("input", INPUTS),
        "hint": _plain(LIMITS.hint),
        "optional": flag,
        "dispatch_action": flag,
    },
    "label",
    "element",
)
BLOCKS: Mapping[Surface, Mapping[str, Shape]] = {
    "message": {**BASE, "card": CARD, "carousel": CAROUSEL, "container": CONTAINER},
    "modal": {**BASE, "card": CARD, "input": INPUT, "alert": ALERT},
    "home": {**BASE, "card": CARD, "carousel": CAROUSEL, "container": CONTAINER, "input": INPUT},
}
"""Each surface's blocks. That a modal takes no carousel and no container, `slackblocks` says."""

_VIEW: Mapping[str, Rule] = {
    **_TYPE,
    "blocks": anything,
    "private_metadata": characters(LIMITS.private_metadata, least=0),
    "callback_id": characters(LIMITS.callback_id),
}
VIEWS = {
    "home": Shape(_VIEW, ("blocks",)),
    "modal": Shape(
        {
            **_VIEW,
            "title": _plain(LIMITS.view_title),
            "submit": _plain(LIMITS.view_button),
            "close": _plain(LIMITS.view_button),
            "clear_on_close": flag,
            "notify_on_close": flag,
        },
        ("title", "blocks"),
    ),
}


def parts(blocks: Sequence[Json]) -> Iterator[Json]:
    """Yield blocks, and the blocks within them."""
    for block in blocks:
        yield block
        inner = block["elements"] if block["type"] == "carousel" else block.get("child_blocks", ())
        yield from inner


def pressed(block: Json) -> Iterator[Json]:
    """Yield what in a block has an id of its own; ids differ within one block."""
    if block["type"] in ("actions", "card"):
        yield from block.get("elements" if block["type"] == "actions" else "actions", ())
    else:
        yield from (
            block[key] for key in ("accessory", "element") if "action_id" in block.get(key, ())
        )
