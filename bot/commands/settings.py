"""``settings``: show or change a channel's standing order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time
from typing import Annotated

from bot import cards
from bot.commands import Context, command
from bot.commands.forms import (
    DEFAULT,
    LANGUAGE,
    SETTLED,
    TIME,
    TOPICS,
    WEEKDAYS,
    WORDS,
    ZONE,
    days_in_words,
)
from bot.commands.parsing import Range
from bot.domain.channels import Layout, Subscription, Weekday
from bot.domain.deliveries import Receipt
from bot.domain.errors import BadArgument, NotAllowed, UserError
from bot.domain.reply import (
    Bold,
    Button,
    Controls,
    Heading,
    Node,
    Note,
    OpenAction,
    Paragraph,
    Plain,
    Reply,
    Text,
    text,
)
from bot.services.schedule import SETTLED_DEADLINE, next_run

UNCHANGED = time(0, 0, 59)
"""Stands for "not said", because ``None`` says "as soon as the batch has settled"."""

Hour = Annotated[time | None, TIME]
Zone = Annotated[str | None, ZONE]
Days = Annotated[tuple[Weekday, ...] | None, WEEKDAYS]
Words = Annotated[tuple[str, ...] | None, WORDS]
Topics = Annotated[tuple[str, ...] | None, TOPICS]
Language = Annotated[str | None, LANGUAGE]
Limit = Annotated[int | None, Range(1, 25)]
Floor = Annotated[int | None, Range(0, 1000)]


def in_words(subscription: Subscription) -> dict[str, str]:
    """Return each setting as it would be typed; no word at all stays empty."""
    schedule, filters = subscription.schedule, subscription.filters
    return {
        "at": SETTLED if schedule.at is None else f"{schedule.at:%H:%M}",
        "timezone": schedule.timezone,
        "weekdays": days_in_words(schedule.weekdays),
        "layout": subscription.layout.value,
        "limit": str(subscription.limit),
        "sources": ", ".join(subscription.sources),
        "include": ", ".join(filters.include),
        "exclude": ", ".join(filters.exclude),
        "min_upvotes": str(filters.min_upvotes),
        "language": subscription.language or DEFAULT,
    }


async def current(ctx: Context) -> dict[str, str]:
    """Return what the dialog shows; only those see it who may change it."""
    subscription = await ordered(ctx)
    refuse_guests(ctx)
    return in_words(subscription)


async def ordered(ctx: Context) -> Subscription:
    """Return the channel's standing order.

    Raises:
        UserError: if there is none.
    """
    if subscription := await ctx.store.subscription(ctx.caller.channel):
        return subscription
    raise UserError("This channel has no subscription.", hint="`subscribe` starts one.")


def refuse_guests(ctx: Context) -> None:
    """Raise a ``NotAllowed`` unless the caller manages the channel."""
    if not ctx.caller.is_admin:
        raise NotAllowed(
            "Settings are changed by those who manage this channel.",
            hint="`settings` without more shows them to everybody.",
        )


@command(
    "settings",
    "settings --at 09:30",
    'settings --include "diffusion, world models" --min_upvotes 5',
    share=False,
    current=current,
)
async def settings(
    ctx: Context,
    at: Hour = UNCHANGED,
    timezone: Zone = None,
    weekdays: Days = None,
    layout: Layout | None = None,
    limit: Limit = None,
    sources: Words = None,
    include: Topics = None,
    exclude: Topics = None,
    min_upvotes: Floor = None,
    language: Language = None,
) -> Reply:
    """Show this channel's settings and last run, or change some of them.

    Everybody may look; changing is for those who manage the channel.

    Args:
        at: Local time of the digest such as 09:00, or settled for when the list stops growing.
        timezone: IANA time zone of that time, such as Europe/Berlin.
        weekdays: Days on which to post, such as mon-fri.
        layout: One thread, one list, cards, or papers one by one.
        limit: Papers per digest at the most.
        sources: Where papers come from, separated by commas.
        include: Only papers with one of these words or phrases, separated by commas; or none.
        exclude: No papers with any of these words or phrases, separated by commas; or none.
        min_upvotes: Only papers with at least so many votes on Hugging Face.
        language: In which a language model writes here, such as German; or default.
    """
    before = await ordered(ctx)
    after = changed(ctx, before, at, timezone, weekdays, layout, limit)
    filters = replace(
        after.filters,
        include=after.filters.include if include is None else include,
        exclude=after.filters.exclude if exclude is None else exclude,
        min_upvotes=after.filters.min_upvotes if min_upvotes is None else min_upvotes,
    )
    after = replace(
        after,
        filters=filters,
        sources=_sources(ctx, sources, after.sources),
        language=after.language if language is None else language,
    )
    receipts = await ctx.store.receipts(ctx.caller.channel, 1)
    receipt = receipts[0] if receipts else None
    if replace(after, name=before.name) == before:  # what the channel is called is no setting
        return settings_reply("Settings of this channel", after, ctx.now, receipt)
    refuse_guests(ctx)
    await ctx.store.save_subscription(after)
    await ctx.reschedule(after.channel)
    return settings_reply("Settings changed", after, ctx.now, receipt)


def changed(
    ctx: Context,
    subscription: Subscription,
    at: time | None,
    timezone: str | None,
    weekdays: tuple[Weekday, ...] | None,
    layout: Layout | None,
    limit: int | None,
) -> Subscription:
    """Return a subscription with what was said, and unchanged where nothing was.

    A digest that a new schedule would have been due before now is not owed.
    """
    schedule = replace(
        subscription.schedule,
        at=subscription.schedule.at if at == UNCHANGED else at,
        timezone=timezone or subscription.schedule.timezone,
        weekdays=weekdays or subscription.schedule.weekdays,
    )
    owed_from = subscription.owed_from if schedule == subscription.schedule else ctx.now
    return replace(
        subscription,
        schedule=schedule,
        owed_from=owed_from,
        layout=layout or subscription.layout,
        limit=limit or subscription.limit,
        name=ctx.caller.channel_name or subscription.name,
    )


def _sources(
    ctx: Context, wanted: tuple[str, ...] | None, current: tuple[str, ...]
) -> tuple[str, ...]:
    if wanted is None:
        return current
    known = ", ".join(ctx.sources)
    for name in wanted:
        if name not in ctx.sources:
            raise BadArgument("sources", f"does not know “{name}”", hint=f"There are: {known}.")
    if not wanted:
        raise BadArgument("sources", "names none", hint=f"There are: {known}.")
    return wanted


def settings_reply(
    heading: str, subscription: Subscription, now: datetime, receipt: Receipt | None
) -> Reply:
    """Return a channel's settings, and what its last run did."""
    lines = list(_lines(subscription, now))
    nodes: list[Node] = [Heading(heading)]
    for name, value in lines:
        nodes.append(Paragraph(text(Bold(f"{name}: "), value)))
    if subscription.parked:
        nodes.append(Paragraph(text(Bold("Paused: "), subscription.parked)))
        nodes.append(
            Note(
                cards.with_code(
                    "It goes on by itself once the bot can post here; `subscribe` tries at once."
                )
            )
        )
    if receipt:
        nodes.append(Note(last_run(receipt)))
    nodes.append(Controls((Button("Change settings", OpenAction("settings")),)))
    nodes.append(
        Note(cards.with_code("Or change one with `settings --at 09:30`, see `help settings`."))
    )
    return Reply(tuple(nodes), f"{heading}: " + "; ".join(f"{a} {b}" for a, b in lines))


def last_run(receipt: Receipt) -> Text:
    """Return what the last scheduled run did, in one line."""
    held = "; ".join(f"{each.count} {each.reason}" for each in receipt.held)
    return (
        Plain(f"Last run {receipt.slot.day.isoformat()}: {receipt.note} "),
        Plain(f"Listed {receipt.listed}, matched {receipt.matched}, posted {receipt.posted}."),
        Plain(f" Held back: {held}." if held else ""),
    )


def _lines(subscription: Subscription, now: datetime) -> Iterator[tuple[str, str]]:
    schedule, filters = subscription.schedule, subscription.filters
    if schedule.at is None:
        latest = f"{SETTLED_DEADLINE:%H:%M} {schedule.timezone}"
        yield "When", f"as soon as the batch has {SETTLED}, by {latest} at the latest"
    else:
        due = next_run(schedule, now).astimezone(schedule.zone)
        yield "When", f"{schedule.at:%H:%M} {schedule.timezone}"
        if not subscription.parked:
            yield "Next digest", f"{cards.day_name(due.date())}, {due:%H:%M}"
    yield "Days", days_in_words(schedule.weekdays)
    yield "Layout", f"{subscription.layout}, at most {subscription.limit} papers"
    yield "Sources", ", ".join(subscription.sources)
    if filters.include:
        yield "Only with", ", ".join(filters.include)
    if filters.exclude:
        yield "Never with", ", ".join(filters.exclude)
    if filters.min_upvotes:
        yield "Votes on Hugging Face", f"at least {filters.min_upvotes}"
    if subscription.language:
        yield "Language of summaries", subscription.language
