"""Workers that are killed, frozen, moved and starved: each message is applied once, and the others flow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.ledger.storage.migrate import migrate
from services.runtime.ports import free_port
from services.testbed.localstack import LocalStack
from services.testbed.localstack.broker_settings import BACK_SOON
from tests.integration.worker import probe
from tests.integration.worker.harness import Arena, alive, metrics

pytestmark = [pytest.mark.integration, pytest.mark.chaos]


@contextmanager
def stream(arena: Arena, rate: int = 400) -> Iterator[list[int]]:
    """Publish about `rate` messages a second to all partitions while the block runs; yields [how many so far]."""
    stop, sent = threading.Event(), [0]

    def run() -> None:
        with arena.producer() as send:
            while not stop.wait(0.05):
                for _ in range(rate // 20):
                    topic = arena.topics[sent[0] % len(arena.topics)]
                    send(topic, sent[0] // len(arena.topics) % 4, b"good-%d" % sent[0])
                    sent[0] += 1

    with ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(run)
        try:
            yield sent
        finally:
            stop.set()
            publishing.result()


@pytest.mark.long
def test_workers_killed_in_and_after_their_transactions_lose_and_repeat_nothing(arena: Arena) -> None:
    arena.create_topics(["a", "b"])
    chaos = {"LIANYUN_CHAOS": "after_fence=kill@0.02,before_commit=kill@0.02,after_commit=kill@0.02"}
    with arena.supervisor(2, chaos) as workers:
        with stream(arena) as sent:
            arena.wait_for(lambda: workers.restarts >= 8, 120, "eight kills")
        arena.await_stored(sent[0], 120)
    assert {ended.name for ended in workers.ended} == {"SIGKILL"}
    arena.check_exactly_once()
    assert arena.stored() == sent[0]


def test_a_killed_worker_is_back_at_once_and_the_other_does_not_stop(arena: Arena) -> None:
    """With dynamic membership the whole group waits for the dead member's session: longer than any wait here."""
    arena.create_topics(["a", "b"])
    with arena.supervisor(2, {"LIANYUN_SESSION_TIMEOUT": "90"}) as workers:
        with stream(arena) as sent:
            arena.wait_for(lambda: _owners(arena) == 2, 60, "two owners")
            workers.signal(0, signal.SIGKILL)
            killed = sent[0]
            # The victim's partitions: everything that was sent up to well after the kill.
            arena.wait_for(lambda: sent[0] >= killed + 400, 60, "messages after the kill")
            arena.await_stored(killed + 400, 60)
        arena.await_stored(sent[0], 60)
    assert [ended.worker for ended in workers.ended] == [0]
    arena.check_exactly_once()


def _owners(arena: Arena) -> int:
    return len(arena.query("SELECT DISTINCT owner FROM lianyun.kafka_offset"))


@pytest.mark.long
def test_a_worker_frozen_with_its_locks_held_stops_nobody_else_and_is_fenced(arena: Arena) -> None:
    arena.create_topics(["a", "b"])
    hold = arena.folder / "hold"
    with arena.supervisor(2) as workers:
        with stream(arena) as sent:
            arena.wait_for(lambda: _owners(arena) == 2, 60, "two owners")
            hold.touch()
            arena.wait_for(lambda: len(_in_transaction(arena)) == 2, 60, "two open transactions")
            victim = workers.pids()[1]
            workers.signal(
                1, signal.SIGSTOP
            )  # a frozen machine: it keeps its sockets, its locks and its belief
            hold.unlink()
            before = arena.stored()
            assert (
                arena.wait_for(lambda: arena.stored() > before + 200, 5, "progress of the other worker") < 5
            )
            # Kafka gives the frozen one's partitions away when its session ends, and the claim ends its backend.
            arena.wait_for(lambda: _owners(arena) == 1, 60, "take-over")
            arena.await_stored(sent[0], 60)
            assert alive(victim)
            workers.signal(1, signal.SIGCONT)
            arena.wait_for(lambda: workers.restarts >= 1, 60, "end of the zombie")
            assert workers.ended[0].worker == 1
        arena.await_stored(sent[0], 40)
    arena.check_exactly_once()
    assert arena.stored() == sent[0]
    assert arena.query("SELECT count(*) > 0 FROM lianyun.fence_log") == [(True,)]


def _in_transaction(arena: Arena) -> list[tuple[object, ...]]:
    return arena.query(
        """SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'lianyun'
           AND backend_xid IS NOT NULL"""
    )


@pytest.mark.long
def test_workers_come_and_go_without_fencing_one_another(arena: Arena) -> None:
    arena.create_topics(["a", "b"])
    with arena.supervisor(1) as first:
        with stream(arena) as sent:
            arena.await_stored(200, 60)
            with arena.supervisor(2, logs_name="more") as more:
                arena.wait_for(lambda: _owners(arena) == 3, 60, "three owners")
                arena.await_stored(sent[0] + 200, 60)
            arena.wait_for(lambda: _owners(arena) == 1, 40, "one owner")
        arena.await_stored(sent[0], 60)
        assert first.ended == []
        assert more.ended == []
    arena.check_exactly_once()


@pytest.mark.long
def test_partition_i_of_every_topic_goes_to_the_same_worker(arena: Arena) -> None:
    arena.create_topics(["a", "b", "c"], partitions=4)
    arena.produce(600)
    with arena.supervisor(3):
        arena.wait_for(lambda: _owners(arena) == 3, 60, "three owners")
        arena.await_stored(600, 60)
        rows = arena.query(
            "SELECT part, count(DISTINCT owner) FROM lianyun.kafka_offset GROUP BY 1 ORDER BY 1"
        )
        assert rows == [(0, 1), (1, 1), (2, 1), (3, 1)]


@pytest.mark.long
def test_a_worker_that_makes_no_progress_ends_itself(arena: Arena) -> None:
    arena.create_topics(["a"])
    hold = arena.folder / "hold"
    hold.touch()
    arena.produce(100)
    port = free_port()
    with arena.supervisor(1, {"LIANYUN_STUCK_AFTER": "4", "LIANYUN_METRICS_PORT": str(port)}) as workers:
        arena.wait_for(lambda: bool(workers.ended), 30, "end of the stuck worker")
        assert workers.ended[0].name == "STUCK"
        assert "no progress for" in arena.log_text()
        assert "Thread 0x" in arena.log_text(), "the stacks are dumped"
        assert 'lianyun_worker_exits_total{exit="STUCK",worker="0"} 1.0' in metrics(port + 1)
        hold.unlink()
        arena.await_stored(100, 60)
    arena.check_exactly_once()


@pytest.mark.long
def test_an_unexpected_error_ends_the_process_with_nothing_lost(arena: Arena) -> None:
    arena.create_topics(["a"])
    arena.query_only("ALTER TABLE probe ADD CONSTRAINT no_luck CHECK (value <> 'good-50')")
    arena.produce(100)
    with arena.supervisor(1) as workers:
        arena.wait_for(lambda: len(workers.ended) >= 2, 30, "two ends")
        assert {ended.name for ended in workers.ended} == {"UNEXPECTED"}
        assert arena.stored() == 0, "a batch is all or nothing"
        arena.query_only("ALTER TABLE probe DROP CONSTRAINT no_luck")
        arena.await_stored(100, 60)
    arena.check_exactly_once()


def test_workers_do_not_outlive_a_supervisor_that_was_killed(arena: Arena) -> None:
    arena.create_topics(["a"])
    script = (
        "import sys, time, json, os\n"
        "from services.processors.supervisor import Supervisor\n"
        "s = Supervisor(json.loads(sys.argv[1]), 2, command=(sys.executable, '-m', 'tests.integration.worker.probe'))\n"
        "s.start(); print(*s.pids().values(), flush=True); time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, json.dumps(arena.environment())],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    try:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        arena.wait_for(
            lambda: arena.query("SELECT count(*) FROM lianyun.worker_slot") == [(2,)], 30, "two slots"
        )
        assert all(map(alive, pids))
        os.kill(pids[1], signal.SIGSTOP)  # also one that cannot look
    finally:
        parent.kill()
        parent.wait()
    arena.wait_for(lambda: not any(map(alive, pids)), 60, "end of the orphans")


@pytest.mark.long
def test_a_broker_killed_and_started_again_costs_nothing(tmp_path: Path) -> None:
    with LocalStack(broker_settings=BACK_SOON) as stack:
        migrate(stack.dsn)
        probe.prepare(stack.dsn)
        arena = Arena(stack.bootstrap, stack.dsn, tmp_path)
        arena.create_topics(["a", "b"])
        arena.produce(1_000)
        with arena.supervisor(2):
            arena.await_stored(1_000, 60)
            stack.broker.kill()
            time.sleep(3)
            stack.broker.start()
            started = time.monotonic()
            arena.produce(1_000)
            arena.await_stored(2_000, 60)
            assert time.monotonic() - started < 45
            noise = [line for line in arena.log_text().splitlines() if " aiokafka" in line]
            assert len(noise) < 60, "the client's repetitions are filtered"
        arena.check_exactly_once()


@pytest.mark.long
def test_a_database_killed_and_started_again_costs_nothing(tmp_path: Path) -> None:
    with LocalStack() as stack:
        migrate(stack.dsn)
        probe.prepare(stack.dsn)
        arena = Arena(stack.bootstrap, stack.dsn, tmp_path)
        arena.create_topics(["a", "b"])
        arena.produce(1_000)
        with arena.supervisor(2) as workers:
            arena.await_stored(1_000, 60)
            stack.database.stop_immediate()
            arena_produce = threading.Thread(target=arena.produce, args=(1_000,))
            arena_produce.start()
            time.sleep(2)
            stack.database.start()
            arena_produce.join()
            arena.await_stored(2_000, 60)
            assert workers.restarts >= 1
        arena.check_exactly_once()
