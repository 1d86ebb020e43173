"""A retry makes as many attempts as its policy allows, pauses as it says, and lets the last error out."""

from __future__ import annotations

import time
from itertools import islice

import pytest
from psycopg import errors

from services.runtime.transactions import CONFLICTS, LOCKED, RetryPolicy, retry


class Work:
    """Fails with each of ``failures`` in turn, then succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.attempts = 0

    def __call__(self) -> str:
        self.attempts += 1
        if self._failures:
            raise self._failures.pop(0)
        return "done"


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, in which no time passes but on the clock that deadlines are measured by."""
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: sum(pauses))
    return pauses


def test_a_conflict_is_retried_until_the_work_succeeds(slept: list[float]) -> None:
    work = Work(errors.SerializationFailure(), errors.DeadlockDetected(), errors.LockNotAvailable())
    assert retry(work, RetryPolicy()) == "done"
    assert work.attempts == 4
    assert slept == []


def test_after_the_last_attempt_its_error_is_raised() -> None:
    last = errors.LockNotAvailable("the third")
    work, between = Work(errors.LockNotAvailable(), errors.DeadlockDetected(), last), list[int]()
    with pytest.raises(errors.LockNotAvailable) as raised:
        retry(work, RetryPolicy(CONFLICTS, attempts=3), lambda: between.append(work.attempts))
    assert raised.value is last
    assert between == [1, 2]  # not after the last one


@pytest.mark.parametrize("other", [errors.SerializationFailure(), ValueError(), KeyboardInterrupt()])
def test_what_the_policy_does_not_name_is_raised_at_once(other: Exception) -> None:
    work = Work(errors.LockNotAvailable(), other)
    with pytest.raises(type(other)):
        retry(work, RetryPolicy(LOCKED))
    assert work.attempts == 2


def test_no_attempt_begins_after_the_deadline(slept: list[float]) -> None:
    work = Work(*(errors.LockNotAvailable() for _ in range(100)))
    with pytest.raises(errors.LockNotAvailable):
        retry(work, RetryPolicy(timeout=1.0, pause=0.3))
    assert slept == [0.3] * 3
    assert work.attempts == 4


def test_pauses_grow_to_the_longest_and_jitter_only_shortens_them() -> None:
    assert list(islice(RetryPolicy(pause=1, growth=2, longest=5).pauses(), 5)) == [1, 2, 4, 5, 5]
    spread = list(islice(RetryPolicy(pause=1, jitter=0.5).pauses(), 200))
    assert min(spread) >= 0.5
    assert max(spread) <= 1
    assert len(set(spread)) > 100
