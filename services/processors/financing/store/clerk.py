"""The clerk: takes what partners ask for by signed events to the desk, one event and one transaction at a time.

A bank asks for a step by its word on its own financing (pledged, drawn, released, cancelled, substituted), a party of the
cargo by its request to release, re-consign or transfer it. The decision names the event; the event itself stays a fact,
whatever was decided. Two clerks never answer one event, and an event that was answered is never answered again.
"""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from schemas.events import finance, finance_request
from schemas.events.base import Payload
from services.core.facts import EventId
from services.core.objects import Thing
from services.processors.financing.asking import Ask
from services.processors.financing.money import Money
from services.processors.financing.rulings import Action, Ruling
from services.processors.financing.store.desk import CargoMoved, Desk, rulings_of
from services.processors.financing.store.names import financing_id
from services.processors.financing.store.statements import statement
from services.query.reread import reread
from services.registry import store as registry_store
from services.storage import reading
from services.storage.arrays import adapt, bigints

Session = Connection[Any]
ATTEMPTS = 8
_DISPOSALS: dict[type[Payload], Action] = {
    finance_request.ReleaseOrderRequested: Action.RELEASE_ORDER,
    finance_request.ReconsignmentRequested: Action.RECONSIGN,
    finance_request.TransferRequested: Action.TRANSFER,
}


def answer_next(session: Session, desk: Desk) -> bool:
    """Decide what the oldest waiting event asks for, and commit; False where none waits. Raises as ``Desk.decide``."""
    for _ in range(ATTEMPTS):
        try:
            with session.transaction():
                return _answer(session, desk)
        except CargoMoved:
            continue
    return False  # it stays in the queue


def _answer(session: Session, desk: Desk) -> bool:
    adapt(session)
    row = session.execute(statement("next_asked")).fetchone()
    if row is None:
        return False
    (no,) = row
    stored = next(iter(reading.events_by_number(session, [no])), None)
    number = 0
    if stored is not None and not stored.quarantined:
        read = reread(stored, registry_store.look(session))
        asked = asked_by(read.admitted.payload, read.admitted.verified.party.code, stored.id)
        if asked is not None:
            number = _decided_before(session, asked[0]) or desk.decide(session, *asked).number
    session.execute(statement("put_answered"), {"no": no, "number": number})
    return True


def asked_by(payload: Payload, publisher: str, event: EventId) -> tuple[Ask, tuple[Thing, ...]] | None:
    """The request that an event of ``publisher`` makes, and the cargo that it is about; None where it makes none."""
    name = f"event {event.hex()}"
    if isinstance(payload, finance_request.Disposal):
        on = tuple(sorted({Thing(ref.kind, ref.key) for ref in payload.objects}))
        return Ask(_DISPOSALS[type(payload)], publisher, name, request=event), on
    match payload:
        case finance.Pledged():
            ask = Ask(Action.PLEDGE, publisher, name, payload.financing_key, event)
        case finance.Drawn():
            amount = Money.of(payload.drawn_amount)
            ask = Ask(Action.DRAW, publisher, name, payload.financing_key, event, amount=amount)
        case finance.Released():
            ask = Ask(Action.RELEASE, publisher, name, payload.financing_key, event)
        case finance.Cancelled():
            ask = Ask(Action.CANCEL, publisher, name, payload.financing_key, event)
        case finance.CollateralSubstituted():
            by, replaced = payload.replaced_by_key, payload.financing_key
            ask = Ask(Action.SUBSTITUTE, publisher, name, by, event, replaces=replaced)
        case _:
            return None
    return ask, ()


def _decided_before(session: Session, ask: Ask) -> int | None:
    """The decision that the event only tells of: its bank asked for the same step, of the same amount, through the API.

    Each such decision stands for one event, so that a second payment of the same amount is decided by itself.
    """
    if ask.action.disposes:
        return None
    known = rulings_of(session, [financing_id(ask.financing)])
    alike = [r.number for r in known if _alike(r, ask)]
    if not alike:
        return None
    rows = session.execute(statement("answered_by"), {"numbers": bigints(alike)}).fetchall()
    return min(set(alike) - {number for (number,) in rows}, default=None)


def _alike(ruling: Ruling, ask: Ask) -> bool:
    same = ruling.done and ruling.request is None
    same = same and (ruling.financing, ruling.action) == (ask.financing, ask.action)
    return same and (ask.action is not Action.DRAW or ruling.amount == ask.amount)
