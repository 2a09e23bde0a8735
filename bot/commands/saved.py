"""``saved``: what somebody has put aside to read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from bot import cards
from bot.commands import Context, command
from bot.commands.parsing import Range
from bot.domain.channels import ChannelRef
from bot.domain.papers import Paper, PaperId
from bot.domain.reply import Reply
from bot.domain.votes import VoteKind
from bot.text import count


@command("saved", "saved --limit 5")
async def saved(ctx: Context, limit: Annotated[int, Range(1, 25)] = 10) -> Reply:
    """List the papers that you saved, in whatever channel, newest first.

    Args:
        limit: How many papers to show.
    """
    papers = await papers_at(await ctx.store.voted(ctx.caller.user, VoteKind.SAVE), ctx)
    if not papers:
        return cards.sentence_reply(
            "You have saved no paper yet.", "Press Save on a paper, or react to it with 🔖."
        )
    tallies = await ctx.store.tallies(ctx.caller.channel, [paper.id for paper in papers])
    note = f"{limit} of {len(papers)}" if len(papers) > limit else ""
    heading = f"{count(len(papers), 'paper')} that you saved"
    return cards.list_reply(heading, papers[:limit], tallies, note=note)


async def papers_at(places: Iterable[tuple[ChannelRef, PaperId]], ctx: Context) -> list[Paper]:
    """Return the papers of votes, newest first."""
    papers = await ctx.store.papers(dict.fromkeys(paper for _, paper in places))
    return sorted(papers.values(), key=lambda paper: paper.id, reverse=True)
