"""Decisions on cargo whose assignment was in doubt: judged again by what each certainly saw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.audit.fsck.financing.decisions import DECISIONS, where
from services.audit.fsck.financing.releases import visible
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Findings
from services.domain.facts import Facts
from services.domain.objects import Thing
from services.financing.domain import lifecycle
from services.financing.domain.assignment_rules import GUARD, gravest
from services.financing.domain.assignments import Assignments, AssignmentState, KnownAssignments
from services.financing.domain.decisions import Action, Decision, DecisionOutcome
from services.financing.domain.products import products
from services.financing.store import statement
from services.financing.store.evidence import railways_of
from services.financing.store.financings import cargo_of, decision_of, decisions_of
from services.financing.store.identifiers import financing_id
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import uuids
from services.query.stored_events import Unreadable, reread
from services.query.views import facts_of

SINCE = "2027-01"
"""The first version of the rules by which assignments are judged; earlier decisions stand as they were taken."""
REMEDY = (
    "Look at the assignment with the bank before anything is paid on it. Nothing is undone by the platform."
)
_STEPS = frozenset({Action.RESERVE, Action.PLEDGE, Action.DRAW, Action.SUBSTITUTE})
_ELSEWHERE = """
SELECT EXISTS (
    SELECT 1 FROM lianyun.financing_near(%(ids)s::uuid[], '{}', true) AS n CROSS JOIN LATERAL unnest(n.names) AS m (id)
    JOIN lianyun.link l ON l.left_id = m.id
    WHERE l.kind IN (1, 2, 3, 4, 5) AND l.right_id <> ALL (n.names) AND l.right_id <> ALL (%(ids)s::uuid[])
)
"""


def check_assignments(snapshot: Snapshot, history: RegistryHistory, findings: Findings) -> None:
    """Judge each reservation, pledge and payment that was done; about a millisecond where nothing is assigned elsewhere.

    ``assignments_wrong`` counts those that rest on an assignment in doubt which the bank had not looked at, also where it is zero.
    """
    findings.counts["assignments_wrong"] += 0
    registry = history.newest()
    looked_at: set[tuple[str, Action]] = set()
    for row in snapshot.stream(DECISIONS):
        decision = decision_of(row)
        step = decision.financing, decision.action
        if decision.guard == GUARD and decision.outcome is DecisionOutcome.REVIEW:
            looked_at.add(step)
        if decision.rules < SINCE or not decision.done or decision.action not in _STEPS:
            continue
        try:
            missing = _missing(snapshot, decision, step in looked_at, registry)
        except Unreadable:
            continue  # reported by the event pass
        if missing:
            findings.counts["assignments_wrong"] += 1
            findings.add(
                Damage.FINANCING, where(decision), "outcome", "DONE", missing, REMEDY, decision.asked_by
            )


def _missing(snapshot: Snapshot, decision: Decision, looked_at: bool, registry: Registry) -> str:
    """What was missing, "" where nothing was."""
    decisions = decisions_of(snapshot.connection, [financing_id(decision.financing)])
    hold = lifecycle.holds(d for d in decisions if d.number <= decision.number).get(decision.financing)
    table = products()
    if hold is None or hold.terms.product not in table.rows:
        return ""
    paying = decision.action is not Action.RESERVE
    confirmed_only = paying and table[hold.terms.product].assignment is AssignmentState.CONFIRMED
    cargo = cargo_of(snapshot.connection, [financing_id(decision.financing)])
    ids = uuids(sorted(thing.id for thing in cargo))
    if not confirmed_only and not snapshot.one(_ELSEWHERE, {"ids": ids})[0]:
        return ""
    missing = ""
    # What was set aside since may have counted then, and what came at the same time may have been seen or not.
    for events in _readings(snapshot, decision, cargo, registry):
        found = gravest(list(Assignments(events, decision.at).of(cargo).items()), confirmed_only)
        if found is None or (found.reviewable and looked_at):
            return ""
        missing = f"{found.outcome}: {found.failed.satisfied_by}"
    return missing


def _readings(
    snapshot: Snapshot, decision: Decision, cargo: Sequence[Thing], registry: Registry
) -> Iterable[KnownAssignments]:
    connection, ids = snapshot.connection, sorted(thing.id for thing in cargo)
    rows = snapshot.rows(statement("assigned_elsewhere").decode(), {"ids": uuids(ids)})
    stored = {s.no: s for s in event_reader.load_facts(connection, ids)}
    stored |= {s.no: s for s in event_reader.with_withdrawals(connection, [int(no) for (no,) in rows])}
    known = [reread(s, registry) for _, s in sorted(stored.items()) if s.append_us <= decision.at]
    seen = {s.no for s in visible(snapshot, [event.stored for event in known], decision)}
    for events in (known, [event for event in known if event.stored.no in seen]):
        yield KnownAssignments(Facts.union(event.facts for event in events), railways_of(events))
        yield KnownAssignments(facts_of(events), railways_of(events))
