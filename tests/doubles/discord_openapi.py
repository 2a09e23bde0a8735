"""Checks request bodies against Discord's official OpenAPI description, where it is at hand.

The description is not part of this project: github.com/discord/discord-api-spec. It is looked
for in the folder named by DAILY_PAPERS_SHARED, or in `shared` beside the project's folder.
"""

from __future__ import annotations

import copy
import functools
import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import (  # type: ignore[import-untyped]
    ValidationError,
    best_match,
)

from .discord_messages import Json

RELATIVE = Path("data", "specs", "discord-openapi.json.gz")


def location() -> Path:
    """Where the description should be."""
    beside = Path(__file__).resolve().parents[2].parent / "shared"
    return Path(os.environ.get("DAILY_PAPERS_SHARED", beside)) / RELATIVE


def available() -> bool:
    """Whether bodies can be checked here."""
    return location().is_file()


def problems(method: str, path_template: str, body: Any) -> list[str]:
    """What the description finds wrong with a body; an empty list means nothing.

    Raises:
        FileNotFoundError: The description is not at hand; see `available`.
        KeyError: It has no such operation.
    """
    validator = _validator(str(location()), method.lower(), path_template)
    if validator is None:
        return [] if body is None else [f"{method} {path_template} takes no body"]
    errors: Iterable[ValidationError] = validator.iter_errors(_as_sent(body))
    return [_sentence(error) for error in errors]


@functools.cache
def _description(path: str) -> Json:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        read: Json = json.load(file)
    return read


@functools.cache
def _validator(path: str, method: str, template: str) -> Draft202012Validator | None:
    whole = _description(path)
    operation = whole["paths"][template][method]
    content = operation.get("requestBody", {}).get("content")
    if not content:
        return None
    schema = {**content["application/json"]["schema"], "components": whole["components"]}
    return Draft202012Validator(schema)


def _as_sent(body: Any) -> Any:
    """Snowflakes as strings: discord.py sends new attachments' ids as numbers, which works."""
    fixed = copy.deepcopy(body)
    if isinstance(fixed, dict):
        for holder in (fixed, fixed.get("data"), fixed.get("message")):
            for attachment in (holder or {}).get("attachments") or ():
                attachment["id"] = str(attachment["id"])
    return fixed


def _sentence(error: ValidationError) -> str:
    """The deepest reason: unions only say that nothing fitted."""
    deepest = best_match([error]) or error
    place = "/".join(str(step) for step in deepest.absolute_path) or "body"
    return f"{place}: {deepest.message[:300]}"
