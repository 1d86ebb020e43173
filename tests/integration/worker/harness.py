"""Topics, messages and the state of the ledger, for tests that run real workers."""

from __future__ import annotations

import itertools
import os
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import OffsetSpec

from services.processors.supervisor import Supervisor

PROBE = (sys.executable, "-m", "tests.integration.worker.probe")


class Arena:
    """One test's own topics, group and database."""

    def __init__(self, bootstrap: str, dsn: str, folder: Path) -> None:
        self.bootstrap, self.dsn, self.folder = bootstrap, dsn, folder
        self.mark = uuid.uuid4().hex[:8]
        self.topics: list[str] = []
        self._session: psycopg.Connection[Any] | None = None

    def close(self) -> None:
        """End the session that looked."""
        if self._session is not None:
            self._session.close()

    def create_topics(self, names: Iterable[str], partitions: int = 4, **config: str) -> list[str]:
        """Create topics with append time and remember them as those to read; returns their full names."""
        full = [f"test.{self.mark}.{name}" for name in names]
        options = {"message.timestamp.type": "LogAppendTime", **config}
        with self.admin() as admin:
            admin.create_topics(
                {
                    name: {"num_partitions": partitions, "replication_factor": 1, "configs": options}
                    for name in full
                },
                wait_for_metadata=True,
            )
        self.topics += full
        return full

    @contextmanager
    def admin(self) -> Iterator[Any]:
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            yield admin
        finally:
            admin.close()

    @contextmanager
    def producer(self) -> Iterator[Callable[..., None]]:
        """Yield `send(topic, partition, value, headers=())`; all are acknowledged when the block ends."""
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap, enable_idempotence=True, linger_ms=5, batch_size=65_536
        )
        futures = []

        def send(topic: str, partition: int, value: bytes, headers: Iterable[tuple[str, bytes]] = ()) -> None:
            futures.append(producer.send(topic, value=value, partition=partition, headers=list(headers)))

        try:
            yield send
            producer.flush()
            for future in futures:
                future.get(timeout=60)
        finally:
            producer.close()

    def produce(self, count: int, value: bytes = b"good", partitions: int = 4) -> None:
        """Spread `count` messages over all partitions of all topics."""
        places = itertools.cycle([(topic, p) for topic in self.topics for p in range(partitions)])
        with self.producer() as send:
            for number, (topic, partition) in zip(range(count), places, strict=False):
                send(topic, partition, value + b"-%d" % number)

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "LIANYUN_BOOTSTRAP": self.bootstrap,
            "LIANYUN_DSN": self.dsn,
            "LIANYUN_WORKER_TOPICS": ",".join(self.topics),
            "LIANYUN_GROUP": f"test-{self.mark}",
            "LIANYUN_SESSION_TIMEOUT": "6",
            "LIANYUN_HEARTBEAT": "1",
            "LIANYUN_SLOT_LEASE": "6",
            "LIANYUN_EXAMINE_EVERY": "1",
            "PROBE_HOLD": str(self.folder / "hold"),
            "PYTHONPATH": str(Path(__file__).resolve().parents[3]),
            **more,
        }

    def supervisor(
        self, workers: int = 2, environment: Mapping[str, str] | None = None, logs_name: str = "logs"
    ) -> Supervisor:
        """A supervisor of probe workers; their logs are in the test's folder."""
        settings = self.environment(**(environment or {}))
        return Supervisor(settings, workers, logs=self.folder / logs_name, command=PROBE)

    def query_only(self, statement: str) -> None:
        """Execute a statement that gives no rows."""
        with psycopg.connect(self.dsn) as session:
            session.execute(statement)

    def query(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a statement, over one session for all looks: a wait is many of them, and a new session costs as many."""
        try:
            return self._looking().execute(statement, parameters).fetchall()
        except psycopg.OperationalError:
            if not self._looking().closed:
                raise
            self._session = None  # the server was killed since the last look
            return self._looking().execute(statement, parameters).fetchall()

    def _looking(self) -> psycopg.Connection[Any]:
        if self._session is None:
            # Tests change what is looked at, so no plan is kept.
            self._session = psycopg.connect(self.dsn, autocommit=True, prepare_threshold=None)
        return self._session

    def stored(self, topic: str | None = None) -> int:
        """How many records the probe holds."""
        where = "" if topic is None else "WHERE topic = %s"
        return int(self.query(f"SELECT count(*) FROM probe {where}", *([topic] if topic else []))[0][0])  # noqa: S608

    def await_stored(self, count: int, seconds: float = 60.0, topic: str | None = None) -> float:
        """Wait until so many records are stored; return the seconds that took. Fails with the workers' logs."""
        return self.wait_for(lambda: self.stored(topic) >= count, seconds, f"{count} records")

    def wait_for(self, done: Callable[[], bool], seconds: float, what: str) -> float:
        started = time.monotonic()
        while not done():
            if time.monotonic() - started > seconds:
                raise AssertionError(
                    f"no {what} after {seconds} s; {self.stored()} are stored\n{self.position()}\n{self.logs()}"
                )
            time.sleep(0.05)
        return time.monotonic() - started

    def position(self) -> str:
        """Where the ledger and the log stand, per partition."""
        rows = self.query(
            "SELECT topic, part, next_offset, epoch, owner FROM lianyun.kafka_offset ORDER BY 1, 2"
        )
        with self.admin() as admin:
            wanted = {TopicPartition(topic, part): OffsetSpec.LATEST for topic, part, *_ in rows}
            ends = (
                {tuple(tp): end.offset for tp, end in admin.list_partition_offsets(wanted).items()}
                if rows
                else {}
            )
        return "\n".join(f"{row} of {ends.get((row[0], row[1]))}" for row in rows)

    def logs(self) -> str:
        """The ends of the workers' logs."""
        files = sorted((self.folder / "logs").glob("*.log")) if (self.folder / "logs").exists() else []
        return "\n".join(f"--- {file.name}\n{file.read_text()[-6_000:]}" for file in files)

    def log_text(self, worker: int = 0) -> str:
        file = self.folder / "logs" / f"worker-{worker}.log"
        return file.read_text() if file.exists() else ""

    def check_exactly_once(self) -> None:
        """Each offset below the ledger's is stored once, and nothing else is."""
        rows = self.query(
            """SELECT o.topic, o.part, o.next_offset, count(p."offset"), min(p."offset"), max(p."offset")
               FROM lianyun.kafka_offset o LEFT JOIN probe p ON (p.topic, p.part) = (o.topic, o.part)
               GROUP BY 1, 2, 3 ORDER BY 1, 2"""
        )
        for topic, partition, next_offset, count, first, last in rows:
            found = (count, first, last)
            wanted = (next_offset, 0 if next_offset else None, next_offset - 1 if next_offset else None)
            assert found == wanted, f"{topic}/{partition}"


def alive(pid: int) -> bool:
    """Whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def metrics(port: int) -> str:
    """What a process on this machine serves as metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())
