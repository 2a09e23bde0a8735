from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from adapters.search.lexical import LexicalIndex
from adapters.slack.limits import problems
from adapters.slack.render import Style, render, view_blocks, words_alone
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot import cards
from bot.dispatch import Dispatcher
from bot.domain.channels import Layout
from bot.domain.command import Caller, CommandCall
from bot.domain.reply import (
    Bold,
    Button,
    Card,
    Code,
    Controls,
    Divider,
    Heading,
    Image,
    Italic,
    Item,
    Link,
    LinkButton,
    Note,
    Paragraph,
    Plain,
    Reply,
    RunAction,
    VoteAction,
    text,
)
from bot.domain.votes import Tally, VoteKind
from bot.services.health import Health
from tests.examples import ANN, CHANNEL, NOW, delivery, paper, paper_id

GOLDEN = Path(__file__).parents[2] / "golden" / "slack"

Json = dict[str, Any]

NASTY = (
    "<!channel> <!here|x> <!everyone>",
    "<@U1> <#C1> <!subteam^S1>",
    "*bold* _it_ ~no~ `code` ```block```",
    "<https://evil.example|Hugging Face> https://evil.example [x](https://evil.example)",
    "$\\alpha_{i}^*$ & $a<b>c$ &lt;!channel&gt;",
    "\u202egnp.exe\u202c \u2066x\u2069",
    "zero\u200bwidth\ufeff",
    "@channel @here :tada: :smile:",
    "x" * 5_000,
    "&" * 3_000,
    "😀" * 2_000,
    "",
    "\n\n",
    "\x00\x07",
    "> quote\n1. list",
)

hostile = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=60),
    st.lists(st.sampled_from(NASTY[:8]), min_size=1, max_size=4).map(" ".join),
)
urls = st.sampled_from(
    [
        "https://huggingface.co/papers/2605.00001",
        "https://good.example/<!channel>",
        "https://good.example/a|b",
        "https://good.example/?q=*_`",
        "https://" + "x" * 4_000,
        "http://a b",
        "http://",
    ]
)
spans = st.one_of(
    st.builds(Plain, hostile),
    st.builds(Bold, hostile),
    st.builds(Italic, hostile),
    st.builds(Code, hostile),
    st.builds(Link, hostile, urls),
)
texts = st.lists(spans, max_size=4).map(tuple)
controls = st.lists(
    st.one_of(
        st.builds(
            Button,
            hostile,
            st.sampled_from([VoteAction(VoteKind.UP, paper_id(1)), RunAction("help", "")]),
            st.sampled_from(["normal", "primary"]),
        ),
        st.builds(LinkButton, hostile, st.one_of(urls, st.just("https://"))),
    ),
    max_size=30,
).map(tuple)
ranks = st.one_of(st.none(), st.integers(1, 25))
items = st.builds(Item, texts, texts, texts, ranks)
nodes = st.one_of(
    st.builds(Heading, hostile),
    st.builds(Paragraph, texts),
    items,
    st.builds(
        Card,
        texts,
        texts,
        texts,
        texts,
        ranks,
        st.one_of(st.none(), st.builds(Image, urls, hostile)),
        controls,
    ),
    st.builds(Note, texts),
    st.builds(Controls, controls),
    st.just(Divider()),
)
replies = st.one_of(
    st.builds(Reply, st.lists(nodes, max_size=12).map(tuple), hostile),
    st.builds(Reply, st.lists(items, max_size=25).map(tuple), hostile),
)


def inside(value: object) -> Iterator[Json]:
    """Yield every object of a payload."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from inside(each)


def words(payload: Json) -> str:
    return "\n".join(
        str(each["text"]) for each in inside(payload) if isinstance(each.get("text"), str)
    )


def links_of(reply: Reply) -> set[str]:
    return {
        span.url
        for node in reply.nodes
        for name in ("text", "title", "line", "meta", "byline", "body", "controls")
        if isinstance(spans := getattr(node, name, ()), tuple)
        for span in spans
        if isinstance(span, Link | LinkButton)
    }


STYLES: tuple[Style, ...] = ("base", "rich")
LINK = re.compile(r"<([^<>|]+)\|[^<>|]*>")


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=100, deadline=None)
@given(replies)
def test_every_reply_is_a_message_that_slack_takes(style: Style, reply: Reply) -> None:
    for payload in (render(reply, style=style), render(reply, pictures=False, style=style)):
        assert problems(payload) == []
    assert problems(words_alone(reply)) == []


@pytest.mark.parametrize("surface", ["modal", "home"])
@settings(max_examples=50, deadline=None)
@given(replies)
def test_every_reply_is_a_view_that_slack_takes(surface: Any, reply: Reply) -> None:
    title = {"title": {"type": "plain_text", "text": "Papers"}} if surface == "modal" else {}
    blocks = view_blocks(reply, surface)
    assert problems({"type": surface, **title, "blocks": blocks}, surface) == []


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=100, deadline=None)
@given(replies)
def test_foreign_text_is_never_markup(style: Style, reply: Reply) -> None:
    payload = render(reply, style=style)
    kinds = {each.get("type") for each in inside(payload)}
    assert not kinds & {"user", "usergroup", "channel", "broadcast", "emoji"}
    assert not set("<>") & set(payload["text"])
    for each in inside(payload):
        if each.get("type") == "mrkdwn":
            assert each["verbatim"] is True
            assert {html.unescape(url) for url in LINK.findall(each["text"])} <= links_of(reply)
            assert not set("<>") & set(LINK.sub("", each["text"]))
        if each.get("type") == "link":
            assert each["url"] in links_of(reply)


@pytest.mark.parametrize("nasty", [each for each in NASTY[:8] if each.isprintable()])
def test_a_title_reads_as_it_was_written(nasty: str) -> None:
    reply = Reply((Item((Link(nasty, "https://good.example"),), text(nasty)),), "x")
    (block,) = render(reply)["blocks"]
    link, line = block["elements"][0]["elements"][1:]
    assert link["text"] == nasty
    assert line["text"] == f"\n{nasty}"


def test_twenty_five_papers_fit_one_message_with_their_votes() -> None:
    papers = [
        paper(n, title=f"{n} " + "long title " * 12, one_line="word " * 60) for n in range(1, 26)
    ]
    payload = render(cards.list_reply("Papers", papers, {}, first_rank=1, note="25 of 31 papers"))
    assert problems(payload) == []
    shown = words(payload)
    assert all(f"▲ {100 - n} on HF" in shown for n in range(1, 26))
    assert "25 of 31 papers" in shown
    assert sum(block["type"] == "rich_text" for block in payload["blocks"]) == 5


def test_lines_give_way_before_titles_do() -> None:
    title = "A title of some length that says what this paper is about"
    papers = [paper(n, title=title, one_line="word " * 60) for n in range(1, 26)]
    shown = words(render(cards.list_reply("Papers", papers, {}, first_rank=1)))
    assert shown.count(title) >= 25
    assert "word word" in shown
    assert "…" in shown


def test_what_does_not_fit_at_all_is_counted() -> None:
    picture = Image("https://good.example/p.png", "A page")
    card = Card(text("A paper"), text("Ann"), text("Body"), text("▲ 3"), image=picture)
    buttons = (Button("Vote", RunAction("help")),)
    payload = render(Reply((replace(card, controls=buttons),) * 30, "Thirty"))
    assert problems(payload) == []
    assert "… and 18 more" in words(payload)


def test_buttons_of_one_message_have_ids_of_their_own_and_say_what_they_do() -> None:
    button = Button("Vote", VoteAction(VoteKind.UP, paper_id(1)))
    row = Controls((button, LinkButton("Paper", "https://a.org"), LinkButton("x", "https://b.org")))
    payload = render(Reply((row, row), "x"))
    buttons = [each for each in inside(payload) if each.get("type") == "button"]
    assert [each["action_id"] for each in buttons] == [
        "vote|up|arxiv:2605.00001",
        "open",
        "open#2",
        "vote|up|arxiv:2605.00001#2",
        "open#3",
        "open#4",
    ]
    assert [each.get("value") for each in buttons[:4:3]] == ["vote|up|arxiv:2605.00001"] * 2


def test_an_address_that_slack_does_not_take_stands_in_words() -> None:
    reply = Reply((Controls((LinkButton("Code", "https:///x/y"),)),), "x")
    assert "Code: https:///x/y" in words(render(reply))


def test_a_picture_stands_beside_the_body_or_is_left_out() -> None:
    reply = cards.paper_message(paper(1, thumbnail_url="https://cdn.example/p.png"), Tally())
    (section,) = (each for each in render(reply)["blocks"] if each["type"] == "section")
    assert section["accessory"]["image_url"] == "https://cdn.example/p.png"
    assert "The first sentence of paper 1." in section["text"]["text"]
    bare = render(reply, pictures=False)
    assert "image" not in {each.get("type") for each in inside(bare)}
    assert "The first sentence of paper 1." in words(bare)


def test_small_print_is_small_unless_it_could_be_markup() -> None:
    def drawn(*parts: Any) -> Json:
        return render(Reply((Note(text(*parts)),), "x"))["blocks"][0]

    assert drawn("Plain *words* <!here>")["elements"][0] == {
        "type": "plain_text",
        "text": "Plain *words* <!here>",
        "emoji": False,
    }
    assert (
        drawn(Code("help_me"), " & ", Bold("a "))["elements"][0]["text"] == "`help_me` &amp; *a* "
    )
    assert drawn(Italic("seen"), " here")["elements"][0]["text"] == "_seen_ here"
    assert drawn(Bold("a*b"), " x")["type"] == "rich_text"
    assert drawn(Code("a`b"), " x")["type"] == "rich_text"
    assert drawn(Link("x", "https://a.org"))["type"] == "rich_text"


def test_a_reply_without_words_is_still_a_message() -> None:
    payload = render(Reply((Paragraph(()), Heading(" "), Note(text(""))), ""))
    assert payload == {"text": "Daily Papers", "blocks": []}


def rich_blocks(reply: Reply) -> list[Json]:
    blocks: list[Json] = render(reply, style="rich")["blocks"]
    assert problems({"text": "x", "blocks": blocks}) == []
    return blocks


def test_a_list_below_a_heading_folds_away() -> None:
    papers = [paper(n, title=f"{n} & more") for n in (1, 2)]
    container, note = rich_blocks(cards.list_reply("Papers", papers, {}, first_rank=1, note="Two"))
    assert container["title"]["text"] == "Papers"
    assert container["is_collapsible"]
    assert note["type"] == "context"
    first, _ = (child["text"]["text"] for child in container["child_blocks"])
    assert first.splitlines() == [
        "1. <https://huggingface.co/papers/2605.00001|1 &amp; more>",
        "“The first sentence of paper 1.”",
        "▲ 99 on HF · *team 0*",
    ]


def test_what_has_no_newer_block_is_drawn_as_ever() -> None:
    nodes = (Heading("Help"), Note(text("Small")), Divider(), Item(text("A")))
    reply = Reply((*nodes, Card(text("A"))), "x")
    *others, card = rich_blocks(reply)
    assert others == render(Reply(nodes, "x"))["blocks"]
    assert card["type"] == "card"


def test_a_title_that_could_be_markup_is_plain_and_leads_on_by_a_button() -> None:
    (container,) = rich_blocks(cards.list_reply("Papers", [paper(1, title="*A* <!here>")], {}))
    (child,) = container["child_blocks"]
    assert child["text"]["type"] == "plain_text"
    assert child["text"]["text"].startswith("• *A* <!here>\n")
    assert child["accessory"]["url"] == "https://huggingface.co/papers/2605.00001"
    bad = Item((Link("*A*", "https://a.org/<b>"),), text("x"))
    (container,) = rich_blocks(Reply((Heading("Papers"), bad), "x"))
    (child,) = container["child_blocks"]
    assert child["text"]["text"] == "• *A* (https://a.org/<b>)\nx"
    assert "accessory" not in child


def test_a_container_joins_the_entries_of_a_long_list_and_gives_up_on_a_mixed_one() -> None:
    papers = [paper(n) for n in range(1, 26)]
    (container,) = rich_blocks(cards.list_reply("Papers", papers, {}, first_rank=1))
    assert len(container["child_blocks"]) == 5
    assert all(f"▲ {100 - n} on HF" in words(container) for n in range(1, 26))
    mixed = [paper(n, title="*" * (n % 2) + "x") for n in range(1, 26)]
    header, *_ = rich_blocks(cards.list_reply("Papers", mixed, {}, first_rank=1))
    assert header["type"] == "header"


def test_neighbouring_cards_are_a_carousel_and_their_links_stand_below() -> None:
    papers = {paper_id(n): paper(n, code_url="https://github.com/a/b") for n in (1, 2, 3)}
    head = delivery(papers=(1, 2, 3), layout=Layout.CARDS)
    header, carousel, links, note = rich_blocks(cards.digest_message(head, papers, {}))
    assert [each["type"] for each in (header, note)] == ["header", "context"]
    card, *others = carousel["elements"]
    assert len(others) == 2
    assert card["title"]["text"] == "1. Paper 1"
    assert card["subtitle"]["text"] == "Ann Author, Bob Writer · Tue 5 May 2026"
    assert card["body"]["text"] == "“The first sentence of paper 1.”\n▲ 99 on HF · *team 0*"
    assert len(card["actions"]) == 3
    shown = "".join(each["text"] for each in links["elements"][0]["elements"])
    assert shown.splitlines() == [f"{n}. Paper · arXiv · Code" for n in (1, 2, 3)]


def test_more_cards_than_a_carousel_holds_are_in_several() -> None:
    first, second, links = rich_blocks(
        Reply((*(Card(text("A")),) * 11, Card(text(Link("B", "https://b.org")))), "x")
    )
    assert [len(each["elements"]) for each in (first, second)] == [10, 2]
    assert [each["text"] for each in links["elements"][0]["elements"]] == ["B: ", "Paper"]


def test_one_card_keeps_all_its_controls_below_it() -> None:
    picture = "https://cdn.example/1.png"
    reply = cards.paper_message(
        paper(1, thumbnail_url=picture, one_line="x" * 200), Tally(), rank=1
    )
    card, meta, row = rich_blocks(reply)
    assert card["hero_image"]["image_url"] == picture
    assert len(card["body"]["text"]) == 200
    assert meta["elements"][0]["text"] == "▲ 99 on HF · *team 0*"
    (whole,) = reply.nodes
    assert isinstance(whole, Card)
    drawn = [each["text"]["text"] for each in (*card["actions"], *row["elements"])]
    buttons = [each.label for each in whole.controls if isinstance(each, Button)]
    assert drawn == [*buttons, "Paper", "arXiv"]
    bare = render(reply, style="rich", pictures=False)
    assert "hero_image" not in bare["blocks"][0]


@pytest.mark.parametrize(
    "card",
    [
        Card(text("A paper"), body=text("x" * 201)),
        Card(text("A paper"), body=text(Link("x", "https://a.org"))),
        Card(text("A paper"), meta=text(Link("x", "https://a.org"))),
        Card(text("A *bold* claim")),  # in a card all text is markup, and this cannot be escaped
        Card(text("A paper"), byline=text("snake_case_of Oslo")),
    ],
)
def test_a_card_that_would_lose_something_is_drawn_in_base_style(card: Card) -> None:
    reply = Reply((card,), "x")
    assert rich_blocks(reply) == render(reply)["blocks"]


def test_cards_of_many_buttons_stand_one_below_the_other() -> None:
    row = tuple(Button(str(n), RunAction("help", str(n))) for n in range(4))
    kinds = [each["type"] for each in rich_blocks(Reply((Card(text("A"), controls=row),) * 2, "x"))]
    assert kinds == ["card", "actions"] * 2


def test_what_escapes_add_is_made_room_for() -> None:
    papers = {paper_id(n): paper(n, title="&" * 150, one_line="a & b " * 40) for n in (1, 2)}
    head = delivery(papers=(1, 2), layout=Layout.CARDS)
    _, carousel, *_ = rich_blocks(cards.digest_message(head, papers, {}))
    card = carousel["elements"][0]
    assert [card[name]["type"] for name in ("title", "body")] == ["mrkdwn"] * 2
    assert 100 < len(card["title"]["text"]) <= 150
    assert card["body"]["text"].endswith("…\n▲ 99 on HF · *team 0*")
    assert len(card["body"]["text"]) <= 200


@pytest.mark.parametrize("title", ["<", "&", "a < b ", "x"])
def test_a_title_of_a_card_is_clipped_no_more_than_its_escapes_ask_for(title: str) -> None:
    reply = Reply((Card(text(title * 150)), Card(text(title * 150))), "Two")
    carousel, *_ = rich_blocks(reply)
    assert 140 <= len(carousel["elements"][0]["title"]["text"]) <= 150


def test_a_view_holds_what_no_message_does() -> None:
    papers = [paper(n, one_line="語" * 200, title="T" * 150) for n in range(1, 26)]
    reply = cards.list_reply("Papers", papers, {}, first_rank=1)
    assert words({"blocks": view_blocks(reply, "home")}).count("語" * 200) == 25
    assert "語" * 200 not in words(render(reply))


def test_a_view_is_never_empty() -> None:
    (block,) = view_blocks(Reply((), "Nothing *yet*"), "home")
    assert block["text"]["text"] == "Nothing *yet*"
    (block,) = view_blocks(Reply((Heading(" "),), ""), "modal")
    assert block["text"]["text"] == "Daily Papers"


async def _asked(name: str) -> Reply:
    store = MemoryStore()
    inbox = Dispatcher(
        store, LexicalIndex(), ExtractiveSummarizer(), {}, clock=lambda: NOW, health=Health(NOW)
    )
    return await inbox.command(CommandCall(Caller(ANN, CHANNEL), name))


def _digest_head() -> Reply:
    papers = {paper_id(n): paper(n, title=f"Paper {n}: <b> & *stars*") for n in (1, 2, 3, 9)}
    head = delivery(papers=(1, 2, 3), resurfaced=(paper_id(9),))
    return cards.digest_message(head, papers, {paper_id(1): Tally(up=2, down=1)})


def _search() -> Reply:
    return cards.list_reply(
        "7 papers for “world models”",
        [paper(1), paper(2, one_line="One line from the source.")],
        {},
        first_rank=1,
        note="1 to 2 of 7, best first",
        controls=(Button("More ›", RunAction("search", '"world models" --limit 2 --page 2')),),
    )


def _paper() -> Reply:
    shown = paper(1, thumbnail_url="https://cdn.example/1.png", code_url="https://github.com/a/b")
    return cards.paper_message(replace(shown, code_stars=1234), Tally(up=1), rank=1)


def _digest_cards() -> Reply:
    papers = {paper_id(n): paper(n, thumbnail_url=f"https://cdn.example/{n}.png") for n in (1, 2)}
    return cards.digest_message(delivery(papers=(1, 2), layout=Layout.CARDS), papers, {})


@pytest.mark.parametrize(
    "name",
    [
        *("digest-head", "paper", "search", "help", "error"),
        *("digest-head-rich", "digest-cards-rich", "paper-rich"),
    ],
)
async def test_the_golden_messages_look_as_they_did(name: str) -> None:
    replies = {
        "digest-head": _digest_head(),
        "digest-cards": _digest_cards(),
        "paper": _paper(),
        "search": _search(),
        "help": await _asked("help"),
        "error": await _asked("serach"),
    }
    reply = replies[name.removesuffix("-rich")]
    payload = render(reply, style="rich" if name.endswith("-rich") else "base")
    drawn = json.dumps(payload, ensure_ascii=False, indent=2) + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(drawn, encoding="utf-8")
    assert drawn == path.read_text(encoding="utf-8"), "look at it; `make golden` accepts it"
    for block in payload["blocks"]:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.to_dict()  # the SDK's own checks
