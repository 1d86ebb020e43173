"""Annotations of papers: each decision signed by the platform, what it takes by its digest, who revoked it, and no paper beyond its amount."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from schemas.events.trade_offshore import AnnotationDecided
from services.audit.fsck.snapshot import Row, Snapshot
from services.audit.fsck.verification import signed_by_platform
from services.audit.report import Damage, Findings
from services.financing.domain import lifecycle
from services.financing.domain.annotation import Action, Annotation, Standing, against, takes_digest
from services.financing.domain.fingerprints import Fingerprint
from services.financing.domain.products import products
from services.financing.domain.reservation import encumbrance
from services.financing.store.annotations import (
    COLUMNS,
    DECISION_LIST,
    annotation_of,
    event_id_of,
    stated_fields,
)
from services.financing.store.financings import decisions_of, print_of
from services.financing.store.identifiers import financing_id
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import RegistryHistory

RESTORE: Final = (
    "Restore the row of lianyun.annotation_decision from a backup; its signature tells the right bytes."
)
ENTRY: Final = "Set the rows of lianyun.annotation_entry to what the signed decisions take and revoke."
BEYOND: Final = "Ask both banks; the later of the two decisions must not have been taken. Nothing is undone by the platform."
_PERMITTED = """
SELECT has_table_privilege('lianyun.annotation_decision', 'SELECT') AND has_table_privilege('lianyun.annotation_entry', 'SELECT')
"""
_DECISIONS = f"""
SELECT {DECISION_LIST}, d.headers, d.payload, d.xid::text, r.number, a.by_party, a.deal, a.kind, a.measure, a.part, a.whole
FROM lianyun.annotation_decision d
LEFT JOIN lianyun.annotation_decision r ON r.annotation = d.number AND r.action = 'REVOKE' AND r.done
LEFT JOIN lianyun.annotation_decision a ON a.number = d.annotation AND a.action = 'ANNOTATE' AND a.done
ORDER BY d.number
"""  # noqa: S608 - columns
_ENTRIES = """
SELECT annotation, version, kind, digest, NULL::text, measure, part, whole, '{}'::bigint[], NULL::uuid, revoked
FROM lianyun.annotation_entry ORDER BY annotation, version, kind, digest
"""
_MEETING = """
SELECT a.version, a.kind, a.digest, NULL::text, a.measure, a.part, a.whole, '{}'::bigint[], NULL::uuid, a.annotation, d.by_party, d.deal
FROM lianyun.annotation_entry a JOIN lianyun.annotation_decision d ON d.number = a.annotation
WHERE a.revoked IS NULL AND (
    EXISTS (SELECT FROM lianyun.annotation_entry b WHERE b.digest = a.digest AND b.revoked IS NULL AND b.annotation <> a.annotation)
    OR EXISTS (SELECT FROM lianyun.financing_entry e WHERE e.digest = a.digest AND e.freed IS NULL)
)
ORDER BY a.digest, a.version, a.kind, a.annotation
"""
_HELD = """
SELECT version, kind, digest, name, measure, part, whole, near, thing FROM lianyun.financing_entry
WHERE digest = %(digest)s AND freed IS NULL
"""


def check_annotations(snapshot: Snapshot, history: RegistryHistory, network: str, findings: Findings) -> None:
    """Check every decision and entry; ``double_annotations`` counts papers beyond their amount, also where zero. Memory does not grow with them.

    ``annotations_not_permitted`` counts a role that may not read them.
    """
    findings.counts["double_annotations"] += 0
    if not snapshot.one(_PERMITTED)[0]:
        findings.counts["annotations_not_permitted"] += 1
        return
    entries = _Entries(snapshot)
    registry = history.newest()
    for row in snapshot.stream(_DECISIONS):
        findings.counts["annotation_decisions"] += 1
        there = entries.of(int(row[0]), findings)
        try:
            _decision(row, there, registry, network, findings)
        except Exception as problem:
            findings.unreadable(f"annotation_decision {row[0]}", problem, str(row[5]))
    entries.rest(findings)
    _beyond(snapshot, findings)


class _Entries:
    """What annotations take, read along with the decisions."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._groups = groupby(snapshot.stream(_ENTRIES), key=lambda row: int(row[0]))
        self._next: tuple[int, list[Row]] | None = self._read()

    def of(self, number: int, findings: Findings) -> list[Row]:
        """Those of the decision; what belongs to none before it is a finding."""
        while self._next is not None and self._next[0] < number:
            self._stray(findings)
        if self._next is None or self._next[0] != number:
            return []
        _, found = self._next
        self._next = self._read()
        return found

    def rest(self, findings: Findings) -> None:
        """What belongs to no decision."""
        while self._next is not None:
            self._stray(findings)

    def _read(self) -> tuple[int, list[Row]] | None:
        found = next(self._groups, None)
        return None if found is None else (found[0], list(found[1]))

    def _stray(self, findings: Findings) -> None:
        assert self._next is not None
        where = f"annotation_entry of {self._next[0]}"
        findings.add(Damage.DECISION, where, "row", "rows", "none without a decision", RESTORE)
        self._next = self._read()


def _decision(row: Row, entries: Sequence[Row], registry: Registry, network: str, findings: Findings) -> None:
    decision = annotation_of(row[:COLUMNS])
    headers, payload, xid, revoked, *of = row[COLUMNS:]

    def note(field: str, stored: object, expected: object, remedy: str = RESTORE) -> None:
        where = f"annotation_decision {decision.number}, {decision.action} on {decision.deal}"
        findings.add(Damage.DECISION, where, field, stored, expected, remedy, decision.by)

    found = signed_by_platform(
        bytes(headers), bytes(payload), decision.at, AnnotationDecided, registry, network, note
    )
    if found is not None:
        envelope, content = found
        for field, value, expected in (
            ("id", envelope.id, event_id_of(decision)),
            ("type", envelope.type, AnnotationDecided.spec.type),
            *((name, value, content.get(name)) for name, value in stated_fields(decision).items()),
        ):
            if value != expected:
                note(field, value, expected)
        taken = takes_digest(print_of(entry[1:10])[1] for entry in entries).hex() if entries else None
        if taken != content.get("takes_sha256"):
            note("annotation_entry", taken, content.get("takes_sha256"), ENTRY)
    if decision.position > int(xid):
        note("position", decision.position, f"at most {xid}, its own transaction")
    if any(entry[10] != revoked for entry in entries):
        note("revoked", sorted({str(entry[10]) for entry in entries}), revoked, ENTRY)
    for field, value, expected in _meant(decision, of):
        note(field, value, expected)


def _meant(decision: Annotation, of: Sequence[Any]) -> Iterator[tuple[str, object, object]]:
    """What a decision says of the annotation that it is of, and is not so."""
    if decision.done == bool(decision.guard):
        yield "done", decision.done, "done without a guard, or refused with one"
    if decision.action is Action.ANNOTATE:
        if decision.annotation != decision.number:
            yield "annotation", decision.annotation, decision.number
        return
    share = decision.share
    parts = (None, None, None) if share is None else (share.measure, share.part, share.whole)
    said = [decision.by, decision.deal, str(decision.kind), *parts]
    if said != list(of):
        yield "annotation", said, list(of) if of[0] is not None else "an annotation that was done"


def _beyond(snapshot: Snapshot, findings: Findings) -> None:
    """Papers annotated beyond their amount, under two deals, or beyond what pledges leave."""
    seen: set[int] = set()
    for digest, rows in groupby(snapshot.rows(_MEETING), key=lambda row: bytes(row[2])):
        standing = [Standing(print_of(row[:9])[1], *row[9:]) for row in rows]
        pledged = _pledged(snapshot, digest)
        for each in standing:
            others = [other for other in standing if other.annotation != each.annotation]
            held = [[], *pledged] if each.annotation not in seen else []
            if any(against([each.fingerprint], each.deal, others, group) for group in held):
                seen.add(each.annotation)
                findings.counts["double_annotations"] += 1
                where = f"annotation {each.annotation} of {each.deal}"
                findings.add(
                    Damage.FINANCING, where, "paper", "used beyond its amount", "used once", BEYOND, each.by
                )


def _pledged(snapshot: Snapshot, digest: bytes) -> list[list[Fingerprint]]:
    """What pledges hold under the digest, apart by the interest that they compete for."""
    rows = snapshot.rows(_HELD, {"digest": digest.hex()})
    entries = [print_of(row) for row in rows]
    if not entries:
        return []
    decisions = decisions_of(snapshot.connection, sorted({financing_id(name) for name, _ in entries}))
    holds = lifecycle.holds(decisions)
    table = products()
    groups: dict[tuple[str, str], list[Fingerprint]] = defaultdict(list)
    for name, print_ in entries:
        hold = holds.get(name)
        if hold is not None and hold.pledged and hold.ended is None and hold.terms.product in table.rows:
            of = encumbrance(name, hold.terms, table[hold.terms.product])
            groups[of.group, str(of.value)].append(print_)
    return list(groups.values())
