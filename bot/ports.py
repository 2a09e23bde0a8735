"""What the core needs of the outside, as protocols, and what the outside may ask of the core.

Rules for every port, said once:

* Instants are aware datetimes in UTC; days are plain dates.
* Methods are coroutines, called from one event loop; an implementation that blocks does so in a
  thread of its own.
* An implementation raises only the errors of ``bot.domain.errors`` (sources: ``SourceError``,
  stores: ``StoreError``, platforms: ``PlatformError``), wrapped with ``raise … from``.
* Every verb of a store is atomic, and durable when it returns. A verb that failed may be called
  again: it changes nothing more where it had taken effect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol

from bot.domain.channels import ChannelRef, MessageRef, Subscription, UserRef
from bot.domain.command import Caller, CommandCall, Press
from bot.domain.deliveries import Delivery, DeliveryState, Receipt, Seen, Slot
from bot.domain.dialog import Dialog
from bot.domain.papers import Batch, Paper, PaperId
from bot.domain.query import Query
from bot.domain.reply import Reply
from bot.domain.summaries import Point, Summary
from bot.domain.votes import Ballot, Reaction, Tally, VoteKind

Period = Literal["week", "month", "trending"]


class PaperSource(Protocol):
    """Where papers come from."""

    @property
    def name(self) -> str:
        """A short word, the first half of its batches' keys."""

    async def newest(self, until: date) -> Batch | None:
        """Return the newest batch that holds papers, of ``until`` or before, if there is one."""

    async def batch(self, day: date) -> Batch:
        """Return the batch of a day; it holds no papers when nothing is listed."""

    async def roundup(self, period: Period, day: date) -> Sequence[Paper]:
        """Return the papers of the week or month around a day, or those trending now."""

    async def paper(self, paper: PaperId) -> Paper | None:
        """Return one paper, or ``None`` when the source does not know it."""

    async def search(self, query: str, limit: int) -> Sequence[Paper]:
        """Return papers that fit a query, best first."""

    async def full_text(self, paper: PaperId) -> str | None:
        """Return the whole paper in Markdown, or ``None`` when the source does not have it."""


@dataclass(frozen=True, slots=True)
class Thread:
    """The thread under a head message, made when the first message is posted into it.

    Attributes:
        beside: Whether the message stands beside the head after all, unless the channel holds
            nothing but threads.
    """

    head: MessageRef
    title: str
    beside: bool = False


class ChatAdapter(Protocol):
    """A chat platform, spoken to in domain types.

    Lifecycle: ``serve`` connects and runs until cancelled; the other verbs work while it runs.
    """

    @property
    def platform(self) -> str:
        """The first word of its references, as in ``slack:T1/C1``."""

    async def serve(self, inbox: Inbox) -> None:
        """Connect, hand everything that arrives to ``inbox``, run until cancelled.

        Raises:
            ConfigError: when it can never work as it is set up; names the cure.
            PlatformError: when the connection is lost for good; the app starts it again.
        """

    async def post(
        self, channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None
    ) -> MessageRef:
        """Post one message and return where it stands.

        ``key`` names the message: a platform that can refuse a second message of the same key
        is asked to. Nothing is ever sent twice by the adapter itself without that guard.

        Raises:
            Refused, Gone, TryLater, Ambiguous: see ``bot.domain.errors``.
        """

    async def edit(self, message: MessageRef, reply: Reply) -> None:
        """Make a message of ours show ``reply`` instead."""

    async def find(
        self, channel: ChannelRef, *, key: str, since: datetime, thread: Thread | None = None
    ) -> MessageRef | None:
        """Read the channel back for our message of that key, posted at ``since`` or later.

        Raises:
            Refused: if the platform does not let the bot read this channel.
        """

    async def reactions(self, message: MessageRef) -> Collection[Reaction]:
        """Read all reactions that stand on a message, the bots' own left out."""

    async def check(self, channel: ChannelRef) -> None:
        """Find out whether messages can be posted to a channel, without posting one.

        Raises:
            Gone, Refused: if they cannot; names what is missing and the cure.
            TryLater: if that cannot be told now.
        """

    async def direct(self, user: UserRef) -> ChannelRef:
        """Return the channel of private messages with a person.

        Raises:
            Refused: if they take none.
        """


class Inbox(Protocol):
    """What a platform may ask of the product. Every verb answers; none raises for bad input."""

    async def command(self, call: CommandCall) -> Reply:
        """Run a command."""

    async def press(self, press: Press) -> Reply:
        """Answer a button."""

    async def dialog(self, call: CommandCall) -> Dialog | Reply:
        """Return a command to fill in, or why there is nothing to fill in."""

    async def mentioned(self, caller: Caller, texts: Iterable[str]) -> Sequence[Reply]:
        """Summarize the first papers that a message names, of those texts, or say why not."""

    async def reaction(self, reaction: Reaction) -> None:
        """Take note of an emoji added to or taken from a message."""

    async def missed(self, message: MessageRef | None = None) -> None:
        """Read the reactions of a message again, or soon those of all, for some were not told."""

    async def suggest(self, call: CommandCall, parameter: str, typed: str) -> Sequence[str]:
        """Return values that would fit a parameter, best first, from memory."""

    def turn(self, name: str) -> AbstractAsyncContextManager[None]:
        """Wait until no other process has a turn of that name, and keep it for the body.

        The body is cut off with a ``LeaseLost`` if the turn cannot be kept.
        """


class Library(Protocol):
    """Papers and the batches they came in."""

    async def save_batch(self, batch: Batch, now: datetime) -> int:
        """Merge a reading of a batch into what is kept; return how many papers it added.

        ``Batch.merged`` decides what the merge holds; a batch kept for the first time is taken
        to have grown at ``now``.
        """

    async def batches(
        self, sources: Collection[str] | None, *, since: date | None = None, limit: int = 2
    ) -> Sequence[Batch]:
        """Return the newest kept batches of those sources, or of all, newest day first."""

    async def save_papers(self, papers: Iterable[Paper]) -> None:
        """Keep papers, or newer descriptions of kept ones; see ``Paper.described_anew``."""

    async def papers(self, ids: Iterable[PaperId] | None = None) -> Mapping[PaperId, Paper]:
        """Return the kept papers among ``ids``, or all of them."""


class Subscriptions(Protocol):
    """Standing orders, one per channel."""

    async def subscriptions(self) -> Sequence[Subscription]:
        """Return all of them, by channel."""

    async def subscription(self, channel: ChannelRef) -> Subscription | None:
        """Return the one of a channel."""

    async def save_subscription(self, subscription: Subscription) -> None:
        """Add it, or replace the one of its channel."""

    async def remove_subscription(self, channel: ChannelRef) -> bool:
        """End it; tell whether there was one. What was seen and voted stays."""


class Leases(Protocol):
    """Rights that one process at a time has: to work on a slot, or whatever a name stands for.

    Whether a lease has run out is told by the store's own clock, never by a caller's.
    """

    @property
    def lease_seconds(self) -> float | None:
        """How long a right lasts unless it is claimed again, or ``None``: no process but this."""

    async def claim(self, right: Slot | str) -> bool:
        """Take a right, or keep it for longer; false while another process has it.

        A slot has to be planned before it can be claimed.
        """

    async def release(self, right: Slot | str, wait: float = 0) -> None:
        """Let go of a right if it is ours; nobody else gets it before ``wait`` seconds are over."""


class Ledger(Leases, Protocol):
    """What was planned, sent and seen; the reason why nothing is posted twice."""

    async def plan(self, deliveries: Sequence[Delivery], receipt: Receipt) -> bool:
        """Take the receipt's slot and record its whole digest, or nothing if it is taken.

        Returns:
            Whether the slot was free; it is leased to this process then.
        """

    async def extend(self, deliveries: Sequence[Delivery], receipt: Receipt) -> None:
        """Add messages to the digest of the receipt's slot, after those that it has.

        A message that is known already stays as it is, where it is.

        Raises:
            LeaseLost: if the slot is not leased to this process, or was never planned.
        """

    async def delivery(self, key: str) -> Delivery | None:
        """Return one delivery."""

    async def deliveries(self, slot: Slot) -> Sequence[Delivery]:
        """Return a slot's deliveries in order of position."""

    async def unfinished(self, channel: ChannelRef | None = None) -> Sequence[Slot]:
        """Return the slots, of a channel or all, with deliveries that may still be sent."""

    async def advance(
        self,
        key: str,
        state: DeliveryState,
        *,
        ref: MessageRef | None = None,
        reason: str = "",
        at: datetime | None = None,
        seen: Mapping[PaperId, Seen] | None = None,
    ) -> None:
        """Set a delivery's state; what was sent stays sent.

        That something was sent may be told by anybody; all else, and above all that it is being
        sent, by the process alone that has the slot's lease.

        Args:
            key: The delivery's.
            state: Its new state.
            ref: Where it stands, once it is sent.
            reason: Why it is in that state, where it is not as planned.
            at: The start of an attempt, when it is one.
            seen: What the channel was shown by it, recorded in the same step, so that no crash
                comes between what was posted and what is known to be.

        Raises:
            StoreError: if the delivery was never planned.
            LeaseLost: if another process may be at work on the slot.
        """

    async def seen(self, channel: ChannelRef, ids: Iterable[PaperId]) -> Mapping[PaperId, Seen]:
        """Return which of the papers the channel was shown, and when last."""

    async def delivery_at(self, message: MessageRef) -> Delivery | None:
        """Return the delivery that stands at a message."""

    async def latest_slot(self, channel: ChannelRef) -> Slot | None:
        """Return the newest slot of a channel in which a digest was posted."""

    async def sent_since(self, moment: datetime) -> Sequence[Delivery]:
        """Return the deliveries sent at that moment or later, for repairing votes."""

    async def save_receipt(self, receipt: Receipt) -> None:
        """Add a receipt, or replace the one of its slot."""

    async def receipt(self, slot: Slot) -> Receipt | None:
        """Return the receipt of one slot."""

    async def receipts(self, channel: ChannelRef, limit: int = 1) -> Sequence[Receipt]:
        """Return a channel's receipts, newest first."""


class Votes(Protocol):
    """Who voted for what."""

    async def cast(self, ballot: Ballot) -> None:
        """Add a mark; adding it again changes nothing."""

    async def withdraw(self, ballot: Ballot) -> None:
        """Take a mark away; taking away what is not there changes nothing."""

    async def replace_marks(
        self, channel: ChannelRef, origin_prefix: str, ballots: Collection[Ballot]
    ) -> None:
        """Make ``ballots`` the only marks of the channel whose origin starts so."""

    async def marks(
        self, channel: ChannelRef, paper: PaperId, user: UserRef, kind: VoteKind
    ) -> Collection[str]:
        """Return the origins of one person's marks."""

    async def tallies(
        self, channel: ChannelRef, ids: Iterable[PaperId] | None = None
    ) -> Mapping[PaperId, Tally]:
        """Return the tallies of the papers that anybody voted on."""

    async def voted(self, user: UserRef, kind: VoteKind) -> Collection[tuple[ChannelRef, PaperId]]:
        """Return what a person voted for so, in whatever channel."""


class Writings(Protocol):
    """What a language model wrote, and what that cost."""

    async def writing(self, key: str) -> Summary | None:
        """Return what was written under a key."""

    async def save_writing(self, key: str, writing: Summary) -> None:
        """Keep it, or replace what was there."""

    async def spend(self, channel: ChannelRef, day: date, tokens: int) -> None:
        """Add to what a channel has spent on a day; called again after an error, perhaps twice."""

    async def spent(self, day: date) -> Mapping[ChannelRef, int]:
        """Return the tokens that each channel has spent on a day."""


class Store(Library, Subscriptions, Ledger, Votes, Writings, Protocol):
    """All state of the product, in one place.

    Lifecycle: opened by its constructor or ``open``; ``close`` may be called once, at the end.
    """

    async def ping(self) -> None:
        """Do nothing, if anything could be done.

        Raises:
            StoreError: if the state can be neither read nor written at the moment.
        """

    async def close(self) -> None:
        """Write what is left and let go of the files."""


class Summarizer(Protocol):
    """Makes texts short in their own sentences, at once and offline. No method waits or raises."""

    def gist(self, title: str, sentences: Sequence[str]) -> Point | None:
        """Return the one sentence that tells most, shortened, if there is any."""

    def key_points(self, title: str, sentences: Sequence[str], number: int) -> tuple[Point, ...]:
        """Return the sentences that tell most, whole, in the order of the text."""

    def answers(self, question: str, sentences: Sequence[str], number: int) -> tuple[Point, ...]:
        """Return the sentences that have most to do with a question, in the order of the text."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a language model answered.

    Attributes:
        value: The object that it was asked for, of the schema that was given.
        tokens_in: Tokens read, and
        tokens_out: tokens written, those of attempts in vain included.
        estimated: Whether the endpoint left out what it counted.
        model: Its name, as the endpoint calls it.
    """

    value: Mapping[str, object]
    tokens_in: int
    tokens_out: int
    estimated: bool
    model: str


class LanguageModel(Protocol):
    """A language model at an endpoint that the operator has set up."""

    @property
    def model(self) -> str:
        """Its name, as the operator set it."""

    async def complete(
        self, *, instructions: str, text: str, schema: Mapping[str, object], name: str
    ) -> Completion:
        """Have an object written about a text.

        Raises:
            ModelError: if it did not come, or is not of the schema.
        """


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        total: How many papers hold at least some of what was wanted, or are about it.
        papers: Those of the page, best first.
        whole: How many hold all of it.
        akin: How many hold none of it, but are about it.
        corrected: Words that no paper holds, and what was looked for instead.
    """

    total: int
    papers: Sequence[PaperId]
    whole: int = 0
    akin: int = 0
    corrected: Mapping[str, str] = field(default_factory=dict)


class SearchIndex(Protocol):
    """Finds papers by words, and by meaning if it can."""

    async def add(self, papers: Iterable[Paper]) -> None:
        """Make papers findable, replacing those of the same ids."""

    async def search(
        self,
        query: Query,
        *,
        limit: int,
        offset: int = 0,
        among: Collection[PaperId] | None = None,
    ) -> Found:
        """Return one page of the papers that fit, best first.

        Votes of the team, what a channel has seen and sources are not known here: ``among`` says
        which papers come into question.
        """

    def telling(self, query: Query) -> Callable[[str], bool]:
        """Return what tells whether a word of a text is one of those that are looked for."""

    async def complete(self, typed: str, *, limit: int) -> list[PaperId]:
        """Return papers whose titles hold the typed words, the last one perhaps but begun.

        It is asked with each key that is pressed: newest first, and without weighing.
        """

    async def related(self, paper: Paper, *, limit: int) -> list[PaperId]:
        """Return the papers that are about the same, most alike first, itself left out."""

    async def close(self) -> None:
        """Let go of what it holds; it may be called once, at the end."""
