"""Draw a reply as one message of Components V2. Pure.

What does not fit is made smaller in a fixed order, and the message says so: buttons beside the
entries of a list go first, one-liners are clipped, then bodies, then titles; link buttons become
links in the text, pictures go, cards lose their buttons, and only when nothing else helps are the
last parts left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from adapters.discord.controls import ACCENT, button, left_out, links_line, rows, split, tell_apart
from adapters.discord.limits import (
    CONTAINER,
    LIMITS,
    SECTION,
    SEPARATOR,
    TEXT_DISPLAY,
    THUMBNAIL,
    V2,
    Json,
    problems,
    walk,
)
from adapters.discord.markup import (
    BUDGETS,
    Budget,
    escape,
    line,
    lines,
    marked,
    tidy,
    web_address,
)
from bot.domain.reply import (
    Button,
    Card,
    Controls,
    Divider,
    Heading,
    Image,
    Item,
    Node,
    Note,
    Paragraph,
    Reply,
    text,
)
from bot.text import ELLIPSIS, clip, one_line


@dataclass(frozen=True, slots=True)
class Shape:
    """What is drawn as a component of its own; each costs some of the 40."""

    item_buttons: bool = True
    link_buttons: bool = True
    pictures: bool = True
    card_buttons: bool = True
    merged: bool = False


SHAPES = (
    Shape(),
    Shape(item_buttons=False),
    Shape(item_buttons=False, link_buttons=False),
    Shape(item_buttons=False, link_buttons=False, pictures=False),
    Shape(item_buttons=False, link_buttons=False, pictures=False, card_buttons=False, merged=True),
)
"""From the richest to the plainest."""

Piece = str | Json
"""Lines of text, or a component that is none."""


def draw(reply: Reply) -> Json:
    """Return the body of a message that shows a reply and that Discord takes."""
    nodes = reply.nodes
    if not any(_pieces(nodes, SHAPES[0], BUDGETS[0])):
        nodes = (Paragraph(text(reply.summary if one_line(reply.summary) else ELLIPSIS)),)
    shown = _fitting(nodes)
    shape = next(each for each in SHAPES if _components(shown, each) <= LIMITS.components)
    bodies = (_message(shown, shape, budget) for budget in BUDGETS)
    return next(body for body in bodies if not problems(body))


def _fitting(nodes: Sequence[Node]) -> Sequence[Node]:
    """Return as many of the nodes as fit, at their smallest if need be, and a note on the rest."""
    for kept in range(len(nodes), -1, -1):
        left = len(nodes) - kept
        shown = (*nodes[:kept], Note(text(f"… and {left} more"))) if left else tuple(nodes)
        drawn = (_message(shown, SHAPES[-1], budget) for budget in (BUDGETS[0], BUDGETS[-1]))
        if not all(map(problems, drawn)):
            return shown
    raise AssertionError("a note alone always fits")


def _components(nodes: Sequence[Node], shape: Shape) -> int:
    return len(list(walk(_message(nodes, shape, BUDGETS[0])["components"])))


def _message(nodes: Sequence[Node], shape: Shape, budget: Budget) -> Json:
    pieces: Iterable[Piece] = _pieces(nodes, shape, budget)
    if shape.merged:
        pieces = _merged(pieces)
    components = [
        {"type": TEXT_DISPLAY, "content": piece} if isinstance(piece, str) else piece
        for piece in pieces
    ]
    tell_apart(components)
    return {
        "flags": V2,
        "components": [{"type": CONTAINER, "accent_color": ACCENT, "components": components}],
        "allowed_mentions": {"parse": []},
    }


def _merged(pieces: Iterable[Piece]) -> list[Piece]:
    """Join texts that follow each other."""
    merged: list[Piece] = []
    for piece in pieces:
        if merged and isinstance(piece, str) and isinstance(merged[-1], str):
            merged[-1] += "\n" + piece
        else:
            merged.append(piece)
    return merged


def _pieces(nodes: Sequence[Node], shape: Shape, budget: Budget) -> list[Piece]:
    pieces = [piece for node in nodes for piece in _node(node, shape, budget) if piece]
    if not shape.card_buttons:
        lost = sum(
            isinstance(control, Button)
            for node in nodes
            if isinstance(node, Card)
            for control in node.controls
        )
        if lost:
            pieces.append(left_out(lost, of_papers=True))
    return pieces


def _node(node: Node, shape: Shape, budget: Budget) -> Iterator[Piece]:
    match node:
        case Heading(words):
            yield line("## ", escape(clip(tidy(words), budget.title)))
        case Paragraph(words):
            yield marked(words, budget.body, budget, keep_lines=True).strip()
        case Item():
            words = item_text(node, budget)
            if words and node.control and shape.item_buttons:
                yield _section(words, button(node.control))
            else:
                yield words
        case Card():
            yield from _card(node, shape, budget)
        case Note(words):
            yield line("-# ", marked(words, budget.body, budget))
        case Controls(controls):
            buttons, links = split(controls, link_buttons=shape.link_buttons)
            yield links_line(links, budget)
            yield from rows(buttons)
        case Divider():
            yield {"type": SEPARATOR}
        case _:
            assert_never(node)


def item_text(item: Item, budget: Budget) -> str:
    """Return one entry of a list."""
    rank = "" if item.rank is None else f"{item.rank}. "
    title = f"{rank}{marked(item.title, budget.title, budget, bold=True)}".strip()
    return lines(
        f"**{title}**" if title else "",
        marked(item.line, budget.line, budget),
        line("-# ", marked(item.meta, budget.meta, budget)),
    )


def _card(card: Card, shape: Shape, budget: Budget) -> Iterator[Piece]:
    rank = "" if card.rank is None else f"{card.rank}. "
    buttons, links = split(card.controls, link_buttons=shape.link_buttons)
    words = lines(
        line("### ", rank + marked(card.title, budget.title, budget)),
        line("-# ", marked(card.byline, budget.line, budget)),
        marked(card.body, budget.body, budget, keep_lines=True),
        line("-# ", marked(card.meta, budget.meta, budget)),
        links_line(links, budget),
    )
    picture = _thumbnail(card.image) if card.image and shape.pictures else None
    if words and picture:
        yield _section(words, picture)
    else:
        yield words
    if shape.card_buttons:
        yield from rows(buttons)


def _section(words: str, accessory: Json) -> Json:
    shown = [{"type": TEXT_DISPLAY, "content": words}]
    return {"type": SECTION, "components": shown, "accessory": accessory}


def _thumbnail(image: Image) -> Json | None:
    url = web_address(image.url, LIMITS.media_url)
    if url is None:
        return None
    described = clip(tidy(image.alt).strip(), LIMITS.media_description)
    return {
        "type": THUMBNAIL,
        "media": {"url": url},
        **({"description": described} if described else {}),
    }
