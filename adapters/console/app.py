"""The whole product on a terminal: a channel, its messages, commands, reactions and buttons.

A line that begins with ``/papers`` is a command; ``react 3 👍`` reacts to a message, ``press 3 2``
uses the second button of one. With a terminal there is a prompt with history and completion;
without one the console only shows what is posted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.patch_stdout import patch_stdout
from rich.console import Console

from adapters.console.ids import CHANNEL, PLATFORM, YOU, message_ref
from adapters.console.limits import COLUMNS
from adapters.console.render import render
from bot.commands import all_commands
from bot.domain.channels import ChannelRef, MessageRef, UserRef
from bot.domain.command import Caller, CommandCall, Press
from bot.domain.errors import Refused, StoreError
from bot.domain.reply import Button, Card, Controls, Reply
from bot.domain.votes import Reaction
from bot.ports import Inbox, Thread
from bot.text import clip

COMMAND = "/papers"


@dataclass(frozen=True, slots=True)
class Posted:
    """A message of the channel."""

    ref: MessageRef
    key: str
    reply: Reply
    at: datetime
    thread: Thread | None = None
    reactions: frozenset[tuple[UserRef, str]] = field(default_factory=frozenset)


class ConsoleAdapter:
    """A chat platform of one channel and one person.

    Args:
        console: Where messages are drawn.
        clock: Tells the time of a message.
        log: A file that keeps the keys of posted messages over a restart, or ``None``.
        interactive: Whether ``serve`` prompts for lines.
    """

    platform = PLATFORM

    def __init__(
        self,
        console: Console | None = None,
        *,
        clock: Callable[[], datetime],
        log: Path | None = None,
        interactive: bool = False,
    ) -> None:
        self.console = console or Console(width=COLUMNS)
        self.messages: dict[str, Posted] = {}
        self._clock = clock
        self._log = log
        self._interactive = interactive
        self._keys = _read_log(log) if log else {}

    async def serve(self, inbox: Inbox) -> None:
        """Prompt for lines until the person leaves, or wait until cancelled."""
        if not self._interactive:
            await asyncio.Event().wait()
        session: PromptSession[str] = PromptSession(
            history=InMemoryHistory(), completer=_Completer(inbox), complete_while_typing=False
        )
        with patch_stdout(raw=True):
            while True:
                try:
                    line = await session.prompt_async("papers> ")
                except (EOFError, KeyboardInterrupt):
                    return
                if line.strip() in ("quit", "exit"):
                    return
                await self.say(line, inbox)

    async def post(
        self, channel: ChannelRef, reply: Reply, *, key: str, thread: Thread | None = None
    ) -> MessageRef:
        """Draw a message, of a thread's later ones a line; one posted before is not drawn again."""
        if key in self._keys:
            return self._keys[key]
        if thread and thread.beside:
            thread = None
        ref = message_ref(channel, len(self._keys) + 1)
        self._keys[key] = ref
        if self._log:
            await asyncio.to_thread(_append, self._log, key, ref)
        earlier = list(self.messages.values())
        self.messages[ref.id] = Posted(ref, key, reply, self._clock(), thread)
        if thread and any(each.thread == thread for each in earlier):
            line = f"{ref.id} · in the same thread · {clip(reply.summary, 50)}"
            self.console.print(line, style="dim", highlight=False, markup=False)
        else:
            place = f" · in the thread of {thread.head.id}" if thread else ""
            self.show(reply, f"{ref.id} · #{channel.id}{place}")
        return ref

    async def edit(self, message: MessageRef, reply: Reply) -> None:
        """Replace a message; the old one has scrolled away, so a line says so."""
        if message.id not in self.messages:
            raise Refused(PLATFORM, f"there is no message {message.id}")
        posted = self.messages[message.id]
        if posted.reply != reply:
            self.messages[message.id] = replace(posted, reply=reply)
            self.console.print(f"({message.id} now shows new counts)", style="dim")

    async def find(
        self, channel: ChannelRef, *, key: str, since: datetime, thread: Thread | None = None
    ) -> MessageRef | None:
        """Return the message of that key from the console's own log."""
        return self._keys.get(key)

    async def reactions(self, message: MessageRef) -> Collection[Reaction]:
        """Return the reactions that stand on a message."""
        posted = self.messages.get(message.id)
        marks = posted.reactions if posted else frozenset()
        return [Reaction(message, user, emoji, added=True) for user, emoji in marks]

    async def check(self, channel: ChannelRef) -> None:
        """Find nothing wrong: whatever is printed is there."""

    async def direct(self, user: UserRef) -> ChannelRef:
        """Return the one channel, in which everybody reads everything."""
        return CHANNEL

    def show(self, reply: Reply, title: str = "") -> None:
        """Draw a reply."""
        self.console.print(render(reply, title=title))

    async def say(self, line: str, inbox: Inbox, user: UserRef = YOU) -> None:
        """Take a line as that person typed it, and draw the answer."""
        verb, _, rest = line.strip().partition(" ")
        if not verb:
            return
        if verb == "react":
            await self._react(rest, inbox, user)
        elif verb == "press":
            await self._press(rest, inbox, user)
        else:
            name, _, text = (rest.strip() if verb == COMMAND else line.strip()).partition(" ")
            call = CommandCall(_caller(user), name, text)
            await self._answer(await inbox.command(call))

    async def _answer(self, reply: Reply) -> None:
        self.show(reply, "only you see this" if reply.private else f"#{CHANNEL.id}")
        if reply.later:
            await self._answer(await reply.later())

    async def _react(self, rest: str, inbox: Inbox, user: UserRef) -> None:
        number, _, emoji = rest.partition(" ")
        posted = self.messages.get("m" + number.removeprefix("m"))
        if posted is None or not emoji.strip():
            self.console.print("Say it as in: react 2 👍 (m2 is above a message)", style="yellow")
            return
        mark = (user, emoji.strip())
        added = mark not in posted.reactions
        marks = posted.reactions ^ {mark}
        self.messages[posted.ref.id] = replace(posted, reactions=marks)
        await inbox.reaction(Reaction(posted.ref, user, mark[1], added))
        done = "reacted" if added else "took back a reaction"
        self.console.print(f"You {done} on {posted.ref.id} with {mark[1]}", style="dim")

    async def _press(self, rest: str, inbox: Inbox, user: UserRef) -> None:
        number, _, which = rest.partition(" ")
        posted = self.messages.get("m" + number.removeprefix("m"))
        buttons = list(_buttons(posted.reply)) if posted else []
        if posted is None or not which.isdecimal() or not 1 <= int(which) <= len(buttons):
            self.console.print("Say it as in: press 2 1 (m2, its first button)", style="yellow")
            return
        action = buttons[int(which) - 1].action.pack()
        await self._answer(await inbox.press(Press(_caller(user), action, posted.ref)))


def _caller(user: UserRef) -> Caller:
    return Caller(user, CHANNEL, is_admin=True)


def _buttons(reply: Reply) -> Iterable[Button]:
    for node in reply.nodes:
        if isinstance(node, Card | Controls):
            yield from (each for each in node.controls if isinstance(each, Button))


def _read_log(log: Path) -> dict[str, MessageRef]:
    try:
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return {key: MessageRef.parse(ref) for key, ref in map(json.loads, lines)}
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(
            f"{log} cannot be read ({error}); it lists what the console has posted: "
            "mend its last line, or delete it"
        ) from error


def _append(log: Path, key: str, ref: MessageRef) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps([key, str(ref)]) + "\n")


class _Completer(Completer):
    """Completes commands, flags and the values that the product suggests."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """Complete nothing: what to suggest is asked of the inbox, which is asynchronous."""
        return ()

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """Suggest commands first, then their options, values and papers."""
        words = document.text_before_cursor.removeprefix(COMMAND + " ").split(" ")
        spec = all_commands().get(words[0])
        typed = words[-1]
        if len(words) == 1:
            found: Iterable[str] = (*all_commands(), "react", "press", "quit")
        elif spec is None:
            found = ()
        elif typed.startswith("--"):
            found = (f"--{option.name}" for option in spec.options)
        elif words[-2].startswith("--"):
            found = await self._values(spec.name, words[-2].removeprefix("--"), typed)
        elif any(option.kind == "paper" for option in spec.options):
            typed = " ".join(words[1:])
            for title in await self._values(spec.name, "paper", typed):
                yield Completion(title, start_position=-len(typed))
            return
        else:
            found = ()
        for word in found:
            if word.startswith(typed):
                yield Completion(word, start_position=-len(typed))

    async def _values(self, command: str, parameter: str, typed: str) -> Iterable[str]:
        return await self._inbox.suggest(CommandCall(_caller(YOU), command), parameter, typed)
