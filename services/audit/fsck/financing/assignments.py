"""Decisions on cargo whose assignment was in doubt: judged again by what each certainly saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.audit.fsck.financing.decisions import DECISIONS, where
from services.audit.fsck.snapshot import Snapshot, chunks
from services.audit.report import Damage, Findings
from services.domain.facts import Facts
from services.domain.objects import Thing, consignment
from services.financing.domain import lifecycle
from services.financing.domain.assignment_rules import GUARD, gravest
from services.financing.domain.assignments import Assignments, AssignmentState, KnownAssignments
from services.financing.domain.decisions import Action, Decision, DecisionOutcome
from services.financing.domain.products import products
from services.financing.store import statement
from services.financing.store.evidence import railways_of
from services.financing.store.financings import decision_of, decisions_of
from services.financing.store.identifiers import financing_id
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage import event_reader
from services.ledger.storage import statement as stored_statement
from services.ledger.storage.arrays import Texts, bigints, texts, uuids
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Reread, Unreadable, reread
from services.query.views import facts_of
from services.runtime.named_sql import nested

SINCE = "2027-01"
"""The first version of the rules by which assignments are judged; earlier decisions stand as they were taken."""
REMEDY = (
    "Look at the assignment with the bank before anything is paid on it. Nothing is undone by the platform."
)
_STEPS = frozenset({Action.RESERVE, Action.PLEDGE, Action.DRAW, Action.SUBSTITUTE})
_BLOCK = 256
"""Decisions that are judged together, in five statements."""
_ELSEWHERE = """
SELECT c.place - 1 FROM unnest(%(cargoes)s::text[]) WITH ORDINALITY AS c (ids, place) WHERE EXISTS (
    SELECT 1 FROM lianyun.financing_near(c.ids::uuid[], '{}', true) AS n CROSS JOIN LATERAL unnest(n.names) AS m (id)
    JOIN lianyun.link l ON l.left_id = m.id
    WHERE l.kind IN (1, 2, 3, 4, 5) AND l.right_id <> ALL (n.names) AND l.right_id <> ALL (c.ids::uuid[])
)
"""
_BATCHES = """
SELECT n.no, b.xid::text FROM unnest(%(nos)s::bigint[]) AS n (no) CROSS JOIN LATERAL (
    SELECT b.xid FROM lianyun.batch b WHERE b.first_no <= n.no ORDER BY b.first_no DESC LIMIT 1
) AS b
"""


class _Step(NamedTuple):
    """A reservation, pledge or payment that was done, and whether the bank had looked at an assignment in doubt before."""

    decision: Decision
    looked_at: bool


@dataclass(slots=True)
class _Block:
    """What is read for some steps: the decisions and the cargo of each financing, the events about it, and their transactions."""

    decisions: dict[str, list[Decision]] = field(default_factory=lambda: defaultdict(list))
    cargo: dict[str, list[Thing]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, dict[int, Stored]] = field(default_factory=lambda: defaultdict(dict))
    elsewhere: frozenset[str] = frozenset()
    committed_by: Mapping[int, int] = field(default_factory=dict)
    reread: dict[int, Reread] = field(default_factory=dict)

    def confirmed_only(self, decision: Decision) -> bool | None:
        """Whether the product wants each assignment confirmed before this step; None where nothing is known of the financing."""
        own = self.decisions[decision.financing]
        hold = lifecycle.holds(d for d in own if d.number <= decision.number).get(decision.financing)
        if hold is None or (product := products().rows.get(hold.terms.product)) is None:
            return None
        return decision.action is not Action.RESERVE and product.assignment is AssignmentState.CONFIRMED


def check_assignments(snapshot: Snapshot, history: RegistryHistory, findings: Findings) -> None:
    """Judge each reservation, pledge and payment that was done: a constant number of statements for each 256 decisions.

    ``assignments_wrong`` counts those that rest on an assignment in doubt which the bank had not looked at, also where it is zero.
    """
    findings.counts["assignments_wrong"] += 0
    registry = history.newest()
    looked_at: set[tuple[str, Action]] = set()
    for rows in chunks(snapshot.stream(DECISIONS), _BLOCK):
        steps = []
        for decision in map(decision_of, rows):
            taken = decision.financing, decision.action
            if decision.guard == GUARD and decision.outcome is DecisionOutcome.REVIEW:
                looked_at.add(taken)
            if decision.rules >= SINCE and decision.done and decision.action in _STEPS:
                steps.append(_Step(decision, taken in looked_at))
        block = _read(snapshot, [step.decision for step in steps])
        for step in steps:
            try:
                missing = _missing(block, step, registry)
            except Unreadable:
                continue  # reported by the event pass
            if missing:
                findings.counts["assignments_wrong"] += 1
                decision = step.decision
                findings.add(
                    Damage.FINANCING, where(decision), "outcome", "DONE", missing, REMEDY, decision.asked_by
                )


def _read(snapshot: Snapshot, steps: Sequence[Decision]) -> _Block:
    block, connection = _Block(), snapshot.connection
    names = sorted({decision.financing for decision in steps})
    if not names:
        return block
    ids = [financing_id(name) for name in names]
    for decision in decisions_of(connection, ids):
        for name in {decision.financing, *decision.frees}:
            block.decisions[name].append(decision)
    for name, key in snapshot.rows(statement("cargo_near").decode(), {"financings": uuids(ids)}):
        block.cargo[name].append(consignment(*key.split("/", 1)))
    found = snapshot.rows(_ELSEWHERE, {"cargoes": _cargoes(block, names)})
    block.elsewhere = frozenset(names[place] for (place,) in found)
    wanted = {d.financing for d in steps if d.financing in block.elsewhere or block.confirmed_only(d)}
    judged = sorted(wanted)
    if not judged:
        return block
    event_reader.limit_work_memory(connection)
    for place, *row in snapshot.rows(_events_query(), {"cargoes": _cargoes(block, judged)}):
        stored = event_reader.stored_of(row)
        block.events[judged[place]][stored.no] = stored
    numbers = sorted({no for events in block.events.values() for no in events})
    block.committed_by = {no: int(xid) for no, xid in snapshot.rows(_BATCHES, {"nos": bigints(numbers)})}
    return block


def _cargoes(block: _Block, names: Iterable[str]) -> Texts:
    return texts(["{" + ",".join(sorted(t.id.hex() for t in block.cargo[name])) + "}" for name in names])


def _events_query() -> str:
    """For each cargo, by its place: the facts about it, and what assigns its boxes and papers to others."""
    own = b"SELECT unnest(c.ids::uuid[])"
    elsewhere = nested(statement("assigned_elsewhere"), ids=own)
    withdrawn = nested(stored_statement("read_closure"), nos=elsewhere)
    query = b"\n".join(
        (
            b"SELECT c.place - 1, e.* FROM unnest(%(cargoes)s::text[]) WITH ORDINALITY AS c (ids, place) CROSS JOIN LATERAL (",
            b"(",
            nested(event_reader.facts_query(False), ids=own),
            b") UNION ALL (",
            nested(stored_statement("read_bodies"), nos=withdrawn),
            b")) AS e",
        )
    )
    return query.decode()


def _missing(block: _Block, step: _Step, registry: Registry) -> str:
    """What was missing, "" where nothing was."""
    decision = step.decision
    confirmed_only = block.confirmed_only(decision)
    if confirmed_only is None or not (confirmed_only or decision.financing in block.elsewhere):
        return ""
    missing = ""
    cargo = block.cargo[decision.financing]
    # What was set aside since may have counted then, and what came at the same time may have been seen or not.
    for events in _readings(block, decision, registry):
        found = gravest(list(Assignments(events, decision.at).of(cargo).items()), confirmed_only)
        if found is None or (found.reviewable and step.looked_at):
            return ""
        missing = f"{found.outcome}: {found.failed.satisfied_by}"
    return missing


def _readings(block: _Block, decision: Decision, registry: Registry) -> Iterator[KnownAssignments]:
    known = []
    for no, stored in sorted(block.events[decision.financing].items()):
        if stored.append_us <= decision.at:
            if no not in block.reread:
                block.reread[no] = reread(stored, registry)
            known.append(block.reread[no])
    seen = [e for e in known if block.committed_by.get(e.stored.no, decision.position) < decision.position]
    for events in (known, seen):
        yield KnownAssignments(Facts.union(event.facts for event in events), railways_of(events))
        yield KnownAssignments(facts_of(events), railways_of(events))
