"""Draw a reply for a terminal. Pure; text is drawn as it is, never read as markup."""

from __future__ import annotations

from io import StringIO
from typing import assert_never

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.style import Style
from rich.table import Table
from rich.text import Text as RichText

from adapters.console.limits import COLUMNS
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
)
from bot.ports import Thread
from bot.text import clean

MARGIN = 4


def post_body(
    channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None
) -> dict[str, object]:
    """Return a message as the plain lines that a terminal shows."""
    screen = Console(width=COLUMNS, file=StringIO(), color_system=None, legacy_windows=False)
    screen.print(render(reply))
    lines = screen.file.getvalue().splitlines()  # type: ignore[attr-defined]  # it is a StringIO
    place = str(thread.head) if thread and not thread.beside else str(channel)
    return {"place": place, "key": key, "lines": lines}


def render(reply: Reply, *, title: str = "") -> RenderableType:
    """Return a reply as something rich can print, framed as one message."""
    drawn = [_node(node) for node in reply.nodes]
    return Panel(
        Group(*drawn),
        title=RichText(title, style="dim"),
        title_align="left",
        border_style="dim",
        padding=(0, 1),
    )


def _node(node: Node) -> RenderableType:
    match node:
        case Heading(words):
            return RichText(clean(words), style="bold magenta")
        case Paragraph(words):
            return _text(words)
        case Item():
            return _item(node)
        case Card():
            return _card(node)
        case Note(words):
            return _text(words, "dim")
        case Controls(controls):
            return _controls(controls)
        case Divider():
            return Rule(style="dim")
        case _:
            assert_never(node)


def _item(node: Item) -> RenderableType:
    return _entry(node.rank, node.title, ((node.line, ""), (node.meta, "green")))


def _card(node: Card) -> RenderableType:
    parts = ((node.byline, "dim"), (node.body, ""), (node.meta, "green"))
    return _entry(node.rank, node.title, parts, node.controls)


def _entry(
    rank: int | None,
    title: Text,
    parts: tuple[tuple[Text, str], ...],
    controls: tuple[Control, ...] = (),
) -> RenderableType:
    """Return a title with its rank in the margin, and what belongs to it below."""
    lines: list[RenderableType] = [_text(title, "bold")]
    lines += [_text(words, style) for words, style in parts if words]
    if controls:
        lines.append(_controls(controls))
    grid = Table.grid(padding=0)
    grid.add_column(width=MARGIN, no_wrap=True)
    grid.add_column()
    mark = "  • " if rank is None else f"{rank}.".rjust(MARGIN - 1) + " "
    grid.add_row(RichText(mark, style="bold cyan"), Group(*lines))
    return grid


def _controls(controls: tuple[Control, ...]) -> RenderableType:
    line = RichText()
    for control in controls:
        line.append(" " if line else "")
        match control:
            case Button(label):
                line.append(f"[{clean(label)}]", style="black on white")
            case LinkButton(label, url):
                line.append(f"{clean(label)}↗", style=Style(underline=True, link=url))
            case _:
                assert_never(control)
    return line


def _text(words: Text, style: str = "") -> RichText:
    line = RichText(style=style)
    for span in words:
        line.append(clean(span.text), style=_style(span))
    return line


def _style(span: Span) -> Style:
    match span:
        case Plain():
            return Style()
        case Bold():
            return Style(bold=True)
        case Italic():
            return Style(italic=True)
        case Code():
            return Style(color="yellow")
        case Link():
            return Style(link=span.url)
        case _:
            assert_never(span)
