# ruff: noqa: S608  (names of our own tables)
"""The state is rebuilt from the stored events; decisions are not: they are read as they were taken, and answers stay the same."""

from __future__ import annotations

import pytest

from services.audit.replay.rebuild import replay
from services.financing.domain.decisions import Action
from services.financing.domain.requests import DecisionRequest
from services.financing.store.status_reader import status_of
from services.ledger.storage.session import open_session
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database
from tests.support.financing.stored_world import Stored, checked, events_of, register
from tests.support.financing.stories import Case, cases, micros

pytestmark = pytest.mark.integration
KEPT = ("decision", "touched", "hold", "entry", "cargo", "word", "watch", "external", "version")


def rows(stored: Stored) -> dict[str, list[object]]:
    """Everything that is kept of financing."""
    found = {
        table: sorted(
            map(repr, stored.session.execute(f"SELECT * FROM lianyun.financing_{table}".encode()).fetchall())
        )
        for table in KEPT
    }
    stored.session.commit()
    return {table: list(values) for table, values in found.items()}


def test_a_new_generation_keeps_every_decision(postgres: DatabaseAddress) -> None:
    case: Case = next(case for case in cases() if case.slug.startswith("02_"))
    dsn = migrated_database(postgres, "financing_replayed")
    with open_session(dsn) as session:
        register(session, case.story)
    stored = Stored(dsn, events_of(case))
    stored.begin()
    for number in range(9):  # up to the drawdown
        stored.ask(*case.ask(number))
    late = micros("2026-03-21T00:00Z")
    stored.hear(late)
    before = rows(stored)
    assert all(before[table] for table in ("decision", "touched", "hold", "entry", "cargo", "word", "watch"))
    status = status_of(stored.session, "abank/GD-1", "abank", late, late)
    stored.session.commit()
    with open_session(dsn) as session:
        (first,) = session.execute(
            "SELECT number FROM lianyun.generation WHERE state = 'CURRENT'"
        ).fetchone() or (0,)

    replayed = replay(dsn, processes=1)

    assert (replayed.previous, replayed.generation > first, replayed.differences) == (first, True, 0)
    assert rows(stored) == before
    assert status_of(stored.session, "abank/GD-1", "abank", late, late) == status
    assert status is not None
    assert status.stage.value == "DRAWN"
    stored.session.commit()
    report = checked(stored.session)
    assert (report.findings, report.counts["double_pledges"]) == ((), 0)
    stored.session.commit()
    on = case.ask(1)[2]
    refused, _ = stored.ask(DecisionRequest(Action.RELEASE_ORDER, "ruhr", "after the replay"), late, on)
    assert refused.guard == "RELEASE_BLOCKED", "the pledge stands in the new generation"
    assert refused.before is not None
    stored.close()
