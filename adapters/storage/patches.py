"""What changed in a document, as a JSON merge patch. No I/O.

A merge patch (RFC 7386, https://www.rfc-editor.org/rfc/rfc7386) holds the fields that differ, and
``null`` for each that is gone. It cannot set a field to ``null``: such a change is written as the
whole document instead.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def merged(target: object, patch: object) -> Any:
    """Return a value with a patch applied; the value itself stays as it was."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = merged(result.get(name), value)
        else:
            result[name] = value
    return result


def merge(target: Json, patch: Json) -> Json:
    """Apply a patch to a document of one's own, in place."""
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, dict):
            part = target.get(name)
            target[name] = merge(part if isinstance(part, dict) else {}, value)
        else:
            target[name] = value
    return target


def difference(before: Json, after: Json) -> Json | None:
    """Return the patch that leads from one document to another, or ``None`` if none does."""
    patch: Json = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if old is value and name in before:
            continue
        if isinstance(old, dict) and isinstance(value, dict):
            part = difference(old, value)
            if part is None:
                return None
            if part:
                patch[name] = part
        elif name not in before or type(old) is not type(value) or old != value:
            if _holds_null(value):
                return None
            patch[name] = value
    return patch


def _holds_null(value: object) -> bool:
    """Tell whether a patch would lose part of a value; what stands in a list is kept as it is."""
    if isinstance(value, dict):
        return any(_holds_null(each) for each in value.values())
    return value is None


def record(before: Json | None, after: Json | None, patch: Json | None = None) -> Any:
    """Return a change as the journal has it.

    Returns:
        A patch, ``None`` for a document that is gone, a list that holds the whole document where
        no patch says it, or an empty patch if nothing changed.
    """
    if after is None:
        return {} if before is None else None
    if before is None:
        return [after]
    if patch is None:
        patch = difference(before, after)
    return [after] if patch is None else patch


def replayed(before: Json | None, change: Any) -> Json | None:
    """Return what ``record`` made of a document, which may be changed in place.

    Raises:
        ValueError: if the change is none that a journal has.
    """
    match change:
        case None:
            return None
        case [dict(document)]:
            return document
        case dict() if before is not None:
            return merge(before, change)
    raise ValueError("a change of a document that is not there")
