"""Tell whether Slack takes a message or a view, and why not. Pure.

``_table`` has the limits, ``_shapes`` what stands where, ``_check`` the rules they are made of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.slack._check import (
    Json,
    characters,
    model_problem,
    one_of_type,
    repeated,
    several,
)
from adapters.slack._shapes import BLOCKS, VIEWS, parts, pressed
from adapters.slack._table import LIMITS, Limits, Surface, takes_url
from bot.text import size

__all__ = ["LIMITS", "Json", "Limits", "Surface", "block_problems", "problems", "takes_url"]


def json_size(blocks: Sequence[Json]) -> int:
    """Return the length of blocks as Slack reads them."""
    return size(json.dumps(list(blocks), ensure_ascii=False, separators=(",", ":")))


def problems(payload: Mapping[str, Any], surface: Surface = "message") -> list[str]:
    """Return why Slack would not take a message or view, one sentence each; empty if it would.

    Args:
        payload: ``text`` and ``blocks`` of a message, or all of a view.
        surface: Where it is to be shown.
    """
    blocks = payload.get("blocks", [])
    if surface == "message":
        found = [f"text{problem}" for problem in characters(LIMITS.text)(payload.get("text"))]
        if (length := json_size(blocks)) > LIMITS.blocks_json:
            found.append(
                f"blocks: {length:,} characters of JSON, {LIMITS.blocks_json:,} are the most"
            )
    else:
        found = _view_problems(payload, surface)
    return found or block_problems(blocks, surface)


def block_problems(blocks: Sequence[Json], surface: Surface = "message") -> list[str]:
    """Return what Slack would not take in blocks, whatever they stand in."""
    most = LIMITS.blocks if surface == "message" else LIMITS.view_blocks
    least = 0 if surface == "message" else 1
    rule = several(one_of_type("block", BLOCKS[surface]), most, least=least)
    if found := [f"blocks{problem}" for problem in rule(blocks)]:
        return found
    all_parts = list(parts(blocks))
    found += repeated((part["block_id"] for part in all_parts if "block_id" in part), "block_id")
    for part in all_parts:
        found += repeated((each["action_id"] for each in pressed(part)), "action_id")
    said = ((index, model_problem(block)) for index, block in enumerate(blocks))
    return found or [f"blocks/{index}: {problem}" for index, problem in said if problem]


def _view_problems(view: Mapping[str, Any], surface: Surface) -> list[str]:
    if view.get("type") != surface:
        return [f"view/type: {view.get('type')!r}, not {surface}"]
    found = [f"view{problem}" for problem in VIEWS[surface](view)]
    if (length := len(json.dumps(view).encode())) > LIMITS.view_bytes:
        found.append(f"view: {length:,} bytes of JSON, {LIMITS.view_bytes:,} are the most")
    filled_in = any(block.get("type") == "input" for block in view.get("blocks", ()))
    if filled_in and surface == "modal" and "submit" not in view:
        found.append("view: nothing to submit what is filled in with")
    return found
