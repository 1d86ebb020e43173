"""Where a run takes place: a local stack of its own, the declared topics, and a database prepared once and copied."""

from __future__ import annotations

import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql

from services.ledger.storage.migrate import migrate
from services.processors.supervisor import COMMAND, Supervisor
from services.processors.topics.cluster import apply as apply_topics
from services.processors.topics.declaration import read_declaration
from services.runtime.ports import free_port
from services.testbed.bench import signed
from services.testbed.bench.observation import Place
from services.testbed.bench.senders import Sent, fill
from services.testbed.bench.signed import MessageFiles
from services.testbed.localstack.database import fresh_database
from services.testbed.localstack.stack import LocalStack

_READY = "lianyun_worker_ready"
_LOG_LINES = 80


class WorkersFailed(Exception):
    """The workers did not do what was waited for; the text shows the ends of their logs."""


class WorkerPool:
    """``workers`` supervised worker processes on one database; a context manager. Their logs go to ``logs``."""

    def __init__(
        self,
        bootstrap: str,
        dsn: str,
        group: str,
        workers: int,
        logs: Path,
        batch_events: int = 4_000,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._port, self._workers, self._logs = free_port(), workers, logs
        self._supervisor = Supervisor(
            {
                "LIANYUN_BOOTSTRAP": bootstrap,
                "LIANYUN_DSN": dsn,
                "LIANYUN_NETWORK": signed.NETWORK,
                "LIANYUN_WORKER_TOPICS": ",".join(signed.topics()),
                "LIANYUN_GROUP": group,
                "LIANYUN_METRICS_PORT": str(self._port),
                "LIANYUN_BATCH_EVENTS": str(batch_events),
                "LIANYUN_LOG_LEVEL": "WARNING",
            },
            workers,
            logs=logs,
            command=command,
        )

    def __enter__(self) -> Self:
        self._supervisor.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._supervisor.stop()

    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return list(self._supervisor.pids().values())

    def await_ready(self, patience: float = 60.0) -> None:
        """Block until every worker has its assignment; WorkersFailed after ``patience`` seconds."""
        until = time.monotonic() + patience
        while self.metrics()[_READY] < self._workers:
            if time.monotonic() > until:
                raise WorkersFailed(f"the workers were not ready after {patience:.0f} s\n{self.log_ends()}")
            time.sleep(0.2)

    def metrics(self) -> Mapping[str, float]:
        """The sums over all workers of what they export: ``name`` or ``name{label}`` for metrics with one label."""
        sums: defaultdict[str, float] = defaultdict(float)
        for number in range(self._workers):
            for family in text_string_to_metric_families(_scrape(self._port + number)):
                for sample in family.samples:
                    labels = ",".join(sample.labels.values())
                    sums[f"{sample.name}{{{labels}}}" if labels else sample.name] += sample.value
        return sums

    def require_unbroken(self) -> None:
        """Raise WorkersFailed where a worker ended by itself: its restart would be measured too."""
        if self._supervisor.restarts:
            ended = ", ".join(f"worker {one.worker} ended: {one.name}" for one in self._supervisor.ended)
            raise WorkersFailed(f"{ended}\n{self.log_ends()}")

    def log_ends(self) -> str:
        """The last lines that each worker logged."""
        ends = []
        for path in sorted(self._logs.glob("worker-*.log")):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
            ends += [f"{path.name}:", *(f"  | {line}" for line in lines)]
        return "\n".join(ends)


def _scrape(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return ""


BASE = "bench_base"


class Fixture:
    """A running stack whose topics grow from one measurement to the next, and copies of one prepared database.

    Each measurement works on a copy whose ledger stands at the end of the log, so all start from the same state.
    """

    def __init__(self, stack: LocalStack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self._ends: dict[Place, int] = defaultdict(int)
        apply_topics(stack.bootstrap, read_declaration())
        self.base = stack.database.fresh_database(BASE)
        migrate(self.base)
        signed.register(self.base)

    @property
    def published(self) -> int:
        """How many messages the topics hold, over all measurements."""
        return sum(self._ends.values())

    def note(self, sent: Iterable[Sent]) -> None:
        """Remember how far the topics reach now."""
        for one in sent:
            for topic, partition, offset, _, _ in one.places():
                place = topic, partition
                self._ends[place] = max(self._ends[place], offset + 1)

    def fill(self, shelf: MessageFiles) -> None:
        """Publish everything on ``shelf`` and wait for the broker's word."""
        self.note(fill(self.stack.bootstrap, shelf))

    def settle(self, dsn: str) -> None:
        """Bring a database into the state of one that has long been in use: statistics, all-visible pages."""
        with psycopg.connect(dsn, autocommit=True) as session:
            session.execute("VACUUM (ANALYZE)")

    def copy(self, name: str) -> str:
        """A copy of the base database, its ledger at the end of the log; returns its address."""
        dsn = fresh_database(self.stack.dsn, name)
        with psycopg.connect(self.stack.dsn, autocommit=True) as session:
            target, template = sql.Identifier(name), sql.Identifier(BASE)
            session.execute(sql.SQL("DROP DATABASE {}").format(target))
            statement = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
            session.execute(sql.SQL(statement).format(target, template))
        with psycopg.connect(dsn) as session, session.cursor() as cursor:
            ends = [(end, topic, part) for (topic, part), end in self._ends.items()]
            cursor.executemany(
                "UPDATE lianyun.kafka_offset SET next_offset = %s WHERE topic = %s AND part = %s", ends
            )
        return dsn

    def checkpoint(self) -> None:
        """Write everything out, so that no measurement pays for what came before it."""
        with psycopg.connect(self.stack.database.admin_dsn, autocommit=True) as session:
            session.execute("CHECKPOINT")


def stored_events(dsn: str) -> int:
    """How many different events the database holds."""
    with psycopg.connect(dsn) as session:
        row = session.execute("SELECT count(*) FROM lianyun.identity").fetchone()
        return int(row[0]) if row else 0


def rows_written(dsn: str) -> dict[str, int]:
    """Rows inserted and updated so far by table, without schema, as the database counts them (about a second late)."""
    with psycopg.connect(dsn, autocommit=True) as session:
        rows = session.execute(
            "SELECT relname, sum(n_tup_ins + n_tup_upd) FROM pg_stat_user_tables GROUP BY 1"
        )
        return {str(name): int(count) for name, count in rows}
