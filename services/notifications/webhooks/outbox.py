"""The outbox: makes messages of committed rows. Each kind of row is followed by position, each step is one transaction.

A step reads rows below the horizon of all running transactions, so none can appear before them later; it inserts messages and
deliveries and advances the position. An interrupted step leaves nothing, so no change is lost or announced under two ids. Processes
take turns through the lock on the position.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from schemas.events.correction import Corrected
from schemas.events.link import ConsignmentOpened
from services.domain.facts import Micros
from services.ledger.registry import store as registry_store
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import adapt, bigints, uuids
from services.ledger.storage.batch import MOST_EVENTS
from services.ledger.storage.bodies import traces_of
from services.ledger.storage.term_numbers import term_number
from services.notifications.webhooks import statement
from services.notifications.webhooks.messages import Message, MessageType, Subject, message
from services.notifications.webhooks.queue import put_messages
from services.query.stored_events import Reread, Unreadable, reread


def names_of(session: Connection[Any], consignments: Collection[bytes]) -> dict[bytes, str]:
    """The names ``founder/reference`` in the API of founded consignments, by 16-byte id; without those that cannot be read."""
    if not consignments:
        return {}
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    rows = cursor.execute(statement("founded"), {"ids": uuids(sorted(consignments))}).fetchall()
    ids = {number: consignment for consignment, number in rows}
    registry = registry_store.read_snapshot(session)
    names: dict[bytes, str] = {}
    for stored in event_reader.events_by_number(session, sorted(ids)):
        try:
            name = _named(reread(stored, registry))
        except Unreadable:
            continue  # reported by fsck; announced under the id
        if name:
            names[ids[stored.no]] = name
    return names


def _named(event: Reread) -> str:
    payload = event.payload
    opened = payload.replacement.payload if isinstance(payload, Corrected) else payload
    return opened.consignment(event.party.code)[1] if isinstance(opened, ConsignmentOpened) else ""


Session = Connection[Any]
BATCHES = 16
"""Transactions of events that one step follows, at most 4,096 events each."""
ROWS = 500

Wanted = Mapping[MessageType, frozenset[str]]
"""The parties subscribed to each type."""


class Batch(NamedTuple):
    """A transaction that accepted events, and when it began."""

    xid: str
    first_no: int
    at: Micros


class Step(NamedTuple):
    """The result of a step; ``rows`` 0: nothing new was visible."""

    rows: int
    deliveries: int


def step(session: Session) -> Step:
    """Follow every kind of row a little further, one transaction each; blocks while another process holds the position.

    Raises psycopg errors where the database is gone or busy, with nothing changed.
    """
    adapt(session)
    done = [_one(session, source, look) for source, look in _SOURCES.items()]
    return Step(sum(each.rows for each in done), sum(each.deliveries for each in done))


def catch_up(session: Session) -> int:
    """Step until nothing new is visible; the number of deliveries enqueued."""
    total = 0
    while True:
        done = step(session)
        total += done.deliveries
        if not done.rows:
            return total


class _Change(NamedTuple):
    """A change that a party is notified of; ``of`` identifies the committed row, and contains internal numbers."""

    party: str
    type: MessageType
    subject: Subject
    of: str
    at: Micros
    traceparent: str = ""

    def message(self, salt: bytes) -> Message:
        """The message; the salt keeps its id from being a digest of guessable values."""
        return message(
            self.party, self.type, self.subject, f"{salt.hex()} {self.of}", self.at, self.traceparent
        )


class _SourceRead(NamedTuple):
    rows: int
    changes: list[_Change]
    last: tuple[str, int] | None


def _one(session: Session, source: str, look: Any) -> Step:
    with session.transaction():
        found = _rows(session, "cursor", {"source": source})
        if not found:  # there was never a subscription
            return Step(0, 0)
        type_, function = look
        wanted = _wanted(session).get(type_, frozenset())
        if not wanted and not (source == "event" and _rows(session, "followed", {})):
            session.execute(statement("cursor_skip"), {"source": source, "type": str(type_)})
            return Step(0, 0)
        (xid, no, salt), *_ = found
        read: _SourceRead = function(session, xid, no, wanted)
        put = put_messages(session, [each.message(salt) for each in read.changes])
        if read.last is not None:
            values = {"source": source, "xid": read.last[0], "no": read.last[1]}
            session.execute(statement("cursor_move"), values)
        return Step(read.rows, put)


def _wanted(session: Session) -> Wanted:
    wanted: dict[MessageType, set[str]] = {}
    for party, type_ in _rows(session, "wanted", {}):
        wanted.setdefault(MessageType(type_), set()).add(party)
    return {type_: frozenset(parties) for type_, parties in wanted.items()}


def _events(session: Session, xid: str, no: int, wanted: frozenset[str]) -> _SourceRead:
    """Recipients of accepted events: parties engaged in a consignment that they reach, and banks with a pledge on it."""
    fresh = [Batch(*row) for row in _rows(session, "batches", {"xid": xid, "no": no, "limit": BATCHES})]
    ((mark,),) = _rows(session, "unsettled", {})
    again = [Batch(*row) for row in _rows(session, "again_take", {"limit": BATCHES})]
    if fresh and mark is not None:
        values = {
            "xids": [each.xid for each in fresh],
            "nos": bigints([each.first_no for each in fresh]),
            "ats": bigints([each.at for each in fresh]),
            "mark": mark,
        }
        session.execute(statement("again_put"), values)
    changes = _changed(session, [*fresh, *again], wanted)
    last = (fresh[-1].xid, fresh[-1].first_no) if fresh else None
    return _SourceRead(len(fresh) + len(again), changes, last)


def _changed(session: Session, batches: Sequence[Batch], wanted: frozenset[str]) -> list[_Change]:
    if not batches:
        return []
    values = {
        "xids": [each.xid for each in batches],
        "nos": bigints([each.first_no for each in batches]),
        "width": MOST_EVENTS,
    }
    touched: dict[bytes, set[str]] = {}
    for xid, consignment in _rows(session, "touched", values):
        touched.setdefault(consignment, set()).add(xid)
    session.execute(statement("touch"), {"ids": uuids(sorted(touched))})
    traces = _traces(session, batches)
    names = {term_number(party): party for party in wanted}
    recipients = {
        "ids": uuids(sorted(touched)),
        "words": bigints(sorted(names)),
        "parties": sorted(wanted),
    }
    at = {each.xid: each.at for each in batches}
    found = [row for row in _rows(session, "recipients", recipients) if row[2] or row[3]]
    called = names_of(session, {canonical for _, canonical, _, _ in found})
    changes: list[_Change] = []
    for consignment, canonical, engaged, banks in found:
        subject = Subject("consignment", called.get(canonical, canonical.hex()))
        for party in {*(names[number] for number in engaged), *banks}:
            changes += (
                _Change(
                    party,
                    MessageType.CONSIGNMENT_CHANGED,
                    subject,
                    xid,
                    at[xid],
                    traces.get((xid, consignment), ""),
                )
                for xid in touched[consignment]
            )
    return changes


def _traces(session: Session, batches: Sequence[Batch]) -> Mapping[tuple[str, bytes], str]:
    """The trace of the event that touched each consignment, by transaction and consignment; of several, the latest."""
    found = traces_of(session, [each.first_no for each in batches], MOST_EVENTS)
    if not found:  # the ordinary case
        return {}
    numbers = sorted(found)
    values = {"xids": [str(no) for no in numbers], "nos": bigints(numbers), "width": 1}
    within = {
        no: each.xid
        for each in batches
        for no in numbers
        if each.first_no <= no < each.first_no + MOST_EVENTS
    }
    reached = sorted((int(no), consignment) for no, consignment in _rows(session, "touched", values))
    return {(within[no], consignment): found[no].text() for no, consignment in reached}


def _decisions(session: Session, xid: str, no: int, wanted: frozenset[str]) -> _SourceRead:
    """A decision is announced to the bank whose financing it is on, and to banks whose financings it freed.

    Requests about cargo were answered synchronously and have no resource to read.
    """
    rows = _rows(session, "decisions", {"xid": xid, "no": no, "limit": ROWS})
    changes: list[_Change] = []
    for _, number, at, asked_by, financing, frees in rows:
        own = (
            [financing] if bank_of(financing) == asked_by else []
        )  # a request of another party about it is refused
        subjects = {(bank_of(each), Subject("financing", each)) for each in [*own, *frees]}
        changes += _for(wanted, subjects, MessageType.FINANCING_DECIDED, f"decision {number}", at)
    return _SourceRead(len(rows), changes, (rows[-1][0], rows[-1][1]) if rows else None)


def _watched(session: Session, xid: str, no: int, wanted: frozenset[str]) -> _SourceRead:
    """A fact about pledged cargo is announced to the bank that holds the pledge."""
    rows = _rows(session, "watched", {"xid": xid, "no": no, "limit": ROWS})
    traces = traces_of(session, [row[1] for row in rows]) if rows else {}
    changes: list[_Change] = []
    for _, number, at, financings in rows:
        subjects = {(bank_of(name), Subject("financing", name)) for name in financings}
        trace = traces[number].text() if number in traces else ""
        changes += _for(wanted, subjects, MessageType.FINANCING_ALERT, f"event {number}", at, trace)
    return _SourceRead(len(rows), changes, (rows[-1][0], rows[-1][1]) if rows else None)


def _notices(session: Session, xid: str, no: int, wanted: frozenset[str]) -> _SourceRead:
    """A notice of a subscription on a consignment's page is announced to the party of whoever subscribed."""
    rows = _rows(session, "notices", {"xid": xid, "no": no, "limit": ROWS})
    changes = [
        _Change(party, MessageType.CONSIGNMENT_NOTICE, Subject("consignment", reference), f"notice {of}", at)
        for _, _, at, party, reference, of in rows
        if party in wanted
    ]
    return _SourceRead(len(rows), changes, (rows[-1][0], rows[-1][1]) if rows else None)


def _for(
    wanted: frozenset[str],
    subjects: Iterable[tuple[str, Subject]],
    type_: MessageType,
    of: str,
    at: Micros,
    trace: str = "",
) -> list[_Change]:
    return [_Change(party, type_, subject, of, at, trace) for party, subject in subjects if party in wanted]


def bank_of(financing: str) -> str:
    """The bank of the financing ``bank/reference``."""
    return financing.partition("/")[0]


def _rows(session: Session, name: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    # Binary: ids come as 16 bytes.
    return session.cursor(binary=True, row_factory=tuple_row).execute(statement(name), values).fetchall()


_SOURCES = {
    "decision": (MessageType.FINANCING_DECIDED, _decisions),
    "watch": (MessageType.FINANCING_ALERT, _watched),
    "event": (MessageType.CONSIGNMENT_CHANGED, _events),
    "notice": (MessageType.CONSIGNMENT_NOTICE, _notices),
}
