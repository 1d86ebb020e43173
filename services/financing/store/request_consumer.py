"""Decides what partners request by signed events, one event and one transaction at a time.

A bank requests a step by an event on its own financing (pledged, drawn, released, cancelled, substituted), a party of the cargo by
its request to release, re-consign or transfer it. The decision names the event; the event stays a fact, whatever was decided. An
event is decided once, whatever number of consumers run.

An event on which our own code fails is recorded with its fault, does not hold up others and is retried later; a fault of the
infrastructure is raised.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import Connection

from schemas.events import finance, finance_request
from schemas.events.base import Payload
from services.domain.facts import EventId
from services.domain.objects import Thing
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.money import Money
from services.financing.domain.requests import DecisionRequest
from services.financing.store import statement
from services.financing.store.decision_service import CargoMoved, DecisionService
from services.financing.store.financings import decisions_of
from services.financing.store.fingerprint_versions import KeyMissing
from services.financing.store.identifiers import financing_id
from services.ledger.registry import store as registry_store
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import adapt, bigints
from services.ledger.storage.errors import FAULTS_OF_EVENTS
from services.query.stored_events import reread
from services.runtime.transactions import RetryPolicy, retry_transaction

log = logging.getLogger(__name__)

Session = Connection[Any]
ATTEMPTS = 8
TRIED_AGAIN = 600.0
"""Seconds after which an event that failed is tried again."""
_DISPOSALS: dict[type[Payload], Action] = {
    finance_request.ReleaseOrderRequested: Action.RELEASE_ORDER,
    finance_request.ReconsignmentRequested: Action.RECONSIGN,
    finance_request.TransferRequested: Action.TRANSFER,
}


class _Failed(Exception):
    """The decision on an event failed by no fault of the infrastructure."""

    def __init__(self, no: int, problem: Exception) -> None:
        super().__init__(f"event {no}")
        self.no, self.problem = no, problem


def decide_next(session: Session, service: DecisionService) -> bool:
    """Decide the oldest waiting event and commit; False where none waits. Raises as ``DecisionService.decide``."""
    policy = RetryPolicy((CargoMoved,), attempts=ATTEMPTS)
    try:
        return retry_transaction(session, lambda: _answer_oldest(session, service), policy)
    except CargoMoved:
        return False  # it stays in the queue
    except _Failed as failed:
        _put_down(session, failed)
        return True


def _put_down(session: Session, failed: _Failed) -> None:
    log.error(
        "no decision on event %d; it is tried again later",
        failed.no,
        exc_info=failed.problem,
        extra={"action": "financing_request_failed", "event": failed.no},
    )
    fault = f"{type(failed.problem).__name__}: {failed.problem}"[:400].replace("\0", "")
    with session.transaction():
        session.execute(statement("put_fault"), {"no": failed.no, "fault": fault, "seconds": TRIED_AGAIN})


def _answer_oldest(session: Session, service: DecisionService) -> bool:
    adapt(session)
    row = session.execute(statement("next_asked")).fetchone()
    if row is None:
        return False
    (no,) = row
    try:
        _answer(session, service, no)
    except FAULTS_OF_EVENTS as problem:
        raise _Failed(no, problem) from problem
    except (psycopg.Error, OSError, MemoryError, KeyMissing, CargoMoved):
        raise
    except Exception as problem:
        raise _Failed(no, problem) from problem
    return True


def _answer(session: Session, service: DecisionService, no: int) -> None:
    stored = next(iter(event_reader.events_by_number(session, [no])), None)
    number = 0
    if stored is not None and not stored.quarantined:
        read = reread(stored, registry_store.read_snapshot(session))
        asked = request_of(read.payload, read.party.code, stored.id)
        if asked is not None:
            number = _decided_before(session, asked[0]) or service.decide(session, *asked).number
    session.execute(statement("put_answered"), {"no": no, "number": number})


def request_of(
    payload: Payload, publisher: str, event: EventId
) -> tuple[DecisionRequest, tuple[Thing, ...]] | None:
    """The request of an event of ``publisher``, and the cargo that it is about; None where it requests nothing."""
    name = f"event {event.hex()}"
    if isinstance(payload, finance_request.Disposal):
        on = tuple(sorted({Thing(ref.kind, ref.key) for ref in payload.objects}))
        return DecisionRequest(_DISPOSALS[type(payload)], publisher, name, request=event), on
    match payload:
        case finance.Pledged():
            ask = DecisionRequest(Action.PLEDGE, publisher, name, payload.financing_key, event)
        case finance.Drawn():
            amount = Money.of(payload.drawn_amount)
            ask = DecisionRequest(Action.DRAW, publisher, name, payload.financing_key, event, amount=amount)
        case finance.Released():
            ask = _release(
                payload, DecisionRequest(Action.RELEASE, publisher, name, payload.financing_key, event)
            )
        case finance.Cancelled():
            ask = DecisionRequest(Action.CANCEL, publisher, name, payload.financing_key, event)
        case finance.CollateralSubstituted():
            by, replaced = payload.replaced_by_key, payload.financing_key
            ask = DecisionRequest(Action.SUBSTITUTE, publisher, name, by, event, replaces=replaced)
        case _:
            return None
    return ask, ()


def _release(payload: finance.Released, ask: DecisionRequest) -> DecisionRequest:
    if not isinstance(payload, finance.ReleasedInPart):
        return ask
    waiver = "" if payload.waiver is None else payload.waiver.grounds
    if not payload.partial:
        return replace(ask, waiver=waiver)
    goods = tuple(sorted({Thing(ref.kind, ref.key) for ref in payload.goods}))
    amount = None if payload.released_amount is None else Money.of(payload.released_amount)
    return replace(ask, action=Action.RELEASE_PART, waiver=waiver, goods=goods, amount=amount)


def _decided_before(session: Session, ask: DecisionRequest) -> int | None:
    """The decision that the event only reports: its bank requested the same step, of the same amount, through the API.

    Each such decision stands for one event, so that a second payment of the same amount is decided by itself.
    """
    if ask.action.disposes:
        return None
    known = decisions_of(session, [financing_id(ask.financing)])
    alike = [r.number for r in known if _alike(r, ask)]
    if not alike:
        return None
    rows = session.execute(statement("answered_by"), {"numbers": bigints(alike)}).fetchall()
    return min(set(alike) - {number for (number,) in rows}, default=None)


def _alike(decision: Decision, ask: DecisionRequest) -> bool:
    same = decision.done and decision.request is None
    same = same and (decision.financing, decision.action) == (ask.financing, ask.action)
    paid = ask.action not in (Action.DRAW, Action.RELEASE_PART) or ask.amount in (None, decision.amount)
    return same and paid and set(ask.goods) <= set(decision.goods)
