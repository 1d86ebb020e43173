"""The consumer's client thread: aiokafka calls that need its event loop, non-fatal offset commits, and the origin of each fetch."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiokafka.client import ConnectionGroup
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver

from services.ledger.storage.ledger_protocol import Origin, PartitionId, runs

# aiokafka 0.14 does not expose the connection and the leader epochs of a fetch, so its fetcher is wrapped: the origin of each
# response is attached to the record lists made from it. Records of a response that is not recognised have no origin, and then
# prove nothing (`services.ledger.storage.ledger_protocol.Reader`).

_BATCH = struct.Struct(">qii")  # base offset, length of what follows, leader epoch
_BEFORE_LENGTH, _MAGIC = 12, 16


class Fetched(list[Any]):
    """The records of one partition, with their origin."""

    origin: Origin


def origins(fetched: Mapping[Any, Sequence[Any]]) -> dict[PartitionId, Origin]:
    """The origins of fetched records, for the partitions where one is known."""
    return {
        PartitionId(*partition): records.origin
        for partition, records in fetched.items()
        if isinstance(records, Fetched)
    }


def record_batches(raw: bytes) -> Iterator[tuple[int, int]]:
    """Yield (first offset, leader epoch) of each complete record batch, format 2 or later, of a fetch response."""
    at, end = 0, len(raw)
    while at + _MAGIC < end:
        base, length, leader = _BATCH.unpack_from(raw, at)
        following = at + _BEFORE_LENGTH + length
        if following > end or length <= 0:
            return
        if raw[at + _MAGIC] >= 2 and leader >= 0:
            yield base, leader
        at = following


class FetchWatch:
    """Records the origin of what `consumer` fetches, from its start on. Belongs to the consumer's event loop."""

    def __init__(self, consumer: Any) -> None:
        self._consumer, self._client = consumer, consumer._client
        self._send, self._start = consumer._client.send, consumer.start
        self._answer: tuple[Any, object | None, dict[Any, Any]] | None = None
        self._client.send, consumer.start = self._sent, self._started

    async def _started(self) -> None:
        await self._start()
        self._fetcher = self._consumer._fetcher
        self._process = self._fetcher._proc_fetch_request
        self._fetcher._proc_fetch_request = self._processed

    async def _sent(self, node_id: Any, request: Any, **more: Any) -> Any:
        if not isinstance(request, FetchRequest) or not hasattr(self, "_fetcher"):
            return await self._send(node_id, request, **more)
        await self._client.ready(node_id)
        before = self._connection(node_id)
        answer = await self._send(node_id, request, **more)
        # A connection that was replaced never comes back: the same one before and after is the one in between.
        connection = before if before is self._connection(node_id) else None
        self._answer = (answer, connection, dict(self._fetcher._records))
        return answer

    def _connection(self, node_id: Any) -> object | None:
        found: object | None = self._client._conns.get((node_id, ConnectionGroup.DEFAULT))
        return found

    async def _processed(self, assignment: Any, node_id: Any, request: Any) -> Any:
        # From the return of `_sent` to here the loop runs nothing else, so the answer is this request's.
        try:
            return await self._process(assignment, node_id, request)
        finally:
            answer, self._answer = self._answer, None
            if answer is not None:
                self._attach_origins(*answer)

    def _attach_origins(self, answer: Any, connection: object | None, before: dict[Any, Any]) -> None:
        for topic, partitions in answer.topics:
            for partition, _error, _end, *data in partitions:
                tp = TopicPartition(topic, partition)
                result = self._fetcher._records.get(tp)
                if type(result) is FetchResult and result is not before.get(tp):
                    result.getall = _with_origin(result, Origin(connection, runs(record_batches(data[-1]))))


def _with_origin(result: Any, origin: Origin) -> Any:
    inner = result.getall

    def getall(max_records: int | None = None) -> Fetched:
        records = Fetched(inner(max_records))
        records.origin = origin
        return records

    return getall


log = logging.getLogger(__name__)

# Faust sets 1.5 s. A fetch pending at the broker for some partitions blocks all others of that broker, so this bounds latency;
# an idle worker sends twenty requests a second in exchange.
_FETCH_MAX_WAIT_MS = 50
# Under traffic a fetch gathers for that long or this much: answered at the first record, fetches and their transactions
# are so small that their own cost fills two processors at 2,000 events a second (p99 540 ms instead of 130).
_FETCH_MIN_BYTES = 65_536
_BOUNDS_SECONDS = 5.0


class LedgerConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread; the public coroutines are called from the app's event loop."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = _FETCH_MAX_WAIT_MS
        consumer._fetch_min_bytes = _FETCH_MIN_BYTES
        # Partition i of every topic goes to the same worker, also where the workers do not divide the partitions.
        consumer._partition_assignment_strategy = (RangePartitionAssignor,)
        FetchWatch(consumer)
        return consumer

    async def seek_all(self, offsets: Mapping[PartitionId, int]) -> None:
        """Set the client's positions and drop its buffers there; partitions just revoked are ignored."""
        if offsets:
            await self.call_thread(self._seek_all, dict(offsets))

    async def pause(self, partition: PartitionId) -> None:
        """Stop fetching `partition` until the next assignment or `seek_all`."""
        await self.call_thread(self._pause, partition)

    async def join_again(self) -> None:
        """Join the group anew; where this member leads it, the broker has all partitions assigned again."""
        await self.call_thread(self._join_again)

    async def bounds(self, partitions: Sequence[PartitionId]) -> dict[PartitionId, tuple[int, int]]:
        """(first offset, end offset) of each partition; {} when the broker does not respond within 5 s."""
        result: dict[PartitionId, tuple[int, int]] = await self.call_thread(self._bounds, list(partitions))
        return result

    async def _seek_all(self, offsets: dict[PartitionId, int]) -> None:
        consumer = self._ensure_consumer()
        for partition, offset in offsets.items():
            tp = TopicPartition(*partition)
            try:
                consumer.resume(tp)
                consumer.seek(tp, offset)
            except IllegalStateError:
                log.info("not seeking %s: it is assigned elsewhere now", partition)

    async def _pause(self, partition: PartitionId) -> None:
        try:
            self._ensure_consumer().pause(TopicPartition(*partition))
        except IllegalStateError:
            log.info("not pausing %s: it is assigned elsewhere now", partition)

    async def _join_again(self) -> None:
        self._ensure_consumer()._coordinator.request_rejoin()

    async def _bounds(self, partitions: list[PartitionId]) -> dict[PartitionId, tuple[int, int]]:
        consumer = self._ensure_consumer()
        wanted = [TopicPartition(*partition) for partition in partitions]
        try:
            async with asyncio.timeout(_BOUNDS_SECONDS):
                begins = await consumer.beginning_offsets(wanted)
                ends = await consumer.end_offsets(wanted)
        except (KafkaError, TimeoutError) as error:
            log.warning("the broker does not tell its offsets: %r", error, extra={"action": "bounds_unknown"})
            return {}
        return {PartitionId(*tp): (begins[tp], ends[tp]) for tp in wanted if tp in begins and tp in ends}

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        # Faust crashes the app when a commit fails. The ledger holds the truth, so a lost hint is only a log line.
        assigned = self.assignment()
        hints = {
            TopicPartition(*tp): OffsetAndMetadata(at, "") for tp, at in offsets.items() if tp in assigned
        }
        try:
            await self._ensure_consumer().commit(hints)
        except Exception as error:
            log.info("offset hint not taken by Kafka: %r", error, extra={"action": "hint_failed"})
            return False
        return True
