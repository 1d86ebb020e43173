"""A worker with the real shell and a store of one table, so that the shell is measured and attacked by itself.

`python -m tests.integration.worker.probe`. The claims and the fence are the product's; the table has no conflict
clause, so an event applied twice breaks the primary key. Points of `LIANYUN_CHAOS` are reached in the transaction;
`PROBE_HOLD=<file>` keeps each transaction open, locks held, while that file exists.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from services.runtime.process import imports_without_gc

with imports_without_gc():
    import psycopg

    from services.ledger.storage import points
    from services.ledger.storage.arrays import adapt
    from services.ledger.storage.batch import Applied
    from services.ledger.storage.claims import AssignedPartition, claim_partitions, moved_claims, note_stopped
    from services.ledger.storage.ledger_protocol import Claim, Fenced, PartitionId, mark_of
    from services.ledger.storage.session import open_session
    from services.processors.log_identity import LogMoved
    from services.processors.ports import Admission, Batch, LogRecord
    from services.processors.process import run
    from services.processors.settings import WorkerSettings

TABLE = """CREATE TABLE probe (topic text, part integer, "offset" bigint, value text, refused boolean,
           PRIMARY KEY (topic, part, "offset"))"""


class ProbeStore:
    """One row per record."""

    registry = None

    @property
    def topics(self) -> frozenset[str]:
        """What the file `PROBE_TOPICS` names."""
        named = Path(os.environ.get("PROBE_TOPICS", "/nonexistent"))
        return frozenset(named.read_text().split()) if named.exists() else frozenset()

    def __init__(self, settings: WorkerSettings, name: str) -> None:
        self._name = name
        self._session = open_session(settings.dsn.get_secret_value())
        adapt(self._session)
        self._bare = bool(os.environ.get("PROBE_BARE"))  # the fence alone, to measure the shell
        self._hold = Path(os.environ.get("PROBE_HOLD", "/nonexistent"))

    def claim(self, partitions: Sequence[PartitionId], topic_ids: Mapping[str, str]) -> Sequence[Claim]:
        wanted = [AssignedPartition(p.topic, p.partition, topic_ids.get(p.topic)) for p in partitions]
        return claim_partitions(self._session, self._name, wanted)

    def moved(self, epochs: Mapping[PartitionId, int]) -> Sequence[PartitionId]:
        return moved_claims(self._session, self._name, epochs)

    def note_stopped(self, partition: PartitionId, epoch: int, moved: LogMoved | None) -> None:
        reason, detail = (None, None) if moved is None else (moved.moved.value, moved.detail)
        note_stopped(self._session, partition, epoch, reason, detail)

    def apply(self, batch: Batch[Any], registry: Any) -> Applied:  # noqa: ARG002
        session = self._session
        moves = [part.slice for part in batch]
        moved = session.execute(
            """UPDATE lianyun.kafka_offset o
               SET next_offset = v.next, last_offset = v.next - 1, last_digest = v.digest, last_leader_epoch = v.leader
               FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bytea[], %s::int[])
                    AS v (topic, part, epoch, first, next, digest, leader)
               WHERE (o.topic, o.part, o.epoch, o.next_offset) = (v.topic, v.part, v.epoch, v.first)""",
            (
                [m.partition.topic for m in moves],
                [m.partition.partition for m in moves],
                [m.epoch for m in moves],
                [m.first for m in moves],
                [m.next_offset for m in moves],
                [mark_of(m.records[-1]).digest for m in moves],
                [m.leader_epoch for m in moves],
            ),
        ).rowcount
        if moved != len(moves):
            session.rollback()
            raise Fenced(f"{moved} of {len(moves)}")
        points.reach("after_fence")
        while self._hold.exists():
            session.execute("SELECT 1")
            time.sleep(0.02)
        if self._bare:
            session.commit()
            return Applied(new=sum(len(part.outcomes) for part in batch))
        with session.cursor().copy("COPY probe FROM STDIN") as copy:
            for part in batch:
                for record, refused in zip(part.slice.records, part.outcomes, strict=True):
                    value = (record.value or b"")[:20].decode()
                    copy.write_row((*part.slice.partition, record.offset, value, refused))
        points.reach("before_commit")
        session.commit()
        points.reach("after_commit")
        return Applied(new=sum(len(part.outcomes) for part in batch))

    def refresh(self) -> None:
        pass

    def idle(self) -> None:
        self._session.execute("SELECT 1")
        self._session.commit()

    def close(self) -> None:
        self._session.close()


class ProbeAdmitter:
    """Refuses what starts with `bad`, at the price of a signature."""

    def admit(self, records: Sequence[LogRecord], registry: Any) -> Admission:  # noqa: ARG002
        outcomes = [(record.value or b"").startswith(b"bad") for record in records]
        sole = frozenset(record.topic for record in records)
        return Admission(outcomes, [int(not refused) for refused in outcomes], sole)


def prepare(dsn: str) -> None:
    """Create what the probe needs in a migrated database."""
    with psycopg.connect(dsn) as session:
        session.execute(TABLE)


if __name__ == "__main__":
    points.install_from(os.environ)
    run(ProbeStore, lambda _settings: ProbeAdmitter())
