"""What is made for all who look: at most every so many seconds, or as long as nothing is stored."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TimedCache(Generic[K, V]):
    """Values by key, each at most ``every`` seconds old; of more than ``most`` the oldest is dropped.

    For several threads, one of which makes a value: the others wait for it.
    """

    def __init__(self, every: float, most: int = 64) -> None:
        self._every, self._most = every, most
        self.lock = threading.RLock()
        self._made: dict[K, tuple[float, V]] = {}

    def of(self, key: K, make: Callable[[], V]) -> V:
        """The value of ``key``; ``make`` is called where there is none, or it is too old."""
        with self.lock:
            known = self._made.get(key)
            if known is not None and time.monotonic() - known[0] < self._every:
                return known[1]
            made = make()
            self._made.pop(key, None)
            self._made[key] = time.monotonic(), made
            while len(self._made) > self._most:
                self._made.pop(next(iter(self._made)))
            return made

    def forget(self) -> None:
        """Make everything anew when somebody looks next."""
        with self.lock:
            self._made.clear()


class StateCache(Generic[K, V]):
    """Values by key, each shown again only under the state (``StateMark``, or what identifies a part of it) under which it was made.

    At most ``most``. For several threads.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._made: dict[K, tuple[Hashable, V]] = {}

    def of(self, key: K, state: Hashable | None, make: Callable[[], V]) -> V:
        """The value of ``key`` under ``state``, which was read before, in the same transaction; ``make`` is called where there is none."""
        known = self._made.get(key)
        if known is not None and known[0] == state:
            return known[1]
        made = make()
        if state is not None:
            with self._lock:
                self._made.pop(key, None)
                self._made[key] = state, made
                if len(self._made) > self._most:
                    self._made.pop(next(iter(self._made)))
        return made
