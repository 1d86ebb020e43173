"""The Faust consumer of a worker: Faust owns group membership and life cycle, the ledger owns the offsets.

For faust-streaming 0.15.3 and aiokafka 0.14. It differs from the stock consumer in three ways: `perform_seek` claims the
assigned partitions in the ledger and seeks there (offsets committed to Kafka are only a hint for lag tools);
`_drain_messages` puts whole polls into a channel instead of single messages, for each of which Faust creates four tasks; and
a partition whose log moved is paused instead of reset to "earliest". A slice is passed on only after the record before it was
compared with the log again wherever the log may have lost its tail since (`Reader`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.transport.drivers import aiokafka as driver

from services.ledger.storage.ledger_protocol import Claim, Judgement, PartitionId, Slice
from services.processors.consumer_claims import ClaimingConsumer
from services.processors.consumer_thread import origins
from services.processors.log_identity import LogMoved, LogState, Moved, log_moved, not_continued
from services.processors.ports import LogRecord

log = logging.getLogger(__name__)

Poll = tuple[Slice[LogRecord], ...]
"""What travels through the channel: the slices of one fetch."""

_APPEND_TIME = 1


class LedgerConsumer(ClaimingConsumer):
    """Puts whole polls into `channel`, except for the partitions that `held` returns."""

    def __init__(
        self, *args: Any, channel: Any, held: Callable[[], frozenset[PartitionId]], **kwargs: Any
    ) -> None:
        self.channel = channel
        self.held = held
        self.fetch_errors = self.fetch_gaps = self.comparisons = 0
        self._discarded: set[PartitionId] = set()  # partitions whose fetched records were discarded
        super().__init__(*args, **kwargs)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Fetch, compare and pass on until stopped; runs as the one task of Faust's fetcher."""
        self._discard(
            self.reader.partitions
        )  # a fetch of the fetcher before this one may have come to nothing
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

    def _discard(self, partitions: Iterable[Any]) -> None:
        self._discarded.update(PartitionId(*tp) for tp in partitions)
        self.reader.dropped()

    async def _fetch_again(self) -> None:
        """Seek back to what was discarded: the client counts it as consumed, and no later record need arrive to reveal the gap."""
        offsets = {p: at for p in self._discarded if (at := self.reader.expected(p)) is not None}
        await self._thread.seek_all(offsets)
        self._discarded.clear()

    async def _drain_once(self) -> None:
        if self._discarded:
            await self._fetch_again()
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
            self._discard(fetched)  # the seek at the end of the rebalance may have come before it
            return
        judged = self.reader.judge(fetched, origins(fetched))
        if judged.seeks:
            self.fetch_gaps += len(judged.seeks)
            log.info("fetch does not continue; seeking %s", dict(judged.seeks), extra={"action": "seek"})
            await self._thread.seek_all(judged.seeks)
        poll = await self._with_append_time(await self._continuing(judged))
        if poll and await self._hand_over(poll):
            self.reader.handed_over(poll)
        elif poll:
            self._discard(part.partition for part in poll)

    async def _hand_over(self, poll: Poll) -> bool:
        """Put the poll into the channel; False where the flow was suspended first.

        Not `Service.wait_first`: a rebalance clears the channel and cancels pending puts, and that call propagates the
        cancellation, which ends the fetcher.
        """
        if not self.channel.subscriber_count:  # a put without a subscriber is lost
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

    async def _continuing(self, judged: Judgement[LogRecord]) -> Poll:
        """The slices whose partition still has the record before them in its log; the other partitions are stopped."""
        if not judged.unproven:
            return judged.slices
        self.comparisons += len(judged.unproven)
        found = await self.ledger.found(judged.unproven)
        continuing = []
        for part in judged.slices:
            # Claimed anew meanwhile: what it was compared with is of the older claim.
            if not self.reader.holds(part):
                continue
            last = judged.unproven.get(part.partition)
            moved = None if last is None else not_continued(part.partition, last, found.get(part.partition))
            if moved is None:
                continuing.append(part)
            else:
                await self.stop_partition(moved)
        return tuple(continuing)

    async def _with_append_time(self, slices: Sequence[Slice[LogRecord]]) -> Poll:
        """Without the partitions whose records carry the publisher's time (CreateTime): time windows need the broker's."""
        for part in slices:
            if any(record.timestamp_type != _APPEND_TIME for record in part.records):
                detail = f"Records from offset {part.first} carry the publisher's time, not the broker's."
                await self.stop_partition(LogMoved(part.partition, Moved.NOT_APPEND_TIME, detail))
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
                    await self.stop_partition(moved)
            return
        self.fetch_errors += 1
        log.warning("fetch failed: %s: %s", type(error).__name__, error, extra={"action": "fetch_failed"})
        await asyncio.sleep(0.5)


class LedgerTransport(driver.Transport):  # type: ignore[misc]
    """Faust's transport with LedgerConsumer; `parts` are the keyword arguments that it adds."""

    def __init__(self, *args: Any, parts: Mapping[str, Any], **kwargs: Any) -> None:
        self._parts = parts
        super().__init__(*args, **kwargs)

    def create_consumer(self, callback: Any, **kwargs: Any) -> LedgerConsumer:
        """Create the consumer; Faust calls it once."""
        return LedgerConsumer(self, callback=callback, loop=self.loop, **self._parts, **kwargs)
