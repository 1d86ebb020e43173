"""The collector's rhythm in a worker."""

from __future__ import annotations

import asyncio
import gc
import weakref

from services.processors.garbage import collect_now_and_then


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_cycles_are_collected_in_our_rhythm_and_the_old_one_comes_back() -> None:
    async def scenario() -> None:
        task = asyncio.create_task(collect_now_and_then(0.05))
        await asyncio.sleep(0.01)
        assert not gc.isenabled()
        gone = weakref.ref(Cycle())
        assert gone() is not None
        await asyncio.sleep(0.15)
        assert gone() is None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    try:
        asyncio.run(scenario())
        assert gc.isenabled()
    finally:
        gc.unfreeze()
