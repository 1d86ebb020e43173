"""The interfaces between the Faust shell (consumer, pipeline, worker) and the rest of the system.

The shell knows the log and the ledger protocol, and nothing of events. `LogRecord` is the Kafka client's record, `OutcomeT`
the result of admitting one.
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
    """A record of the Kafka client. `timestamp` is UTC milliseconds; `timestamp_type` 1 is LogAppendTime."""

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
    """The result of admitting some records: one outcome and one weight per record, in order.

    The weight is the number of rows that the event touches, at least 1; 0 for a refused record. ``sole`` are those topics of the
    records that have a single writer.
    """

    outcomes: Sequence[Any]
    weights: Sequence[int]
    sole: frozenset[str] = frozenset()


class Admitter(Protocol):
    """Admits or refuses records. Pure computation, on one thread that is not the event loop's."""

    def admit(self, records: Sequence[LogRecord], registry: Any) -> Admission:
        """Admit or refuse `records` against a registry snapshot. Raises only for a fault that is not due to one record."""


class Store(Protocol):
    """The database. Every method blocks; all are called from one thread, which is not the event loop's.

    Every method may raise GenerationMoved. It and any error not named here end the process; nothing was committed, so nothing
    is lost.
    """

    @property
    def registry(self) -> Any:
        """The snapshot loaded last; readable from any thread."""

    @property
    def topics(self) -> frozenset[str]:
        """The topics that this snapshot names; readable from any thread."""

    def claim(self, partitions: Sequence[PartitionId], topic_ids: Mapping[str, str]) -> Sequence[Claim]:
        """Claim `partitions`, each under a new epoch, and store the topic ids of those never read."""

    def moved(self, epochs: Mapping[PartitionId, int]) -> Sequence[PartitionId]:
        """Which of the claims of these epochs an operator has moved."""

    def note_stopped(self, partition: PartitionId, epoch: int, moved: LogMoved | None) -> None:
        """Store what stopped `partition`, None to clear it; no effect when it was claimed since."""

    def apply(self, batch: Batch[Any], registry: Any) -> Applied:
        """Apply a batch admitted against `registry` in one transaction, which advances the ledger and marks its last records.

        Raises Fenced or RegistryMoved, with no effect.
        """

    def refresh(self) -> None:
        """Reload the registry where its version changed."""

    def idle(self) -> None:
        """Settle what is waiting for the horizon; called when nothing was applied for a moment."""

    def close(self) -> None:
        """Close the connections."""


class Observer(Protocol):
    """Receives notifications on the event loop; must not block."""

    def batch_admitted(self, batch: Batch[Any], seconds: float) -> None:
        """Records were admitted or refused, in `seconds`."""

    def batch_applied(self, batch: Batch[Any], applied: Applied, seconds: float) -> None:
        """A batch was committed, in `seconds`."""

    def circuit_opened(self, topic: str, seconds: float) -> None:
        """Consumption of a topic is paused for `seconds`: nearly everything in it was refused."""


class LogDirectory(Protocol):
    """Topic ids, records and group membership, at the broker. Blocks; called from a thread of its own."""

    def topic_ids(self, topics: Iterable[str]) -> Mapping[str, str]:
        """The ids of those `topics` that exist; {} when the broker does not respond in time."""

    def found(self, marks: Mapping[PartitionId, Mark]) -> Mapping[PartitionId, Found]:
        """What the log holds at the offsets of `marks`; without those that the broker does not return in time."""

    def unassigned(self, group: str, topics: Iterable[str]) -> frozenset[PartitionId]:
        """The partitions of `topics` that no member of `group` reads; none while it rebalances, or when the broker does not respond."""

    def leave(self, group: str, member: str) -> bool:
        """Remove the static `member` from `group`, so that its partitions are reassigned at once; False on failure."""
