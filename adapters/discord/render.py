"""Draw a reply as one Discord message of Components V2. Pure.

What does not fit is made smaller in a fixed order, and the message says so: one-liners are clipped
first, then bodies, then titles; link buttons become links in the text, pictures go, cards lose
their buttons, and only when nothing else helps are the last parts left out. Foreign text never
becomes markup, a mention or a link: everything that means something to Discord is escaped here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never
from urllib.parse import quote

from adapters.discord.commands import as_typed
from adapters.discord.ids import TWIN, custom_id, marks, nonce
from adapters.discord.limits import (
    ACTION_ROW,
    BUTTON,
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
from adapters.discord.modals import pages
from bot.commands import all_commands
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
    OpenAction,
    Paragraph,
    Plain,
    Reply,
    Span,
    Text,
    plain,
    text,
)
from bot.ports import Thread
from bot.text import ELLIPSIS, clean, clip, count, one_line, size

ACCENT = 0xFFD21E
"""Hugging Face's yellow, on the left edge of every message."""

PRIMARY, SECONDARY, LINK = 1, 2, 5
"""Button styles: docs.discord.com/developers/components/reference#button-button-styles"""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most characters that each kind of text may have, before escaping.

    Attributes:
        links: How many links may stand for link buttons, in one place.
    """

    line: int = 300
    body: int = 3_800
    title: int = 300
    meta: int = 200
    url: int = 512
    links: int = 25


SHRINKING: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("line", (200, 160, 130, 100, 80, 60)),
    ("body", (3_000, 2_400, 1_800, 1_400, 1_000, 700, 500, 300, 150)),
    ("line", (0,)),
    ("links", (3, 0)),
    ("title", (200, 140, 100, 75)),
    ("url", (100,)),
    ("meta", (60,)),
    ("title", (50,)),
    ("url", (0,)),
    ("meta", (30,)),
    ("body", (60,)),
    ("title", (30,)),
)
"""What gives way, in this order; a line of no length is left out, as is a link of no address."""


def _budgets() -> tuple[Budget, ...]:
    budgets = [Budget()]
    for kind, lengths in SHRINKING:
        for length in lengths:
            budgets.append(replace(budgets[-1], **{kind: length}))
    return tuple(budgets)


BUDGETS = _budgets()


@dataclass(frozen=True, slots=True)
class Shape:
    """What is drawn as a component of its own; each costs some of the 40."""

    link_buttons: bool = True
    pictures: bool = True
    card_buttons: bool = True
    merged: bool = False


SHAPES = (
    Shape(),
    Shape(link_buttons=False),
    Shape(link_buttons=False, pictures=False),
    Shape(link_buttons=False, pictures=False, card_buttons=False, merged=True),
)
"""From the richest to the plainest."""

Piece = str | Json
"""Lines of text, or a component that is none."""


def render(reply: Reply) -> Json:
    """Return the body of a message that shows a reply and that Discord takes."""
    nodes = reply.nodes
    if not any(_pieces(nodes, SHAPES[0], BUDGETS[0])):
        nodes = (Paragraph(text(reply.summary if one_line(reply.summary) else ELLIPSIS)),)
    shown = _fitting(nodes)
    shape = next(each for each in SHAPES if _components(shown, each) <= LIMITS.components)
    bodies = (_message(shown, shape, budget) for budget in BUDGETS)
    return next(body for body in bodies if not problems(body))


def post_body(channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None) -> Json:
    """Return the body that posts a reply under a key: see ``ids.nonce`` and ``ids.marks``."""
    body = render(reply)
    container = body["components"][0]
    container["id"], container["components"][0]["id"] = marks(key)
    return {**body, "nonce": nonce(key), "enforce_nonce": True}


def is_marked(message: Mapping[str, Any], key: str) -> bool:
    """Tell whether a message read back is the one that ``post_body`` made for that key."""
    if message.get("nonce") == nonce(key):
        return True
    (container, *_) = message.get("components") or [{}]
    (first, *_) = container.get("components") or [{}]
    return (container.get("id"), first.get("id")) == marks(key)


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
    _tell_apart(components)
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


def _tell_apart(components: Iterable[Json]) -> None:
    """Give equal buttons ids of their own, as Discord demands; one that cannot have one is off."""
    taken: set[str] = set()
    for number, button in enumerate(walk(components)):
        if "custom_id" not in button:
            continue
        packed, twin = button["custom_id"], 1
        while (made := custom_id(packed, twin)) in taken:
            twin += 1
        if made is None:
            made = f"{TWIN}{number}"
            button["disabled"] = True
        button["custom_id"] = made
        taken.add(made)


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
            pieces.append(f"-# … and {count(lost, 'button')} more: `/papers show` has them")
    return pieces


def _node(node: Node, shape: Shape, budget: Budget) -> Iterator[Piece]:
    match node:
        case Heading(words):
            yield _line("## ", escape(clip(_tidy(words), budget.title)))
        case Paragraph(words):
            yield _text(words, budget.body, budget, lines=True).strip()
        case Item():
            yield _item(node, budget)
        case Card():
            yield from _card(node, shape, budget)
        case Note(words):
            yield _line("-# ", _text(words, budget.body, budget))
        case Controls(controls):
            buttons, links = _split(controls, shape)
            yield _links(links, budget)
            yield from _rows(buttons)
        case Divider():
            yield {"type": SEPARATOR}
        case _:
            assert_never(node)


def _item(item: Item, budget: Budget) -> str:
    rank = "" if item.rank is None else f"{item.rank}. "
    title = f"{rank}{_text(item.title, budget.title, budget, bold=True)}".strip()
    return _lines(
        f"**{title}**" if title else "",
        _text(item.line, budget.line, budget),
        _line("-# ", _text(item.meta, budget.meta, budget)),
    )


def _card(card: Card, shape: Shape, budget: Budget) -> Iterator[Piece]:
    rank = "" if card.rank is None else f"{card.rank}. "
    buttons, links = _split(card.controls, shape)
    words = _lines(
        _line("### ", rank + _text(card.title, budget.title, budget)),
        _line("-# ", _text(card.byline, budget.line, budget)),
        _text(card.body, budget.body, budget, lines=True),
        _line("-# ", _text(card.meta, budget.meta, budget)),
        _links(links, budget),
    )
    picture = _thumbnail(card.image) if card.image and shape.pictures else None
    if words and picture:
        texts = [{"type": TEXT_DISPLAY, "content": words}]
        yield {"type": SECTION, "components": texts, "accessory": picture}
    else:
        yield words
    if shape.card_buttons:
        yield from _rows(buttons)


def _thumbnail(image: Image) -> Json | None:
    url = web_address(image.url, LIMITS.media_url)
    if url is None:
        return None
    described = clip(_tidy(image.alt).strip(), LIMITS.media_description)
    return {
        "type": THUMBNAIL,
        "media": {"url": url},
        **({"description": described} if described else {}),
    }


def _split(
    controls: Iterable[Control], shape: Shape
) -> tuple[tuple[Control, ...], tuple[LinkButton, ...]]:
    """Return the controls that are drawn as buttons, and the links that stand in the text."""
    buttons: list[Control] = []
    links: list[LinkButton] = []
    for control in controls:
        match control:
            case Button(action=OpenAction() as action):
                buttons.extend(_by_page(control, action))
            case Button():
                buttons.append(control)
            case LinkButton():
                fits = web_address(control.url, LIMITS.button_url) is not None
                if shape.link_buttons and fits:
                    buttons.append(control)
                else:
                    links.append(control)
            case _:
                assert_never(control)
    return tuple(buttons), tuple(links)


def _by_page(button: Button, action: OpenAction) -> Iterator[Button]:
    """Yield a button for each modal that the dialog of a command takes."""
    spec = all_commands().get(action.command)
    last = pages(len(spec.parameters)) if spec and spec.current else 1
    if last == 1 or action.page:
        yield button
        return
    for page in range(1, last + 1):
        yield replace(
            button, label=f"{button.label} {page}/{last}", action=replace(action, page=page)
        )


def _rows(buttons: Sequence[Control]) -> Iterator[Json]:
    """Draw buttons in rows; where they need several, the links have rows of their own."""
    if len(buttons) <= LIMITS.row_buttons:
        groups: Sequence[Sequence[Control]] = [buttons]
    else:
        actions = [each for each in buttons if isinstance(each, Button)]
        groups = [actions, [each for each in buttons if isinstance(each, LinkButton)]]
    for group in groups:
        for start in range(0, len(group), LIMITS.row_buttons):
            row = [_button(each) for each in group[start : start + LIMITS.row_buttons]]
            yield {"type": ACTION_ROW, "components": row}


def _button(control: Control) -> Json:
    label = clip(_tidy(control.label).strip(), LIMITS.label) or ELLIPSIS
    match control:
        case Button(_, action, style):
            look = PRIMARY if style == "primary" else SECONDARY
            return {"type": BUTTON, "style": look, "label": label, "custom_id": action.pack()}
        case LinkButton(_, url):
            address = web_address(url, LIMITS.button_url)
            return {"type": BUTTON, "style": LINK, "label": label, "url": address}
        case _:
            assert_never(control)


def _links(links: Sequence[LinkButton], budget: Budget) -> str:
    return " · ".join(
        _masked(clip(_tidy(each.label), LIMITS.label), each.url, budget)
        for each in links[: budget.links]
    )


def _line(mark: str, words: str) -> str:
    """Return a line of a kind, or nothing where there are no words."""
    return mark + words.strip() if words.strip() else ""


def _lines(*lines: str) -> str:
    return "\n".join(line.strip() for line in lines if line.strip())


def _text(
    words: Text, limit: int, budget: Budget, *, bold: bool = False, lines: bool = False
) -> str:
    """Return spans as markup; within bold text nothing is made bold again."""
    made: list[str] = []
    marked = False
    for span in _clipped(words, limit, lines=lines):
        shown = _span(span, budget, bold=bold)
        touches = marked or (made and made[-1].endswith("`"))
        if touches and shown and not isinstance(span, Plain | Link):
            made.append("\u200b")  # keeps the marks of neighbours apart
        made.append(shown)
        marked = not isinstance(span, Plain | Link)
    return "".join(made)


def _span(span: Span, budget: Budget, *, bold: bool) -> str:
    match span:
        case Plain(words):
            return escape(words)
        case Bold(words):
            return escape(words) if bold else _around("**", escape(words))
        case Italic(words):
            return _around("*", escape(words))
        case Code(words):
            typed = as_typed(words)
            return f"`{typed.replace('`', 'ˋ')}`" if typed.strip() else ""
        case Link(words, url):
            return _masked(words, url, budget)
        case _:
            assert_never(span)


def _around(mark: str, words: str) -> str:
    """Put marks around words; white space at their ends stays outside, else they do not count."""
    core = words.strip()
    if not core:
        return words
    before, _, after = words.partition(core)
    return f"{before}{mark}{core}{mark}{after}"


def _masked(label: str, url: str, budget: Budget) -> str:
    """Return a link, or its label alone where the address is no good or too long."""
    address = web_address(url, budget.url)
    label = label if label.strip() else "link"
    return f"[{escape(label.translate(BRACKETS))}]({address})" if address else escape(label)


def _clipped(words: Text, limit: int, *, lines: bool) -> Iterator[Span]:
    """Yield sound spans of at most so many characters together."""
    tidy = [replace(span, text=_tidy(span.text, lines=lines)) for span in words]
    left = limit
    for index, span in enumerate(tidy):
        if size(plain(tuple(tidy[index:]))) <= left:
            yield from tidy[index:]
            return
        if size(span.text) >= left:
            yield replace(span, text=clip(span.text + ELLIPSIS, left))
            return
        left -= size(span.text)
        yield span


def _tidy(words: str, *, lines: bool = False) -> str:
    """Return foreign text without control characters, halves of characters and, mostly, lines."""
    sound = clean(words.encode("utf-8", "replace").decode())
    return re.sub(r"\n\s*\n+", "\n", sound) if lines else re.sub(r"\s+", " ", sound)


BRACKETS = str.maketrans("[]", "［］")
"""A bracket in a link's label can end the link, escaped or not."""

_ANYWHERE = re.compile(r"[\\*_~`|<>@\[\]]|:(?=//)")
_AT_LINE_START = re.compile(r"^(\s*)([#+-]|\d+(?=[.)]))", re.MULTILINE)
_WEB = re.compile(
    r"https?://(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]+"
    r"(?::\d{1,5})?(?=[/?#]|$)"
)
_KEPT_IN_URLS = ":/?#@!$&'+,;=%~"


def escape(words: str) -> str:
    """Return text that Discord shows as it is.

    A backslash before punctuation is not shown; ``:`` before ``//`` breaks what would be a link.
    docs.discord.com/developers/reference#message-formatting
    """
    escaped = _ANYWHERE.sub(r"\\\g<0>", words)
    return _AT_LINE_START.sub(_disarm, escaped)


def _disarm(match: re.Match[str]) -> str:
    space, mark = match.groups()
    return f"{space}{mark}\\" if mark.isdigit() else f"{space}\\{mark}"


def web_address(url: str, limit: int) -> str | None:
    """Return an http or https address safe inside markup, or ``None`` if it is none, or too long.

    A user name in front of the host, which can make a link look like another, is not taken.
    """
    if not _WEB.match(url):
        return None
    address = quote(_tidy(url), safe=_KEPT_IN_URLS)
    return address if len(address) <= limit else None
