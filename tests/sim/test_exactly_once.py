"""Whatever dies, freezes or gets lost, each record of the log is applied once and in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.storage.ledger_protocol import Judgement, OffsetRow, PartitionId, Reader, Slice, advance
from tests.sim.world import Advance, FakeLedger, FakeLog, FakeWorker, Message

PARTITIONS = [PartitionId("a", 0), PartitionId("a", 1), PartitionId("b", 0)]
WORKERS = 2

partitions = st.sampled_from(PARTITIONS)
workers = st.integers(0, WORKERS - 1)
counts = st.integers(1, 7)


class ExactlyOnce(RuleBasedStateMachine):
    """Two workers, three partitions, and an adversary."""

    advance: Advance = staticmethod(advance)
    reader: type[Reader[Message]] = Reader

    def __init__(self) -> None:
        super().__init__()
        self.log = FakeLog()
        self.ledger = FakeLedger(type(self).advance)
        self.workers = [FakeWorker(self.log, self.ledger, self.reader) for _ in range(WORKERS)]

    @rule(partition=partitions, count=counts, hole=st.sampled_from([0, 0, 0, 1, 3]))
    def produce(self, partition: PartitionId, count: int, hole: int) -> None:
        self.log.append(partition, count, hole)

    @rule(owners=st.tuples(*[workers] * len(PARTITIONS)), reached=st.sets(workers), lose=st.booleans())
    def rebalance(self, owners: tuple[int, ...], reached: set[int], lose: bool) -> None:
        """A new assignment. A worker that it does not reach is frozen: it goes on with its old rights."""
        for index in sorted(reached):
            self.workers[index].assign(
                [p for p, o in zip(PARTITIONS, owners, strict=True) if o == index], lose
            )

    @rule(
        worker=workers,
        limit=counts,
        fate=st.sampled_from(["kept", "kept", "kept", "late", "lost"]),
    )
    def fetch(self, worker: int, limit: int, fate: str) -> None:
        self.workers[worker].fetch(limit, fate)

    @rule(worker=workers)
    def receive_late(self, worker: int) -> None:
        self.workers[worker].receive_late()

    @rule(worker=workers)
    def take(self, worker: int) -> None:
        self.workers[worker].take()

    @rule(worker=workers, limit=counts)
    def apply(self, worker: int, limit: int) -> None:
        self.workers[worker].apply(limit)

    @rule(
        worker=workers,
        limit=counts,
        point=st.sampled_from(
            ["before the transaction", "in transaction", "after commit", "outcome unknown"]
        ),
    )
    def crash(self, worker: int, limit: int, point: str) -> None:
        self.workers[worker].apply(limit, point)

    @rule(partition=partitions)
    def topic_is_created_again(self, partition: PartitionId) -> None:
        self.log.recreate(partition)
        self.ledger.accept_loss(partition)

    @rule(worker=workers)
    def kill(self, worker: int) -> None:
        self.workers[worker].restart()

    @invariant()
    def nothing_lost_and_nothing_twice(self) -> None:
        for partition, row in self.ledger.rows.items():
            wanted = [m for m in self.log.messages.get(partition, ()) if m.offset < row.next_offset]
            assert self.ledger.applied.get(partition, []) == wanted, partition

    def teardown(self) -> None:
        """With the adversary gone, one worker brings everything home."""
        survivor = self.workers[0]
        survivor.assign(PARTITIONS, lose_channel=False)
        for _ in range(1_000):
            survivor.fetch(5, "kept")
            survivor.take()
            if not survivor.apply(50) and not survivor.channel and not self._missing():
                break
            if not survivor.positions:  # fenced by its own stale work: a new process claims again
                survivor.assign(PARTITIONS, lose_channel=True)
        assert not self._missing()
        self.nothing_lost_and_nothing_twice()

    def _missing(self) -> int:
        stored = sum(map(len, self.ledger.applied.values()))
        return sum(map(len, self.log.messages.values())) - stored


QUICK = settings(
    max_examples=200, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestExactlyOnce = ExactlyOnce.TestCase
TestExactlyOnce.settings = QUICK


# --- The machine can fail: each cure taken away shows in a few steps. ------------------------------------------


def _without_epoch(row: OffsetRow | None, moved: Slice[Message]) -> OffsetRow:
    assert row is not None
    return advance(replace(row, epoch=moved.epoch), moved)


def _without_offset(row: OffsetRow | None, moved: Slice[Message]) -> OffsetRow:
    assert row is not None
    return advance(replace(row, next_offset=moved.first), moved)


def machine(advance_: Advance = advance, reader: type[Reader[Message]] = Reader) -> ExactlyOnce:
    made = type("Varied", (ExactlyOnce,), {"advance": staticmethod(advance_), "reader": reader})()
    made.rebalance((0, 0, 0), {0}, lose=False)
    return made


@pytest.mark.parametrize(("advance_", "sound"), [(advance, True), (_without_offset, False)])
def test_a_batch_tried_again_after_an_unknown_outcome(advance_: Advance, sound: bool) -> None:
    """Without the offset in the fence it is applied twice."""
    world = machine(advance_)
    world.produce(PARTITIONS[0], 3, 0)
    world.fetch(0, 7, "kept")
    world.take(0)
    world.crash(0, 7, "outcome unknown")
    assert _sound(world) == sound


@pytest.mark.parametrize(("advance_", "sound"), [(advance, True), (_without_epoch, False)])
def test_records_of_a_topic_that_was_created_again_meanwhile(advance_: Advance, sound: bool) -> None:
    """Without the epoch in the fence the old topic's records are taken for the new one's."""
    world = machine(advance_)
    world.produce(PARTITIONS[0], 3, 0)
    world.fetch(0, 7, "kept")
    world.take(0)
    world.topic_is_created_again(PARTITIONS[0])
    world.produce(PARTITIONS[0], 3, 0)
    world.apply(0, 7)
    assert _sound(world) == sound


class _Skipping(Reader[Message]):
    """Goes on wherever the fetch begins, as a plain consumer does, and says that it was there all along."""

    def judge(self, fetched: Mapping[PartitionId, Sequence[Message]]) -> Judgement[Message]:
        judged = super().judge(fetched)
        for partition in judged.seeks:
            self._positions[partition].instead = fetched[partition][0].offset
        return super().judge(fetched)


@pytest.mark.parametrize(("reader", "sound"), [(Reader, True), (_Skipping, False)])
def test_a_fetch_that_follows_a_lost_one(reader: type[Reader[Message]], sound: bool) -> None:
    """A reader that takes every jump for a hole of the log loses what the lost fetch held."""
    world = machine(reader=reader)
    world.produce(PARTITIONS[0], 3, 0)
    world.fetch(0, 7, "lost")
    world.produce(PARTITIONS[0], 3, 0)
    world.fetch(0, 7, "kept")
    world.take(0)
    world.apply(0, 7)
    assert _sound(world) == sound


class _Stuck(Reader[Message]):
    """Never believes in a hole."""

    def judge(self, fetched: Mapping[PartitionId, Sequence[Message]]) -> Judgement[Message]:
        self.dropped()
        return super().judge(fetched)


@pytest.mark.parametrize(("reader", "flows"), [(Reader, True), (_Stuck, False)])
def test_a_hole_of_the_log_is_passed(reader: type[Reader[Message]], flows: bool) -> None:
    world = machine(reader=reader)
    world.produce(PARTITIONS[0], 3, 2)
    for _ in range(5):
        world.fetch(0, 7, "kept")
        world.take(0)
        world.apply(0, 7)
    assert _sound(world)
    assert (len(world.ledger.applied.get(PARTITIONS[0], ())) == 3) == flows


def _sound(world: ExactlyOnce) -> bool:
    try:
        world.nothing_lost_and_nothing_twice()
    except AssertionError:
        return False
    return True
