"""``summarize``: a paper in a few sentences."""

from __future__ import annotations

from typing import Annotated

from bot import cards
from bot.commands import Context, command
from bot.commands.parsing import PaperName, Range
from bot.domain.reply import Reply
from bot.domain.votes import Tally
from bot.services import library


@command(
    "summarize #3",
    "summarize 2604.28196",
    "summarize https://arxiv.org/abs/2604.28196",
    anywhere=True,
)
async def summarize(
    ctx: Context, paper: PaperName, sentences: Annotated[int, Range(1, 6)] = 3
) -> Reply:
    """Tell what a paper says in a few sentences.

    Args:
        paper: Its id or link, its rank in the last digest (#3), or words of its title.
        sentences: How many sentences at the most.
    """
    found = await library.resolve(
        paper, ctx.caller.channel, store=ctx.store, index=ctx.index, sources=ctx.sources
    )
    summary = await ctx.summarizer.summarize(found, sentences)
    tallies = await ctx.store.tallies(ctx.caller.channel, [found.id])
    return cards.summary_reply(found, summary, tallies.get(found.id, Tally()))
