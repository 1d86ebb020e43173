"""The table of the sandbox is complete and says what the real thing can say."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

from schemas.reasons import Reason
from services.api.cloudevents.outcomes import Outcome
from services.api.problems import KINDS
from services.api.responses.arrival import ArrivalShown, BorderRecords
from services.api.sandbox import arrivals
from services.api.sandbox.corroborations import MEMBERS
from services.api.sandbox.page import page
from services.api.sandbox.table import named, table
from services.arrival.domain.forecast import Unbounded
from services.credit.domain.consent import Part
from services.credit.domain.disputes import DisputeState
from services.domain.facts import Assurance
from services.financing.domain import guards
from services.financing.domain.covenants import COVENANTS
from services.financing.domain.lifecycle import Stage
from services.financing.domain.requests import HIDDEN, MATCHES

ROWS = table()
OF_FILES = {Reason.UNKNOWN_FORMAT, Reason.UNREADABLE_FILE, Reason.ID_USED_TWICE}
"""Reasons that only a partner's own file is refused for: never those of an event."""


def guards_told() -> set[str]:
    """Every guard that the code of decisions names, but for those that are told to nobody."""
    folder = Path(guards.__file__).parent
    found = set(guards.GUARDS)
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Failed":
                found |= {arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)}
    return (found | {*MATCHES}) - HIDDEN


def test_every_kind_of_problem() -> None:
    assert set(ROWS.problems) == set(KINDS)


def test_every_outcome_and_reason_of_an_event() -> None:
    assert {row.outcome for row in ROWS.events.values()} == set(Outcome)
    reasons = {row.reason for row in ROWS.events.values() if row.outcome is Outcome.REFUSED}
    assert reasons == {str(each) for each in set(Reason) - OF_FILES}
    for row in ROWS.events.values():
        assert bool(row.detail) is (row.outcome is Outcome.REFUSED)


def test_every_guard_of_a_decision_that_is_told() -> None:
    assert {row.guard for row in ROWS.decisions.values()} - {""} == guards_told()
    assert {row.outcome for row in ROWS.decisions.values()} == {"DONE", "REFUSED", "REVIEW", "UNKNOWN"}
    for row in ROWS.decisions.values():
        assert row.match == str(MATCHES.get(row.guard, "")), row


def test_every_status_of_a_forecast_in_the_real_form() -> None:
    status = ArrivalShown.model_fields["status"].annotation
    assert {row.status for row in ROWS.arrival.values()} == set(get_args(status))
    assert {row.no_bound for row in ROWS.arrival.values()} - {None} == set(Unbounded)
    for name, row in ROWS.arrival.items():
        body = arrivals.forecast_of(f"sandbox/sandbox-arrival-{name}", row, 1_780_000_000_000_000)
        ArrivalShown.model_validate(body)
        assert (body["status"], body["no_upper_bound_because"]) == (row.status, row.no_bound)
    shown = {
        name: BorderRecords.model_validate(arrivals.records_of(row)) for name, row in ROWS.borders.items()
    }
    assert [each.coverage_80_ppm for each in shown["too-narrow"].borders] == [490_000] * 2
    assert shown["none"].borders == []


def test_every_stage_and_every_covenant() -> None:
    assert {row.stage for row in ROWS.stages.values()} == set(Stage)
    assert {row.covenant for row in ROWS.alerts.values()} == COVENANTS


def test_every_part_of_a_consent_every_objection_and_every_way_in_which_an_invoice_differs() -> None:
    credit = ROWS.credit.values()
    assert {row.dispute for row in credit} == {*DisputeState, None}
    assert {row.scope for row in credit} >= {frozenset(), frozenset(Part), frozenset({Part.SCORE})}
    told = ROWS.corroboration.values()
    assert {row.assurance for row in told} == {each.name for each in Assurance}
    assert {name for row in told for name in row.differs} == set(MEMBERS)
    assert {row.engaged for row in told} == {row.disputed for row in told} == {row.known for row in told}
    status = ROWS.status.values()
    assert {row.taken for row in status} == {True, False, None}
    assert {stage for row in status for stage in row.stages} <= ROWS.stages.keys()


def test_the_page_names_every_id() -> None:
    told = page()
    for kind, names in (
        ("problem", ROWS.problems),
        ("event", ROWS.events),
        ("decision", ROWS.decisions),
        ("stage", ROWS.stages),
        ("alert", ROWS.alerts),
        ("credit", ROWS.credit),
        ("status", ROWS.status),
        ("share", ROWS.share),
    ):
        assert all(f"`sandbox-{kind}-{name}`" in told for name in names)
    assert all(f"`sandbox/sandbox-corroboration-{name}`" in told for name in ROWS.corroboration)


def test_ids() -> None:
    assert named("event", "sandbox-event-parked") == "parked"
    assert named("status", "sandbox/sandbox-status-own") == "own"
    assert [named("event", each) for each in ("sandbox-problem-x", "event-parked", None, 7)] == [None] * 4
