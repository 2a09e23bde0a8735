"""``summarize``: a paper in a few sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from bot import cards
from bot.commands import Context, command
from bot.commands.parsing import PaperName, Range
from bot.commands.writing import read, told, wish
from bot.domain.reply import Reply
from bot.domain.summaries import Reader, Summary
from bot.domain.votes import Tally
from bot.services import summaries
from bot.services.writer import Writer

SENTENCES = 3
LONG = 6


@command(
    "summarize #3",
    "summarize 2604.28196 --long",
    "summarize https://arxiv.org/abs/2604.28196 --full",
    anywhere=True,
)
async def summarize(
    ctx: Context,
    paper: PaperName,
    sentences: Annotated[int | None, Range(1, 10)] = None,
    long: bool = False,
    full: bool = False,
    for_: Reader | None = None,
) -> Reply:
    """Tell what a paper says in a few sentences.

    Args:
        paper: Its id or link, its rank in the last digest (#3), or words of its title.
        sentences: How many sentences at the most.
        long: Six sentences rather than three.
        full: Read the whole paper, not only its abstract.
        for_: For an expert or a newcomer, where a language model writes.
    """
    found = await ctx.paper(paper)
    number = sentences or (LONG if long else SENTENCES)
    text, notes = await read(ctx, found, full)
    tally = (await ctx.store.tallies(ctx.caller.channel, [found.id])).get(found.id, Tally())
    if for_ and ctx.writer is None:
        notes.append("`for` needs a language model, and none is set up here.")

    def draw(summary: Summary, notes: Sequence[str]) -> Reply:
        return cards.summary_reply(found, summary, tally, notes)

    async def write(writer: Writer) -> Summary:
        return await writer.summary(found, text, await wish(ctx, for_), number, ctx.now)

    own = summaries.in_own_words(found, text, number, ctx.summarizer)
    return told(ctx.writer if text else None, own, notes, draw, write)
