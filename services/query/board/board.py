"""The border board as values: per crossing its trains, with boxes that are ready and what keeps the others. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from schemas import railnet
from schemas.events import catalogue
from schemas.events.base import ObjectKind
from schemas.railnet import Crossing
from services.core.facts import Facts, Micros, Restriction
from services.core.objects import ObjectId, Thing
from services.core.restrictions import ends
from services.query.board import loading
from services.query.board.approach import (
    HOUR,
    Approach,
    News,
    Phase,
    approach,
    bound,
    gone_over,
    may_come,
)
from services.query.board.loading import Events, Heard, Loaded, Session
from services.query.board.readiness import Blocker, Known, blockers
from services.query.views import told_of
from services.registry import store

WITHIN: Micros = 12 * HOUR
"""What is due on the board comes within this time; what was handed over stays on it as long."""
KEPT: Micros = 10 * 24 * HOUR
"""A train of which nothing was heard for longer is no longer looked for here; its case is."""


@dataclass(frozen=True, slots=True)
class BoardCase:
    """An open case about a train, one of its boxes, or a hand-over at the crossing."""

    id: bytes
    kind: str
    what: str
    about: Thing
    occurrence: str
    crossing: str
    due: Micros
    owner: str
    snoozed_until: Micros | None


@dataclass(frozen=True, slots=True)
class BoardBox:
    """A box on a train and what keeps it; () where it is ready."""

    container: str
    blockers: tuple[Blocker, ...]
    consignments: tuple[ObjectId, ...]


@dataclass(frozen=True, slots=True)
class BoardTrain:
    """A train at a crossing; ``numbers`` are its keys, that of the side it comes from first."""

    numbers: tuple[str, ...]
    phase: Phase
    bound: str
    expected: Micros | None
    announced: bool
    boxes: tuple[BoardBox, ...]
    last: News
    position: News
    cases: tuple[BoardCase, ...]

    @property
    def ready(self) -> int:
        """Boxes that may be handed over."""
        return sum(not box.blockers for box in self.boxes)

    @property
    def waits_for(self) -> dict[Blocker, int]:
        """How many boxes each blocker keeps, in the order of the work."""
        counted = {blocker: sum(blocker in box.blockers for box in self.boxes) for blocker in Blocker}
        return {blocker: number for blocker, number in counted.items() if number}


@dataclass(frozen=True, slots=True)
class BoardCrossing:
    """A crossing with its trains: those due by when they come, those queued and handed over by when they came."""

    crossing: Crossing
    trains: tuple[BoardTrain, ...]
    restrictions: tuple[Restriction, ...]
    cases: tuple[BoardCase, ...]

    def count(self, phase: Phase) -> int:
        """How many of its trains are in ``phase``."""
        return sum(train.phase is phase for train in self.trains)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """How the platform itself is; moments are None where the thing has never happened."""

    events_last_minute: int
    last_event: datetime | None
    unsettled: int
    dead_letters_open: int
    workers: int
    cases_whole: datetime | None
    credit_whole: datetime | None


@dataclass(frozen=True, slots=True)
class Board:
    """All of it at one moment; ``crossings`` are those where there is something to see, in the order of their ids."""

    at: Micros
    crossings: tuple[BoardCrossing, ...]
    pipeline: Pipeline


@dataclass(slots=True)
class Boards:
    """Makes boards, one after another; keeps what it has read, so that the second costs less. Not for several threads."""

    events: Events = field(default_factory=Events)

    def board(self, session: Session, now: Micros, within: Micros = WITHIN, only: str | None = None) -> Board:
        """The board as of ``now``, of the crossing ``only`` where one is named. Reads in the caller's transaction.

        A constant number of statements, and some milliseconds more for each consignment with trouble on the trains shown.
        """
        cases = [_case(row) for row in loading.rows_of(session, "cases")]
        at = self._approaches(session, now, within, only)
        moments = {heard.train: heard.milestone.at for heard, _, _ in at}
        loaded = loading.cargo(session, moments)
        others = loading.also(session, loaded, moments)
        names = self._names(session, at, others)
        boxes = self._boxes(session, at, loaded, now)
        trains: dict[str, list[BoardTrain]] = defaultdict(list)
        for heard, come, route in at:
            numbers = _numbers(heard.train, others.get(heard.train, {}), names, come)
            shown = BoardTrain(
                numbers=numbers,
                phase=come.phase,
                bound=bound(route, _origin(numbers)),
                expected=come.expected,
                announced=come.announced,
                boxes=boxes[heard.train],
                last=heard.milestone,
                position=heard.position,
                cases=_cases_of(numbers, boxes[heard.train], cases),
            )
            trains[come.crossing.id].append(shown)
        known = {crossing: _once_each(found) for crossing, found in trains.items()}
        return Board(now, self._crossings(session, known, cases, now, only), _pipeline(session))

    def _approaches(
        self, session: Session, now: Micros, within: Micros, only: str | None
    ) -> list[tuple[Heard, Approach, tuple[str, ...]]]:
        """The trains of the board with where they stand and the route of their cargo."""
        everything = loading.heard(session, now - KEPT, now)
        announced = loading.announced(session, [heard.train for heard in everything])
        near = [h for h in everything if may_come(_latest(h), announced.get(h.train, {}), now, within)]
        loaded = loading.cargo(session, {heard.train: heard.milestone.at for heard in near})
        one = {train: _first(each) for train, each in loaded.items()}
        moved = loading.moved(session, loaded)
        routes = loading.routes(session, self.events, filter(None, one.values()))
        found = []
        for heard in near:
            route = routes.get(one.get(heard.train) or b"", ())
            come = approach(
                _latest(heard),
                route,
                announced.get(heard.train, {}),
                now,
                within,
                within,
            )
            if come is not None and come.phase is Phase.QUEUED:
                come = gone_over(come, heard.milestone, moved.get(heard.train, ()), now, within)
            if come is not None and only in (None, come.crossing.id):
                found.append((heard, come, route))
        return found

    def _names(
        self,
        session: Session,
        at: Iterable[tuple[Heard, Approach, tuple[str, ...]]],
        others: Mapping[ObjectId, Mapping[ObjectId, int]],
    ) -> dict[ObjectId, str]:
        """The keys of trains, from the events that name them."""
        said = self.events.named(session, [heard.event for heard, _, _ in at])
        more = self.events.of(session, {no for each in others.values() for no in each.values()})
        return {
            thing.id: thing.key for facts in (*said.values(), *more.values()) for thing in _trains_in(facts)
        }

    def _boxes(
        self,
        session: Session,
        at: Iterable[tuple[Heard, Approach, tuple[str, ...]]],
        loaded: Mapping[ObjectId, Loaded],
        now: Micros,
    ) -> dict[ObjectId, tuple[BoardBox, ...]]:
        """The boxes of each train, by number, with what keeps them at its crossing."""
        cons = {each for one in loaded.values() for found in one.boxes.values() for each in found}
        known = loading.known(session, cons, now)
        troubled = {each for each, (exceptions, _) in known.items() if exceptions}
        troubles = self._troubles(session, troubled, now)
        loading_events = {no for one in loaded.values() for no in one.loading}
        numbers = {
            link.right.id: link.right.key
            for facts in self.events.of(session, loading_events).values()
            for link in facts.links
        }
        found: dict[ObjectId, tuple[BoardBox, ...]] = {}
        for heard, come, _ in at:
            leaves, enters = _countries(come)
            boxes = []
            for box, consignments in loaded.get(heard.train, Loaded()).boxes.items():
                facts = frozenset[Known]().union(*(known[c][1] for c in consignments if c in known))
                open_ = {
                    episode
                    for c in consignments
                    for episode, container in troubles.get(c, ())
                    if container in (None, box)
                }
                keeps = blockers(leaves, enters, facts, open_) if consignments else ()
                boxes.append(BoardBox(numbers.get(box, box.hex()[:8]), keeps, consignments))
            found[heard.train] = tuple(sorted(boxes, key=lambda each: each.container))
        return found

    def _troubles(
        self, session: Session, consignments: Iterable[ObjectId], now: Micros
    ) -> dict[ObjectId, set[tuple[int, ObjectId | None]]]:
        """The episodes that stand open for each consignment, with the box that they are of, None for all of it: the core's word."""
        registry = store.look(session)
        found: dict[ObjectId, set[tuple[int, ObjectId | None]]] = {}
        for consignment in sorted(consignments):
            told = told_of(session, consignment, now, registry)
            if told is not None:
                boxes = {box.container for box in told.view.boxes}
                found[consignment] = {
                    (each.episode, each.thing.id if each.thing in boxes else None)
                    for each in told.view.exceptions
                }
        return found

    def _crossings(
        self,
        session: Session,
        trains: Mapping[str, list[BoardTrain]],
        cases: Iterable[BoardCase],
        now: Micros,
        only: str | None,
    ) -> tuple[BoardCrossing, ...]:
        known = railnet.crossings()
        facts = loading.restricting(session, self.events, [each.place for each in known.values()])
        in_force: dict[str, list[Restriction]] = defaultdict(list)
        for restriction in sorted(facts.restrictions, key=lambda r: (r.start, r.event)):
            if restriction.start <= now < ends(restriction, facts.liftings):
                in_force[restriction.place].append(restriction)
        at_border: dict[str, list[BoardCase]] = defaultdict(list)
        for case in cases:
            at_border[case.crossing].append(case)
        shown = [
            BoardCrossing(
                crossing,
                tuple(sorted(trains.get(id_, ()), key=_order)),
                tuple(in_force.get(crossing.place, ())),
                tuple(at_border.get(id_, ())),
            )
            for id_, crossing in sorted(known.items())
            if only in (None, id_)
        ]
        return tuple(each for each in shown if only or each.trains or each.restrictions or each.cases)


def _once_each(trains: Iterable[BoardTrain]) -> list[BoardTrain]:
    """Trains of one crossing in which the same boxes stand are one train under several numbers; the latest news stands for it."""
    by_boxes: dict[object, BoardTrain] = {}
    for train in sorted(trains, key=lambda each: (max(each.last.at, each.position.at), each.numbers)):
        boxes = frozenset(box.container for box in train.boxes)
        key = (boxes, train.bound) if boxes else train.numbers
        other = by_boxes.get(key)
        names = train.numbers if other is None else (*train.numbers, *other.numbers)
        by_boxes[key] = replace(train, numbers=tuple(dict.fromkeys(names)))
    return list(by_boxes.values())


def _latest(heard: Heard) -> News:
    return heard.position if heard.position.at > heard.milestone.at else heard.milestone


def _first(loaded: Loaded) -> ObjectId | None:
    """A consignment on board, the same one each time: trains are composed by route, so one tells it."""
    return min((each for found in loaded.boxes.values() for each in found), default=None)


def _trains_in(facts: Facts) -> set[Thing]:
    things = {claim.thing for claim in facts.claims}
    things |= {end for link in facts.links for end in (link.left, link.right)}
    return {thing for thing in things if thing.rides}


def _numbers(
    train: ObjectId, others: Mapping[ObjectId, int], names: Mapping[ObjectId, str], come: Approach
) -> tuple[str, ...]:
    """The train's own key, then those of the other side of the crossing under which its boxes run."""
    own = names.get(train, train.hex()[:8])
    sides = {*come.crossing.a.managers, *come.crossing.b.managers}
    rest = sorted({names[other] for other in others if other in names})
    near = [name for name in rest if name.partition("/")[0].lower() in sides]
    return (own, *(name for name in near if name != own))


def _origin(numbers: tuple[str, ...]) -> str:
    parts = numbers[0].split("/")
    return parts[3] if len(parts) > 3 else ""


def _countries(come: Approach) -> tuple[str, str]:
    far = come.crossing.b if come.near == come.crossing.a.station else come.crossing.a
    stations = railnet.stations()
    return stations[come.near].country, stations[far.station].country


def _cases_of(
    numbers: tuple[str, ...], boxes: Iterable[BoardBox], cases: Iterable[BoardCase]
) -> tuple[BoardCase, ...]:
    # The train's own first; each in the order of the list, by when somebody has to have acted.
    keys = {*numbers, *(box.container for box in boxes)}
    found = [case for case in cases if case.about.key in keys]
    return tuple(sorted(found, key=lambda case: not case.about.rides))


def _order(train: BoardTrain) -> tuple[int, Micros, tuple[str, ...]]:
    phase = list(Phase).index(train.phase)
    return phase, train.expected if train.expected is not None else train.last.at, train.numbers


def _case(row: Sequence[Any]) -> BoardCase:
    case, kind, what, about_kind, about, occurrence, crossing, due, party, desk, snoozed_until = row
    thing, owner = Thing(ObjectKind(about_kind), about), "" if party is None else f"{party}/{desk}"
    return BoardCase(case, kind, what, thing, occurrence, crossing, due, owner, snoozed_until)


def _pipeline(session: Session) -> Pipeline:
    ((events, last, pending, letters, workers, cases, credit),) = loading.rows_of(session, "pipeline")
    return Pipeline(events, last, pending, letters, workers, cases, credit)


def milestone_name(number: int) -> str:
    """A milestone as people read it."""
    return catalogue.by_number(number).name.partition(".")[2].replace("_", " ")
