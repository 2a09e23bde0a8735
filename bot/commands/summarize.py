"""``summarize``: a paper in a few sentences."""

from __future__ import annotations

import re
from typing import Annotated

from bot import cards
from bot.commands import Context, command
from bot.commands.parsing import PaperName, Range
from bot.domain.errors import ModelError
from bot.domain.papers import Paper
from bot.domain.reply import Reply
from bot.domain.summaries import Reader
from bot.domain.votes import Tally
from bot.services import summaries
from bot.services.sections import Section
from bot.services.writer import Wish, Writer

_ADDRESS = re.compile(r"https?://\S*[^\s:;,.]")

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
    own = summaries.in_own_words(found, text, number, ctx.summarizer)
    writer = ctx.writer
    if writer is None or not text:
        if for_ and writer is None:
            notes.append("`for` needs a language model, and none is set up here.")
        return cards.summary_reply(found, own, tally, notes)

    async def written(writer: Writer = writer) -> Reply:
        try:
            summary = await writer.summary(found, text, await wish(ctx, for_), number, ctx.now)
        except ModelError as error:
            return cards.summary_reply(found, own, tally, [*notes, without_model(error)])
        return cards.summary_reply(found, summary, tally, notes)

    first = cards.summary_reply(found, own, tally, [*notes, f"{writer.model.model} is writing …"])
    return cards.followed(first, written)


async def read(ctx: Context, paper: Paper, full: bool) -> tuple[tuple[Section, ...], list[str]]:
    """Return the text to go by, and what there is to say about it."""
    abstract = summaries.abstract_of(paper)
    if not full:
        return abstract, []
    whole = await summaries.full_text(paper.id, abstract, ctx.sources)
    return (whole, []) if whole else (abstract, ["No full text is known: this is the abstract."])


async def wish(ctx: Context, reader: Reader | None) -> Wish:
    """Return how the channel wants things written."""
    order = await ctx.store.subscription(ctx.caller.channel)
    language = (order.language if order else "") or ctx.defaults.language
    return Wish(ctx.caller.channel, language, reader)


def without_model(error: ModelError) -> str:
    """Return what is said where a model was to write and did not; its address stays in the log."""
    return f"The language model did not write: {_ADDRESS.sub('its endpoint', error.problem)}."
