"""The loop of a process that follows: step after step, behind the workers, until it is told to stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from psycopg.errors import LockNotAvailable

T = TypeVar("T")


def turn(
    step: Callable[[], T],
    whole: Callable[[T], bool],
    tick: float,
    stop: threading.Event,
    stepped: Callable[[T, float], None],
) -> None:
    """Take ``step`` until ``stop`` is set; ``stepped`` is told of each and its seconds. Blocks; raises what a step raises.

    A second follower waits until the first one is gone. While a step is not ``whole``, so that there is more to catch up with,
    it rests as long as it worked, else for ``tick`` seconds: the workers come first on a small machine.
    """
    while not stop.is_set():
        started = time.monotonic()
        try:
            done = step()
        except LockNotAvailable:
            stop.wait(tick)
            continue
        took = time.monotonic() - started
        stepped(done, took)
        stop.wait(tick if whole(done) else took)


def behind_workers(nice: int) -> threading.Event:
    """Step back behind the workers by ``nice``, and return what SIGTERM and SIGINT set from now on."""
    os.nice(nice)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
