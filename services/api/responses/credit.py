"""Credit signals of a shipper, as far as its consent goes; what it does not cover is left out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.api.responses.base import Shape
from services.api.responses.financing import Day, Number

Thousandths = Annotated[int, Field(description="Decayed, in thousandths.")]


class CreditEvent(Shape):
    """An event by source, id and its digest; the first two are empty where its publisher's name is not known."""

    source: str
    id: str
    digest: str


class Signal(Shape):
    """One signal, and the points that it gives out of ``of``."""

    signal: str
    name: str
    observed: Thousandths
    bad: Thousandths
    rate_ppm: int
    points: int
    of: int
    present: bool


class Reason(Shape):
    """Why points were lost."""

    signal: str
    reason: str
    points_lost: int
    bad: Thousandths
    observed: Thousandths
    events: list[CreditEvent] = []


class Assessment(Shape):
    """A score with its band, signals and reasons, each where the consent covers it."""

    status: Annotated[
        Literal["SCORED", "INSUFFICIENT_DATA"], Field(description="INSUFFICIENT_DATA is no bad score.")
    ]
    score: int | None = None
    of: int | None = None
    band: Annotated[list[int] | None, Field(min_length=2, max_length=2)] = None
    effective_consignments: Thousandths | None = None
    days_known: int | None = None
    signals: list[Signal] = []
    reasons: list[Reason] = []


class Dispute(Shape):
    """An objection of the shipper to an event that counts against it."""

    signal: str
    concerns: CreditEvent
    ground: str
    state: Literal["OPEN", "UNANSWERED", "ACCEPTED", "REJECTED"]
    answer_by: Annotated[str, Field(description="The party that has to answer.")]


class CreditRecord(Shape):
    """What was given of a shipper, kept as a record under its number."""

    shipper: str
    model: str
    as_of_day: Day
    position: Number
    inputs_sha256: str
    scope_note: str
    may_read: list[Literal["EVIDENCE", "SCORE", "SIGNALS"]]
    consents: list[CreditEvent]
    assessment: Assessment
    under_dispute: bool
    without_what_is_disputed: Assessment | None = None
    disputes: list[Dispute] = []
    record: Number
