"""What events say to credit beyond their claims, as values: extras of facts, consents, objections, words on financings.

A grow-only set of them, beside the heart's ``Facts``; merging is union.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from services.credit.domain.signals import Signal
from services.domain.facts import EventId, Micros
from services.domain.objects import Thing

DAY: Micros = 86_400_000_000


class Detail(NamedTuple):
    """The typed extras of one event. ``disinterested``: its publisher has a role whose word is an authority's for the type."""

    event: EventId
    disinterested: bool
    word: str = ""  # reason, ground, outcome, decision, cause, or what a deadline or filing is of
    moment: Micros | None = None  # a deadline; a due date is the end of its UTC day
    party: str = ""  # whom it is about: debtor, or against whom a claim was decided
    reference: str = ""  # the number of an invoice or claim
    concerns: EventId | None = None
    commodities: tuple[str, ...] = ()
    packages: int | None = None
    kilograms: int | None = None
    value: tuple[str, int] | None = None  # currency and minor units
    seller: tuple[str, str] | None = None  # scheme and number
    buyer: tuple[str, str] | None = None


class Shipper(NamedTuple):
    """A founding's word on who ships the consignment."""

    event: EventId
    consignment: Thing
    party: str


class Consent(NamedTuple):
    """A shipper's leave for one bank and purpose in [start, end)."""

    event: EventId
    shipper: str
    bank: str
    purpose: str
    scope: frozenset[str]
    start: Micros
    end: Micros


class Revocation(NamedTuple):
    """The end of a consent, for good."""

    event: EventId
    consent: EventId
    published: Micros


class Dispute(NamedTuple):
    """A shipper's objection to what one event contributes to one signal."""

    event: EventId
    shipper: str
    signal: Signal
    concerns: EventId
    ground: str
    published: Micros


class Resolution(NamedTuple):
    """An answer to an objection; ``source`` tells whether it is the disputed event's own publisher who answers."""

    event: EventId
    dispute: EventId
    publisher: str
    outcome: str
    published: Micros


class FinancingSaid(NamedTuple):
    """What was said of a financing or its application, as far as it tells how the applicant behaved.

    ``financing`` is ``bank/reference``, ``application`` ``applicant/reference``; either may be "" where the event leaves it out.
    """

    event: EventId
    word: str  # APPLIED, APPROVED, REPAID, OVERDUE, DEFAULTED, or the guard that refused a reservation
    financing: str
    application: str
    happened: Micros
    moment: Micros | None = None  # when it matures, or was due
    request: EventId | None = None


class CreditFacts(NamedTuple):
    """A grow-only set of what accepted events say to credit; ``|`` merges two of them."""

    details: frozenset[Detail] = frozenset()
    shippers: frozenset[Shipper] = frozenset()
    consents: frozenset[Consent] = frozenset()
    revocations: frozenset[Revocation] = frozenset()
    disputes: frozenset[Dispute] = frozenset()
    resolutions: frozenset[Resolution] = frozenset()
    publishers: frozenset[tuple[EventId, str]] = frozenset()
    financings: frozenset[FinancingSaid] = frozenset()

    def __or__(self, other: CreditFacts) -> CreditFacts:
        return CreditFacts.union((self, other))

    @classmethod
    def union(cls, parts: Iterable[CreditFacts]) -> CreditFacts:
        """The merge of all ``parts``, in one pass."""
        every = tuple(parts)
        return cls(
            frozenset().union(*(part.details for part in every)),
            frozenset().union(*(part.shippers for part in every)),
            frozenset().union(*(part.consents for part in every)),
            frozenset().union(*(part.revocations for part in every)),
            frozenset().union(*(part.disputes for part in every)),
            frozenset().union(*(part.resolutions for part in every)),
            frozenset().union(*(part.publishers for part in every)),
            frozenset().union(*(part.financings for part in every)),
        )
