"""What a terminal holds, and a check of what is drawn for one."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len

COLUMNS = 80
"""Readable everywhere; wider terminals leave the rest empty, for long lines read badly."""


def problems(payload: Mapping[str, object]) -> list[str]:
    """Return what is wrong with the lines of a message, in words; nothing if all is well."""
    lines = payload["lines"]
    if not isinstance(lines, list):
        return ["lines: not a list"]
    return [
        f"line {number} has {cell_len(line)} columns, {COLUMNS} are the most"
        for number, line in enumerate(lines, start=1)
        if cell_len(line) > COLUMNS
    ]
