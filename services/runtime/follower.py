"""A process that follows the commits of others in steps until it is stopped.

Each step is atomic, so the process may be killed at any point; several processes take turns through a lock of the database.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry
from psycopg.errors import LockNotAvailable

from services.telemetry.http import Health, HealthServer

log = logging.getLogger(__name__)


class Follower(ABC):
    """Work in steps. One thread calls ``open`` once, ``step`` until the work is stopped, and ``close`` at the end."""

    contended_pause: float
    """Seconds to rest where another process has its turn."""

    @abstractmethod
    def open(self) -> None:
        """Prepare for the first step; may block, and raise what ends the process."""

    @abstractmethod
    def step(self) -> float:
        """Take one step; the seconds to rest before the next one.

        Raises LockNotAvailable, with nothing changed, where another process has its turn. Anything else that it raises
        ends the process.
        """

    @abstractmethod
    def close(self) -> None:
        """Release what is held, also where ``open`` failed half-way."""

    def ready(self, live: Health) -> Health:
        """Whether the work is being done, called from any thread; by default while the process is ``live``."""
        return live


def follow(
    follower: Follower, stop: threading.Event, step_ended: Callable[[], object] = lambda: None
) -> None:
    """Take steps until ``stop`` is set, which ends the work after the present step; ``step_ended`` is called after each.

    Blocks. Raises what a step raises.
    """
    try:
        follower.open()
        while not stop.is_set():
            try:
                rest = follower.step()
            except LockNotAvailable:
                stop.wait(follower.contended_pause)
                continue
            step_ended()
            stop.wait(rest)
    finally:
        follower.close()


def run(
    follower: Follower,
    registry: CollectorRegistry,
    host: str,
    port: int | None,
    stuck_after: float,
    *,
    nice: int = 0,
    stop: threading.Event | None = None,
) -> None:
    """Follow until ``stop`` is set, by default by SIGTERM or SIGINT; metrics of ``registry`` and health are served meanwhile.

    The process is not live where no step has ended for ``stuck_after`` seconds. ``nice``: how far it steps back behind
    others on the machine. Blocks; raises what the work raises.
    """
    os.nice(nice)
    ended = stopped_by_signals() if stop is None else stop
    last_step = time.monotonic()

    def step_ended() -> None:
        nonlocal last_step
        last_step = time.monotonic()

    def live() -> Health:
        idle = time.monotonic() - last_step
        return Health(idle < stuck_after, {"idle_seconds": round(idle, 1)})

    with serving_health(registry, live, lambda: follower.ready(live()), host, port) as served:
        if served is not None:
            log.info("metrics on port %d", served, extra={"action": "metrics", "port": served})
        follow(follower, ended, step_ended)


def stopped_by_signals() -> threading.Event:
    """What SIGTERM and SIGINT set from now on; for the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


@contextmanager
def serving_health(
    registry: CollectorRegistry,
    live: Callable[[], Health],
    ready: Callable[[], Health],
    host: str,
    port: int | None,
) -> Iterator[int | None]:
    """Serve metrics and health within the block, and yield the port; None: nowhere, 0: on any free one."""
    if port is None:
        yield None
        return
    server = HealthServer(registry, live, ready, host, port)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


class FollowerThread(threading.Thread):
    """Follows on a thread beside an event loop; ``failed`` is the error that ended it, after which ``on_failure`` is called."""

    def __init__(self, follower: Follower, name: str, on_failure: Callable[[], object]) -> None:
        super().__init__(name=name, daemon=True)
        self._follower, self._on_failure = follower, on_failure
        self._stop_requested = threading.Event()
        self.failed: BaseException | None = None

    def stop(self) -> None:
        """Request the end after the present step; returns at once."""
        self._stop_requested.set()

    def run(self) -> None:
        """Follow until ``stop``."""
        try:
            follow(self._follower, self._stop_requested)
        except BaseException as error:
            self.failed = error
            self._on_failure()
