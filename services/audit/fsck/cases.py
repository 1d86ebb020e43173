"""Cases: each step signed by the platform and following the one before, heads against their steps, causes against the events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from schemas.events.base import ObjectKind
from services.audit.fsck.backlog import FollowerLag, read_backlog, read_lag
from services.audit.fsck.snapshot import Row, Snapshot, attempt, chunks, lowest_number
from services.audit.fsck.verification import signed_by_platform
from services.audit.report import Damage, Findings
from services.cases.domain.causes import CaseId, CaseKind, Cause
from services.cases.domain.lifecycle import Case, Step, StepKind, after
from services.cases.store import evaluation, projector
from services.cases.store.case_service import BY_PERSON, event_id_of, model_of, stated
from services.cases.store.evaluation import EventCache, affected_subjects
from services.cases.store.rows import STEP_COLUMNS, cause_of, crossing_of, life_row, step_of
from services.cases.store.trades import STATING, TradeRow, expected_trades, trades_named
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import RegistryHistory
from services.people.domain.person import Person, PersonId, Signatory
from services.people.store import people
from services.query.listing.rows import ListRow
from services.query.stored_events import Unreadable

RESTORE = "Restore the row of lianyun.case_step from a backup; its signature tells the right bytes."
REMEDY = "Make the causes anew from the events: `lianyun cases follow --anew`."
_PERMITTED = "SELECT has_table_privilege('lianyun.case_step', 'SELECT')"
_PEOPLE_PERMITTED = "SELECT has_table_privilege('lianyun.person', 'SELECT') AND has_table_privilege('lianyun.person_grant', 'SELECT')"
_STEPS = """
SELECT s.number, s.case_id, s.before, s.kind, s.at, s.position, s.by_party, s.by_desk, s.to_party, s.to_desk, s.until, s.reason, s.text,
       s.since, s.evidence, s.by_issuer, s.by_person, s.headers, s.payload, h.kind
FROM lianyun.case_step s LEFT JOIN lianyun.case_head h ON h.case_id = s.case_id ORDER BY s.case_id, s.number
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
       surplus, normal, parties
FROM lianyun.case_cause WHERE kind <> 'FINANCING_ALERT'
"""
_CURSOR = "SELECT version, xid::text, no, aside_xid::text, aside_no, decided_xid::text, decided_no, as_of FROM lianyun.case_cursor"
_FOLLOWERS_ROWS = """
SELECT name FROM (
    SELECT 'case_cause', EXISTS (SELECT FROM lianyun.case_cause)
    UNION ALL SELECT 'case_due', EXISTS (SELECT FROM lianyun.case_due)
    UNION ALL SELECT 'case_again', EXISTS (SELECT FROM lianyun.case_again)
    UNION ALL SELECT 'trade_finding', EXISTS (SELECT FROM lianyun.trade_finding)
    UNION ALL SELECT 'consignment_party', EXISTS (SELECT FROM lianyun.consignment_party)
) AS t (name, there) WHERE there
"""
_AGAIN = "SELECT cons FROM lianyun.case_again"
_DECIDED = """
SELECT DISTINCT c.consignment FROM lianyun.financing_decision d
JOIN lianyun.financing_touched t ON t.number = d.number JOIN lianyun.financing_cargo c ON c.financing = t.financing
WHERE (d.xid, d.number) > (%s::text::xid8, %s)
"""
_LISTED = "SELECT party, cons, opened, phase, corridor, late, disputed, trouble, silent FROM lianyun.consignment_party"
_HABITS = """
SELECT l.cons FROM lianyun.case_leg l JOIN lianyun.arrival_habit h ON (h.last, h.first, h.stage) = (l.last, l.first, l.stage)
CROSS JOIN lianyun.case_cursor c WHERE (h.xid, h.no) > (c.habit_xid, c.habit_no)
"""
_LEGS = "SELECT cons, stage, first, last FROM lianyun.case_leg ORDER BY cons"
_DUES = "SELECT cons, due FROM lianyun.case_due ORDER BY cons"
_KINDS = {kind.wire: int(kind) for kind in ObjectKind}
_STATED_TRADES = (
    "SELECT DISTINCT object FROM claim WHERE kind = 8 AND milestone = ANY (%s::smallint[]) ORDER BY object"
)
_TRADES = "SELECT trade, name, found, explained, digest FROM lianyun.trade_finding"
_PLEDGED = "SELECT DISTINCT consignment FROM lianyun.financing_cargo"


def check_cases(snapshot: Snapshot, history: RegistryHistory, network: str, findings: Findings) -> None:
    """Compare everything; ``cases_not_permitted`` counts a role that may not read them.

    What the follower has yet to follow, to settle or to judge again excuses the consignments that it concerns, and no others;
    ``cases_behind`` counts that there is such. EventCache grows with cases; some milliseconds for each consignment.
    """
    if not snapshot.one(_PERMITTED)[0]:
        findings.counts["cases_not_permitted"] += 1
        return
    registry = history.newest()
    attempt(
        snapshot,
        findings,
        "case_step and case_head",
        lambda: _heads(snapshot, *_fold_steps(snapshot, registry, network, findings), findings),
        None,
    )
    attempt(
        snapshot, findings, "case_cause and case_due", lambda: _causes(snapshot, registry, findings), None
    )


def _fold_steps(
    snapshot: Snapshot, registry: Registry, network: str, findings: Findings
) -> tuple[dict[CaseId, Case], dict[CaseId, dict[str, Any]]]:
    """What the steps make of each case, every step checked; and the subject of each by its first step."""
    known = _people(snapshot, findings)
    found: dict[CaseId, Case] = {}
    about: dict[CaseId, dict[str, Any]] = {}
    for case, rows in groupby(snapshot.stream(_STEPS), key=lambda row: row[1]):
        life: Case | None = None
        for row in rows:
            try:
                step = step_of(row)
            except ValueError as problem:
                findings.unreadable(f"case_step {row[0]}", problem)
                break
            findings.counts["case_steps"] += 1
            content = _signed(step, row, registry, network, known, findings)
            if life is None and content is not None:
                about[case] = content
            try:
                life = after(life, step)
            except ValueError as problem:
                findings.add(Damage.CASE, _where(step), "step", problem, "the next of its case", RESTORE)
                break
        if life is not None:
            found[case] = life
    return found, about


def _people(snapshot: Snapshot, findings: Findings) -> Mapping[PersonId, Person] | None:
    """Everybody ever registered; None, and ``people_not_permitted``, for a role that may not read them."""
    if not snapshot.one(_PEOPLE_PERMITTED)[0]:
        findings.counts["people_not_permitted"] += 1
        return None
    return {each.id: each for each in people.listed(snapshot.connection)}


def _belonged(step: Step, signatory: Signatory, known: Mapping[PersonId, Person]) -> bool:
    """Whether the person was in the team that it took the step for, and might."""
    person = known.get(signatory.person)
    return (
        person is not None
        and person.signatory == signatory
        and step.by is not None
        and person.acts_for(step.by.party, step.by.name, step.at)
    )


def _signed(
    step: Step,
    row: Row,
    registry: Registry,
    network: str,
    known: Mapping[PersonId, Person] | None,
    findings: Findings,
) -> dict[str, Any] | None:
    """The payload of the event, where the platform signed it."""
    headers, payload, kind = row[STEP_COLUMNS : STEP_COLUMNS + 3]

    def note(field: str, stored: object, expected: object) -> None:
        findings.add(Damage.CASE, _where(step), field, stored, expected, RESTORE)

    if step.person is not None and step.kind not in BY_PERSON:
        note("by_person", step.person.person, "nobody: no person takes such a step")
        return None
    model = model_of(step, kind or "")
    found = signed_by_platform(bytes(headers), bytes(payload), step.at, model, registry, network, note)
    if found is None:
        return None
    envelope, content = found
    if content.get("evidence") is None and step.evidence:
        note("evidence", [event.hex() for event in step.evidence], "none: this step names no events")
    half = (("by_party", row[6], row[7]), ("to_party", row[8], row[9]), ("by_person", row[16], row[15]))
    for field, one, other in half:
        if (one is None) != (other is None):
            note(field, one, "both a party and its desk, a person and its issuer, or neither")
    if step.person is not None and known is not None and not _belonged(step, step.person, known):
        note("by_person", step.person.person, f"a person who took steps for {step.by} then")
    for field, stored, expected in (
        ("id", envelope.id, event_id_of(step)),
        ("type", envelope.type, model.spec.type),
        *((name, value, content.get(name)) for name, value in stated(step).items()),
    ):
        if stored != expected:
            note(field, stored, expected)
    return content


def _heads(
    snapshot: Snapshot, lives: dict[CaseId, Case], about: dict[CaseId, dict[str, Any]], findings: Findings
) -> None:
    left = dict(lives)
    for row in snapshot.rows(_HEADS):
        stored, (stands, has_cause, touched) = row[: len(_LIFE)], row[len(_LIFE) : len(_LIFE) + 3]
        findings.counts["cases"] += 1
        life = left.pop(stored[0], None)
        where = f"case {stored[0].hex()}"
        if life is None:
            findings.add(Damage.CASE, where, "row", "a row", "no row: it has no step", RESTORE)
            continue
        right: dict[str, Any] = {**life_row(life), "case_id": stored[0]}
        for name, value in zip(_LIFE, stored, strict=True):
            if value != right[name]:
                findings.add(Damage.CASE, where, name, value, right[name], REMEDY)
        *opened_for, since, due, first, first_due = row[len(_LIFE) + 3 :]
        right_about = about.get(stored[0])
        differences = [] if right_about is None else _opened_for(opened_for, right_about)
        if has_cause and not touched:
            differences += [("since", since, first), ("due", due, first_due)]
        for name, value, expected in differences:
            if value != expected:
                findings.add(Damage.CASE, where, name, value, expected, REMEDY)
        if stands != has_cause and not touched:
            findings.add(Damage.CASE, where, "stands", stands, has_cause, REMEDY)
    for case in left:
        findings.add(Damage.CASE, f"case {case.hex()}", "row", "no row", "the head of its steps", REMEDY)


def _opened_for(stored: Sequence[Any], content: dict[str, Any]) -> list[tuple[str, object, object]]:
    """(column, stored, expected) of the subject of a case, by its first step."""
    kind, what, about_kind, about, jurisdiction, place, occurrence, crossing = stored
    right_place = str(content.get("place", ""))
    return [
        ("kind", kind, content.get("kind")),
        ("what", what or kind, content.get("what")),
        ("about", (about_kind, about), (_KINDS.get(content["about"]["kind"]), content["about"]["id"])),
        ("jurisdiction", jurisdiction, content.get("jurisdiction", "")),
        ("place", place, right_place),
        ("occurrence", occurrence, content.get("occurrence", "")),
        ("crossing", crossing, crossing_of(right_place)),
    ]


def _causes(snapshot: Snapshot, registry: Registry, findings: Findings) -> None:
    """Alerts of pledges are left out: they are evaluated hourly, and follow from the decisions."""
    rows = snapshot.rows(_CURSOR)
    if not rows:
        for (table,) in snapshot.rows(_FOLLOWERS_ROWS):
            stored = f"no row, beside rows of {table}"
            findings.add(Damage.CASE, "case_cursor", "row", stored, "the place of the follower", REMEDY)
        return
    ((*places, as_of),) = rows
    right = projector.version(), REMEDY
    found = read_lag(
        snapshot, Damage.CASE, "case_cursor", tuple(places), right, lowest_number(snapshot), findings
    )
    if found is None:
        return
    excused, behind = _excused(snapshot, found, registry)
    findings.counts["cases_behind"] += behind
    if found.too_much:
        return
    right_causes: set[tuple[bytes, Cause]] = set()
    right_listed: set[ListRow] = set()
    dues: dict[bytes, int] = {}
    legs: dict[bytes, tuple[int, str, str]] = {}
    memory = EventCache()
    pledged = {row[0] for row in snapshot.rows(_PLEDGED)}
    founded = snapshot.rows("SELECT DISTINCT cons FROM founding ORDER BY cons")
    for chunk in chunks((cons for (cons,) in founded), evaluation.IN_A_SET):
        findings.counts["case_consignments"] += len(chunk)
        wanted = [consignment for consignment in chunk if consignment not in excused]
        for consignment, judged in evaluation.evaluations(
            snapshot.connection, wanted, as_of, registry, memory
        ):
            if isinstance(judged, Unreadable):
                excused.add(consignment)  # its events are findings, and its causes stay as they were
            elif judged is not None and judged.view.consignment.id == consignment:
                if any(member.id in excused for member in judged.view.members):
                    excused.add(consignment)
                    continue
                shown = (each for each in judged.causes if each.kind is not CaseKind.FINANCING_ALERT)
                right_causes |= {(consignment, cause) for cause in shown}
                right_listed |= judged.listed
                if judged.leg is not None:
                    legs[consignment] = int(judged.leg.stage), judged.leg.first, judged.leg.last
                if judged.by_the_hour or any(member.id in pledged for member in judged.view.members):
                    pledged.add(consignment)
                elif judged.due is not None:
                    dues[consignment] = judged.due
    right_causes |= _trades(snapshot, excused, registry, findings)
    _compare_causes(snapshot, right_causes, excused, findings)
    _compare_listed(snapshot, right_listed, excused, findings)
    # Pledged cargo is evaluated hourly, counted from its last evaluation.
    # Cargo that is pledged, or has a date to arrive by, is evaluated again some hours after its last evaluation.
    _compare_dues(snapshot, dues, excused | pledged, findings)
    _compare_legs(snapshot, legs, excused, findings)


def _trades(
    snapshot: Snapshot, excused: set[bytes], registry: Registry, findings: Findings
) -> set[tuple[bytes, Cause]]:
    """The causes of trades, once their findings were computed anew and compared; a trade that cannot be read is excused from then on."""
    right: set[TradeRow] = set()
    causes: set[tuple[bytes, Cause]] = set()
    for chunk in chunks((row[0] for row in snapshot.rows(_STATED_TRADES, (list(STATING),))), 200):
        by_name = {name: trade for trade, name in trades_named(snapshot.connection, chunk, registry).items()}
        for name, expected in expected_trades(snapshot.connection, sorted(by_name), registry):
            findings.counts["trades"] += 1
            trade = by_name[name]
            if isinstance(expected, Unreadable):
                excused.add(trade)  # its events are findings, and what is stored of it stays
                continue
            right |= set() if expected.row is None else {expected.row}
            causes |= {(trade, cause) for cause in expected.causes if trade not in excused}
    stored = {
        TradeRow(trade, name, tuple(found), explained, bytes(digest))
        for trade, name, found, explained, digest in snapshot.stream(_TRADES)
    }
    for row in sorted(stored ^ right):
        if row.trade not in excused:
            where, there = f"trade_finding of {row.name}", row in stored
            shown = f"{len(row.found)} found, {row.explained} explained, digest {row.digest.hex()[:16]}"
            findings.add(
                Damage.CASE, where, "row", shown if there else "no row", "no row" if there else shown, REMEDY
            )
    return causes


def _excused(snapshot: Snapshot, found: FollowerLag, registry: Registry) -> tuple[set[bytes], bool]:
    """The consignments whose causes may rightly be old, and whether there is anything to be followed, settled or judged again."""
    waiting = read_backlog(snapshot).consignments
    again = {row[0] for row in snapshot.rows(_AGAIN)}
    decided = {row[0] for row in snapshot.rows(_DECIDED, (str(found.decided.xid), found.decided.no))}
    unlearned = {row[0] for row in snapshot.rows(_HABITS)}
    reached: set[bytes] = set()
    if (found.events or found.quarantined) and not found.too_much:
        events = list(found.events)
        reached = affected_subjects(
            snapshot.connection, events, list(found.quarantined), registry, EventCache()
        )
    behind = bool(found.events or found.quarantined or decided or unlearned or waiting or again)
    return {*waiting, *again, *decided, *unlearned, *reached}, behind


def _compare_causes(
    snapshot: Snapshot, right: set[tuple[bytes, Cause]], excused: set[bytes], findings: Findings
) -> None:
    stored: set[tuple[bytes, Cause]] = set()
    for row in snapshot.stream(_CAUSES):
        try:
            consignment, cause = cause_of(row)
        except ValueError as problem:
            findings.unreadable(f"case_cause {row[1].hex()} in consignment {row[0].hex()}", problem)
            continue
        if cause.case != row[1]:
            where = f"cause of case {row[1].hex()} in consignment {consignment.hex()}"
            findings.add(Damage.CASE, where, "case_id", row[1], cause.case, REMEDY)
        if consignment not in excused:
            stored.add((consignment, cause))
    for consignment, cause in sorted(stored ^ right, key=lambda each: (each[0], each[1].case)):
        where = f"cause of case {cause.case.hex()} in consignment {consignment.hex()}"
        shown = f"{cause.kind} {cause.what} of {cause.about} since {cause.since}"
        there = (consignment, cause) in stored
        findings.add(
            Damage.CASE, where, "row", shown if there else "no row", "no row" if there else shown, REMEDY
        )


def _compare_listed(snapshot: Snapshot, right: set[ListRow], excused: set[bytes], findings: Findings) -> None:
    """The rows by which parties find their consignments."""
    stored = {row for row in (ListRow(*row) for row in snapshot.stream(_LISTED)) if row.cons not in excused}
    findings.counts["listed_consignments"] += len(stored)
    for row in sorted(stored ^ {row for row in right if row.cons not in excused}):
        where = f"consignment_party {row.party} of consignment {row.cons.hex()}"
        shown = (
            f"{row.opened} {row.phase} {row.corridor} {row.late} {row.disputed} {row.trouble} {row.silent}"
        )
        there = row in stored
        findings.add(
            Damage.CASE, where, "row", shown if there else "no row", "no row" if there else shown, REMEDY
        )


def _compare_dues(
    snapshot: Snapshot, right: dict[bytes, int], excused: set[bytes], findings: Findings
) -> None:
    """When each consignment is to be evaluated again without a new event."""
    left = dict(right)
    for consignment, due in snapshot.stream(_DUES):
        expected = left.pop(consignment, None)
        if consignment not in excused and due != expected:
            findings.add(
                Damage.CASE, f"case_due of consignment {consignment.hex()}", "due", due, expected, REMEDY
            )
    for consignment in sorted(left.keys() - excused):
        where = f"case_due of consignment {consignment.hex()}"
        findings.add(Damage.CASE, where, "row", "no row", left[consignment], REMEDY)


def _compare_legs(
    snapshot: Snapshot, right: dict[bytes, tuple[int, str, str]], excused: set[bytes], findings: Findings
) -> None:
    """The leg by whose habit each consignment was evaluated."""
    stored = {(cons, (stage, first, last)) for cons, stage, first, last in snapshot.rows(_LEGS)}
    for consignment, leg in sorted(stored ^ {*right.items()}):
        if consignment not in excused:
            shown, there = " ".join(map(str, leg)), (consignment, leg) in stored
            where = f"case_leg of consignment {consignment.hex()}"
            one, other = (shown, "no row") if there else ("no row", shown)
            findings.add(Damage.CASE, where, "row", one, other, REMEDY)


def _where(step: Step) -> str:
    return f"case_step {step.number}, {StepKind(step.kind)} of {step.case.hex()}"
