"""Checks between broker and database: live workers, and partitions that are not applied."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from psycopg import Connection

from services.cli.checks.check import Check, judged, shortened
from services.ledger.storage.ledger_protocol import Claim, Mark, PartitionId
from services.processors.log_identity import LASTING, LogMoved, LogState, Moved, log_moved

_SLOTS = "SELECT count(*) FROM lianyun.worker_slot WHERE leased_until > clock_timestamp()"
_LEDGER = """
SELECT o.topic, o.part, o.next_offset, o.epoch, o.topic_id, o.last_offset, o.last_digest, o.last_leader_epoch, o.stopped, EXISTS (
    SELECT 1 FROM pg_stat_activity a
    WHERE a.pid = o.backend AND (a.backend_start = o.backend_start OR a.backend_start IS NULL)
)
FROM lianyun.kafka_offset o ORDER BY o.topic, o.part
"""
"""Who may not see other roles' sessions sees that they are there, and nothing of their start."""


def workers(connection: Connection[Any]) -> Check:
    """Worker processes that hold a slot of their group."""
    row = connection.execute(_SLOTS).fetchone()
    alive = int(row[0]) if row else 0
    return judged("workers", alive > 0, f"{alive} alive", "lianyun worker (one process), or: make up")


def ledger(connection: Connection[Any]) -> dict[PartitionId, tuple[Claim, bool]]:
    """The claims of the ledger, each with whether the session that made it is still there."""
    held: dict[PartitionId, tuple[Claim, bool]] = {}
    for topic, part, next_offset, epoch, topic_id, last, digest, leader, stopped, alive in connection.execute(
        _LEDGER
    ):
        where = PartitionId(topic, part)
        mark = Mark(last, digest, leader) if last == next_offset - 1 and digest is not None else None
        held[where] = Claim(where, next_offset, epoch, topic_id, mark, stopped), alive
    return held


def claims(held: Mapping[PartitionId, tuple[Claim, bool]], expected: Collection[PartitionId] = ()) -> Check:
    """Partitions that no live worker reads: of those ``expected``, and of those that were read before."""
    every = held.keys() | set(expected)
    left = [_name(where) for where in sorted(every) if not (where in held and held[where][1])]
    if not left:
        return Check("partitions", True, f"all {len(every)} are read")
    found = f"{len(left)} of {len(every)} without a live worker: {shortened(left)}"
    running = len(left) < len(every)
    return Check(
        "partitions", False, found, _UNREAD if running else "start workers: lianyun worker, or: make up"
    )


_UNREAD = (
    "let the workers read them: lianyun topics apply --access; where LIANYUN_WORKER_TOPICS is set, name them there; else restart one "
    "worker after the other"
)


def strays(present: Collection[str], named: Collection[str]) -> Check:
    """Topics of our names at the broker that neither the declaration nor a party names: no worker reads them."""
    left = sorted(topic for topic in present if topic.startswith("cre.") and topic not in named)
    if not left:
        return Check("topics of nobody", True, "none")
    found = f"{len(left)}: {shortened(left)}"
    mend = f"give it to its party: lianyun party amend CODE --topic {left[0]}; or delete it at the broker"
    return Check("topics of nobody", False, found, mend)


def moved(
    held: Mapping[PartitionId, tuple[Claim, bool]], log: Mapping[PartitionId, LogState]
) -> list[LogMoved]:
    """Partitions whose log moved, as the workers themselves judge it."""
    found = [
        why for where, (claim, _) in held.items() if where in log and (why := log_moved(claim, log[where]))
    ]
    gone = [LogMoved(where, Moved.TOPIC_REPLACED, "The topic is gone.") for where in held if where not in log]
    return [*found, *gone]


def remedy(why: LogMoved) -> str:
    """The command that lets a stopped partition go on, with its help."""
    command = "redrive" if why.moved in LASTING else "accept-loss"
    return f"lianyun offsets {command} {why.partition.topic} {why.partition.partition} --help"


def stopped(held: Mapping[PartitionId, tuple[Claim, bool]], log: Mapping[PartitionId, LogState]) -> Check:
    """Partitions that a worker does not read on because their log moved."""
    both = moved(held, log)
    if not both:
        compared = sum(claim.last is not None for claim, _ in held.values())
        return Check("stopped partitions", True, f"none; {compared} compared with the log")
    return Check(
        "stopped partitions", False, f"{len(both)}: {both[0]}", f"lianyun offsets list; {remedy(both[0])}"
    )


def waiting(held: Mapping[PartitionId, tuple[Claim, bool]], log: Mapping[PartitionId, LogState]) -> Check:
    """Messages of the log that are not applied yet; reported, no finding."""
    left = sum(
        max((log[where].end or 0) - claim.next_offset, 0)
        for where, (claim, _) in held.items()
        if where in log
    )
    return Check("waiting messages", True, f"{left:,}")


def _name(partition: PartitionId) -> str:
    return f"{partition.topic}/{partition.partition}"
