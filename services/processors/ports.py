"""What the shell needs from the rest of the system, as protocols: admission, the database, the log's metadata.

The shell (seam, pipeline, worker) knows the log and the ledger's protocol, nothing of events. `LogRecordT` is the
client's record, `OutcomeT` whatever admission makes of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from services.ledger.storage.batch import Applied
from services.ledger.storage.ledger_protocol import Claim, Mark, PartitionId
from services.processors.backlog import AdmittedSlice
from services.processors.log_identity import Found, LogMoved

OutcomeT = TypeVar("OutcomeT")


class LogRecord(Protocol):
    """A record as the Kafka client gives it. `timestamp` is in UTC milliseconds, `timestamp_type` 1 is append time."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def timestamp_type(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


Batch = Sequence[AdmittedSlice[LogRecord, OutcomeT]]


@dataclass(frozen=True, slots=True)
class Admission:
    """What admission made of some records: one outcome and one weight per record, in order.

    The weight is how many rows the event will touch, at least 1; 0 says that the record was refused. ``sole`` are the topics of
    the records that one party alone writes to.
    """

    outcomes: Sequence[Any]
    weights: Sequence[int]
    sole: frozenset[str] = frozenset()


class Admitter(Protocol):
    """Judges records. Pure computation; called from one thread, which is not the event loop's."""

    def admit(self, records: Sequence[LogRecord], registry: Any) -> Admission:
        """Judge `records` by a snapshot of the registry. Raises only for a fault that is not one record's own."""


class Store(Protocol):
    """The database. Every method blocks; all are called from one thread, which is not the event loop's.

    Every method may raise GenerationMoved. It and any error that is not named here end the process: nothing was
    committed, so nothing is lost.
    """

    @property
    def registry(self) -> Any:
        """The snapshot that was loaded last; read from any thread."""

    def claim(self, partitions: Sequence[PartitionId], topic_ids: Mapping[str, str]) -> Sequence[Claim]:
        """Claim `partitions` with a new epoch each; note the topic ids of those that were never read."""

    def moved(self, epochs: Mapping[PartitionId, int]) -> Sequence[PartitionId]:
        """Return which of the claims of these epochs an operator has moved since they were made."""

    def note_stopped(self, partition: PartitionId, epoch: int, moved: LogMoved | None) -> None:
        """Have the ledger remember what stopped `partition`, None for nothing; no effect when it was claimed since."""

    def apply(self, batch: Batch[Any], registry: Any) -> Applied:
        """Apply what was judged by `registry` in one transaction that moves the ledger and marks its last records.

        Raises Fenced or RegistryMoved, with no effect.
        """

    def refresh(self) -> None:
        """Load the registry anew where its version changed."""

    def idle(self) -> None:
        """Settle what waits for the horizon; called when nothing was applied for a moment."""

    def close(self) -> None:
        """Close the connections."""


class Observer(Protocol):
    """Learns what happened, on the event loop; must not block."""

    def batch_admitted(self, batch: Batch[Any], seconds: float) -> None:
        """Records were judged."""

    def batch_applied(self, batch: Batch[Any], applied: Applied, seconds: float) -> None:
        """A batch was committed."""

    def circuit_opened(self, topic: str, seconds: float) -> None:
        """A topic of one party alone rests from now for `seconds`: nearly everything in it was refused."""


class LogDirectory(Protocol):
    """Topic identities and the membership of the group, at the broker. Blocks; called from a thread of its own."""

    def topic_ids(self, topics: Iterable[str]) -> Mapping[str, str]:
        """Return the ids of those `topics` that exist; {} when the broker does not answer in time."""

    def found(self, marks: Mapping[PartitionId, Mark]) -> Mapping[PartitionId, Found]:
        """Return what the log has at the offsets of `marks`; without what the broker does not show in time."""

    def leave(self, group: str, member: str) -> bool:
        """Take the static `member` out of `group`, so that the others get its partitions at once; False on failure."""
