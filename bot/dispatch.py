"""Answer what platforms hand in: find the command, read its arguments, run it, map its errors.

This is the one place where errors become words. Commands always answer; events never raise.
"""

from __future__ import annotations

import asyncio
import difflib
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TypeVar, assert_never

import structlog

from bot import cards
from bot.commands import ALIASES, Context, Defaults, all_commands
from bot.commands.parsing import CommandSpec
from bot.domain.channels import ChannelRef, MessageRef
from bot.domain.command import Caller, CommandCall, Press
from bot.domain.deliveries import Slot
from bot.domain.dialog import Dialog
from bot.domain.errors import (
    AmbiguousPaper,
    Gone,
    NotAllowed,
    PlatformError,
    Refused,
    SourceError,
    StoreError,
    UnknownCommand,
    UserError,
)
from bot.domain.papers import PaperId
from bot.domain.reply import OpenAction, Reply, RunAction, VoteAction, parse_action
from bot.domain.votes import Reaction, VoteKind
from bot.ports import ChatAdapter, PaperSource, SearchIndex, Store, Summarizer
from bot.services import votes
from bot.services.health import Health
from bot.services.leases import leased
from bot.services.query import words_alone
from bot.services.writer import Writer
from bot.text import clip, count, one_line

log = structlog.get_logger()

SUGGESTIONS = 25

SUMMARIES = 3
"""Papers of one message that are summarized: Slack takes five answers, Discord's guests as many."""

TOPIC_BATCHES = 10
"""How many of the newest lists the topics are taken from that are suggested."""

REREADS = 3
"""How often a message is read again while people go on voting on it."""

T = TypeVar("T")


async def _nothing(_: ChannelRef) -> None:
    """Take no note of a changed subscription."""


def _no_note() -> None:
    """Take no note of lost events."""


@dataclass(slots=True)
class Dispatcher:
    """The inbox of every platform.

    Attributes:
        adapters: The platforms, asked whether a channel can be posted to.
        reschedule: Awaited after a channel's subscription has changed.
        reconnected: Called when events may be lost, as those are that came before a turn was taken.
        writer: Writes with a language model, where there is one.
        stale: Slots whose head shows counts of before; whoever edits heads empties it.
        turn_pause: Seconds between two looks whether a turn of another process has ended.
    """

    store: Store
    index: SearchIndex
    summarizer: Summarizer
    sources: Mapping[str, PaperSource]
    clock: Callable[[], datetime]
    health: Health
    defaults: Defaults = field(default_factory=Defaults)
    commands: Mapping[str, CommandSpec] = field(default_factory=all_commands)
    adapters: Mapping[str, ChatAdapter] = field(default_factory=dict)
    reschedule: Callable[[ChannelRef], Awaitable[None]] = _nothing
    reconnected: Callable[[], None] = _no_note
    stale: set[Slot] = field(default_factory=set)
    turn_pause: float = 5.0
    writer: Writer | None = None

    async def command(self, call: CommandCall) -> Reply:
        """Run a command and return its answer, whatever happens."""
        log.info("command", name=clip(call.name, 40), channel=str(call.caller.channel))
        return await self._answer(lambda: self._run(call))

    async def press(self, press: Press) -> Reply:
        """Answer a button: a vote, or a command with its arguments."""
        return await self._answer(lambda: self._pressed(press))

    async def mentioned(self, caller: Caller, texts: Iterable[str]) -> Sequence[Reply]:
        """Summarize the first papers that a message names; say so where it names none."""
        papers = PaperId.find_all(texts)[:SUMMARIES]
        if not papers:
            return [
                cards.sentence_reply(
                    "This message names no paper.",
                    "Links to arXiv, Hugging Face, alphaXiv and DOIs are known.",
                )
            ]
        calls = (CommandCall(caller, "summarize", str(paper)) for paper in papers)
        replies = [await self.command(call) for call in calls]
        if len(replies) == 1:
            return replies
        # Platforms take few answers to one request: a model writes about one paper at a time.
        return [replace(reply, later=None) for reply in replies]

    async def reaction(self, reaction: Reaction) -> None:
        """Count a reaction; what goes wrong is logged, for repair reads the message again."""
        try:
            if delivery := await votes.apply(reaction, self.store):
                self.stale.add(delivery.slot)
        except StoreError as error:
            log.error("vote not kept", message=str(reaction.message), reason=str(error))
        except Exception:
            log.exception("reaction failed", message=str(reaction.message))

    async def missed(self, message: MessageRef | None = None) -> None:
        """Read a message's reactions again, or soon those of all; what goes wrong is logged."""
        if message is None:
            self.reconnected()
            return
        try:
            delivery = await self.store.delivery_at(message)
            adapter = self.adapters.get(message.channel.platform)
            if delivery is None or adapter is None:
                return
            for _ in range(REREADS):
                changed = await votes.reread(delivery, store=self.store, adapter=adapter)
                if changed is not None:
                    break
            if changed:
                self.stale.add(delivery.slot)
        except (StoreError, PlatformError) as error:
            log.warning("votes not read again", message=str(message), reason=str(error))
        except Exception:
            log.exception("reactions not read again", message=str(message))

    async def suggest(self, call: CommandCall, parameter: str, typed: str) -> Sequence[str]:
        """Return values for a parameter, best first; none rather than an error."""
        spec = self.commands.get(call.name)
        option = (
            next((each for each in spec.options if each.name == parameter), None) if spec else None
        )
        if option is None:
            return ()
        try:
            if option.kind == "paper":
                return await self._titles(typed)
            if option.form and option.form.topics:
                return await self._topics(typed)
        except StoreError as error:
            log.error("nothing suggested", reason=str(error))
            return ()
        values = option.choices or (option.form.values if option.form else ())
        return [value for value in values if typed.lower() in value.lower()][:SUGGESTIONS]

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait for a turn that one process at a time has, and keep it for the body.

        While the store cannot be asked it waits as well, for that is no fault of a platform's.
        """
        while True:
            ours = False
            try:
                async with leased(name, self.store) as lease:
                    if lease is not None:
                        ours = True
                        self.reconnected()
                        yield
                        return
                log.debug("another process has the turn", name=name)
            except StoreError as error:
                if ours:
                    raise
                log.warning("no turn yet", name=name, reason=str(error))
            await asyncio.sleep(self.turn_pause)

    async def _titles(self, typed: str) -> list[str]:
        if typed.strip():
            ids = await self.index.complete(typed, limit=SUGGESTIONS)
            if not ids:
                found = await self.index.search(words_alone(typed), limit=SUGGESTIONS)
                ids = list(found.papers)
        else:
            batches = await self.store.batches(tuple(self.sources), limit=1)
            ids = [paper.id for batch in batches for paper in batch.papers][:SUGGESTIONS]
        papers = await self.store.papers(ids)
        return [
            clip(f"{paper.key} {one_line(papers[paper].title)}", 100)
            for paper in ids
            if paper in papers
        ]

    async def _topics(self, typed: str) -> list[str]:
        """Return lists of words that go on where ``typed`` ends: newest batches' keywords."""
        earlier, comma, started = typed.rpartition(",")
        given = {word.strip().lower() for word in earlier.split(",")}
        batches = await self.store.batches(tuple(self.sources), limit=TOPIC_BATCHES)
        words = (
            one_line(word).lower()
            for each in batches
            for paper in each.papers
            for word in paper.keywords
        )
        often = Counter(word for word in words if word and "," not in word and word not in given)
        fitting = [word for word, _ in often.most_common() if started.strip().lower() in word]
        head = f"{earlier.strip()}, " if comma else ""
        return [head + word for word in fitting[:SUGGESTIONS]]

    async def dialog(self, call: CommandCall) -> Dialog | Reply:
        """Return a command to fill in, with what stands there now, or why there is none."""
        return await self._answer(lambda: self._dialog(call))

    async def _dialog(self, call: CommandCall) -> Dialog | Reply:
        spec = self._spec(call)
        if spec.current is None:
            return await self._run(call)
        values = await spec.current(self._context(call.caller))
        order = await self.store.subscription(call.caller.channel)
        name = call.caller.channel_name or (order.name if order else "")
        return spec.dialog(values, name)

    def _spec(self, call: CommandCall) -> CommandSpec:
        name = call.name.strip().lower()
        spec = self.commands.get(ALIASES.get(name, name))
        if spec is None:
            near = difflib.get_close_matches(name, self.commands, n=1)
            raise UnknownCommand(clip(call.name, 40), near[0] if near else None)
        if call.caller.is_guest and not spec.anywhere:
            raise NotAllowed(
                f"`{spec.name}` works where the bot is at home, and it is a guest here.",
                hint="Invite it to this server, or ask for `search` and `summarize` alone.",
            )
        if spec.admin and not call.caller.is_admin:
            raise NotAllowed(
                f"`{spec.name}` is for those who manage this channel.",
                hint="Ask one of them to run it.",
            )
        return spec

    async def _run(self, call: CommandCall) -> Reply:
        spec = self._spec(call)
        filled = {} if call.fields is None else spec.filled_in(call.fields)
        values = spec.read({**spec.parse(call.text), **call.values, **filled})
        share = bool(values.pop("share", False))
        try:
            reply = await spec.run(self._context(call.caller), values)
        except AmbiguousPaper as error:
            return cards.candidates_reply(error, spec.name)
        later = partial(self._later, reply.later, share) if reply.later else None
        return replace(reply, private=not share, later=later)

    async def _later(self, make: Callable[[], Awaitable[Reply]], share: bool) -> Reply:
        """Return the reply that comes later, to whom the first one was shown."""
        return replace(await self._answer(make), private=not share)

    async def _pressed(self, press: Press) -> Reply:
        try:
            action = parse_action(press.action)
        except ValueError:
            raise UserError(
                "This button is of an older version of the bot.", hint="`help` lists the commands."
            ) from None
        match action:
            case RunAction(command, line):
                return await self._run(CommandCall(press.caller, command, line))
            case OpenAction(command, channel):  # where it has no dialog, or the platform shows none
                caller = press.caller.at(channel) if channel else press.caller
                return await self._run(CommandCall(caller, command))
            case VoteAction():
                return await self._voted(action, press)
            case _:
                assert_never(action)

    async def _voted(self, action: VoteAction, press: Press) -> Reply:
        stands, tally = await votes.toggle(action, press.caller, self.store)
        if press.message and (delivery := await self.store.delivery_at(press.message)):
            self.stale.add(delivery.slot)
        if action.kind is VoteKind.SAVE:
            return cards.sentence_reply("Saved." if stands else "No longer saved.")
        if action.kind is VoteKind.DOWN:
            done = "Noted: less like this" if stands else "No longer noted"
            return cards.sentence_reply(f"{done}.")
        done = "Your vote counts" if stands else "Your vote is taken back"
        return cards.sentence_reply(f"{done}: {count(tally.up, 'vote')} in this channel.")

    def _context(self, caller: Caller) -> Context:
        return Context(
            caller=caller,
            now=self.clock(),
            store=self.store,
            index=self.index,
            summarizer=self.summarizer,
            writer=self.writer,
            sources=self.sources,
            health=self.health,
            defaults=self.defaults,
            reschedule=self.reschedule,
            obstacle=self._obstacle,
        )

    async def _obstacle(self, channel: ChannelRef) -> str:
        adapter = self.adapters.get(channel.platform)
        try:
            if adapter:
                await adapter.check(channel)
        except (Gone, Refused) as error:
            return f"{error.problem}. {error.cure}" if error.cure else error.problem
        except PlatformError as error:
            log.warning("channel not checked", channel=str(channel), reason=str(error))
        return ""

    async def _answer(self, work: Callable[[], Awaitable[T]]) -> T | Reply:
        try:
            return await work()
        except UserError as error:
            return cards.error_reply(error)
        except SourceError as error:
            log.warning("source failed", source=error.source, reason=str(error))
            return cards.sentence_reply(
                f"{error.source} did not answer: {error.problem}.",
                "Nothing is lost; try again in a few minutes.",
            )
        except (StoreError, PlatformError) as error:
            log.error("command failed", reason=str(error))
            return cards.sentence_reply(
                "The bot cannot do this at the moment.", "Its operator finds the reason in the log."
            )
        except Exception:
            bug = uuid.uuid4().hex[:8]
            log.exception("bug", id=bug)
            return cards.sentence_reply(
                f"Something went wrong that should not have (id `{bug}`).",
                "Tell the bot's operator this id: the log explains it.",
            )
