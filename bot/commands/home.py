"""``home``: a person's own page; Slack shows it as the app's home."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bot import cards
from bot.commands import Context, command
from bot.commands.saved import papers_at
from bot.domain.channels import ChannelRef, Subscription
from bot.domain.papers import PaperId
from bot.domain.reply import Button, Controls, Divider, Heading, Node, Note, OpenAction, Reply
from bot.domain.votes import Tally, VoteKind

SHOWN = 5
CHANNELS_SHOWN = 10


@command("home", share=False)
async def home(ctx: Context) -> Reply:
    """Show the papers you saved, what your channels like best, and their settings.

    Your channels are those in which you have voted: whoever has may know of them.
    """
    votes = {kind: await ctx.store.voted(ctx.caller.user, kind) for kind in VoteKind}
    channels = sorted({channel for places in votes.values() for channel, _ in places})
    saved = await papers_at(votes[VoteKind.SAVE], ctx)
    nodes: list[Node] = [Heading("Papers that you saved")]
    nodes += [cards.plain_item(paper) for paper in saved[:SHOWN]]
    if not saved:
        nodes.append(Note(cards.with_code("None yet: press Save on a paper, or react with 🔖.")))
    elif len(saved) > SHOWN:
        nodes.append(Note(cards.with_code(f"{SHOWN} of {len(saved)}; `saved` lists them.")))
    nodes += [Divider(), Heading("Top papers of your channels"), *await _top(ctx, channels)]
    nodes += [Divider(), Heading("Settings")]
    orders = [each for channel in channels if (each := await ctx.store.subscription(channel))]
    if orders:
        nodes.append(Controls(tuple(_settings(each) for each in orders[:CHANNELS_SHOWN])))
    nodes.append(Note(cards.with_code("In any channel: `/papers subscribe`, `/papers settings`.")))
    return Reply(tuple(nodes), f"{len(saved)} papers saved")


async def _top(ctx: Context, channels: Iterable[ChannelRef]) -> list[Node]:
    votes: Counter[PaperId] = Counter()
    for channel in channels:
        for paper, tally in (await ctx.store.tallies(channel)).items():
            votes[paper] += tally.up
    best = [paper for paper, number in votes.most_common(SHOWN) if number]
    papers = await ctx.store.papers(best)
    if not papers:
        return [Note(cards.with_code("Nobody has voted yet where you did."))]
    return [
        cards.item(paper, Tally(up=votes[paper.id]), rank)
        for rank, paper in enumerate(papers.values(), start=1)
    ]


def _settings(order: Subscription) -> Button:
    name = f"#{order.name}" if order.name else order.channel.id
    return Button(name, OpenAction("settings", order.channel.id))
