"""Have a right for as long as it is needed: claim it, renew it meanwhile, let go of it at the end.

Work under a lease is cut off before the lease can have run out, whatever the reason why it was not
renewed: another process may then be at the same work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from bot.domain.deliveries import Slot
from bot.domain.errors import LeaseLost, StoreError
from bot.ports import Leases

log = structlog.get_logger()

RENEWALS = 3
"""How often a lease is renewed before it would run out."""

RETRY_PAUSE = 1.0
"""Seconds before a renewal that failed is tried again, at the most."""


@dataclass(slots=True)
class Lease:
    """A right that is ours.

    Attributes:
        wait: Seconds after its end before another process may have the right.
    """

    wait: float = 0


@asynccontextmanager
async def leased(right: Slot | str, store: Leases) -> AsyncIterator[Lease | None]:
    """Give the body a right, or ``None`` while another process has it.

    Raises:
        LeaseLost: if the body was cut off because the right could not be kept.
        StoreError: if the store cannot be asked.
    """
    asked_at = asyncio.get_running_loop().time()
    if not await store.claim(right):
        yield None
        return
    lease = Lease()
    try:
        if store.lease_seconds is None:
            yield lease
        else:
            async with _kept(right, store, asked_at, store.lease_seconds):
                yield lease
    finally:
        try:
            await store.release(right, lease.wait)
        except StoreError as error:
            log.warning("lease not released; it runs out", right=str(right), reason=str(error))


@asynccontextmanager
async def _kept(
    right: Slot | str, store: Leases, asked_at: float, seconds: float
) -> AsyncIterator[None]:
    deadline = asyncio.timeout_at(asked_at + seconds)
    try:
        async with deadline:
            renewal = asyncio.create_task(_renew(right, store, deadline, seconds))
            try:
                yield
            finally:
                renewal.cancel()
                await asyncio.wait([renewal])
    except TimeoutError as error:
        if deadline.expired():
            raise LeaseLost(right) from error
        raise


async def _renew(
    right: Slot | str, store: Leases, deadline: asyncio.Timeout, seconds: float
) -> None:
    """Move a deadline on, as long as the right can be claimed again."""
    loop = asyncio.get_running_loop()
    pause = seconds / RENEWALS
    while True:
        await asyncio.sleep(pause)
        asked_at = loop.time()
        try:
            ours = await store.claim(right)
        except StoreError as error:
            log.warning("lease not renewed yet", right=str(right), reason=str(error))
            pause = min(RETRY_PAUSE, seconds / RENEWALS)
            continue
        with suppress(RuntimeError):  # the deadline has passed meanwhile
            deadline.reschedule(asked_at + seconds if ours else asked_at)
        if not ours:
            return
        pause = seconds / RENEWALS
