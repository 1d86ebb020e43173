"""Proposals: approved by two different persons of the bank who might such an amount then, with the decision that names both; limits by who might."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from services.audit.fsck.snapshot import Row, Snapshot
from services.audit.report import Damage, Findings
from services.financing.domain.decisions import Decision
from services.financing.domain.limits import Limit, fault_of
from services.financing.domain.proposals import Ending, Proposal, Verdict, obstacle
from services.financing.store.financings import DECISION_COLUMNS, DECISION_LIST, decision_of
from services.financing.store.limits import limit_of
from services.financing.store.proposals import PROPOSAL_COLUMNS, ending_of, proposal_of
from services.people.domain.person import Person, PersonId
from services.people.store import people

REMEDY = "Find out who wrote the row: the audit trail and the signed decision tell what is right. Look at the financing with its bank."
_PERMITTED = """
SELECT bool_and(has_table_privilege(t, 'SELECT'))
FROM unnest(ARRAY['lianyun.financing_proposal', 'lianyun.financing_verdict', 'lianyun.financing_limit',
                  'lianyun.person', 'lianyun.person_grant']) AS t
"""
_ENDED = f"""
SELECT p.id, p.bank, p.financing, p.action, p.amount, p.currency, p.made, p.by_issuer, p.by_person, p.expires, p.outcome, p.guard,
       p.state, v.proposal, v.verdict, v.at, v.by_issuer, v.by_person, v.reason, v.decision,
       {DECISION_LIST}
FROM lianyun.financing_verdict v
LEFT JOIN lianyun.financing_proposal p ON p.id = v.proposal
LEFT JOIN lianyun.financing_decision d ON d.number = v.decision
ORDER BY v.proposal
"""  # noqa: S608 - columns
_LIMITS = """
SELECT bank, person, currency, at, may_make, may_check, by_issuer, by_person FROM lianyun.financing_limit ORDER BY at, person, currency
"""
_UNAPPROVED = f"""
SELECT {DECISION_LIST}
FROM lianyun.financing_decision d
WHERE cardinality(d.signatories) > 0
  AND NOT EXISTS (SELECT FROM lianyun.financing_verdict v WHERE v.decision = d.number)
ORDER BY d.number
"""  # noqa: S608 - columns


def check_proposals(snapshot: Snapshot, findings: Findings) -> None:
    """Check every proposal that ended, every decision that names two persons, and every amount limit.

    ``proposals_not_permitted`` counts a role that may not read them. Memory grows with the people and their limits.
    """
    if not snapshot.one(_PERMITTED)[0]:
        findings.counts["proposals_not_permitted"] += 1
        return
    known = {each.id: each for each in people.listed(snapshot.connection)}
    limits = _Limits(defaultdict(list), {})
    for row in snapshot.stream(_LIMITS):
        limit = limit_of(row)
        limits.of_person[limit.bank, limit.person].append(limit)
        limits.first.setdefault(limit.bank, limit)
        fault = fault_of(limit, known)
        if fault is not None:
            place = f"financing_limit {limit.person.hex()} {limit.currency} {limit.at}"
            stored = f"set by {limit.by.person.hex()}"
            expected = f"somebody else of the bank who might: {fault}"
            findings.add(Damage.DECISION, place, "by_person", stored, expected, REMEDY, publisher=limit.bank)
    for row in snapshot.stream(_ENDED):
        findings.counts["proposals_ended"] += 1
        try:
            _ended(row, known, limits, findings)
        except Exception as problem:
            findings.unreadable(f"financing_verdict {row[13]}", problem)
    for row in snapshot.stream(_UNAPPROVED):
        decision = decision_of(row)
        place = f"financing_decision {decision.number} on {decision.financing}"
        findings.add(Damage.DECISION, place, "signatories", decision.signatories, "an approval of it", REMEDY)


class _Limits(NamedTuple):
    """Limits by bank and person, and the first one of each bank; each in the order of their moments."""

    of_person: dict[tuple[str, PersonId], list[Limit]]
    first: dict[str, Limit]

    def about(self, bank: str, *persons: PersonId) -> list[Limit]:
        """What decides an approval: the limits of the persons, and the bank's first one."""
        own = [each for person in persons for each in self.of_person.get((bank, person), ())]
        return own + ([self.first[bank]] if bank in self.first else [])


def _ended(row: Row, known: dict[PersonId, Person], limits: _Limits, findings: Findings) -> None:
    ending = ending_of(row)
    assert ending is not None
    where = f"financing_verdict {ending.proposal.hex()}"

    def note(field: str, stored: object, expected: object, publisher: str = "") -> None:
        findings.add(Damage.DECISION, where, field, stored, expected, REMEDY, publisher=publisher)

    if row[0] is None:
        note("proposal", "a verdict", "a verdict on a proposal that is stored")
        return
    proposal = proposal_of(row)
    about = limits.about(proposal.bank, *{proposal.maker.person, ending.by.person})
    refused = obstacle(proposal, ending, known, limits=about)
    if refused is not None:
        note("by_person", ending.by.person, f"somebody who might: {refused}", proposal.bank)
    if ending.verdict is not Verdict.APPROVED:
        return
    if row[PROPOSAL_COLUMNS] is None:
        note("decision", ending.decision, "a decision that is stored", proposal.bank)
        return
    decision = decision_of(row[PROPOSAL_COLUMNS : PROPOSAL_COLUMNS + DECISION_COLUMNS])
    for field, stored, expected in _alike(proposal, ending, decision):
        if stored != expected:
            note(field, stored, expected, proposal.bank)


def _alike(proposal: Proposal, ending: Ending, decision: Decision) -> list[tuple[str, Any, Any]]:
    """(field, of the proposal, of the decision): what has to be the same."""
    return [
        ("bank", proposal.bank, decision.asked_by),
        ("financing", proposal.financing, decision.financing),
        ("action", proposal.action, decision.action),
        ("decision", proposal.idempotency, decision.idempotency),
        ("by_person", (proposal.maker, ending.by), decision.signatories),
    ]
