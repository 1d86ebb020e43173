"""The store computes in SQL what the core computes from all facts at once, whatever the order, batches and races."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.domain.facts import Facts
from services.ledger.storage import points
from services.ledger.storage.batch import Event
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database
from tests.support.profile import rounds
from tests.support.storage.cast import Objects, Said, event, event_id, everything
from tests.support.storage.comparison import (
    assert_equal_to_core,
    assert_explained_as_the_core_explains,
    assert_readers_see_enough,
)
from tests.support.storage.strategies import handover, moves
from tests.support.storage.worlds import claimed, opening, said, worlds
from tests.support.storage.writers import Pair, Pausing, start

pytestmark = pytest.mark.integration

EXAMPLES = settings(
    max_examples=rounds(15, 60),
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
    ],
)
OBJECTS = Objects("world/")


@pytest.fixture(scope="module")
def pair(postgres: DatabaseAddress) -> Iterator[Pair]:
    dsn = migrated_database(postgres, "store_equals_core")
    pair = Pair(dsn)
    yield pair
    pair.close()


class Watch:
    """A session that looks whether any other of the database waits for a lock."""

    def __init__(self, dsn: str) -> None:
        self.session = psycopg.connect(dsn, autocommit=True)

    def waits(self) -> bool:
        (found,) = self.session.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
        ).fetchone() or (False,)
        return bool(found)


@pytest.fixture(scope="module")
def watch(pair: Pair) -> Iterator[Watch]:
    watch = Watch(pair.dsn)
    yield watch
    watch.session.close()


def numbered(told: Sequence[Said], registry: int) -> list[Event]:
    return [event(each, OBJECTS.salt, offset, registry) for offset, each in enumerate(told)]


def cut(events: Sequence[Event], cuts: Sequence[int]) -> Iterator[Sequence[Event]]:
    """The events in batches of the sizes in ``cuts``, over and over."""
    at, turn = 0, 0
    while at < len(events):
        size = cuts[turn % len(cuts)]
        yield events[at : at + size]
        at, turn = at + size, turn + 1


def check(pair: Pair, events: Sequence[Event]) -> None:
    pair.settle()
    assert_equal_to_core(pair.dsn, everything(events), OBJECTS.consignments, OBJECTS.trains)
    assert_readers_see_enough(pair.dsn, events, OBJECTS.consignments)
    assert_explained_as_the_core_explains(pair.dsn, events, 10**13)


@EXAMPLES
@given(told=worlds(OBJECTS, 40), cuts=st.lists(st.integers(1, 8), min_size=1, max_size=4))
def test_any_order_and_any_batches_give_what_the_core_gives(
    pair: Pair, told: list[Said], cuts: list[int]
) -> None:
    pair.empty()
    events = numbered(told, pair.registry)
    for turn, batch in enumerate(cut(events, cuts)):
        pair.apply(turn % 2, batch)
    check(pair, events)


@EXAMPLES
@given(
    before=worlds(OBJECTS, 20),
    left=st.lists(said(OBJECTS), min_size=1, max_size=6),
    right=st.lists(said(OBJECTS), min_size=1, max_size=6),
)
def test_batches_that_run_into_one_another_miss_nothing_for_good(
    pair: Pair, watch: Watch, before: list[Said], left: list[Said], right: list[Said]
) -> None:
    """One batch stops right before its commit while the other runs to its end, or until it has to wait."""
    pair.empty()
    events = numbered([*before, *left, *right], pair.registry)
    middle, last = len(before), len(before) + len(left)
    if before:
        pair.apply(0, events[:middle])
    pausing = Pausing("left", "before_commit")
    points.install(pausing)
    try:
        first = start("left", lambda: pair.apply(0, events[middle:last]))
        assert pausing.reached.wait(30)
        second = start("right", lambda: pair.apply(1, events[last:]))
        until = time.monotonic() + 0.1
        while second.thread.is_alive() and not watch.waits() and time.monotonic() < until:
            second.thread.join(0.005)
        pausing.go_on.set()
        first.join()
        second.join()
    finally:
        pausing.go_on.set()
        points.install(None)
    check(pair, events)


@EXAMPLES
@given(
    structure=worlds(OBJECTS, 25),
    claims=st.lists(claimed(OBJECTS), min_size=1, max_size=40, unique_by=lambda told: told.number),
    cuts=st.lists(st.integers(1, 8), min_size=1, max_size=4),
)
def test_heads_merged_with_new_claims_alone_are_what_a_whole_fold_gives(
    pair: Pair, structure: list[Said], claims: list[Said], cuts: list[int]
) -> None:
    """Once the structure is settled, nothing folds a head anew but the claims themselves."""
    pair.empty()
    before = numbered(structure, pair.registry)
    pair.apply(0, before)
    pair.settle()
    events = [event(each, OBJECTS.salt, offset, pair.registry) for offset, each in enumerate(claims)]
    for turn, batch in enumerate(cut(events, cuts)):
        assert pair.apply(turn % 2, batch).settled == 0
    assert_equal_to_core(pair.dsn, everything([*before, *events]), OBJECTS.consignments, OBJECTS.trains)


@EXAMPLES
@given(
    boxed=st.booleans(),
    moved=st.tuples(*(moves(OBJECTS, number) for number in range(200, 207))),
    cuts=st.lists(st.integers(1, 2), min_size=1, max_size=3),
)
def test_heads_merged_with_steps_of_the_journey_by_near_clocks_are_what_a_whole_fold_gives(
    pair: Pair, boxed: bool, moved: tuple[Facts, ...], cuts: list[int]
) -> None:
    """One cargo in one box or none, of which each step is stated once, in any order of arrival."""
    pair.empty()
    opened = event(Said(100, 0, "founder", opening(OBJECTS, boxed)), OBJECTS.salt, 0, pair.registry)
    pair.apply(0, [opened])
    pair.settle()
    steps = [
        event(Said(200 + n, 0, "founder", facts), OBJECTS.salt, n, pair.registry)
        for n, facts in enumerate(moved)
    ]
    told = [opened]
    for batch in cut(steps, cuts):
        assert pair.apply(0, batch).settled == 0
        told += batch
        assert_equal_to_core(pair.dsn, everything(told), OBJECTS.consignments, OBJECTS.trains)


@EXAMPLES
@given(
    lists=st.tuples(
        *(handover(OBJECTS, event_id(OBJECTS.salt, number), "founder") for number in range(200, 207))
    )
)
def test_the_other_sides_lists_are_found_by_run_and_by_boxes(pair: Pair, lists: tuple[Facts, ...]) -> None:
    pair.empty()
    told = [Said(100, 0, "founder", opening(OBJECTS, boxed=True))]
    told += [Said(200 + n, 0, "founder", facts) for n, facts in enumerate(lists)]
    events = numbered(told, pair.registry)
    pair.apply(0, events)
    pair.settle()
    assert_readers_see_enough(pair.dsn, events, OBJECTS.consignments[:1])
