"""Credit of shippers in the sandbox: the real scorer over made-up observations, so that the answer has the real form."""

from __future__ import annotations

from typing import Any

from services.api.sandbox.table import PARTY, CreditRow
from services.credit.domain import presentation
from services.credit.domain.consent import ReadPermission
from services.credit.domain.disputes import DisputeState, DisputeStatus, SetAside
from services.credit.domain.observations import Observation, count, day_of
from services.credit.domain.score import record
from services.credit.domain.signals import WHOLE, Signal, model
from services.credit.domain.statements import DAY, Dispute
from services.domain.facts import EventId, Micros

_EVERY = 6
"""Days between two cargoes."""
_SIGNALS = (
    Signal.DOCUMENTS_ON_TIME,
    Signal.DECLARATION_ACCURACY,
    Signal.INSPECTION_FINDINGS,
    Signal.FREIGHT_PAYMENT,
    Signal.FINANCING_BEHAVIOUR,
    Signal.STABILITY,
    Signal.CORROBORATION,
)
RECORD = 9_000_001
"""The number of every record of the sandbox: none is kept."""


def given(shipper: str, row: CreditRow, at: Micros) -> dict[str, Any] | None:
    """What is given of ``shipper`` as of ``at``; None where its consent lets nothing be read."""
    if not row.scope:
        return None
    today = day_of(at)
    seen = [
        _observation(shipper, signal, number, today, row.bad)
        for number in range(row.cargoes)
        for signal in _SIGNALS
    ]
    standings = () if row.dispute is None else (_objection(shipper, seen, row.dispute, at),)
    concerns = frozenset(
        (each.dispute.shipper, each.dispute.signal, each.dispute.concerns) for each in standings
    )
    accepted = concerns if row.dispute is DisputeState.ACCEPTED else frozenset()
    waits = concerns if row.dispute in (DisputeState.OPEN, DisputeState.UNANSWERED) else frozenset()
    found = record(shipper, count(seen), seen, SetAside(accepted, waits), frozenset(), today, model())
    leave = ReadPermission(row.scope, (_event("consent", 0),))
    names = dict.fromkeys(leave.consents, (f"urn:cre:{PARTY}", "consent"))
    for number in range(row.cargoes):
        names[_event("cargo", number)] = (f"urn:cre:{PARTY}", f"cargo-{number}")
    return {**presentation.plain(leave, found, standings, names), "record": RECORD}


def _observation(shipper: str, signal: Signal, number: int, today: int, bad: int) -> Observation:
    wrong = bad > 0 and number % bad == 0 and signal is not Signal.STABILITY
    day = today - number * _EVERY - 1
    cargo = f"{PARTY}/PAST-{number}"
    return Observation(shipper, signal, cargo, "", day, WHOLE if wrong else 0, (_event("cargo", number),))


def _objection(shipper: str, seen: list[Observation], state: DisputeState, at: Micros) -> DisputeStatus:
    concerns = next(each for each in seen if each.bad)
    dispute = Dispute(
        _event("objection", 0), shipper, concerns.signal, concerns.events[0], "NOT_MINE", at - DAY
    )
    return DisputeStatus(dispute, state, at + DAY, PARTY)


def _event(kind: str, number: int) -> EventId:
    return f"{kind}-{number}".encode().ljust(16, b".")[:16]
