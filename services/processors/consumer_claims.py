"""The consumer's side towards the ledger: claims, seeks, stopped partitions, and offset hints for lag tools."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from faust.transport.drivers import aiokafka as driver

from services.ledger.storage.ledger_protocol import Claim, Mark, PartitionId, Reader, Slice
from services.processors.consumer_thread import LedgerConsumerThread
from services.processors.log_identity import LASTING, Found, LogMoved, LogState, Moved, log_moved
from services.processors.ports import LogRecord

log = logging.getLogger(__name__)


class Ledger(Protocol):
    """The ledger and the broker's metadata, asynchronously."""

    async def claim(self, partitions: Sequence[PartitionId], topic_ids: Mapping[str, str]) -> Sequence[Claim]:
        """Claim partitions, after every transaction that runs already."""

    async def release(self) -> None:
        """Release all claims, after the running transaction."""

    async def topic_ids(self, topics: Iterable[str]) -> Mapping[str, str]:
        """The ids of the topics, as far as the broker returns them."""

    async def unassigned(self, group: str, topics: Iterable[str]) -> frozenset[PartitionId]:
        """The partitions of the topics that no member of the group reads."""

    async def found(self, marks: Mapping[PartitionId, Mark]) -> Mapping[PartitionId, Found]:
        """What the log holds at the offsets of `marks`, as far as the broker returns it."""

    async def moved(self) -> Sequence[PartitionId]:
        """The claims that an operator has moved since they were made."""

    async def note_stopped(self, partition: PartitionId, epoch: int, moved: LogMoved | None) -> None:
        """Store under the claim of `epoch` what stopped a partition; None clears it."""


class ClaimingConsumer(driver.Consumer):  # type: ignore[misc]
    """Consumes the partitions that the ledger grants, from the ledger's offsets. Belongs to the app's event loop."""

    def __init__(self, *args: Any, ledger: Ledger, topics: frozenset[str], **kwargs: Any) -> None:
        self.ledger = ledger
        self.wanted = topics
        self.reader: Reader[LogRecord] = Reader()
        self.stopped_partitions: dict[PartitionId, LogMoved] = {}
        self.missing_topics: frozenset[str] = frozenset()
        self._unassigned: frozenset[PartitionId] = frozenset()
        self.rebalances = 0
        self._topic_ids: dict[str, str] = {}
        self._applied: dict[PartitionId, int] = {}
        self._handed: dict[PartitionId, int] = {}  # next offset of a stopped partition
        self._claiming = asyncio.Lock()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> LedgerConsumerThread:
        return LedgerConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """Await the running transaction before others may claim, so that an ordinary rebalance fences no worker."""
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
        """Claim all assigned partitions and seek to the ledger's offsets; called by Faust after each rebalance."""
        async with self._claiming:
            self.reader.restart(())
            self.stopped_partitions.clear()
            self._handed.clear()
            await self._claim(sorted(PartitionId(*tp) for tp in self.assignment()))

    @property
    def _settling(self) -> bool:
        """Whether a rebalance or a claim is under way."""
        return not self.flow_active or bool(self.app.rebalancing) or self._claiming.locked()

    async def follow(self, topics: frozenset[str]) -> frozenset[str]:
        """Begin to read those of `topics` that exist and are not read yet; returns them. To be called every second or so.

        The group rebalances as it does for a new member, so nothing is lost or applied twice. What nobody created, or granted to this
        user, is looked for again at the next call: the group does not subscribe to it before.
        """
        if self._settling or not (unread := topics - self.wanted):
            return frozenset()
        found = frozenset(await self.ledger.topic_ids(unread))
        if not found or self._settling:
            return frozenset()
        log.info("reading %s too", ", ".join(sorted(found)), extra={"action": "topics_followed"})
        self.wanted |= found
        await self.subscribe(self.wanted)
        return found

    async def examine(self) -> None:
        """Stop the partitions of recreated topics, and claim again those that stopped or that an operator moved.

        To be called every few seconds. A partition that an operator repaired resumes without a restart.
        """
        if self._settling:
            return
        await self._join_again_where_unread()
        async with self._claiming:
            current = await self.ledger.topic_ids(self.wanted)
            if current:
                self._note_missing(self.wanted - current.keys())
            for partition in self.reader.partitions:
                seen, now = self._topic_ids.get(partition.topic), current.get(partition.topic)
                if seen and now and seen != now:
                    detail = f"The topic's id was {seen} and is {now} now."
                    await self.stop_partition(LogMoved(partition, Moved.TOPIC_REPLACED, detail))
            again = {*filter(self._settled, self.stopped_partitions), *await self.ledger.moved()}
            if self.flow_active:
                await self._claim(sorted(again & {PartitionId(*tp) for tp in self.assignment()}))

    async def _join_again_where_unread(self) -> None:
        """Have the group assign its partitions anew where two looks in a row found some that nobody reads.

        A static member that comes back with more topics than it had is given what it had, and the broker calls for no rebalance.
        """
        before, self._unassigned = (
            self._unassigned,
            await self.ledger.unassigned(self.app.conf.id, self.wanted),
        )
        if (both := before & self._unassigned) and not self._settling:
            log.warning("nobody reads %s; joining again", sorted(both), extra={"action": "partitions_unread"})
            self._unassigned = frozenset()
            await self._thread.join_again()

    def _settled(self, partition: PartitionId) -> bool:
        """Whether everything passed on is applied: a claim drops the backlog, which a truncated log cannot supply again."""
        return self._applied.get(partition, 0) >= self._handed.get(partition, 0)

    async def _claim(self, partitions: Sequence[PartitionId]) -> None:
        if not partitions:
            return
        bounds, ids = await asyncio.gather(
            self._thread.bounds(partitions), self.ledger.topic_ids({p.topic for p in partitions})
        )
        self._topic_ids.update(ids)
        granted: list[Claim] = []
        claims = await self.ledger.claim(partitions, ids)
        found = await self.ledger.found({c.partition: c.last for c in claims if c.last is not None})
        for claim in claims:
            begin, end = bounds.get(claim.partition, (None, None))
            state = LogState(ids.get(claim.partition.topic), begin, end, found.get(claim.partition))
            moved = log_moved(claim, state)
            self._handed.pop(claim.partition, None)
            if moved is not None:
                await self.stop_partition(moved, claim.epoch, claim.stopped)
                continue
            if claim.stopped is not None:
                log.info("%s/%d shows the ledger's last record again and goes on", *claim.partition)
                await self.ledger.note_stopped(claim.partition, claim.epoch, None)
            granted.append(claim)
            self.stopped_partitions.pop(claim.partition, None)
        await self._thread.seek_all({claim.partition: claim.next_offset for claim in granted})
        for claim in granted:
            self._applied[claim.partition] = claim.next_offset
            self._reset_hint(claim.partition, claim.next_offset)
        self.reader.resume(granted)

    def _note_missing(self, missing: frozenset[str]) -> None:
        for topic in missing - self.missing_topics:
            log.error("topic %s does not exist", topic, extra={"action": "topic_missing", "topic": topic})
        self.missing_topics = missing

    async def stop_partition(
        self, moved: LogMoved, epoch: int | None = None, noted: str | None = None
    ) -> None:
        """Pause a partition until it is claimed again.

        A reason that the growing log may hide is stored as `noted` in the ledger, under the claim of `epoch` (default: the current one).
        """
        partition = moved.partition
        claimed = epoch if epoch is not None else self.reader.epoch(partition)
        if (handed := self.reader.expected(partition)) is not None:
            self._handed[partition] = handed
        self.reader.stop(partition)
        known = self.stopped_partitions.get(partition)
        self.stopped_partitions[partition] = moved
        if known is None or known.moved is not moved.moved:
            passing = moved.moved is Moved.NOT_COMPARED
            level = logging.WARNING if passing else logging.ERROR
            log.log(level, "%s", moved, extra={"action": "partition_stopped", "topic": partition.topic})
        await self._thread.pause(partition)
        if moved.moved in LASTING and moved.moved != noted and claimed is not None:
            await self.ledger.note_stopped(partition, claimed, moved)

    # --- hints to Kafka -------------------------------------------------------------------------------------

    def applied(self, slices: Iterable[Slice[LogRecord]]) -> None:
        """Record applied offsets; Faust's commit timer reports them to Kafka for lag tools."""
        assigned = self._get_active_partitions()
        for part in slices:
            self._applied[part.partition] = part.next_offset
            if part.partition in assigned:
                self._acked[part.partition] = [part.next_offset]

    def lags(self) -> dict[PartitionId, int]:
        """Messages between the last one passed on and the end of the log, per readable partition, as of the last fetch."""
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
        """Disabled: Faust checks streams, which are not used here; the watchdog checks the ledger."""
