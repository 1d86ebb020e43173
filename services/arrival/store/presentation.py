"""A forecast and the records of borders as plain values for JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from schemas.rfc3339 import format_micros
from services.arrival.domain.forecast import Bounds, Forecast, LegForecast
from services.arrival.domain.legs import Leg
from services.arrival.domain.record import BorderRecord
from services.arrival.store.projector import model_version
from services.arrival.store.reader import ArrivalForecast
from services.domain.facts import EventId, Micros
from services.domain.rules import HOUR
from services.query.view_json import place_name

ARRIVED, FORECAST, LOWER_BOUND = "ARRIVED", "FORECAST", "LOWER_BOUND"


def arrival_json(
    consignment: str, found: ArrivalForecast, now: Micros, named: Callable[[EventId], dict[str, str]]
) -> dict[str, Any]:
    """The forecast with its legs, samples, inputs and versions; ``named`` gives an event's source and id."""
    result, route = found.forecast, found.cargo.route
    forecast = result if isinstance(result, Forecast) else None
    arrived = found.cargo.behind.arrived
    bounded = forecast is not None and forecast.unbounded is None
    return {
        "consignment": consignment,
        "as_of": format_micros(now),
        "destination": route[-1] if route else None,
        "destination_name": place_name(route[-1]) if route else None,
        "status": (FORECAST if bounded else LOWER_BOUND) if forecast is not None else str(result),
        "arrived": None if arrived is None else format_micros(arrived),
        "arrival": None if forecast is None else _bounds(forecast.arrival),
        "no_upper_bound_because": None
        if forecast is None or forecast.unbounded is None
        else str(forecast.unbounded),
        "legs": [] if forecast is None else [_leg(each) for each in forecast.legs],
        "moved": _moved(found),
        "estimates": []
        if forecast is None
        else [{"by": by, "weight_percent": weight} for by, weight in forecast.weighed],
        "silence": _silence(found),
        "inputs": [] if forecast is None else [named(event) for event in forecast.events],
        "model": model_version(),
    }


def _bounds(bounds: Bounds) -> dict[str, str | None]:
    return {
        name: None if moment is None else format_micros(moment)
        for name, moment in zip(("p10", "p50", "p90"), bounds, strict=True)
    }


def _named_leg(leg: Leg) -> dict[str, Any]:
    return {
        "stage": leg.stage.name,
        "from": leg.first,
        "from_name": place_name(leg.first),
        "to": leg.last,
        "to_name": place_name(leg.last),
    }


def _leg(each: LegForecast) -> dict[str, Any]:
    opening = each.opening
    closed = None
    if opening is not None:
        rate, closure = opening.rate, opening.closure
        closed = {
            "from": format_micros(closure.start),
            "to": None if closure.end is None else format_micros(closure.end),
            "trains_ahead": each.ahead,
            "trains_a_day": {
                name: value / 100
                for name, value in (("p10", rate.low), ("mean", rate.middle), ("p90", rate.high))
            },
            "passed_since": rate.seen,
        }
    return {
        **_named_leg(each.leg),
        "crossing": each.crossing or None,
        "ends": _bounds(each.ends),
        "sample": {
            "source": str(each.source),
            "own": each.own,
            "pooled": each.pooled,
            "ongoing": each.ongoing,
        },
        "closed": closed,
    }


def _moved(found: ArrivalForecast) -> dict[str, Any] | None:
    if not found.moved or found.before is None:
        return None
    return {
        "since": format_micros(found.before.now),
        "hours": _hours(sum(part.by for part in found.moved)),
        "legs": [
            {**_named_leg(part.leg), "hours": _hours(part.by), "ended": part.ended}
            for part in found.moved
            if part.by
        ],
    }


def _silence(found: ArrivalForecast) -> dict[str, Any] | None:
    quiet = found.silence
    if quiet is None:
        return None
    return {
        "last_by": quiet.publisher,
        "last_recorded": format_micros(quiet.recorded),
        "age_hours": _hours(quiet.age),
        "expected_from": list(quiet.expected),
        "normal_until": format_micros(quiet.normal_until),
        "unusual": quiet.unusual,
        "gaps_seen": quiet.seen,
    }


def records_json(records: Iterable[BorderRecord]) -> list[dict[str, Any]]:
    """The records of borders, by crossing and direction."""
    return [
        {
            "crossing": each.crossing,
            "from": each.first,
            "from_name": place_name(each.first),
            "to": each.last,
            "to_name": place_name(each.last),
            "weeks": each.weeks,
            "crossings": each.crossings,
            "coverage_80_ppm": each.coverage,
            "below": each.below,
            "above": each.above,
            "bias_hours": _hours(each.bias),
            "width_hours": _hours(each.width),
        }
        for each in records
    ]


def _hours(span: Micros) -> float:
    return round(span / HOUR, 1)
