"""What a forecast reads: the counts of the legs ahead, the trains on them, and what passed the borders; three statements, whatever the cargo."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection

from schemas import railnet
from services.arrival.domain.border import DAY, Closure, Queue, ahead_of, united
from services.arrival.domain.cargo import Cargo, cargo
from services.arrival.domain.forecast import (
    Estimate,
    Forecast,
    History,
    Inputs,
    NoForecast,
    Situation,
    forecast,
    history_of,
)
from services.arrival.domain.history import Cell
from services.arrival.domain.legs import Leg, Observation, Stage, crossing_between
from services.arrival.domain.moved import Moved, moved
from services.arrival.domain.silence import GapCell, Silence, habit, silence
from services.arrival.domain.tables import Tables, tables
from services.arrival.store import statement
from services.arrival.store.projector import ERROR, GAP, LEG, leg_columns
from services.domain.derive import derive
from services.domain.facts import Facts, Micros, Restriction
from services.domain.relevance import relevant
from services.domain.view import View
from services.query.views import SourcedView

LOOKS_BACK = 120 * DAY
"""How far back passages of a border are read."""


@dataclass(frozen=True, slots=True)
class ArrivalForecast:
    """The forecast of a consignment with what it rests on, what moved it since the day before, and what silence means."""

    cargo: Cargo
    forecast: Forecast | NoForecast
    moved: tuple[Moved, ...]
    before: Forecast | None
    silence: Silence | None


Remember = Callable[[Hashable, Callable[[], "LegHistory"]], "LegHistory"]
"""Gives what was read under an equal key before, where nothing else was learned since; else what it is called to read."""


def read_forecast(
    session: Connection[Any],
    known: SourcedView,
    now: Micros,
    table: Tables | None = None,
    remember: Remember = lambda _key, read: read(),
) -> ArrivalForecast:
    """The forecast of the consignment of ``known`` as of ``now``, in the caller's transaction.

    What moved it since the day before is judged by today's history, on what the platform knew then.
    """
    rules = table if table is not None else tables()
    earlier = _day_before(known, now)
    facts, found = known.facts, cargo(known.view)
    before = None if earlier is None else cargo(earlier)
    past = _read_past(session, [each for each in (found, before) if each is not None], now, remember)
    result = past.forecast(found, known.view, facts, now, rules)
    parts: tuple[Moved, ...] = ()
    was: Forecast | NoForecast | None = None
    if before is not None and earlier is not None and isinstance(result, Forecast):
        was = past.forecast(before, earlier, facts, now - DAY, rules)
        if isinstance(was, Forecast):
            parts = moved(was, result, found.behind.observed)
    before_today = was if isinstance(was, Forecast) else None
    return ArrivalForecast(found, result, parts, before_today, past.silence(found, now, rules))


def read_forecasts(
    session: Connection[Any], several: Sequence[SourcedView], now: Micros, table: Tables | None = None
) -> list[ArrivalForecast]:
    """The forecast of each consignment as of ``now``, in order, without what moved it; as many statements as for one."""
    rules = table if table is not None else tables()
    cargoes = [cargo(known.view) for known in several]
    if not cargoes:
        return []
    past = _read_past(session, cargoes, now)
    found = []
    for known, each in zip(several, cargoes, strict=True):
        result = past.forecast(each, known.view, known.facts, now, rules)
        found.append(ArrivalForecast(each, result, (), None, past.silence(each, now, rules)))
    return found


def read_inputs(session: Connection[Any], view: View, facts: Facts, now: Micros) -> Inputs:
    """What the forecast of the consignment of ``view`` as of ``now`` is a function of; three statements."""
    found = cargo(view)
    return _read_past(session, [found], now).inputs(found, view, facts, now)


@dataclass(frozen=True, slots=True)
class LegHistory:
    """What the platform has seen of the legs of some cargoes, and of the borders on them.

    ``histories`` are by moment and closures, and made of it as they are needed.
    """

    cells: tuple[Cell, ...]
    gaps: list[GapCell]
    errors: Mapping[str, Mapping[str, tuple[int, ...]]]  # of estimates, by place and publisher
    lasting: list[tuple[Observation, bool]]
    passed: Mapping[tuple[str, str], tuple[Micros, ...]]
    histories: dict[tuple[Micros, str], History] = field(default_factory=dict)

    def inputs(self, each: Cargo, shown: View, facts: Facts, moment: Micros) -> Inputs:
        """The inputs of the forecast of one of the cargoes, as ``shown``, as of ``moment``."""
        closures = _closures(shown, facts)
        present = {(o.leg, o.start) for o, here in self.lasting if here}
        errors = self.errors.get(railnet.canonical(each.route[-1]), {}) if each.route else {}
        situation = _situation(each, shown, closures, present, self.passed, errors)
        return Inputs(moment, situation, self.cells, tuple(o for o, _ in self.lasting), closures)

    def forecast(
        self, each: Cargo, shown: View, facts: Facts, moment: Micros, rules: Tables
    ) -> Forecast | NoForecast:
        """What ``computed`` makes of these inputs."""
        inputs = self.inputs(each, shown, facts, moment)
        key = moment, repr(sorted(inputs.closures.items()))
        history = self.histories.get(key)
        if history is None:
            history = self.histories[key] = history_of(inputs, rules)
        return forecast(inputs.situation, history, rules)

    def silence(self, each: Cargo, now: Micros, rules: Tables) -> Silence | None:
        """What no news of a cargo means by the habit of its leg."""
        here = each.behind.leg
        return silence(each.behind, None if here is None else habit(here, self.gaps, rules), now)


def _read_past(
    session: Connection[Any],
    cargoes: Sequence[Cargo],
    now: Micros,
    remember: Remember = lambda _key, read: read(),
) -> LegHistory:
    legs = frozenset(leg for each in cargoes for leg in _legs(each))
    ends = frozenset(railnet.canonical(each.route[-1]) for each in cargoes if each.route)

    def read() -> LegHistory:
        cells, gaps, errors = _cells(session, legs, ends)
        lasting = _lasting(session, legs)
        borders = sorted({(leg.first, leg.last) for leg in legs if leg.stage is Stage.AT_BORDER})
        return LegHistory(tuple(cells), gaps, errors, lasting, _passed(session, borders, now))

    return remember((legs, ends, now), read)


def _day_before(known: SourcedView, now: Micros) -> View | None:
    """The view of what had been recorded a day earlier."""
    parts = [
        each.indexed
        for each in known.sources.every
        if each.stored.append_us <= now - DAY and not each.stored.quarantined
    ]
    consignment = known.view.consignment
    return derive(relevant(parts, consignment), consignment, now - DAY) if parts else None


def _legs(found: Cargo) -> Iterable[Leg]:
    progress = found.behind
    if progress.leg is not None:
        yield progress.leg
        if progress.leg.stage is Stage.HELD:
            yield progress.leg._replace(stage=Stage.RUNNING)
    yield from progress.ahead


def _cells(
    session: Connection[Any], legs: Iterable[Leg], ends: Iterable[str]
) -> tuple[list[Cell], list[GapCell], Mapping[str, Mapping[str, tuple[int, ...]]]]:
    wanted = sorted({*legs, *(Leg(Stage.RUNNING, "", end) for end in ends)})
    cells: list[Cell] = []
    gaps: list[GapCell] = []
    errors: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for kind, stage, first, last, by, week, hours, trains in session.execute(
        statement("cells"), leg_columns(wanted)
    ):
        leg = Leg(Stage(stage), first, last)
        if kind == LEG:
            cells.append(Cell(leg, by, week, hours, trains))
        elif kind == GAP:
            gaps.append(GapCell(leg, by, week, hours, trains))
        elif kind == ERROR:
            errors[last][by] += [hours] * trains
    sorted_errors = {
        place: {by: tuple(sorted(hours)) for by, hours in found.items()} for place, found in errors.items()
    }
    return cells, gaps, sorted_errors


def _lasting(session: Connection[Any], legs: Iterable[Leg]) -> list[tuple[Observation, bool]]:
    lasts = sorted({leg.last for leg in legs})
    rows = session.execute(statement("lasting"), {"lasts": lasts})
    return [
        (Observation(Leg(Stage(stage), first, last), by, began, None), present)
        for stage, first, last, by, began, present in rows
    ]


def _passed(
    session: Connection[Any], borders: Sequence[tuple[str, str]], now: Micros
) -> Mapping[tuple[str, str], tuple[Micros, ...]]:
    ways = sorted({way for one, other in borders for way in ((one, other), (other, one))})
    parameters = {"firsts": [a for a, _ in ways], "lasts": [b for _, b in ways], "since": now - LOOKS_BACK}
    found: dict[tuple[str, str], list[Micros]] = defaultdict(list)
    for first, last, ended in session.execute(statement("passed"), parameters):
        if ended <= now:
            found[first, last].append(ended)
    return {way: tuple(times) for way, times in found.items()}


def _closures(view: View, facts: Facts) -> dict[str, tuple[Closure, ...]]:
    """The closures that the consignment meets or has met, by crossing."""
    found: dict[str, list[Closure]] = defaultdict(list)
    for each in (*view.restrictions, *view.announced_restrictions, *view.past_restrictions):
        crossing = railnet.crossing(each.place)
        if each.kind == railnet.RestrictionKind.BORDER_CLOSED and crossing is not None:
            found[crossing.id].append(_closure(each, facts))
    return {name: united(closures) for name, closures in found.items()}


def _closure(restriction: Restriction, facts: Facts) -> Closure:
    lifted = [each.event for each in facts.liftings if each.restriction == restriction.event]
    return Closure(restriction.start, restriction.end, bool(lifted), (restriction.event, *sorted(lifted)))


def _situation(
    found: Cargo,
    view: View,
    closures: Mapping[str, Sequence[Closure]],
    present: Iterable[tuple[Leg, Micros]],
    passed: Mapping[tuple[str, str], tuple[Micros, ...]],
    errors: Mapping[str, tuple[int, ...]],
) -> Situation:
    progress, others = found.behind, list(present)
    queues = {}
    for leg in (progress.leg, *progress.ahead):
        if leg is None or leg.stage is not Stage.AT_BORDER:
            continue
        crossing = crossing_between(leg.first, leg.last)
        if crossing in closures:
            way, back = passed.get((leg.first, leg.last), ()), passed.get((leg.last, leg.first), ())
            queues[crossing] = Queue(
                crossing, ahead_of(progress, leg, others), way, back, tuple(closures[crossing])
            )
    stopped = tuple(
        Closure(each.start, each.end, False, (each.event,))
        for each in (*view.restrictions, *view.announced_restrictions)
        if each.kind != railnet.RestrictionKind.BORDER_CLOSED
    )
    end = railnet.canonical(found.route[-1]) if found.route else ""
    estimates = tuple(
        Estimate(each.publisher, each.event, each.arrives, errors.get(each.publisher, ()))
        for each in found.estimates
        if railnet.canonical(each.place) == end
    )
    return Situation(found.service, progress, queues, stopped, estimates, found.route_event)


def read_border_cells(session: Connection[Any]) -> list[Cell]:
    """The counts of all borders, for their records."""
    rows = session.execute(statement("border_cells"))
    return [
        Cell(Leg(Stage(stage), first, last), by, week, hours, trains)
        for _, stage, first, last, by, week, hours, trains in rows
    ]
