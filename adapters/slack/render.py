"""Draw a reply as one message that Slack takes. Pure.

Foreign text is never markup. In ``mrkdwn`` a star or an underscore cannot be escaped, so text
stands in ``rich_text`` or ``plain_text``, which have no markup. Only small print that holds no such
character is ``mrkdwn``, with ``& < >`` escaped.

What does not fit is made smaller: the lines of lists first, then titles and bodies, and at the very
end the last nodes give way to a note that says how many they were. What Slack cannot draw degrades
so: an address that it does not take stands in words; a picture that it does not take is left out
beside its title; beside a picture, the spans of a body lose their style and links show their
address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import assert_never

from adapters.slack.limits import LIMITS, Json, problems, takes_url
from bot.domain.channels import ChannelRef
from bot.domain.reply import (
    Bold,
    Button,
    Card,
    Code,
    Control,
    Controls,
    Divider,
    Heading,
    Image,
    Italic,
    Item,
    Link,
    LinkButton,
    Node,
    Note,
    Paragraph,
    Plain,
    Reply,
    Span,
    Text,
    plain,
    text,
)
from bot.ports import Thread
from bot.text import ELLIPSIS, clean, clip, one_line, size

METADATA_EVENT = "daily_papers_delivery"
UNFURL: Json = {"unfurl_links": False, "unfurl_media": False}


@dataclass(frozen=True, slots=True)
class Room:
    """How many characters each kind of text gets."""

    title: int
    line: int
    body: int
    small: int


ROOMS = (
    Room(title=300, line=400, body=2_900, small=600),
    Room(title=300, line=160, body=2_900, small=600),
    Room(title=200, line=100, body=2_900, small=300),
    Room(title=150, line=60, body=1_200, small=200),
    Room(title=100, line=0, body=400, small=120),
    Room(title=60, line=0, body=150, small=60),
)
"""From roomy to tight; the first in which a message fits is taken."""

JOINED: dict[type[Node], tuple[str, int]] = {Item: ("\n\n", 5), Paragraph: ("\n", 10)}
"""What stands between neighbours of one kind in a block, and how many share one."""

ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
LONGEST_ESCAPE = 5

_MRKDWN = re.compile(r"[*_~`\n]|:\S+:")
"""What ``mrkdwn`` would read as more than itself, and no escape prevents."""


def render(reply: Reply, *, pictures: bool = True) -> Json:
    """Return a reply as ``text`` and ``blocks``; Slack fetches pictures and may fail at that."""
    nodes = reply.nodes
    for room in ROOMS:
        payload = _payload(nodes, reply.summary, room, pictures)
        if not problems(payload):
            return payload
    for kept in range(len(nodes) - 1, 0, -1):
        more = Note(text(f"{ELLIPSIS} and {len(nodes) - kept} more"))
        payload = _payload((*nodes[:kept], more), reply.summary, ROOMS[-1], pictures)
        if not problems(payload):
            return payload
    return words_alone(reply)


def post_body(channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None) -> Json:
    """Return the body of the ``chat.postMessage`` that posts a reply."""
    return envelope(channel, key=key, thread=thread) | render(reply)


def envelope(channel: ChannelRef, *, key: str, thread: Thread | None = None) -> Json:
    """Return where a message goes, its key as metadata, and that nothing in it unfolds."""
    place = {"thread_ts": thread.head.id} if thread else {}
    metadata = {"event_type": METADATA_EVENT, "event_payload": {"key": key}}
    return {"channel": channel.id, **place, "metadata": metadata, **UNFURL}


def words_alone(reply: Reply) -> Json:
    """Return a reply's one line without blocks, for a message that Slack does not take."""
    return {"text": _fallback(reply.summary), "blocks": []}


def _payload(nodes: Sequence[Node], summary: str, room: Room, pictures: bool) -> Json:
    blocks: list[Json] = []
    for kind, run in groupby(nodes, type):
        drawn = [block for node in run for block in _node(node, room, pictures)]
        blocks += _merged(drawn, *JOINED[kind]) if kind in JOINED else drawn
    _make_distinct(blocks)
    return {"text": _fallback(summary), "blocks": blocks}


def _fallback(summary: str) -> str:
    line = one_line(summary) or "Daily Papers"
    escaped = clip(line, 2_000).translate(ESCAPES)
    if size(escaped) <= LIMITS.text:
        return escaped
    return clip(line, LIMITS.text // LONGEST_ESCAPE).translate(ESCAPES)


def _node(node: Node, room: Room, pictures: bool) -> list[Json]:
    match node:
        case Heading(words):
            line = clip(one_line(words), LIMITS.header)
            return [{"type": "header", "text": _plain_text(line)}] if line else []
        case Paragraph(words):
            return _rich_text(_elements(_clipped(words, room.body)))
        case Item():
            return _item(node, room)
        case Card():
            return _card(node, room, pictures)
        case Note(words):
            return _small(_clipped(words, room.small))
        case Controls(controls):
            return _controls(controls)
        case Divider():
            return [{"type": "divider"}]
        case _:
            assert_never(node)


def _item(node: Item, room: Room) -> list[Json]:
    return _rich_text(
        _lines(
            _titled(node.title, node.rank, room, mark="• "),
            _elements(_clipped(node.line, room.line)),
            _elements(_clipped(node.meta, room.small)),
        )
    )


def _card(node: Card, room: Room, pictures: bool) -> list[Json]:
    head = _lines(
        _titled(node.title, node.rank, room), _elements(_clipped(node.byline, room.small))
    )
    body = _clipped(node.body, room.body)
    if node.image and pictures and takes_url(node.image.url):
        blocks = [*_rich_text(head), _pictured(node.image, body)]
    else:
        blocks = _rich_text(_lines(head, _elements(body)))
    return [*blocks, *_small(_clipped(node.meta, room.small)), *_controls(node.controls)]


def _pictured(image: Image, body: Text) -> Json:
    alt = clip(one_line(image.alt), LIMITS.image_alt) or "Picture"
    words = clean("".join(map(_in_words, body))).strip()
    return {
        "type": "section",
        "text": _plain_text(clip(words, LIMITS.section) or alt),
        "accessory": {"type": "image", "image_url": image.url, "alt_text": alt},
    }


def _in_words(span: Span) -> str:
    return f"{span.text} ({span.url})" if isinstance(span, Link) else span.text


def _titled(title: Text, rank: int | None, room: Room, *, mark: str = "") -> list[Json]:
    number = mark if rank is None else f"{rank}. "
    words = _clipped(title, room.title)
    if not clean(plain(words)).strip():
        words = (*words, Plain("Untitled"))
    return [*_elements(text(number)), *_elements(words, bold=True)]


def _controls(controls: Sequence[Control]) -> list[Json]:
    buttons: list[Json] = []
    in_words: list[Span] = []
    for control in controls:
        label = one_line(control.label) or ELLIPSIS
        words = _plain_text(clip(label, LIMITS.button_text), emoji=True)
        match control:
            case Button():
                packed = control.action.pack()
                button = {"type": "button", "text": words, "action_id": packed, "value": packed}
                if control.style == "primary":
                    button["style"] = "primary"
                buttons.append(button)
            case LinkButton():
                if takes_url(control.url):
                    buttons.append(
                        {"type": "button", "text": words, "action_id": "open", "url": control.url}
                    )
                else:
                    in_words.append(Plain(clip(f"{label}: {one_line(control.url)}", 200)))
            case _:
                assert_never(control)
    most = LIMITS.actions_elements
    return [
        *(
            {"type": "actions", "elements": buttons[first : first + most]}
            for first in range(0, len(buttons), most)
        ),
        *(block for span in in_words for block in _small((span,))),
    ]


def _small(words: Text) -> list[Json]:
    """Return small print as a context; with links or markup in it, as text of normal size."""
    if not clean(plain(words)).strip():
        return []
    if all(isinstance(span, Plain) for span in words):
        return [_context(_plain_text(clean(plain(words))))]
    if any(map(_needs_rich_text, words)):
        return _rich_text(_elements(words))
    marked = "".join(map(_mrkdwn, words))
    return [_context({"type": "mrkdwn", "text": marked, "verbatim": True})]


def _needs_rich_text(span: Span) -> bool:
    if isinstance(span, Code):
        return "`" in span.text or "\n" in span.text
    return isinstance(span, Link) or _MRKDWN.search(span.text) is not None


def _mrkdwn(span: Span) -> str:
    characters = clean(span.text).translate(ESCAPES)
    match span:
        case Plain() | Link():
            return characters
        case Bold():
            return _between("*", characters)
        case Italic():
            return _between("_", characters)
        case Code():
            return _between("`", characters)
        case _:
            assert_never(span)


def _between(mark: str, characters: str) -> str:
    """Return characters between marks, which must touch what is no space."""
    inner = characters.strip()
    return characters.replace(inner, f"{mark}{inner}{mark}", 1) if inner else characters


def _context(words: Json) -> Json:
    return {"type": "context", "elements": [words]}


def _plain_text(characters: str, *, emoji: bool = False) -> Json:
    return {"type": "plain_text", "text": characters, "emoji": emoji}


def _elements(words: Text, *, bold: bool = False) -> list[Json]:
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


def _lines(*lines: list[Json]) -> list[Json]:
    """Return elements on lines of their own, empty lines left out."""
    return _between_each("\n", [line for line in lines if line])


def _between_each(separator: str, parts: Iterable[list[Json]]) -> list[Json]:
    elements: list[Json] = []
    for part in parts:
        joint = [{"type": "text", "text": separator}] if elements else []
        for element in (*joint, *part):
            before = elements[-1] if elements else {}
            if before.get("type") == element["type"] == "text" and "style" not in {
                *before,
                *element,
            }:
                elements[-1] = {"type": "text", "text": before["text"] + element["text"]}
            else:
                elements.append(element)
    return elements


def _rich_text(elements: list[Json]) -> list[Json]:
    if not elements:
        return []
    section = {"type": "rich_text_section", "elements": elements}
    return [{"type": "rich_text", "elements": [section]}]


def _merged(blocks: Sequence[Json], separator: str, most: int) -> list[Json]:
    """Return blocks of ``rich_text`` as few, for every block costs room and a gap."""
    return [
        block
        for first in range(0, len(blocks), most)
        for block in _rich_text(
            _between_each(
                separator,
                (each["elements"][0]["elements"] for each in blocks[first : first + most]),
            )
        )
    ]


def _make_distinct(blocks: Sequence[Json]) -> None:
    """Give each button of a message an ``action_id`` of its own; ``value`` says what it does."""
    seen: dict[str, int] = {}
    for block in blocks:
        for button in block["elements"] if block["type"] == "actions" else ():
            name = button["action_id"]
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                button["action_id"] = f"{name}#{seen[name]}"


def _clipped(words: Text, limit: int) -> Text:
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
