"""The commands, one file each; importing this package registers them all.

A handler takes a ``Context`` and its own arguments and returns a ``Reply``. It never sees a
platform: slash command, mention, button and modal all end in the same function.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.commands.parsing import CommandSpec, Handler, spec_of
from bot.domain.channels import ChannelRef, Layout, Schedule
from bot.domain.command import Caller
from bot.domain.papers import Paper
from bot.ports import PaperSource, SearchIndex, Store, Summarizer
from bot.services import library
from bot.services.health import Health
from bot.services.writer import Writer

ALIASES = {"": "help", "find": "search", "tldr": "summarize", "summarise": "summarize"}
"""Other words for commands."""

_registry: dict[str, CommandSpec] = {}


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a new subscription starts with."""

    schedule: Schedule = field(default_factory=Schedule)
    sources: tuple[str, ...] = ("huggingface",)
    layout: Layout = Layout.THREAD
    limit: int = 10
    language: str = "English"


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler may use.

    Attributes:
        reschedule: To be awaited after a subscription was saved or removed.
        writer: Writes with a language model, where there is one.
        obstacle: Tells why nothing can be posted to a channel, and the cure; empty if it can.
    """

    caller: Caller
    now: datetime
    store: Store
    index: SearchIndex
    summarizer: Summarizer
    writer: Writer | None
    sources: Mapping[str, PaperSource]
    health: Health
    defaults: Defaults
    reschedule: Callable[[ChannelRef], Awaitable[None]]
    obstacle: Callable[[ChannelRef], Awaitable[str]]

    async def paper(self, name: str) -> Paper:
        """Return the paper that a name means; see ``library.resolve`` for what is raised."""
        return await library.resolve(
            name,
            self.caller.channel,
            store=self.store,
            index=self.index,
            summarizer=self.summarizer,
            sources=self.sources,
        )

    async def keep(self, papers: Iterable[Paper]) -> tuple[Paper, ...]:
        """Keep papers that were met outside a batch; return them as they are kept."""
        return await library.keep(papers, self.store, self.index, self.summarizer)


def command(
    *examples: str,
    admin: bool = False,
    share: bool = True,
    anywhere: bool = False,
    current: Callable[[Context], Awaitable[Mapping[str, str]]] | None = None,
) -> Callable[[Handler], Handler]:
    """Register a function as the command of its name.

    Args:
        examples: Lines as somebody would type them, the best one last.
        admin: Whether it is for those alone who manage the channel.
        share: Whether the answer may be shown to the channel.
        anywhere: Whether it needs nothing of the channel, so that guests may run it.
        current: Returns what stands in the fields of its dialog; without it there is none.

    Raises:
        TypeError: if it cannot be a command, or the name is taken.
    """

    def register(handler: Handler) -> Handler:
        spec = spec_of(
            handler,
            examples=examples,
            admin=admin,
            share=share,
            anywhere=anywhere,
            current=current,
        )
        if spec.name in _registry:
            raise TypeError(f"two commands are named {spec.name}: rename one")
        _registry[spec.name] = spec
        return handler

    return register


def all_commands() -> Mapping[str, CommandSpec]:
    """Return every command by name, in the order in which help lists them."""
    for module in pkgutil.iter_modules(__path__, __name__ + "."):
        importlib.import_module(module.name)
    order = (
        *("today", "search", "summarize", "ask", "show", "related", "top", "saved"),
        *("subscribe", "unsubscribe", "settings", "status"),
    )
    named = {name: _registry[name] for name in order if name in _registry}
    return {**named, **dict(sorted(_registry.items() - named.items(), key=lambda pair: pair[0]))}
