"""Nothing held twice: each holder that shares a key with another is checked against those that held it before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Findings
from services.domain.facts import Micros
from services.financing.domain import lifecycle, uniqueness
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.fingerprints import Fingerprint
from services.financing.domain.lifecycle import Hold
from services.financing.domain.products import products
from services.financing.domain.reservation import consented, encumbrance
from services.financing.domain.statements import live
from services.financing.domain.uniqueness import Entry, Verdict
from services.financing.store.evidence import gather_evidence
from services.financing.store.financings import decisions_of, print_of
from services.financing.store.identifiers import financing_id
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage.arrays import uuids

_SHARING = """
SELECT DISTINCT a.name FROM lianyun.financing_entry a
WHERE a.freed IS NULL AND a.kind <= 6 AND EXISTS (
    SELECT 1 FROM lianyun.financing_entry b
    WHERE b.digest = a.digest AND b.version = a.version AND b.kind = a.kind AND b.freed IS NULL AND b.name <> a.name
) ORDER BY a.name
"""
_UNDER = """
SELECT DISTINCT b.version, b.kind, b.digest, b.name, b.measure, b.part, b.whole, b.near, b.thing
FROM lianyun.financing_entry a JOIN lianyun.financing_entry b
    ON b.digest = a.digest AND b.version = a.version AND b.kind = a.kind AND b.freed IS NULL
WHERE a.financing = ANY (%(ids)s::uuid[]) AND a.freed IS NULL
"""
_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
REMEDY = "Ask both banks; the later of the two decisions must not have been taken. Nothing is undone by the platform."


def check_pledges(snapshot: Snapshot, history: RegistryHistory, findings: Findings) -> None:
    """Count interests that two financings hold although the rules allow one; a few milliseconds for each that shares a key."""
    findings.counts["double_pledges"] += 0
    (now,) = snapshot.one(_NOW)
    seen: set[frozenset[str]] = set()
    for (name,) in snapshot.rows(_SHARING):
        for other in _before(snapshot, history, str(name), now):
            pair = frozenset((name, other))
            if pair in seen:
                continue
            seen.add(pair)
            findings.counts["double_pledges"] += 1
            where = f"financings {other} and {name}"
            findings.add(Damage.FINANCING, where, "interest", "held by both", "held by one", REMEDY)


def _before(snapshot: Snapshot, history: RegistryHistory, name: str, now: Micros) -> Iterable[str]:
    """The financings that held what ``name`` holds before it did, and still do."""
    rows = snapshot.rows(_UNDER, {"ids": uuids([financing_id(name)])})
    prints: list[Fingerprint] = []
    others: list[tuple[str, Fingerprint]] = []
    for row in rows:
        holder, print_ = print_of(row)
        if holder == name:
            prints.append(print_)
        else:
            others.append((holder, print_))
    decisions = decisions_of(snapshot.connection, {financing_id(n) for n in (name, *(h for h, _ in others))})
    holds = lifecycle.holds(decisions)
    own = holds.get(name)
    if own is None or not own.held(now) or own.terms.product not in products().rows:
        return ()
    since = _reserved(decisions, own)
    entries = [
        Entry(print_, encumbrance(holder, hold.terms, products()[hold.terms.product]))
        for holder, print_ in others
        if (hold := holds.get(holder)) is not None
        and hold.held(now)
        and hold.terms.product in products().rows
        and _reserved(decisions, hold).number < since.number
    ]
    wanted = encumbrance(name, own.terms, products()[own.terms.product])
    found = uniqueness.check(wanted, prints, entries)
    taken = {finding.by for finding in found.findings if finding.verdict is Verdict.TAKEN}
    return sorted(taken - _consents(snapshot, history, own, since, {n: holds[n] for n in taken}))


def _reserved(decisions: Iterable[Decision], hold: Hold) -> Decision:
    """The decision by which a financing came to hold what it holds."""
    own = (r for r in decisions if r.done and r.financing == hold.financing and r.action is Action.RESERVE)
    return max(own, key=lambda decision: decision.number)


def _consents(
    snapshot: Snapshot, history: RegistryHistory, own: Hold, since: Decision, taken: Mapping[str, Hold]
) -> frozenset[str]:
    """Of ``taken``, those whose banks agreed to be taken over: both stand until the pledge ends the earlier one."""
    open_ = {name for name, hold in taken.items() if not (own.pledged and hold.pledged)}
    if not open_:
        return frozenset()
    registry = history.newest()
    subjects = [financing_id(name) for name in sorted(open_)]
    evidence = gather_evidence(snapshot.connection, [], subjects, registry, since.at)
    return consented(live(evidence.record, since.at, since.at), own.bank, since.at) & open_
