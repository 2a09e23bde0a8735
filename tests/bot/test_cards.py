from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import cards
from bot.domain.channels import Layout
from bot.domain.deliveries import HEAD
from bot.domain.errors import UserError
from bot.domain.papers import Paper
from bot.domain.reply import Card, Code, Heading, Item, Link, LinkButton, Note, Plain, Reply, plain
from bot.domain.summaries import Point, Summary
from bot.domain.votes import Tally
from bot.text import size
from tests.bot.inbox import texts, words
from tests.examples import delivery, paper, paper_id

HOSTILE = (
    "<!here> @everyone <@U1>",
    "*bold* _it_ ~no~ `code` ```fence```",
    "[x](javascript:alert(1)) <https://evil.example|click>",
    "$\\\\frac{1}{2}$ \\\\href{x}{y}",
    "\u202edesrever\u202c \u2066x\u2069",
    "line\none\r\ntwo\tthree",
    "zero\u200bwidth\ufeff",
    "\x00\x1b[31mred\x07",
    "&lt;b&gt; & <b>",
    "W" * 5000,
    "👩‍🔬" * 200,
    "",
)
hostile = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40))
tallies = st.builds(Tally, st.integers(0, 99), st.integers(0, 9), st.integers(0, 9))
papers = st.builds(
    Paper,
    id=st.integers(1, 99).map(paper_id),
    title=hostile,
    abstract=hostile,
    authors=st.lists(hostile, max_size=7).map(tuple),
    published=st.one_of(st.none(), st.dates()),
    upvotes=st.one_of(st.none(), st.integers(0, 10**6)),
    one_line=st.one_of(st.none(), hostile),
    keywords=st.lists(hostile, max_size=5).map(tuple),
    organization=st.one_of(st.none(), hostile),
    code_url=st.sampled_from([None, "https://github.com/a/b"]),
    code_stars=st.one_of(st.none(), st.integers(0, 10**6)),
    project_url=st.sampled_from([None, "https://example.org"]),
    thumbnail_url=st.sampled_from(
        [None, "https://example.org/a.png", "https://example.org/a.svg", "https://example.org"]
    ),
)
LISTS = ("head", "list", "roundup")
ACTING = set("\x00\x07\x1b\r\n\t\u200b\u202a\u202c\u202e\u2066\u2069\ufeff")


def written(told: str) -> Summary:
    """Return what a model might have written, all of it foreign."""
    point = Point(told, told, 0, told)
    return Summary((point, Point(told, place=3)), "written by a model", point, point, point)


def every_reply(found: Paper, tally: Tally) -> dict[str, Reply]:
    """Return a reply of every builder that shows a paper."""
    known, t = {found.id: found}, found.title
    shown = (found.id,)
    head = delivery(HEAD, papers=())
    return {
        "head": cards.digest_message(
            replace(head, papers=shown, resurfaced=shown), known, {found.id: tally}
        ),
        "list": cards.digest_message(replace(head, papers=shown, layout=Layout.LIST), known, {}),
        "cards": cards.digest_message(replace(head, papers=shown, layout=Layout.CARDS), known, {}),
        "paper": cards.digest_message(
            replace(head, part=str(found.id), papers=shown, first_rank=3), known, {}
        ),
        "abstract": cards.abstract_reply(found, tally),
        "summary": cards.summary_reply(found, Summary((Point(t), Point(t)), "nobody"), tally),
        "written": cards.summary_reply(found, written(t), tally),
        "answer": cards.answer_reply(found, t, written(t)),
        "roundup": cards.list_reply("Papers", [found], {found.id: tally}, first_rank=1, note="x"),
    }


@given(papers, tallies)
def test_no_foreign_text_acts_in_any_reply(found: Paper, tally: Tally) -> None:
    for name, reply in every_reply(found, tally).items():
        for text in texts(reply):
            assert not ACTING & set(plain(text)), name
        assert not ACTING & set(reply.summary), name
        assert size(reply.summary) <= max(2_000, size(found.title)), name


@given(papers, tallies)
def test_every_link_of_a_reply_leads_to_the_web(found: Paper, tally: Tally) -> None:
    for reply in every_reply(found, tally).values():
        for text in texts(reply):
            assert all(span.url.startswith("https://") for span in text if isinstance(span, Link))
        for node in reply.nodes:
            for each in getattr(node, "controls", ()):
                if isinstance(each, LinkButton):
                    assert each.url.startswith("https://")
                else:
                    assert len(each.action.pack()) <= 100


@given(papers, tallies)
def test_titles_are_links_and_never_markup(found: Paper, tally: Tally) -> None:
    for name, reply in every_reply(found, tally).items():
        for node in reply.nodes:
            if isinstance(node, Card) or (isinstance(node, Item) and name in LISTS):
                (title,) = node.title
                assert isinstance(title, Link)
                assert title.url == found.url


@given(hostile, hostile)
def test_an_error_is_shown_whatever_it_quotes(sentence: str, hint: str) -> None:
    reply = cards.error_reply(UserError(sentence, hint=hint))
    assert all(size(plain(text)) <= 5_000 for text in texts(reply))
    assert size(reply.summary) <= 2_000


def test_a_digest_shows_ranks_votes_and_how_to_vote() -> None:
    known = {paper_id(n): paper(n) for n in (1, 2, 3)}
    reply = cards.digest_message(delivery(), known, {paper_id(2): Tally(up=3, down=1)})
    assert words(reply) == (
        "Daily Papers · Thu 7 May 2026\n"
        "Paper 1\n“The first sentence of paper 1.”\n▲ 99 on HF · team 0\n"
        "Paper 2\n“The first sentence of paper 2.”\n▲ 98 on HF · team 3 (−1)\n"
        "Paper 3\n“The first sentence of paper 3.”\n▲ 97 on HF · team 0\n"
        "Vote by reacting with 1️⃣ to 3️⃣, or 👍 a paper in the thread. "
        "/papers help shows what else there is. Lines in “quotes” are the abstracts' own."
    )
    assert [node.rank for node in reply.nodes if isinstance(node, Item)] == [1, 2, 3]
    assert reply.summary == "Daily Papers · Thu 7 May 2026: 1. Paper 1; 2. Paper 2; 3. Paper 3"
    assert not reply.private


@pytest.mark.parametrize(
    ("papers", "layout", "expected"),
    [
        (1, Layout.LIST, "Vote by reacting with 1️⃣. "),
        (9, Layout.LIST, "Vote by reacting with 1️⃣ to 9️⃣. "),
        (10, Layout.LIST, "Vote by reacting with 1️⃣ to 🔟. "),
        (25, Layout.LIST, "Vote by reacting with 1️⃣ to 🔟. "),
        (3, Layout.CARDS, "Vote with the buttons. "),
    ],
)
def test_a_digest_names_only_the_reactions_that_count(
    papers: int, layout: Layout, expected: str
) -> None:
    numbers = range(1, papers + 1)
    head = delivery(papers=tuple(numbers), layout=layout)
    reply = cards.digest_message(head, {paper_id(n): paper(n) for n in numbers}, {})
    assert expected in words(reply)


def test_papers_seen_before_are_mentioned_in_small_print() -> None:
    known = {paper_id(n): paper(n) for n in range(1, 5)}
    head = delivery(resurfaced=(paper_id(4),))
    notes = [node for node in cards.digest_message(head, known, {}).nodes if isinstance(node, Note)]
    assert plain(notes[0].text) == "Listed again, seen here before: Paper 4 (▲ 96)"


def test_a_paper_that_is_no_longer_kept_is_left_out_of_a_list() -> None:
    reply = cards.digest_message(delivery(), {paper_id(2): paper(2)}, {})
    assert [node.rank for node in reply.nodes if isinstance(node, Item)] == [2]


def fields(**more: Any) -> Paper:
    return paper(1, **more)


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (fields(one_line="In short."), "In short."),
        (fields(), "“The first sentence of paper 1.”"),
        (fields(one_line=" \n"), "“The first sentence of paper 1.”"),
        (fields(gist="We tell."), "“We tell.”"),
        (fields(gist="We tell.", one_line="In short."), "In short."),
        (fields(abstract=""), "No abstract is known yet."),
        (fields(abstract="word " * 100), "“" + "word " * 38 + "word…”"),
    ],
)
def test_a_paper_in_one_line_is_its_own_or_the_abstracts_in_quotes(found: Paper, line: str) -> None:
    assert cards.one_sentence(found) == line


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (fields(), "Ann Author, Bob Writer · Tue 5 May 2026"),
        (fields(authors=tuple("ABCDE")), "A, B, C, D and 1 other · Tue 5 May 2026"),
        (
            fields(authors=tuple("ABCDEF"), organization="A Lab", published=None),
            "A, B, C, D and 2 others · A Lab",
        ),
        (fields(authors=(), published=None), ""),
    ],
)
def test_a_byline_says_what_is_known(found: Paper, line: str) -> None:
    assert plain(cards.byline(found)) == line


def test_a_paper_links_to_all_that_is_about_it() -> None:
    found = fields(code_url="https://github.com/a/b", code_stars=1234, project_url="https://x.org")
    assert [each.label for each in cards.links(found)] == [
        "arXiv",
        "Code ★ 1,234",
        "Project",
    ]


def test_a_picture_is_shown_if_platforms_can_show_it() -> None:
    shown = cards.picture(fields(thumbnail_url="https://example.org/a.PNG?x=1".lower()))
    assert shown
    assert shown.alt == "First page of Paper 1"
    assert cards.picture(fields(thumbnail_url="https://example.org/a.svg")) is None
    assert cards.picture(fields()) is None


def test_what_stands_between_backticks_in_our_sentences_is_code() -> None:
    assert cards.with_code("Try `help`.") == (Plain("Try "), Code("help"), Plain("."))


def test_a_day_is_written_as_people_write_it() -> None:
    assert cards.day_name(date(2026, 5, 7)) == "Thu 7 May 2026"
    heading = cards.list_reply("x" * 300, [], {}).nodes[0]
    assert isinstance(heading, Heading)
    assert size(heading.text) <= 140


def test_a_picture_at_what_is_no_address_is_left_out() -> None:
    assert cards.picture(paper(1, thumbnail_url="http://[/1.png")) is None
    assert cards.picture(paper(1, thumbnail_url="https://a.org/1.png"))
