"""Decisions, one by one: signed by the platform, saying what their row says, and resting on earlier ones that are there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from schemas.envelope import Envelope
from schemas.events.finance_decision import DecidedOnGoods
from services.audit.fsck.finding import Damage, Notebook
from services.audit.fsck.platform_events import signed_by_platform
from services.audit.fsck.snapshot import Row, Snapshot
from services.audit.fsck.trail import audited, permitted
from services.financing.domain.decisions import Ruling
from services.financing.store.identifiers import financing_id
from services.financing.store.rows import RULING_COLUMNS, ruling_of
from services.financing.store.signatures import stated, version_of
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import RegistryHistory

RESTORE = "Restore the row of lianyun.financing_decision from a backup; its signature tells the right bytes."
TOUCHED = "Set the rows of lianyun.financing_touched to the financings that the signed decision names."
_TALLIED = "Restore the missing rows of lianyun.financing_decision, or of lianyun.financing_tally, from a backup; find out who took them away."
DECISIONS = """
SELECT d.number, d.action, d.outcome, d.at, d.asked_by, d.idempotency, d.asked, d.position, d.rules, d.financing,
       d.request, d.application, d.applicant, d.product, d.interest, d.amount, d.currency, d.until, d.frees, d.notices,
       d.guard, d.satisfied_by, d.before, d.shares, d.waiver, d.headers, d.payload, d.xid::text,
       d.before IS NULL OR EXISTS (SELECT 1 FROM lianyun.financing_decision b WHERE b.number = d.before AND b.number < d.number)
FROM lianyun.financing_decision d
ORDER BY d.number
"""
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
"""Fields of the event that the row calls otherwise."""
_TOGETHER = {11: ("applicant", "product", "interest"), 15: ("currency",)}
"""By the place of ``application`` and of ``amount`` in a row: the columns behind each that are there with it, or not at all."""


def check_decisions(snapshot: Snapshot, history: RegistryHistory, network: str, notebook: Notebook) -> None:
    """Check each decision in the order of numbers: signature, fields, the one before it, its position, what it touched."""
    registry = history.newest()
    touched = _Touched(snapshot)
    for row in snapshot.stream(DECISIONS):
        notebook.counts["decisions"] += 1
        there = touched.of(int(row[0]), notebook)
        try:
            _decision(row, there, registry, network, notebook)
        except Exception as problem:
            notebook.unreadable(f"financing_decision {row[0]}", problem, str(row[4]))
    touched.rest(notebook)
    _tally(snapshot, notebook)


def _tally(snapshot: Snapshot, notebook: Notebook) -> None:
    """No decision is gone, nor added, since each was counted; those of older releases since the deployment of this one was done.

    Whoever may not read the audit trail is shown nothing of the latter.
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
        notebook.add(Damage.FINANCING, place, "rows", _amount(there), expected, _TALLIED)


def _amount(tally: tuple[int, int] | None) -> str:
    return "none" if tally is None else f"{tally[0]} whose numbers add up to {tally[1]}"


def _decision(row: Row, touched: set[bytes], registry: Registry, network: str, notebook: Notebook) -> None:
    ruling = ruling_of(row)
    headers, payload, xid, rests = row[RULING_COLUMNS : RULING_COLUMNS + 4]
    for place, names in _TOGETHER.items():
        for beside, name in enumerate(names, start=place + 1):
            if (row[place] is None) != (row[beside] is None):
                _note(notebook, ruling, name, row[beside], "a value beside the others of its kind, or none")
    said = _signed(ruling, bytes(headers), bytes(payload), registry, network, notebook)
    if said is not None:
        _compare(ruling, said, notebook)
    if not rests:
        expected = "an earlier decision that is stored"
        _note(notebook, ruling, "before", ruling.before, expected)
    if ruling.position > int(xid):
        _note(notebook, ruling, "position", ruling.position, f"at most {xid}, its own transaction")
    _touches(ruling, touched, notebook)


def where(ruling: Ruling) -> str:
    """How findings name a decision."""
    about = f" on {ruling.financing}" if ruling.financing else ""
    return f"financing_decision {ruling.number}, {ruling.action}{about}"


def _signed(
    ruling: Ruling, headers: bytes, payload: bytes, registry: Registry, network: str, notebook: Notebook
) -> dict[str, Any] | None:
    """What the event says, where the platform signed it; what is wrong with it is put down."""
    found = signed_by_platform(
        headers,
        payload,
        ruling.at,
        DecidedOnGoods,
        registry,
        network,
        lambda field, stored, expected: _note(notebook, ruling, field, stored, expected),
    )
    if found is None:
        return None
    envelope, said = found
    _attributes(ruling, envelope, notebook)
    return said


def _attributes(ruling: Ruling, envelope: Envelope, notebook: Notebook) -> None:
    for field, stored, expected in (
        ("id", envelope.id, f"decision-{ruling.number}"),
        ("type", envelope.type, version_of(ruling).spec.type),
    ):
        if stored != expected:
            _note(notebook, ruling, field, stored, expected)


def _compare(ruling: Ruling, said: dict[str, Any], notebook: Notebook) -> None:
    for field, stored in stated(ruling).items():
        signed = said.get(field)
        if stored != signed:
            _note(notebook, ruling, _COLUMNS.get(field, field), stored, signed)


def _touches(ruling: Ruling, stored: set[bytes], notebook: Notebook) -> None:
    expected = {financing_id(name): name for name in (ruling.financing, *ruling.frees) if name}
    for id_ in sorted(expected.keys() - stored):
        place = f"financing_touched {expected[id_]} of {where(ruling)}"
        notebook.add(Damage.FINANCING, place, "row", "missing", "a row", TOUCHED)
    for id_ in sorted(stored - expected.keys()):
        place = f"financing_touched {id_.hex()} of {where(ruling)}"
        notebook.add(Damage.FINANCING, place, "row", "a row", "no row", TOUCHED)


class _Touched:
    """The rows of financing_touched beside the decisions, both in the order of numbers."""

    def __init__(self, snapshot: Snapshot) -> None:
        rows: Iterator[Row] = snapshot.stream(_TOUCHED)
        self._groups = groupby(rows, key=lambda row: int(row[0]))
        self._next = self._advance()

    def of(self, number: int, notebook: Notebook) -> set[bytes]:
        """What is said to be touched by ``number``; rows of decisions before it that are not there are put down."""
        while self._next is not None and self._next[0] < number:
            self._stray(notebook)
        if self._next is None or self._next[0] != number:
            return set()
        found = self._next[1]
        self._next = self._advance()
        return found

    def rest(self, notebook: Notebook) -> None:
        """What is left behind the last decision."""
        while self._next is not None:
            self._stray(notebook)

    def _stray(self, notebook: Notebook) -> None:
        assert self._next is not None
        number, found = self._next
        for id_ in sorted(found):
            place = f"financing_touched {id_.hex()} of financing_decision {number}, which is not stored"
            notebook.add(Damage.FINANCING, place, "row", "a row", "no row", RESTORE)
        self._next = self._advance()

    def _advance(self) -> tuple[int, set[bytes]] | None:
        number, rows = next(self._groups, (0, iter(())))
        found = {row[1] for row in rows}
        return (number, found) if found else None


def _note(notebook: Notebook, ruling: Ruling, field: str, stored: object, expected: object) -> None:
    notebook.add(Damage.DECISION, where(ruling), field, stored, expected, RESTORE, publisher=ruling.asked_by)
