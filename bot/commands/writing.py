"""What commands share that tell of a paper in its own words, or in a language model's."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from bot.commands import Context
from bot.domain.errors import ModelError
from bot.domain.papers import Paper
from bot.domain.reply import Reply
from bot.domain.summaries import Reader, Summary
from bot.services import summaries
from bot.services.sections import Section
from bot.services.writer import Wish, Writer

_ADDRESS = re.compile(r"https?://\S*[^\s:;,.]")


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


def told(
    writer: Writer | None,
    own: Summary,
    notes: Sequence[str],
    draw: Callable[[Summary, Sequence[str]], Reply],
    write: Callable[[Writer], Awaitable[Summary]],
) -> Reply:
    """Return what a paper says in its own words, with what a language model writes in their place.

    Args:
        writer: The model's, or ``None``: its own words are all there is.
        own: The paper's words; they stay where the model fails.
        notes: What else there is to say.
        draw: Makes the reply of either.
        write: Has the model write.
    """
    if writer is None:
        return draw(own, notes)

    async def later() -> Reply:
        try:
            written = await write(writer)
        except ModelError as error:
            return draw(own, [*notes, _without_model(error)])
        return draw(written, notes)

    return replace(draw(own, [*notes, f"{writer.model.model} is writing …"]), later=later)


def _without_model(error: ModelError) -> str:
    """Return what is said where a model was to write and did not; its address stays in the log."""
    return f"The language model did not write: {_ADDRESS.sub('its endpoint', error.problem)}."
