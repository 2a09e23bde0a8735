"""Hold JSON to shapes made of small rules, and blocks to the SDK's own models. Pure.

A rule takes a value and returns what is wrong with it, each sentence beginning with the path below
that value; a value that is right costs no string.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.basic_objects import JsonObject
from slack_sdk.models.blocks import Block

from bot.text import size

Json = dict[str, Any]
Rule = Callable[[Any], Sequence[str]]


def anything(value: object) -> Sequence[str]:
    """Take whatever there is."""
    return ()


@dataclass(frozen=True, slots=True)
class Shape:
    """What an object holds.

    Attributes:
        rules: What each key holds; another key is a mistake.
        needs: Keys that have to be there.
        one_of: Keys of which one has to be there.
        also: What holds for the object as a whole.
    """

    rules: Mapping[str, Rule]
    needs: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    also: Rule = anything

    def __call__(self, value: Any) -> Sequence[str]:
        """Return what is wrong with an object."""
        if not isinstance(value, dict):
            return (": no object",)
        found = [f": {key} is missing" for key in self.needs if key not in value]
        if self.one_of and not any(key in value for key in self.one_of):
            found.append(f": none of {', '.join(self.one_of)}")
        for key, inner in value.items():
            rule = self.rules.get(key)
            if rule is None:
                found.append(f"/{key}: is none of {', '.join(self.rules)}")
            elif problems := rule(inner):
                found += [f"/{key}{problem}" for problem in problems]
        return found or self.also(value)


def one_of_type(what: str, shapes: Mapping[str, Shape]) -> Rule:
    """Return the rule for an object whose ``type`` says which of the shapes it has."""

    def check(value: Any) -> Sequence[str]:
        kind = value.get("type") if isinstance(value, dict) else None
        shape = shapes.get(kind) if isinstance(kind, str) else None
        return (f": no {what} of type {kind!r} is used here",) if shape is None else shape(value)

    return check


def characters(most: int, *, least: int = 1, blank: bool = False) -> Rule:
    """Return the rule for a string of so many UTF-16 units; white space alone may do or not."""

    def check(value: Any) -> Sequence[str]:
        if not isinstance(value, str):
            return (": no text",)
        if least and not (value if blank else value.strip()):
            return (": empty",)
        if 2 * len(value) > most and (length := size(value)) > most:
            return (f": {length:,} characters, {most:,} are the most",)
        return ()

    return check


def texts(most: int) -> dict[str, Shape]:
    """Return the shapes of text objects of so many characters."""
    rules = {"type": anything, "text": characters(most)}
    return {
        "plain_text": Shape({**rules, "emoji": flag}, needs=("text",)),
        "mrkdwn": Shape({**rules, "verbatim": flag}, needs=("text",)),
    }


def several(rule: Rule, most: int, *, least: int = 1) -> Rule:
    """Return the rule for a list of things that one rule holds for."""

    def check(value: Any) -> Sequence[str]:
        if not isinstance(value, list):
            return (": no list",)
        found = [] if len(value) >= least else [": empty"]
        if len(value) > most:
            found.append(f": {len(value)} of them, {most} are the most")
        for index, each in enumerate(value):
            found += [f"/{index}{problem}" for problem in rule(each)]
        return found

    return check


def either(*values: str) -> Rule:
    """Return the rule for one of a few words."""

    def check(value: Any) -> Sequence[str]:
        return () if value in values else (f": {value!r} is none of {', '.join(values)}",)

    return check


def between(least: int, most: int) -> Rule:
    """Return the rule for a whole number."""

    def check(value: Any) -> Sequence[str]:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return () if whole and least <= value <= most else (f": not from {least} to {most}",)

    return check


def flag(value: object) -> Sequence[str]:
    """Take what is true or false."""
    return () if isinstance(value, bool) else (": neither true nor false",)


def repeated(ids: Iterable[object], what: str) -> list[str]:
    """Return which ids of a kind stand more than once."""
    counts = Counter(ids)
    return [f"{what}: {each!r} stands {n} times" for each, n in counts.items() if n > 1]


def model_problem(block: Json) -> str:
    """Return what the SDK's model of a block says against it; empty if nothing.

    The same as ``Block.parse(…).to_dict()``, which looks for its checks anew in every object and
    so takes five times as long.
    """
    try:
        _validate(Block.parse(block))
    except SlackObjectFormationError as error:
        return str(error)
    return ""


def _validate(part: object) -> None:
    if isinstance(part, JsonObject):
        for name in _checks_of(type(part)):
            getattr(part, name)()
        for inner in vars(part).values():
            _validate(inner)
    elif isinstance(part, list | tuple):
        for inner in part:
            _validate(inner)


@cache
def _checks_of(model: type[JsonObject]) -> tuple[str, ...]:
    return tuple(name for name in dir(model) if hasattr(getattr(model, name), "validator"))
