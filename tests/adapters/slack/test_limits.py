from __future__ import annotations

from typing import Any

import pytest

from adapters.slack.limits import LIMITS, json_size, problems, takes_url

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def header(text: str) -> Json:
    return {"type": "header", "text": plain(text)}


def button(**changes: Any) -> Json:
    return {"type": "button", "text": plain("Vote"), "action_id": "a"} | changes


def actions(*buttons: Json) -> Json:
    return {"type": "actions", "elements": list(buttons)}


def rich(*elements: Json) -> Json:
    section = {"type": "rich_text_section", "elements": list(elements)}
    return {"type": "rich_text", "elements": [section]}


def of(*blocks: Json) -> list[str]:
    return problems({"text": "Hello", "blocks": list(blocks)})


def test_a_message_of_each_kind_of_block_has_no_problems() -> None:
    picture = {"type": "image", "image_url": "https://a.org/p.png", "alt_text": "A page"}
    assert not of(
        header("Papers"),
        {"type": "section", "text": plain("Body"), "accessory": picture},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "`help`"}]},
        {"type": "divider"},
        rich({"type": "text", "text": "\n"}, {"type": "link", "url": "https://a.org", "text": "a"}),
        actions(button(), button(action_id="b", url="https://a.org", style="primary")),
    )


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (header("x" * 151), "151 characters, 150 are the most"),
        (header("😀" * 76), "152 characters, 150 are the most"),
        (header(" "), "empty"),
        ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "not plain_text"),
        ({"type": "section"}, "the text is missing"),
        ({"type": "section", "text": plain("x" * 3001)}, "3,001 characters"),
        ({"type": "context", "elements": []}, "empty"),
        ({"type": "context", "elements": [plain("x")] * 11}, "11 of them, 10 are the most"),
        (actions(), "empty"),
        (actions(*(button(action_id=str(n)) for n in range(26))), "26 of them, 25 are the most"),
        (actions(button(), button()), "'a' stands 2 times"),
        (actions(button(text=plain("x" * 76))), "76 characters, 75 are the most"),
        (actions(button(value="x" * 2001)), "2,001 characters"),
        (actions(button(action_id="x" * 256)), "256 characters, 255 are the most"),
        (actions(button(url="javascript:alert(1)")), "not an address"),
        (actions(button(style="loud")), "'loud' is none"),
        (actions({"type": "overflow"}), "not a button"),
        (rich(), "empty"),
        (rich({"type": "text", "text": ""}), "empty text"),
        (rich({"type": "broadcast", "range": "channel", "text": "x"}), "neither text nor link"),
        (rich({"type": "link", "url": "ftp://a.org", "text": "x"}), "no address"),
        (rich({"type": "text", "text": "x", "style": {"blink": True}}), "unknown style"),
        ({"type": "video"}, "no block of type 'video'"),
        (header("x") | {"block_id": "x" * 256}, "256 characters"),
    ],
)
def test_what_slack_would_not_take_is_named(block: Json, problem: str) -> None:
    assert any(problem in each for each in of(block))


def test_a_picture_needs_an_address_and_words() -> None:
    picture = {"type": "image", "image_url": "data:image/png,x", "alt_text": "x" * 2001}
    found = of({"type": "section", "text": plain("x"), "accessory": picture})
    assert len(found) == 2


def test_a_message_holds_fifty_blocks_each_with_an_id_of_its_own() -> None:
    assert not of(*[{"type": "divider"}] * 50)
    assert of(*[{"type": "divider"}] * 51) == ["blocks: 51 of them, 50 are the most"]
    assert of(*[{"type": "divider", "block_id": "x"}] * 2) == ["block_id: 'x' stands 2 times"]


def test_the_blocks_together_stay_below_the_undocumented_size() -> None:
    block = {"type": "section", "text": plain("x" * 2990)}
    assert not of(block, block, block)
    assert json_size([block] * 4) > LIMITS.blocks_json
    assert "12,000 are the most" in of(block, block, block, block)[0]


def test_a_message_has_a_text_that_slack_does_not_split() -> None:
    assert problems({"text": "x" * 3001, "blocks": []}) == [
        "text: 3,001 characters, 3,000 are the most"
    ]
    assert problems({"blocks": []}) == ["text: empty"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.org",
        "mailto:a@b.c",
        "https://",
        "http://[",
        "https://a.org/a b",
        "https://a.org/>",
        "https://a.org/|x",
        "https://a.org/\u202e",
        "https://a.org/" + "x" * 3000,
    ],
)
def test_an_address_that_slack_does_not_take_is_known(url: str) -> None:
    assert not takes_url(url)
    assert takes_url("https://huggingface.co/papers/2605.00001?x=1#top")
