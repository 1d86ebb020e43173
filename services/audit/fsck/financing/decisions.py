"""Decisions one by one: signed by the platform, with the fields of their row, and resting on stored earlier ones."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from schemas.envelope import Envelope
from schemas.events.finance_decision import DecidedByTwo
from services.audit.fsck.registers import audited, permitted
from services.audit.fsck.snapshot import Row, Snapshot
from services.audit.fsck.verification import signed_by_platform
from services.audit.report import Damage, Findings
from services.financing.domain.decisions import Decision
from services.financing.store.decision_writer import stated, version_of
from services.financing.store.financings import DECISION_COLUMNS, DECISION_LIST, decision_of
from services.financing.store.identifiers import financing_id
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import RegistryHistory

RESTORE = "Restore the row of lianyun.financing_decision from a backup; its signature tells the right bytes."
TOUCHED = "Set the rows of lianyun.financing_touched to the financings that the signed decision names."
_TALLIED = "Restore the missing rows of lianyun.financing_decision, or of lianyun.financing_tally, from a backup; find out who took them away."
DECISIONS = f"""
SELECT {DECISION_LIST}, d.headers, d.payload, d.xid::text,
       d.before IS NULL OR EXISTS (SELECT 1 FROM lianyun.financing_decision b WHERE b.number = d.before AND b.number < d.number)
FROM lianyun.financing_decision d
ORDER BY d.number
"""  # noqa: S608 - columns
_RECORDED = """
SELECT coalesce(stream, 0), count(*), sum(number)::bigint FROM lianyun.financing_decision GROUP BY 1
"""
_TALLY = "SELECT stream, decisions, numbers FROM lianyun.financing_tally"
_OLDER = 0
"""The stream of decisions that older releases recorded."""
_TOUCHED = "SELECT number, financing FROM lianyun.financing_touched ORDER BY number, financing"
_COLUMNS = {
    "happened": "at",
    "idempotency_key": "idempotency",
    "asked_digest": "asked",
    "request_event": "request",
}
"""Columns of the row by the fields of the event, where their names differ."""
_TOGETHER = {11: ("applicant", "product", "interest"), 15: ("currency",)}
"""By the place of ``application`` and of ``amount`` in a row: the columns behind each that are there with it, or not at all."""


def check_decisions(snapshot: Snapshot, history: RegistryHistory, network: str, findings: Findings) -> None:
    """Check each decision in the order of numbers: signature, fields, the one before it, its position, what it touched."""
    registry = history.newest()
    touched = _Touched(snapshot)
    for row in snapshot.stream(DECISIONS):
        findings.counts["decisions"] += 1
        there = touched.of(int(row[0]), findings)
        try:
            _decision(row, there, registry, network, findings)
        except Exception as problem:
            findings.unreadable(f"financing_decision {row[0]}", problem, str(row[4]))
    touched.rest(findings)
    _tally(snapshot, findings)


def _tally(snapshot: Snapshot, findings: Findings) -> None:
    """No decision is gone, nor added, since each was counted; those of older releases since the deployment of this one was done.

    The latter only for a role that may read the audit trail.
    """
    stored: dict[int, tuple[int, int]] = {
        stream: (count, numbers) for stream, count, numbers in snapshot.rows(_RECORDED)
    }
    tallied: dict[int, tuple[int, int]] = {
        stream: (count, numbers) for stream, count, numbers in snapshot.rows(_TALLY)
    }
    if permitted(snapshot, "audit_trail") and audited(snapshot):
        stored.setdefault(_OLDER, (0, 0))
    else:
        stored.pop(_OLDER, None)
        tallied.pop(_OLDER, None)
    for stream in sorted(stored.keys() | tallied.keys()):
        there, right = stored.get(stream), tallied.get(stream)
        if there == right:
            continue
        expected = _amount(right)
        if there is not None and right is not None and right[0] == there[0] + 1:
            expected += f": decision {right[1] - there[1]} is missing"
        place = f"financing_decision, those of stream {stream} by financing_tally"
        findings.add(Damage.FINANCING, place, "rows", _amount(there), expected, _TALLIED)


def _amount(tally: tuple[int, int] | None) -> str:
    return "none" if tally is None else f"{tally[0]} whose numbers add up to {tally[1]}"


def _decision(row: Row, touched: set[bytes], registry: Registry, network: str, findings: Findings) -> None:
    decision = decision_of(row)
    headers, payload, xid, rests = row[DECISION_COLUMNS : DECISION_COLUMNS + 4]
    for place, names in _TOGETHER.items():
        for beside, name in enumerate(names, start=place + 1):
            if (row[place] is None) != (row[beside] is None):
                _note(findings, decision, name, row[beside], "a value beside the others of its kind, or none")
    content = _signed(decision, bytes(headers), bytes(payload), registry, network, findings)
    if content is not None:
        _compare(decision, content, findings)
    if not rests:
        expected = "an earlier decision that is stored"
        _note(findings, decision, "before", decision.before, expected)
    if decision.position > int(xid):
        _note(findings, decision, "position", decision.position, f"at most {xid}, its own transaction")
    _touches(decision, touched, findings)


def where(decision: Decision) -> str:
    """How findings name a decision."""
    about = f" on {decision.financing}" if decision.financing else ""
    return f"financing_decision {decision.number}, {decision.action}{about}"


def _signed(
    decision: Decision, headers: bytes, payload: bytes, registry: Registry, network: str, findings: Findings
) -> dict[str, Any] | None:
    """The payload of the event, where the platform signed it; faults are findings."""
    found = signed_by_platform(
        headers,
        payload,
        decision.at,
        DecidedByTwo,
        registry,
        network,
        lambda field, stored, expected: _note(findings, decision, field, stored, expected),
    )
    if found is None:
        return None
    envelope, content = found
    _attributes(decision, envelope, findings)
    return content


def _attributes(decision: Decision, envelope: Envelope, findings: Findings) -> None:
    for field, stored, expected in (
        ("id", envelope.id, f"decision-{decision.number}"),
        ("type", envelope.type, version_of(decision).spec.type),
    ):
        if stored != expected:
            _note(findings, decision, field, stored, expected)


def _compare(decision: Decision, content: dict[str, Any], findings: Findings) -> None:
    for field, stored in stated(decision).items():
        signed = content.get(field)
        if stored != signed:
            _note(findings, decision, _COLUMNS.get(field, field), stored, signed)


def _touches(decision: Decision, stored: set[bytes], findings: Findings) -> None:
    expected = {financing_id(name): name for name in (decision.financing, *decision.frees) if name}
    for id_ in sorted(expected.keys() - stored):
        place = f"financing_touched {expected[id_]} of {where(decision)}"
        findings.add(Damage.FINANCING, place, "row", "missing", "a row", TOUCHED)
    for id_ in sorted(stored - expected.keys()):
        place = f"financing_touched {id_.hex()} of {where(decision)}"
        findings.add(Damage.FINANCING, place, "row", "a row", "no row", TOUCHED)


class _Touched:
    """The rows of financing_touched beside the decisions, both in the order of numbers."""

    def __init__(self, snapshot: Snapshot) -> None:
        rows: Iterator[Row] = snapshot.stream(_TOUCHED)
        self._groups = groupby(rows, key=lambda row: int(row[0]))
        self._next = self._advance()

    def of(self, number: int, findings: Findings) -> set[bytes]:
        """The financings touched by ``number``; rows of earlier decisions that are not stored are findings."""
        while self._next is not None and self._next[0] < number:
            self._stray(findings)
        if self._next is None or self._next[0] != number:
            return set()
        found = self._next[1]
        self._next = self._advance()
        return found

    def rest(self, findings: Findings) -> None:
        """What is left behind the last decision."""
        while self._next is not None:
            self._stray(findings)

    def _stray(self, findings: Findings) -> None:
        assert self._next is not None
        number, found = self._next
        for id_ in sorted(found):
            place = f"financing_touched {id_.hex()} of financing_decision {number}, which is not stored"
            findings.add(Damage.FINANCING, place, "row", "a row", "no row", RESTORE)
        self._next = self._advance()

    def _advance(self) -> tuple[int, set[bytes]] | None:
        number, rows = next(self._groups, (0, iter(())))
        found = {row[1] for row in rows}
        return (number, found) if found else None


def _note(findings: Findings, decision: Decision, field: str, stored: object, expected: object) -> None:
    findings.add(
        Damage.DECISION, where(decision), field, stored, expected, RESTORE, publisher=decision.asked_by
    )
