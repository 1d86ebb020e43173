"""Two writers over a real database, and threads that stop where a test wants them to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from services.ledger.admission.model import Refused
from services.ledger.storage.batch import Advance, Batch, Event
from services.ledger.storage.claims import AssignedPartition
from services.ledger.storage.writer import Writer

TOPIC = "cre.test.worlds.v1"


def no_letters(_session: Any, refused: Sequence[Refused]) -> None:
    """Stands where dead letters go in tests that have none."""
    assert not refused, refused


class Pair:
    """Two writers, each with a partition of its own."""

    def __init__(self, dsn: str, *, settle: bool = True) -> None:
        self.dsn = dsn
        self.writers = [Writer(dsn, no_letters, settle=settle) for _ in range(2)]
        self.claim()

    def claim(self) -> None:
        """Take both partitions, from whomever has them, and go on where they are."""
        self.claims = [
            writer.claim_partitions(f"w{i}", [AssignedPartition(TOPIC, i)])[0]
            for i, writer in enumerate(self.writers)
        ]
        self.next = [claim.next_offset for claim in self.claims]
        self.registry = int(self.value("SELECT version FROM lianyun.registry_version"))

    def value(self, query: str) -> Any:
        with psycopg.connect(self.dsn) as session:
            row = session.execute(query).fetchone()
        return None if row is None else row[0]

    def batch(self, index: int, events: Sequence[Event]) -> Batch:
        """The next batch of writer ``index``."""
        first = self.next[index]
        advance = Advance(TOPIC, index, self.claims[index].epoch, first, first + len(events))
        return Batch((advance,) if events else (), tuple(events), (), self.registry)

    def apply(self, index: int, events: Sequence[Event]) -> Any:
        applied = self.writers[index].apply(self.batch(index, events))
        self.next[index] += len(events)
        return applied

    def settle(self, seconds: float = 20) -> None:
        """Tick both until nothing waits; another database of the server may hold the horizon back for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for writer in self.writers:
                writer.tick()
            if not self.writers[0].pending():
                return
            time.sleep(0.002)
        raise AssertionError("the store does not settle")

    def empty(self) -> None:
        """Forget all events and their state; offsets stay."""
        with psycopg.connect(self.dsn) as session:
            for table in _TABLES:
                session.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(*table)))

    @property
    def sound(self) -> bool:
        """Whether both writers are as free as new ones."""
        states = [(writer.session.closed, writer.session.info.transaction_status) for writer in self.writers]
        return all(not closed and state is TransactionStatus.IDLE for closed, state in states)

    def close(self) -> None:
        for writer in self.writers:
            writer.close()


_TABLES = (
    *(("lianyun", name) for name in ("identity", "variant", "quarantine", "body", "batch")),
    *(
        ("g1", name)
        for name in (
            "claim",
            "link",
            "founding",
            "withdrawal",
            "mention",
            "passing",
            "dead",
            "canonical",
            "reach",
        )
    ),
    *(("g1", name) for name in ("head", "train_head", "pending")),
)


class Pausing:
    """A hook that lets one named thread stop at a point until it is told to go on."""

    def __init__(self, thread: str, point: str) -> None:
        self.thread, self.point = thread, point
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __call__(self, name: str) -> None:
        if name == self.point and threading.current_thread().name == self.thread:
            self.reached.set()
            assert self.go_on.wait(30)


@dataclass
class Running:
    """A call in a thread of its own; its exception is raised by ``join``."""

    thread: threading.Thread
    failures: list[BaseException]

    def join(self) -> None:
        self.thread.join(60)
        assert not self.thread.is_alive(), "blocked"
        if self.failures:
            raise self.failures[0]


def start(name: str, call: Callable[[], Any]) -> Running:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return Running(thread, failures)
