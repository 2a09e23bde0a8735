"""Refuse blocks and views as Slack refuses them, for what the product's own check finds. Pure.

Two limits are Slack's alone here: the product stays well below them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from adapters.slack.limits import Surface, block_problems, problems

from .slack_state import Json

BLOCKS_JSON_CHARS = 13_200  # undocumented: github.com/slackapi/bolt-js/issues/2509
TEXT_CHARS = 40_000


def utf16_length(text: str) -> int:
    """Count as Slack counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_blocks(blocks: Sequence[Json], *, surface: Surface = "message") -> list[str]:
    """Return a sentence per fault, in the form of Slack's, or nothing."""
    return _errors(block_problems(blocks, surface))


def check_view(view: Json) -> list[str]:
    """Return a sentence per fault of a modal or Home tab."""
    kind = view.get("type")
    if kind not in ("modal", "home"):
        return _errors([f"view/type: {kind!r} is neither modal nor home"])
    return _errors(problems(view, kind))


def _errors(found: Iterable[str]) -> list[str]:
    """Return problems with their paths as JSON pointers, behind the sentence."""
    errors = []
    for problem in found:
        path, _, sentence = problem.partition(": ")
        errors.append(f"[ERROR] {sentence} [json-pointer:/{path}]")
    return errors


def json_length(blocks: Sequence[Json]) -> int:
    """Return how long the blocks are on the wire."""
    return utf16_length(json.dumps(list(blocks), ensure_ascii=False, separators=(",", ":")))
