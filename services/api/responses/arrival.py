"""Forecasts of arrivals, and the records of borders."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.api.responses.base import EventName, Moment, Shape


class Bounds(Shape):
    """Three quantiles of a moment; the upper two are null where there is no upper bound, or it is beyond all durations counted."""

    p10: Moment
    p50: Moment | None
    p90: Moment | None


class LegName(Shape):
    """From a stage at one place to the end of its leg."""

    stage: Literal[
        "BOOKED", "GATED_IN", "LOADED", "RUNNING", "HELD", "AT_BORDER", "HANDED_OVER", "TRANSSHIPPED"
    ]
    from_: Annotated[str, Field(alias="from")]
    from_name: str
    to: str
    to_name: str


class Sample(Shape):
    """What a leg's duration was learned from, in trains."""

    source: Literal["OWN", "POOLED", "TABLE"]
    own: Annotated[int, Field(description="Of the same service.")]
    pooled: Annotated[int, Field(description="Of all services.")]
    ongoing: Annotated[int, Field(description="On this leg now; they count for as long as they have been.")]


class DailyRate(Shape):
    """Trains a day."""

    p10: float
    mean: float
    p90: float


class ClosedBorder(Shape):
    """A closed border on the way, or one with a queue after it has opened."""

    from_: Annotated[Moment, Field(alias="from")]
    to: Annotated[Moment | None, Field(description="Null: nobody has named an end.")]
    trains_ahead: int | None
    trains_a_day: DailyRate
    passed_since: Annotated[int, Field(description="Trains seen to pass since it opened.")]


class LegShown(LegName):
    """When one of the legs left ends."""

    crossing: str | None
    ends: Bounds
    sample: Sample
    closed: ClosedBorder | None


class LegMoved(LegName):
    """By how many hours one leg moved the arrival; negative: earlier."""

    hours: float
    ended: bool


class Moved(Shape):
    """What moved the middle of the arrival since the day before."""

    since: Moment
    hours: float
    legs: list[LegMoved]


class EstimateWeighed(Shape):
    """Somebody's own forecast that counts, by its record."""

    by: str
    weight_percent: int


class SilenceShown(Shape):
    """What the absence of news means, by the habits of this leg."""

    last_by: str
    last_recorded: Moment
    age_hours: float
    expected_from: list[str]
    normal_until: Moment
    unusual: bool
    gaps_seen: Annotated[int, Field(description="0: too few for a habit, so a week.")]


class ArrivalShown(Shape):
    """The forecast of one arrival with its inputs and version."""

    consignment: str
    as_of: Moment
    destination: str | None
    destination_name: str | None
    status: Literal[
        "FORECAST", "LOWER_BOUND", "ARRIVED", "NO_ROUTE", "NO_POSITION", "UNKNOWN_LEG", "BEYOND_HORIZON"
    ]
    arrived: Moment | None
    arrival: Bounds | None
    no_upper_bound_because: Literal["NO_ANNOUNCED_END", "BEYOND_HORIZON"] | None
    legs: list[LegShown]
    moved: Moved | None
    estimates: list[EstimateWeighed]
    silence: SilenceShown | None
    inputs: list[EventName]
    model: str


class BorderRecordShown(Shape):
    """The record of one direction of a crossing; waiting and hand-over count as one forecast each."""

    crossing: str
    from_: Annotated[str, Field(alias="from")]
    from_name: str
    to: str
    to_name: str
    weeks: int
    crossings: int
    coverage_80_ppm: Annotated[
        int, Field(description="How many of a million lay between P10 and P90; 800,000 is right.")
    ]
    below: int
    above: int
    bias_hours: float
    width_hours: float


class BorderRecords(Shape):
    """The records of all borders."""

    borders: list[BorderRecordShown]
    weeks: int
    model: str
