"""Judgments of forecasts: each signed by the platform, following the one before, and made again from its own inputs."""

from __future__ import annotations

import zlib
from itertools import groupby
from typing import Any

from schemas.events.case import ArrivalJudged
from services.arrival.domain.forecast import Forecast, Inputs, computed
from services.arrival.domain.lateness import Due, Judgment, Lateness, lateness, until_now
from services.arrival.domain.tables import tables
from services.arrival.store import judgments
from services.arrival.store.projector import model_version
from services.audit.fsck.snapshot import Row, Snapshot
from services.audit.fsck.verification import Note, signed_by_platform
from services.audit.report import Damage, Findings
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import RegistryHistory

REMEDY = "Restore the row of lianyun.arrival_judgment from a backup; its signature tells the right bytes."
LATEST = "Set it to the last judgment of this consignment and subject."
_PERMITTED = "SELECT has_table_privilege('lianyun.arrival_judgment', 'SELECT')"
_ROWS = """
SELECT cons, number, consignment, subject, before, at, position, due, due_event, lateness, p10, p50, p90, model, evidence, inputs,
       headers, payload
FROM lianyun.arrival_judgment ORDER BY cons, subject, number
"""
_LAST = "SELECT cons, subject, last FROM lianyun.arrival_judged"


def check_judgments(snapshot: Snapshot, history: RegistryHistory, network: str, findings: Findings) -> None:
    """Compare everything; ``judgments_not_permitted`` counts a role that may not read them.

    A forecast by other rules or another table than today's is not made again; ``judgments_by_other_models`` counts these.
    """
    if not snapshot.one(_PERMITTED)[0]:
        findings.counts["judgments_not_permitted"] += 1
        return
    registry = history.newest()
    left = {(cons, subject): last for cons, subject, last in snapshot.rows(_LAST)}
    for (cons, subject), rows in groupby(snapshot.stream(_ROWS), key=lambda row: (row[0], row[3])):
        last: Judgment | None = None
        for row in rows:
            findings.counts["judgments"] += 1
            last = _check(row, last, registry, network, findings)
        stored = left.pop((cons, subject), None)
        if last is not None and stored != last.number:
            where = f"arrival_judged of {last.consignment} for {subject}"
            findings.add(Damage.ARRIVAL, where, "last", str(stored), str(last.number), LATEST)
    for (cons, subject), number in sorted(left.items()):
        where = f"arrival_judged of consignment {cons.hex()} for {subject}"
        findings.add(Damage.ARRIVAL, where, "last", str(number), "no row: nothing was judged", REMEDY)


def _check(
    row: Row, last: Judgment | None, registry: Registry, network: str, findings: Findings
) -> Judgment | None:
    *columns, stored, headers, payload = row[1:]
    try:
        found = judgments.judgment_of(columns)
        inputs = judgments.unpacked(bytes(stored))
    except (ValueError, zlib.error) as problem:
        findings.unreadable(f"arrival_judgment {row[1]}", problem)
        return last

    def note(field: str, value: object, expected: object) -> None:
        where = f"arrival_judgment {found.number} of {found.consignment}"
        findings.add(Damage.ARRIVAL, where, field, str(value), str(expected), REMEDY)

    _signature(found, bytes(stored), headers, payload, registry, network, note)
    if found.before != (None if last is None else last.number):
        note("before", found.before, "the one before it")
    if found.model != model_version():
        findings.counts["judgments_by_other_models"] += 1
    else:
        _again(found, inputs, last, note)
    return found


def _signature(
    found: Judgment, stored: bytes, headers: Any, payload: Any, registry: Registry, network: str, note: Note
) -> None:
    proven = signed_by_platform(
        bytes(headers), bytes(payload), found.at, ArrivalJudged, registry, network, note
    )
    if proven is None:
        return
    envelope, content = proven
    for field, value, expected in (
        ("id", envelope.id, judgments.event_id_of(found)),
        ("type", envelope.type, ArrivalJudged.spec.type),
        *((name, value, content.get(name)) for name, value in judgments.stated(found, stored).items()),
    ):
        if value != expected:
            note(field, value, expected)


def _again(found: Judgment, inputs: Inputs | None, last: Judgment | None, note: Note) -> None:
    """The forecast from its inputs, and what it means by what was meant before."""
    if inputs is None:
        if found.lateness is not Lateness.OVER:
            note("inputs", "none", "those of its forecast")
        return
    result = computed(inputs, tables())
    if not isinstance(result, Forecast):
        note("inputs", result, "those of a forecast")
        return
    right = lateness(
        until_now(last, Due(found.subject, found.due, found.due_event)), result, found.due, tables()
    )
    for field, value, expected in (
        ("at", found.at, inputs.now),
        ("p10, p50, p90", (found.p10, found.p50, found.p90), tuple(result.arrival)),
        ("evidence", found.evidence, result.events[: judgments.MOST_EVIDENCE]),
        ("lateness", found.lateness, right),
    ):
        if value != expected:
            note(field, value, expected)
