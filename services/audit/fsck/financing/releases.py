"""Goods under a pledge, judged again: releases against the facts that were visible, and refusals without a cause.

Decisions are never taken again. A finding is a decision that no order of arrival explains: it must be wrong by all that
is known as of its moment, and by that part of it which it certainly saw.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from services.audit.fsck.financing.decisions import DECISIONS, where
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Findings
from services.domain.facts import SINCE_EVER
from services.domain.objects import Thing, consignment
from services.financing.domain import lifecycle
from services.financing.domain.cargo import Report, goods, in_order
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.guards import Step
from services.financing.domain.lifecycle import Hold
from services.financing.domain.partial_release import Part, not_covered
from services.financing.domain.products import products
from services.financing.domain.requests import DecisionContext
from services.financing.domain.statements import live
from services.financing.store.decision_writer import MOST_CARGO
from services.financing.store.evidence import Evidence, LoadedStatements, evidence_of, load_statements
from services.financing.store.financings import DECISION_COLUMNS, cargo_of, decision_of, decisions_of
from services.financing.store.identifiers import application_id, financing_id
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import bigints, uuids
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Reread, Unreadable, reread

RESERVED_SINCE = "2027-02"
"""The first version by which pledged goods are also what named them when they were reserved."""
SINCE = "2026-12"
"""The first version of the rules by which requests concern shared goods and releases debt; earlier decisions are not judged."""
REMEDY = (
    "Look at both consignments and at the decision; the bank that has the interest must know. Nothing is undone by the "
    "platform."
)
_GIVING = frozenset({Action.RELEASE, Action.RELEASE_PART})
_NEAR = """
SELECT h.name, c.key
FROM lianyun.financing_near(%(asked)s::uuid[], '{}', true) AS n
JOIN lianyun.financing_cargo c ON c.financing = ANY (n.financings)
JOIN lianyun.financing_hold h ON h.financing = c.financing
ORDER BY h.name, c.key
"""
_SEEN = """
SELECT n.no FROM unnest(%(nos)s::bigint[]) AS n (no) CROSS JOIN LATERAL (
    SELECT b.xid FROM lianyun.batch b WHERE b.first_no <= n.no ORDER BY b.first_no DESC LIMIT 1
) AS b WHERE b.xid < %(position)s::text::xid8
"""


def check_releases(snapshot: Snapshot, history: RegistryHistory, findings: Findings) -> None:
    """Judge requests about cargo, reservations refused for shared goods, and releases; some milliseconds for each.

    ``releases_wrong`` counts those that let go what was not free, also where it is zero.
    """
    findings.counts["releases_wrong"] += 0
    registry = history.newest()
    for row in snapshot.stream(DECISIONS):
        decision = decision_of(row)
        if decision.rules < SINCE:
            continue
        try:
            if decision.action in _GIVING and decision.done and not decision.waiver:
                _check_owed(snapshot, decision, registry, findings)
            elif decision.shares or (decision.action.disposes and decision.guard != "PARTY_OF_CARGO"):
                _check_goods(snapshot, decision, bytes(row[DECISION_COLUMNS + 1]), registry, findings)
        except Unreadable:
            continue  # reported by the event pass


def _check_goods(
    snapshot: Snapshot, decision: Decision, payload: bytes, registry: Registry, findings: Findings
) -> None:
    try:
        named = orjson.loads(payload).get("cargo", ())
    except ValueError:
        return  # reported with the decision
    requested = [consignment(*name.split("/", 1)) for name in named]
    near: dict[str, set[Thing]] = {}
    for name, key in snapshot.rows(_NEAR, {"asked": uuids([thing.id for thing in requested])}):
        near.setdefault(name, set()).add(consignment(*key.split("/", 1)))
    held = _held(snapshot, near, decision)
    events: list[Reread] = []
    if held:
        ids = sorted({thing.id for thing in (*requested, *(t for name in held for t in near[name]))})
        events = [reread(stored, registry) for stored in event_reader.load_facts(snapshot.connection, ids)]
    if decision.shares:
        _check_shares(decision, requested, [near[name] for name in held], events, findings)
    elif decision.done:
        if decision.goods:  # which whoever holds the rest gave back
            held = {name: h for name, h in held.items() if not h.released().issuperset(decision.goods)}
        known = [e for e in events if e.stored.append_us <= decision.at]
        reserved = decision.rules >= RESERVED_SINCE
        shared = _shared(known, requested, held, near, reserved)
        if shared and _shared(_seen(snapshot, known, decision), requested, held, near, reserved):
            findings.counts["releases_wrong"] += 1
            expected = f"REFUSED: {in_order(shared)[0]} is of goods under a release block"
            findings.add(
                Damage.FINANCING, where(decision), "outcome", "DONE", expected, REMEDY, decision.asked_by
            )
    elif decision.guard == "RELEASE_BLOCKED" and not held:
        expected = "DONE: nobody had a release block on the cargo"
        findings.add(
            Damage.FINANCING, where(decision), "outcome", "REFUSED", expected, REMEDY, decision.asked_by
        )


def _held(snapshot: Snapshot, names: Collection[str], decision: Decision) -> dict[str, Hold]:
    """Those of the financings called ``names`` that kept others from the goods when ``decision`` was taken."""
    decisions = decisions_of(snapshot.connection, map(financing_id, names))
    holds = lifecycle.holds(earlier for earlier in decisions if earlier.number < decision.number)
    rows = products()
    return {
        name: hold
        for name, hold in holds.items()
        if name in names
        and hold.terms.product in rows.rows
        and rows[hold.terms.product].blocks_release
        and (hold.pledged if decision.action.disposes else hold.held(decision.at))
    }


def _check_shares(
    decision: Decision,
    requested: Sequence[Thing],
    cargoes: Sequence[Collection[Thing]],
    events: Sequence[Reread],
    findings: Findings,
) -> None:
    """The goods that a refusal rests on were once stated of both sides, even where that was withdrawn."""
    reports = _reports(events)
    founded = {f.consignment for report in reports for f in report.facts.foundings}
    if not founded >= {*requested}.union(*cargoes):
        findings.counts["requests_not_judged"] += 1  # bodies that retention took
        return
    ours = goods(reports, requested, SINCE_EVER)
    theirs = frozenset[Thing]().union(*(goods(reports, cargo, SINCE_EVER) for cargo in cargoes))
    for thing in decision.shares:
        # A signed request may name it itself, and of very many consignments a decision names a part.
        whole = decision.request is None and len(requested) < MOST_CARGO
        if thing not in theirs or (whole and thing not in ours):
            expected = "something that names the cargo and goods that are held"
            findings.add(
                Damage.FINANCING, where(decision), "shares", thing, expected, REMEDY, decision.asked_by
            )


def _shared(
    events: Sequence[Reread],
    requested: Sequence[Thing],
    held: Mapping[str, Hold],
    near: Mapping[str, set[Thing]],
    reserved: bool,
) -> frozenset[Thing]:
    reports = _reports(events)
    found = frozenset[Thing]()
    for name, hold in held.items():
        if hold.pledged_at is not None:
            moments = hold.named_at if reserved else (hold.pledged_at,)
            shared = goods(reports, near[name], *moments) & goods(reports, requested, *moments)
            found |= shared - hold.released()
    return found


def _check_owed(snapshot: Snapshot, decision: Decision, registry: Registry, findings: Findings) -> None:
    """Judge a release without a waiver: nothing was owed, or what is left of the security was worth it."""
    connection = snapshot.connection
    decisions = decisions_of(connection, [financing_id(decision.financing)])
    hold = lifecycle.holds(r for r in decisions if r.number < decision.number).get(decision.financing)
    if hold is None or not hold.draws or hold.terms.product not in products().rows:
        return
    subjects = frozenset({financing_id(hold.financing), application_id(hold.terms.application)})
    cargo: Sequence[Thing] = ()
    facts: Sequence[Stored] = ()
    if decision.action is Action.RELEASE_PART:
        cargo = cargo_of(connection, [financing_id(hold.financing)])
        facts = event_reader.load_facts(connection, [thing.id for thing in cargo])
        founded = {f.consignment for stored in facts for f in reread(stored, registry).facts.foundings}
        if not founded.issuperset(cargo):
            findings.counts["requests_not_judged"] += 1  # bodies that retention took
            return
    statements = load_statements(connection, subjects)
    missing = ""
    for known in _readings(snapshot, (*facts, *statements), decision):
        evidence = evidence_of(
            connection,
            [thing.id for thing in cargo],
            [known[stored.no] for stored in facts if stored.no in known],
            subjects,
            registry,
            decision.at,
            loaded_statements=LoadedStatements(
                subjects, [known[stored.no] for stored in statements if stored.no in known]
            ),
        )
        missing = _owing(decision, hold, evidence)
        if not missing:
            return
    findings.counts["releases_wrong"] += 1
    findings.add(Damage.FINANCING, where(decision), "waiver", "none", missing, REMEDY, decision.asked_by)


def _owing(decision: Decision, hold: Hold, evidence: Evidence) -> str:
    """What a release without a waiver lacked, "" where nothing."""
    statements = live(evidence.record, decision.at, decision.at)
    about = DecisionContext(statements=statements, cargo=evidence.cargo).about(hold)
    state = lifecycle.state(hold, about, decision.at)
    if decision.action is Action.RELEASE:
        return f"a waiver: {state.outstanding} minor units were owed" if state.outstanding else ""
    step = Step(state, products()[hold.terms.product], about, evidence.cargo, decision.at)
    short = not_covered(step, Part(decision.goods, decision.amount))
    return "" if short is None else f"{short.guard}: {short.satisfied_by}"


def _readings(
    snapshot: Snapshot, events: Iterable[Stored], decision: Decision
) -> Iterator[Mapping[int, Stored]]:
    """``events`` by number as the decision may have known them: those of its moment, or those that it certainly saw.

    Each with and without what was set aside since.
    """
    known = [stored for stored in events if stored.append_us <= decision.at]
    for some in (known, visible(snapshot, known, decision)):
        yield {stored.no: stored for stored in some}
        yield {stored.no: stored._replace(quarantined=False) for stored in some}


def _reports(events: Sequence[Reread]) -> list[Report]:
    return [Report(event.stored.append_us, event.facts) for event in events]


def _seen(snapshot: Snapshot, events: Sequence[Reread], decision: Decision) -> list[Reread]:
    seen = {stored.no for stored in visible(snapshot, [event.stored for event in events], decision)}
    return [event for event in events if event.stored.no in seen]


def visible(snapshot: Snapshot, events: Sequence[Stored], decision: Decision) -> list[Stored]:
    """Those of ``events`` that were committed before the position of ``decision``."""
    parameters: dict[str, Any] = {
        "nos": bigints(sorted(s.no for s in events)),
        "position": str(decision.position),
    }
    seen = {no for (no,) in snapshot.rows(_SEEN, parameters)}
    return [stored for stored in events if stored.no in seen]
