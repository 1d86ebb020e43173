"""Settings, watchdog and supervisor."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.processors.settings import WorkerSettings, admission_settings, declared_topics
from services.processors.supervisor import Supervisor
from services.processors.worker import Watchdog
from services.runtime.connections import mask
from services.runtime.exit_codes import Exit

ENVIRONMENT = {"LIANYUN_BOOTSTRAP": "127.0.0.1:9092", "LIANYUN_DSN": "postgresql://u:hunter2@h:5432/d"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("LIANYUN_")]:
        monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_settings_come_from_the_environment_and_are_shown_without_secrets(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("LIANYUN_WORKER_TOPICS", "a.v1, b.v1 c.v1")
    environment.setenv("LIANYUN_KAFKA_USER", "worker")
    environment.setenv("LIANYUN_KAFKA_PASSWORD", "hunter2")
    settings = WorkerSettings()
    assert settings.topics == ("a.v1", "b.v1", "c.v1")
    shown = "\n".join(settings.lines())
    assert "hunter2" not in shown
    assert "dsn=postgresql://u:***@h:5432/d" in shown
    assert settings.kafka_connection()["security_protocol"] == "SASL_PLAINTEXT"
    assert settings.kafka_connection()["sasl_plain_password"] == "hunter2"


def test_a_missing_address_is_an_error(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("LIANYUN_DSN")
    with pytest.raises(ValidationError, match="dsn"):
        WorkerSettings()


def test_masking_of_addresses() -> None:
    assert mask("postgresql://u:p@h/d") == "postgresql://u:***@h/d"
    assert mask("postgresql://h/d") == "postgresql://h/d"
    assert mask("host=h password=p") == "***"


def test_topics_without_a_party_are_the_gateways() -> None:
    settings = admission_settings("demo")
    assert settings.network == "demo"
    assert settings.gateway_topics < set(declared_topics())
    assert settings.gateway_topics


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_watchdog_bites_only_when_messages_wait_or_the_loop_hangs() -> None:
    clock, bites = Clock(), list[tuple[Exit, str]]()
    dog = Watchdog(10, lambda code, why, _error: bites.append((code, why)), clock)
    for _ in range(30):  # nothing to do for 30 s
        clock.now += 1
        dog.beat(behind=False, progress_at=100.0)
        dog.check()
    for _ in range(30):  # behind, but progressing
        clock.now += 1
        dog.beat(behind=True, progress_at=clock.now - 5)
        dog.check()
    assert bites == []
    progressed = clock.now
    while not bites:
        clock.now += 1
        dog.beat(behind=True, progress_at=progressed)
        dog.check()
    assert bites[0][0] is Exit.STUCK
    assert "messages wait" in bites[0][1]
    assert 10 < clock.now - progressed <= 12

    dog = Watchdog(10, lambda code, why, _error: bites.append((code, why)), clock)
    clock.now += 11
    dog.check()
    assert "the event loop hangs" in bites[1][1]


def test_work_that_just_arrived_does_not_count_the_idle_time_before_it() -> None:
    clock, bites = Clock(), list[str]()
    dog = Watchdog(10, lambda _code, why, _error: bites.append(why), clock)
    clock.now += 1_000
    dog.beat(behind=False, progress_at=100.0)
    clock.now += 1
    dog.beat(behind=True, progress_at=100.0)
    dog.check()
    assert bites == []


def supervisor(tmp_path: Path, program: str, workers: int = 1) -> Supervisor:
    return Supervisor({}, workers, logs=tmp_path, command=(sys.executable, "-c", program))


def until(done: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_worker_that_keeps_failing_is_started_again_with_growing_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with supervisor(tmp_path, "import sys; sys.exit(75)") as workers:
        until(lambda: workers.restarts >= 4)
    told = [record for record in caplog.records if vars(record).get("action") == "worker_ended"][:4]
    waits = [record.args[2] for record in told if isinstance(record.args, tuple)]
    assert waits == [0.2, 0.4, 0.8, 1.6]
    # It is not there again before its wait is over; how much later is the machine's business.
    apart = [later.created - earlier.created for earlier, later in itertools.pairwise(told)]
    assert all(seconds > wait / 2 for seconds, wait in zip(apart, waits[:3], strict=True)), apart
    assert {ended.name for ended in workers.ended} == {"FENCED"}


def test_a_killed_worker_is_started_again_at_once_with_the_same_owner(tmp_path: Path) -> None:
    program = "import os, time; print(os.environ['LIANYUN_WORKER_OWNER'], flush=True); time.sleep(60)"
    log = tmp_path / "worker-0.log"
    with supervisor(tmp_path, program) as workers:
        until(lambda: log.read_text().count("\n") == 1)
        started = time.monotonic()
        assert workers.signal(0, signal.SIGKILL)
        until(lambda: log.read_text().count("\n") == 2)
        assert time.monotonic() - started < 2
    assert len(set(log.read_text().split())) == 1
    assert workers.ended[0].name == "SIGKILL"
    assert workers.pids() == {}


def test_stopping_ends_a_frozen_worker_too(tmp_path: Path) -> None:
    workers = supervisor(tmp_path, "import time; time.sleep(60)", 2).start()
    pids = workers.pids()
    workers.signal(1, signal.SIGSTOP)
    started = time.monotonic()
    workers.stop()
    workers.stop()
    assert time.monotonic() - started < 5
    assert len(pids) == 2
    assert workers.pids() == {}
