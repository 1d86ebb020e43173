"""Access to the log and its metadata beside the worker's own fetches: topic ids, single records, ranges, ends of leader epochs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import MemberToRemove
from kafka.errors import KafkaError, NoError
from kafka.protocol.consumer import OffsetForLeaderEpochRequest

from services.ledger.storage.ledger_protocol import Mark, PartitionId, mark_of
from services.processors.log_identity import Found
from services.processors.ports import LogRecord

_SECONDS = 5.0
_LOOK_BYTES, _STRETCH_BYTES = 65_536, 1 << 20  # a batch that is larger is sent whole all the same
_Partitions = OffsetForLeaderEpochRequest.OffsetForLeaderTopic


class LogReader:
    """Reads records through kafka-python, without a group and only from the offset given.

    `connection` holds kafka-python's settings: addresses and security. Thread-safe. Every method blocks and opens a client of
    its own (0.15 s): a shared one loses fetches when its assignment and positions change.
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

    def found(self, marks: Mapping[PartitionId, Mark]) -> dict[PartitionId, Found]:
        """What the log holds at the offset of each mark; without those that the broker does not return within 5 s.

        Where the record is gone, the result contains the end of its leader epoch.
        """
        shown: dict[PartitionId, Found] = {}
        try:
            with self._opened(marks) as consumer:
                for partition, record in _records_at(
                    consumer, {p: m.offset for p, m in marks.items()}
                ).items():
                    leader = marks[partition].leader_epoch
                    if record is not None:
                        shown[partition] = Found(mark_of(record, _leader(record)))
                    else:
                        end = None if leader is None else _epoch_end(consumer, partition, leader)
                        shown[partition] = Found(None, end)
        except KafkaError as error:
            log.warning("the log is not shown: %r", error, extra={"action": "log_unknown"})
        return shown

    def mark(self, partition: PartitionId, offset: int) -> Mark | None:
        """The mark of the record at exactly `offset`; None where there is none. Raises KafkaError."""
        if offset < 0:
            return None
        with self._opened([partition]) as consumer:
            record = _records_at(consumer, {partition: offset}).get(partition)
        return None if record is None else mark_of(record, _leader(record))

    def bounds(self, partition: PartitionId) -> tuple[int, int]:
        """(first offset, end offset). Raises KafkaError."""
        tp = TopicPartition(*partition)
        with self._opened([partition]) as consumer:
            return consumer.beginning_offsets([tp])[tp], consumer.end_offsets([tp])[tp]

    def records(self, partition: PartitionId, start: int, end: int) -> Iterator[LogRecord]:
        """Yield the records from `start` up to, excluding, `end`, both within the log. Raises KafkaError."""
        tp = TopicPartition(*partition)
        with self._opened([partition], _STRETCH_BYTES) as consumer:
            consumer.assign([tp])
            consumer.seek(tp, start)
            while consumer.position(tp) < end:
                for record in consumer.poll(timeout_ms=1_000).get(tp, ()):
                    if record.offset >= end:
                        return
                    yield record

    @contextmanager
    def _opened(self, partitions: Iterable[PartitionId], size: int = _LOOK_BYTES) -> Iterator[Any]:
        consumer = KafkaConsumer(**self._connection, max_partition_fetch_bytes=size)
        try:
            yield consumer
        except KeyError as missing:  # the client's answer to a partition that is not there
            raise KafkaError(f"the broker does not have all of {sorted(partitions)}: {missing}") from None
        finally:
            consumer.close()


def _records_at(consumer: Any, offsets: Mapping[PartitionId, int]) -> dict[PartitionId, Any]:
    """The records at `offsets`, None where the log has none there; without offsets beyond its end."""
    deadline = time.monotonic() + _SECONDS
    for topic in {partition.topic for partition in offsets}:
        consumer.partitions_for_topic(topic)  # what the client knows of the cluster
    leader = consumer._manager.cluster.leader_for_partition
    places = {
        tp: (partition, at)
        for partition, at in offsets.items()
        # Without a leader the client would wait, and the others with it.
        if leader(tp := TopicPartition(*partition)) not in (None, -1)
    }
    begins, ends = consumer.beginning_offsets(list(places)), consumer.end_offsets(list(places))
    seen: dict[PartitionId, Any] = {
        partition: None for tp, (partition, at) in places.items() if at < begins[tp]
    }
    sought = {tp for tp, (_, at) in places.items() if begins[tp] <= at < ends[tp]}
    consumer.assign(list(sought))
    for tp in sought:
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


def _epoch_end(consumer: Any, partition: PartitionId, leader_epoch: int) -> int:
    """The end offset of `leader_epoch`; -1 where the log has nothing of it. Raises KafkaError."""
    manager = consumer._manager
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


def _leader(record: Any) -> int | None:
    return record.leader_epoch if record.leader_epoch >= 0 else None


log = logging.getLogger(__name__)


def unassigned(topics: Iterable[Mapping[str, Any]], group: Mapping[str, Any]) -> frozenset[PartitionId]:
    """The partitions of ``topics`` that no member of ``group`` has, both as the broker describes them; none unless the group is stable."""
    assignments = [member["member_assignment"] or {} for member in group["members"]]
    if group["group_state"] != "Stable" or not all(isinstance(each, Mapping) for each in assignments):
        return frozenset()  # while it forms, or in a form that the client does not read
    held = {
        PartitionId(part["topic"], number)
        for each in assignments
        for part in each.get("assigned_partitions", ())
        for number in part["partitions"]
    }
    every = {
        PartitionId(topic["name"], part["partition_index"])
        for topic in topics
        for part in topic["partitions"]
    }
    return frozenset(every - held)


class TopicDirectory:
    """`ports.LogDirectory` on kafka-python, since aiokafka does not read topic ids. A recreated topic has another id.

    `connection` holds kafka-python's settings: addresses and security. One connection; thread-safe.
    """

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._connection = {
            "bootstrap_timeout_ms": 5_000,
            "request_timeout_ms": 5_000,
            "client_id": "lianyun-topics",
            **connection,
        }
        self._admin: Any = None
        self._reader = LogReader(connection)
        self._lock = threading.Lock()

    def topic_ids(self, topics: Iterable[str]) -> Mapping[str, str]:
        """The ids of those `topics` that exist; {} when the broker does not respond. Blocks for up to 10 s."""
        wanted = sorted(topics)
        if not wanted:
            return {}
        with self._lock:
            try:
                described = self._described(wanted)
            except KafkaError as error:
                log.warning(
                    "topic ids unknown: %r (a wrong SASL password looks the same)",
                    error,
                    extra={"action": "topic_ids_unknown"},
                )
                self._drop()
                return {}
        return {topic["name"]: str(topic["topic_id"]) for topic in described}

    def unassigned(self, group: str, topics: Iterable[str]) -> frozenset[PartitionId]:
        """The partitions of those `topics` that exist that no member of `group` has. Blocks for up to 10 s.

        None while the group rebalances or is empty, and when the broker does not respond.
        """
        wanted = sorted(topics)
        with self._lock:
            try:
                there = self._described(wanted)
                found = self._admin.describe_groups([group])[group]
            except KafkaError as error:
                log.warning("the group is not shown: %r", error, extra={"action": "group_unknown"})
                self._drop()
                return frozenset()
        return unassigned(there, found)

    def _described(self, topics: Sequence[str]) -> list[Any]:
        """Those of `topics` that exist and that this user may see. Raises KafkaError."""
        if self._admin is None:
            self._admin = KafkaAdminClient(**self._connection)
        return [topic for topic in self._admin.describe_topics(topics) if not topic["error_code"]]

    def found(self, marks: Mapping[PartitionId, Mark]) -> Mapping[PartitionId, Found]:
        """What the log holds at the offsets of `marks`; see `LogReader`. Blocks for up to 10 s."""
        return self._reader.found(marks)

    def leave(self, group: str, member: str) -> bool:
        """Remove the static `member` from `group`; False when the broker does not. Blocks for up to 10 s.

        The group waits for a static member until its session times out, and the consumer's client sends no LeaveGroup for one.
        """
        with self._lock:
            try:
                if self._admin is None:
                    self._admin = KafkaAdminClient(**self._connection)
                answers = self._admin.remove_group_members(group, [MemberToRemove(group_instance_id=member)])
            except KafkaError as error:
                log.warning("the group was left without a word: %r", error, extra={"action": "left"})
                self._drop()
                return False
        return all(answer is NoError for answer in answers.values())

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()
