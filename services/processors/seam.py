"""The seam: Faust keeps membership, assignment and life cycle; whole polls reach our code, from the ledger's offsets.

A consumer and a transport for faust-streaming 0.15.3 and aiokafka 0.14. Three things differ from the stock ones:
`perform_seek` claims the assigned partitions in the ledger and seeks there (the offsets committed to Kafka are a hint
for lag tools); `_drain_messages` puts whole polls into a channel instead of single messages, of which Faust makes four
tasks each; and a partition whose log moved stops by itself instead of falling back to "earliest".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.transport.drivers import aiokafka as driver

from services.processors.ledger_protocol import Claim, PartitionId, Reader, Slice
from services.processors.log_moved import LogMoved, LogState, Moved, log_moved
from services.processors.ports import LogRecord
from services.processors.seam_thread import LedgerConsumerThread

log = logging.getLogger(__name__)

Poll = tuple[Slice[LogRecord], ...]
"""What travels through the channel: the slices of one fetch."""

_APPEND_TIME = 1


class Ledger(Protocol):
    """The ledger and the broker's directory, without blocking the event loop."""

    async def claim(self, partitions: Sequence[PartitionId], topic_ids: Mapping[str, str]) -> Sequence[Claim]:
        """Claim partitions, behind every transaction that runs already."""

    async def release(self) -> None:
        """Give up all claims, behind the running transaction."""

    async def topic_ids(self, topics: Iterable[str]) -> Mapping[str, str]:
        """Return the topics' ids as far as the broker tells them."""


class LedgerConsumer(driver.Consumer):  # type: ignore[misc]
    """The consumer of a worker. Everything here runs in the event loop of the app."""

    def __init__(
        self,
        *args: Any,
        ledger: Ledger,
        topics: frozenset[str],
        channel: Any,
        held: Callable[[], frozenset[PartitionId]],
        **kwargs: Any,
    ) -> None:
        self.ledger = ledger
        self.wanted = topics
        self.channel = channel
        self.held = held
        self.reader: Reader[LogRecord] = Reader()
        self.stopped_partitions: dict[PartitionId, LogMoved] = {}
        self.missing_topics: frozenset[str] = frozenset()
        self.fetch_errors = self.fetch_gaps = self.rebalances = 0
        self._topic_ids: dict[str, str] = {}
        self._claiming = asyncio.Lock()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> LedgerConsumerThread:
        return LedgerConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # --- claims and seeks -----------------------------------------------------------------------------------

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
                    await self._stop(LogMoved(partition, Moved.TOPIC_REPLACED, detail))
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
                await self._stop(moved)
        await self._thread.seek_all({claim.partition: claim.next_offset for claim in granted})
        for claim in granted:
            self._reset_hint(claim.partition, claim.next_offset)
        self.reader.resume(granted)

    def _note_missing(self, missing: frozenset[str]) -> None:
        for topic in missing - self.missing_topics:
            log.error("topic %s does not exist", topic, extra={"action": "topic_missing", "topic": topic})
        self.missing_topics = missing

    async def _stop(self, moved: LogMoved) -> None:
        self.reader.stop(moved.partition)
        known = self.stopped_partitions.get(moved.partition)
        self.stopped_partitions[moved.partition] = moved
        if known is None or known.moved is not moved.moved:
            log.error("%s", moved, extra={"action": "partition_stopped", "topic": moved.partition.topic})
        await self._thread.pause(moved.partition)

    # --- fetching -------------------------------------------------------------------------------------------

    async def _drain_messages(self, fetcher: Any) -> None:
        """Fetch, judge and hand over until stopped: Faust's fetcher runs this as its one task."""
        self.reader.dropped()
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                if not self.flow_active:
                    await self.wait(self.can_resume_flow)
                    continue
                await self._drain_once()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _drain_once(self) -> None:
        generation = self.app.consumer_generation_id
        active = (self._get_active_partitions() & self.reader.partitions) - self.held()
        if not active:  # never ask with an empty set: the client takes it for "all"
            await asyncio.sleep(0.02)
            return
        try:
            fetched = await self._getmany(active_partitions=active, timeout=0.5)
        except self.consumer_stopped_errors:
            raise
        except KafkaError as error:
            self.reader.dropped()
            await self._on_fetch_error(error)
            return
        if not fetched:
            return
        if not self.flow_active or generation != self.app.consumer_generation_id:
            self.reader.dropped()  # the seek at the end of the rebalance brings it again
            return
        judged = self.reader.judge(fetched)
        if judged.seeks:
            self.fetch_gaps += len(judged.seeks)
            log.info("fetch does not continue; seeking %s", dict(judged.seeks), extra={"action": "seek"})
            await self._thread.seek_all(judged.seeks)
        poll = await self._with_append_time(judged.slices)
        if poll and await self._hand_over(poll):
            self.reader.handed_over(poll)
        elif poll:
            self.reader.dropped()

    async def _hand_over(self, poll: Poll) -> bool:
        """Put the poll into the channel, or give up when the flow is suspended; tell which.

        Not `Service.wait_first`: a rebalance clears the channel and cancels waiting puts, and that call lets the
        cancellation out, which ends the fetcher.
        """
        if not self.channel.subscriber_count:  # a put without a taker would vanish
            await asyncio.sleep(0.05)
            return False
        put = asyncio.ensure_future(self.channel.put(poll))
        suspended = asyncio.ensure_future(self.suspend_flow.wait())
        try:
            await asyncio.wait({put, suspended}, return_when=asyncio.FIRST_COMPLETED)
            given = put.done() and not put.cancelled()
        finally:
            for task in (put, suspended):
                task.cancel()
        if given and (failure := put.exception()) is not None:
            raise failure
        return given

    async def _with_append_time(self, slices: Sequence[Slice[LogRecord]]) -> Poll:
        """Leave out partitions whose records carry a time of the publisher's choice: windows are judged by it."""
        for part in slices:
            if any(record.timestamp_type != _APPEND_TIME for record in part.records):
                detail = f"Records from offset {part.first} carry the publisher's time, not the broker's."
                await self._stop(LogMoved(part.partition, Moved.NOT_APPEND_TIME, detail))
        return tuple(part for part in slices if part.partition not in self.stopped_partitions)

    async def _on_fetch_error(self, error: KafkaError) -> None:
        if isinstance(error, NoOffsetForPartitionError):
            return  # the group has no committed offset yet; we seek to the ledger's anyway
        if isinstance(error, OffsetOutOfRangeError):
            for partition in (PartitionId(*tp) for tp in error.args[0]):
                offset = self.reader.expected(partition)
                bounds = await self._thread.bounds([partition])
                if offset is None or partition not in bounds:
                    continue
                begin, end = bounds[partition]
                moved = log_moved(Claim(partition, offset, 0), LogState(None, begin, end))
                if moved is not None:
                    await self._stop(moved)
            return
        self.fetch_errors += 1
        log.warning("fetch failed: %s: %s", type(error).__name__, error, extra={"action": "fetch_failed"})
        await asyncio.sleep(0.5)

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


class LedgerTransport(driver.Transport):  # type: ignore[misc]
    """Faust's transport with our consumer; `parts` are the keyword arguments that LedgerConsumer adds."""

    def __init__(self, *args: Any, parts: Mapping[str, Any], **kwargs: Any) -> None:
        self._parts = parts
        super().__init__(*args, **kwargs)

    def create_consumer(self, callback: Any, **kwargs: Any) -> LedgerConsumer:
        """Create the consumer; Faust calls it once."""
        return LedgerConsumer(self, callback=callback, loop=self.loop, **self._parts, **kwargs)
