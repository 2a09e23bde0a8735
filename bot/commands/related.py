"""``related``: papers about the same."""

from __future__ import annotations

from typing import Annotated

from bot import cards
from bot.commands import Context, command
from bot.commands.parsing import PaperName, Range
from bot.domain.reply import Reply
from bot.text import clip, one_line


@command("related #2", "related 2604.28196 --limit 3", anywhere=True)
async def related(ctx: Context, paper: PaperName, limit: Annotated[int, Range(1, 10)] = 5) -> Reply:
    """Find papers that are about the same as one.

    Args:
        paper: Its id or link, its rank in the last digest (#3), or words of its title.
        limit: How many papers to show.
    """
    found = await ctx.paper(paper)
    ids = await ctx.index.related(found, limit=limit)
    papers = await ctx.store.papers(ids)
    title = clip(one_line(found.title), 60)
    if not papers:
        return cards.sentence_reply(f"Nothing here is like “{title}”.")
    tallies = await ctx.store.tallies(ctx.caller.channel, ids)
    return cards.list_reply(f"Related to “{title}”", list(papers.values()), tallies)
