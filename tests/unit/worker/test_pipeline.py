"""The pipeline between the consumer and the database, with both replaced by values."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from services.ledger.storage.batch import Applied
from services.ledger.storage.errors import GenerationMoved, RegistryMoved
from services.ledger.storage.ledger_protocol import Claim, Fenced, PartitionId, Slice
from services.processors.backlog import Backlog, Bounds
from services.processors.circuit_breaker import CircuitBreakers, CircuitBreakerSettings
from services.processors.log_identity import LogMoved
from services.processors.pipeline import Limits, Pipeline
from services.processors.ports import Admission, Batch
from services.runtime.exit_codes import Exit
from tests.unit.worker.test_reader import At, records

A, B = PartitionId("a", 0), PartitionId("b", 0)


class Store:
    def __init__(self) -> None:
        self.registry = 1
        self.epoch = 0
        self.applied: list[tuple[PartitionId, int, int, int]] = []
        self.batches: list[int] = []
        self.threads: set[str] = set()
        self.idles = 0
        self.gate = threading.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self.begun = threading.Event()

    def claim(self, partitions: Sequence[PartitionId], topic_ids: Mapping[str, str]) -> list[Claim]:  # noqa: ARG002
        self.threads.add(threading.current_thread().name)
        self.epoch += 1
        return [Claim(p, 0, self.epoch) for p in partitions]

    def moved(self, epochs: Mapping[PartitionId, int]) -> list[PartitionId]:  # noqa: ARG002
        return []

    def note_stopped(self, partition: PartitionId, epoch: int, moved: LogMoved | None) -> None: ...

    def apply(self, batch: Batch[Any], registry: Any) -> Applied:
        self.threads.add(threading.current_thread().name)
        self.begun.set()
        self.gate.wait(5)
        if self.failure is not None:
            raise self.failure
        if registry != self.registry_now():
            raise RegistryMoved(registry, self.registry_now())
        count = 0
        for part in batch:
            assert list(part.outcomes) == [(registry, r.offset) for r in part.slice.records]
            self.applied.append(
                (part.slice.partition, part.slice.epoch, part.slice.first, part.slice.next_offset)
            )
            count += len(part.outcomes)
        self.batches.append(count)
        return Applied(new=count)

    def registry_now(self) -> int:
        return self.registry

    def refresh(self) -> None:
        self.registry = self.registry_now()

    def idle(self) -> None:
        self.idles += 1

    def close(self) -> None:
        pass


class Admitter:
    refused: frozenset[str] = frozenset()
    seconds = 0.0

    def admit(self, records: Sequence[Any], registry: Any) -> Admission:
        time.sleep(self.seconds)
        return Admission([(registry, r.offset) for r in records], [1] * len(records))


class Watching:
    def __init__(self) -> None:
        self.rests: list[str] = []

    def batch_admitted(self, batch: Batch[Any], seconds: float) -> None: ...
    def batch_applied(self, batch: Batch[Any], applied: Applied, seconds: float) -> None: ...
    def circuit_opened(self, topic: str, seconds: float) -> None:  # noqa: ARG002
        self.rests.append(topic)


class Bench:
    """A pipeline with its parts; `ends` collects what would have ended the process."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.store, self.admitter, self.watching = Store(), Admitter(), Watching()
        self.ends: list[tuple[Exit, str]] = []
        self.hints: list[Slice[At]] = []
        self.backlog: Backlog[Any] = Backlog(lambda _record: 1, Bounds())
        self.pipeline = Pipeline(
            self.store,
            self.admitter,
            None,  # type: ignore[arg-type]
            self.backlog,
            CircuitBreakers(CircuitBreakerSettings(window=100, trial=10)),
            limits or Limits(tick=0.01),
            self.watching,
            lambda code, why, _error: self.ends.append((code, why)),
            on_applied=self.hints.extend,
        )

    async def __aenter__(self) -> Bench:
        self.task = asyncio.create_task(self.pipeline.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.store.gate.set()
        await self.pipeline.stop()
        await self.task
        self.pipeline.close()

    async def until(self, done: Any) -> None:
        async with asyncio.timeout(5):
            while not done():
                await asyncio.sleep(0.005)


def slice_of(partition: PartitionId, epoch: int, first: int, end: int) -> Slice[At]:
    return Slice(partition, epoch, first, end, records(*range(first, end)))


def test_slices_are_applied_in_order_on_one_thread_and_reported() -> None:
    async def scenario() -> None:
        async with Bench() as bench:
            await bench.pipeline.claim([A, B], {})
            bench.pipeline.feed([slice_of(A, 1, 0, 5), slice_of(B, 1, 0, 3)])
            bench.pipeline.feed([slice_of(A, 1, 5, 9)])
            await bench.until(lambda: sum(bench.store.batches) == 12)
            await bench.until(lambda: not bench.pipeline.behind())
        ends = {p: end for p, _, _, end in bench.store.applied}
        assert ends == {A: 9, B: 3}
        assert {s.partition: s.next_offset for s in bench.hints} == {A: 9, B: 3}
        assert bench.store.threads == {"database_0"}
        assert bench.ends == []

    asyncio.run(scenario())


def test_the_next_batch_is_judged_while_the_present_one_is_applied() -> None:
    async def scenario() -> None:
        async with Bench() as bench:
            await bench.pipeline.claim([A], {})
            bench.store.gate.clear()
            bench.pipeline.feed([slice_of(A, 1, 0, 5)])
            await bench.until(bench.store.begun.is_set)
            bench.pipeline.feed([slice_of(A, 1, 5, 9)])
            await bench.until(lambda: bench.backlog.records == 0)
            assert bench.store.batches == [], "the first transaction still runs"
            bench.store.gate.set()
            await bench.until(lambda: bench.store.batches == [5, 4])

    asyncio.run(scenario())


def test_what_was_read_under_an_older_claim_is_dropped_and_not_fenced() -> None:
    async def scenario() -> None:
        async with Bench() as bench:
            await bench.pipeline.claim([A, B], {})
            bench.store.gate.clear()
            bench.pipeline.feed([slice_of(A, 1, 0, 5)])
            await bench.until(bench.store.begun.is_set)
            bench.pipeline.feed([slice_of(A, 1, 5, 9), slice_of(B, 1, 0, 2)])
            await bench.until(lambda: bench.backlog.records == 0)  # judged, waiting for the first transaction
            release = asyncio.create_task(bench.pipeline.release())
            await asyncio.sleep(0.05)
            assert not release.done(), "a rebalance waits for the running transaction"
            bench.store.gate.set()
            await release
            await bench.pipeline.claim([A], {})
            bench.pipeline.feed([slice_of(A, 2, 5, 7)])
            await bench.until(lambda: (A, 2, 5, 7) in bench.store.applied)
        assert bench.store.applied == [(A, 1, 0, 5), (A, 2, 5, 7)]
        assert bench.ends == []

    asyncio.run(scenario())


def test_a_batch_judged_by_an_older_registry_is_judged_again() -> None:
    async def scenario() -> None:
        async with Bench() as bench:
            await bench.pipeline.claim([A], {})
            bench.store.registry_now = lambda: 2  # type: ignore[method-assign]
            bench.pipeline.feed([slice_of(A, 1, 0, 5)])
            await bench.until(lambda: bench.store.batches == [5])
        assert bench.ends == []

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Fenced("moved"), Exit.FENCED),
        (GenerationMoved("generation 2"), Exit.STATE_MOVED),
        (OSError("disk"), Exit.UNEXPECTED),
    ],
)
def test_a_failed_batch_ends_the_process(failure: Exception, code: Exit) -> None:
    async def scenario() -> None:
        async with Bench() as bench:
            await bench.pipeline.claim([A], {})
            bench.store.failure = failure
            bench.pipeline.feed([slice_of(A, 1, 0, 5)])
            await bench.until(lambda: bench.ends)
        assert bench.ends[0][0] is code
        assert bench.hints == []

    asyncio.run(scenario())


def test_stopping_finishes_the_running_transaction_and_begins_no_other() -> None:
    async def scenario() -> None:
        async with Bench(Limits(events=5, tick=0.01)) as bench:
            await bench.pipeline.claim([A], {})
            bench.store.gate.clear()
            bench.pipeline.feed([slice_of(A, 1, 0, 20)])
            await bench.until(bench.store.begun.is_set)
            stop = asyncio.create_task(bench.pipeline.stop())
            await asyncio.sleep(0.05)
            assert not stop.done()
            bench.store.gate.set()
            await stop
            await bench.task
        assert bench.store.batches == [5]

    asyncio.run(scenario())


def test_an_idle_pipeline_settles() -> None:
    async def scenario() -> None:
        async with Bench() as bench:
            await bench.until(lambda: bench.store.idles >= 3)

    asyncio.run(scenario())


def refusing(sole: frozenset[str]) -> Any:
    """An admitter's judgement that refuses everything; the topics of ``sole`` are one party's own."""
    return lambda records, registry: Admission(
        [(registry, r.offset) for r in records], [0] * len(records), sole
    )


def test_a_topic_that_several_write_to_never_rests_for_one_of_them() -> None:
    async def scenario() -> None:
        async with Bench() as bench:
            bench.admitter.admit = refusing(frozenset())  # type: ignore[method-assign]
            await bench.pipeline.claim([A, B], {})
            bench.pipeline.feed([slice_of(A, 1, 0, 5_000)])
            await bench.until(lambda: bench.backlog.records == 0)
            bench.pipeline.feed([slice_of(A, 1, 5_000, 5_005)])
            await bench.until(lambda: (A, 1, 5_000, 5_005) in bench.store.applied)
            assert bench.watching.rests == []

    asyncio.run(scenario())


def test_a_topic_of_refusals_rests_and_the_other_flows() -> None:
    async def scenario() -> None:
        async with Bench() as bench:
            bench.admitter.admit = refusing(frozenset({"a"}))  # type: ignore[method-assign]
            await bench.pipeline.claim([A, B], {})
            bench.pipeline.feed([slice_of(A, 1, 0, 100)])
            await bench.until(lambda: bench.watching.rests == ["a"])
            bench.pipeline.feed([slice_of(A, 1, 100, 150), slice_of(B, 1, 0, 5)])
            await bench.until(lambda: (B, 1, 0, 5) in bench.store.applied)
            assert bench.backlog.records == 50
            assert not bench.pipeline.behind(), "a resting topic is not a lack of progress"

    asyncio.run(scenario())
