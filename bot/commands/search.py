"""``search``: papers by words."""

from __future__ import annotations

from typing import Annotated

from bot import cards
from bot.commands import Context, command
from bot.commands.parsing import REST, Range
from bot.domain.reply import Button, Control, Reply, RunAction
from bot.text import clip, count, size


@command("search diffusion transformers", 'search "world models" --limit 3', anywhere=True)
async def search(
    ctx: Context,
    query: Annotated[str, REST],
    limit: Annotated[int, Range(1, 10)] = 5,
    page: Annotated[int, Range(1, 1000)] = 1,
) -> Reply:
    """Find papers by words of their titles and abstracts.

    Args:
        query: Words to look for.
        limit: How many papers on a page.
        page: Which page of the answer.
    """
    total, ids = await ctx.index.search(query, limit=limit, offset=(page - 1) * limit)
    shown = clip(query, 60)
    if not ids:
        what = "No more papers fit" if total else "No paper fits"
        return cards.sentence_reply(
            f"{what} “{shown}”.", "Try fewer or other words; `today` shows the newest papers."
        )
    papers = await ctx.store.papers(ids)
    found = [papers[paper] for paper in ids if paper in papers]
    tallies = await ctx.store.tallies(ctx.caller.channel, ids)
    first = (page - 1) * limit + 1
    return cards.list_reply(
        f"{count(total, 'paper')} for “{shown}”",
        found,
        tallies,
        first_rank=first,
        note=f"{first} to {first + len(found) - 1} of {total:,}, best first",
        controls=_pages(query, limit, page, total),
    )


def _pages(query: str, limit: int, page: int, total: int) -> tuple[Control, ...]:
    wanted = [("‹ Back", page - 1, page > 1), ("More ›", page + 1, page * limit < total)]
    buttons = []
    for label, target, there in wanted:
        quoted = query.replace('"', " ").strip()
        line = f'"{quoted}" --limit {limit} --page {target}'
        if there and size(line) <= 80:  # a longer query does not fit into a button's id
            buttons.append(Button(label, RunAction("search", line, in_place=True)))
    return tuple(buttons)
