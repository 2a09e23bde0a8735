"""Every reply is one message that Discord takes, and foreign text stays text."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.discord.ids import channel_ref
from adapters.discord.limits import LIMITS, problems, walk
from adapters.discord.render import Style, is_marked, post_body, render
from bot import cards
from bot.commands import all_commands
from bot.commands.help import _overview
from bot.domain.channels import Layout
from bot.domain.deliveries import HEAD, Delivery, Slot
from bot.domain.errors import AmbiguousPaper
from bot.domain.papers import BatchKey, Paper, PaperId
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
    RunAction,
    Span,
    VoteAction,
    text,
)
from bot.domain.votes import Tally, VoteKind
from bot.text import size
from tests.doubles import discord_openapi
from tests.doubles.discord_limits import check_message

Json = dict[str, Any]

GOLDEN = Path(__file__).parents[2] / "golden" / "discord"
DAY = date(2026, 5, 7)
CHANNEL = channel_ref(1, 2)

HOSTILE = (
    "@everyone",
    "@here",
    "<@1>",
    "<@&2>",
    "<#3>",
    "</papers today:4>",
    "<t:1700000000:R>",
    "<:parrot:5>",
    "<a:parrot:5>",
    "<id:customize>",
    "[x](http://evil.example)",
    "[x](<https://evil.example>)",
    "https://evil.example/path?a=b",
    "<https://evil.example>",
    "steam://run/1",
    "`code`",
    "```block```",
    "**bold**",
    "*it* _al_ __under__ ~~gone~~ ||spoiler||",
    "# big",
    "-# small",
    "> quote",
    ">>> quote",
    "- item",
    "1. item",
    "\\",
    "\\[x](http://evil.example)",
    "](http://evil.example)",
    "[",
    r"$\mathcal{L}_{\theta}^{*} \approx \|x\|_2$",
    "\u202eevil\u202c",
    "zero\u200bwidth\ufeff",
    "word" * 1250,
    "語" * 400,
    "👩‍👩‍👧‍👦" * 60,
    "a\n\n\n# b",
    " ",
    "",
)

foreign = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=40), max_size=4).map(" ".join)
urls = st.sampled_from(
    (
        "https://ours.example/papers/2508.01234",
        "https://ours.example/a(b)[c]*d*_e_?q=`x`|y<z>&k=ü",
        "https://ours.example/" + "a" * 600,
        "https://ours.example@evil.example/",
        "http://",
    )
)
spans = st.one_of(
    *(st.builds(kind, foreign) for kind in (Plain, Bold, Italic, Code)),
    st.builds(Link, foreign, urls),
)
texts = st.lists(spans, max_size=4).map(tuple)
actions = st.one_of(
    st.builds(VoteAction, st.sampled_from(VoteKind), st.just(PaperId("arxiv", "2508.01234"))),
    st.builds(RunAction, st.just("search"), st.text(max_size=85)),
)
controls = st.lists(
    st.builds(Button, foreign, actions, st.sampled_from(("normal", "primary")))
    | st.builds(LinkButton, foreign, urls),
    max_size=9,
).map(tuple)
ranks = st.none() | st.integers(1, 25)
buttons = st.builds(Button, foreign, actions, st.sampled_from(("normal", "primary")))
items = st.builds(Item, texts, texts, texts, ranks, st.none() | buttons)
pictures = st.none() | st.builds(Image, urls, foreign)
papers_in_full = st.builds(Card, texts, texts, texts, texts, ranks, pictures, controls)
nodes = st.one_of(
    items,
    papers_in_full,
    st.builds(Heading, foreign),
    st.builds(Paragraph, texts),
    st.builds(Note, texts),
    st.builds(Controls, controls),
    st.just(Divider()),
)


def shown(body: Json) -> str:
    return "\n".join(each["content"] for each in walk(body["components"]) if each["type"] == 10)


def kinds(body: Json) -> list[int]:
    return [each["type"] for each in body["components"][0]["components"]]


LIVE = re.compile(
    r"@everyone|@here|<[@#/:a-z]|[a-z]+://|\]\(|\*\*\*\*|^\s*(?:>|- |\+ |\d+\. )|\|\||~~|__",
    re.MULTILINE,
)


def live_marks(content: str) -> list[str]:
    """What Discord would act on, ours taken out: code, links to ours, headings, bold."""
    inert = re.sub(r"\\[^0-9A-Za-z\s]|(?<!`)`[^`]+`(?!`)", "·", content)
    inert = re.sub(r"\[[^\[\]]*\]\(https://ours\.example/[^\s()<>]*\)", "·", inert)
    return LIVE.findall(inert)


@settings(max_examples=60, deadline=None)
@given(st.lists(nodes, max_size=12))
def test_any_reply_is_a_message_that_discord_takes(made: Sequence[Node]) -> None:
    body = post_body(CHANNEL, Reply(tuple(made), "summary"), key="k" * 64)
    assert problems(body) == []
    check_message(body)
    assert live_marks(shown(body)) == []
    targets = [each["url"] for each in walk(body["components"]) if "url" in each]
    assert all(re.match(r"https://ours\.example/", url) for url in targets)


@settings(max_examples=60, deadline=None)
@given(st.lists(nodes, max_size=12))
def test_any_reply_is_a_message_of_embeds_too(made: Sequence[Node]) -> None:
    body = post_body(CHANNEL, Reply(tuple(made), "summary"), key="k" * 64, style="embeds")
    assert problems(body) == []
    check_message(body)
    markup = [part for each in body["embeds"] for part in marked_up(each)]
    assert [live_marks(part) for part in markup if live_marks(part)] == []
    targets = [
        each["url"] for each in (*walk(body["components"]), *body["embeds"]) if "url" in each
    ]
    assert all(re.match(r"https://ours\.example/", url) for url in targets)


def marked_up(embed: Json) -> list[str]:
    """Return the texts of an embed in which Discord reads markup: not its footer and author."""
    return [embed[name] for name in ("title", "description") if name in embed]


@pytest.mark.parametrize("many", [0, 1, 3, 10, 25])
@pytest.mark.parametrize("layout", [Layout.LIST, Layout.CARDS])
def test_a_digest_of_any_size_is_one_message_of_embeds(layout: Layout, many: int) -> None:
    body = post_body(CHANNEL, digest(layout, many), key="k" * 64, style="embeds")
    assert problems(body) == []
    words = "\n".join(part for each in body["embeds"] for part in marked_up(each))
    if many:
        assert r"Scaling \*world\* models" in words
        assert body["components"][0]["id"]
    if many == 10 and layout is Layout.LIST:
        assert labels(body) == [f"👍 {rank}" for rank in range(1, 11)]
        assert all(f"part {rank}" in words for rank in range(1, 11))


def test_a_card_is_an_embed_with_title_author_picture_and_votes() -> None:
    body = render(cards.paper_message(paper(1), Tally(up=3, down=1), rank=1), "embeds")
    (embed,) = body["embeds"]
    assert embed["title"] == r"1\. Scaling \*world\* models \[part 1\]"
    assert embed["url"] == "https://huggingface.co/papers/2605.00001"
    assert embed["author"]["name"].startswith("Ada Lovelace, Alan Turing")
    assert embed["footer"] == {"text": "▲ 99 on HF · team 3 (−1)"}
    assert embed["thumbnail"] == {"url": "https://cdn.example/thumbnail.png"}
    assert len(body["components"]) == 2
    assert "flags" not in body


def test_all_links_of_a_title_are_kept_in_an_embed() -> None:
    first, second, third = (f"https://ours.example/{number}" for number in range(3))
    title = text(
        Link("A", "http://"), Link("B", first), " and ", Link("C]", second), Link("D", first)
    )
    card = Card(title, body=text("Words."), controls=(LinkButton("E", third + "a" * 600),))
    (embed,) = render(Reply((card,), "s"), "embeds")["embeds"]
    assert (embed["title"], embed["url"]) == (r"AB and C\]D", first)
    assert embed["description"] == f"Words.\n[C］]({second}) · E"
    untitled = Card(text(Link(" ", first)))
    assert described(render(Reply((untitled,), "s"), "embeds")) == "s"


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("word " * 40, ("word " * 40).strip()),
        ("x" * 252, "x" * 252),
        ("x" * 253, "x" * 251 + "…"),
        ("*" * 126, r"\*" * 126),
        ("*" * 127, r"\*" * 125 + "…"),
        ("👩" * 200, "👩" * 125 + "…"),
    ],
)
def test_a_title_fills_what_discord_takes_of_it_and_no_more(title: str, shown: str) -> None:
    headed = render(Reply((Heading(title), Note(text("x"))), "s"), "embeds")["embeds"][0]["title"]
    ranked = Card(text(title), rank=1)
    carded = render(Reply((ranked,), "s"), "embeds")["embeds"][0]["title"]
    for made in (headed, carded):
        assert size(made) <= LIMITS.embed_title
    assert carded == rf"1\. {shown}"


def test_embeds_of_a_list_without_ranks_have_no_buttons_that_nobody_can_tell_apart() -> None:
    listed = cards.list_reply("Related", [paper(1), paper(2)], {})
    assert render(listed, "embeds")["components"] == []
    assert any("accessory" in each for each in walk(render(listed)["components"]))


def found(many: int, controls: tuple[Control, ...]) -> Reply:
    return cards.list_reply(
        "Found", [paper(number) for number in range(many)], {}, first_rank=1, controls=controls
    )


def labels(body: Json) -> list[str]:
    return [each["label"] for row in body["components"] for each in row["components"]]


def described(body: Json) -> str:
    return "\n".join(each.get("description", "") for each in body["embeds"])


PAGING = (Button("‹ Back", RunAction("help", "1")), Button("More ›", RunAction("help", "3")))


def test_embeds_keep_the_paging_of_a_long_list_and_count_the_votes_left_out() -> None:
    votes = [f"👍 {rank}" for rank in range(1, 26)]
    full = render(found(23, PAGING), "embeds")
    assert labels(full) == [*votes[:23], "‹ Back", "More ›"]
    assert "more" not in described(full).splitlines()[-1]
    over = render(found(25, PAGING), "embeds")
    assert labels(over) == [*votes[:23], "‹ Back", "More ›"]
    assert described(over).endswith("-# … and 2 buttons more: `/papers show` has them")
    assert problems(over) == []


def test_embeds_give_up_buttons_that_are_links_before_others() -> None:
    link = LinkButton("Source", "https://ours.example/")
    body = render(found(23, (*PAGING, link)), "embeds")
    assert labels(body) == [*(f"👍 {rank}" for rank in range(1, 24)), "‹ Back", "More ›"]
    assert described(body).endswith("[Source](https://ours.example/)")


def test_another_embed_begins_after_a_divider() -> None:
    link = LinkButton("Source", "https://ours.example/" + "a" * 600)
    nodes = (Divider(), Heading("A"), Note(text("b")), Divider(), Divider(), Heading("C"))
    body = render(Reply((*nodes, Divider(), Controls((link,)), Divider()), "s"), "embeds")
    (a, c, d) = body["embeds"]
    assert (a["title"], a["description"]) == ("A", "-# b")
    assert c["title"] == "C"
    assert d["description"] == "Source"


def test_dividers_for_which_there_are_no_embeds_give_way_before_words() -> None:
    parts = [(Divider(), Paragraph(text(f"P{number}"))) for number in range(15)]
    body = render(Reply(tuple(node for part in parts for node in part), "s"), "embeds")
    (embed,) = body["embeds"]
    assert embed["description"].split("\n\n") == [f"P{number}" for number in range(15)]


def test_each_of_ten_cards_keeps_its_vote_in_embeds() -> None:
    ten = tuple(cards.card(paper(rank), Tally(), rank=rank) for rank in range(1, 11))
    body = render(Reply(ten, "Ten"), "embeds")
    assert len(labels(body)) == 25
    assert {f"👍 Vote {rank}" for rank in range(1, 11)} < set(labels(body))
    assert {f"🔖 Save {rank}" for rank in range(1, 11)} < set(labels(body))
    assert "-# … and 5 buttons more: `/papers show` has them" in described(body)


def test_buttons_of_no_paper_that_embeds_leave_out_are_counted() -> None:
    many = tuple(Button(f"B{number}", RunAction("help", str(number))) for number in range(30))
    body = render(found(1, many), "embeds")
    assert labels(body) == [f"B{number}" for number in range(25)]
    assert described(body).endswith("-# … and 6 buttons more")


def test_ten_papers_have_a_vote_button_each_and_more_have_none() -> None:
    def votes(many: int) -> int:
        body = render(digest(Layout.LIST, many))
        return sum("accessory" in each for each in walk(body["components"]))

    assert (votes(3), votes(10), votes(25)) == (3, 10, 0)


@settings(max_examples=30, deadline=None)
@given(st.lists(items, max_size=25), foreign)
def test_a_list_shows_all_its_items(made: Sequence[Item], heading: str) -> None:
    body = render(Reply((Heading(heading), *made), "summary"))
    assert problems(body) == []
    assert "more" not in re.findall(r"-# … and \d+ (\w+)", shown(body))


@settings(max_examples=30, deadline=None)
@given(st.lists(papers_in_full, min_size=1, max_size=25))
def test_cards_lose_buttons_before_they_are_left_out(made: Sequence[Card]) -> None:
    body = render(Reply(tuple(made), "summary"))
    assert problems(body) == []
    assert not re.search(r"-# … and \d+ more$", shown(body))


@given(foreign)
def test_a_title_of_any_kind_stays_text(title: str) -> None:
    link = Link(title, "https://ours.example/")
    body = render(Reply((Item((link,), text(title), text(Bold(title))),), "s"))
    assert live_marks(shown(body)) == []


@pytest.mark.parametrize(
    ("foreign", "drawn"),
    [
        ("a * b_c ~d~ `e` |f|", r"a \* b\_c \~d\~ \`e\` \|f\|"),
        ("see https://evil.example", r"see https\://evil.example"),
        ("<@1> @everyone", r"\<\@1\> \@everyone"),
        ("# a", r"\# a"),
        ("-# a", r"\-# a"),
        ("1. a", r"1\. a"),
        ("a-b 1.5 (c) #d: e", "a-b 1.5 (c) #d: e"),
        ("\u202eabc\u200b", "abc"),
    ],
)
def test_only_what_means_something_to_discord_is_escaped(foreign: str, drawn: str) -> None:
    assert shown(render(Reply((Paragraph(text(foreign)),), "s"))) == drawn


def test_marks_stand_against_the_words_and_apart_from_each_other() -> None:
    words = text(
        "a", Bold(" b "), Italic("c"), Code("d`e"), Bold(" "), Link("f]", "https://x.example")
    )
    drawn = shown(render(Reply((Paragraph(words),), "s")))
    assert drawn == "a **b** \u200b*c*\u200b`dˋe`\u200b [f］](https://x.example)"


@pytest.mark.parametrize(
    "url", ["https://a.example@evil.example/", "https://", "https://exa mple.org", "http://[::1]/"]
)
def test_an_address_that_is_none_is_no_link(url: str) -> None:
    picture = Image(url, "alt")
    card = Card(text(Link("Title", url)), image=picture, controls=(LinkButton("Go", url),))
    body = render(Reply((card,), "s"))
    assert shown(body) == "### Title\nGo"
    assert kinds(body) == [10]


def paper(number: int, **others: Any) -> Paper:
    return Paper(
        id=PaperId("arxiv", f"2605.{number:05d}"),
        title=f"Scaling *world* models [part {number}]",
        abstract="We train agents in their own dreams"
        + ", and measure how they do once awake" * 4
        + ". They wake up better.",
        authors=("Ada Lovelace", "Alan Turing", "Grace Hopper", "Emmy Noether", "Kurt Gödel"),
        published=date(2026, 5, 6),
        upvotes=100 - number,
        code_url="https://code.example/dreams",
        code_stars=1234,
        project_url="https://project.example/",
        thumbnail_url="https://cdn.example/thumbnail.png",
        **others,
    )


def digest(layout: Layout, many: int) -> Reply:
    papers = [paper(number) for number in range(1, many + 1)]
    ids = tuple(each.id for each in papers)
    batch = BatchKey("huggingface", DAY)
    delivery = Delivery("k", Slot(CHANNEL, DAY), HEAD, 0, layout, (batch,), ids)
    return cards.digest_message(delivery, {each.id: each for each in papers}, {})


def test_three_cards_keep_their_pictures_and_all_their_buttons() -> None:
    assert kinds(render(digest(Layout.CARDS, 3))) == [10, *[9, 1, 1] * 3, 10]


def test_more_cards_give_up_link_buttons_then_pictures_then_buttons() -> None:
    assert kinds(render(digest(Layout.CARDS, 5))) == [10, *[9, 1] * 5, 10]
    assert "[arXiv](https://arxiv.org/abs/2605.00001)" in shown(render(digest(Layout.CARDS, 5)))
    assert kinds(render(digest(Layout.CARDS, 7))) == [10, *[10, 1] * 7, 10]
    body = render(digest(Layout.CARDS, 25))
    assert kinds(body) == [10]
    assert "… and 75 buttons more: `/papers show` has them" in shown(body)
    assert "25. " in shown(body)


def test_a_long_list_shortens_lines_first_and_keeps_titles() -> None:
    ten, many = shown(render(digest(Layout.LIST, 10))), shown(render(digest(Layout.LIST, 25)))
    assert "We train agents in their own dreams" in ten
    assert "We train agents" not in many
    assert r"Scaling \*world\* models ［part 25］" in many


def test_what_is_left_out_is_counted() -> None:
    rows = [Controls((Button("B", RunAction("help", str(number))),)) for number in range(60)]
    body = render(Reply(tuple(rows), "s"))
    assert kinds(body) == [*[1] * 19, 10]
    assert shown(body) == "-# … and 41 more"


def test_equal_buttons_are_told_apart_and_one_that_cannot_be_is_off() -> None:
    vote = Button("Vote", VoteAction(VoteKind.UP, PaperId("arxiv", "1")))
    long = Button("Long", RunAction("search", "x" * 88))
    body = render(Reply((Controls((vote, vote, long, long)),), "s"))
    buttons = [each for each in walk(body["components"]) if each["type"] == 2]
    assert [each["custom_id"] for each in buttons][:3] == [
        "vote|up|arxiv:1",
        "vote|up|arxiv:1␟2",
        "run|search|" + "x" * 88,
    ]
    assert [each.get("disabled", False) for each in buttons] == [False, False, False, True]


def test_a_reply_of_nothing_says_its_summary() -> None:
    assert shown(render(Reply((), "Nothing *new*."))) == r"Nothing \*new\*."
    assert shown(render(Reply((Heading(" "),), ""))) == "…"


def test_half_a_character_does_no_harm() -> None:
    assert shown(render(Reply((Paragraph(text("a\ud800b")),), "s"))) == "a?b"


def test_a_posted_body_is_known_by_its_key() -> None:
    reply = cards.sentence_reply("Hello")
    body = post_body(CHANNEL, reply, key="0123456789abcdef" * 4)
    assert (body["nonce"], body["enforce_nonce"]) == ("0123456789abcdef01234567", True)
    kept = {"components": body["components"]}
    assert is_marked(kept, "0123456789abcdef" * 4)
    assert is_marked({"nonce": body["nonce"], "components": []}, "0123456789abcdef" * 4)
    assert not is_marked(kept, "another")
    assert not is_marked({"content": "hello", "components": []}, "another")
    assert not is_marked({"components": [{"type": 1, "components": []}]}, "another")
    embeds = post_body(CHANNEL, digest(Layout.LIST, 3), key="0123456789abcdef" * 4, style="embeds")
    kept = {"embeds": embeds["embeds"], "components": embeds["components"]}
    assert is_marked(kept, "0123456789abcdef" * 4)
    assert not is_marked(kept, "another")


EXAMPLES = {
    "digest_head": digest(Layout.THREAD, 5),
    "digest_cards": digest(Layout.CARDS, 3),
    "paper": cards.paper_message(paper(1), Tally(up=3, down=1), rank=1),
    "search": cards.list_reply(
        "7 papers for “dreams”",
        [paper(1), paper(2)],
        {paper(1).id: Tally(up=2)},
        first_rank=3,
        note="3 to 4 of 7, best first",
        controls=(
            Button("‹ Back", RunAction("search", '"dreams" --limit 2 --page 1')),
            Button("More ›", RunAction("search", '"dreams" --limit 2 --page 3')),
        ),
    ),
    "help": _overview(list(all_commands().values())),
    "error": cards.error_reply(
        AmbiguousPaper("dreams", [("arxiv:2605.00001", "Scaling *world* models [part 1]")])
    ),
}


@pytest.mark.parametrize("style", ["components", "embeds"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_messages_look_as_in_the_golden_files(name: str, style: Style) -> None:
    """``make golden`` writes the files anew; then read their diff."""
    body = post_body(CHANNEL, EXAMPLES[name], key="0123456789abcdef" * 4, style=style)
    drawn = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
    file = GOLDEN / f"{name}{'' if style == 'components' else '-embeds'}.json"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(drawn, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == drawn


@pytest.mark.parametrize("name", EXAMPLES)
def test_messages_fit_discords_own_description(name: str) -> None:
    if not discord_openapi.available():
        pytest.skip(f"Discord's OpenAPI description is not at {discord_openapi.location()}")
    body = post_body(CHANNEL, EXAMPLES[name], key="0123456789abcdef" * 4)
    route = "/channels/{channel_id}/messages"
    assert discord_openapi.problems("POST", route, body) == []


def test_every_span_is_drawn() -> None:
    every: tuple[Span, ...] = (Plain("a"), Bold("b"), Italic("c"), Code("d"))
    assert shown(render(Reply((Note(every),), "s"))) == "-# a**b**\u200b*c*\u200b`d`"
