"""Whoever holds a pledge is put down for an event in the transaction that accepts it, whatever consignment the event names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from services.financing.store.subject_index import watch
from services.ledger.storage.session import open_session, set_session_generation
from tests.support.financing.stored_world import Stored, events_of
from tests.support.financing.stories import cases, micros

pytestmark = pytest.mark.integration
FAR = micros("2026-12-31T00:00Z")
CASES = {case.slug[:2]: case for case in cases()}
WATCHED = {
    # The other box of the other consignment is nobody's security.
    "42": {"open-8", "open-9", "detained-9", "seal-9", "reconsigned-9", "out-9", "delivered-8"},
    "43": {"taken-back", "detained", "out"},
    "44": {"open-21", "second-back", "third-ended", "fourth-corrected", "returned", "out-2", "lost-3"},
    # What was one with the goods for a day is looked at as well.
    "45": {"split", "merged", "split-again", "out", "out-3"},
    "46": {"open-1", "out"},
    # A part of the same consolidated box is another's goods, put down only for the master note over both; the box is everybody's.
    "48": {"delivered-3", "out", "open-61"},
}  # fmt: skip


@pytest.mark.parametrize("slug", sorted(WATCHED))
def test_each_event_that_concerns_pledged_goods_is_put_down(dsn: str, slug: str) -> None:
    case = CASES[slug]
    stored = Stored(dsn, events_of(case))
    stored.begin()
    for number in range(2):
        assert stored.ask(*case.ask(number))[0].done
    stored.hear(FAR)
    rows = stored.session.execute(
        "SELECT DISTINCT b.id FROM lianyun.financing_watch w JOIN lianyun.body b USING (no)"
    ).fetchall()
    names = {told.event: told.short for _, told in events_of(case)}
    assert {names[id_.bytes] for (id_,) in rows} == WATCHED[slug]
    stored.close()


class _Explaining:
    """A session that plans what it is given to execute, and runs none of it."""

    def __init__(self, session: psycopg.Connection[Any]) -> None:
        self._session = session
        self.plans: list[Mapping[str, Any]] = []

    def execute(self, query: bytes, parameters: Mapping[str, Any]) -> None:
        [[[plan]]] = self._session.execute(b"EXPLAIN (FORMAT JSON) " + query, parameters, prepare=False)
        self.plans.append(plan["Plan"])


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def test_the_planner_sets_no_memory_aside_for_rows_that_hardly_ever_come(dsn: str) -> None:
    """A recursive union sets aside a table for as many rows as are expected of it, in every batch, whether they come or not."""
    events = [
        (no, SimpleNamespace(facts=told.facts())) for no, (_, told) in enumerate(events_of(CASES["45"]), 1)
    ]
    with open_session(dsn) as session:
        set_session_generation(session, 1)
        explaining = _Explaining(session)
        watch(explaining, events)  # type: ignore[arg-type]
    unions = [
        node for plan in explaining.plans for node in _nodes(plan) if node["Node Type"] == "Recursive Union"
    ]
    assert unions
    assert max(node["Plan Rows"] for node in unions) < 20_000
