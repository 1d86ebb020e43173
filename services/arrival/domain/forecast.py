"""The forecast of an arrival: leg by leg, from what is known now; pure, and the same for the same inputs everywhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from schemas import railnet
from services.arrival.domain import border, distribution
from services.arrival.domain.border import DAY, Closure, Opening, Queue
from services.arrival.domain.distribution import Mass
from services.arrival.domain.history import Cell, Learned, Source, learn, week_of
from services.arrival.domain.legs import Leg, Observation, Progress, Stage, crossing_between
from services.arrival.domain.tables import Tables
from services.domain.facts import EventId, Micros
from services.domain.rules import HOUR


class History:
    """What was seen of legs by ``now``: counts of those that have ended, and those that last; closed borders set aside.

    ``closures`` are by crossing. What it has learned of a leg is computed once.
    """

    def __init__(
        self,
        known: Iterable[Cell],
        ongoing: Iterable[Observation],
        closures: Mapping[str, Sequence[Closure]],
        now: Micros,
        table: Tables,
    ) -> None:
        self.now = now
        self._table = table
        self._closures = closures
        self._cells: dict[Leg, list[Cell]] = defaultdict(list)
        self._ongoing: dict[Leg, list[Observation]] = defaultdict(list)
        self._learned: dict[tuple[Leg, str], Learned | None] = {}
        for cell in known:
            self._cells[cell.leg].append(cell)
        for each in ongoing:
            self._ongoing[each.leg].append(each)

    def learned(self, leg: Leg, service: str) -> Learned | None:
        """The distribution of ``leg`` for ``service``, None where nothing is known of it."""
        key = leg, service
        if key not in self._learned:
            cells, ongoing = self._cells.get(leg, ()), self._ongoing.get(leg, ())
            self._learned[key] = learn(
                leg, service, cells, ongoing, self.now, self._disturbed(leg), self._table
            )
        return self._learned[key]

    def _disturbed(self, leg: Leg) -> frozenset[int]:
        """The weeks in which the border at the end of ``leg`` was closed, or had not recovered."""
        if leg.stage.segment == 2:
            crossings = [crossing_between(leg.first, leg.last)]
        elif leg.stage.segment == 1 and (station := railnet.resolve(leg.last)) is not None:
            crossings = [crossing.id for crossing in railnet.crossings_at(station.id)]
        else:
            return frozenset()
        weeks: set[int] = set()
        before, after = (
            self._table.closure.disturbed_before_days * DAY,
            self._table.closure.disturbed_after_days * DAY,
        )
        for closure in (c for name in crossings for c in self._closures.get(name, ())):
            end = self.now if closure.end is None else min(closure.end + after, self.now)
            weeks |= set(range(week_of(closure.start - before), week_of(max(end, closure.start)) + 1))
        return frozenset(weeks)


class Estimate(NamedTuple):
    """A publisher's own forecast of the arrival, and by how many hours its earlier ones were too early (negative: too late)."""

    publisher: str
    event: EventId
    arrives: Micros
    errors: tuple[int, ...] = ()


class Situation(NamedTuple):
    """Everything that a forecast rests on besides history; ``queues`` by crossing, ``route_event`` states the route.

    ``stopped`` are orders that stop loading for a border on the way, while the cargo has not left.
    """

    service: str
    progress: Progress
    queues: Mapping[str, Queue]
    stopped: tuple[Closure, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    route_event: EventId = b""


class Inputs(NamedTuple):
    """Everything that a forecast is a function of, besides the table; equal inputs give the equal forecast for ever."""

    now: Micros
    situation: Situation
    known: tuple[Cell, ...]
    ongoing: tuple[Observation, ...]
    closures: Mapping[str, tuple[Closure, ...]]


class Unbounded(StrEnum):
    """Why there is no upper bound."""

    NO_ANNOUNCED_END = "NO_ANNOUNCED_END"  # a border ahead is closed until further notice
    BEYOND_HORIZON = "BEYOND_HORIZON"  # it may take longer than any duration that is counted


class NoForecast(StrEnum):
    """Why there is none at all."""

    NO_ROUTE = "NO_ROUTE"
    NO_POSITION = "NO_POSITION"
    ARRIVED = "ARRIVED"
    UNKNOWN_LEG = "UNKNOWN_LEG"  # nobody has run it, and no table knows it
    BEYOND_HORIZON = "BEYOND_HORIZON"  # more likely than not it takes longer than all durations that are counted: it may be forgotten


class Bounds(NamedTuple):
    """P10, P50 and P90 of a moment.

    The upper two are None where a border has no announced end, and each that lies beyond the horizon.
    """

    p10: Micros
    p50: Micros | None
    p90: Micros | None


@dataclass(frozen=True, slots=True)
class LegForecast:
    """When a leg ends; ``learned`` is what its duration rests on, ``opening`` the closed border that holds it."""

    leg: Leg
    crossing: str
    ends: Bounds
    own: int
    pooled: int
    ongoing: int
    source: Source
    ahead: int | None = None
    opening: Opening | None = None


@dataclass(frozen=True)
class Forecast:
    """The arrival at the destination and the end of each leg left, as of ``now``."""

    now: Micros
    service: str
    since: Micros
    arrival: Bounds
    legs: tuple[LegForecast, ...]
    unbounded: Unbounded | None
    weighed: tuple[tuple[str, int], ...]  # publishers whose estimates count, with their weight in percent
    events: tuple[EventId, ...]
    tables: str
    mass: Mass = field(repr=False, compare=False, default=())

    @cached_property
    def by_leg(self) -> Mapping[Leg, LegForecast]:
        return {each.leg: each for each in self.legs}


def computed(inputs: Inputs, table: Tables) -> Forecast | NoForecast:
    """The forecast of ``inputs``."""
    return forecast(inputs.situation, history_of(inputs, table), table)


def history_of(inputs: Inputs, table: Tables) -> History:
    """What is known of the legs in ``inputs``; it depends on their moment and closures, not on the cargo."""
    return History(inputs.known, inputs.ongoing, inputs.closures, inputs.now, table)


def forecast(situation: Situation, history: History, table: Tables) -> Forecast | NoForecast:
    """The forecast for ``situation`` as of ``history.now``."""
    progress, now = situation.progress, history.now
    if progress.arrived is not None:
        return NoForecast.ARRIVED
    if not progress.ahead and progress.leg is None:
        return NoForecast.NO_ROUTE
    if progress.leg is None:
        return NoForecast.NO_POSITION
    events = [progress.last.event if progress.last is not None else b"", situation.route_event]
    unbounded: Unbounded | None = None
    moment: Mass = ()
    legs: list[LegForecast] = []
    for number, leg in enumerate((progress.leg, *progress.ahead)):
        learned = history.learned(leg, situation.service)
        if learned is None:
            return NoForecast.UNKNOWN_LEG
        if _called(situation, leg, now, table):
            # Held because the border is full, it was called when its turn was near, and does not wait there once more.
            lasts: Mass = distribution.at(distribution.quantile(learned.mass, 10) // HOUR)
        else:
            lasts = learned.mass
        moment = distribution.added(moment, lasts) if number else _left(situation, lasts, history, table)
        crossing = crossing_between(leg.first, leg.last) if leg.stage.segment >= 2 else ""
        queue = situation.queues.get(crossing) if leg.stage.segment == 2 else None
        binding: Opening | None = None
        if leg.stage.segment == 0:
            moment, known = _stopped(moment, situation.stopped, now)
            events += [event for stop in situation.stopped for event in stop.events]
            unbounded = unbounded if known else Unbounded.NO_ANNOUNCED_END
        if queue is not None:
            for opening in border.openings(queue, now, table):
                moment, binding = distribution.delayed(moment, opening.start, opening.moment), opening
                events += opening.closure.events
                if not opening.known_end:
                    unbounded = Unbounded.NO_ANNOUNCED_END
        legs.append(
            LegForecast(
                leg,
                crossing,
                _bounds(moment, now, unbounded),
                learned.own,
                learned.pooled,
                learned.ongoing,
                learned.source,
                None if queue is None else queue.ahead,
                binding,
            )
        )
    weighed: tuple[tuple[str, int], ...] = ()
    if unbounded is None:
        moment, weighed = _with_estimates(moment, situation.estimates, now, table)
    if distribution.quantile(moment, 50 if unbounded is None else 10) >= distribution.HORIZON:
        return NoForecast.BEYOND_HORIZON
    arrival = _bounds(moment, now, unbounded)
    if unbounded is None and arrival.p90 is None:
        unbounded = Unbounded.BEYOND_HORIZON
    names = {name for name, _ in weighed}
    events += [each.event for each in situation.estimates if each.publisher in names]
    return Forecast(
        now=now,
        service=situation.service,
        since=progress.since,
        arrival=arrival,
        legs=tuple(legs),
        unbounded=unbounded,
        weighed=weighed,
        events=tuple(dict.fromkeys(event for event in events if event)),
        tables=table.version,
        mass=moment,
    )


def _left(situation: Situation, lasts: Mass, history: History, table: Tables) -> Mass:
    """How long the present leg still takes.

    That a train has not passed a closed border, or the queue after it, says nothing of its own pace: it may long have been ready.
    """
    progress = situation.progress
    leg = progress.leg
    elapsed = int((history.now - progress.since) // HOUR)
    following = next(iter(progress.ahead), None)
    at = leg if leg is not None and leg.stage.segment == 2 else following
    if leg is None or at is None or leg.stage.segment not in (1, 2):
        return distribution.rest(lasts, elapsed)
    if not _queued(situation, at, history.now, table):
        return distribution.rest(lasts, elapsed)
    if leg.stage is Stage.HELD:
        released = history.learned(leg._replace(stage=Stage.RUNNING), situation.service)
        return lasts if released is None else released.mass
    return distribution.lessened(lasts, elapsed)


def _queued(situation: Situation, at: Leg, now: Micros, table: Tables) -> bool:
    """Whether the border ``at`` was closed while the cargo has been on its present leg, or not so long before that all is over."""
    queue = situation.queues.get(crossing_between(at.first, at.last))
    after = table.closure.disturbed_after_days * DAY
    return queue is not None and any(
        c.start <= now and (c.end is None or situation.progress.since < c.end + after) for c in queue.closures
    )


def _called(situation: Situation, leg: Leg, now: Micros, table: Tables) -> bool:
    """Whether ``leg`` is the wait at a border for which the train was held on its way already."""
    return (
        leg.stage is Stage.AT_BORDER
        and _queued(situation, leg, now, table)
        and any(
            each.leg.stage is Stage.HELD and each.leg.last == leg.first
            for each in situation.progress.observed
        )
    )


def _bounds(moment: Mass, now: Micros, unbounded: Unbounded | None) -> Bounds:
    p10, *later = distribution.quantiles(moment, (10, 50, 90))
    low = now + min(p10, distribution.HORIZON)
    if unbounded is not None:
        return Bounds(low, None, None)
    middle, high = (None if after >= distribution.HORIZON else now + after for after in later)
    return Bounds(low, middle, high)


def _stopped(moment: Mass, stops: Iterable[Closure], now: Micros) -> tuple[Mass, bool]:
    """The departure where loading is stopped, and whether all stops have a known end."""
    known = True
    for stop in stops:
        if stop.end is not None and stop.end <= now:
            continue
        known = known and stop.end is not None
        opens = distribution.at(max(0, ((stop.end or now) - now) // HOUR))
        moment = distribution.delayed(moment, max(0, (stop.start - now) // HOUR), opens)
    return moment, known


def _with_estimates(
    moment: Mass, estimates: Iterable[Estimate], now: Micros, table: Tables
) -> tuple[Mass, tuple[tuple[str, int], ...]]:
    """Our distribution pooled with those of publishers who have a record, each by the inverse square of its width."""
    parts = [("", moment, _precision(moment))]
    for each in sorted(estimates):
        if len(each.errors) >= table.estimates.least_known and each.arrives > now:
            hours = (each.arrives - now) // HOUR
            mass = distribution.normal(distribution.counted((max(0, hours + e), 1) for e in each.errors))
            parts.append((each.publisher, mass, _precision(mass)))
    total = sum(weight for _, _, weight in parts)
    if len(parts) == 1:
        return moment, ()
    weighed = tuple((name, weight * 100 // total) for name, _, weight in parts[1:])
    return distribution.mixed((mass, weight) for _, mass, weight in parts), weighed


def _precision(mass: Mass) -> int:
    p10, p90 = distribution.quantiles(mass, (10, 90))
    width = (p90 - p10) // HOUR + 1
    return 10_000_000 // (width * width) + 1
