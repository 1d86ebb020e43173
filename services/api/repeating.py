"""What an API process does again and again beside answering."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio.to_thread

log = logging.getLogger(__name__)


@asynccontextmanager
async def repeating(
    work: Callable[[], object], seconds: float, waits: tuple[type[Exception], ...], failed: str, action: str
) -> AsyncIterator[None]:
    """Do ``work`` on a thread, ``seconds`` after it was done before, for as long as the block lasts.

    What is of ``waits`` is logged, as ``failed`` and under ``action``, and the work is tried again; anything else ends the process
    as SIGTERM does, so that whoever supervises it starts it anew: it would go on answering with its work undone.
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
        except Exception:
            log.critical("%s; this process ends", failed, exc_info=True, extra={"action": action})
            os.kill(os.getpid(), signal.SIGTERM)
            raise
