"""Makes border boards: per crossing its trains, what keeps their boxes, restrictions and open cases. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas import railnet
from schemas.events.base import ObjectKind
from services.domain.facts import Facts, Micros, Restriction
from services.domain.objects import ObjectId, Thing
from services.domain.restrictions import ends
from services.query.board import loader
from services.query.board.approach import Phase, bound
from services.query.board.boxes import boxes_of
from services.query.board.crossing_status import WITHIN, Standing, moments, standing
from services.query.board.loader import Events, Session
from services.query.board.values import (
    Board,
    BoardBox,
    BoardCase,
    BoardCrossing,
    BoardTrain,
    Pipeline,
)


@dataclass(slots=True)
class Boards:
    """Makes boards, one after another; keeps what it has read, so that the second costs less. Not for several threads."""

    events: Events = field(default_factory=Events)

    def board(self, session: Session, now: Micros, within: Micros = WITHIN, only: str | None = None) -> Board:
        """The board as of ``now``, of the crossing ``only`` where one is named. Reads in the caller's transaction.

        A constant number of statements, and some milliseconds more for each consignment with trouble on the trains shown.
        """
        cases = [_case(row) for row in loader.rows_of(session, "cases")]
        at = standing(session, self.events, now, within, only)
        loaded = {each.heard.train: each.loaded for each in at}
        others = loader.also(session, loaded, moments(at))
        names = self._names(session, at, others)
        boxes = boxes_of(session, self.events, at, now)
        trains: dict[str, list[BoardTrain]] = defaultdict(list)
        for each in at:
            train, come = each.heard.train, each.come
            numbers = _numbers(each, others.get(train, {}), names)
            shown = BoardTrain(
                numbers=numbers,
                phase=come.phase,
                bound=bound(each.route, _origin(numbers)),
                expected=come.expected,
                announced=come.announced,
                beside_route=come.beside_route,
                boxes=boxes[train],
                last=each.heard.milestone,
                position=each.heard.position,
                cases=_cases_of(numbers, boxes[train], cases),
            )
            trains[come.crossing.id].append(shown)
        return Board(now, self._crossings(session, trains, cases, now, only), _pipeline(session))

    def _names(
        self,
        session: Session,
        at: Sequence[Standing],
        others: Mapping[ObjectId, Mapping[ObjectId, int]],
    ) -> dict[ObjectId, str]:
        """The keys of trains, from the events that name them."""
        said = self.events.named(session, [each.heard.event for each in at])
        more = self.events.of(session, {no for each in others.values() for no in each.values()})
        return {
            thing.id: thing.key for facts in (*said.values(), *more.values()) for thing in _trains_in(facts)
        }

    def _crossings(
        self,
        session: Session,
        trains: Mapping[str, list[BoardTrain]],
        cases: Iterable[BoardCase],
        now: Micros,
        only: str | None,
    ) -> tuple[BoardCrossing, ...]:
        known = railnet.crossings()
        facts = loader.restricting(session, self.events, [each.place for each in known.values()])
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


def _trains_in(facts: Facts) -> set[Thing]:
    things = {claim.thing for claim in facts.claims}
    things |= {end for link in facts.links for end in (link.left, link.right)}
    return {thing for thing in things if thing.rides}


def _numbers(
    each: Standing, others: Mapping[ObjectId, int], names: Mapping[ObjectId, str]
) -> tuple[str, ...]:
    """The train's own key, then those of the other side of the crossing under which its boxes run."""
    train, crossing = each.heard.train, each.come.crossing
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
    ((events, last, pending, letters, workers, cases, credit),) = loader.rows_of(session, "pipeline")
    return Pipeline(events, last, pending, letters, workers, cases, credit)
