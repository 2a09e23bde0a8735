"""``status``: what the bot did here, what it did not and why, and whether it is well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from bot import __version__, cards
from bot.commands import Context, command
from bot.commands.settings import last_run
from bot.domain.channels import ChannelRef
from bot.domain.deliveries import Delivery
from bot.domain.reply import Bold, Heading, Node, Note, Paragraph, Reply, text
from bot.services.health import UP, Health, Reading
from bot.services.status import ChannelStatus, channel_status, reasons
from bot.services.writer import Writer
from bot.text import clip, count


@command("status", share=False)
async def status(ctx: Context) -> Reply:
    """Tell what was posted here, what was not and why, and whether the bot is well."""
    found = await channel_status(ctx.caller.channel, ctx.store, ctx.now)
    nodes: list[Node] = [Heading("Status of this channel")]
    nodes += [Paragraph(text(Bold(f"{name}: "), line)) for name, line in channel_lines(found)]
    nodes += [Note(last_run(receipt)) for receipt in found.receipts]
    nodes += [
        Paragraph(text(Bold(f"{name}: "), line)) for name, line in health_lines(ctx.health, ctx.now)
    ]
    if ctx.writer:
        spent = await ctx.store.spent(ctx.now.date())
        line = tokens_line(ctx.writer, spent, ctx.caller.channel)
        nodes.append(Paragraph(text(Bold("Language model: "), line)))
    nodes.append(Note(text(f"daily-papers {__version__}")))
    summary = "all is well" if found.is_well else "something needs looking after"
    return Reply(tuple(nodes), f"Status of this channel: {summary}, bot {ctx.health.condition}")


def channel_lines(found: ChannelStatus) -> Iterator[tuple[str, str]]:
    """Return name and sentence of each thing there is to tell of a channel."""
    order = found.subscription
    if order is None:
        yield "Digest", "none is ordered here; subscribe orders one"
    elif order.parked:
        yield "Digest", f"paused: {order.parked}; it goes on by itself once the bot can post"
    elif found.next_run:
        local = found.next_run.astimezone(order.schedule.zone)
        by = "" if order.schedule.at else "by "
        when = f"{cards.day_name(local.date())}, {by}{local:%H:%M} {order.schedule.timezone}"
        yield "Next digest", when
    if not found.receipts:
        yield "Last run", "there has been none yet"
    if found.waiting:
        yield "Waiting to be sent", _messages(found.waiting)
    if found.unsent:
        yield "Not sent", _messages(found.unsent)


def _messages(messages: tuple[Delivery, ...]) -> str:
    whys = "; ".join(f"{number} × {clip(why, 200)}" for why, number in reasons(messages))
    return f"{count(len(messages), 'message')} ({whys})"


def tokens_line(writer: Writer, spent: Mapping[ChannelRef, int], channel: ChannelRef) -> str:
    """Return what a model has cost today, here and in all."""
    here = _of(spent.get(channel, 0), writer.budget.channel)
    whole = _of(sum(spent.values()), writer.budget.daily)
    return f"{writer.model.model}; tokens since 0:00 UTC: {here} by this channel, {whole} in all"


def _of(spent: int, limit: int) -> str:
    return f"{spent:,} of {limit:,}" if limit else f"{spent:,}"


def health_lines(health: Health, now: datetime) -> Iterator[tuple[str, str]]:
    """Return name and sentence of each thing that the bot depends on."""
    platforms = ", ".join(f"{name} {told}" for name, told in health.platforms.items())
    sources = ", ".join(f"{name} {_read(each, now)}" for name, each in health.sources.items())
    yield "Bot", f"{health.condition}, running for {_span(now - health.started_at)}"
    if platforms:
        yield "Platforms", platforms
    if sources:
        yield "Sources", sources
    if health.store != UP:
        yield "State", health.store


def _read(reading: Reading, now: datetime) -> str:
    last = f"read {_span(now - reading.at)} ago" if reading.at else "not read yet"
    return f"{last}, since then: {reading.problem}" if reading.problem else last


def _span(time: timedelta) -> str:
    minutes = max(0, int(time.total_seconds())) // 60
    for name, length in (("day", 24 * 60), ("hour", 60)):
        if minutes >= 2 * length:
            return count(minutes // length, name)
    return count(minutes, "minute")
