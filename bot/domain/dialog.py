"""A command's arguments as something to fill in, for platforms that can show that. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FieldKind = Literal["text", "integer", "boolean", "choice"]


@dataclass(frozen=True, slots=True)
class Field:
    """One argument to fill in.

    Attributes:
        name: The parameter's.
        label: What stands above it.
        hint: What it takes, below it.
        value: What stands in it now, as it would be typed; may be empty.
        choices: The only values it takes, or empty.
        minimum: The least whole number it takes, if it is one.
        maximum: The greatest, likewise.
        required: Whether it cannot be left empty.
    """

    name: str
    label: str
    hint: str
    kind: FieldKind = "text"
    value: str = ""
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Dialog:
    """A command to fill in; what was filled in is handed in as a call of that command."""

    command: str
    title: str
    fields: tuple[Field, ...]
