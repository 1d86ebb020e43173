"""The pipeline of a worker: polls in, one database transaction after another out.

Two threads overlap: one verifies and decodes the next batch while the other runs the current transaction, of which there is
one at a time. Calls of the ledger run on the database thread too, after the running transaction, so a claim never races with it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from services.ledger.storage.batch import Applied
from services.ledger.storage.errors import GenerationMoved, RegistryMoved
from services.ledger.storage.ledger_protocol import Claim, Fenced, Mark, PartitionId, Slice
from services.processors.backlog import AdmittedSlice, Backlog, split_batches
from services.processors.circuit_breaker import CircuitBreakers
from services.processors.log_identity import Found, LogMoved
from services.processors.ports import Admitter, Batch, LogDirectory, LogRecord, Observer, Store
from services.runtime.exit_codes import End, Exit

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one transaction: events, bytes, consignment heads touched. `tick` is the idle interval in seconds.

    Only a backlog fills a transaction. Its fixed cost is shared: with 4,000 events instead of 2,000 Postgres needs 50 us an event
    instead of 55, and a transaction stays well below a second.
    """

    events: int = 4_000
    bytes: int = 8 << 20
    heads: int = 20_000
    tick: float = 0.25


class Pipeline:
    """Backlog, admission and transactions of one worker. Its coroutines belong to one event loop.

    An unexpected error ends the process through `end`; only a batch admitted against a registry that changed meanwhile is retried.
    """

    def __init__(
        self,
        store: Store,
        admitter: Admitter,
        directory: LogDirectory,
        backlog: Backlog[LogRecord],
        breakers: CircuitBreakers,
        limits: Limits,
        observer: Observer,
        end: End,
        on_applied: Callable[[Iterable[Slice[LogRecord]]], None] = lambda _slices: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._admitter, self._directory = store, admitter, directory
        self._backlog, self._breakers, self._limits = backlog, breakers, limits
        self._observer, self._end, self._clock = observer, end, clock
        self.on_applied = on_applied
        self.progress_at = clock()
        self._epochs: dict[PartitionId, int] = {}  # what we may apply; changed on the database's thread only
        self._database = ThreadPoolExecutor(1, "database")
        self._admission = ThreadPoolExecutor(1, "admission")
        self._broker = ThreadPoolExecutor(1, "topics")
        self._work = asyncio.Event()
        self._stopping = False
        self._flight: asyncio.Task[None] | None = None

    # --- called by the consumer ------------------------------------------------------------------------------

    async def claim(self, partitions: Sequence[PartitionId], topic_ids: Mapping[str, str]) -> Sequence[Claim]:
        """Claim partitions after the running transaction; backlog of an older claim is dropped."""

        def claim() -> Sequence[Claim]:
            claims = self._store.claim(partitions, topic_ids)
            self._epochs.update((claim.partition, claim.epoch) for claim in claims)
            return claims

        return await self._run(self._database, claim)

    async def release(self) -> None:
        """Release all claims after the running transaction: a rebalance begins."""
        self._backlog.keep(())
        await self._run(self._database, self._epochs.clear)

    async def topic_ids(self, topics: Iterable[str]) -> Mapping[str, str]:
        """Query the broker for the topics' ids."""
        wanted = tuple(topics)
        return await self._run(self._broker, lambda: self._directory.topic_ids(wanted))

    async def unassigned(self, group: str, topics: Iterable[str]) -> frozenset[PartitionId]:
        """The partitions of `topics` that no member of `group` reads."""
        wanted = tuple(topics)
        return await self._run(self._broker, lambda: self._directory.unassigned(group, wanted))

    async def found(self, marks: Mapping[PartitionId, Mark]) -> Mapping[PartitionId, Found]:
        """What the log holds at the offsets of `marks`."""
        return await self._run(self._broker, lambda: self._directory.found(marks)) if marks else {}

    async def moved(self) -> Sequence[PartitionId]:
        """Which of the claims held an operator has moved."""
        return await self._run(self._database, lambda: self._store.moved(self._epochs))

    async def note_stopped(self, partition: PartitionId, epoch: int, moved: LogMoved | None) -> None:
        """Store what stopped a partition, after the running transaction."""
        await self._run(self._database, lambda: self._store.note_stopped(partition, epoch, moved))

    def held(self) -> frozenset[PartitionId]:
        """The partitions to be paused since their backlog is full."""
        return self._backlog.held()

    # --- work -----------------------------------------------------------------------------------------------

    def feed(self, slices: Iterable[Slice[LogRecord]]) -> None:
        """Enqueue one poll; returns at once. The backlog is bounded through `held`."""
        self._backlog.add(slices)
        self._work.set()

    def behind(self) -> bool:
        """Whether records are queued or being applied, paused topics excepted."""
        return self._flying() or self._backlog.waiting(self._breakers.open_topics(self._clock()))

    async def run(self) -> None:
        """Work until `stop`. Never raises: an error ends the process."""
        try:
            await self._run(self._database, self._store.refresh)
            while not self._stopping:
                drawn = self._draw()
                if drawn:
                    await self._process(drawn)
                elif not await self._wait(self._limits.tick) and not self._flying():
                    await self._run(self._database, self._idle)
            await self._landed()
        except Exception as error:
            self._fail("the pipeline failed", error)

    async def stop(self, seconds: float = 60.0) -> bool:
        """Finish the running transaction and start no other; the backlog is consumed again by the next owner.

        False where it does not end in time: it is then abandoned with the process, without loss.
        """
        self._stopping = True
        self._work.set()
        if self._flight is not None:
            await asyncio.wait({self._flight}, timeout=seconds)
        return not self._flying()

    async def leave(self, group: str, member: str) -> bool:
        """Have the broker remove `member` from `group`; whether it did."""
        return await self._run(self._broker, lambda: self._directory.leave(group, member))

    def close(self) -> None:
        """Close the database connections and end the threads; only after `stop` returned true."""
        self._database.submit(self._store.close).result()
        for executor in (self._database, self._admission, self._broker):
            executor.shutdown(wait=False)

    def _draw(self) -> tuple[Slice[LogRecord], ...]:
        self._work.clear()
        resting = self._breakers.open_topics(self._clock())
        return self._backlog.draw(self._limits.events, self._limits.bytes, resting)

    async def _process(self, drawn: Sequence[Slice[LogRecord]]) -> None:
        registry = self._store.registry
        parts, weights = await self._admit(drawn, registry)
        for batch in split_batches(parts, weights, self._limits.heads):
            await self._landed()
            if self._stopping:
                return
            self._flight = asyncio.create_task(self._apply(batch, registry))

    async def _admit(
        self, slices: Sequence[Slice[LogRecord]], registry: Any
    ) -> tuple[list[AdmittedSlice[LogRecord, Any]], list[Sequence[int]]]:
        records = [record for part in slices for record in part.records]
        started = time.perf_counter()
        admission = await self._run(self._admission, lambda: self._admitter.admit(records, registry))
        seconds = time.perf_counter() - started
        parts: list[AdmittedSlice[LogRecord, Any]] = []
        weights: list[Sequence[int]] = []
        at = 0
        for part in slices:
            upto = at + len(part.records)
            parts.append(AdmittedSlice(part, admission.outcomes[at:upto]))
            weights.append(admission.weights[at:upto])
            at = upto
        self._note_refusals(parts, weights, admission.sole)
        self._observer.batch_admitted(parts, seconds)
        return parts, weights

    def _note_refusals(
        self, parts: Batch[Any], weights: Sequence[Sequence[int]], sole: frozenset[str]
    ) -> None:
        counts: dict[str, tuple[int, int]] = {}
        for part, each in zip(parts, weights, strict=True):
            topic = part.slice.partition.topic
            if topic in sole:
                total, refused = counts.get(topic, (0, 0))
                counts[topic] = (total + len(each), refused + each.count(0))
        for topic, (total, refused) in counts.items():
            rest = self._breakers.record(topic, total, refused, self._clock())
            if rest is not None:
                log.error(
                    "nearly everything in %s is refused; it rests for %.0f s, the others flow",
                    topic,
                    rest,
                    extra={"action": "topic_rests", "topic": topic},
                )
                self._observer.circuit_opened(topic, rest)

    async def _apply(self, batch: Batch[Any], registry: Any) -> None:
        started = time.perf_counter()
        try:
            while True:
                try:
                    applied, claimed = await self._run(
                        self._database, partial(self._apply_held, batch, registry)
                    )
                    break
                except RegistryMoved:
                    await self._run(self._database, self._store.refresh)
                    registry = self._store.registry
                    batch, _ = await self._admit([part.slice for part in batch], registry)
        except Exception as error:
            self._fail("a batch failed and was rolled back", error)
        else:
            if claimed:
                self.progress_at = self._clock()
                self.on_applied([part.slice for part in claimed])
                self._observer.batch_applied(claimed, applied, time.perf_counter() - started)

    def _apply_held(self, batch: Batch[Any], registry: Any) -> tuple[Applied, Batch[Any]]:
        """On the database thread: apply the slices whose claim is unchanged since they were read."""
        claimed = [part for part in batch if self._epochs.get(part.slice.partition) == part.slice.epoch]
        return (self._store.apply(claimed, registry) if claimed else Applied()), claimed

    def _fail(self, what: str, error: Exception) -> None:
        if self._stopping and isinstance(error, Fenced):
            log.info("the last batch belongs to another worker already: %s", error)
            return
        if isinstance(error, Fenced):
            self._end(Exit.FENCED, f"fenced, nothing was applied: {error}", error)
        elif isinstance(error, GenerationMoved):
            self._end(Exit.STATE_MOVED, f"starting anew: {error}", error)
        else:
            self._end(Exit.UNEXPECTED, f"{what}: {error!r}", error)

    def _idle(self) -> None:
        self._store.idle()
        self._store.refresh()

    async def _wait(self, seconds: float) -> bool:
        """Wait for work or for `seconds`; whether there may be work."""
        rest = self._breakers.next_trial(self._clock())
        try:
            async with asyncio.timeout(seconds if rest is None else min(seconds, rest)):
                await self._work.wait()
        except TimeoutError:
            return False
        return True

    async def _landed(self) -> None:
        if self._flight is not None:
            await self._flight

    def _flying(self) -> bool:
        return self._flight is not None and not self._flight.done()

    async def _run(self, executor: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, work)
