"""``ask``: what a paper says to a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from bot import cards
from bot.commands import Context, command
from bot.commands.parsing import REST, PaperName
from bot.commands.writing import read, told, wish
from bot.domain.reply import Reply
from bot.domain.summaries import Reader, Summary
from bot.services import summaries
from bot.services.writer import Writer

SENTENCES = 3


@command(
    "ask #3 which data is it trained on?",
    "ask 2604.28196 how fast is it? --full",
    anywhere=True,
)
async def ask(
    ctx: Context,
    paper: PaperName,
    question: Annotated[str, REST],
    full: bool = False,
    for_: Reader | None = None,
) -> Reply:
    """Find what a paper says to a question.

    Args:
        paper: Its id or link, its rank in the last digest (#3), or words of its title in quotes.
        question: What to look for, in words of the paper's language.
        full: Read the whole paper, not only its abstract.
        for_: For an expert or a newcomer, where a language model writes.
    """
    found = await ctx.paper(paper.strip('"'))
    text, notes = await read(ctx, found, full)
    if not full:
        notes.append("`--full` reads the whole paper.")

    def draw(answer: Summary, notes: Sequence[str]) -> Reply:
        return cards.answer_reply(found, question, answer, notes)

    async def write(writer: Writer) -> Summary:
        near = summaries.about(question, text, ctx.summarizer)
        return await writer.answer(found, near, question, await wish(ctx, for_), ctx.now)

    own = summaries.answer_in_own_words(question, text, SENTENCES, ctx.summarizer)
    return told(ctx.writer if text else None, own, notes, draw, write)
