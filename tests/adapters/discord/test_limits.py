"""The table of limits: each one is noticed, and a body within them is not."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.discord.limits import problems

Json = dict[str, Any]


def message(*components: Json, **others: Any) -> Json:
    return {"flags": 32768, "components": list(components), **others}


def words(content: str = "x") -> Json:
    return {"type": 10, "content": content}


def button(name: str = "b", **others: Any) -> Json:
    return {"type": 2, "style": 2, "label": "b", "custom_id": name} | others


def row(*buttons: Json) -> Json:
    return {"type": 1, "components": list(buttons)}


def link(url: str) -> Json:
    return {"type": 2, "style": 5, "label": "l", "url": url}


PICTURE = {"type": 11, "media": {"url": "https://x.example/a.png"}}


def section(*texts: Json, **others: Any) -> Json:
    return {"type": 9, "components": list(texts), "accessory": PICTURE} | others


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x" * 2000, "nonce": "n" * 25},
        message(words("x" * 4000)),
        message(words("語" * 3166)),
        message(*(words() for _ in range(40))),
        message(row(*(button(str(number)) for number in range(5))), row(link("https://x.example"))),
        message({"type": 17, "components": [section(words(), words(), words())]}),
    ],
)
def test_a_body_within_the_limits_has_no_problems(body: Json) -> None:
    assert problems(body) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"content": "x" * 2001}, "content of 2,001 characters, at most 2,000"),
        ({"content": "x", "nonce": "n" * 26}, "nonce of 26"),
        ({}, "the message is empty"),
        ({"components": [words()]}, "components without flag 32768"),
        (message(words("😀" * 2001)), "all texts of 4,002 characters"),
        (message(words("x" * 3000), words("x" * 1001)), "all texts of 4,001 characters"),
        (message(words("語" * 3167)), "9,501 bytes of text, at most 9,500"),
        (message(words(" ")), "a text display is empty"),
        (message(*(words() for _ in range(41))), "41 components, at most 40"),
        (
            message(
                {"type": 17, "components": [*[section(words())] * 13]}, words()
            ),  # 1 + 13 * 3 + 1
            "41 components",
        ),
        (message(row(*(button(str(number)) for number in range(6)))), "6 components in an action"),
        (message(row()), "an action row is empty"),
        (message(section()), "a section is empty"),
        (message(section(*[words()] * 4)), "4 components in a section"),
        (message({"type": 9, "components": [words()]}), "a section has no accessory"),
        (message(row(button("x" * 101))), "a custom_id of 101"),
        (message(row(button("x"), button("x"))), "custom_id 'x' stands 2 times"),
        (message(row(button(label="l" * 81))), "a label of 81"),
        (message(row(button(label=""))), "a button has no label"),
        (message(row(button(url="https://x.example"))), "either a url or a custom_id"),
        (message(row(link("https://x.example/" + "a" * 500))), "a url of 518"),
        (
            message(section(words(), accessory=PICTURE | {"description": "x" * 1025})),
            "a description of 1,025",
        ),
        (
            message(section(words(), accessory=PICTURE | {"media": {"url": "x" * 2049}})),
            "a media url of 2,049",
        ),
    ],
)
def test_what_is_beyond_a_limit_is_named_with_its_number(body: Json, said: str) -> None:
    assert any(said in problem for problem in problems(body))
