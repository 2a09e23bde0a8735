"""Hold a JSON value against the part of JSON Schema in which models are asked to answer. Pure.

Rule: keys that a schema does not name are let through; a keyword that is not known here is a bug of
the caller, for an answer would not be held against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

Schema = Mapping[str, object]

HELD = frozenset({"type", "properties", "required", "items", "maxItems", "maxLength", "enum"})
TOLD = frozenset({"title", "description", "additionalProperties"})
"""Keywords that tell the model something and demand nothing of its answer here."""

_KINDS: Mapping[object, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
}


def mismatch(value: object, schema: Schema, place: str = "the object") -> str | None:
    """Return the first way in which a value differs from a schema, if any; quotes nothing of it.

    Raises:
        ValueError: if the schema holds a type or a keyword that is not known here.
    """
    if strange := schema.keys() - HELD - TOLD:
        raise ValueError(f"JSON Schema: {', '.join(sorted(strange))} cannot be held here")
    kind = schema.get("type")
    if kind not in _KINDS:
        raise ValueError(f"JSON Schema: type {kind!r} cannot be held here")
    if not _KINDS[kind](value):
        return f"{place} is of no type {kind}"
    choice = schema.get("enum")
    if isinstance(choice, list | tuple) and value not in choice:
        return f"{place} is none of the {len(choice)} values to choose from"
    if isinstance(value, str):
        return _excess(len(value), schema.get("maxLength"), place, "characters")
    if isinstance(value, list):
        return _array(value, schema, place)
    if isinstance(value, dict):
        return _object(value, schema, place)
    return None


def _array(value: list[object], schema: Schema, place: str) -> str | None:
    if found := _excess(len(value), schema.get("maxItems"), place, "items"):
        return found
    each = schema.get("items")
    if isinstance(each, Mapping):
        for index, item in enumerate(value):
            if found := mismatch(item, each, f"{place}[{index}]"):
                return found
    return None


def _object(value: dict[str, object], schema: Schema, place: str) -> str | None:
    required = schema.get("required")
    if isinstance(required, list | tuple):
        for name in required:
            if name not in value:
                return f"{place} lacks {name}"
    for name, each in _properties(schema).items():
        if name in value and (found := mismatch(value[name], each, _inside(place, name))):
            return found
    return None


def _inside(place: str, name: str) -> str:
    return name if place == "the object" else f"{place}.{name}"


def _excess(size: int, most: object, place: str, unit: str) -> str | None:
    if isinstance(most, int) and size > most:
        return f"{place} has {size:,} {unit}, {most:,} at the most"
    return None


def _properties(schema: Schema) -> Mapping[str, Schema]:
    named = schema.get("properties")
    return named if isinstance(named, Mapping) else {}


def strict(schema: Schema) -> Schema:
    """Return a schema as strict endpoints take it: closed objects, and no lengths of texts.

    OpenAI refuses lengths; servers that build a grammar of them cut a text off in mid-sentence.
    platform.openai.com/docs/guides/structured-outputs, under supported schemas.
    """
    sent = {name: each for name, each in schema.items() if name != "maxLength"}
    if isinstance(items := schema.get("items"), Mapping):
        sent["items"] = strict(items)
    if schema.get("type") == "object":
        sent["properties"] = {name: strict(each) for name, each in _properties(schema).items()}
        sent["additionalProperties"] = False
    return sent
