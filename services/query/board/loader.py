"""What the board needs from the store: a constant number of statements, and each event read once in a process."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from schemas.events import catalogue
from schemas.events.base import ObjectKind
from services.domain.facts import Facts, Micros
from services.domain.objects import ObjectId, Thing
from services.ledger.registry import store
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage import statement as stored
from services.ledger.storage.arrays import adapt, bigints, smallints, uuids
from services.ledger.storage.event_reader import heads_of
from services.ledger.storage.term_numbers import country_code, join_id
from services.query.board import statement
from services.query.board.approach import News, latest
from services.query.board.readiness import LOOKED_AT, Known
from services.query.stored_events import Unreadable, reread

Session = Connection[Any]
ARRIVED = catalogue.spec("cre.movement.arrived.v1").number
AROUND: Micros = 5 * 24 * 3_600_000_000
"""How far apart the trains of two railways may begin that carry the same boxes over one border."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A train of which something was heard: the latest milestone, and where it was last (which may be on the run)."""

    train: ObjectId
    milestone: News
    position: News
    event: bytes
    exceptions: int

    @property
    def latest(self) -> News:
        """Where it was last."""
        return latest(self.milestone, self.position)


@dataclass(slots=True)
class Loaded:
    """What one train carries: its boxes, each with the consignments in it."""

    boxes: dict[ObjectId, tuple[ObjectId, ...]] = field(default_factory=dict)
    loading: list[int] = field(default_factory=list)


class Events:
    """Facts of stored events by number, each read once; at most ``most`` are kept, then it begins anew."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._kept: dict[int, Facts] = {}

    def of(self, session: Session, numbers: Iterable[int]) -> dict[int, Facts]:
        """What the events say; one that cannot be read, or was put aside, says nothing here."""
        wanted = set(numbers)
        fresh = wanted - self._kept.keys()
        if len(self._kept) + len(fresh) > self._most:
            self._kept.clear()
            fresh = wanted
        registry = store.read_snapshot(session) if fresh else None
        for each in event_reader.events_by_number(session, sorted(fresh)):
            assert registry is not None
            self._kept[each.no] = Facts() if each.quarantined else self._read(each, registry)
        return {no: self._kept.get(no, Facts()) for no in wanted}

    def named(self, session: Session, ids: Iterable[bytes]) -> dict[bytes, Facts]:
        """The same by 16-byte ids."""
        found = event_reader.events_by_id(session, sorted(set(ids)))
        said = self.of(session, [each.no for each in found])
        return {each.id: said[each.no] for each in found}

    @staticmethod
    def _read(event: event_reader.Stored, registry: Registry) -> Facts:
        try:
            return reread(event, registry).facts
        except Unreadable:
            return Facts()


def heard(session: Session, since: Micros, now: Micros) -> list[Heard]:
    """Every train of which something was heard in [since, now]."""
    rows = _rows(session, "trains", {"since": since, "now": now})
    numbers = {stage[5] for row in rows for stage in row[1:3] if stage is not None}
    places = _places(session, numbers)
    found = []
    for train, milestone, position, exceptions in rows:
        stage = milestone or position
        found.append(
            Heard(
                train,
                _news(stage, places),
                _news(position or stage, places),
                join_id(stage[2], stage[3]),
                exceptions,
            )
        )
    return found


def announced(session: Session, trains: Sequence[ObjectId]) -> dict[ObjectId, dict[str, Micros]]:
    """When each train is expected where, as its railway says."""
    rows = _rows(session, "announced", {"trains": uuids(sorted(trains)), "arrived": ARRIVED})
    places = _places(session, {row[1] for row in rows})
    found: dict[ObjectId, dict[str, Micros]] = defaultdict(dict)
    for train, place, at in rows:
        found[train][places.get(place, "")] = at
    return found


def cargo(session: Session, moments: Mapping[ObjectId, Micros]) -> dict[ObjectId, Loaded]:
    """What each train carries at its moment."""
    trains = sorted(moments)
    asked = {"trains": uuids(trains), "moments": bigints([moments[train] for train in trains])}
    found: dict[ObjectId, Loaded] = defaultdict(Loaded)
    for train, box, loading, consignments in _rows(session, "cargo", asked):
        found[train].boxes[box] = tuple(consignments or ())
        found[train].loading.append(loading)
    return found


def also(
    session: Session, loaded: Mapping[ObjectId, Loaded], moments: Mapping[ObjectId, Micros]
) -> dict[ObjectId, dict[ObjectId, int]]:
    """By train: the other trains with the same boxes, each with an event that names it."""
    pairs = [(train, box) for train, each in sorted(loaded.items()) for box in sorted(each.boxes)]
    asked = {
        "trains": uuids([train for train, _ in pairs]),
        "boxes": uuids([box for _, box in pairs]),
        "moments": bigints([moments[train] for train, _ in pairs]),
        "around": AROUND,
    }
    found: dict[ObjectId, dict[ObjectId, int]] = defaultdict(dict)
    for train, other, no in _rows(session, "also", asked):
        found[train][other] = min(no, found[train].get(other, no))
    return found


def moved(session: Session, loaded: Mapping[ObjectId, Loaded]) -> dict[ObjectId, list[News]]:
    """By train: the latest movement of each consignment on it, as facts about the boxes themselves have it."""
    cons = {each for one in loaded.values() for found in one.boxes.values() for each in found}
    heads = {head.consignment: head.movement for head in heads_of(session, sorted(cons))}
    return {
        train: [
            News(stage.milestone, stage.place, stage.at)
            for each in sorted({cons for found in one.boxes.values() for cons in found})
            if (stage := heads.get(each)) is not None
        ]
        for train, one in loaded.items()
    }


def known(
    session: Session, consignments: Iterable[ObjectId], now: Micros
) -> dict[ObjectId, tuple[int, frozenset[Known]]]:
    """By consignment: how many exceptions stand open, and the customs facts that decide."""
    asked = {
        "ids": uuids(sorted(set(consignments))),
        "milestones": smallints(sorted(LOOKED_AT)),
        "now": now,
    }
    return {
        cons: (exceptions, frozenset((number, country_code(code)) for number, code in facts or ()))
        for cons, exceptions, facts in _rows(session, "known", asked)
    }


def routes(
    session: Session, events: Events, consignments: Iterable[ObjectId]
) -> dict[ObjectId, tuple[str, ...]]:
    """The planned places of each consignment, by the route that was published last."""
    rows = _rows(session, "routes", {"ids": uuids(sorted(set(consignments)))})
    said = events.of(session, {no for _, no in rows})
    latest: dict[ObjectId, tuple[Micros, bytes, tuple[str, ...]]] = {}
    for cons, no in rows:
        for route in said[no].routes:
            ranked = route.published, route.event, route.places
            latest[cons] = max(ranked, latest.get(cons, ranked))
    return {cons: places for cons, (_, _, places) in latest.items()}


def restricting(session: Session, events: Events, places: Iterable[str]) -> Facts:
    """What restricts the places, and what lifts that."""
    ids = sorted(Thing(ObjectKind.PLACE, place).id for place in places)
    numbers = [row[0] for row in _rows(session, "restricted", {"ids": uuids(ids)})]
    return Facts.union(events.of(session, numbers).values())


def rows_of(session: Session, name: str) -> list[Any]:
    """The rows of a statement without parameters."""
    return _rows(session, name, {})


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[Any]:
    adapt(session)
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(statement(name), parameters).fetchall()


def _places(session: Session, numbers: Iterable[int]) -> dict[int, str]:
    wanted = {"numbers": bigints(sorted(set(numbers)))}
    return {0: "", **dict(session.cursor(binary=True).execute(stored("read_terms"), wanted).fetchall())}


def _news(stage: Sequence[int], places: Mapping[int, str]) -> News:
    return News(stage[4], places.get(stage[5], ""), stage[0])
