"""The half of the seam that faces the ledger: claims and seeks, partitions that stop, hints for lag tools."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from faust.transport.drivers import aiokafka as driver

from services.processors.log_moved import LogMoved, LogState, Moved, log_moved
from services.processors.ports import LogRecord
from services.processors.seam_thread import LedgerConsumerThread
from services.storage.ledger_protocol import Claim, PartitionId, Reader, Slice

log = logging.getLogger(__name__)


class Ledger(Protocol):
    """The ledger and the broker's directory, without blocking the event loop."""

    async def claim(self, partitions: Sequence[PartitionId], topic_ids: Mapping[str, str]) -> Sequence[Claim]:
        """Claim partitions, behind every transaction that runs already."""

    async def release(self) -> None:
        """Give up all claims, behind the running transaction."""

    async def topic_ids(self, topics: Iterable[str]) -> Mapping[str, str]:
        """Return the topics' ids as far as the broker tells them."""


class ClaimingConsumer(driver.Consumer):  # type: ignore[misc]
    """A consumer that reads what the ledger lets it, from where the ledger stands. Runs in the app's event loop."""

    def __init__(self, *args: Any, ledger: Ledger, topics: frozenset[str], **kwargs: Any) -> None:
        self.ledger = ledger
        self.wanted = topics
        self.reader: Reader[LogRecord] = Reader()
        self.stopped_partitions: dict[PartitionId, LogMoved] = {}
        self.missing_topics: frozenset[str] = frozenset()
        self.rebalances = 0
        self._topic_ids: dict[str, str] = {}
        self._claiming = asyncio.Lock()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> LedgerConsumerThread:
        return LedgerConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """Let the running transaction end before others may claim: an ordinary rebalance fences nobody."""
        await super().on_partitions_revoked(revoked)
        self.rebalances += 1
        try:
            async with asyncio.timeout(self.app.conf.broker_session_timeout / 2):
                await self.ledger.release()
        except TimeoutError:
            log.warning(
                "the running transaction outlasts the rebalance; it will be fenced if it moves nothing"
            )

    async def perform_seek(self) -> None:
        """Claim everything that is assigned and seek to the ledger's offsets; Faust calls it after each rebalance."""
        async with self._claiming:
            self.reader.restart(())
            self.stopped_partitions.clear()
            await self._claim(sorted(PartitionId(*tp) for tp in self.assignment()))

    async def examine(self) -> None:
        """Look after the log: stop topics that were created again, claim stopped partitions once more.

        To be called every few seconds. A partition that an operator put right flows again without a restart.
        """
        if not self.flow_active or self.app.rebalancing or self._claiming.locked():
            return
        async with self._claiming:
            current = await self.ledger.topic_ids(self.wanted)
            if current:
                self._note_missing(self.wanted - current.keys())
            for partition in self.reader.partitions:
                seen, now = self._topic_ids.get(partition.topic), current.get(partition.topic)
                if seen and now and seen != now:
                    detail = f"The topic's id was {seen} and is {now} now."
                    await self.stop_partition(LogMoved(partition, Moved.TOPIC_REPLACED, detail))
            if self.stopped_partitions and self.flow_active:
                await self._claim(sorted(self.stopped_partitions))

    async def _claim(self, partitions: Sequence[PartitionId]) -> None:
        if not partitions:
            return
        bounds, ids = await asyncio.gather(
            self._thread.bounds(partitions), self.ledger.topic_ids({p.topic for p in partitions})
        )
        self._topic_ids.update(ids)
        granted: list[Claim] = []
        for claim in await self.ledger.claim(partitions, ids):
            begin, end = bounds.get(claim.partition, (None, None))
            moved = log_moved(claim, LogState(ids.get(claim.partition.topic), begin, end))
            if moved is None:
                granted.append(claim)
                self.stopped_partitions.pop(claim.partition, None)
            else:
                await self.stop_partition(moved)
        await self._thread.seek_all({claim.partition: claim.next_offset for claim in granted})
        for claim in granted:
            self._reset_hint(claim.partition, claim.next_offset)
        self.reader.resume(granted)

    def _note_missing(self, missing: frozenset[str]) -> None:
        for topic in missing - self.missing_topics:
            log.error("topic %s does not exist", topic, extra={"action": "topic_missing", "topic": topic})
        self.missing_topics = missing

    async def stop_partition(self, moved: LogMoved) -> None:
        """Read no more of a partition until it is claimed again."""
        self.reader.stop(moved.partition)
        known = self.stopped_partitions.get(moved.partition)
        self.stopped_partitions[moved.partition] = moved
        if known is None or known.moved is not moved.moved:
            log.error("%s", moved, extra={"action": "partition_stopped", "topic": moved.partition.topic})
        await self._thread.pause(moved.partition)

    # --- hints to Kafka -------------------------------------------------------------------------------------

    def applied(self, slices: Iterable[Slice[LogRecord]]) -> None:
        """Note offsets that the ledger holds; Faust's commit timer reports them to Kafka for lag tools."""
        assigned = self._get_active_partitions()
        for part in slices:
            if part.partition in assigned:
                self._acked[part.partition] = [part.next_offset]

    def lags(self) -> dict[PartitionId, int]:
        """Messages between what was handed on and the end of the log, per readable partition, as last fetched."""
        lags = {}
        for partition in self.reader.partitions:
            end, expected = self.highwater(partition), self.reader.expected(partition)
            if end is not None and expected is not None:
                lags[partition] = max(end - expected, 0)
        return lags

    def _new_offset(self, tp: Any) -> int | None:
        acked = self._acked[tp]
        return acked.pop() if acked else None

    def _reset_hint(self, partition: PartitionId, offset: int) -> None:
        self._read_offset[partition] = self._committed_offset[partition] = offset or None
        self._acked[partition] = []
        self._acked_index[partition].clear()

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Nothing: it looks at streams that we do not use and cries wolf; the watchdog looks at the ledger."""
