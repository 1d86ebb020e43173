"""Cases: each step signed by the platform and resting on the one before, heads against their steps, causes against the events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from schemas.events.base import ObjectKind
from services.audit.fsck.events import lowest_number
from services.audit.fsck.finding import Damage, Notebook
from services.audit.fsck.follower_positions import Later, later
from services.audit.fsck.passes import attempt
from services.audit.fsck.platform_events import signed_by_platform
from services.audit.fsck.snapshot import Row, Snapshot
from services.audit.fsck.unsettled import unsettled
from services.cases.domain.causes import CaseId, CaseKind, Cause
from services.cases.domain.lifecycle import Case, Step, StepKind, after
from services.cases.store import evaluation, projector
from services.cases.store.affected_consignments import concerned
from services.cases.store.event_cache import Memory
from services.cases.store.rows import STEP_COLUMNS, cause_of, crossing_of, life_row, step_of
from services.cases.store.signatures import MODELS, event_id_of, stated
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import RegistryHistory
from services.query.stored_events import Unreadable

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
       EXISTS (SELECT 1 FROM lianyun.case_touched t WHERE t.case_id = h.case_id),
       h.kind, h.what, h.about_kind, h.about, h.jurisdiction, h.place, h.occurrence, h.crossing, h.since, h.due,
       (SELECT min(c.since) FROM lianyun.case_cause c WHERE c.case_id = h.case_id),
       (SELECT min(c.due) FROM lianyun.case_cause c WHERE c.case_id = h.case_id)
FROM lianyun.case_head h
"""
_LIFE = ("case_id", "opened", "last", "at", "closed", "owner_party", "owner_desk", "snoozed_until", "reason")
_CAUSES = """
SELECT cons, case_id, kind, what, about_kind, about, jurisdiction, scope, place, occurrence, since, due, events, missing,
       surplus
FROM lianyun.case_cause WHERE kind <> 'FINANCING_ALERT'
"""
_CURSOR = "SELECT version, xid::text, no, aside_xid::text, aside_no, decided_xid::text, decided_no, as_of FROM lianyun.case_cursor"
_FOLLOWERS_ROWS = """
SELECT name FROM (
    SELECT 'case_cause', EXISTS (SELECT FROM lianyun.case_cause)
    UNION ALL SELECT 'case_due', EXISTS (SELECT FROM lianyun.case_due)
    UNION ALL SELECT 'case_again', EXISTS (SELECT FROM lianyun.case_again)
) AS t (name, there) WHERE there
"""
_AGAIN = "SELECT cons FROM lianyun.case_again"
_DECIDED = """
SELECT DISTINCT c.consignment FROM lianyun.financing_decision d
JOIN lianyun.financing_touched t ON t.number = d.number JOIN lianyun.financing_cargo c ON c.financing = t.financing
WHERE (d.xid, d.number) > (%s::text::xid8, %s)
"""
_DUES = "SELECT cons, due FROM lianyun.case_due ORDER BY cons"
_KINDS = {kind.wire: int(kind) for kind in ObjectKind}
_PLEDGED = "SELECT DISTINCT consignment FROM lianyun.financing_cargo"


def check_cases(snapshot: Snapshot, history: RegistryHistory, network: str, notebook: Notebook) -> None:
    """Compare everything; ``cases_not_permitted`` says that this role may not.

    What the follower has yet to follow, to settle or to judge again excuses the consignments that it concerns, and no others;
    ``cases_behind`` says that there is such. Memory grows with cases; some milliseconds for each consignment.
    """
    if not snapshot.one(_PERMITTED)[0]:
        notebook.counts["cases_not_permitted"] += 1
        return
    registry = history.newest()
    attempt(
        snapshot,
        notebook,
        "case_step and case_head",
        lambda: _heads(snapshot, *_lives(snapshot, registry, network, notebook), notebook),
        None,
    )
    attempt(
        snapshot, notebook, "case_cause and case_due", lambda: _causes(snapshot, registry, notebook), None
    )


def _lives(
    snapshot: Snapshot, registry: Registry, network: str, notebook: Notebook
) -> tuple[dict[CaseId, Case], dict[CaseId, dict[str, Any]]]:
    """What the steps make of each case, every step checked; and what the first step of each says that it is about."""
    found: dict[CaseId, Case] = {}
    about: dict[CaseId, dict[str, Any]] = {}
    for case, rows in groupby(snapshot.stream(_STEPS), key=lambda row: row[1]):
        life: Case | None = None
        for row in rows:
            try:
                step = step_of(row)
            except ValueError as problem:
                notebook.unreadable(f"case_step {row[0]}", problem)
                break
            notebook.counts["case_steps"] += 1
            said = _signed(step, row, registry, network, notebook)
            if life is None and said is not None:
                about[case] = said
            try:
                life = after(life, step)
            except ValueError as problem:
                notebook.add(Damage.CASE, _where(step), "step", problem, "the next of its case", RESTORE)
                break
        if life is not None:
            found[case] = life
    return found, about


def _signed(
    step: Step, row: Row, registry: Registry, network: str, notebook: Notebook
) -> dict[str, Any] | None:
    """What the event says, where the platform signed it."""
    headers, payload = row[STEP_COLUMNS : STEP_COLUMNS + 2]

    def note(field: str, stored: object, expected: object) -> None:
        notebook.add(Damage.CASE, _where(step), field, stored, expected, RESTORE)

    model = MODELS[step.kind]
    found = signed_by_platform(bytes(headers), bytes(payload), step.at, model, registry, network, note)
    if found is None:
        return None
    envelope, said = found
    if said.get("evidence") is None and step.evidence:
        note("evidence", [event.hex() for event in step.evidence], "none: this step names no events")
    half = ("by_party", row[6], row[7]), ("to_party", row[8], row[9])
    for field, party, desk in half:
        if (party is None) != (desk is None):
            note(field, party, "a party with its desk, or neither")
    for field, stored, expected in (
        ("id", envelope.id, event_id_of(step)),
        ("type", envelope.type, model.spec.type),
        *((name, value, said.get(name)) for name, value in stated(step).items()),
    ):
        if stored != expected:
            note(field, stored, expected)
    return said


def _heads(
    snapshot: Snapshot, lives: dict[CaseId, Case], about: dict[CaseId, dict[str, Any]], notebook: Notebook
) -> None:
    left = dict(lives)
    for row in snapshot.rows(_HEADS):
        stored, (stands, has_cause, touched) = row[: len(_LIFE)], row[len(_LIFE) : len(_LIFE) + 3]
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
        *opened_for, since, due, first, first_due = row[len(_LIFE) + 3 :]
        right_about = about.get(stored[0])
        differences = [] if right_about is None else _opened_for(opened_for, right_about)
        if has_cause and not touched:
            differences += [("since", since, first), ("due", due, first_due)]
        for name, value, expected in differences:
            if value != expected:
                notebook.add(Damage.CASE, where, name, value, expected, REMEDY)
        if stands != has_cause and not touched:
            notebook.add(Damage.CASE, where, "stands", stands, has_cause, REMEDY)
    for case in left:
        notebook.add(Damage.CASE, f"case {case.hex()}", "row", "no row", "the head of its steps", REMEDY)


def _opened_for(stored: Sequence[Any], said: dict[str, Any]) -> list[tuple[str, object, object]]:
    """(column, stored, expected) of what a case is about, as its first step says."""
    kind, what, about_kind, about, jurisdiction, place, occurrence, crossing = stored
    right_place = str(said.get("place", ""))
    return [
        ("kind", kind, said.get("kind")),
        ("what", what or kind, said.get("what")),
        ("about", (about_kind, about), (_KINDS.get(said["about"]["kind"]), said["about"]["id"])),
        ("jurisdiction", jurisdiction, said.get("jurisdiction", "")),
        ("place", place, right_place),
        ("occurrence", occurrence, said.get("occurrence", "")),
        ("crossing", crossing, crossing_of(right_place)),
    ]


def _causes(snapshot: Snapshot, registry: Registry, notebook: Notebook) -> None:
    """Alerts of pledges are left out: they are looked at by the hour, and everything of them is in the decisions."""
    rows = snapshot.rows(_CURSOR)
    if not rows:
        for (table,) in snapshot.rows(_FOLLOWERS_ROWS):
            stored = f"no row, beside rows of {table}"
            notebook.add(Damage.CASE, "case_cursor", "row", stored, "the place of the follower", REMEDY)
        return
    ((*places, as_of),) = rows
    right = projector.version(), REMEDY
    found = later(
        snapshot, Damage.CASE, "case_cursor", tuple(places), right, lowest_number(snapshot), notebook
    )
    if found is None:
        return
    excused, behind = _excused(snapshot, found, registry)
    notebook.counts["cases_behind"] += behind
    if found.too_much:
        return
    right_causes: set[tuple[bytes, Cause]] = set()
    dues: dict[bytes, int] = {}
    memory = Memory()
    pledged = {row[0] for row in snapshot.rows(_PLEDGED)}
    for chunk in _founded(snapshot):
        notebook.counts["case_consignments"] += len(chunk)
        wanted = [consignment for consignment in chunk if consignment not in excused]
        for consignment, judged in evaluation.judged_anew(
            snapshot.connection, wanted, as_of, registry, memory
        ):
            if isinstance(judged, Unreadable):
                excused.add(consignment)  # its events are put down, and its causes stay as they were
            elif judged is not None and judged.view.consignment.id == consignment:
                if any(member.id in excused for member in judged.view.members):
                    excused.add(consignment)
                    continue
                shown = (each for each in judged.causes if each.kind is not CaseKind.FINANCING_ALERT)
                right_causes |= {(consignment, cause) for cause in shown}
                if any(member.id in pledged for member in judged.view.members):
                    pledged.add(consignment)
                elif judged.due is not None:
                    dues[consignment] = judged.due
    _compare_causes(snapshot, right_causes, excused, notebook)
    # Pledged cargo is looked at by the hour, counted from when it was looked at last.
    _compare_dues(snapshot, dues, excused | pledged, notebook)


def _founded(snapshot: Snapshot) -> Iterator[list[bytes]]:
    rows = snapshot.rows("SELECT DISTINCT cons FROM founding ORDER BY cons")
    for first in range(0, len(rows), evaluation.IN_A_SET):
        yield [cons for (cons,) in rows[first : first + evaluation.IN_A_SET]]


def _excused(snapshot: Snapshot, found: Later, registry: Registry) -> tuple[set[bytes], bool]:
    """The consignments whose causes may rightly be old, and whether there is anything to be followed, settled or judged again."""
    waiting = unsettled(snapshot).consignments
    again = {row[0] for row in snapshot.rows(_AGAIN)}
    decided = {row[0] for row in snapshot.rows(_DECIDED, (str(found.decided.xid), found.decided.no))}
    reached: set[bytes] = set()
    if (found.events or found.aside) and not found.too_much:
        events = list(found.events)
        reached = concerned(snapshot.connection, events, list(found.aside), registry, Memory())
    behind = bool(found.events or found.aside or decided or waiting or again)
    return {*waiting, *again, *decided, *reached}, behind


def _compare_causes(
    snapshot: Snapshot, right: set[tuple[bytes, Cause]], excused: set[bytes], notebook: Notebook
) -> None:
    stored: set[tuple[bytes, Cause]] = set()
    for row in snapshot.stream(_CAUSES):
        try:
            consignment, cause = cause_of(row)
        except ValueError as problem:
            notebook.unreadable(f"case_cause {row[1].hex()} in consignment {row[0].hex()}", problem)
            continue
        if cause.case != row[1]:
            where = f"cause of case {row[1].hex()} in consignment {consignment.hex()}"
            notebook.add(Damage.CASE, where, "case_id", row[1], cause.case, REMEDY)
        if consignment not in excused:
            stored.add((consignment, cause))
    for consignment, cause in sorted(stored ^ right, key=lambda each: (each[0], each[1].case)):
        where = f"cause of case {cause.case.hex()} in consignment {consignment.hex()}"
        shown = f"{cause.kind} {cause.what} of {cause.about} since {cause.since}"
        there = (consignment, cause) in stored
        notebook.add(
            Damage.CASE, where, "row", shown if there else "no row", "no row" if there else shown, REMEDY
        )


def _compare_dues(
    snapshot: Snapshot, right: dict[bytes, int], excused: set[bytes], notebook: Notebook
) -> None:
    """When each consignment is to be looked at again although nothing new is said of it."""
    left = dict(right)
    for consignment, due in snapshot.stream(_DUES):
        expected = left.pop(consignment, None)
        if consignment not in excused and due != expected:
            notebook.add(
                Damage.CASE, f"case_due of consignment {consignment.hex()}", "due", due, expected, REMEDY
            )
    for consignment in sorted(left.keys() - excused):
        where = f"case_due of consignment {consignment.hex()}"
        notebook.add(Damage.CASE, where, "row", "no row", left[consignment], REMEDY)


def _where(step: Step) -> str:
    return f"case_step {step.number}, {StepKind(step.kind)} of {step.case.hex()}"
