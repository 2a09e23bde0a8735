from __future__ import annotations

import copy

import pytest

from tests.peers import needed_node
from tests.peers.slack_types import Json, golden, mistakes, shape

MESSAGE: Json = {
    "channel": "C1",
    "text": "Some words.",
    "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "x", "emoji": False}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "x"},
            "accessory": {"type": "image", "image_url": "https://x.example/1.png", "alt_text": "x"},
        },
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [{"type": "text", "text": "x", "style": {"bold": True}}],
                }
            ],
        },
    ],
    "metadata": {"event_type": "e", "event_payload": {"key": "k"}},
    "unfurl_links": False,
}

SPOILT = {
    "a word of no type": (["blocks", 0, "type"], "heading"),
    "a text with marks in a header": (["blocks", 0, "text", "type"], "mrkdwn"),
    "a number for a text": (["blocks", 0, "text", "text"], 1),
    "an unknown key": (["blocks", 1, "colour"], "red"),
    "a picture in no words": (["blocks", 1, "accessory", "alt_text"], None),
    "an unknown style": (["blocks", 2, "elements", 0, "elements", 0, "style"], {"huge": True}),
    "no words for who sees no blocks": (["text"], None),
    "metadata without a payload": (["metadata", "event_payload"], None),
    "metadata that nest too deep": (["metadata", "event_payload", "key"], {"a": {"b": "c"}}),
    "an unknown argument": (["unfurl"], False),
}


def spoilt(path: list[str | int], value: object) -> Json:
    """Return the message with something else in a place of it, or nothing."""
    made = copy.deepcopy(MESSAGE)
    place = made
    for step in path[:-1]:
        place = place[step]  # type: ignore[index]
    if value is None:
        del place[path[-1]]  # type: ignore[arg-type]
    else:
        place[path[-1]] = value  # type: ignore[index]
    return made


def test_the_golden_messages_are_what_slacks_types_take() -> None:
    payloads = golden()
    assert payloads
    assert mistakes(payloads, needed_node()) == []


def test_slacks_types_find_what_is_wrong_and_nothing_else() -> None:
    payloads = {name: spoilt(*how) for name, how in SPOILT.items()}
    found = mistakes({"right": MESSAGE, **payloads}, needed_node())
    assert {each.split(":")[0] for each in found} == set(SPOILT)


@pytest.mark.parametrize("name", sorted(SPOILT))
def test_what_is_wrong_is_so_in_its_shape_too(name: str) -> None:
    assert shape(spoilt(*SPOILT[name])) != shape(MESSAGE)


def test_messages_that_differ_in_words_and_numbers_of_things_are_of_one_shape() -> None:
    other = copy.deepcopy(MESSAGE)
    other["text"] = "Other words."
    other["blocks"] += reversed(copy.deepcopy(MESSAGE["blocks"]))
    assert shape(other) == shape(MESSAGE)
