"""Beside answering: what partners ask for by signed events is taken to the desk, wherever an API process has its keys."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
import psycopg
from psycopg_pool import PoolTimeout

from services.api.context import Context
from services.processors.financing.store.clerk import answer_next
from services.processors.financing.store.desk import Desk
from services.processors.financing.store.opening import KeysMissing, read_keys
from services.processors.financing.store.versions import KeyMissing
from services.query.reread import Unreadable

log = logging.getLogger(__name__)
_EVERY = 0.5
_AT_ONCE = 50
"""Requests of one turn at most, so that a process that ends waits for few."""


@asynccontextmanager
async def running(context: Context) -> AsyncIterator[None]:
    """Answer events for as long as the block lasts; nothing where this process has no keys of financing."""
    try:
        keys = read_keys(context.settings.financing_keys)
    except KeysMissing:
        yield
        return
    desk = keys.desk(context.settings.network, frozenset(context.settings.financing_registries))
    task = asyncio.create_task(_answer(context, desk))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _answer(context: Context, desk: Desk) -> None:
    while True:
        await asyncio.sleep(_EVERY)
        try:
            await anyio.to_thread.run_sync(turn, context, desk)
        except (psycopg.Error, PoolTimeout, KeyMissing, Unreadable) as problem:
            log.warning(
                "events that ask for a decision wait: %s: %s",
                type(problem).__name__,
                problem,
                extra={"action": "financing_clerk_failed"},
            )


def turn(context: Context, desk: Desk) -> int:
    """Answer what waits, each in a transaction of its own; how many there were. Blocks."""
    with context.pool.connection() as session:
        for done in range(_AT_ONCE):
            if not answer_next(session, desk):
                return done
    return _AT_ONCE
