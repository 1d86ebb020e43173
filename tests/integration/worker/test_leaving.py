"""A worker that is told to go: it leaves the group at once, ends with 0, and the other takes over without waiting."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.integration.worker.harness import PROBE, Arena

pytestmark = [pytest.mark.integration]

SESSION = 45
"""Seconds for which Kafka would wait for a member that went without a word: longer than any wait here."""


@contextmanager
def worker(arena: Arena, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process that nobody starts again."""
    logs = arena.folder / "logs"
    logs.mkdir(exist_ok=True)
    settings = arena.environment(LIANYUN_WORKER_OWNER=name, LIANYUN_SESSION_TIMEOUT=str(SESSION))
    with (logs / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(PROBE, env={**os.environ, **settings}, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def owners(arena: Arena) -> set[str]:
    return {owner for (owner,) in arena.query("SELECT DISTINCT owner FROM lianyun.kafka_offset")}


def told_to_go(process: subprocess.Popen[bytes]) -> float:
    """Send SIGTERM; check that it ends with 0 and return after how many seconds."""
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    return time.monotonic() - started


@pytest.mark.long
def test_the_other_takes_over_at_once(arena: Arena) -> None:
    arena.create_topics(["a", "b"])
    arena.produce(400)
    with ExitStack() as stack:
        first = stack.enter_context(worker(arena, "first"))
        stack.enter_context(worker(arena, "second"))
        arena.wait_for(lambda: len(owners(arena)) == 2, 60, "two owners")
        arena.await_stored(400, 30)
        seconds = told_to_go(first)
        arena.produce(400)
        took = arena.await_stored(800, SESSION - 15)
        assert len(owners(arena)) == 1
        print(f"ended after {seconds:.2f} s, all applied {took:.2f} s later")
        assert seconds < 5, "2 s, and what a busy machine adds"
    arena.check_exactly_once()


@pytest.mark.long
def test_a_batch_that_does_not_end_is_abandoned(arena: Arena) -> None:
    """Its transaction is open and holds its locks; what is not committed is applied by the other."""
    arena.create_topics(["a"])
    hold = arena.folder / "hold"
    with ExitStack() as stack:
        first = stack.enter_context(worker(arena, "first"))
        arena.wait_for(lambda: len(owners(arena)) == 1, 60, "an owner")
        hold.touch()
        arena.produce(100)
        arena.wait_for(lambda: len(open_transactions(arena)) == 1, 20, "an open transaction")
        seconds = told_to_go(first)
        print(f"ended after {seconds:.2f} s")
        assert seconds < 10, "5 s, and what a busy machine adds"
        hold.unlink()
        stack.enter_context(worker(arena, "second"))
        arena.await_stored(100, SESSION - 15)
    arena.check_exactly_once()


def open_transactions(arena: Arena) -> list[tuple[object, ...]]:
    return arena.query(
        """SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'lianyun'
           AND backend_xid IS NOT NULL"""
    )
