"""Turn reactions and presses into votes, as sets. Decides from the ledger; the store keeps them."""

from __future__ import annotations

from collections.abc import Collection

from bot.domain.command import Caller
from bot.domain.deliveries import Delivery
from bot.domain.papers import PaperId
from bot.domain.reply import VoteAction
from bot.domain.votes import Ballot, Reaction, Tally, VoteKind, kind_of, plain_emoji, rank_of
from bot.ports import ChatAdapter, Store

BUTTON = "button"


def ballot_of(reaction: Reaction, delivery: Delivery) -> Ballot | None:
    """Return the mark that a reaction on a delivery makes, if it means anything there.

    On a message of one paper an emoji of a kind counts for it; on a message of several, a number
    counts for the paper of that rank.
    """
    rank, kind = rank_of(reaction.emoji), kind_of(reaction.emoji)
    paper: PaperId | None = None
    if rank is not None:
        paper, kind = delivery.paper_at(rank), VoteKind.UP
    elif kind is not None and len(delivery.papers) == 1:
        paper = delivery.papers[0]
    if paper is None or kind is None:
        return None
    origin = _prefix(delivery) + plain_emoji(reaction.emoji)
    return Ballot(delivery.slot.channel, paper, reaction.user, kind, origin)


def _prefix(delivery: Delivery) -> str:
    return f"{delivery.ref}#"


async def apply(reaction: Reaction, store: Store) -> Delivery | None:
    """Count a reaction, or its removal; return the delivery whose counts it changed, if any."""
    delivery = await store.delivery_at(reaction.message)
    ballot = ballot_of(reaction, delivery) if delivery else None
    if ballot is None:
        return None
    await (store.cast(ballot) if reaction.added else store.withdraw(ballot))
    return delivery


async def repair(delivery: Delivery, reactions: Collection[Reaction], store: Store) -> None:
    """Make a message's marks equal to the reactions that stand on it."""
    ballots = {ballot for each in reactions if (ballot := ballot_of(each, delivery))}
    await store.replace_marks(delivery.slot.channel, _prefix(delivery), ballots)


async def reread(delivery: Delivery, *, store: Store, adapter: ChatAdapter) -> bool | None:
    """Read the reactions of a message that was sent, and make its marks equal to them.

    Returns:
        Whether that changed a count; ``None`` if somebody voted meanwhile, so that nothing was
        done.

    Raises:
        PlatformError: if the message cannot be read.
    """
    if delivery.ref is None:
        return False
    channel, papers = delivery.slot.channel, delivery.papers
    before = await store.tallies(channel, papers)
    standing = await adapter.reactions(delivery.ref)
    if await store.tallies(channel, papers) != before:
        return None
    await repair(delivery, standing, store)
    return await store.tallies(channel, papers) != before


async def toggle(action: VoteAction, caller: Caller, store: Store) -> tuple[bool, Tally]:
    """Cast a vote by button, or take it back; return whether it now stands, and the tally."""
    channel, user = caller.channel, caller.user
    marks = await store.marks(channel, action.paper, user, action.kind)
    ballot = Ballot(channel, action.paper, user, action.kind, BUTTON)
    await (store.withdraw(ballot) if BUTTON in marks else store.cast(ballot))
    tally = await store.tallies(channel, [action.paper])
    return set(marks) != {BUTTON}, tally.get(action.paper, Tally())
