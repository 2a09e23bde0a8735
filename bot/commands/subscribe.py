"""``subscribe``: begin a channel's standing order."""

from __future__ import annotations

from dataclasses import replace

from bot.commands import Context, command
from bot.commands.settings import (
    UNCHANGED,
    Days,
    Hour,
    Limit,
    Zone,
    changed,
    settings_reply,
)
from bot.domain.channels import Layout, Subscription
from bot.domain.reply import Bold, Paragraph, Reply, text


@command(
    "subscribe",
    "subscribe --at 08:30 --timezone Europe/Berlin",
    "subscribe --at settled --layout list --limit 5",
    admin=True,
    share=False,
)
async def subscribe(
    ctx: Context,
    at: Hour = UNCHANGED,
    timezone: Zone = None,
    weekdays: Days = None,
    layout: Layout | None = None,
    limit: Limit = None,
) -> Reply:
    """Bring each new batch of Daily Papers to this channel.

    Args:
        at: Local time of the digest such as 09:00, or settled for when the list stops growing.
        timezone: IANA time zone of that time, such as Europe/Berlin.
        weekdays: Days on which to post, such as mon-fri.
        layout: One thread, one list, cards, or papers one by one.
        limit: Papers per digest at the most.
    """
    existing = await ctx.store.subscription(ctx.caller.channel)
    subscription = existing or Subscription(
        channel=ctx.caller.channel,
        owner=ctx.caller.user,
        created_at=ctx.now,
        schedule=ctx.defaults.schedule,
        sources=ctx.defaults.sources,
        layout=ctx.defaults.layout,
        limit=ctx.defaults.limit,
        owed_from=ctx.now,
    )
    subscription = changed(ctx, subscription, at, timezone, weekdays, layout, limit)
    subscription = replace(subscription, parked=None)
    await ctx.store.save_subscription(subscription)
    await ctx.reschedule(subscription.channel)
    heading = "This channel was subscribed already" if existing else "Subscribed"
    reply = settings_reply(heading, subscription, ctx.now, None)
    if obstacle := await ctx.obstacle(subscription.channel):
        warning = Paragraph(text(Bold("But the bot cannot post here: "), obstacle))
        return replace(reply, nodes=(reply.nodes[0], warning, *reply.nodes[1:]))
    return reply
