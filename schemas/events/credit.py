"""Consent to read credit signals, and disputes of what they rest on (numbers 7000 to 7099).

A consent names one bank, one purpose, what may be read and until when. Without one in force nobody but the shipper learns
anything, not even that there is a record. These events are about a shipper and no cargo: they name no objects.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import EventRef, Interval, PartyCode, Payload, Time
from schemas.events.declare import event
from schemas.events.vocabulary import Region, Role

Purpose = Literal["CREDIT_ASSESSMENT", "FINANCING_APPLICATION", "PORTFOLIO_MONITORING"]
Readable = Literal["SCORE", "SIGNALS", "EVIDENCE"]
"""SCORE: the number, its band and status; SIGNALS: each rate with its reasons; EVIDENCE: the event ids behind them."""
SignalCode = Literal["S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "S12"]

_shipper = partial(event, region=Region.CREDIT, by=(Role.SHIPPER,), about=())


@_shipper("credit.consent_granted.v1", 7000, document="letter of consent")
class ConsentGranted(Interval):
    """A shipper allowed one bank to read its credit signals for one purpose, until the consent expires.

    Each bank, purpose and period is a consent of its own; ``to`` is always given, because a consent without an end is none.
    """

    bank: PartyCode
    purpose: Purpose
    scope: Annotated[tuple[Readable, ...], Field(strict=False, min_length=1, max_length=3)]
    to: Time


@_shipper(
    "credit.consent_revoked.v1", 7001, answers=("credit.consent_granted.v1",), document="letter of revocation"
)
class ConsentRevoked(Payload):
    """A shipper took a consent back; reading ends at once and for good, and only a new consent opens it again."""

    consent: EventRef


@_shipper("credit.dispute_opened.v1", 7010, document="objection")
class DisputeOpened(Payload):
    """A shipper objected to one event on which one of its credit signals rests.

    From then on the score is shown with and without what the event contributes; its publisher has 20 days to answer. An
    objection is withdrawn by retracting it.
    """

    signal: SignalCode
    concerns: EventRef
    ground: Literal[
        "NOT_MINE", "DID_NOT_HAPPEN", "WRONG_VALUE", "CAUSED_BY_ANOTHER", "POLICY_MEASURE", "OTHER"
    ]


@_shipper(
    "credit.dispute_resolved.v1",
    7011,
    by=frozenset(Role) - {Role.SHIPPER},
    answers=("credit.dispute_opened.v1",),
    document="answer to an objection",
)
class DisputeResolved(Payload):
    """The publisher of a disputed event answered the objection of the shipper.

    ACCEPTED: the event no longer counts for that signal. REJECTED: it stands. An answer by anybody else has no effect.
    """

    dispute: EventRef
    outcome: Literal["ACCEPTED", "REJECTED"]
