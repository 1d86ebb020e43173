"""A record from counts: points by published bins, a band, the main reasons, or INSUFFICIENT_DATA, which is no bad score.

The record names its model, day and reading position, and the digest of its inputs. A later fact gives a new record that supersedes
it; an issued record never changes. Integers only: the same inputs give the same record everywhere.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isqrt

from services.credit.domain.disputes import SetAside, concerned
from services.credit.domain.observations import Count, Counts, Day, Observation, added, difference
from services.credit.domain.rates import ONE, Month, Rate, rate, stability_points, weight
from services.credit.domain.signals import PPM, WHOLE, Model, Signal
from services.domain.facts import EventId


class Status(StrEnum):
    """Whether there is a number."""

    SCORED = "SCORED"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True)
class SignalResult:
    """One signal: ``trials`` and ``bad`` are decayed, in thousandths; ``low`` and ``high`` are points at the ends of the band.

    A signal of which nothing is known has the prior's rate and points, and is not ``present``. For S10 ``rate`` is the dispersion.
    """

    signal: Signal
    trials: int
    bad: int
    rate: int
    points: int
    best: int
    low: int
    high: int
    present: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """Why points were lost: how many, what was counted (decayed, in thousandths), and the events that weigh most."""

    signal: Signal
    lost: int
    sentence: str
    bad: int
    trials: int
    events: tuple[EventId, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """A score with its band and reasons, or what is missing for one. ``consignments`` is effective, in thousandths."""

    status: Status
    score: int | None
    band: tuple[int, int] | None
    consignments: int
    days: int
    signals: tuple[SignalResult, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """The record of a shipper. ``undisputed`` is the assessment without what is under dispute, None where nothing is."""

    shipper: str
    model: str
    best: int
    day: Day
    position: int
    inputs: str  # SHA-256 of all that went in, in hex
    assessment: Assessment
    undisputed: Assessment | None


def record(
    shipper: str,
    counts: Counts,
    observations: Iterable[Observation],
    aside: SetAside,
    closed: frozenset[Month],
    today: Day,
    model: Model,
    position: int = 0,
) -> Record:
    """The record of ``shipper`` as of the UTC day ``today``.

    ``counts`` are the shipper's; ``observations`` at least those that failed and those that rest on disputed events; ``closed`` the
    months with a long border closure; ``position`` the reading position.
    """
    seen = sorted({each for each in observations if each.shipper == shipper})
    apart = concerned(seen, aside)
    remaining = [each for each in seen if each not in apart["out"]]
    standing = added(counts, difference(apart["out"], ()))
    without = None
    if apart["frozen"]:
        rest = [each for each in remaining if each not in apart["frozen"]]
        without = assess(added(standing, difference(apart["frozen"], ())), rest, closed, today, model)
    return Record(
        shipper,
        model.version,
        model.best,
        today,
        position,
        _digest(shipper, counts, seen, aside, closed, today, model),
        assess(standing, remaining, closed, today, model),
        without,
    )


def assess(
    counts: Counts, observations: Iterable[Observation], closed: frozenset[Month], today: Day, model: Model
) -> Assessment:
    """The assessment of one shipper's ``counts``; ``observations`` only supply the events behind the reasons."""
    by_signal: dict[Signal, dict[Day, Count]] = defaultdict(dict)
    for cell, found in counts.items():
        if 0 <= today - cell.day <= model.retention_days:
            by_signal[cell.signal][cell.day] = found
    rates = {signal: rate(by_signal[signal].items(), signal, model, today) for signal in Signal}
    results = tuple(
        _result(signal, rates[signal], by_signal[signal], closed, today, model) for signal in Signal
    )
    days = [day for found in by_signal.values() for day in found]
    known = today - min(days) if days else 0
    effective = rates[Signal.STABILITY].trials
    enough = (
        effective >= model.sample.consignments * ONE
        and known >= model.sample.days
        and sum(result.present for result in results) >= model.sample.signals
    )
    score = sum(result.points for result in results)
    down = isqrt(sum((result.points - result.low) ** 2 for result in results))
    up = isqrt(sum((result.high - result.points) ** 2 for result in results))
    return Assessment(
        status=Status.SCORED if enough else Status.INSUFFICIENT_DATA,
        score=score if enough else None,
        band=(max(0, score - down), min(model.best, score + up)) if enough else None,
        consignments=effective * WHOLE // ONE,
        days=known,
        signals=results,
        reasons=_reasons(results, observations, today, model) if enough else (),
    )


def _result(
    signal: Signal,
    found: Rate,
    counts: Mapping[Day, Count],
    closed: frozenset[Month],
    today: Day,
    model: Model,
) -> SignalResult:
    table = model.of(signal)
    half = found.deviation * model.band_z_ppm // PPM
    shown, points = found.rate, table.points(found.rate)
    low, high = table.points(found.rate + half), table.points(max(0, found.rate - half))
    if signal is Signal.STABILITY:
        points, spread = stability_points(counts, closed, today, model)
        shown = 0 if spread is None else spread
        low = high = points
    return SignalResult(
        signal,
        found.trials * WHOLE // ONE,
        found.bad * WHOLE // ONE,
        shown,
        points,
        table.best,
        low,
        high,
        found.present,
    )


def _reasons(
    results: Iterable[SignalResult], observations: Iterable[Observation], today: Day, model: Model
) -> tuple[Reason, ...]:
    """The signals of which something is known that lost most points, at most as many as the model shows."""
    seen = tuple(observations)
    lost = sorted(
        (r for r in results if r.trials and r.points < r.best), key=lambda r: (r.points - r.best, r.signal)
    )
    return tuple(
        Reason(
            r.signal,
            r.best - r.points,
            model.of(r.signal).reason,
            r.bad,
            r.trials,
            _evidence(r.signal, seen, today, model),
        )
        for r in lost[: model.reasons]
    )


def _evidence(
    signal: Signal, observations: Iterable[Observation], today: Day, model: Model
) -> tuple[EventId, ...]:
    half_life = model.of(signal).half_life_days

    def heaviest(seen: Observation) -> tuple[int, int, str, str]:
        weighed = weight(today - seen.day, half_life, model.retention_days) * seen.bad
        return -weighed, -seen.day, seen.subject, seen.unit

    against = (o for o in observations if o.signal is signal and o.bad and heaviest(o)[0] < 0)
    events = dict.fromkeys(event for seen in sorted(against, key=heaviest) for event in seen.events)
    return tuple(events)[: model.evidence]


def _digest(
    shipper: str,
    counts: Counts,
    seen: Iterable[Observation],
    aside: SetAside,
    closed: frozenset[Month],
    today: Day,
    model: Model,
) -> str:
    lines = [
        f"credit inputs 1|{model.version}|{hashlib.sha256(model.model_dump_json().encode()).hexdigest()}"
    ]
    lines.append(f"{shipper}|{today}|{' '.join(sorted(closed))}")
    lines += (f"{cell.signal:d} {cell.day} {c.trials} {c.bad}" for cell, c in sorted(counts.items()))
    for name, keys in (("out", aside.accepted), ("frozen", aside.open)):
        lines += (f"{name} {signal:d} {event.hex()}" for who, signal, event in sorted(keys) if who == shipper)
    lines += (
        f"against {o.signal:d} {o.subject} {o.unit} {o.day} {o.bad} {' '.join(e.hex() for e in o.events)}"
        for o in seen
        if o.bad
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
