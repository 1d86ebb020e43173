"""Decides whether a log is still the one that the ledger has been reading. Pure.

A consumer that resets to "earliest" or "latest" when its offset is gone loses data silently. Here the partition stops, is
reported and waits for an operator (`lianyun offsets redrive` or `accept-loss`); all others continue.

A valid offset does not identify a log either: a broker that lost its tail, was restored from a copy or is a mirror assigns the
same offsets again. The last applied record is compared by content; where retention or compaction removed it, the log must still
reach beyond it in the leader epoch that appended it (KIP-320), which a truncated log does not. A log that cannot be shown to be
the same is not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.ledger.storage.ledger_protocol import Claim, Mark, PartitionId


class Moved(StrEnum):
    """How the log changed: stable names, used in metrics and alerts."""

    TOPIC_REPLACED = "TOPIC_REPLACED"
    OFFSET_TRUNCATED = "OFFSET_TRUNCATED"
    OFFSET_BEYOND_END = "OFFSET_BEYOND_END"
    NOT_APPEND_TIME = "NOT_APPEND_TIME"
    LOG_DIVERGED = "LOG_DIVERGED"
    NOT_COMPARED = "NOT_COMPARED"


LASTING = frozenset({Moved.OFFSET_BEYOND_END, Moved.LOG_DIVERGED})
"""Stored in the ledger, since the growing log may hide them. Cleared by an operator; OFFSET_BEYOND_END also when the log has the
ledger's last record again: then the broker was only behind."""


class LogMoved(Exception):
    """A partition that cannot be read on without loss or invention of messages; it stops until an operator decides."""

    def __init__(self, partition: PartitionId, moved: Moved, detail: str) -> None:
        super().__init__(partition, moved, detail)
        self.partition = partition
        self.moved = moved
        self.detail = detail

    def __str__(self) -> str:
        name = f"{self.partition.topic}/{self.partition.partition}"
        return f"{self.moved}: {name} stopped. {self.detail} {_REMEDIES[self.moved]}"


_REMEDIES = {
    Moved.TOPIC_REPLACED: "Restore the topic, or accept the new one: lianyun offsets accept-loss.",
    Moved.OFFSET_TRUNCATED: "Have the publisher send the missing events again, or accept: lianyun offsets accept-loss.",
    Moved.OFFSET_BEYOND_END: (
        "The broker lost its tail, or is not caught up and goes on by itself once it shows the same record; "
        "else apply what it has instead: lianyun offsets redrive."
    ),
    Moved.NOT_APPEND_TIME: "Set message.timestamp.type=LogAppendTime (lianyun topics apply), then accept-loss.",
    Moved.LOG_DIVERGED: "Restore the log that was read, or apply what this one has instead: lianyun offsets redrive.",
    Moved.NOT_COMPARED: "It is compared again every few seconds; if this stays, see: lianyun offsets redrive.",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What the log holds at the offset of the ledger's last record.

    `record` is None where that record is gone; `epoch_end` is then the end offset of its leader epoch, -1 where the log has
    nothing of that epoch, None where it is unknown.
    """

    record: Mark | None
    epoch_end: int | None = None


@dataclass(frozen=True, slots=True)
class LogState:
    """The broker's view of one partition; None where it did not respond."""

    topic_id: str | None
    begin: int | None
    end: int | None
    at_last: Found | None = None


def same_log(last: Mark, found: Found | None) -> bool | None:
    """Whether the log is the one in which `last` was read; None where it cannot be determined."""
    if found is None:
        return None
    if found.record is not None:
        return found.record.digest == last.digest
    return None if found.epoch_end is None else found.epoch_end > last.offset


def not_continued(partition: PartitionId, last: Mark, found: Found | None) -> LogMoved | None:
    """Why records after `last` must not be passed on; None where the log is the same."""
    same = same_log(last, found)
    if same:
        return None
    if same is None:
        return LogMoved(
            partition,
            Moved.NOT_COMPARED,
            f"Nothing shows that the log is the one that was read up to {last.offset}.",
        )
    there = "another record" if found and found.record else "nothing of that leader's epoch"
    return LogMoved(
        partition,
        Moved.LOG_DIVERGED,
        f"The record at {last.offset}, which was read, is not in the log: it has {there} there.",
    )


def log_moved(claim: Claim, log: LogState) -> LogMoved | None:
    """Why `claim` must not be read in `log`; None when it may.

    Where the ledger has no record to compare, it may also be read when the broker does not return its offsets.
    """
    partition, offset = claim.partition, claim.next_offset
    if claim.topic_id and log.topic_id and claim.topic_id != log.topic_id:
        return LogMoved(
            partition,
            Moved.TOPIC_REPLACED,
            f"The ledger read topic id {claim.topic_id} up to {offset}; the topic's id is {log.topic_id} now.",
        )
    if log.begin is not None and offset < log.begin:
        return LogMoved(
            partition,
            Moved.OFFSET_TRUNCATED,
            f"The ledger is at {offset}; the log starts at {log.begin}: {log.begin - offset} offsets are gone.",
        )
    if log.end is not None and offset > log.end:
        return LogMoved(
            partition, Moved.OFFSET_BEYOND_END, f"The ledger is at {offset}; the log ends at {log.end}."
        )
    moved = None if claim.last is None else not_continued(partition, claim.last, log.at_last)
    if claim.stopped is None or (moved is not None and moved.moved is Moved.LOG_DIVERGED):
        return moved
    before = Moved(claim.stopped)
    if before is Moved.OFFSET_BEYOND_END and claim.last is not None and moved is None:
        return None
    shown = "" if claim.last is None or moved is not None else " It has the ledger's last record now."
    return LogMoved(
        partition, before, f"The log was not the one that the ledger had read up to {offset}.{shown}"
    )
