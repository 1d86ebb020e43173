"""What an API process does beside answering: forget used proofs and old idempotent answers, and note that its loop turns."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg_pool import PoolTimeout

from services.api import statement
from services.api.context import Context
from services.api.repeating import repeating

_EVERY = 20.0
_WAITS = (psycopg.Error, PoolTimeout)


@asynccontextmanager
async def running(context: Context) -> AsyncIterator[None]:
    """Keep house every 20 s for as long as the block lasts."""
    turning = asyncio.create_task(_turn(context))
    try:
        async with repeating(lambda: forget(context), _EVERY, _WAITS, "upkeep failed", "api_upkeep_failed"):
            yield
    finally:
        turning.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await turning


async def _turn(context: Context) -> None:
    while True:
        context.turned = time.monotonic()
        await asyncio.sleep(1.0)


def forget(context: Context) -> None:
    """Remove what has expired, a bounded number of rows; blocks for some milliseconds."""
    with context.pool.connection() as session:
        session.execute(statement("purge_proofs"))
        session.execute(statement("purge_answers"), {"kept": context.settings.api_answers_kept})
