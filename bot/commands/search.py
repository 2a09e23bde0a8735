"""``search``: papers by words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from bot import cards
from bot.commands import Context, command
from bot.commands.parsing import REST, Range
from bot.domain.errors import BadArgument, SourceError
from bot.domain.papers import Paper
from bot.domain.query import Query
from bot.domain.reply import Button, Control, Reply, RunAction
from bot.ports import Found
from bot.services.query import parse
from bot.services.search import find, unknown_sources
from bot.text import clip, count, size

BUTTON_CHARS = 80
"""Room for a query in a button's id."""


@command(
    "search diffusion transformers",
    'search "world models" author:hafner since:2025 --limit 3',
    "search agents votes:>20 has:code sort:new",
    'search "world models" --limit 3',
    anywhere=True,
)
async def search(
    ctx: Context,
    query: Annotated[str, REST],
    limit: Annotated[int, Range(1, 10)] = 5,
    page: Annotated[int, Range(1, 1000)] = 1,
    live: bool = False,
) -> Reply:
    """Find papers by words, authors, dates and votes.

    Words may be narrowed down: "a phrase", -not, author:"Ada Lovelace", title:word, org:name,
    since:2026-03-01 or since:30d, until:2026, votes:>20 on Hugging Face, team:>2 in this channel,
    has:code, seen:no, source:name, sort:new or sort:votes.

    Args:
        query: Words to look for, and what narrows them down.
        limit: How many papers on a page.
        page: Which page of the answer.
        live: Ask the sources instead, which know more than has been listed.
    """
    asked = parse(query, ctx.now.date())
    if asked.is_empty:
        raise BadArgument("query", "holds nothing to look for", hint="Words to look for.")
    if live:
        return await _live(ctx, asked, limit)
    offset = (page - 1) * limit
    found = await find(
        asked, ctx.caller.channel, store=ctx.store, index=ctx.index, limit=limit, offset=offset
    )
    notes = [*_corrected(found), *asked.notes, unknown_sources(asked, ctx.sources)]
    if not found.papers:
        return _nothing(asked, found, notes)
    papers = await ctx.store.papers(found.papers)
    shown = [papers[paper] for paper in found.papers if paper in papers]
    tallies = await ctx.store.tallies(ctx.caller.channel, found.papers)
    seen = await ctx.store.seen(ctx.caller.channel, found.papers)
    tells = ctx.index.telling(asked.corrected(found.corrected))
    return cards.results_reply(
        _heading(asked, found),
        [cards.hit(paper, tallies, seen, tells, offset + n) for n, paper in enumerate(shown, 1)],
        notes=[f"{offset + 1} to {offset + len(shown)} of {found.total:,}", *notes],
        controls=(*_pages(asked, limit, page, found.total), *_live_button(asked)),
    )


def _heading(query: Query, found: Found) -> str:
    asked = clip(query.line, 60) or "everything"
    some = found.total - found.akin
    if not some:
        return f"{count(found.total, 'paper')} about “{asked}” in other words"
    if found.whole in (0, some):
        how = "some of " if not found.whole else ""
        heading = f"{count(some, 'paper')} for {how}“{asked}”"
    else:
        heading = f"{count(found.whole, 'paper')} for all of “{asked}”, {some:,} for some of it"
    return f"{heading}, {found.akin} about it" if found.akin else heading


def _corrected(found: Found) -> list[str]:
    return [
        f"Showing results for “{meant}”; nothing holds “{typed}”."
        for typed, meant in found.corrected.items()
    ]


def _nothing(query: Query, found: Found, notes: Sequence[str]) -> Reply:
    """Return that nothing fits, and what to ask instead."""
    what = "No more papers fit" if found.total else "No paper fits"
    buttons: list[Control] = []
    if query.filters and query.words:
        wider = " ".join(query.words.split())
        buttons += _button(f"Without {' '.join(query.filters)}", wider)
    buttons += _live_button(query)
    return cards.nothing_reply(
        f"{what} “{clip(query.line, 60)}”.",
        notes=[*notes, "Try fewer or other words; `today` shows the newest papers."],
        controls=tuple(buttons),
    )


async def _live(ctx: Context, query: Query, limit: int) -> Reply:
    """Ask the sources; what they find joins the library."""
    papers: dict[str, Paper] = {}
    trouble: SourceError | None = None
    for source in ctx.sources.values():
        try:
            for paper in await source.search(query.words, limit):
                papers.setdefault(str(paper.id), paper)
        except SourceError as error:
            trouble = error
    if not papers and trouble is not None:
        raise trouble
    shown = list(papers.values())[:limit]
    if not shown:
        return cards.sentence_reply(f"The sources know no paper for “{clip(query.words, 60)}”.")
    shown = [*await ctx.keep(shown)]
    ids = [paper.id for paper in shown]
    tallies = await ctx.store.tallies(ctx.caller.channel, ids)
    seen = await ctx.store.seen(ctx.caller.channel, ids)
    tells = ctx.index.telling(query)
    return cards.results_reply(
        f"{count(len(shown), 'paper')} of the sources for “{clip(query.words, 60)}”",
        [cards.hit(paper, tallies, seen, tells, n) for n, paper in enumerate(shown, 1)],
        notes=["From now on they are found here as well."],
    )


def _pages(query: Query, limit: int, page: int, total: int) -> list[Control]:
    buttons: list[Control] = []
    for label, target, there in (
        ("‹ Back", page - 1, page > 1),
        ("More ›", page + 1, page * limit < total),
    ):
        if there:
            buttons += _button(label, f"--limit {limit} --page {target} {query.line}", True)
    return buttons


def _live_button(query: Query) -> list[Control]:
    return _button("Search Hugging Face", f"--live {query.words}") if query.words else []


def _button(label: str, line: str, in_place: bool = False) -> list[Control]:
    """Return a button that searches, unless its query is too long for one."""
    if size(line) > BUTTON_CHARS:
        return []
    return [Button(clip(label, 60), RunAction("search", line, in_place=in_place))]
