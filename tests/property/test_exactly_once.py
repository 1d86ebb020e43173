"""Whatever dies, freezes or gets lost, each record of the log is applied once and in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.ledger.storage.ledger_protocol import (
    Judgement,
    Mark,
    OffsetRow,
    Origin,
    PartitionId,
    Reader,
    Slice,
    advance,
)
from services.processors.log_identity import same_log
from tests.support.fake_log import Advance, FakeLedger, FakeLog, FakeWorker, Message
from tests.support.profile import rounds

PARTITIONS = [PartitionId("a", 0), PartitionId("a", 1), PartitionId("b", 0)]
WORKERS = 2

Fetched = Mapping[PartitionId, Sequence[Message]]
Origins = Mapping[PartitionId, Origin] | None

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

    @rule(partition=partitions, count=counts, restart=st.booleans(), grown=st.integers(0, 9))
    def tail_is_lost(self, partition: PartitionId, count: int, restart: bool, grown: int) -> None:
        """At a restart of the broker or by an unclean election; and what is published then takes the same numbers."""
        self.log.lose_tail(partition, count, restart)
        if grown:
            self.log.append(partition, grown)

    @rule(partition=partitions)
    def volume_is_copied(self, partition: PartitionId) -> None:
        self.log.copy(partition)

    @rule(partition=partitions, grown=st.integers(0, 9))
    def volume_is_restored(self, partition: PartitionId, grown: int) -> None:
        self.log.restore(partition)
        if grown:
            self.log.append(partition, grown)

    @rule(partition=partitions)
    def redrive(self, partition: PartitionId) -> None:
        self.ledger.redrive(partition, self.log)

    @rule(worker=workers)
    def kill(self, worker: int) -> None:
        self.workers[worker].restart()

    @invariant()
    def nothing_lost_and_nothing_twice(self) -> None:
        """Where the log shows the ledger's last record, all that it has before is applied, once, and nothing else is."""
        for partition, row in self.ledger.rows.items():
            applied = self.ledger.applied.get(partition, [])
            assert len(set(applied)) == len(applied), partition
            assert sorted(m.offset for m in applied) == [m.offset for m in applied], partition
            if self.recognised(partition, row):
                wanted = [m for m in self.log.of(partition).messages if m.offset < row.next_offset]
                assert applied == wanted, partition

    def recognised(self, partition: PartitionId, row: OffsetRow) -> bool:
        return row.last is None or bool(same_log(row.last, self.log.found(partition, row.last)))

    def teardown(self) -> None:
        """With the adversary gone, an operator and one worker bring everything home."""
        for partition, row in self.ledger.rows.items():
            if not self.recognised(partition, row):
                self.ledger.redrive(partition, self.log)
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
        return sum(len(there.messages) for there in self.log.partitions.values()) - stored


QUICK = settings(
    max_examples=rounds(40, 120),
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestExactlyOnce = ExactlyOnce.TestCase
TestExactlyOnce.settings = QUICK


# --- The machine can fail: each cure taken away shows in a few steps. ------------------------------------------


def _without_epoch(row: OffsetRow | None, moved: Slice[Message], last: Mark | None) -> OffsetRow:
    assert row is not None
    return advance(replace(row, epoch=moved.epoch), moved, last)


def _without_offset(row: OffsetRow | None, moved: Slice[Message], last: Mark | None) -> OffsetRow:
    assert row is not None
    return advance(replace(row, next_offset=moved.first), moved, last)


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
    assert (not world.ledger.applied[PARTITIONS[0]]) == sound


class _Skipping(Reader[Message]):
    """Goes on wherever the fetch begins, as a plain consumer does, and says that it was there all along."""

    def judge(self, fetched: Fetched, origins: Origins = None) -> Judgement[Message]:
        judged = super().judge(fetched, origins)
        for partition in judged.seeks:
            self._positions[partition].instead = fetched[partition][0].offset
        return super().judge(fetched, origins)


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

    def judge(self, fetched: Fetched, origins: Origins = None) -> Judgement[Message]:
        self.dropped()
        return super().judge(fetched, origins)


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


class _ByNumber(Reader[Message]):
    """Reads on wherever the number fits."""

    def judge(self, fetched: Fetched, origins: Origins = None) -> Judgement[Message]:
        return replace(super().judge(fetched, origins), unproven={})


class _ByEpoch(Reader[Message]):
    """Takes all connections for one."""

    def judge(self, fetched: Fetched, origins: Origins = None) -> Judgement[Message]:
        return super().judge(
            fetched, {p: Origin(PARTITIONS, origin.leaders) for p, origin in (origins or {}).items()}
        )


class _ByConnection(Reader[Message]):
    """Takes all leaders for one."""

    def judge(self, fetched: Fetched, origins: Origins = None) -> Judgement[Message]:
        return super().judge(
            fetched, {p: Origin(origin.connection, ((0, 0),)) for p, origin in (origins or {}).items()}
        )


@pytest.mark.parametrize("way", ["restart", "election", "restored"])
@pytest.mark.parametrize(
    ("reader", "sound"),
    [
        (Reader, {"restart", "election", "restored"}),
        (_ByNumber, set()),
        (_ByEpoch, {"restart", "election"}),
        (_ByConnection, {"restart", "restored"}),
    ],
)
def test_a_tail_that_was_lost_and_overgrown_between_two_fetches(
    reader: type[Reader[Message]], sound: set[str], way: str
) -> None:
    """Without the comparison the records at the numbers given out again are never read; nor without half of the rule."""
    world = machine(reader=reader)
    place = PARTITIONS[0]
    world.produce(place, 3, 0)
    if way == "restored":
        world.volume_is_copied(place)
        world.tail_is_lost(place, 0, restart=True, grown=0)  # a restart that loses nothing
    world.produce(place, 4, 0)
    for _ in range(2):  # the first one is compared in any case
        world.fetch(0, 5, "kept")
        world.take(0)
        world.apply(0, 7)
    if way == "restored":
        world.volume_is_restored(place, grown=9)
    else:
        world.tail_is_lost(place, 4, restart=way == "restart", grown=9)
    world.fetch(0, 20, "kept")
    world.take(0)
    world.apply(0, 20)
    assert _sound(world) == (way in sound)
    world.redrive(place)
    world.rebalance((0, 0, 0), {0}, lose=True)
    for _ in range(3):
        world.fetch(0, 20, "kept")
        world.take(0)
        world.apply(0, 20)
    assert world.ledger.applied[place] == list(world.log.of(place).messages), (
        "the redrive applies what was skipped"
    )


def test_what_was_read_before_the_tail_was_lost_is_applied_and_the_next_claim_stops() -> None:
    world = machine()
    place = PARTITIONS[0]
    world.produce(place, 5, 0)
    world.fetch(0, 7, "kept")
    world.tail_is_lost(place, 3, restart=True, grown=9)
    world.take(0)
    world.apply(0, 7)
    assert len(world.ledger.applied[place]) == 5
    world.rebalance((0, 0, 0), {0}, lose=False)
    assert place not in world.workers[0].positions
    assert _sound(world)


def _sound(world: ExactlyOnce) -> bool:
    try:
        world.nothing_lost_and_nothing_twice()
    except AssertionError:
        return False
    return True
