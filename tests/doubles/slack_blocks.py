"""The documented Block Kit limits, checked the way Slack refuses them. Pure.

Sources: https://docs.slack.dev/reference/block-kit/blocks and .../block-elements; the two marked
"undocumented" were met in practice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .slack_state import Json

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MARKDOWN_CHARS = 12_000  # summed over a message
BLOCKS_JSON_CHARS = 13_200  # undocumented: github.com/slackapi/bolt-js/issues/2509
TEXT_CHARS = 40_000
TEXT_LIMITS: Mapping[tuple[str, str], int] = {  # (type of the node, key) -> characters
    ("section", "text"): 3000,
    ("header", "text"): 150,
    ("button", "text"): 75,
    ("button", "value"): 2000,
    ("button", "url"): 3000,
    ("image", "image_url"): 3000,
    ("image", "alt_text"): 2000,
    ("image", "title"): 2000,
    ("video", "title"): 200,
    ("input", "label"): 2000,
    ("input", "hint"): 2000,
    ("option", "text"): 75,
    ("option", "value"): 150,
    ("confirm", "title"): 100,
    ("confirm", "text"): 300,
    ("confirm", "confirm"): 30,
    ("confirm", "deny"): 30,
    ("card", "title"): 150,
    ("card", "body"): 200,
    ("*", "placeholder"): 150,
    ("*", "action_id"): 255,
    ("*", "block_id"): 255,
}
ITEM_LIMITS: Mapping[tuple[str, str], tuple[int, int]] = {  # (type, key) -> fewest, most
    ("actions", "elements"): (1, 25),
    ("context", "elements"): (1, 10),
    ("context_actions", "elements"): (1, 5),
    ("section", "fields"): (1, 10),
    ("static_select", "options"): (1, 100),
    ("multi_static_select", "options"): (1, 100),
    ("overflow", "options"): (1, 5),
    ("checkboxes", "options"): (1, 10),
    ("radio_buttons", "options"): (1, 10),
    ("carousel", "elements"): (1, 10),
    ("card", "actions"): (1, 3),
    ("table", "rows"): (1, 100),
}
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "header": ("text",),
    "actions": ("elements",),
    "context": ("elements",),
    "image": ("alt_text",),
    "button": ("text",),
    "input": ("label", "element"),
    "markdown": ("text",),
    "rich_text": ("elements",),
    "table": ("rows",),
}
PLAIN_ONLY = frozenset({("header", "text"), ("button", "text"), ("input", "label")})
BLOCK_TYPES = {"actions", "alert", "card", "carousel", "container", "context", "context_actions"}
BLOCK_TYPES |= {"data_table", "data_visualization", "divider", "file", "header", "image", "input"}
BLOCK_TYPES |= {"markdown", "plan", "rich_text", "section", "table", "task_card", "video"}
VIEW_TEXTS: Mapping[str, int] = {"title": 24, "submit": 24, "close": 24}


def utf16_length(text: str) -> int:
    """Count as Slack counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_blocks(blocks: Sequence[Json], *, surface: str = "message") -> list[str]:
    """Return a sentence per fault, in Slack's wording, or nothing."""
    return list(_check_blocks(blocks, surface, "/blocks"))


def check_view(view: Json) -> list[str]:
    """Return a sentence per fault of a modal or Home tab."""
    return list(_check_view(view))


def _check_view(view: Json) -> Iterator[str]:
    kind = view.get("type")
    if kind not in ("modal", "home"):
        yield _error("must be `modal` or `home`", "/view/type")
        return
    for key, most in VIEW_TEXTS.items():
        if key in view and view[key] is not None:
            yield from _check_length(_text_of(view[key]), most, f"/view/{key}/text")
    if kind == "modal" and not view.get("title"):
        yield _error("missing required field: title", "/view")
    if kind == "modal" and not view.get("submit"):
        inputs = [b for b in view.get("blocks") or () if b.get("type") == "input"]
        if inputs:
            yield _error("`submit` is required when an `input` is used", "/view")
    yield from _check_length(str(view.get("private_metadata") or ""), 3000, "/view", least=0)
    yield from _check_blocks(view.get("blocks") or (), "view", "/view/blocks")


def _check_blocks(blocks: Sequence[Json], surface: str, pointer: str) -> Iterator[str]:
    most = MESSAGE_BLOCKS if surface == "message" else VIEW_BLOCKS
    if len(blocks) > most:
        yield _error(f"no more than {most} items allowed", pointer)
    for index, block in enumerate(blocks):
        here = f"{pointer}/{index}"
        kind = block.get("type")
        if kind not in BLOCK_TYPES:
            yield _error(f"unsupported type: {kind}", f"{here}/type")
            continue
        if kind == "section" and not block.get("text") and not block.get("fields"):
            yield _error("either text or fields is required", here)
        if kind == "alert" and surface == "message":
            yield _error("unsupported type: alert", f"{here}/type")
        yield from _check_node(block, here)
    ids = Counter(str(b["block_id"]) for b in blocks if b.get("block_id"))
    for block_id, count in ids.items():
        if count > 1:
            yield _error(f"`block_id` {block_id} already exists", pointer)
    markdown = sum(
        utf16_length(str(b.get("text", ""))) for b in blocks if b.get("type") == "markdown"
    )
    if markdown > MARKDOWN_CHARS:
        yield _error(f"must be less than {MARKDOWN_CHARS + 1} characters", pointer)
    if sum(b.get("type") == "table" for b in blocks) > 1:
        yield _error("only one table allowed", pointer)


def _check_node(node: Json, pointer: str, kind: str | None = None) -> Iterator[str]:
    kind = kind or str(node.get("type", ""))
    for key in REQUIRED.get(kind, ()):
        if key not in node:
            yield _error(f"missing required field: {key}", pointer)
    if kind == "image" and not (node.get("image_url") or node.get("slack_file")):
        yield _error("missing required field: image_url", pointer)
    for key, value in node.items():
        here = f"{pointer}/{key}"
        if (limit := TEXT_LIMITS.get((kind, key)) or TEXT_LIMITS.get(("*", key))) is not None:
            least = 0 if key == "value" else 1
            where = f"{here}/text" if isinstance(value, dict) else here
            yield from _check_length(_text_of(value), limit, where, least=least)
        if (items := ITEM_LIMITS.get((kind, key))) is not None and isinstance(value, list):
            yield from _check_count(value, *items, here)
        plain = isinstance(value, dict) and value.get("type") == "plain_text"
        if (kind, key) in PLAIN_ONLY and not plain:
            yield _error("must be plain_text", f"{here}/type")
        if key == "url" and kind == "button" and not str(value).startswith(("http", "mailto:")):
            yield _error("must be a valid URL", here)
        yield from _check_inside(kind, key, value, here)


def _check_inside(kind: str, key: str, value: object, here: str) -> Iterator[str]:
    if isinstance(value, dict):
        inner = "confirm" if key == "confirm" and "title" in value else None
        yield from _check_node(value, here, inner)
    elif isinstance(value, list):
        inner = "option" if key in ("options", "initial_options") else None
        for index, item in enumerate(value):
            if isinstance(item, dict):
                if (kind, key) == ("section", "fields"):
                    yield from _check_length(_text_of(item), 2000, f"{here}/{index}/text")
                yield from _check_node(item, f"{here}/{index}", inner)
        if (kind, key) == ("table", "rows") and any(len(row) > 20 for row in value):
            yield _error("no more than 20 items allowed", here)


def _check_length(text: str, most: int, pointer: str, *, least: int = 1) -> Iterator[str]:
    length = utf16_length(text)
    if length > most:
        yield _error(f"must be less than {most + 1} characters", pointer)
    if length < least:
        yield _error(f"must be more than {least - 1} characters", pointer)


def _check_count(items: Sequence[Any], least: int, most: int, pointer: str) -> Iterator[str]:
    if len(items) > most:
        yield _error(f"no more than {most} items allowed", pointer)
    if len(items) < least:
        yield _error(f"no less than {least} items allowed", pointer)


def _text_of(value: object) -> str:
    return str(value.get("text", "")) if isinstance(value, dict) else str(value or "")


def _error(sentence: str, pointer: str) -> str:
    return f"[ERROR] {sentence} [json-pointer:{pointer}]"


def json_length(blocks: Sequence[Json]) -> int:
    """Return how long the blocks are on the wire."""
    return utf16_length(json.dumps(list(blocks), ensure_ascii=False, separators=(",", ":")))
