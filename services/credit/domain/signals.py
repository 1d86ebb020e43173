"""The twelve signals, and the published table by which each is evaluated, rated and given points.

``data/model-*.json`` holds everything arguable: exclusions, half-lives, priors, tolerances, points. A change is a new file with a
new version; scores carry the version under which they were made.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from services.domain.facts import Assurance

CURRENT = "expert-2"
PPM = 1_000_000
WHOLE = 1_000
"""What one wholly bad observation weighs; a lesser failing weighs less (late by days, not by months)."""


class Signal(IntEnum):
    """What is counted about a shipper; the number is stored and never reused."""

    DOCUMENTS_ON_TIME = 1
    DECLARATION_ACCURACY = 2
    FILING_CONSISTENCY = 3
    INSPECTION_FINDINGS = 4
    CARGO_TRUTHFULNESS = 5
    LATE_CANCELLATION = 6
    FREIGHT_PAYMENT = 7
    FINANCING_BEHAVIOUR = 8
    CLAIMS = 9
    STABILITY = 10
    CORROBORATION = 11
    DETENTION = 12

    @property
    def code(self) -> str:
        """S1 to S12, as banks and the wire name it."""
        return f"S{self.value}"


def by_code(code: str) -> Signal:
    """The signal that the wire calls ``code``; ValueError where there is none."""
    return Signal(int(code.removeprefix("S")))


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bin(_Row):
    """Points for a rate (of what went wrong, in millionths) up to and including ``up_to``."""

    up_to: Annotated[int, Field(ge=0, le=100 * PPM)]
    points: Annotated[int, Field(ge=0)]


class Severity(_Row):
    """How bad it is, in thousandths, to be more than ``beyond_days`` late."""

    beyond_days: Annotated[int, Field(ge=0)]
    bad: Annotated[int, Field(ge=1, le=WHOLE)]


AssuranceName = Annotated[Assurance, BeforeValidator(lambda name: Assurance[name])]


class SignalTable(_Row):
    """The parameters of one signal. ``held_against`` are the codes of events (reasons, grounds, outcomes) that count."""

    code: Annotated[str, Field(pattern=r"^S([1-9]|1[0-2])$")]
    measures: str  # of what, one sentence
    reason: str  # the sentence of the reason code
    excludes: tuple[str, ...]  # what never counts against the shipper
    half_life_days: Annotated[int, Field(ge=1)]
    prior_bad: Annotated[int, Field(ge=1)]  # thousandths of the 20 pseudo-observations that are bad
    bins: Annotated[tuple[Bin, ...], Field(min_length=2)]
    assurance: AssuranceName = Assurance.ASSERTED  # least assurance of what counts, for or against
    held_against: tuple[str, ...] = ()
    tolerance_ppm: int = 0
    tolerance_units: int = 0
    severities: tuple[Severity, ...] = ()
    elements: tuple[str, ...] = ()  # of declarations, by their numbers in the crosswalk, that have to agree
    classes: tuple[str, ...] = ()  # of an amendment that follows the shipper's own later data: what counts
    excusing: tuple[str, ...] = ()  # grounds of an amendment that do not lie with the shipper

    @property
    def signal(self) -> Signal:
        return by_code(self.code)

    @property
    def best(self) -> int:
        """The most points that the signal can give."""
        return self.bins[0].points

    def points(self, rate: int) -> int:
        """The points for ``rate`` in millionths; beyond the last bin 0."""
        return next((each.points for each in self.bins if rate <= each.up_to), 0)

    def better(self, points: int) -> Bin | None:
        """The bin that gives the next more than ``points``; None where there is no more to be had."""
        return next((each for each in reversed(self.bins) if each.points > points), None)

    def severity(self, days: int) -> int:
        """How bad ``days`` beyond the term are, in thousandths."""
        return max((each.bad for each in self.severities if days > each.beyond_days), default=0)

    @model_validator(mode="after")
    def _worse_is_never_better(self) -> Self:
        for better, worse in pairwise(self.bins):
            if worse.up_to <= better.up_to or worse.points > better.points:
                raise ValueError(f"{self.code}: a higher rate must not give more points")
        return self


class Sample(_Row):
    """What must be known before there is a number at all."""

    consignments: int  # effective (decayed) number
    days: int  # between the first observation and the day of reading
    signals: int  # with an effective sample of at least one


class Stability(_Row):
    """How monthly volume is read (S10)."""

    months: int  # complete months looked back
    least_months: int  # below which there is no result
    closure_days: int  # a month with a border closed for longer is left out, for everybody
    left_out: tuple[str, ...]  # months of the Chinese New Year, YYYY-MM
    tenure: tuple[tuple[int, int], ...]  # at least so many active months give at most so many points


class Model(_Row):
    """One version of the published table."""

    version: str
    pseudo_observations: Annotated[int, Field(ge=1)]
    band_z_ppm: int  # half-width of the band in standard deviations, in millionths
    retention_days: int  # older observations no longer count, good or bad
    answer_days: int  # within which the publisher of a disputed event has to answer
    reasons: int
    evidence: int  # event ids shown with a reason
    sample: Sample
    stability: Stability
    signals: Annotated[tuple[SignalTable, ...], Field(min_length=12, max_length=12)]

    def of(self, signal: Signal) -> SignalTable:
        return self.signals[signal - 1]

    @property
    def best(self) -> int:
        """The highest possible score."""
        return sum(table.best for table in self.signals)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if [table.signal for table in self.signals] != list(Signal):
            raise ValueError("the signals must stand in order, S1 to S12, each once")
        return self


@cache
def model(version: str = CURRENT) -> Model:
    """The published table of that version; KeyError where none was published."""
    source = files("services.credit.domain").joinpath("data", f"model-{version}.json")
    if not source.is_file():
        raise KeyError(f"no credit model {version!r} was published")
    return Model.model_validate_json(source.read_bytes())
