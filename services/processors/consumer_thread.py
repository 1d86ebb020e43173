"""The consumer's thread: the calls that must run beside aiokafka's own tasks, and hints that never kill a worker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver

from services.ledger.storage.ledger_protocol import PartitionId
from services.processors.fetch_origin import FetchWatch

log = logging.getLogger(__name__)

# Faust fixes 1.5 s. A fetch that waits at the broker for some partitions keeps all others of that broker from being
# asked for, so this is latency; an idle worker sends twenty requests a second instead.
_FETCH_MAX_WAIT_MS = 50
# Under traffic a fetch gathers for that long or this much: answered at the first record, fetches and their transactions
# are so small that their own cost fills two processors at 2,000 events a second (p99 540 ms instead of 130).
_FETCH_MIN_BYTES = 65_536
_BOUNDS_SECONDS = 5.0


class LedgerConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread; the public coroutines here are called from the app's event loop."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = _FETCH_MAX_WAIT_MS
        consumer._fetch_min_bytes = _FETCH_MIN_BYTES
        # Partition i of every topic goes to the same worker, also where the workers do not divide the partitions.
        consumer._partition_assignment_strategy = (RangePartitionAssignor,)
        FetchWatch(consumer)
        return consumer

    async def seek_all(self, offsets: Mapping[PartitionId, int]) -> None:
        """Move the client's positions and drop what it has buffered there; partitions just revoked are ignored."""
        if offsets:
            await self.call_thread(self._seek_all, dict(offsets))

    async def pause(self, partition: PartitionId) -> None:
        """Have the client fetch no more of `partition` until the next assignment or `seek_all`."""
        await self.call_thread(self._pause, partition)

    async def bounds(self, partitions: Sequence[PartitionId]) -> dict[PartitionId, tuple[int, int]]:
        """Return (first offset, end offset) of each partition; {} when the broker does not answer in 5 s."""
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
