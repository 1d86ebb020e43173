"""Reading the log beside the workers' own fetches: single records by offset, stretches of it, the ends of leader epochs.

For whoever compares the log with what was applied: workers before they read on, `lianyun doctor`, `fsck` and `offsets`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.protocol.consumer import OffsetForLeaderEpochRequest

from services.processors.log_moved import Found
from services.processors.ports import LogRecord
from services.storage.ledger_protocol import Mark, PartitionId, mark_of

log = logging.getLogger(__name__)

_SECONDS = 5.0
_FETCH_BYTES = 65_536  # a batch that is larger is sent whole all the same
_Partitions = OffsetForLeaderEpochRequest.OffsetForLeaderTopic


class LogReader:
    """Reads records through kafka-python, without a group and from no other offset than the one that was named.

    `connection` are kafka-python's settings: addresses and security. Keeps one connection; safe for several threads, one
    of which reads at a time. Every method blocks.
    """

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._connection = {
            "bootstrap_timeout_ms": 5_000,
            "request_timeout_ms": 5_000,
            "client_id": "lianyun-comparing",
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "fetch_max_wait_ms": 50,
            **connection,
        }
        self._consumer: Any = None
        self._lock = threading.Lock()

    def found(self, marks: Mapping[PartitionId, Mark]) -> dict[PartitionId, Found]:
        """Return what the log has at the offset of each mark; without those that the broker does not show within 5 s.

        Where the log has no record there any more, the answer says how far it reaches in the leader epoch of the mark.
        """
        if not marks:
            return {}
        with self._lock:
            for last_try in (False, True):
                try:
                    return self._found(marks)
                # A connection from before may be dead, and what it knows of the cluster old: then partitions are missing.
                except (KafkaError, KeyError) as error:
                    self._drop()
                    if last_try:
                        log.warning("the log is not shown: %r", error, extra={"action": "log_unknown"})
        return {}

    def _found(self, marks: Mapping[PartitionId, Mark]) -> dict[PartitionId, Found]:
        shown: dict[PartitionId, Found] = {}
        for partition, record in self._look({p: mark.offset for p, mark in marks.items()}).items():
            leader = marks[partition].leader_epoch
            if record is not None:
                shown[partition] = Found(mark_of(record, _leader(record)))
            else:
                shown[partition] = Found(None, None if leader is None else self._epoch_end(partition, leader))
        return shown

    def mark(self, partition: PartitionId, offset: int) -> Mark | None:
        """The mark of the record at exactly `offset`, None where the log has none there. Raises KafkaError."""
        if offset < 0:
            return None
        with self._lock, _known(partition):
            record = self._look({partition: offset}).get(partition)
        return None if record is None else mark_of(record, _leader(record))

    def bounds(self, partition: PartitionId) -> tuple[int, int]:
        """Return (first offset, end offset). Raises KafkaError."""
        with self._lock, _known(partition):
            tp = TopicPartition(*partition)
            consumer = self._opened()
            return consumer.beginning_offsets([tp])[tp], consumer.end_offsets([tp])[tp]

    def records(self, partition: PartitionId, start: int, end: int) -> Iterator[LogRecord]:
        """Yield the records from `start` up to, not including, `end`, both within the log. Raises KafkaError."""
        tp = TopicPartition(*partition)
        with self._lock:
            consumer = self._opened(max_partition_fetch_bytes=1 << 20)
            consumer.assign([tp])
            consumer.resume(tp)
            consumer.seek(tp, start)
            while consumer.position(tp) < end:
                for record in consumer.poll(timeout_ms=1_000).get(tp, ()):
                    if record.offset >= end:
                        return
                    yield record

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _look(self, offsets: Mapping[PartitionId, int]) -> dict[PartitionId, Any]:
        """The records at `offsets`, None where the log has none there; without what lies beyond its end."""
        consumer = self._opened()
        deadline = time.monotonic() + _SECONDS
        places = {TopicPartition(*partition): (partition, at) for partition, at in offsets.items()}
        begins, ends = consumer.beginning_offsets(list(places)), consumer.end_offsets(list(places))
        seen: dict[PartitionId, Any] = {
            partition: None for tp, (partition, at) in places.items() if at < begins.get(tp, 0)
        }
        sought = {tp for tp, (_, at) in places.items() if begins.get(tp, at + 1) <= at < ends.get(tp, 0)}
        consumer.assign(list(sought))
        for tp in sought:
            consumer.resume(tp)  # since the look before it may be paused
            consumer.seek(tp, places[tp][1])
        while sought and time.monotonic() < deadline:
            fetched = consumer.poll(timeout_ms=200)
            for tp in list(sought):
                partition, at = places[tp]
                if consumer.position(tp) > at:  # past it: the first record is the one there, or there is none
                    records = fetched.get(tp)
                    seen[partition] = records[0] if records and records[0].offset == at else None
                    sought.remove(tp)
                    consumer.pause(tp)
        return seen

    def _epoch_end(self, partition: PartitionId, leader_epoch: int) -> int:
        """Where the log ends in `leader_epoch`; -1 where it has nothing of that epoch. Raises KafkaError."""
        manager = self._opened()._manager
        topic, number = partition
        wanted = _Partitions.OffsetForLeaderPartition(partition=number, leader_epoch=leader_epoch)
        request = OffsetForLeaderEpochRequest(
            replica_id=-1, topics=[_Partitions(topic=topic, partitions=[wanted])]
        )
        leader = manager.cluster.leader_for_partition(TopicPartition(*partition))

        async def ask() -> Any:
            return await manager.send(request, node_id=leader)

        (answer,) = manager.run(ask).topics[0].partitions
        if answer.error_code:
            raise KafkaError(f"the end of an epoch is not told: error {answer.error_code}")
        return int(answer.end_offset) if answer.leader_epoch == leader_epoch else -1

    def _opened(self, **more: Any) -> Any:
        wanted = {"max_partition_fetch_bytes": _FETCH_BYTES, **self._connection, **more}
        if self._consumer is not None and more:
            self._drop()
        if self._consumer is None:
            self._consumer = KafkaConsumer(**wanted)
        return self._consumer

    def _drop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()


@contextmanager
def _known(partition: PartitionId) -> Iterator[None]:
    try:
        yield
    except KeyError:
        raise KafkaError(f"the broker knows no {partition.topic}[{partition.partition}]") from None


def _leader(record: Any) -> int | None:
    return record.leader_epoch if record.leader_epoch >= 0 else None
