"""Put the parts together, and keep them running: the one file that sees all sides.

``build`` makes an ``App`` from settings; anything it would make can be handed in instead. ``run``
owns one task group: a platform that fails is started again with growing pauses and never stops the
others; only a platform that cannot work as it is set up ends the start. When all of them have been
down for long, the process ends too, for its supervisor to try with a fresh one.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import random
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from adapters.papers import open_sources
from adapters.search import open_encoder, open_index, place_of_index
from adapters.search.lexical import Progress
from adapters.storage import open_store, place_beside
from adapters.summarizers.endpoint import Endpoint
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot.commands import Defaults
from bot.dispatch import Dispatcher
from bot.domain.channels import Schedule
from bot.domain.errors import (
    ConfigError,
    DailyPapersError,
    PlatformError,
    StoreError,
    StorePoisoned,
    Unreachable,
)
from bot.ports import ChatAdapter, PaperSource, SearchIndex, Store
from bot.scheduler import Scheduler
from bot.services.health import UP, Condition, Health
from bot.services.writer import Budget, Writer
from config.settings import LlmSettings, Settings

log = structlog.get_logger()

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
STEADY = timedelta(minutes=5)
"""A platform that ran this long has recovered; its next pause is short again."""

ALL_DOWN = timedelta(minutes=30)
"""When no platform has been up for so long, only a new start can help."""

HEALTH_OLD = timedelta(seconds=60)


def utc_now() -> datetime:
    """Return the present; the one place where the clock is read."""
    return datetime.now(UTC)


def health_file(settings: Settings) -> Path:
    """Return the file in which a running bot says that it is alive.

    Raises:
        ConfigError: if none is set and there is no temporary folder.
    """
    return settings.health.file or temporary_folder() / f"daily-papers-{os.getuid()}.json"


def temporary_folder() -> Path:
    """Return the folder for files that need not last.

    Raises:
        ConfigError: if this machine has none that can be written.
    """
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise ConfigError("no temporary folder can be written: set TMPDIR to one") from error


@dataclass(slots=True)
class App:
    """The running product.

    Attributes:
        broken: Set once nothing more can be written before a new start.
        look_every: Seconds between two looks at the store, each of which renews the health file.
        sleep: Waits before a platform is started again.
        down_since: By platform, when it began to fail; its short attempts do not count as up.
    """

    settings: Settings
    store: Store
    index: SearchIndex
    sources: Mapping[str, PaperSource]
    adapters: Mapping[str, ChatAdapter]
    inbox: Dispatcher
    scheduler: Scheduler
    clock: Callable[[], datetime]
    health: Health
    broken: asyncio.Future[StorePoisoned]
    look_every: float = 15.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    down_since: dict[str, datetime] = field(default_factory=dict)

    async def run(self) -> None:
        """Serve every platform until cancelled, or until a person leaves the console.

        Raises:
            ConfigError: if a platform cannot work as it is set up.
            StoreError: if the state cannot be read or written at the start.
            StorePoisoned: if nothing more can be written before a new start.
            Unreachable: if no platform has been up for long.
        """
        with _cancelled_by(signal.SIGTERM):
            try:
                async with asyncio.TaskGroup() as group:
                    platforms = [
                        group.create_task(self._keep(adapter), name=name)
                        for name, adapter in self.adapters.items()
                    ]
                    others = [
                        group.create_task(self._schedule(), name="scheduler"),
                        group.create_task(self._report_health(), name="health"),
                        group.create_task(self._watch_store(), name="store"),
                    ]
                    await asyncio.wait(platforms, return_when=asyncio.FIRST_COMPLETED)
                    for task in (*platforms, *others):
                        task.cancel()
            except* DailyPapersError as problems:
                raise _first(problems) from None

    async def _keep(self, adapter: ChatAdapter) -> None:
        name, pause, first = adapter.platform, FIRST_PAUSE, True
        while True:
            started, wait = self.clock(), 0.0
            self.health.platforms[name] = UP
            log.info("platform starts", platform=name)
            try:
                return await adapter.serve(self.inbox)
            except ConfigError as error:
                if first and self.clock() - started < STEADY:
                    raise
                problem = str(error)
            except (PlatformError, StoreError) as error:
                problem = str(error)
                wait = getattr(error, "retry_after", None) or 0.0
            except Exception:
                log.exception("platform failed unexpectedly", platform=name)
                problem = "unexpected error, see the log"
            if _is_cancelled():  # a library swallowed it on its way
                raise asyncio.CancelledError
            first, now = False, self.clock()
            recovered = now - started > STEADY
            pause = FIRST_PAUSE if recovered else min(pause * 2, LONGEST_PAUSE)
            self.health.platforms[name] = f"down: {problem}"
            log.error("platform down", platform=name, reason=problem, retry_after=round(pause))
            if recovered or name not in self.down_since:
                self.down_since[name] = now
            self._give_up_if_unheard(now)
            await self.sleep(max(wait, pause * random.uniform(0.75, 1.25)))
            self.scheduler.reconnected()

    def _give_up_if_unheard(self, now: datetime) -> None:
        """Raise ``Unreachable`` if all platforms are down, and have been for long.

        One that is being tried at the moment is waited for: it asks the same when it fails.
        """
        if self.health.condition is Condition.DOWN:
            silence = now - max(self.down_since.values())
            if silence >= ALL_DOWN:
                raise Unreachable(silence.total_seconds() / 60, self.health.platforms)

    async def _schedule(self) -> None:
        await self.scheduler.start()
        try:
            await asyncio.Event().wait()
        finally:
            await self.scheduler.stop()

    async def _watch_store(self) -> None:
        raise await self.broken

    async def _report_health(self) -> None:
        file = health_file(self.settings)
        try:
            while True:
                await self._look_at_store()
                state = {
                    "at": self.clock().isoformat(),
                    "pid": os.getpid(),
                    "health": self.health.encode(),
                }
                try:
                    await asyncio.to_thread(_write, file, json.dumps(state))
                except OSError as error:
                    log.warning("health not written", file=str(file), reason=str(error))
                await asyncio.sleep(self.look_every)
        finally:
            with suppress(OSError):
                file.unlink(missing_ok=True)

    async def _look_at_store(self) -> None:
        """Note whether the state can be used; go on with what waited for it once it can again."""
        before = self.health.store
        try:
            await self.store.ping()
        except StoreError as error:
            self.health.store = f"down: {error}"
            if before == UP:
                log.error("state out of reach", reason=str(error))
            return
        self.health.store = UP
        if before != UP:
            log.info("state in reach again")
            self.scheduler.recovered()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _write(file: Path, content: str) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(content, encoding="utf-8")
    fresh.replace(file)


def _first(problems: BaseExceptionGroup[DailyPapersError]) -> DailyPapersError:
    first = problems.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


@contextmanager
def _cancelled_by(number: signal.Signals) -> Iterator[None]:
    """Cancel the current task when a signal arrives, where the platform has signals."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    with suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(number, task.cancel if task else loop.stop)
    try:
        yield
    finally:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.remove_signal_handler(number)


def configured_adapters(settings: Settings) -> dict[str, ChatAdapter]:
    """Return the platforms that are set up; the code of the others is never imported.

    Raises:
        ConfigError: if one cannot work as it is set up.
    """
    adapters: dict[str, ChatAdapter] = {}
    slack = settings.slack
    if slack.bot_token or slack.client_id or slack.client_secret:
        module = importlib.import_module("adapters.slack.app")
        place = None if slack.bot_token else place_beside(settings.store.address)
        adapters["slack"] = module.SlackAdapter(slack, place)
    if settings.discord.token:
        module = importlib.import_module("adapters.discord.app")
        adapters["discord"] = module.DiscordAdapter(settings.discord)
    return adapters


@asynccontextmanager
async def build(
    settings: Settings,
    *,
    store: Store | None = None,
    sources: Mapping[str, PaperSource] | None = None,
    adapters: Mapping[str, ChatAdapter] | None = None,
    clock: Callable[[], datetime] = utc_now,
    progress: Progress = lambda batches: batches,
) -> AsyncIterator[App]:
    """Make the product from its settings, and close what was opened at the end.

    Args:
        settings: What the operator set.
        store: In place of the one that is set, as are ``sources`` and ``adapters``.
        sources: By name.
        adapters: By platform.
        clock: Tells the present.
        progress: Wraps the batches in which papers are added to a search index that is made anew.

    Raises:
        ConfigError: if something cannot work as it is set up.
        StoreError: if the state cannot be opened.
    """
    async with AsyncExitStack() as stack:
        broken: asyncio.Future[StorePoisoned] = asyncio.get_running_loop().create_future()
        place = encoder = None
        if store is None:
            place = place_of_index(settings)
            encoder = await asyncio.to_thread(open_encoder, settings.search)
            store = await open_store(
                settings.store.address,
                keep_days=settings.store.keep_days,
                on_poisoned=lambda error: None if broken.done() else broken.set_result(error),
            )
            stack.push_async_callback(store.close)
        if sources is None:
            sources = await open_sources(settings, stack)
        if adapters is None:
            adapters = configured_adapters(settings)
        index = await open_index(place, store, progress, encoder)
        stack.push_async_callback(index.close)
        digest, summarizer = settings.digest, ExtractiveSummarizer()
        writer = _writer(settings.llm, store, stack)
        health = Health(clock())
        inbox = Dispatcher(
            store=store,
            index=index,
            summarizer=summarizer,
            writer=writer,
            sources=sources,
            clock=clock,
            health=health,
            adapters=adapters,
            defaults=Defaults(
                schedule=Schedule(digest.at, digest.timezone, digest.weekdays),
                sources=tuple(sources),
                layout=digest.layout,
                limit=digest.limit,
                language=settings.llm.language,
            ),
        )
        scheduler = Scheduler(
            store=store,
            index=index,
            summarizer=summarizer,
            sources=sources,
            adapters=adapters,
            clock=clock,
            stale=inbox.stale,
            health=health,
            on_ambiguous=digest.on_ambiguous,
            poll_every=timedelta(minutes=settings.sources.poll_minutes),
            refresh_every=timedelta(seconds=digest.refresh_seconds),
        )
        inbox.reschedule, inbox.reconnected = scheduler.reschedule, scheduler.reconnected
        yield App(
            settings, store, index, sources, adapters, inbox, scheduler, clock, health, broken
        )


def _writer(settings: LlmSettings, store: Store, stack: AsyncExitStack) -> Writer | None:
    """Return what writes with a language model, where one is set up."""
    if settings.base_url is None:
        return None
    endpoint = Endpoint(settings)
    stack.push_async_callback(endpoint.close)
    budget = Budget(daily=settings.daily_tokens, channel=settings.channel_tokens)
    writer = Writer(endpoint, store, budget)
    stack.push_async_callback(writer.close)
    return writer
