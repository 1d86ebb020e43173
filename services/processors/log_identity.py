"""Is the log still the one that the ledger has been reading? Pure judgement, with an error that names the case.

Reading on from "earliest" or "latest" when the offset is gone is how consumers lose data without a sound. Here such
a partition stops, is shown, and waits for an operator (`lianyun offsets redrive` or `accept-loss`); all others flow.

Nor does an offset within the log say that it is the same log: a broker that lost its tail, was restored from a copy or
is a mirror gives the numbers out again. The record before the next one is compared by content; where it has left the
log in order (retention, compaction), the log must still reach beyond it in the leader epoch that appended it (KIP-320),
which a log that was cut before it does not: a later leader has a later epoch. What cannot be shown to be the same log
is not read on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.ledger.storage.ledger_protocol import Claim, Mark, PartitionId


class Moved(StrEnum):
    """What happened to the log: stable names, shown in metrics and alerts."""

    TOPIC_REPLACED = "TOPIC_REPLACED"
    OFFSET_TRUNCATED = "OFFSET_TRUNCATED"
    OFFSET_BEYOND_END = "OFFSET_BEYOND_END"
    NOT_APPEND_TIME = "NOT_APPEND_TIME"
    LOG_DIVERGED = "LOG_DIVERGED"
    NOT_COMPARED = "NOT_COMPARED"


LASTING = frozenset({Moved.OFFSET_BEYOND_END, Moved.LOG_DIVERGED})
"""What the ledger remembers, since the log itself may hide it as it grows. An operator ends it; OFFSET_BEYOND_END also
ends where the log shows the ledger's last record again: then the broker was not caught up."""


class LogMoved(Exception):
    """A partition cannot be read on without losing or inventing something; it stops until an operator decides."""

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
    """What the log has at the offset of the ledger's last record.

    `record` is None where it has none there any more; then `epoch_end` says where the log ends in the leader epoch of the
    ledger's record, -1 where it has nothing of that epoch, None where that is not known.
    """

    record: Mark | None
    epoch_end: int | None = None


@dataclass(frozen=True, slots=True)
class LogState:
    """What the broker says of one partition now; None where it did not answer."""

    topic_id: str | None
    begin: int | None
    end: int | None
    at_last: Found | None = None


def same_log(last: Mark, found: Found | None) -> bool | None:
    """Whether the log is the one in which `last` was read; None where neither is shown."""
    if found is None:
        return None
    if found.record is not None:
        return found.record.digest == last.digest
    return None if found.epoch_end is None else found.epoch_end > last.offset


def not_continued(partition: PartitionId, last: Mark, found: Found | None) -> LogMoved | None:
    """Return why what was read behind `last` must not be handed on, None where the log is still the same."""
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
    """Return why `claim` must not be read on in `log`, None when it may.

    Where the ledger has no record to compare, also when the broker does not tell its offsets.
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
