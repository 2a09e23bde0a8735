"""``unsubscribe``: end a channel's standing order."""

from __future__ import annotations

from bot import cards
from bot.commands import Context, command
from bot.domain.errors import UserError
from bot.domain.reply import Reply


@command("unsubscribe", admin=True, share=False)
async def unsubscribe(ctx: Context) -> Reply:
    """Stop the digest in this channel; votes and what was seen are kept."""
    if not await ctx.store.remove_subscription(ctx.caller.channel):
        raise UserError("This channel has no subscription.", hint="`subscribe` starts one.")
    await ctx.reschedule(ctx.caller.channel)
    return cards.sentence_reply(
        "This channel gets no more digests.",
        "Votes and what was seen are kept; `subscribe` starts again without repeats.",
    )
