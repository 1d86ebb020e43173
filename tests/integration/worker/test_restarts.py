"""Workers killed again and again, also while they join, claim and seek: whoever comes back consumes at once.

`LIANYUN_RESTART_ROUNDS=40` makes more rounds than a run of all tests has time for.
"""

from __future__ import annotations

import os
import signal
import time
from random import Random

import pytest

from services.processors.supervisor import Supervisor
from tests.integration.worker.harness import Arena
from tests.integration.worker.test_chaos import stream

pytestmark = [pytest.mark.integration, pytest.mark.chaos, pytest.mark.timeout(1_800)]

ROUNDS = int(os.environ.get("LIANYUN_RESTART_ROUNDS", "5"))
PATIENCE = 45.0
"""Seconds for every partition to move: less than after how many a watchdog ends a worker that stands still."""


def standing(arena: Arena) -> dict[tuple[str, int], int]:
    rows = arena.query("SELECT topic, part, next_offset FROM lianyun.kafka_offset")
    return {(topic, part): offset for topic, part, offset in rows}


def flows(arena: Arena, workers: Supervisor) -> float:
    """Wait until every partition has moved, with all workers running; the seconds that took."""
    before = standing(arena)

    def moved() -> bool:
        now = standing(arena)
        return len(workers.pids()) == 2 and len(now) == 8 and all(now[p] > before.get(p, -1) for p in now)

    return arena.wait_for(moved, PATIENCE, "flow in every partition")


@pytest.mark.long
def test_a_worker_that_was_killed_at_any_moment_consumes_again(arena: Arena) -> None:
    arena.create_topics(["a", "b"])
    random = Random(f"restarts|{os.environ.get('LIANYUN_RESTART_SEED', '1')}")
    seconds = []
    with arena.supervisor(2) as workers:
        with stream(arena) as sent:
            flows(arena, workers)
            for _ in range(ROUNDS):
                victim = random.choice((0, 1, 0))
                for _ in range(random.choice((1, 1, 2))):  # the second one while it comes back
                    workers.signal(victim, signal.SIGKILL)
                    time.sleep(random.uniform(0.1, 2.5))
                seconds.append(flows(arena, workers))
        arena.await_stored(sent[0], PATIENCE)
    print(
        f"{workers.restarts} restarts; flow in every partition again after {[round(s, 1) for s in seconds]} s"
    )
    assert {ended.name for ended in workers.ended} == {"SIGKILL"}, "nobody had to end for standing still"
    assert workers.restarts >= ROUNDS
    arena.check_exactly_once()
