"""Decisions: taken once, recorded, and replayed in their order."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from services.domain.facts import EventId, Micros
from services.domain.objects import Thing
from services.financing.domain.money import Money
from services.financing.domain.resemblance import Resemblance
from services.people.domain.person import Signatory


class Action(StrEnum):
    """What a request asks to be decided."""

    RESERVE = "RESERVE"
    PLEDGE = "PLEDGE"
    DRAW = "DRAW"
    RELEASE = "RELEASE"
    RELEASE_PART = "RELEASE_PART"
    CANCEL = "CANCEL"
    SUBSTITUTE = "SUBSTITUTE"
    RELEASE_ORDER = "RELEASE_ORDER"
    RECONSIGN = "RECONSIGN"
    TRANSFER = "TRANSFER"

    @property
    def disposes(self) -> bool:
        """Whether it is about the cargo itself, requested by a party of it and not by a bank."""
        return self in (Action.RELEASE_ORDER, Action.RECONSIGN, Action.TRANSFER)

    @property
    def pledges(self) -> bool:
        """Whether a financing is pledged by it."""
        return self in (Action.PLEDGE, Action.SUBSTITUTE)


class DecisionOutcome(StrEnum):
    """What was decided."""

    DONE = "DONE"
    REFUSED = "REFUSED"
    REVIEW = "REVIEW"


class Terms(NamedTuple):
    """What a financing is of, fixed by its first reservation."""

    application: str
    applicant: str
    product: str
    interest: str


class Decision(NamedTuple):
    """One decision. ``asked`` is the digest of the request, which tells a repetition from another request.

    Before it is recorded its ``number`` is 0 and its ``position`` unknown. ``shares`` are the objects that a refused request about
    cargo has in common with goods under a release block, ``waiver`` the ground on which a bank released what is owed (``amount``).
    ``resembles`` is what is alike in a REVIEW; ``reviewed`` the REVIEW that a reservation rests on, and who looked. ``goods`` are what a RELEASE_PART that is done gives back (worth ``amount``), and what a request about cargo names of such goods.
    ``signatories`` are who prepared and who approved the request, where two signed-in persons of the bank did.
    """

    number: int
    action: Action
    outcome: DecisionOutcome
    at: Micros
    asked_by: str
    idempotency: str
    asked: bytes
    position: int
    rules: str
    financing: str = ""
    request: EventId | None = None
    terms: Terms | None = None
    amount: Money | None = None
    until: Micros | None = None
    frees: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    guard: str = ""
    satisfied_by: str = ""
    before: int | None = None
    shares: tuple[Thing, ...] = ()
    waiver: str = ""
    goods: tuple[Thing, ...] = ()
    resembles: tuple[Resemblance, ...] = ()
    reviewed: int | None = None
    reviewers: tuple[str, ...] = ()
    signatories: tuple[Signatory, ...] = ()

    @property
    def done(self) -> bool:
        """Whether it took effect."""
        return self.outcome is DecisionOutcome.DONE

    @property
    def recorded(self) -> bool:
        """Whether it was recorded; only those have effects."""
        return self.number > 0
