"""Pledges and payments on goods that the record no longer named, which nobody looked at: judged again by what each certainly saw."""

from __future__ import annotations

from services.audit.fsck.financing.decisions import DECISIONS, where
from services.audit.fsck.financing.releases import visible
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Findings
from services.financing.domain import lifecycle
from services.financing.domain.cargo import Report
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.named_goods import no_longer_named, unsettled_by
from services.financing.store.financings import cargo_of, decision_of, decisions_of
from services.financing.store.identifiers import financing_id
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage import event_reader
from services.query.stored_events import Unreadable, reread

SINCE = "2027-02"
"""The first version of the rules by which steps ask for goods that are named no longer; earlier decisions stand as they were taken."""
REMEDY = (
    "Look at the goods with the bank before anything more is paid on them. Nothing is undone by the platform."
)
_STEPS = frozenset({Action.PLEDGE, Action.DRAW, Action.SUBSTITUTE})


def check_named_goods(snapshot: Snapshot, history: RegistryHistory, findings: Findings) -> None:
    """Judge each pledge and payment that was done without a review; some milliseconds for each.

    ``unnamed_goods`` counts those on goods that were named no longer, also where it is zero.
    """
    findings.counts["unnamed_goods"] += 0
    registry = history.newest()
    for row in snapshot.stream(DECISIONS):
        decision = decision_of(row)
        if decision.rules < SINCE or not decision.done or decision.action not in _STEPS:
            continue
        try:
            missing = "" if decision.reviewed is not None else _missing(snapshot, decision, registry)
        except Unreadable:
            continue  # reported by the event pass
        if missing:
            findings.counts["unnamed_goods"] += 1
            findings.add(
                Damage.FINANCING, where(decision), "outcome", "DONE", missing, REMEDY, decision.asked_by
            )


def _missing(snapshot: Snapshot, decision: Decision, registry: Registry) -> str:
    """What was missing, "" where nothing was."""
    ids = [financing_id(decision.financing)]
    earlier = (d for d in decisions_of(snapshot.connection, ids) if d.number < decision.number)
    hold = lifecycle.holds(earlier).get(decision.financing)
    cargo = cargo_of(snapshot.connection, ids)
    if hold is None or not cargo:
        return ""
    stored = event_reader.load_facts(snapshot.connection, sorted(thing.id for thing in cargo))
    known = [reread(s, registry) for s in stored if s.append_us <= decision.at]
    # What came at the same time may have been seen or not.
    seen = {s.no for s in visible(snapshot, [event.stored for event in known], decision)}
    found = None
    for events in (known, [event for event in known if event.stored.no in seen]):
        reports = [Report(event.stored.append_us, event.facts) for event in events]
        found = unsettled_by(no_longer_named(reports, cargo, hold, decision.at))
        if found is None:
            return ""
    return "" if found is None else f"{found.outcome}: {found.failed.satisfied_by}"
