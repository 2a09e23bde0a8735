"""``today``: the newest batch, another day's, or a roundup."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from bot import cards
from bot.commands import Context, command
from bot.commands.forms import DATE
from bot.commands.parsing import Range
from bot.domain.errors import BadArgument, UserError
from bot.domain.papers import Batch, batch_day
from bot.domain.reply import Reply
from bot.ports import Period
from bot.services.digest import rank
from bot.services.summaries import described_batch
from bot.text import count


@command("today", "today --day 2026-05-07", "today --period week --limit 20")
async def today(
    ctx: Context,
    day: Annotated[date | None, DATE] = None,
    period: Literal["day", "week", "month", "trending"] = "day",
    limit: Annotated[int, Range(1, 25)] = 10,
) -> Reply:
    """Show the newest papers, ranked by votes.

    Args:
        day: Another day's batch, as YYYY-MM-DD.
        period: A whole week or month, or what is trending now.
        limit: How many papers to show.
    """
    subscription = await ctx.store.subscription(ctx.caller.channel)
    ordered = subscription.sources if subscription else ctx.defaults.sources
    names = tuple(name for name in ordered if name in ctx.sources)
    if not names:
        raise UserError(
            f"This channel's source {', '.join(ordered)} is switched off.",
            hint=f"Choose another: `settings --sources {next(iter(ctx.sources), 'huggingface')}`.",
        )
    if day and day > batch_day(ctx.now):
        raise BadArgument("day", f"is {day}, which is not here yet", hint="Choose an earlier day.")
    if period != "day":
        return await _roundup(ctx, names, period, day, limit)
    batches = [batch for name in names if (batch := await _batch(ctx, name, day))]
    papers = rank([paper for batch in batches for paper in batch.papers])
    if not papers:
        when = f"on {cards.day_name(day)}" if day else "yet"
        return cards.sentence_reply(
            f"Nothing is listed {when}.", "Papers are listed from Monday to Friday."
        )
    newest = max(batch.key.day for batch in batches)
    shown = papers[:limit]
    note = f"{len(shown)} of {count(len(papers), 'paper')}" if len(shown) < len(papers) else ""
    tallies = await ctx.store.tallies(ctx.caller.channel, [paper.id for paper in shown])
    return cards.list_reply(cards.digest_title(newest), shown, tallies, first_rank=1, note=note)


async def _batch(ctx: Context, name: str, day: date | None) -> Batch | None:
    if day is None:
        kept = await ctx.store.batches([name], limit=1)
        if kept:
            return kept[0]
        newest = await ctx.sources[name].newest(batch_day(ctx.now))
        return await described_batch(newest, ctx.summarizer) if newest else None
    for batch in await ctx.store.batches([name], since=day, limit=400):
        if batch.key.day == day:
            return batch
    return await described_batch(await ctx.sources[name].batch(day), ctx.summarizer)


async def _roundup(
    ctx: Context, names: tuple[str, ...], period: Period, day: date | None, limit: int
) -> Reply:
    listed = [
        paper
        for name in names
        for paper in await ctx.sources[name].roundup(period, day or batch_day(ctx.now))
    ]
    papers = await ctx.keep(listed)
    shown = (papers if period == "trending" else rank(papers))[:limit]
    heading = "Trending papers" if period == "trending" else f"Papers of the {period}"
    if not shown:
        return cards.sentence_reply(f"{heading}: nothing is listed.")
    tallies = await ctx.store.tallies(ctx.caller.channel, [paper.id for paper in shown])
    return cards.list_reply(heading, shown, tallies, first_rank=1)
