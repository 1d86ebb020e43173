"""The trains at each crossing, which boards and metrics share, and the reads behind it. Reads only.

A constant number of statements; each event is read once in a process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from schemas import railnet
from schemas.events import catalogue
from schemas.events.base import ObjectKind
from services.domain.facts import FREEING, Facts, Micros
from services.domain.links import Network
from services.domain.objects import ObjectId, Thing
from services.ledger.registry import store
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage import statement as stored
from services.ledger.storage.arrays import adapt, bigints, smallints, uuids
from services.ledger.storage.event_reader import heads_of
from services.ledger.storage.term_numbers import country_code, join_id, term_number
from services.query.board import statement
from services.query.board.approach import (
    HOUR,
    Approach,
    Phase,
    TrainReport,
    approach,
    gone_over,
    latest,
    may_come,
)
from services.query.board.values import LOOKED_AT, Known
from services.query.stored_events import Unreadable, reread

Session = Connection[Any]
ARRIVED = catalogue.spec("cre.movement.arrived.v1").number
AROUND: Micros = 5 * 24 * 3_600_000_000
"""How far apart the trains of two railways may begin that carry the same boxes over one border."""


@dataclass(frozen=True, slots=True)
class TrainStatus:
    """A train's latest milestone and latest position (which may be a running position), with its open exceptions."""

    id: ObjectId
    milestone: TrainReport
    position: TrainReport
    event: bytes
    exceptions: int

    @property
    def latest(self) -> TrainReport:
        """Where it was last."""
        return latest(self.milestone, self.position)


@dataclass(slots=True)
class TrainLoad:
    """What one train carries: its boxes, each with the consignments in it."""

    boxes: dict[ObjectId, tuple[ObjectId, ...]] = field(default_factory=dict)
    loading: list[int] = field(default_factory=list)


class EventCache:
    """Facts of stored events by number, each read once; at most ``most`` are cached, then it is emptied."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._entries: dict[int, Facts] = {}

    def of(self, session: Session, numbers: Iterable[int]) -> dict[int, Facts]:
        """The facts of the events; none for one that is unreadable or quarantined."""
        wanted = set(numbers)
        fresh = wanted - self._entries.keys()
        if len(self._entries) + len(fresh) > self._most:
            self._entries.clear()
            fresh = wanted
        registry = store.read_snapshot(session) if fresh else None
        for each in event_reader.events_by_number(session, sorted(fresh)):
            assert registry is not None
            self._entries[each.no] = Facts() if each.quarantined else self._read(each, registry)
        return {no: self._entries.get(no, Facts()) for no in wanted}

    def named(self, session: Session, ids: Iterable[bytes]) -> dict[bytes, Facts]:
        """The same by 16-byte ids."""
        found = event_reader.events_by_id(session, sorted(set(ids)))
        facts = self.of(session, [each.no for each in found])
        return {each.id: facts[each.no] for each in found}

    @staticmethod
    def _read(event: event_reader.Stored, registry: Registry) -> Facts:
        try:
            return reread(event, registry).facts
        except Unreadable:
            return Facts()


def load_trains(session: Session, since: Micros, now: Micros) -> list[TrainStatus]:
    """Every train with a fact in [since, now]."""
    rows = _rows(session, "trains", {"since": since, "now": now})
    numbers = {stage[5] for row in rows for stage in row[1:3] if stage is not None}
    places = _places(session, numbers)
    found = []
    for train, milestone, position, exceptions in rows:
        stage = milestone or position
        found.append(
            TrainStatus(
                train,
                _news(stage, places),
                _news(position or stage, places),
                join_id(stage[2], stage[3]),
                exceptions,
            )
        )
    return found


def load_announcements(session: Session, trains: Sequence[ObjectId]) -> dict[ObjectId, dict[str, Micros]]:
    """When each train is expected where, by its railway."""
    rows = _rows(session, "announced", {"trains": uuids(sorted(trains)), "arrived": ARRIVED})
    places = _places(session, {row[1] for row in rows})
    found: dict[ObjectId, dict[str, Micros]] = defaultdict(dict)
    for train, place, at in rows:
        found[train][places.get(place, "")] = at
    return found


def load_cargo(
    session: Session, events: EventCache, moments: Mapping[ObjectId, Micros]
) -> dict[ObjectId, TrainLoad]:
    """What each train carries at its moment: no box that was taken off before.

    Unless at a border station: what was taken off there waits to go over, as does its train.
    """
    trains = sorted(moments)
    parameters = {"trains": uuids(trains), "moments": bigints([moments[train] for train in trains])}
    rows = _rows(session, "cargo", parameters)
    off = _taken_off(session, events, [(row[0], row[1], moments[row[0]]) for row in rows])
    found: dict[ObjectId, TrainLoad] = defaultdict(TrainLoad)
    for train, box, loading, consignments in rows:
        if (train, box) not in off:
            found[train].boxes[box] = tuple(consignments or ())
            found[train].loading.append(loading)
    return found


def _taken_off(
    session: Session, events: EventCache, boxes: Sequence[tuple[ObjectId, ObjectId, Micros]]
) -> set[tuple[ObjectId, ObjectId]]:
    """Of (train, box, moment) the trains and boxes that a fact had parted by then, by the domain's rule (``links.Network``)."""
    parameters = {
        "trains": uuids([train for train, _, _ in boxes]),
        "boxes": uuids([box for _, box, _ in boxes]),
        "moments": bigints([at for _, _, at in boxes]),
    }
    rows = _rows(session, "freed", parameters)
    facts = events.of(session, {no for row in rows for no in row[2]})
    moments = {(train, box): at for train, box, at in boxes}
    found = set()
    for train, box, numbers, parties in rows:
        links = {link for no in numbers for link in facts[no].links}
        engaged = {link.publisher for link in links if term_number(link.publisher) in set(parties or ())}
        network = Network(link for link in links if link.kind not in FREEING or not _at_border(link.place))
        at = moments[train, box]
        loads = (
            load
            for named in {link.left for link in links if link.left.id == train}
            for ride in network.onward(named, engaged)
            if ride.holds(at)
            for load in network.onward(ride.link.right, engaged)
        )
        if not any(load.link.right.id == box and load.holds(at) for load in loads):
            found.add((train, box))
    return found


def _at_border(place: str) -> bool:
    stations = railnet.candidates(place)
    return railnet.crossing(place) is not None or any(railnet.crossings_at(each.id) for each in stations)


def load_coupled_trains(
    session: Session, loaded: Mapping[ObjectId, TrainLoad], moments: Mapping[ObjectId, Micros]
) -> dict[ObjectId, dict[ObjectId, int]]:
    """By train: the other trains with the same boxes, each with an event that names it."""
    pairs = [(train, box) for train, each in sorted(loaded.items()) for box in sorted(each.boxes)]
    parameters = {
        "trains": uuids([train for train, _ in pairs]),
        "boxes": uuids([box for _, box in pairs]),
        "moments": bigints([moments[train] for train, _ in pairs]),
        "around": AROUND,
    }
    found: dict[ObjectId, dict[ObjectId, int]] = defaultdict(dict)
    for train, other, no in _rows(session, "also", parameters):
        found[train][other] = min(no, found[train].get(other, no))
    return found


def load_movements(
    session: Session, loaded: Mapping[ObjectId, TrainLoad]
) -> dict[ObjectId, list[TrainReport]]:
    """By train: the latest movement of each consignment on it, from facts about the boxes themselves."""
    cons = {each for one in loaded.values() for found in one.boxes.values() for each in found}
    heads = {head.consignment: head.movement for head in heads_of(session, sorted(cons))}
    return {
        train: [
            TrainReport(stage.milestone, stage.place, stage.at)
            for each in sorted({cons for found in one.boxes.values() for cons in found})
            if (stage := heads.get(each)) is not None
        ]
        for train, one in loaded.items()
    }


def load_customs_facts(
    session: Session, consignments: Iterable[ObjectId], now: Micros
) -> dict[ObjectId, tuple[int, frozenset[Known]]]:
    """By consignment: how many exceptions stand open, and the customs facts that decide."""
    parameters = {
        "ids": uuids(sorted(set(consignments))),
        "milestones": smallints(sorted(LOOKED_AT)),
        "now": now,
    }
    return {
        cons: (exceptions, frozenset((number, country_code(code)) for number, code in facts or ()))
        for cons, exceptions, facts in _rows(session, "known", parameters)
    }


def load_routes(
    session: Session, events: EventCache, consignments: Iterable[ObjectId]
) -> dict[ObjectId, tuple[str, ...]]:
    """The planned places of each consignment, by the route that was published last."""
    rows = _rows(session, "routes", {"ids": uuids(sorted(set(consignments)))})
    facts = events.of(session, {no for _, no in rows})
    latest: dict[ObjectId, tuple[Micros, bytes, tuple[str, ...]]] = {}
    for cons, no in rows:
        for route in facts[no].routes:
            ranked = route.published, route.event, route.places
            latest[cons] = max(ranked, latest.get(cons, ranked))
    return {cons: places for cons, (_, _, places) in latest.items()}


def load_restrictions(session: Session, events: EventCache, places: Iterable[str]) -> Facts:
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


def _news(stage: Sequence[int], places: Mapping[int, str]) -> TrainReport:
    return TrainReport(stage[4], places.get(stage[5], ""), stage[0])


WITHIN: Micros = 12 * HOUR
"""What is due comes within this time; what was handed over shows for as long."""
KEPT: Micros = 28 * 24 * HOUR
"""A train without a fact for longer leaves the board; its case stays. Borders were closed for 13 days."""


@dataclass(frozen=True, slots=True)
class TrainAtCrossing:
    """A train at a crossing, with the planned places of its cargo and what it carries.

    ``under`` are other trains of this crossing with the very same boxes, so the same one under other numbers: the latest first.
    """

    train: TrainStatus
    come: Approach
    route: tuple[str, ...]
    loaded: TrainLoad
    under: tuple[ObjectId, ...] = ()


def trains_at_crossings(
    session: Session, events: EventCache, now: Micros, within: Micros = WITHIN, only: str | None = None
) -> list[TrainAtCrossing]:
    """The trains that are due, queued or lately handed over at ``now``, each once; at the crossing ``only`` where one is named.

    A constant number of statements in the caller's transaction.
    """
    everything = load_trains(session, now - KEPT, now)
    announced = load_announcements(session, [train.id for train in everything])
    near = [h for h in everything if may_come(h.latest, announced.get(h.id, {}), now, within)]
    loaded = load_cargo(session, events, {train.id: train.milestone.at for train in near})
    one = {id_: _first(each) for id_, each in loaded.items()}
    moved = load_movements(session, loaded)
    routes = load_routes(session, events, filter(None, one.values()))
    found = []
    for train in near:
        route = routes.get(one.get(train.id) or b"", ())
        come = approach(train.latest, route, announced.get(train.id, {}), now, within, within)
        if come is not None and come.phase is Phase.QUEUED:
            come = gone_over(come, train.latest, moved.get(train.id, ()), now, within)
        if come is not None and only in (None, come.crossing.id):
            found.append(TrainAtCrossing(train, come, route, loaded.get(train.id, TrainLoad())))
    return _once_each(found)


def moments(at: Iterable[TrainAtCrossing]) -> Mapping[ObjectId, Micros]:
    """The moment as of which the cargo of each train is read."""
    return {each.train.id: each.train.milestone.at for each in at}


def _once_each(found: Iterable[TrainAtCrossing]) -> list[TrainAtCrossing]:
    """Trains at one crossing with the same boxes are one train under several numbers, represented by the latest."""
    same: dict[object, list[TrainAtCrossing]] = defaultdict(list)
    for each in found:
        boxes = frozenset(each.loaded.boxes)
        same[each.come.crossing.id, each.come.near, boxes or each.train.id].append(each)
    once = []
    for several in same.values():
        several.sort(key=lambda each: (each.train.latest.at, each.train.id), reverse=True)
        first, *others = several
        under = tuple(each.train.id for each in others)
        once.append(TrainAtCrossing(first.train, first.come, first.route, first.loaded, under))
    return once


def _first(loaded: TrainLoad) -> ObjectId | None:
    """A consignment on board, the same one each time: trains are composed by route, so one suffices."""
    return min((each for found in loaded.boxes.values() for each in found), default=None)
