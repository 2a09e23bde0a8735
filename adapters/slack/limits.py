"""What Slack takes in one message, as data, and the check of a payload against it. Pure.

Sources: https://docs.slack.dev/reference/block-kit/blocks,
https://docs.slack.dev/reference/block-kit/block-elements/button-element and
https://docs.slack.dev/reference/methods/chat.postMessage. What is not documented says so. Texts are
counted in UTF-16 units.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bot.text import size

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of each thing; characters unless the name says otherwise."""

    blocks: int = 50
    blocks_json: int = 12_000
    """Undocumented: `msg_blocks_too_long` comes near 13,200 (slackapi/bolt-js#2509)."""
    text: int = 3_000
    """Undocumented: a longer text is split near 4,046 into messages (java-slack-sdk#704)."""
    header: int = 150
    section: int = 3_000
    context_elements: int = 10
    context_text: int = 3_000
    actions_elements: int = 25
    button_text: int = 75
    button_value: int = 2_000
    url: int = 3_000
    image_alt: int = 2_000
    action_id: int = 255
    block_id: int = 255


LIMITS = Limits()

STYLES = frozenset({"bold", "italic", "strike", "code"})


def takes_url(url: str) -> bool:
    """Tell whether Slack takes an address in a button, link or picture."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and size(url) <= LIMITS.url
        and url.isprintable()
        and not any(character.isspace() or character in "<>|" for character in url)
    )


def json_size(blocks: Sequence[Json]) -> int:
    """Return the length of blocks as Slack reads them."""
    return size(json.dumps(list(blocks), ensure_ascii=False, separators=(",", ":")))


def problems(payload: Mapping[str, Any]) -> list[str]:
    """Return why Slack would not take a message, one sentence each; empty if it would."""
    blocks = payload.get("blocks", [])
    return [*_text(payload.get("text"), "text", LIMITS.text), *_blocks(blocks)]


def _blocks(blocks: Sequence[Json]) -> Iterator[str]:
    if len(blocks) > LIMITS.blocks:
        yield f"blocks: {len(blocks)} of them, {LIMITS.blocks} are the most"
    if (length := json_size(blocks)) > LIMITS.blocks_json:
        yield f"blocks: {length:,} characters of JSON, {LIMITS.blocks_json:,} are the most"
    yield from _unique([block["block_id"] for block in blocks if "block_id" in block], "block_id")
    for index, block in enumerate(blocks):
        where = f"blocks/{index}"
        yield from _ids(block, where)
        match block.get("type"):
            case "header":
                yield from _text_object(block.get("text"), where, LIMITS.header, plain=True)
            case "section":
                yield from _text_object(block.get("text"), where, LIMITS.section)
                if "accessory" in block:
                    yield from _image(block["accessory"], f"{where}/accessory")
            case "context":
                elements = block.get("elements", [])
                yield from _count(elements, f"{where}/elements", LIMITS.context_elements)
                for element in elements:
                    yield from _text_object(element, f"{where}/elements", LIMITS.context_text)
            case "actions":
                yield from _actions(block.get("elements", []), f"{where}/elements")
            case "rich_text":
                yield from _rich_text(block.get("elements", []), f"{where}/elements")
            case "divider":
                pass
            case other:
                yield f"{where}: no block of type {other!r} is used here"


def _ids(block: Json, where: str) -> Iterator[str]:
    if "block_id" in block:
        yield from _text(block["block_id"], f"{where}/block_id", LIMITS.block_id)


def _actions(buttons: Sequence[Json], where: str) -> Iterator[str]:
    yield from _count(buttons, where, LIMITS.actions_elements)
    yield from _unique([button.get("action_id") for button in buttons], f"{where}/action_id")
    for index, button in enumerate(buttons):
        here = f"{where}/{index}"
        if button.get("type") != "button":
            yield f"{here}: not a button"
        yield from _text_object(button.get("text"), here, LIMITS.button_text, plain=True)
        yield from _text(button.get("action_id"), f"{here}/action_id", LIMITS.action_id)
        if "value" in button:
            yield from _text(button["value"], f"{here}/value", LIMITS.button_value)
        if "url" in button and not takes_url(button["url"]):
            yield f"{here}/url: not an address that Slack takes"
        if button.get("style", "primary") not in ("primary", "danger"):
            yield f"{here}/style: {button['style']!r} is none"


def _image(image: Json, where: str) -> Iterator[str]:
    if image.get("type") != "image":
        yield f"{where}: not an image"
    if not takes_url(image.get("image_url", "")):
        yield f"{where}/image_url: not an address that Slack takes"
    yield from _text(image.get("alt_text"), f"{where}/alt_text", LIMITS.image_alt)


def _rich_text(sections: Sequence[Json], where: str) -> Iterator[str]:
    if not sections:
        yield f"{where}: empty"
    for index, section in enumerate(sections):
        here = f"{where}/{index}"
        if section.get("type") != "rich_text_section":
            yield f"{here}: not a rich_text_section"
        if not section.get("elements"):
            yield f"{here}: empty"
        for element in section.get("elements", []):
            if element.get("type") not in ("text", "link"):
                yield f"{here}: neither text nor link"
            if not element.get("text"):  # white space alone is taken here
                yield f"{here}: empty text"
            if element.get("type") == "link" and not takes_url(element.get("url", "")):
                yield f"{here}: a link to what is no address that Slack takes"
            if not set(element.get("style", {})) <= STYLES:
                yield f"{here}: unknown style"


def _text_object(text: object, where: str, most: int, *, plain: bool = False) -> Iterator[str]:
    if not isinstance(text, dict):
        yield f"{where}: the text is missing"
        return
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if text.get("type") not in kinds:
        yield f"{where}: the text is {text.get('type')!r}, not {' or '.join(kinds)}"
    yield from _text(text.get("text"), f"{where}/text", most)


def _text(text: object, where: str, most: int) -> Iterator[str]:
    if not isinstance(text, str) or not text.strip():
        yield f"{where}: empty"
    elif (length := size(text)) > most:
        yield f"{where}: {length:,} characters, {most:,} are the most"


def _count(items: Sequence[object], where: str, most: int) -> Iterator[str]:
    if not items:
        yield f"{where}: empty"
    if len(items) > most:
        yield f"{where}: {len(items)} of them, {most} are the most"


def _unique(ids: Sequence[object], where: str) -> Iterator[str]:
    for each, times in Counter(ids).items():
        if times > 1:
            yield f"{where}: {each!r} stands {times} times"
