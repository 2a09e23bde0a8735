"""The pieces that blocks are made of: spans as text of each kind, and rows of buttons. Pure.

Foreign text is never markup. In ``mrkdwn`` a star or an underscore cannot be escaped, so text
stands in ``rich_text`` or ``plain_text``, which have no markup. Only text that holds no such
character is ``mrkdwn``, with ``& < >`` escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from adapters.slack.limits import LIMITS, Json, takes_url
from bot.domain.reply import (
    Bold,
    Button,
    Code,
    Control,
    Image,
    Italic,
    Link,
    LinkButton,
    Plain,
    Span,
    Text,
    plain,
)
from bot.text import ELLIPSIS, clean, clip, one_line, size


@dataclass(frozen=True, slots=True)
class Room:
    """How many characters each kind of text gets."""

    title: int
    line: int
    body: int
    small: int


ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
LONGEST_ESCAPE = 5

_MRKDWN = re.compile(r"[*_~`\n]|:\S+:|^\s*>")
"""What ``mrkdwn`` would read as more than itself, and no escape prevents."""


def plain_text(characters: str, *, emoji: bool = False) -> Json:
    """Return a text object without markup."""
    return {"type": "plain_text", "text": characters, "emoji": emoji}


def marked_text(characters: str) -> Json:
    """Return a text object of what ``mrkdwn`` returned; addresses in it do not become links."""
    return {"type": "mrkdwn", "text": characters, "verbatim": True}


def mrkdwn(words: Text) -> str | None:
    """Return spans in ``mrkdwn``, or ``None`` where that could read them as more than they are."""
    if any(map(_reads_as_markup, words)):
        return None
    return "".join(map(_mrkdwn, words))


def _reads_as_markup(span: Span) -> bool:
    match span:
        case Code(characters):
            return "`" in characters or "\n" in characters
        case Link(characters, url):
            sound = clean(characters).strip() and "|" not in characters and takes_url(url)
            return not sound or _is_marked(characters)
        case Plain(characters) | Bold(characters) | Italic(characters):
            return _is_marked(characters)
        case _:
            assert_never(span)


def _is_marked(characters: str) -> bool:
    return _MRKDWN.search(clean(characters)) is not None


def _mrkdwn(span: Span) -> str:
    characters = clean(span.text).translate(ESCAPES)
    match span:
        case Plain():
            return characters
        case Bold():
            return _between("*", characters)
        case Italic():
            return _between("_", characters)
        case Code():
            return _between("`", characters)
        case Link(_, url):
            return f"<{url.translate(ESCAPES)}|{characters.strip()}>"
        case _:
            assert_never(span)


def _between(mark: str, characters: str) -> str:
    """Return characters between marks, which must touch what is no space."""
    inner = characters.strip()
    return characters.replace(inner, f"{mark}{inner}{mark}", 1) if inner else characters


def small(words: Text) -> list[Json]:
    """Return small print as a context; with links or markup in it, as text of normal size."""
    if not clean(plain(words)).strip():
        return []
    if all(isinstance(span, Plain) for span in words):
        return [_context(plain_text(clean(plain(words))))]
    marked = None if any(isinstance(span, Link) for span in words) else mrkdwn(words)
    return rich_text(elements(words)) if marked is None else [_context(marked_text(marked))]


def _context(words: Json) -> Json:
    return {"type": "context", "elements": [words]}


def titled(title: Text, rank: int | None, *, mark: str = "") -> Text:
    """Return a title behind its rank or mark; one without characters says so."""
    named = title if clean(plain(title)).strip() else (*title, Plain("Untitled"))
    number = mark if rank is None else f"{rank}. "
    return (Plain(number), *named) if number else named


def elements(words: Text, *, bold: bool = False) -> list[Json]:
    """Return spans as elements of ``rich_text``, those without characters left out."""
    return [element for span in words for element in _element(span, bold)]


def _element(span: Span, bold: bool) -> Iterator[Json]:
    characters, style = clean(span.text), {"bold": True} if bold else {}
    element: Json = {"type": "text", "text": characters}
    match span:
        case Plain():
            pass
        case Bold():
            style["bold"] = True
        case Italic():
            style["italic"] = True
        case Code():
            style["code"] = True
        case Link(_, url):
            if takes_url(url):
                element = {"type": "link", "url": url, "text": characters.strip() or url}
            else:
                element["text"] = f"{characters} ({clip(one_line(url), 200)})"
        case _:
            assert_never(span)
    if style:
        element["style"] = style
    if element["text"]:
        yield element


def lines(*parts: list[Json]) -> list[Json]:
    """Return elements on lines of their own, empty lines left out."""
    return _between_each("\n", [line for line in parts if line])


def _between_each(separator: str, parts: Iterable[list[Json]]) -> list[Json]:
    joined: list[Json] = []
    for part in parts:
        joint = [{"type": "text", "text": separator}] if joined else []
        for element in (*joint, *part):
            before = joined[-1] if joined else {}
            if before.get("type") == element["type"] == "text" and "style" not in {
                *before,
                *element,
            }:
                joined[-1] = {"type": "text", "text": before["text"] + element["text"]}
            else:
                joined.append(element)
    return joined


def rich_text(parts: list[Json]) -> list[Json]:
    """Return elements as a block, or no block where there are none."""
    if not parts:
        return []
    return [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": parts}]}]


def merged(blocks: Sequence[Json], separator: str, most: int) -> list[Json]:
    """Return blocks of ``rich_text`` as few, for every block costs room and a gap."""
    return [
        block
        for first in range(0, len(blocks), most)
        for block in rich_text(
            _between_each(
                separator,
                (each["elements"][0]["elements"] for each in blocks[first : first + most]),
            )
        )
    ]


def button(control: Button | LinkButton) -> Json:
    """Return a control as a button; the address of a link must be one that Slack takes."""
    label = clip(one_line(control.label) or ELLIPSIS, LIMITS.button_text)
    drawn: Json = {"type": "button", "text": plain_text(label, emoji=True)}
    match control:
        case Button():
            drawn["action_id"] = drawn["value"] = control.action.pack()
            if control.style == "primary":
                drawn["style"] = "primary"
        case LinkButton():
            drawn |= {"action_id": "open", "url": control.url}
        case _:
            assert_never(control)
    return drawn


def controls(given: Sequence[Control]) -> list[Json]:
    """Return rows of buttons; a link to where Slack does not lead stands in words."""
    shown = [each for each in given if isinstance(each, Button) or takes_url(each.url)]
    spoken = [each for each in given if isinstance(each, LinkButton) and not takes_url(each.url)]
    most = LIMITS.actions_elements
    rows = (shown[first : first + most] for first in range(0, len(shown), most))
    return [
        *({"type": "actions", "elements": list(map(button, row))} for row in rows),
        *(block for each in spoken for block in small((_spoken(each),))),
    ]


def _spoken(link: LinkButton) -> Span:
    return Plain(clip(f"{one_line(link.label) or ELLIPSIS}: {one_line(link.url)}", 200))


def in_words(span: Span) -> str:
    """Return a span where nothing can be a link: its address stands behind it."""
    return f"{span.text} ({span.url})" if isinstance(span, Link) else span.text


def image(picture: Image) -> Json | None:
    """Return a picture, unless Slack does not take its address."""
    if not takes_url(picture.url):
        return None
    alt = clip(one_line(picture.alt), LIMITS.image_alt) or "Picture"
    return {"type": "image", "image_url": picture.url, "alt_text": alt}


def clipped(words: Text, limit: int) -> Text:
    """Return spans in about ``limit`` characters, the last one clipped."""
    if limit <= 0 or size(plain(words)) <= limit:
        return words if limit > 0 else ()
    kept: list[Span] = []
    left = limit
    for span in words:
        if left <= 0:
            return (*kept, Plain(ELLIPSIS))
        kept.append(replace(span, text=clip(span.text, left)))
        left -= size(span.text)
    return tuple(kept)
