"""Cutting by rows touched, and the circuit breaker of a topic."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.ledger.storage.ledger_protocol import PartitionId, Slice
from services.processors.backlog import AdmittedSlice, split_batches
from services.processors.circuit_breaker import CircuitBreakers, CircuitBreakerSettings
from tests.unit.worker.test_backlog import Sized


def part(partition: int, weights: list[int]) -> AdmittedSlice[Sized, int]:
    records = [Sized(i) for i in range(len(weights))]
    return AdmittedSlice(Slice(PartitionId("t", partition), 1, 0, len(weights), records), weights)


def test_a_batch_within_the_limit_is_not_touched() -> None:
    whole = part(0, [1, 2, 3])
    assert list(split_batches([whole], [whole.outcomes], 6)) == [[whole]]
    assert list(split_batches([], [], 6)) == []


@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=8), max_size=5), st.integers(1, 40))
def test_batches_keep_order_and_limit(weights: list[list[int]], limit: int) -> None:
    parts = [part(index, each) for index, each in enumerate(weights)]
    batches = list(split_batches(parts, weights, limit))
    reached: dict[int, int] = {}
    for batch in batches:
        outcomes = [weight for piece in batch for weight in piece.outcomes]
        assert outcomes, "no empty batch"
        assert sum(outcomes) <= limit or sum(1 for weight in outcomes if weight) == 1
        for piece in batch:
            assert piece.slice.first == reached.get(piece.slice.partition.partition, 0)
            assert len(piece.outcomes) == len(piece.slice.records) > 0
            reached[piece.slice.partition.partition] = piece.slice.next_offset
    assert reached == {index: len(each) for index, each in enumerate(weights)}


SETTINGS = CircuitBreakerSettings(ratio=0.99, window=1_000, trial=100, first=2.0, longest=10.0)


def test_a_topic_of_garbage_rests_and_the_rests_grow_up_to_a_limit() -> None:
    breakers = CircuitBreakers(SETTINGS)
    assert breakers.record("bad", 500, 500, now=0.0) is None, "too few to judge"
    assert breakers.record("bad", 500, 500, now=0.0) == 2.0
    assert breakers.open_topics(1.9) == {"bad"}
    assert breakers.open_topics(2.0) == frozenset()
    rests, now = [], 2.0
    for _ in range(4):
        rest = breakers.record("bad", 100, 100, now)
        assert rest is not None
        rests.append(rest)
        now += rest
    assert rests == [4.0, 8.0, 10.0, 10.0]


def test_a_topic_that_is_mended_flows_and_starts_from_the_first_rest_again() -> None:
    breakers = CircuitBreakers(SETTINGS)
    assert breakers.record("t", 1_000, 1_000, now=0.0) == 2.0
    assert breakers.record("t", 100, 0, now=3.0) is None
    for _ in range(9):
        assert breakers.record("t", 100, 100, now=4.0) is None, "one good batch of ten is above one percent"
    assert breakers.record("t", 100, 100, now=5.0) == 2.0


def test_many_bad_ones_are_not_nearly_all() -> None:
    breakers = CircuitBreakers(SETTINGS)
    for _ in range(100):
        assert breakers.record("t", 100, 98, now=0.0) is None
    assert breakers.open_topics(0.0) == frozenset()


def test_one_topic_does_not_stop_another() -> None:
    breakers = CircuitBreakers(SETTINGS)
    breakers.record("bad", 2_000, 2_000, now=0.0)
    assert breakers.record("good", 2_000, 0, now=0.0) is None
    assert breakers.open_topics(0.5) == {"bad"}
    assert breakers.next_trial(0.5) == 1.5
    assert breakers.next_trial(2.5) is None
