"""The forecast of arrival held against worlds that it was not learned from: coverage, loss, width, bias and jumps.

History is learned from ordinary worlds of other seeds, moved to lie before the tested one, and from what the tested world has shown by
the moment of each forecast. Every train on its way is forecast twice a day until it has arrived.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any

from schemas.events import catalogue
from services.arrival.domain import distribution
from services.arrival.domain.border import Closure, Queue, ahead_of, united
from services.arrival.domain.forecast import Bounds, Forecast, History, Situation, forecast
from services.arrival.domain.history import Cell, cells, typical, week_of
from services.arrival.domain.legs import (
    Event,
    Observation,
    Progress,
    Stage,
    crossing_between,
    progress,
    segments,
)
from services.arrival.domain.tables import Tables
from services.domain.facts import Micros
from services.domain.restrictions import direction
from services.testbed.arrival_evaluation.worlds import CLOSURE, ORDINARY, Shown, Trip, show
from services.testbed.simulator.world import DAY, HOUR

EVERY = 12 * HOUR
RECOVERS = 14 * DAY
"""How long after its end a closed border still counts as one: the forecasts that it concerns are shown apart."""
JUMP = 12 * HOUR
_LEAST_CLUSTERS = 4
NOTICE = "simulated trains; no figure of a real railway"


@dataclass(frozen=True, slots=True)
class Tested:
    """One forecast and what came of it; bounds are absolute. ``concerned``: a border ahead was closed, or lately."""

    trip: str
    now: Micros
    arrived: Micros
    concerned: bool
    model: Bounds
    route: Bounds | None
    timetable: Bounds


def learned_from(name: str, seeds: Iterable[int]) -> tuple[list[Cell], list[tuple[str, Micros]], int]:
    """The counts of legs and the whole durations by service of some worlds, and their last week."""
    observed: list[Observation] = []
    whole: list[tuple[str, Micros]] = []
    for seed in seeds:
        for trip in show(name, seed).trips:
            done = progress(trip.plans[-1].places, events(trip, None), trip.service)
            # Seeds are apart: the same moment in two worlds is two trains.
            observed += [o._replace(start=o.start + seed, end=o.end and o.end + seed) for o in done.observed]
            whole.append((trip.service, trip.arrived - trip.left))
    found = cells(observed)
    return found, whole, max(cell.week for cell in found)


def events(trip: Trip, now: Micros | None) -> Iterator[Event]:
    """What is known of a trip at ``now``."""
    for fact in trip.facts:
        if now is None or fact.known <= now:
            yield Event(catalogue.spec(f"cre.{fact.what}.v1").number, fact.place, fact.at)


class TestedWorld:
    """A world as it shows itself, moment by moment."""

    def __init__(
        self,
        shown: Shown,
        known: Sequence[Cell],
        whole: Sequence[tuple[str, Micros]],
        last: int,
        table: Tables,
    ) -> None:
        shift = week_of(shown.starts) - 1 - last
        self._shown, self._table = shown, table
        self._known = [cell._replace(week=cell.week + shift) for cell in known]
        self._whole: dict[str, list[Micros]] = defaultdict(list)
        for service, lasted in whole:
            self._whole[service].append(lasted)
        self._done: dict[str, Progress] = {}

    def tested(self, since: Micros, until: Micros) -> Iterator[Tested]:
        """Every forecast of every train on its way, twice a day."""
        for now in range(since, until, EVERY):
            yield from self._at(now)

    def _at(self, now: Micros) -> Iterator[Tested]:
        here: list[tuple[Trip, Progress]] = []
        observed: set[Observation] = set()
        for trip in self._shown.trips:
            if trip.booked > now:
                continue
            state = self._done.get(trip.name)
            if state is None:
                state = progress(_route(trip, now), events(trip, now), trip.service)
                if state.arrived is not None and max(f.known for f in trip.facts) <= now:
                    self._done[trip.name] = state
            observed.update(state.observed)
            # On its way until it is known to have arrived.
            if state.arrived is None and trip.left <= now and state.leg is not None:
                here.append((trip, state))
        closures = self._closures(now)
        ongoing = [each for each in observed if each.end is None]
        others = {(state.leg, state.since) for _, state in here if state.leg is not None}
        passed: dict[tuple[str, str], set[Micros]] = defaultdict(set)
        for each in observed:
            if each.end is not None and each.leg.stage is Stage.AT_BORDER and each.end <= now:
                passed[each.leg.first, each.leg.last].add(each.end)
        history = History([*self._known, *cells(observed)], ongoing, _by_crossing(closures), now, self._table)
        for trip, state in here:
            if trip.arrived <= now:
                continue
            queues = {}
            for leg in (state.leg, *state.ahead):
                if leg is None or leg.stage is not Stage.AT_BORDER:
                    continue
                crossing = crossing_between(leg.first, leg.last)
                found = [
                    c for name, way, c in closures if name == crossing and way in ("BOTH", _direction(trip))
                ]
                if found:
                    times, back = (
                        tuple(sorted(passed[way])) for way in ((leg.first, leg.last), (leg.last, leg.first))
                    )
                    queues[crossing] = Queue(
                        crossing, ahead_of(state, leg, others), times, back, united(found)
                    )
            result = forecast(Situation(trip.service, state, queues), history, self._table)
            if not isinstance(result, Forecast):
                continue
            yield Tested(
                trip.name,
                now,
                trip.arrived,
                bool(queues),
                result.arrival,
                self._by_route(trip, now),
                self._by_timetable(trip, now),
            )

    def _closures(self, now: Micros) -> list[tuple[str, str, Closure]]:
        """The closures known at ``now`` that are not over long since, by crossing and direction."""
        ends = {lifting.id: lifting.end for lifting in self._shown.liftings if lifting.known <= now}
        closed = [
            (o.crossing, o.direction, Closure(o.start, ends.get(o.id, o.end), o.id in ends))
            for o in self._shown.orders
            if o.kind == "BORDER_CLOSED" and o.known <= now
        ]
        return [each for each in closed if each[2].end is None or each[2].end + RECOVERS > now]

    def _by_route(self, trip: Trip, now: Micros) -> Bounds | None:
        """How long journeys between the same ends took in all."""
        seen = distribution.counted((lasted // HOUR, 1) for lasted in self._whole[trip.service])
        if not seen:
            return None
        left = distribution.rest(distribution.normal(seen), (now - trip.left) // HOUR)
        return Bounds(*(now + distribution.quantile(left, percent) for percent in (10, 50, 90)))

    def _by_timetable(self, trip: Trip, now: Micros) -> Bounds:
        """The typical hours of every leg, from the departure."""
        hours = sum(distribution.quantile(typical(leg, self._table), 50) for leg in segments(trip.path)[1:])
        arrives = max(now, trip.left + hours)
        return Bounds(arrives, arrives, arrives)


def _route(trip: Trip, now: Micros) -> tuple[str, ...]:
    known = [plan for plan in trip.plans if plan.known <= now]
    return known[-1].places if known else trip.plans[0].places


def _direction(trip: Trip) -> str:
    return direction(trip.path)


def _by_crossing(closures: Iterable[tuple[str, str, Closure]]) -> dict[str, list[Closure]]:
    found: dict[str, list[Closure]] = defaultdict(list)
    for name, _, closure in closures:
        found[name].append(closure)
    return found


def evaluate(
    learn: Sequence[int], ordinary: Sequence[int], closure: Sequence[int], table: Tables
) -> dict[str, Any]:
    """The report as plain values for JSON; pure: the same seeds and table give the same report."""
    known, whole, last = learned_from(ORDINARY, learn)
    report: dict[str, Any] = {
        "simulated": True,
        "notice": NOTICE,
        "tables": table.version,
        "learned_from": {"scenario": ORDINARY, "seeds": list(learn), "legs": sum(c.trains for c in known)},
    }
    for label, name, seeds in (("ordinary", ORDINARY, ordinary), ("closure", CLOSURE, closure)):
        tested = []
        for seed in seeds:
            shown = show(name, seed)
            world = TestedWorld(shown, known, whole, last, table)
            # A world fills up first; a closure begins when it is announced, before that it is a week like any other.
            since = min((o.known for o in shown.orders if o.kind == "BORDER_CLOSED"), default=shown.opens)
            tested += [(seed, each) for each in world.tested(since, shown.ends)]
        part: dict[str, Any] = {"scenario": name, "seeds": list(seeds), "all": measures(tested)}
        if label == "closure":
            part["concerned"] = measures([each for each in tested if each[1].concerned])
        report[label] = part
    return report


def measures(tested: Sequence[tuple[int, Tested]]) -> dict[str, Any]:
    """What came of forecasts, each with the seed of its world; hours and millionths."""
    bounded = [each for _, each in tested if each.model.p90 is not None]
    unbounded = [each for _, each in tested if each.model.p90 is None]
    return {
        "trains": len({(seed, each.trip) for seed, each in tested}),
        "forecasts": len(tested),
        "without_upper_bound": len(unbounded),
        "lower_bound_holds_ppm": _share(each.arrived >= each.model.p10 for each in unbounded),
        "coverage_80_ppm": _share(_covers(each.model, each.arrived) for each in bounded),
        "coverage_80_interval_95_ppm": _interval(tested, lambda seed, _: seed),
        "worlds": _worlds(tested),
        "below_p10_ppm": _share(each.arrived < each.model.p10 for each in bounded),
        "above_p90_ppm": _share(each.arrived > (each.model.p90 or 0) for each in bounded),
        "width_hours": _mean(_width(each.model) for each in bounded),
        "bias_hours": _mean(each.arrived - (each.model.p50 or 0) for each in bounded),
        "absolute_error_hours": _mean(abs(each.arrived - (each.model.p50 or 0)) for each in bounded),
        "pinball_hours": {
            "model": _mean(pinball(each.model, each.arrived) for each in bounded),
            "route_history": _mean(pinball(each.route, each.arrived) for each in bounded if each.route),
            "timetable": _mean(pinball(each.timetable, each.arrived) for each in bounded),
        },
        "coverage_of_route_history_ppm": _share(
            _covers(each.route, each.arrived) for each in bounded if each.route
        ),
        "jumps_a_day": _jumps(tested),
    }


def _worlds(tested: Sequence[tuple[int, Tested]]) -> list[dict[str, Any]]:
    """The coverage in each world. All forecasts of a train are one draw, so that of 70 trains is off by some points by chance."""
    found: dict[int, list[tuple[int, Tested]]] = defaultdict(list)
    for seed, each in tested:
        if each.model.p90 is not None:
            found[seed].append((seed, each))
    return [
        {
            "seed": seed,
            "trains": len({each.trip for _, each in part}),
            "forecasts": len(part),
            "coverage_80_ppm": _share(_covers(each.model, each.arrived) for _, each in part),
            "coverage_80_interval_95_ppm": _interval(part, lambda _, each: each.trip),
        }
        for seed, part in found.items()
    ]


def _interval(
    tested: Iterable[tuple[int, Tested]], cluster: Callable[[int, Tested], int | str]
) -> list[int] | None:
    found: dict[int | str, list[bool]] = defaultdict(list)
    for seed, each in tested:
        if each.model.p90 is not None:
            found[cluster(seed, each)].append(_covers(each.model, each.arrived))
    bounds = clustered_interval(list(found.values()))
    return bounds and [round(bound * 1_000_000) for bound in bounds]


def clustered_interval(clusters: Sequence[Sequence[bool]]) -> tuple[float, float] | None:
    """The 95 % interval of the share of what is true, where what is of one cluster hangs together; None for fewer than four clusters.

    Ratio estimator (Cochran 1977, 2.11) with Student's t (Abramowitz and Stegun 26.7.5).
    """
    count, trials = len(clusters), sum(map(len, clusters))
    if count < _LEAST_CLUSTERS:
        return None
    share = sum(map(sum, clusters)) / trials
    spread = sum((sum(each) - len(each) * share) ** 2 for each in clusters) * count / (count - 1)
    z, free = NormalDist().inv_cdf(0.975), count - 1
    t = (
        z
        + (z**3 + z) / (4 * free)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * free**3)
    )
    off = t * sqrt(spread) / trials
    return max(0.0, share - off), min(1.0, share + off)


def _covers(bounds: Bounds, arrived: Micros) -> bool:
    return bounds.p90 is not None and bounds.p10 <= arrived <= bounds.p90


def _width(bounds: Bounds) -> Micros:
    return (bounds.p90 or 0) - bounds.p10


def pinball(bounds: Bounds, arrived: Micros) -> Micros:
    """The mean loss of the three quantiles (Koenker and Bassett 1978), times 3 by 3 in microseconds."""
    loss = 0
    for percent, bound in ((10, bounds.p10), (50, bounds.p50 or 0), (90, bounds.p90 or 0)):
        off = arrived - bound
        loss += (percent if off >= 0 else percent - 100) * off
    return loss // 300


def _jumps(tested: Sequence[tuple[int, Tested]]) -> float:
    """How often a day the middle moves by more than JUMP from one forecast of a train to the next."""
    last: dict[tuple[int, str], Tested] = {}
    jumps = days = 0
    for seed, each in tested:
        before = last.get((seed, each.trip))
        last[seed, each.trip] = each
        if before is None or before.model.p50 is None or each.model.p50 is None:
            continue
        days += each.now - before.now
        jumps += abs(each.model.p50 - before.model.p50) > JUMP
    return round(jumps * DAY / days, 3) if days else 0.0


def _share(found: Iterable[bool]) -> int | None:
    known = list(found)
    return sum(known) * 1_000_000 // len(known) if known else None


def _mean(spans: Iterable[Micros]) -> float | None:
    known = list(spans)
    return round(sum(known) / len(known) / HOUR, 2) if known else None
