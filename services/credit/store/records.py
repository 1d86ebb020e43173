"""Records of shippers: read with the reader's permission, and stored as issued, each naming the one that it supersedes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from psycopg import Connection

from schemas.envelope import Envelope, event_id
from services.credit.domain.consent import ReadPermission, in_force, may_read
from services.credit.domain.disputes import DisputeStatus, dispute_statuses, set_aside
from services.credit.domain.observations import Cell, Count, day_of
from services.credit.domain.rates import closures
from services.credit.domain.score import Record, record
from services.credit.domain.signals import Model, Signal, model
from services.credit.store import loader, statement
from services.credit.store.loader import EventFacts
from services.credit.store.projector import observation
from services.domain.facts import EventId, Micros
from services.ledger.admission.raw_bytes import unframe
from services.ledger.audit_trail.entries import enter
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import adapt, uuids


@dataclass(frozen=True, slots=True)
class PermittedRecord:
    """A record for a reader, with the permission behind it and the disputes that concern it."""

    permission: ReadPermission
    record: Record
    disputes: tuple[DisputeStatus, ...]


def read_as(
    session: Connection[Any],
    reader: str,
    purpose: str,
    shipper: str,
    now: Micros,
    as_of: Micros,
    registry: Registry,
    table: Model | None = None,
) -> PermittedRecord | None:
    """The record of ``shipper`` as of ``as_of`` for ``reader``; None without permission at ``now``, whether or not there is one.

    ``permission.parts`` limits what may be shown. Reads in the caller's transaction; it writes no access log.
    """
    adapt(session)
    rules = table if table is not None else model()
    own = loader.by_keys(session, [f"shipper {shipper}"], registry)
    permission = may_read(reader, purpose, shipper, in_force(own.credit, own.liveness(), now))
    if permission is None:
        return None
    standings = disputes_of(session, own, shipper, as_of, registry, rules)
    return PermittedRecord(
        permission, _record(session, shipper, standings, as_of, registry, rules), standings
    )


def names(
    session: Connection[Any], shipper: str, events: Iterable[EventId]
) -> dict[EventId, tuple[str, str]]:
    """Source and id of the events behind a record of ``shipper``, decisions of the platform among them."""
    wanted = sorted(set(events))
    headers = [stored.headers for stored in event_reader.events_by_id(session, wanted)]
    headers += [unframe(framed) for *_, framed in loader.refusals(session, {shipper})]
    envelopes = [Envelope.from_headers(each) for each in headers]
    named = {event_id(e.source, e.id): (e.source, e.id) for e in envelopes}
    return {event: named[event] for event in wanted if event in named}


def disputes_of(
    session: Connection[Any], own: EventFacts, shipper: str, as_of: Micros, registry: Registry, table: Model
) -> tuple[DisputeStatus, ...]:
    """The status of the disputes of ``shipper``, from all statements by and to it."""
    concerned = loader.by_ids(session, [d.concerns for d in own.credit.disputes if d.shipper == shipper])
    credit = own.credit | loader.read_events(concerned, registry).credit
    return tuple(
        s for s in dispute_statuses(credit, own.liveness(), table, as_of) if s.dispute.shipper == shipper
    )


def _record(
    session: Connection[Any],
    shipper: str,
    standings: tuple[DisputeStatus, ...],
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


@dataclass(frozen=True, slots=True)
class IssuedRecord:
    """One issued record: its number, when it was first issued, and the number of the one before."""

    no: int
    given: Micros
    body: dict[str, Any]
    supersedes: int | None


def issue(
    session: Connection[Any], reader: str, purpose: str, shipper: str, given: Micros, body: dict[str, Any]
) -> int:
    """Store ``body`` (``services.credit.domain.presentation.plain``) in the caller's transaction; returns its number.

    Issued again unchanged, but for the reading position, it is the same record and nothing is written.
    """
    key = {"reader": reader, "purpose": purpose, "shipper": shipper}
    id_ = digest(body)
    session.execute(statement("record_turn"), key)
    last = session.execute(statement("record_last"), key).fetchone()
    if last is not None and last[1] == id_:
        return int(last[0])
    text = orjson.dumps(body)
    before = None if last is None else last[0]
    row = {**key, "id": id_, "given": given, "supersedes": before}
    (no,) = session.execute(statement("record_put"), {**row, "body": text.decode()}).fetchone() or (0,)
    enter(session, "credit_record", no, {**row, "body": text})
    return int(no)


def digest(body: dict[str, Any]) -> str:
    """The identity of a record: SHA-256 of its body without the reading position, in hexadecimal digits."""
    own = {name: value for name, value in body.items() if name != "position"}
    return hashlib.sha256(orjson.dumps(own, option=orjson.OPT_SORT_KEYS)).hexdigest()


def issued_records(session: Connection[Any], reader: str, shipper: str) -> list[IssuedRecord]:
    """All records about ``shipper`` that ``reader`` was issued, in order."""
    rows = session.execute(statement("records"), {"reader": reader, "shipper": shipper})
    return [IssuedRecord(no, given, orjson.loads(body), supersedes) for no, given, body, supersedes in rows]


@dataclass(frozen=True, slots=True)
class GivenRecord:
    """A record as somebody was given it; ``id`` identifies its content."""

    id: str
    reader: str
    purpose: str
    given: Micros
    body: dict[str, Any]


def given_records(
    session: Connection[Any], shipper: str, before: Micros | None, limit: int
) -> list[GivenRecord]:
    """At most ``limit`` records about ``shipper`` that others were given, before ``before``, the latest first."""
    rows = session.execute(
        statement("records_given"), {"shipper": shipper, "before": before, "limit": limit}
    ).fetchall()
    return [GivenRecord(id_, who, why, given, orjson.loads(body)) for id_, who, why, given, body in rows]


def given_record(session: Connection[Any], shipper: str, given: Micros, id_: str) -> GivenRecord | None:
    """The record about ``shipper`` with that content that somebody else was given at that moment."""
    rows = session.execute(
        statement("record_given"), {"shipper": shipper, "given": given, "id": id_}
    ).fetchall()
    return next(
        (GivenRecord(id_, who, why, at, orjson.loads(body)) for id_, who, why, at, body in rows), None
    )
