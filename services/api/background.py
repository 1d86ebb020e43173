"""What an API process does beside answering: purges what has expired, and consumes requests that came as signed events."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio.to_thread
import psycopg
from psycopg_pool import PoolTimeout

from services.api import statement
from services.api.context import Context
from services.financing.store.decision_service import DecisionService
from services.financing.store.fingerprint_versions import KeyMissing
from services.financing.store.keys import KeysMissing, read_keys
from services.financing.store.request_consumer import decide_next

log = logging.getLogger(__name__)


@asynccontextmanager
async def periodically(
    work: Callable[[], object], seconds: float, retried: tuple[type[Exception], ...], failed: str, action: str
) -> AsyncIterator[None]:
    """Run ``work`` on a thread every ``seconds`` after its last end, for as long as the block lasts.

    An exception among ``retried`` is logged as ``failed`` under ``action``, and the work is tried again; any other ends the process as
    SIGTERM does, so that its supervisor starts it anew instead of it going on with its work undone.
    """
    task = asyncio.create_task(_repeat(work, seconds, retried, failed, action))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _repeat(
    work: Callable[[], object], seconds: float, retried: tuple[type[Exception], ...], failed: str, action: str
) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await anyio.to_thread.run_sync(work)
        except retried as problem:
            log.warning("%s: %s: %s", failed, type(problem).__name__, problem, extra={"action": action})
        except Exception:
            log.critical("%s; this process ends", failed, exc_info=True, extra={"action": action})
            os.kill(os.getpid(), signal.SIGTERM)
            raise


_PURGE_EVERY = 20.0
_PURGE_RETRIES = (psycopg.Error, PoolTimeout)


@asynccontextmanager
async def housekeeping(context: Context) -> AsyncIterator[None]:
    """Purge what has expired every 20 s, and note every second that the event loop turns, for as long as the block lasts."""
    turning = asyncio.create_task(_turn(context))
    try:
        async with periodically(
            lambda: purge(context), _PURGE_EVERY, _PURGE_RETRIES, "upkeep failed", "api_upkeep_failed"
        ):
            yield
    finally:
        turning.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await turning


async def _turn(context: Context) -> None:
    while True:
        context.turned = time.monotonic()
        await asyncio.sleep(1.0)


def purge(context: Context) -> None:
    """Remove what has expired, a bounded number of rows; blocks for some milliseconds."""
    with context.pool.connection() as session:
        session.execute(statement("purge_proofs"))
        session.execute(statement("purge_answers"), {"kept": context.settings.api_answers_kept})


_CONSUME_EVERY = 0.5
_CONSUME_RETRIES = (psycopg.Error, PoolTimeout, KeyMissing)
_AT_ONCE = 50
"""Requests at a time at most, so that a process that ends waits for few."""


@asynccontextmanager
async def request_consumer(context: Context) -> AsyncIterator[None]:
    """Decide what partners ask for by signed events, for as long as the block lasts; nothing where this process has no keys."""
    try:
        keys = read_keys(context.settings.financing_keys)
    except KeysMissing:
        yield
        return
    service = keys.decision_service(
        context.settings.network, frozenset(context.settings.financing_registries)
    )
    async with periodically(
        lambda: consume(context, service),
        _CONSUME_EVERY,
        _CONSUME_RETRIES,
        "events that ask for a decision wait",
        "financing_clerk_failed",
    ):
        yield


def consume(context: Context, service: DecisionService) -> int:
    """Decide the requests that wait, each in a transaction of its own; how many there were. Blocks."""
    with context.pool.connection() as session:
        for done in range(_AT_ONCE):
            if not decide_next(session, service):
                return done
    return _AT_ONCE
