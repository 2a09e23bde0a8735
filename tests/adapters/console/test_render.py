from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from adapters.console.ids import CHANNEL, message_ref
from adapters.console.limits import COLUMNS
from adapters.console.render import post_body, render
from bot.domain.channels import MessageRef
from bot.domain.reply import (
    Bold,
    Button,
    Card,
    Code,
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
    RunAction,
    text,
)
from bot.ports import Thread

URL = "https://huggingface.co/papers/2605.00001"
BUTTONS = (Button("Vote", RunAction("top")), LinkButton("Paper", URL))
NODES: tuple[Node, ...] = (
    Heading("A heading"),
    Paragraph(text("plain ", Bold("bold "), Italic("italic "), Code("code "), Link("link", URL))),
    Item(text("an item"), text("its line"), text("its votes"), 7),
    Card(
        text("a card"), text("its authors"), text("its body"), text("its votes"), 8, None, BUTTONS
    ),
    Note(text("small print")),
    Divider(),
    Controls(BUTTONS),
)


def drawn(*nodes: Node, colours: bool = False) -> str:
    screen = Console(
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=colours,
        color_system="truecolor" if colours else None,
        legacy_windows=False,
    )
    screen.print(render(Reply(nodes, "summary"), title="m1"))
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_every_node_is_drawn() -> None:
    shown = drawn(*NODES)
    for words in (
        "m1", "A heading", "plain bold italic code link", "7. an item", "its line", "its votes",
        "8. a card", "its authors", "its body", "small print", "[Vote]", "Paper↗",
    ):  # fmt: skip
        assert words in shown, words


@pytest.mark.parametrize("node", NODES, ids=lambda node: type(node).__name__)
def test_no_line_is_wider_than_the_screen(node: Node) -> None:
    assert all(len(line) <= COLUMNS for line in drawn(node).splitlines())


@pytest.mark.parametrize(
    "foreign",
    ["[red]x[/red]", "[link=http://evil.example]x[/link]", "[/]", ":smile:", "\\[bold]", "*x* _y_"],
)
def test_foreign_text_is_drawn_as_it_is(foreign: str) -> None:
    assert foreign in drawn(Paragraph(text(foreign)))
    assert foreign in drawn(Item((Link(foreign, URL),)))
    assert foreign in drawn(Heading(foreign))


@given(st.text(max_size=60))
def test_no_foreign_text_reaches_the_terminals_controls(foreign: str) -> None:
    shown = drawn(
        Heading(foreign), Paragraph(text(foreign)), Item(text(foreign), text(Plain(foreign)))
    )
    assert not set(shown) & {chr(code) for code in range(32) if code != 10}
    assert "\x9b" not in shown


def test_links_lead_somewhere_where_the_terminal_can_follow() -> None:
    assert URL in drawn(Item((Link("a paper", URL),)), colours=True)
    assert URL in drawn(Controls(BUTTONS), colours=True)


def test_a_posts_body_names_its_place_and_key() -> None:
    reply = Reply((Heading("A heading"),), "summary")
    body = post_body(CHANNEL, reply, key="k1")
    assert (body["place"], body["key"]) == ("console:local/papers", "k1")
    head = message_ref(CHANNEL, 3)
    assert head == MessageRef(CHANNEL, "m3")
    threaded = post_body(CHANNEL, reply, key="k2", thread=Thread(head, "title"))
    assert threaded["place"] == "console:local/papers/m3"
    assert "A heading" in str(threaded["lines"])
