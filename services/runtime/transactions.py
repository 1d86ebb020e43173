"""The retry of work that a database refuses only because of other transactions."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Any, TypeVar

from psycopg import Connection, errors

T = TypeVar("T")

LOCKED = (errors.LockNotAvailable, errors.DeadlockDetected)
"""SQLSTATE 55P03 and 40P01: another transaction holds a lock that is needed."""
CONFLICTS = (errors.SerializationFailure, *LOCKED)
"""These and 40001: another transaction was in the way, and nothing is wrong with the work."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Which ``errors`` are retried, how often, and after which pause (seconds).

    At most ``attempts`` are made, and none begins more than ``timeout`` seconds after the first; by default there is
    no limit. The first pause is ``pause``, each later one ``growth`` times as long, up to ``longest``; up to the share
    ``jitter`` of each pause is left out at random.
    """

    errors: tuple[type[Exception], ...] = CONFLICTS
    attempts: float = inf
    timeout: float = inf
    pause: float = 0.0
    growth: float = 1.0
    longest: float = inf
    jitter: float = 0.0

    def pauses(self) -> Iterator[float]:
        """The pauses after the first, the second, ... failure; without end."""
        pause = self.pause
        while True:
            yield pause * random.uniform(1 - self.jitter, 1)
            pause = min(self.longest, pause * self.growth)


def retry(work: Callable[[], T], policy: RetryPolicy, before_retry: Callable[[], object] | None = None) -> T:
    """The result of ``work``, repeated as ``policy`` allows; blocks.

    ``before_retry`` is called while the failure is handled, before the pause and the next attempt. Raises the error of the last
    attempt, and at once whatever the policy does not retry.
    """
    deadline = time.monotonic() + policy.timeout
    for attempt, pause in enumerate(policy.pauses(), start=1):
        try:
            return work()
        except policy.errors:
            if attempt >= policy.attempts or time.monotonic() + pause > deadline:
                raise
            if before_retry is not None:
                before_retry()
        if pause:
            time.sleep(pause)
    raise AssertionError("pauses never end")


def retry_transaction(
    session: Connection[Any],
    work: Callable[[], T],
    policy: RetryPolicy,
    before_retry: Callable[[], object] | None = None,
) -> T:
    """The result of ``work``, committed: each attempt is a transaction of its own on an idle ``session``.

    Within a transaction of the caller each attempt is a savepoint, so a failed one leaves that transaction whole, and
    the caller commits. An attempt that fails is rolled back before ``before_retry`` is called. Otherwise as ``retry``.
    """

    def attempt() -> T:
        with session.transaction():
            return work()

    return retry(attempt, policy, before_retry)
