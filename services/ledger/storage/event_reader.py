"""Queries on accepted events and on heads: by object, consignment, id, number, and in the order of visibility.

Every function runs in the caller's transaction on any connection, reads the current generation, and locks nothing. What depends
on links is exact once everything is settled (``unsettled``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from psycopg.rows import tuple_row

from schemas.events.base import ObjectKind
from services.domain.facts import Micros
from services.domain.handovers import LISTS
from services.domain.head import RUNNING
from services.domain.objects import Thing, object_id
from services.domain.rules import ONE_MEETING
from services.ledger.admission.raw_bytes import unframe
from services.ledger.storage import statement
from services.ledger.storage.arrays import adapt, bigints, smallints, uuids
from services.ledger.storage.session import Session
from services.ledger.storage.term_numbers import join_id, key_text
from services.ledger.storage.work import Work
from services.runtime.named_sql import nested


class Stored(NamedTuple):
    """An accepted event with all that its verification needs; ``append_us`` is the broker's time in UTC microseconds.

    One that is ``quarantined`` counts as if it had never been accepted. Two are equal only where every column is, bytes included.
    """

    no: int
    id: bytes
    content: bytes
    topic: str
    partition: int
    offset: int
    append_us: int
    registry_version: int
    rule_version: int
    key_id: str
    framed: bytes  # the headers as ``raw_bytes.frame`` wrote them
    payload: bytes
    quarantined: bool

    @property
    def headers(self) -> list[tuple[str, bytes | None]]:
        """The headers as published, in their order; ValueError where the stored bytes are malformed."""
        return unframe(self.framed)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A position in the order in which events became visible: transaction id, then event number."""

    xid: int = 0
    no: int = 0


@dataclass(frozen=True, slots=True)
class VisibleBatch:
    """A transaction that stored events, before which no other can become visible any more."""

    position: Position  # of its first possible event number
    events: int
    at: datetime


def consignments_of(session: Session, kind: ObjectKind, key: str) -> list[bytes]:
    """The canonical ids of the founded consignments that facts about the object reach, at any time, in order.

    A wagon or train also leads to consignments handed over from it to another network, which its own publisher does not name.
    """
    return consignments_of_each(session, [(kind, key)])[0]


def consignments_of_each(session: Session, objects: Sequence[tuple[ObjectKind, str]]) -> list[list[bytes]]:
    """``consignments_of`` each object, in order; one statement."""
    found: list[list[bytes]] = [[] for _ in objects]
    if objects:
        ids = uuids([object_id(kind, key) for kind, key in objects])
        kinds = smallints([int(kind) for kind, _ in objects])
        for place, id_ in _work(session).rows("read_consignments", {"ids": ids, "kinds": kinds}):
            found[place - 1].append(id_)
    return found


def numbers_naming(session: Session, things: Sequence[Thing]) -> dict[Thing, set[int]]:
    """The numbers of the events that state something of each of ``things``, or another name of it, withdrawn ones too; one statement."""
    by_id = {each.id: each for each in things}
    found: dict[Thing, set[int]] = {each: set() for each in things}
    for id_, no in _work(session).rows("read_naming", {"ids": uuids(sorted(by_id))}):
        found[by_id[id_]].add(no)
    return found


def events_about(session: Session, kind: ObjectKind, key: str, as_of: Micros) -> list[Stored]:
    """The events that name the object itself and those by which they might reach consignments, whether these are founded or not.

    With all that withdraws any of them and all contents under their ids, in order of their numbers.
    """
    work = _work(session)
    named = {"ids": uuids([object_id(kind, key)]), "kinds": smallints([int(kind)])}
    bounds = {"los": bigints([-_ALWAYS]), "his": bigints([_ALWAYS])}
    onward = {"id": object_id(kind, key).hex(), "kind": int(kind), "as_of": as_of}
    lists = {"lists": smallints(LISTS), "meeting": bigints([2 * ONE_MEETING])}
    numbers = {row[0] for row in work.rows("read_numbers", {**named, **bounds, **lists})}
    numbers |= {row[0] for row in work.rows("read_onward", onward)}
    return with_withdrawals(session, sorted(numbers)) if numbers else []


def load_facts(session: Session, consignments: Sequence[bytes], as_of: Micros | None = None) -> list[Stored]:
    """All events that may concern the groups of ``consignments`` (16-byte ids), in order of their numbers.

    Interpreting them and calling ``services.domain.derive`` gives the same view as all events ever accepted would: links,
    claims and foundings of everything that reaches them, also by train; what withdraws any of these; both sides of
    hand-overs; routes, and restrictions at the places that they pass. More may be among them and changes nothing.

    With ``as_of`` the view is that of the moment, and running positions that the same publisher has given anew are left
    out, which it would only list as superseded: a train that reports every minute is read as often as it passes places.
    """
    adapt(session)
    parameters: dict[str, Any] = {"ids": uuids(sorted(consignments))}
    if as_of is not None:
        # Facts of the moment itself belong to it: the interval ends after it.
        parameters |= {"moments": bigints([as_of + 1]), "running": RUNNING}
    return list(map(stored_of, walk_rows(session, facts_query(as_of is not None), parameters)))


@cache
def facts_query(superseded: bool, walk: bytes | None = None) -> bytes:
    """The events of ``load_facts`` as one statement: the walk, the events that name objects on it, what withdraws these, and bodies.

    ``walk`` is another query of objects with their kinds and moments (id, kind, lo, hi).
    """
    return b"\n".join(
        (
            _closed_query(superseded, walk),
            nested(statement("read_bodies"), nos=b"SELECT DISTINCT c.no FROM closed c"),
        )
    )


@cache
def numbers_query(superseded: bool, walk: bytes | None = None) -> bytes:
    """The numbers of the same events as one row with an array, in order; NULL where there is none."""
    return (
        _closed_query(superseded, walk)
        + b"\nSELECT array_agg(DISTINCT c.no ORDER BY c.no) AS nos FROM closed c"
    )


def numbers_of_each(session: Session, consignments: Sequence[bytes], as_of: Micros) -> dict[bytes, list[int]]:
    """For each of ``consignments`` by itself the numbers of the events of ``load_facts`` as of a moment, in order; one statement."""
    adapt(session)
    parameters = {"sets": uuids(consignments), "moments": bigints([as_of + 1]), "running": RUNNING}
    return {cons: nos or [] for cons, nos in walk_rows(session, _numbers_of_each_query(), parameters)}


@cache
def _numbers_of_each_query() -> bytes:
    return b"\n".join(
        (
            b"SELECT g.cons, f.nos FROM unnest(%(sets)s::uuid[]) AS g (cons) CROSS JOIN LATERAL (",
            nested(numbers_query(superseded=True), ids=b"SELECT g.cons"),
            b") AS f",
        )
    )


@cache
def naming_query(beside: bytes = b"") -> bytes:
    """The numbers of the events that name objects on the walk, without what withdraws them.

    ``beside`` is a query of further numbers; it may read ``walk``.
    """
    found = _naming_query() + b"\nSELECT n.no FROM said n"
    return b"\n".join((found, b"UNION (", beside, b")")) if beside else found


def _closed_query(superseded: bool, walk: bytes | None = None) -> bytes:
    naming = b"SELECT n.no FROM said n"
    if superseded:
        old = nested(statement("read_superseded"), nos=naming, located=statement("read_located"))
        counted = b"SELECT n.no FROM said n EXCEPT (" + old + b")"
    else:
        counted = naming
    return b"\n".join(
        (
            _naming_query(walk),
            b", closed (no) AS MATERIALIZED (",
            nested(statement("read_closure"), nos=counted),
            b")",
        )
    )


def _naming_query(walk: bytes | None = None) -> bytes:
    ways = {name: b"SELECT w." + column + b" FROM walk w" for name, column in _WAYS}
    return b"\n".join(
        (
            b"WITH walk (id, kind, lo, hi) AS MATERIALIZED (",
            statement("read_walk") if walk is None else walk,
            b"), said (no) AS MATERIALIZED (",
            nested(statement("read_numbers"), **ways, **_LISTS),
            b")",
        )
    )


_ALWAYS = 4_611_686_018_427_387_904  # microseconds, as in read_consignments
# A list's nearest one of the other side may be as far from it again as it is itself.
_LISTS = {
    "lists": " UNION ALL ".join(f"SELECT {number}::smallint" for number in LISTS).encode(),
    "meeting": f"SELECT {2 * ONE_MEETING}::bigint".encode(),
}
_WAYS = (("ids", b"id"), ("kinds", b"kind"), ("los", b"lo"), ("his", b"hi"))


def with_withdrawals(session: Session, numbers: Sequence[int]) -> list[Stored]:
    """The events of these numbers with all that corrects or retracts them, in order."""
    work = _work(session)
    return _bodies(work, [row[0] for row in work.rows("read_closure", {"nos": bigints(sorted(numbers))})])


def events_by_id(session: Session, ids: Sequence[bytes]) -> list[Stored]:
    """The events under the 16-byte ``ids``, variants of equivocating publishers included."""
    work = _work(session)
    return _bodies(work, [row[0] for row in work.rows("read_ids", {"ids": uuids(sorted(ids))})])


def equivocations(session: Session, limit: int) -> list[bytes]:
    """The 16-byte ids under which several contents were accepted, at most ``limit``, the latest first."""
    return [bytes(row[0]) for row in _work(session).rows("equivocations", {"limit": limit})]


def events_by_number(session: Session, numbers: Sequence[int]) -> list[Stored]:
    """The events of these numbers, in order."""
    return _bodies(_work(session), numbers)


def events_of_walks(session: Session, numbers: Sequence[int]) -> list[Stored]:
    """``events_by_number``, in a transaction that has read these numbers by ``numbers_of_each``."""
    return _bodies(Work(session), numbers)


def tail(session: Session, after: Position, limit: int) -> tuple[list[Stored], Position]:
    """At most ``limit`` events after a position in the order of visibility, and the position behind the last of them.

    No event becomes visible before one that was returned: a reader that continues from the position misses nothing.
    """
    work = _work(session)
    found = work.rows("read_tail", {"xid": str(after.xid), "no": after.no, "limit": limit})
    if not found:
        return [], after
    bodies = {stored.no: stored for stored in _bodies(work, [no for _, no in found])}
    xid, last = found[-1]
    return [bodies[no] for _, no in found], Position(int(xid), last)


def before_last(session: Session, count: int) -> Position:
    """The position from which ``tail`` shows the last ``count`` events that are visible now."""
    row = _work(session).row("read_last", {"count": count})
    return Position() if row is None else Position(int(row[0]), row[1])


def visible_batches(session: Session, after: Position, limit: int) -> list[VisibleBatch]:
    """At most ``limit`` transactions after the position of a batch, in the order of visibility."""
    rows = _work(session).rows("read_batches", {"xid": str(after.xid), "no": after.no, "limit": limit})
    return [VisibleBatch(Position(int(xid), first), events, at) for xid, first, events, at in rows]


def unsettled(session: Session) -> int:
    """The number of unsettled notes; at 0 links, groups and heads are exact."""
    row = session.execute("SELECT count(*) FROM lianyun.pending").fetchone()
    return 0 if row is None else int(row[0])


def _work(session: Session) -> Work:
    adapt(session)
    # The planner estimates millions of rows for a walk of three, and allocates a hash table for them each time.
    limit_work_memory(session)
    return Work(session)


def _bodies(work: Work, numbers: Iterable[int]) -> list[Stored]:
    wanted = bigints(sorted(set(numbers)))
    return [stored_of(row) for row in work.rows("read_bodies", {"nos": wanted})]


def stored_of(row: Sequence[Any]) -> Stored:
    """The event of a row of ``read_bodies``, or of another statement that selects the same columns."""
    no, id_, content, topic, part, offset, appended, registry, rules, key, headers, payload, aside = row
    return Stored(
        no, id_, content, topic, part, offset, appended, registry, rules, key_text(key), headers, payload, aside
    )  # fmt: skip


def walk_rows(session: Session, query: bytes, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a query that walks links, under limited work memory; one round trip. For sessions that know packed ids."""
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    with session.pipeline():
        limit_work_memory(session)
        cursor.execute(query, parameters)
    return cursor.fetchall()


def limit_work_memory(session: Session) -> None:
    """Limit ``work_mem`` until the transaction ends: for short walks allocating hash tables takes longer than the walk."""
    session.execute("SET LOCAL work_mem = '128kB'")


@dataclass(frozen=True, slots=True)
class StageRow:
    """The latest fact of a part of a head: time, milestone, place, and the event that states it."""

    at: Micros
    published: Micros
    event: bytes
    milestone: int
    place: str


@dataclass(frozen=True, slots=True)
class HeadRow:
    """The head of a group of consignments; ``customs`` is in the order of services.domain.head.UNIONS."""

    consignment: bytes
    broken: bool
    boxes: int
    behind: int
    disputes: int
    exceptions: int
    movement: StageRow | None
    customs: tuple[StageRow | None, StageRow | None, StageRow | None, StageRow | None]
    document: StageRow | None


@dataclass(frozen=True, slots=True)
class TrainHeadRow:
    """The head of a train."""

    train: bytes
    milestone: StageRow | None
    position: StageRow | None
    exceptions: int


def heads(session: Session, after: bytes = bytes(16), limit: int = 100) -> list[HeadRow]:
    """At most ``limit`` heads of founded consignments in order of their ids, after ``after``."""
    return _heads(session, "read_heads", {"after": after.hex(), "limit": limit})


def heads_of(session: Session, consignments: Sequence[bytes]) -> list[HeadRow]:
    """The heads of the groups that ``consignments`` belong to, each once, in order of their ids."""
    return _heads(session, "read_heads_of", {"ids": uuids(sorted(consignments))})


def train_heads(session: Session, trains: Sequence[bytes]) -> list[TrainHeadRow]:
    """The heads of the trains of these ids; none for a train without facts."""
    work = _adapted(session)
    rows = work.rows("read_train_heads", {"ids": uuids(sorted(trains))})
    places = _places(work, (stage for row in rows for stage in row[1:3]))
    return [
        TrainHeadRow(train, _stage(milestone, places), _stage(position, places), exceptions)
        for train, milestone, position, exceptions in rows
    ]


def _heads(session: Session, name: str, parameters: dict[str, Any]) -> list[HeadRow]:
    work = _adapted(session)
    rows = work.rows(name, parameters)
    places = _places(work, (stage for row in rows for stage in row[6:]))
    found = []
    for cons, broken, boxes, behind, disputes, exceptions, *stages in rows:
        movement, china, eurasian, european, other, document = (_stage(stage, places) for stage in stages)
        customs = (china, eurasian, european, other)
        found.append(HeadRow(cons, broken, boxes, behind, disputes, exceptions, movement, customs, document))
    return found


def _adapted(session: Session) -> Work:
    adapt(session)
    return Work(session)


def _places(work: Work, stages: Iterable[Sequence[int] | None]) -> dict[int, str]:
    numbers = sorted({stage[5] for stage in stages if stage is not None})
    return {0: "", **dict(work.rows("read_terms", {"numbers": bigints(numbers)}))}


def _stage(stage: Sequence[int] | None, places: dict[int, str]) -> StageRow | None:
    if stage is None:
        return None
    at, published, high, low, milestone, place = stage[:6]
    return StageRow(at, published, join_id(high, low), milestone, places.get(place, ""))
