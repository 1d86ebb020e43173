"""Static membership slots, leased in a real Postgres."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from services.processors.slots import Lease, Slot, take
from tests.integration.worker.harness import Arena

pytestmark = pytest.mark.integration


def test_each_process_gets_the_lowest_free_slot(arena: Arena) -> None:
    with ThreadPoolExecutor(6) as pool:
        slots = list(pool.map(lambda n: take(arena.dsn, "g", f"owner-{n}", 30), range(6)))
    assert sorted(slot.number for slot in slots) == [0, 1, 2, 3, 4, 5]
    assert slots[0].instance_id == f"lianyun-g-{slots[0].number}"
    assert take(arena.dsn, "other group", "owner-0", 30).number == 0


def test_a_restarted_process_gets_its_owners_slot_at_once_and_the_old_one_learns_it(arena: Arena) -> None:
    lost = threading.Event()
    first = take(arena.dsn, "g", "supervisor/0", 3)
    take(arena.dsn, "g", "supervisor/1", 30)
    lease = Lease(arena.dsn, first, 3, lambda _why: lost.set())
    lease.start()
    again = take(arena.dsn, "g", "supervisor/0", 30)
    assert again.number == first.number
    assert again.holder != first.holder
    assert lost.wait(5), "two processes under one name would fence each other for ever"
    lease.stop(release=True)
    assert take(arena.dsn, "g", "stranger", 30).number == 2, "the loser does not release what is not his"


def test_a_slot_is_free_when_its_lease_is_over_and_not_before(arena: Arena) -> None:
    assert take(arena.dsn, "g", "gone", 1).number == 0
    assert take(arena.dsn, "g", "early", 30).number == 1
    time.sleep(1.1)
    assert take(arena.dsn, "g", "late", 30).number == 0


def test_a_renewed_lease_lasts_and_a_released_one_ends_at_once(arena: Arena) -> None:
    slot = take(arena.dsn, "g", "a", 1.2)
    lease = Lease(arena.dsn, slot, 1.2, lambda why: pytest.fail(why))
    lease.start()
    time.sleep(2)
    assert take(arena.dsn, "g", "b", 30).number == 1
    lease.stop(release=True)
    assert take(arena.dsn, "g", "c", 30).number == 0


def test_a_database_that_is_away_for_a_moment_costs_no_slot(arena: Arena) -> None:
    slot = take(arena.dsn, "g", "a", 30)
    whys: list[str] = []
    nowhere = arena.dsn.replace("127.0.0.1", "127.0.0.2")  # nobody listens there
    lease = Lease(nowhere, Slot("g", slot.number, slot.holder), 0.6, whys.append)
    lease.start()
    time.sleep(0.45)
    assert whys == [], "the lease still lasts"
    time.sleep(1.0)
    assert len(whys) == 1
    assert "could not be renewed" in whys[0]
    lease.stop(release=False)


def test_slots_are_taken_one_after_the_other(arena: Arena) -> None:
    """While one process takes a slot another waits, or both would take the same."""
    with psycopg.connect(arena.dsn) as session:
        session.execute("SELECT pg_advisory_xact_lock(hashtextextended('lianyun.worker_slot/g', 0))")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(take, arena.dsn, "g", "a", 30)
            time.sleep(0.3)
            assert not waiting.done()
            session.rollback()
            assert waiting.result(5).number == 0
