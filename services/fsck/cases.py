"""Cases: each step signed by the platform and resting on the one before, heads against their steps, causes against the events."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from services.fsck.finding import Damage, Notebook
from services.fsck.platform_events import signed_by_platform
from services.fsck.snapshot import Row, Snapshot
from services.processors.cases.causes import CaseId, CaseKind, Cause
from services.processors.cases.lifecycle import Case, Step, StepKind, after
from services.processors.cases.store import judging, projector
from services.processors.cases.store.rows import STEP_COLUMNS, cause_of, life_row, step_of
from services.processors.cases.store.signing import MODELS, event_id_of, stated
from services.registry import store as registry_store
from services.registry.as_of import RegistryHistory
from services.registry.registry import Registry
from services.storage import reading
from services.storage.reading import Position

RESTORE = "Restore the row of lianyun.case_step from a backup; its signature tells the right bytes."
REMEDY = "Make the causes anew from the events: `lianyun cases follow --anew`."
_PERMITTED = "SELECT has_table_privilege('lianyun.case_step', 'SELECT')"
_STEPS = """
SELECT number, case_id, before, kind, at, position, by_party, by_desk, to_party, to_desk, until, reason, text, since, evidence,
       headers, payload
FROM lianyun.case_step ORDER BY case_id, number
"""
_HEADS = """
SELECT h.case_id, h.opened, h.last, h.at, h.closed, h.owner_party, h.owner_desk, h.snoozed_until, h.reason, h.stands,
       EXISTS (SELECT 1 FROM lianyun.case_cause c WHERE c.case_id = h.case_id),
       EXISTS (SELECT 1 FROM lianyun.case_touched t WHERE t.case_id = h.case_id)
FROM lianyun.case_head h
"""
_LIFE = ("case_id", "opened", "last", "at", "closed", "owner_party", "owner_desk", "snoozed_until", "reason")
_CAUSES = """
SELECT cons, case_id, kind, what, about_kind, about, jurisdiction, scope, place, occurrence, since, due, events, missing,
       surplus
FROM lianyun.case_cause WHERE kind <> 'FINANCING_ALERT'
"""
_WAITS = """
SELECT 1 FROM pending UNION ALL SELECT 1 FROM lianyun.case_again
UNION ALL SELECT 1 FROM lianyun.quarantine WHERE (xid, no) > (%s::text::xid8, %s) LIMIT 1
"""


def check_cases(snapshot: Snapshot, history: RegistryHistory, network: str, notebook: Notebook) -> None:
    """Compare everything; ``cases_not_permitted`` says that this role may not.

    Causes are found anew only where the follower has followed all events of a settled state by today's rules; else
    ``cases_behind`` says so. Memory grows with cases; some milliseconds for each consignment.
    """
    if not snapshot.one(_PERMITTED)[0]:
        notebook.counts["cases_not_permitted"] += 1
        return
    _heads(snapshot, _lives(snapshot, history.newest(), network, notebook), notebook)
    _causes(snapshot, notebook)


def _lives(snapshot: Snapshot, registry: Registry, network: str, notebook: Notebook) -> dict[CaseId, Case]:
    """What the steps make of each case, every step checked."""
    found: dict[CaseId, Case] = {}
    for case, rows in groupby(snapshot.stream(_STEPS), key=lambda row: row[1]):
        life: Case | None = None
        for row in rows:
            step = step_of(row)
            notebook.counts["case_steps"] += 1
            _signed(step, row, registry, network, notebook)
            try:
                life = after(life, step)
            except ValueError as problem:
                notebook.add(Damage.CASE, _where(step), "step", problem, "the next of its case", RESTORE)
                break
        if life is not None:
            found[case] = life
    return found


def _signed(step: Step, row: Row, registry: Registry, network: str, notebook: Notebook) -> None:
    headers, payload = row[STEP_COLUMNS : STEP_COLUMNS + 2]

    def note(field: str, stored: object, expected: object) -> None:
        notebook.add(Damage.CASE, _where(step), field, stored, expected, RESTORE)

    model = MODELS[step.kind]
    found = signed_by_platform(bytes(headers), bytes(payload), step.at, model, registry, network, note)
    if found is None:
        return
    envelope, said = found
    for field, stored, expected in (
        ("id", envelope.id, event_id_of(step)),
        ("type", envelope.type, model.spec.type),
        *((name, value, said.get(name)) for name, value in stated(step).items()),
    ):
        if stored != expected:
            note(field, stored, expected)


def _heads(snapshot: Snapshot, lives: dict[CaseId, Case], notebook: Notebook) -> None:
    left = dict(lives)
    for *stored, stands, has_cause, touched in snapshot.rows(_HEADS):
        notebook.counts["cases"] += 1
        life = left.pop(stored[0], None)
        where = f"case {stored[0].hex()}"
        if life is None:
            notebook.add(Damage.CASE, where, "row", "a row", "no row: it has no step", RESTORE)
            continue
        right: dict[str, Any] = {**life_row(life), "case_id": stored[0]}
        for name, value in zip(_LIFE, stored, strict=True):
            if value != right[name]:
                notebook.add(Damage.CASE, where, name, value, right[name], REMEDY)
        if stands != has_cause and not touched:
            notebook.add(Damage.CASE, where, "stands", stands, has_cause, REMEDY)
    for case in left:
        notebook.add(Damage.CASE, f"case {case.hex()}", "row", "no row", "the head of its steps", REMEDY)


def _causes(snapshot: Snapshot, notebook: Notebook) -> None:
    """Alerts of pledges are left out: they are looked at by the hour, and everything of them is in the decisions."""
    rows = snapshot.rows(
        "SELECT version, xid::text, no, aside_xid::text, aside_no, as_of FROM lianyun.case_cursor"
    )
    if not rows:
        return
    ((version, xid, no, *aside, as_of),) = rows
    later, _ = reading.tail(snapshot.connection, Position(int(xid), no), 1)
    if later or snapshot.rows(_WAITS, aside) or version != projector.version():
        notebook.counts["cases_behind"] += 1
        return
    registry = registry_store.look(snapshot.connection)
    right: set[tuple[bytes, Cause]] = set()
    for (consignment,) in snapshot.rows("SELECT DISTINCT cons FROM founding ORDER BY cons"):
        told, found, _ = judging.expected(snapshot.connection, consignment, as_of, registry)
        if told is not None and told.view.consignment.id == consignment:
            right |= {(consignment, cause) for cause in found if cause.kind is not CaseKind.FINANCING_ALERT}
        notebook.counts["case_consignments"] += 1
    stored = {cause_of(row) for row in snapshot.stream(_CAUSES)}
    for consignment, cause in sorted(stored ^ right, key=lambda each: (each[0], each[1].case)):
        where = f"cause of case {cause.case.hex()} in consignment {consignment.hex()}"
        shown = f"{cause.kind} {cause.what} of {cause.about} since {cause.since}"
        there = (consignment, cause) in stored
        notebook.add(
            Damage.CASE, where, "row", shown if there else "no row", "no row" if there else shown, REMEDY
        )


def _where(step: Step) -> str:
    return f"case_step {step.number}, {StepKind(step.kind)} of {step.case.hex()}"
