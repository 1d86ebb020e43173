"""Arrival times of the sandbox: a made-up consignment at Alashankou, and records of that border, in the real form."""

from __future__ import annotations

from typing import Any

from schemas import railnet
from services.api.sandbox.table import PARTY, ArrivalRow, BordersRow
from services.arrival.domain.cargo import Cargo
from services.arrival.domain.forecast import Bounds, Forecast, LegForecast, NoForecast
from services.arrival.domain.history import Source
from services.arrival.domain.legs import Event, Progress, Stage, segments, service_of
from services.arrival.domain.record import BorderRecord
from services.arrival.domain.silence import Habit, silence
from services.arrival.domain.tables import tables
from services.arrival.store.presentation import arrival_json, records_json
from services.arrival.store.projector import model_version
from services.arrival.store.reader import ArrivalForecast
from services.domain.facts import EventId, Micros
from services.domain.rules import HOUR

ROUTE = ("railnet:xian-intl-port", "railnet:alashankou", "railnet:dostyk", "railnet:almaty-1")
_EVENT: EventId = b"sandbox-arrived."
_WAITED = 10 * HOUR
_TRAINS = 40
_WEEKS = 52


def forecast_of(reference: str, row: ArrivalRow, now: Micros) -> dict[str, Any]:
    """The answer about the consignment ``reference``."""
    waiting, *ahead = segments(ROUTE)[2:]
    since = now - _WAITED
    last = Event(0, waiting.first, since, _EVENT, PARTY, since)
    arrived = since if row.status == NoForecast.ARRIVED else None
    behind = Progress(None if arrived else waiting, since, last, tuple(ahead), (), (), arrived)
    result: Forecast | NoForecast
    if row.hours:
        low, middle, high = (*(now + hours * HOUR for hours in row.hours), None, None)[:3]
        ends = Bounds(low or now, middle, high)
        result = Forecast(
            now,
            service_of(ROUTE),
            since,
            ends,
            _legs(ends, now),
            row.no_bound,
            (),
            (_EVENT,),
            tables().version,
        )
    else:
        result = NoForecast(row.status)
    usual = Habit((PARTY,), 24 * HOUR, 36 * HOUR, _TRAINS)
    cargo = Cargo(service_of(ROUTE), ROUTE, b"", behind, (behind,), ())
    found = ArrivalForecast(cargo, result, (), None, silence(behind, usual, now))
    return arrival_json(reference, found, now, lambda _: {"source": f"urn:cre:{PARTY}", "id": "arrived"})


def _legs(ends: Bounds, now: Micros) -> tuple[LegForecast, ...]:
    """The legs from the border on, each ending at its share of the whole."""
    legs = segments(ROUTE)[2:]

    def part(number: int) -> Bounds:
        low, middle, high = (
            None if each is None else now + (each - now) * (number + 1) // len(legs) for each in ends
        )
        return Bounds(low or now, middle, high)

    return tuple(
        LegForecast(leg, _crossing(leg.stage), part(number), _TRAINS, _TRAINS, 1, Source.OWN)
        for number, leg in enumerate(legs)
    )


def _crossing(stage: Stage) -> str:
    return railnet.crossing_of_pair()[_side(ROUTE[1]), _side(ROUTE[2])] if stage.segment >= 2 else ""


def _side(place: str) -> str:
    station = railnet.resolve(place)
    assert station is not None
    return station.id


def records_of(row: BordersRow) -> dict[str, Any]:
    """The answer about all borders."""
    crossing = _crossing(Stage.AT_BORDER)
    within = row.crossings - row.below - row.above
    found = [
        BorderRecord(
            crossing, first, last, _WEEKS, row.crossings, row.below, within, row.above, HOUR, 20 * HOUR
        )
        for first, last in ((ROUTE[1], ROUTE[2]), (ROUTE[2], ROUTE[1]))
        if row.crossings
    ]
    return {"borders": records_json(found), "weeks": _WEEKS, "model": model_version()}
