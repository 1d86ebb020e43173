"""The stages of a financing (numbers 6000 to 6099): requested, approved, pledged, drawn, repaid, released, and its exceptions.

A bank's events are assertions on its own financing. Whether a pledge, drawdown or release takes effect among the banks is a
decision of the platform (``finance_decision``), which names the event that it answers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import ObjectRef, Place
from schemas.events.declare import CARGO
from schemas.events.document_trade import Amount, TradeParty
from schemas.events.finance_terms import (
    BasisPoints,
    Cargo,
    FinanceFact,
    Interest,
    OfApplication,
    OfFinancing,
    Product,
    Waiver,
    by_applicant,
    by_bank,
    own_key,
)
from schemas.events.vocabulary import ObjectKind, Role
from schemas.events.wire import Country, Date, Identifier, OwnReference, PartyCode

Grounds = Literal["CREDIT_POLICY", "DOCUMENTS", "ALREADY_FINANCED", "COMPLIANCE", "OTHER"]


@by_applicant("finance.applied.v1", 6000)
class Applied(FinanceFact):
    """A party asked a bank for financing; everybody knows the application as ``<publisher>/<reference>``.

    ``jurisdictions`` are those that the cargo's route may enter, in the order of the route; ``deliver_to`` and
    ``consignee_party`` are what the bank is told about where it goes: a later change of either is an alert.
    """

    reference: Identifier
    bank: PartyCode
    product: Product
    interest: Interest
    objects: Cargo
    requested_amount: Amount
    value_amount: Amount
    seller_party: TradeParty | None = None
    buyer_party: TradeParty | None = None
    consignee_party: TradeParty | None = None
    deliver_to: Place | None = None
    jurisdictions: Annotated[tuple[Country, ...], Field(strict=False, max_length=32)] = ()

    def check(self) -> None:
        super().check()
        self.check_kinds(self.objects, "objects")


@by_applicant("finance.application_withdrawn.v1", 6001, answers=("finance.applied.v1",))
class ApplicationWithdrawn(OfApplication):
    """The applicant withdrew its application; what was decided before stays."""


@by_bank("finance.rejected.v1", 6002, answers=("finance.applied.v1",))
class Rejected(OfApplication):
    """The bank rejected an application."""

    grounds: Grounds = "OTHER"


@by_bank("finance.approved.v1", 6003, answers=("finance.applied.v1",))
class Approved(OfFinancing):
    """The bank approved a financing for an application: up to an amount, a share of the value, until a day."""

    application: OwnReference
    approved_amount: Amount
    advance_rate: BasisPoints
    matures_on: Date

    @property
    def application_key(self) -> str:
        """The application in canonical spelling."""
        return own_key(self.application)


@by_bank("finance.pledged.v1", 6004, document="pledge agreement")
class Pledged(OfFinancing):
    """The pledge or assignment was agreed with the bank."""

    agreement_number: Identifier | None = None


@by_bank("finance.drawn.v1", 6005)
class Drawn(OfFinancing):
    """The bank pays out an amount under the financing."""

    drawn_amount: Amount


@by_bank("finance.repaid.v1", 6006)
class Repaid(OfFinancing):
    """An amount was repaid to the bank: a part of what is owed, or all that was left."""

    repaid_amount: Amount
    extent: Literal["PARTIAL", "FULL"]


@by_bank("finance.released.v1", 6007, answers=("finance.pledged.v1",), document="release letter")
class Released(OfFinancing):
    """The bank gives the security back."""


class ReleasedWaiving(Released):
    """The bank gives the security back; while something is owed under the financing only with its ``waiver``."""

    waiver: Waiver | None = None


ReleasedWaiving.spec = replace(Released.spec, type="cre.finance.released.v2")


class ReleasedInPart(ReleasedWaiving):
    """The bank gives the security back, or a part of it: named ``goods``, or goods or claims worth ``released_amount``.

    Without either the whole. ``goods`` are boxes, notes, declarations or consignments that identify pledged goods; the rest stays
    pledged. ``released_amount`` is the value of the part. While more is owed than the rest is worth only with a ``waiver``.
    """

    goods: Annotated[tuple[ObjectRef, ...], Field(strict=False, max_length=64)] = ()
    released_amount: Amount | None = None

    @property
    def partial(self) -> bool:
        """Whether only a part is given back."""
        return bool(self.goods) or self.released_amount is not None

    def check(self) -> None:
        super().check()
        self.check_kinds(self.goods, "goods")


ReleasedInPart.spec = replace(
    Released.spec, type="cre.finance.released.v3", objects=Released.spec.objects | {ObjectKind.DECLARATION}
)


@by_bank("finance.cancelled.v1", 6008, answers=("finance.approved.v1",))
class Cancelled(OfFinancing):
    """The bank gives a reservation or an undrawn financing up."""


@by_bank("finance.fell_overdue.v1", 6010)
class FellOverdue(OfFinancing):
    """A repayment was not made when it was due."""

    due_on: Date
    overdue_amount: Amount


@by_bank("finance.defaulted.v1", 6011)
class Defaulted(OfFinancing):
    """The bank declared the financing in default."""


@by_bank("finance.enforced.v1", 6012, answers=("finance.defaulted.v1",))
class Enforced(OfFinancing):
    """The bank realised the security."""

    proceeds_amount: Amount | None = None


@by_bank("finance.written_off.v1", 6013, answers=("finance.defaulted.v1",))
class WrittenOff(OfFinancing):
    """The bank closed an enforced financing; nothing more is asked of the security."""


@by_bank("finance.frozen.v1", 6020, by=(Role.BANK, Role.AUTHORITY), authority=(Role.AUTHORITY, Role.BANK))
class Frozen(OfFinancing):
    """A financing was frozen by a dispute or a court: nothing is drawn, released or transferred meanwhile."""

    ground: Literal["DISPUTE", "COURT", "SANCTIONS", "OTHER"]
    order_number: Identifier | None = None


@by_bank(
    "finance.unfrozen.v1",
    6021,
    by=(Role.BANK, Role.AUTHORITY),
    authority=(Role.AUTHORITY, Role.BANK),
    answers=("finance.frozen.v1",),
)
class Unfrozen(OfFinancing):
    """A freeze by the same publisher ended."""


@by_bank("finance.collateral_substituted.v1", 6030)
class CollateralSubstituted(OfFinancing):
    """The security of a financing was replaced by that of another financing of the same bank, which is reserved already."""

    replaced_by: OwnReference

    @property
    def replaced_by_key(self) -> str:
        """The other financing in canonical spelling."""
        return own_key(self.replaced_by)


@by_bank("finance.takeover_consented.v1", 6031)
class TakeoverConsented(OfFinancing):
    """The bank agrees that another bank takes the financing over, until a day."""

    to_bank: PartyCode
    valid_to: Date


@by_bank("finance.alert_acknowledged.v1", 6040, about=CARGO | {ObjectKind.DECLARATION})
class AlertAcknowledged(OfFinancing):
    """The bank has seen an alert on its financing and answers for what follows."""

    alert: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
