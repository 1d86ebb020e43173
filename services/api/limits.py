"""Rate limits: a token bucket per client or address and process, with the RateLimit headers (IETF draft)."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import Request

_CLIENTS = 10_000


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left after a request: ``allowed`` says whether it was within; ``headers`` say how much is left."""

    allowed: bool
    headers: dict[str, str]


class RateLimit:
    """A token bucket per client: ``quota`` requests per ``window`` seconds, refilled evenly; for several threads.

    ``name`` is how the headers call the policy; ``refused`` is called with each client that asks beyond its quota.
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


def limit_headers(*budgets: Budget) -> dict[str, str]:
    """The headers of an answer that was within all of ``budgets``."""
    names = ("ratelimit-policy", "ratelimit")
    return {name: ", ".join(each.headers[name] for each in budgets) for name in names if budgets}


_OWN_BITS = 64
"""One caller of IPv6 has at least a whole network of that prefix."""


def address_of(request: Request, proxies: Collection[str]) -> str:
    """The peer's address; behind one of ``proxies`` the last one of X-Forwarded-For, which that proxy wrote.

    An IPv6 address counts for its /64 network, one that cannot be read for the peer.
    """
    peer = request.client.host if request.client is not None else ""
    forwarded = (
        request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip() if peer in proxies else ""
    )
    try:
        return network_of(str(ip_address(forwarded or peer)))
    except ValueError:
        return peer


def network_of(address: str) -> str:
    """What counts as one caller: an IPv4 address, the /64 network of an IPv6 one; ``address`` itself where it is neither."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(ip_network((found, _OWN_BITS), strict=False))
    return str(found)
