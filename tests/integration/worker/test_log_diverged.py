"""A log that is not the one that was read: nothing is read on by number alone, and what was skipped can be applied."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.localstack import LocalStack
from services.localstack.broker_settings import BACK_SOON
from services.localstack.engine import DatabaseAddress
from services.localstack.ports import free_port
from services.storage.migrate import migrate
from tests.integration.worker import probe
from tests.integration.worker.harness import Arena, metrics

pytestmark = [pytest.mark.integration, pytest.mark.chaos]


@pytest.fixture(scope="module")
def own() -> Iterator[LocalStack]:
    with LocalStack(postgres=False, broker_settings=BACK_SOON) as stack:
        yield stack


@pytest.fixture
def drill(own: LocalStack, postgres: DatabaseAddress, tmp_path: Path) -> Iterator[Arena]:
    dsn = postgres.fresh_database(f"diverged_{tmp_path.name[-20:]}".lower().replace("-", "_"))
    migrate(dsn)
    probe.prepare(dsn)
    arena = Arena(own.bootstrap, dsn, tmp_path)
    yield arena
    arena.close()


def shown(port: int) -> str:
    try:
        return metrics(port)
    except OSError:  # it starts
        return ""


def lose_tail(own: LocalStack, topic: str, share: float = 0.5) -> None:
    """Kill the broker, cut the only segment of the partition, start it again."""
    own.broker.kill()
    folder = own.folder / "kafka" / "data" / f"{topic}-0"
    segment = folder / "00000000000000000000.log"
    with segment.open("r+b") as file:
        file.truncate(int(segment.stat().st_size * share))
    for file in folder.iterdir():
        if file.suffix in (".index", ".timeindex", ".snapshot") or file.name == "leader-epoch-checkpoint":
            file.unlink()
    own.broker.start()


@pytest.mark.parametrize("worker", ["runs through it", "starts after it"])
def test_a_tail_that_was_lost_and_overgrown_stops_the_partition(
    drill: Arena, own: LocalStack, worker: str
) -> None:
    (topic,) = drill.create_topics(["a"], partitions=1)
    for _ in range(10):  # batches of their own, so that half of them survives
        drill.produce(10, b"good-first", partitions=1)
    port = free_port()
    with drill.supervisor(1, {"LIANYUN_METRICS_PORT": str(port)}) as workers:
        drill.await_stored(100)
        if worker == "starts after it":
            workers.stop()
            lose_tail(own, topic)
            drill.produce(101, b"good-again", partitions=1)
        else:
            workers.signal(0, signal.SIGSTOP)
            lose_tail(own, topic)
            drill.produce(101, b"good-again", partitions=1)
            workers.signal(0, signal.SIGCONT)
            drill.wait_for(lambda: 'reason="LOG_DIVERGED"' in shown(port), 30, "named error")
    if worker == "starts after it":
        with drill.supervisor(1, {"LIANYUN_METRICS_PORT": str(port)}, "logs"):
            drill.wait_for(lambda: 'reason="LOG_DIVERGED"' in shown(port), 30, "named error")
