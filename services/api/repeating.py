"""What an API process does again and again beside answering."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio.to_thread

log = logging.getLogger(__name__)


@asynccontextmanager
async def repeating(
    work: Callable[[], object], seconds: float, waits: tuple[type[Exception], ...], failed: str, action: str
) -> AsyncIterator[None]:
    """Do ``work`` on a thread, ``seconds`` after it was done before, for as long as the block lasts.

    What is of ``waits`` is logged, as ``failed`` and under ``action``, and the work is tried again; anything else ends the repetition.
    """
    task = asyncio.create_task(_repeat(work, seconds, waits, failed, action))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _repeat(
    work: Callable[[], object], seconds: float, waits: tuple[type[Exception], ...], failed: str, action: str
) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await anyio.to_thread.run_sync(work)
        except waits as problem:
            log.warning("%s: %s: %s", failed, type(problem).__name__, problem, extra={"action": action})
