"""Cyclic garbage is looked for where memory has grown, not every few hundred objects.

What waits in a worker is alive and makes no cycles, and walking over it again and again took a fifth of the worker's
processor time (measured: 214 us an event with Python's own rhythm, 161 without). A look at a full backlog holds all
threads up for half a second (a twentieth of all time, every ten seconds), so it waits until there may be something to find.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import time

_UNIT = 1 if sys.platform == "darwin" else 1_024
LOOK_SECONDS, LONGEST_SECONDS = 10.0, 60.0
GROWTH = 256 << 20


async def collect_now_and_then(
    look: float = LOOK_SECONDS, growth: int = GROWTH, longest: float = LONGEST_SECONDS
) -> None:
    """Take the rhythm over until cancelled: collect where the peak of memory has risen by ``growth`` bytes, or after long.

    Every ``look`` seconds the peak is asked; after ``longest`` seconds without a collection there is one anyway. Cycles
    that pile up raise the peak, so they are bounded by ``growth``; what only waits reaches its peak once.
    """
    gc.collect()
    gc.freeze()  # what is there now are modules and models, which stay
    gc.disable()
    peak, collected = _peak(), time.monotonic()
    try:
        while True:
            await asyncio.sleep(look)
            if _peak() - peak >= growth or time.monotonic() - collected >= longest:
                gc.collect()
                peak, collected = _peak(), time.monotonic()
    finally:
        gc.enable()


def _peak() -> int:
    """The most bytes of memory that the process ever had resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
