"""Is the log still the one that the ledger has been reading? Pure judgement, with an error that names the case.

Reading on from "earliest" or "latest" when the offset is gone is how consumers lose data without a sound. Here such
a partition stops, is shown, and waits for an operator (`lianyun offsets accept-loss`); all others flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.storage.ledger_protocol import Claim, PartitionId


class Moved(StrEnum):
    """What happened to the log: stable names, shown in metrics and alerts."""

    TOPIC_REPLACED = "TOPIC_REPLACED"
    OFFSET_TRUNCATED = "OFFSET_TRUNCATED"
    OFFSET_BEYOND_END = "OFFSET_BEYOND_END"
    NOT_APPEND_TIME = "NOT_APPEND_TIME"


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
    Moved.OFFSET_BEYOND_END: "The broker lost its tail or is not caught up; it is looked at again every few seconds.",
    Moved.NOT_APPEND_TIME: "Set message.timestamp.type=LogAppendTime (lianyun topics apply), then accept-loss.",
}


@dataclass(frozen=True, slots=True)
class LogState:
    """What the broker says of one partition now; None where it did not answer."""

    topic_id: str | None
    begin: int | None
    end: int | None


def log_moved(claim: Claim, log: LogState) -> LogMoved | None:
    """Return why `claim` must not be read on in `log`, None when it may (also when the broker did not tell)."""
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
    return None
