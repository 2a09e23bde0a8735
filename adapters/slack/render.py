"""Draw a reply as what Slack takes: one message, or the blocks of a view. Pure.

Foreign text is never markup; how, ``_pieces`` says. In rich style, digests are cards and
containers; see ``_rich``.

What does not fit is made smaller: the lines of lists first, then titles and bodies, and at the very
end the last nodes give way to a note that says how many they were. What Slack cannot draw degrades
so: an address that it does not take stands in words; a picture that it does not take is left out
beside its title; beside a picture, the spans of a body lose their style and links show their
address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal, assert_never

from adapters.slack._pieces import (
    ESCAPES,
    LONGEST_ESCAPE,
    Room,
    clipped,
    controls,
    elements,
    image,
    in_words,
    lines,
    merged,
    plain_text,
    rich_text,
    small,
    titled,
)
from adapters.slack._rich import rich_blocks
from adapters.slack._shapes import parts, pressed
from adapters.slack.limits import LIMITS, Json, block_problems, problems
from bot.domain.channels import ChannelRef
from bot.domain.reply import (
    Card,
    Controls,
    Divider,
    Heading,
    Item,
    Node,
    Note,
    Paragraph,
    Reply,
    Text,
    text,
)
from bot.ports import Thread
from bot.text import ELLIPSIS, clean, clip, one_line, size

METADATA_EVENT = "daily_papers_delivery"
UNFURL: Json = {"unfurl_links": False, "unfurl_media": False}

Style = Literal["base", "rich"]


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


def render(reply: Reply, *, pictures: bool = True, style: Style = "base") -> Json:
    """Return a reply as ``text`` and ``blocks``.

    Args:
        reply: What is to be shown.
        pictures: Whether they are; Slack fetches them, and may fail at that.
        style: Whether newer blocks may be used, which not every workspace may take.
    """
    styles: Sequence[Style] = ("rich", "base") if style == "rich" else ("base",)
    message = words_alone(reply)
    for nodes, room in _attempts(reply.nodes):
        for each in styles:
            drawn = message | {"blocks": _blocks(nodes, room, pictures, each)}
            if not problems(drawn):
                return drawn
    return message


def view_blocks(reply: Reply, surface: Literal["modal", "home"]) -> list[Json]:
    """Return a reply as blocks of a view; it holds twice as many as a message, and at least one."""
    for nodes, room in _attempts(reply.nodes):
        blocks = _blocks(nodes, room, pictures=True, style="base")
        if not block_problems(blocks, surface):
            return blocks
    line = clip(one_line(reply.summary) or "Daily Papers", LIMITS.section)
    return [{"type": "section", "text": plain_text(line)}]


def _attempts(nodes: Sequence[Node]) -> Iterator[tuple[Sequence[Node], Room]]:
    """Yield what to draw in which room, better first: all nodes, then fewer in the tightest."""
    for room in ROOMS:
        yield nodes, room
    for kept in range(len(nodes) - 1, 0, -1):
        more = Note(text(f"{ELLIPSIS} and {len(nodes) - kept} more"))
        yield (*nodes[:kept], more), ROOMS[-1]


def post_body(
    channel: ChannelRef,
    reply: Reply,
    *,
    key: str,
    thread: Thread | None = None,
    style: Style = "base",
) -> Json:
    """Return the body of the ``chat.postMessage`` that posts a reply."""
    return envelope(channel, key=key, thread=thread) | render(reply, style=style)


def envelope(channel: ChannelRef, *, key: str, thread: Thread | None = None) -> Json:
    """Return where a message goes, its key as metadata, and that nothing in it unfolds."""
    place = {"thread_ts": thread.head.id} if thread and not thread.beside else {}
    metadata = {"event_type": METADATA_EVENT, "event_payload": {"key": key}}
    return {"channel": channel.id, **place, "metadata": metadata, **UNFURL}


def words_alone(reply: Reply) -> Json:
    """Return a reply's one line without blocks, for a message that Slack does not take."""
    return {"text": _fallback(reply.summary), "blocks": []}


def _fallback(summary: str) -> str:
    line = one_line(summary) or "Daily Papers"
    escaped = clip(line, 2_000).translate(ESCAPES)
    if size(escaped) <= LIMITS.text:
        return escaped
    return clip(line, LIMITS.text // LONGEST_ESCAPE).translate(ESCAPES)


def _blocks(nodes: Sequence[Node], room: Room, pictures: bool, style: Style) -> list[Json]:
    def base(some: Sequence[Node]) -> list[Json]:
        return _base(some, room, pictures)

    match style:
        case "base":
            blocks = base(nodes)
        case "rich":
            blocks = rich_blocks(nodes, room, pictures=pictures, base=base)
        case _:
            assert_never(style)
    _make_distinct(blocks)
    return blocks


def _base(nodes: Sequence[Node], room: Room, pictures: bool) -> list[Json]:
    blocks: list[Json] = []
    for kind, run in groupby(nodes, type):
        drawn = [block for node in run for block in _node(node, room, pictures)]
        blocks += merged(drawn, *JOINED[kind]) if kind in JOINED else drawn
    return blocks


def _node(node: Node, room: Room, pictures: bool) -> list[Json]:
    match node:
        case Heading(words):
            line = clip(one_line(words), LIMITS.header)
            return [{"type": "header", "text": plain_text(line)}] if line else []
        case Paragraph(words):
            return rich_text(elements(clipped(words, room.body)))
        case Item():
            return _item(node, room)
        case Card():
            return _card(node, room, pictures)
        case Note(words):
            return small(clipped(words, room.small))
        case Controls(pressed_here):
            return controls(pressed_here)
        case Divider():
            return [{"type": "divider"}]
        case _:
            assert_never(node)


def _item(node: Item, room: Room) -> list[Json]:
    return rich_text(
        lines(
            _titled(node.title, node.rank, room, mark="• "),
            elements(clipped(node.line, room.line)),
            elements(clipped(node.meta, room.small)),
        )
    )


def _card(node: Card, room: Room, pictures: bool) -> list[Json]:
    head = lines(_titled(node.title, node.rank, room), elements(clipped(node.byline, room.small)))
    body = clipped(node.body, room.body)
    picture = image(node.image) if node.image and pictures else None
    if picture:
        words = clean("".join(map(in_words, body))).strip() or picture["alt_text"]
        text_beside = plain_text(clip(words, LIMITS.section))
        blocks = [
            *rich_text(head),
            {"type": "section", "text": text_beside, "accessory": picture},
        ]
    else:
        blocks = rich_text(lines(head, elements(body)))
    return [*blocks, *small(clipped(node.meta, room.small)), *controls(node.controls)]


def _titled(title: Text, rank: int | None, room: Room, *, mark: str = "") -> list[Json]:
    named = titled(clipped(title, room.title), rank, mark=mark)
    if rank is None and not mark:
        return elements(named, bold=True)
    return [*elements(named[:1]), *elements(named[1:], bold=True)]


def _make_distinct(blocks: Sequence[Json]) -> None:
    """Give each button of a message an ``action_id`` of its own; ``value`` says what it does."""
    seen: dict[str, int] = {}
    for part in parts(blocks):
        for each in pressed(part):
            name = each["action_id"]
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                each["action_id"] = f"{name}#{seen[name]}"
