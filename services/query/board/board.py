"""Border boards: per crossing its trains, what blocks their boxes, restrictions and open cases. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas import railnet
from schemas.events.base import ObjectKind
from services.domain.facts import Facts, Micros, Restriction
from services.domain.objects import ObjectId, Thing
from services.domain.restrictions import known_ends
from services.ledger.registry import store
from services.query.board import crossing_status
from services.query.board.approach import Approach, Phase, bound
from services.query.board.crossing_status import (
    WITHIN,
    EventCache,
    Session,
    TrainAtCrossing,
    moments,
    trains_at_crossings,
)
from services.query.board.values import (
    Board,
    BoardBox,
    BoardCase,
    BoardCrossing,
    BoardTrain,
    Known,
    Pipeline,
    blockers,
)
from services.query.views import read_view


def boxes_of(
    session: Session, events: EventCache, at: Iterable[TrainAtCrossing], now: Micros
) -> dict[ObjectId, tuple[BoardBox, ...]]:
    """The boxes of each train, by number, with what keeps them at its crossing.

    Some milliseconds for each consignment with trouble on board.
    """
    trains = list(at)
    cons = {each for one in trains for found in one.loaded.boxes.values() for each in found}
    known = crossing_status.load_customs_facts(session, cons, now)
    troubled = {each for each, (exceptions, _) in known.items() if exceptions}
    troubles = _troubles(session, troubled, now)
    loading_events = {no for one in trains for no in one.loaded.loading}
    numbers = {
        link.right.id: link.right.key
        for facts in events.of(session, loading_events).values()
        for link in facts.links
    }
    found: dict[ObjectId, tuple[BoardBox, ...]] = {}
    for one in trains:
        leaves, enters = _countries(one.come)
        boxes = []
        for box, consignments in one.loaded.boxes.items():
            facts = frozenset[Known]().union(*(known[c][1] for c in consignments if c in known))
            open_ = {
                episode
                for c in consignments
                for episode, container in troubles.get(c, ())
                if container in (None, box)
            }
            keeps = blockers(leaves, enters, facts, open_) if consignments else ()
            boxes.append(BoardBox(numbers.get(box, box.hex()[:8]), keeps, consignments))
        found[one.train.id] = tuple(sorted(boxes, key=lambda each: each.container))
    return found


def _troubles(
    session: Session, consignments: Iterable[ObjectId], now: Micros
) -> dict[ObjectId, set[tuple[int, ObjectId | None]]]:
    """The open episodes of each consignment by its view, with the box that each is of, None for all of it."""
    registry = store.read_snapshot(session)
    found: dict[ObjectId, set[tuple[int, ObjectId | None]]] = {}
    for consignment in sorted(consignments):
        sourced = read_view(session, consignment, now, registry)
        if sourced is not None:
            boxes = {box.container for box in sourced.view.boxes}
            found[consignment] = {
                (each.episode, each.thing.id if each.thing in boxes else None)
                for each in sourced.view.exceptions
            }
    return found


def _countries(come: Approach) -> tuple[str, str]:
    far = come.crossing.b if come.near == come.crossing.a.station else come.crossing.a
    stations = railnet.stations()
    return stations[come.near].country, stations[far.station].country


@dataclass(slots=True)
class Boards:
    """Makes boards, one after another; keeps what it has read, so that the second costs less. Not for several threads."""

    events: EventCache = field(default_factory=EventCache)

    def board(self, session: Session, now: Micros, within: Micros = WITHIN, only: str | None = None) -> Board:
        """The board as of ``now``, of the crossing ``only`` where one is named. Reads in the caller's transaction.

        A constant number of statements, and some milliseconds more for each consignment with trouble on the trains shown.
        """
        cases = [_case(row) for row in crossing_status.rows_of(session, "cases")]
        at = trains_at_crossings(session, self.events, now, within, only)
        loaded = {each.train.id: each.loaded for each in at}
        others = crossing_status.load_coupled_trains(session, loaded, moments(at))
        names = self._names(session, at, others)
        boxes = boxes_of(session, self.events, at, now)
        trains: dict[str, list[BoardTrain]] = defaultdict(list)
        for each in at:
            train, come = each.train.id, each.come
            numbers = _numbers(each, others.get(train, {}), names)
            shown = BoardTrain(
                numbers=numbers,
                phase=come.phase,
                bound=bound(each.route, _origin(numbers)),
                expected=come.expected,
                announced=come.announced,
                beside_route=come.beside_route,
                boxes=boxes[train],
                last=each.train.milestone,
                position=each.train.position,
                cases=_cases_of(numbers, boxes[train], cases),
            )
            trains[come.crossing.id].append(shown)
        return Board(now, self._crossings(session, trains, cases, now, only), _pipeline(session))

    def _names(
        self,
        session: Session,
        at: Sequence[TrainAtCrossing],
        others: Mapping[ObjectId, Mapping[ObjectId, int]],
    ) -> dict[ObjectId, str]:
        """The keys of trains, from the events that name them."""
        named_by = self.events.named(session, [each.train.event for each in at])
        more = self.events.of(session, {no for each in others.values() for no in each.values()})
        return {
            thing.id: thing.key
            for facts in (*named_by.values(), *more.values())
            for thing in _trains_in(facts)
        }

    def _crossings(
        self,
        session: Session,
        trains: Mapping[str, list[BoardTrain]],
        cases: Iterable[BoardCase],
        now: Micros,
        only: str | None,
    ) -> tuple[BoardCrossing, ...]:
        crossings = railnet.crossings()
        facts = crossing_status.load_restrictions(
            session, self.events, [each.place for each in crossings.values()]
        )
        in_force: dict[str, list[Restriction]] = defaultdict(list)
        announced: dict[str, list[Restriction]] = defaultdict(list)
        known = known_ends(facts.restrictions, facts.liftings)
        for restriction in sorted(known, key=lambda r: (r.start, r.event)):
            if restriction.end is None or max(now, restriction.start) < restriction.end:
                (in_force if restriction.start <= now else announced)[restriction.place].append(restriction)
        at_border: dict[str, list[BoardCase]] = defaultdict(list)
        for case in cases:
            at_border[case.crossing].append(case)
        shown = [
            BoardCrossing(
                crossing,
                tuple(sorted(trains.get(id_, ()), key=_order)),
                tuple(in_force.get(crossing.place, ())),
                tuple(announced.get(crossing.place, ())),
                tuple(at_border.get(id_, ())),
            )
            for id_, crossing in sorted(crossings.items())
            if only in (None, id_)
        ]
        return tuple(
            each for each in shown if only or each.trains or each.restrictions or each.announced or each.cases
        )


def _trains_in(facts: Facts) -> set[Thing]:
    things = {claim.thing for claim in facts.claims}
    things |= {end for link in facts.links for end in (link.left, link.right)}
    return {thing for thing in things if thing.rides}


def _numbers(
    each: TrainAtCrossing, others: Mapping[ObjectId, int], names: Mapping[ObjectId, str]
) -> tuple[str, ...]:
    """The train's own key, then those of the other side of the crossing under which its boxes run."""
    train, crossing = each.train.id, each.come.crossing
    own = names.get(train, train.hex()[:8])
    sides = {*crossing.a.managers, *crossing.b.managers}
    rest = sorted({names[other] for other in others if other in names})
    near = [name for name in rest if name.partition("/")[0].lower() in sides]
    same = [names[other] for other in each.under if other in names]
    return tuple(dict.fromkeys((own, *near, *same)))


def _origin(numbers: tuple[str, ...]) -> str:
    parts = numbers[0].split("/")
    return parts[3] if len(parts) > 3 else ""


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
    ((events, last, pending, letters, workers, cases, credit),) = crossing_status.rows_of(session, "pipeline")
    return Pipeline(events, last, pending, letters, workers, cases, credit)
