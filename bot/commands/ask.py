"""``ask``: what a paper says to a question."""

from __future__ import annotations

from typing import Annotated

from bot import cards
from bot.commands import Context, command
from bot.commands.parsing import REST, PaperName
from bot.commands.summarize import read, wish, without_model
from bot.domain.errors import ModelError
from bot.domain.reply import Reply
from bot.domain.summaries import Reader
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
    own = summaries.answer_in_own_words(question, text, SENTENCES, ctx.summarizer)
    if not full:
        notes.append("`--full` reads the whole paper.")
    writer = ctx.writer
    if writer is None or not text:
        return cards.answer_reply(found, question, own, notes)

    async def written(writer: Writer = writer) -> Reply:
        try:
            told = summaries.about(question, text, ctx.summarizer)
            answer = await writer.answer(found, told, question, await wish(ctx, for_), ctx.now)
        except ModelError as error:
            return cards.answer_reply(found, question, own, [*notes, without_model(error)])
        return cards.answer_reply(found, question, answer, notes)

    waiting = [*notes, f"{writer.model.model} is writing …"]
    return cards.followed(cards.answer_reply(found, question, own, waiting), written)
