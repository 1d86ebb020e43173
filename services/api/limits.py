"""How much somebody may ask: a bucket per client or address and process, told in RateLimit headers (IETF draft)."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_CLIENTS = 10_000


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left after a request: ``allowed`` says whether it was within; ``headers`` tell the rest."""

    allowed: bool
    headers: dict[str, str]


class RateLimit:
    """A token bucket per client: ``quota`` requests per ``window`` seconds, refilled evenly; for several threads.

    ``name`` is how the headers call the policy; ``refused`` is told of each client that asks beyond its quota.
    """

    def __init__(
        self, quota: int, window: int, name: str = "default", refused: Callable[[str], None] | None = None
    ) -> None:
        self._quota, self._window = quota, window
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> (left, at)
        self._lock = threading.Lock()
        self._name = name
        self._refused = refused
        self._policy = f'"{name}";q={quota};w={window}'

    def take(self, client: str, now: float) -> Budget:
        """Count one request of ``client`` at ``now`` (seconds of a clock that never goes back)."""
        return self._budget(client, now, 1)

    def look(self, client: str, now: float) -> Budget:
        """What ``take`` would say of ``allowed`` now; nothing is counted."""
        return self._budget(client, now, 0)

    def _budget(self, client: str, now: float, cost: int) -> Budget:
        with self._lock:
            left, at = self._buckets.pop(client, (float(self._quota), now))
            left = min(float(self._quota), left + (now - at) * self._quota / self._window)
            allowed = left >= 1
            left -= cost if allowed else 0
            self._buckets[client] = (left, now)
            if len(self._buckets) > _CLIENTS:
                self._buckets.popitem(last=False)
        full = math.ceil((self._quota - left) * self._window / self._quota)
        headers = {"ratelimit-policy": self._policy, "ratelimit": f'"{self._name}";r={int(left)};t={full}'}
        if not allowed:
            headers["retry-after"] = str(max(1, math.ceil((1 - left) * self._window / self._quota)))
            if self._refused is not None:
                self._refused(client)
        return Budget(allowed, headers)


def told(*budgets: Budget) -> dict[str, str]:
    """The headers of an answer that was within all of ``budgets``."""
    names = ("ratelimit-policy", "ratelimit")
    return {name: ", ".join(each.headers[name] for each in budgets) for name in names if budgets}
