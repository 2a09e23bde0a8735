"""Measure and clip text the way platforms count it, never inside a word. Pure."""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"

_SPACES = re.compile(r"\s+")
_UNSAFE = dict.fromkeys(
    [
        *range(0x09),
        *range(0x0B, 0x20),
        0x7F,
        *range(0x80, 0xA0),
        0x061C,
        0x200B,
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        0x2060,
        *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),  # half of a pair: no file and no request can hold it
        0xFEFF,
        *range(0xFFF9, 0xFFFC),
    ]
)


def size(text: str) -> int:
    """Return the length in UTF-16 units, which is what Slack and Discord count."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def one_line(text: str) -> str:
    """Return foreign text on one line: white space folded, control and bidi marks dropped."""
    return _SPACES.sub(" ", clean(text)).strip()


def clean(text: str) -> str:
    """Return foreign text without characters that act rather than show, lines kept."""
    return unicodedata.normalize("NFC", text.translate(_UNSAFE))


def clip(text: str, limit: int) -> str:
    """Return the text in at most ``limit`` UTF-16 units, cut between words, marked by an ellipsis.

    A single word longer than the limit is cut inside, for there is no other place.
    """
    if size(text) <= limit:
        return text
    if limit <= 0:
        return ""
    kept, used = 0, size(ELLIPSIS)
    for character in text:
        used += size(character)
        if used > limit:
            break
        kept += 1
    while kept and (unicodedata.combining(text[kept]) or text[kept] in "\u200d\ufe0f"):
        kept -= 1  # a mark belongs to the character before it
    head = text[:kept]
    if kept < len(text) and not text[kept].isspace():
        space = max(head.rfind(" "), head.rfind("\n"))
        if space > kept // 2:
            head = head[:space]
    return head.rstrip(" \n,;:–—-") + ELLIPSIS


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun in the right form: ``1 paper``, ``2 papers``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
