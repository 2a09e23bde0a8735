"""``top``: what this channel likes best."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from bot import cards
from bot.commands import Context, command
from bot.commands.parsing import Range
from bot.domain.reply import Reply
from bot.text import count


@command("top", "top --days 30 --limit 5")
async def top(
    ctx: Context,
    days: Annotated[int, Range(1, 3650)] = 30,
    limit: Annotated[int, Range(1, 25)] = 10,
) -> Reply:
    """Rank the papers of this channel by the team's own votes.

    Args:
        days: Only papers shown here in the last so many days.
        limit: How many papers to show.
    """
    tallies = await ctx.store.tallies(ctx.caller.channel)
    seen = await ctx.store.seen(ctx.caller.channel, tallies)
    since = (ctx.now - timedelta(days=days)).date()
    papers = await ctx.store.papers(tallies)
    liked = [
        paper
        for paper in papers.values()
        if tallies[paper.id].up and (paper.id not in seen or seen[paper.id].day >= since)
    ]
    liked.sort(key=lambda paper: (-tallies[paper.id].up, -(paper.upvotes or 0), str(paper.id)))
    if not liked:
        return cards.sentence_reply(
            f"No paper shown here in the last {count(days, 'day')} has a vote.",
            "React with 👍 to a paper, or with its number to a digest.",
        )
    heading = f"Top papers of this channel, last {count(days, 'day')}"
    return cards.list_reply(heading, liked[:limit], tallies, first_rank=1)
