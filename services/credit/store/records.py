"""A shipper's record from the store, and what of it a reader may have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from schemas.envelope import Envelope, event_id
from services.credit.domain.consent import Leave, in_force, may_read
from services.credit.domain.counts import Cell, Count
from services.credit.domain.disputes import Standing, set_aside, standing
from services.credit.domain.observations import day_of
from services.credit.domain.score import Record, record
from services.credit.domain.signals import Model, Signal, model
from services.credit.domain.stability import closures
from services.credit.store import loader, statement
from services.credit.store.loader import Known
from services.credit.store.projector import observation
from services.domain.facts import EventId, Micros
from services.ledger.admission.raw_bytes import unframe
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import adapt, uuids


@dataclass(frozen=True, slots=True)
class Given:
    """A record that a reader gets, with the leave on which it rests and the objections that concern it."""

    leave: Leave
    record: Record
    disputes: tuple[Standing, ...]


def read_as(
    session: Connection[Any],
    reader: str,
    purpose: str,
    shipper: str,
    now: Micros,
    as_of: Micros,
    registry: Registry,
    table: Model | None = None,
) -> Given | None:
    """The record of ``shipper`` as of ``as_of`` for ``reader``; None without leave at ``now``, whether or not there is one.

    What part of it may be shown is in ``leave.parts``. Reads in the caller's transaction; it writes no access log.
    """
    adapt(session)
    rules = table if table is not None else model()
    said = loader.by_keys(session, [f"shipper {shipper}"], registry)
    leave = may_read(reader, purpose, shipper, in_force(said.told, said.liveness(), now))
    if leave is None:
        return None
    standings = disputes_of(session, said, shipper, as_of, registry, rules)
    return Given(leave, _record(session, shipper, standings, as_of, registry, rules), standings)


def names(
    session: Connection[Any], shipper: str, events: Iterable[EventId]
) -> dict[EventId, tuple[str, str]]:
    """Source and id of the events that a record of ``shipper`` rests on, decisions of the platform among them."""
    wanted = sorted(set(events))
    headers = [stored.headers for stored in event_reader.events_by_id(session, wanted)]
    headers += [unframe(framed) for *_, framed in loader.refusals(session, {shipper})]
    envelopes = [Envelope.from_headers(each) for each in headers]
    named = {event_id(e.source, e.id): (e.source, e.id) for e in envelopes}
    return {event: named[event] for event in wanted if event in named}


def disputes_of(
    session: Connection[Any], said: Known, shipper: str, as_of: Micros, registry: Registry, table: Model
) -> tuple[Standing, ...]:
    """How the objections of ``shipper`` stand, given all that was said by and to it."""
    concerned = loader.by_ids(session, [d.concerns for d in said.told.disputes if d.shipper == shipper])
    told = said.told | loader.known(concerned, registry).told
    return tuple(s for s in standing(told, said.liveness(), table, as_of) if s.dispute.shipper == shipper)


def _record(
    session: Connection[Any],
    shipper: str,
    standings: tuple[Standing, ...],
    as_of: Micros,
    registry: Registry,
    table: Model,
) -> Record:
    today = day_of(as_of)
    rows = session.execute(statement("counts"), {"shipper": shipper}, binary=True)
    counts = {Cell(who, Signal(signal), day): Count(trials, bad) for who, signal, day, trials, bad in rows}
    events = uuids(sorted({each.dispute.concerns for each in standings}))
    against = session.execute(statement("against"), {"shipper": shipper, "events": events}, binary=True)
    closed = loader.by_keys(session, [loader.CLOSURES], registry)
    live = closed.liveness().live
    months = closures(
        (r for r in closed.facts.restrictions if live(r.event)),
        (each for each in closed.facts.liftings if live(each.event)),
        today,
        table,
    )
    cursor = session.execute("SELECT no FROM lianyun.credit_cursor").fetchone()
    position = 0 if cursor is None else int(cursor[0])
    seen = [observation(row) for row in against]
    return record(shipper, counts, seen, set_aside(standings), months, today, table, position)
