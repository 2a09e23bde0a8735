"""Group commit: verbs that wait at the same time share one write and one sync.

All memory is touched by the event loop's thread alone; the threads here write and sync bytes. A
verb runs on the draft of its batch and sees what the verbs before it did there; its caller is
answered once the whole batch is durable and installed. Should the write fail, the draft goes, and
every verb of the batch fails, those included that changed nothing: what they saw never came to be.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import structlog

from adapters.storage import snapshot
from adapters.storage.journal import Draft, JournalStorage
from adapters.storage.snapshot import Frozen, Meta
from bot.domain.errors import StoreError, StorePoisoned

log = structlog.get_logger()

T = TypeVar("T")

BATCH = 256
"""Verbs of one write; more would keep the event loop from other things."""


@dataclass(frozen=True, slots=True)
class _Verb(Generic[T]):
    work: Callable[[], T]
    answer: asyncio.Future[T]


class Committer:
    """Runs verbs one after the other and makes them durable together.

    Args:
        storage: What they change.
        draft: What they see and write to.
        before_checkpoint: Run before each snapshot; it may run verbs.
        on_poisoned: Told once if the storage refuses all further changes.
    """

    def __init__(
        self,
        storage: JournalStorage,
        draft: Draft,
        before_checkpoint: Callable[[], Awaitable[None]],
        on_poisoned: Callable[[StorePoisoned], None],
    ) -> None:
        self._storage = storage
        self._draft = draft
        self._before_checkpoint = before_checkpoint
        self._on_poisoned = on_poisoned
        self._waiting: deque[_Verb[Any]] = deque()
        self._rotation: asyncio.Future[tuple[Frozen, Meta]] | None = None
        self._committing: asyncio.Task[None] | None = None
        self._checkpointing: asyncio.Task[None] | None = None
        self._writer = ThreadPoolExecutor(1, "journal")
        self._streamer = ThreadPoolExecutor(1, "snapshot")
        self._closed = False
        self._ended = False
        self._told = False

    async def do(self, work: Callable[[], T]) -> T:
        """Run a verb; what it changed is durable on return.

        Raises:
            StoreError: if that could not be written; nothing has changed then.
        """
        if self._closed:
            raise StoreError("the store is closed: open it again before changing anything")
        verb = _Verb(work, asyncio.get_running_loop().create_future())
        self._waiting.append(verb)
        self._start()
        return cast(T, await verb.answer)

    def _start(self) -> None:
        if self._committing is None:
            self._committing = asyncio.get_running_loop().create_task(self._commit_all())

    async def _commit_all(self) -> None:
        try:
            while self._waiting or self._rotation:
                if self._rotation:
                    await self._rotate(self._rotation)
                await self._commit()
                if self._storage.is_due and not (self._checkpointing or self._closed):
                    self._begin_checkpoint()
        finally:
            self._committing = None

    async def _commit(self) -> None:
        done: list[tuple[_Verb[Any], Any, Exception | None]] = []
        while self._waiting and len(done) < BATCH:
            verb = self._waiting.popleft()
            if verb.answer.done():
                continue  # its caller gave up before it began
            try:
                result = verb.work()
                self._draft.finish()
            except Exception as error:
                self._draft.undo()
                done.append((verb, None, error))
            else:
                done.append((verb, result, None))
        failure: StoreError | None = None
        try:
            if self._draft.transactions:
                await self._write()
        except StoreError as error:
            failure = error
        except BaseException:
            self._closed = True  # memory may lack what the disk has: only a new start is right
            for verb, _, _ in done:
                verb.answer.cancel()
            raise
        finally:
            self._draft.clear()
        for verb, result, problem in done:
            if verb.answer.done():
                continue
            if failure or problem:
                verb.answer.set_exception(
                    type(failure)(str(failure)) if failure else cast(Exception, problem)
                )
            else:
                verb.answer.set_result(result)
        self._tell(failure)

    def _tell(self, error: BaseException | None) -> None:
        """Tell whoever can end the process that nothing more will be written, once."""
        if isinstance(error, StorePoisoned) and not self._told:
            self._told = True
            self._on_poisoned(error)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        transactions = self._draft.transactions
        await loop.run_in_executor(self._writer, self._storage.append, transactions)
        self._storage.install(self._draft)

    # Checkpoints

    async def checkpoint(self) -> None:
        """Write a snapshot while verbs go on; on return it is durable.

        Raises:
            StoreError: if it could not be written; the journal then still holds all.
        """
        while self._checkpointing:
            await asyncio.wait([self._checkpointing])
        await asyncio.shield(self._begin_checkpoint())

    def _begin_checkpoint(self) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._checkpoint())
        task.add_done_callback(self._checkpoint_ended)
        self._checkpointing = task
        return task

    def _checkpoint_ended(self, task: asyncio.Task[None]) -> None:
        self._checkpointing = None
        if not task.cancelled() and (error := task.exception()):
            self._storage.postpone()
            log.error("no snapshot written; the journal holds all", reason=str(error))
            self._tell(error)

    async def _checkpoint(self) -> None:
        try:
            await self._before_checkpoint()
        except StorePoisoned:
            raise
        except StoreError as error:
            log.error("nothing archived", reason=str(error))
        loop = asyncio.get_running_loop()
        self._rotation = loop.create_future()
        self._start()
        path = self._storage.folder / snapshot.NAME
        try:
            tables, meta = await self._rotation
            size = await self._stream(path, tables, meta)
        except OSError as error:
            raise self._storage.unwritable(path, error) from error
        await self._thread(self._storage.settle, size, meta)

    async def _stream(self, path: Path, tables: Frozen, meta: Meta) -> int:
        """Write a snapshot, a slice between two turns of the event loop; return its size."""
        disk, draft = self._storage.disk, path.with_name(f"{path.name}.tmp")
        file, size, whole = await self._thread(partial(disk.open, draft, empty=True)), 0, False
        try:
            for piece in snapshot.slices(tables, meta):
                await self._thread(disk.write, file, piece)
                size += len(piece)
            await self._thread(disk.sync, file)
            whole = True
        finally:
            await self._thread(disk.close, file)
            if not whole:
                await self._thread(disk.remove, draft)
        await self._thread(snapshot.place, disk, draft, path)
        return size

    async def _thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run in the snapshot's thread, to the end even if the caller gives up."""
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._streamer, work, *arguments))

    async def _rotate(self, rotation: asyncio.Future[tuple[Frozen, Meta]]) -> None:
        self._rotation = None
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(self._writer, self._storage.rotate)
        except (OSError, StoreError) as error:
            if not rotation.done():
                rotation.set_exception(error)
        else:
            if not rotation.done():
                rotation.set_result(result)

    async def close(self) -> None:
        """Finish what has begun, and write no more; a snapshot on its way is given up."""
        if self._ended:
            return
        self._ended = True
        if self._checkpointing:
            self._checkpointing.cancel()
            with suppress(asyncio.CancelledError, OSError, StoreError):
                await self._checkpointing
        self._closed = True
        if self._committing:
            await asyncio.wait([self._committing])
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writer, self._storage.close)
        self._writer.shutdown()
        self._streamer.shutdown()
