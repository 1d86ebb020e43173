"""What an API process does beside answering: forget used proofs and old idempotent answers."""

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
from services.api.statements import statement

log = logging.getLogger(__name__)
_EVERY = 20.0


@asynccontextmanager
async def running(context: Context) -> AsyncIterator[None]:
    """Keep house every 20 s for as long as the block lasts."""
    task = asyncio.create_task(_keep(context))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep(context: Context) -> None:
    while True:
        await asyncio.sleep(_EVERY)
        try:
            await anyio.to_thread.run_sync(forget, context)
        except (psycopg.Error, PoolTimeout) as problem:
            log.warning("upkeep failed: %s", type(problem).__name__, extra={"action": "api_upkeep_failed"})


def forget(context: Context) -> None:
    """Remove what has expired, a bounded number of rows; blocks for some milliseconds."""
    with context.pool.connection() as session:
        session.execute(statement("purge_proofs"))
        session.execute(statement("purge_answers"), {"kept": context.settings.api_answers_kept})
