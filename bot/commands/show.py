"""``show``: all that is known of one paper."""

from __future__ import annotations

from bot import cards
from bot.commands import Context, command
from bot.commands.parsing import PaperName
from bot.domain.reply import Reply
from bot.domain.votes import Tally
from bot.services.similar import twins

CANDIDATES = 10
"""Papers about the same that are compared."""


@command("show #1", "show 2604.28196", anywhere=True)
async def show(ctx: Context, paper: PaperName) -> Reply:
    """Show a paper in full: authors, abstract, links, votes.

    Args:
        paper: Its id or link, its rank in the last digest (#3), or words of its title.
    """
    found = await ctx.paper(paper)
    tallies = await ctx.store.tallies(ctx.caller.channel, [found.id])
    near = await ctx.store.papers(await ctx.index.related(found, limit=CANDIDATES))
    return cards.abstract_reply(
        found, tallies.get(found.id, Tally()), twins=twins(found, near.values())
    )
