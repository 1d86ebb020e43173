"""Second versions of what is lodged with customs and decided on it: which version of a trade's data it was made from, and what it declares.

Beside the members of the first version stand the trade's data by reference and digest, the values as declared, and which lines of the
data the declared lines state. What a declaration says is its own: it is compared with the data, never corrected by them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from functools import cached_property
from typing import Annotated, TypeVar

from pydantic import Discriminator, Field, StringConstraints, Tag, ValidationError

from schemas.events.base import CustomsMilestone, PartyCode, Payload, Wire
from schemas.events.customs import (
    Accepted,
    Amended,
    Cancelled,
    ExportLodged,
    ImportLodged,
    TransitLodged,
)
from schemas.events.trade import (
    MOST_LINES,
    PACKED,
    STATED,
    Box,
    ChargeKind,
    CommodityCode,
    CurrencyCode,
    LineId,
    PackedJson,
    PartyRole,
    Reference,
    ReferenceKind,
    sent,
    unpacked_refusal,
)
from schemas.events.wire import LINE, Code, Date, Free, Identifier, Sha256Hex
from schemas.identifiers.natural_person import is_private
from schemas.reasons import Reason, Refusal

P = TypeVar("P", bound=Payload)


class Phase(StrEnum):
    """Where a declaration stands with its authority."""

    LODGED = "LODGED"
    ACCEPTED = "ACCEPTED"
    INSPECTED = "INSPECTED"
    RELEASED = "RELEASED"
    REFUSED = "REFUSED"
    CANCELLED = "CANCELLED"


class ChangeClass(StrEnum):
    """What an amendment is of: the characters of box 45a of the EAEU's correction."""

    QUANTITY = "QUANTITY"
    COUNTRY = "COUNTRY"
    CODE = "CODE"
    COST = "COST"
    PAYMENT = "PAYMENT"
    OTHER = "OTHER"


class DeclarationKind(StrEnum):
    """What was lodged."""

    CN_DECLARATION = "CN_DECLARATION"
    EAEU_DECLARATION = "EAEU_DECLARATION"
    EAEU_TRANSIT = "EAEU_TRANSIT"
    WCO_DECLARATION = "WCO_DECLARATION"
    EAEU_CORRECTION = "EAEU_CORRECTION"


Declared = Annotated[
    str,
    StringConstraints(pattern=r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{0,11}[1-9])?$"),
    Field(description="A number as declared: decimal text, exact, without needless zeros."),
]
Text = Annotated[
    str,
    StringConstraints(pattern=LINE, min_length=1, max_length=2000),
    Field(description="As declared; never about a natural person."),
]


class DeclaredMoney(Wire):
    """An amount; without a currency where the declaration names none."""

    amount: Declared
    currency: CurrencyCode | None = None


class DeclaredUnit(Wire):
    """A unit: the code of its base unit in UN/ECE Recommendation 20, and how many of that it is."""

    base: Code
    factor: Declared


class DeclaredQuantity(Wire):
    """So many of a unit, as written; ``unit`` is left out where the word for it is not known."""

    number: Declared
    unit: DeclaredUnit | None = None
    unit_written: Text | None = None


class DeclaredParty(Wire):
    """A legal person by its registered number and its name."""

    role: Annotated[PartyRole, Field(strict=False)]
    id: Text | None = None
    name: Text | None = None


class DeclaredReference(Wire):
    """A paper that the declaration refers to."""

    kind: Annotated[ReferenceKind, Field(strict=False)]
    number: Text
    day: Date | None = None


class DeclaredCharge(Wire):
    """A charge: an amount, or a share of the price of the goods (1 is all of it)."""

    kind: Annotated[ChargeKind, Field(strict=False)]
    amount: DeclaredMoney | None = None
    share: Declared | None = None


class DeclaredPackages(Wire):
    """A number of packages and what they are (UN/ECE Recommendation 21 group)."""

    number: Annotated[int, Field(ge=0, le=10_000_000)]
    level: Code | None = None


class DeclaredLine(Wire):
    """A line of goods by its number in the declaration; masses are kilograms. ``change``: the characters of box 45a of a correction."""

    number: LineId
    description: Text | None = None
    code: CommodityCode | None = None
    origin: Text | None = None
    quantity: DeclaredQuantity | None = None
    further: Annotated[tuple[DeclaredQuantity, ...], Field(strict=False, max_length=8)] = ()
    price: Declared | None = None
    amount: DeclaredMoney | None = None
    customs_value: Declared | None = None
    gross: Declared | None = None
    net: Declared | None = None
    net_without_packing: Declared | None = None
    packages: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    change: Text | None = None


class DeclaredValues(Wire):
    """What a declaration states, in common terms; what it does not state is left out. A correction states what it changes.

    ``id`` is the technical id of its message, by which a correction may name it.
    """

    kind: Annotated[DeclarationKind, Field(strict=False)]
    number: Text | None = None
    id: Text | None = None
    day: Date | None = None
    export_day: Date | None = None
    parties: Annotated[tuple[DeclaredParty, ...], Field(strict=False, max_length=16)] = ()
    references: Annotated[tuple[DeclaredReference, ...], Field(strict=False, max_length=256)] = ()
    terms: Text | None = None
    terms_place: Text | None = None
    currency: CurrencyCode | None = None
    currencies: Annotated[tuple[CurrencyCode, ...], Field(strict=False, max_length=16)] = ()
    total: DeclaredMoney | None = None
    charges: Annotated[tuple[DeclaredCharge, ...], Field(strict=False, max_length=64)] = ()
    rate: Declared | None = None
    gross: Declared | None = None
    net: Declared | None = None
    packages: Annotated[tuple[DeclaredPackages, ...], Field(strict=False, max_length=16)] = ()
    boxes: Annotated[tuple[Box, ...], Field(strict=False, max_length=256)] = ()
    seals: Annotated[tuple[Text, ...], Field(strict=False, max_length=256)] = ()
    trade_country: Text | None = None
    procedure: Text | None = None
    mode: Text | None = None
    dispatch: Text | None = None
    destination: Text | None = None
    lodged_in: Text | None = None
    lines: Annotated[tuple[DeclaredLine, ...], Field(strict=False, max_length=MOST_LINES)] = ()


class TradeVersion(Wire):
    """A version of a trade's data: whose trade (the publisher's where that is left out), its reference, and the digest where it is known."""

    owner: PartyCode | None = None
    reference: Reference
    version: Sha256Hex | None = None


class StatedIn(Wire):
    """A line of the trade's data, by its lasting id, that a declared line, by its number, states; N to M."""

    dataset: LineId
    declared: LineId


class Filing(CustomsMilestone):
    """What is common to what is lodged and decided: the data it was made from, the values declared, which lines state which.

    ``declared`` is packed where it would not fit.
    """

    dataset: TradeVersion | None = None
    declared: (
        Annotated[
            Annotated[DeclaredValues, Tag(STATED)] | Annotated[PackedJson, Tag(PACKED)], Discriminator(sent)
        ]
        | None
    ) = None
    links: Annotated[tuple[StatedIn, ...], Field(strict=False, max_length=4 * MOST_LINES)] = ()

    @cached_property
    def values(self) -> DeclaredValues | None:
        """The values declared, unpacked; raises Refusal where what was packed is none."""
        if self.declared is None or isinstance(self.declared, DeclaredValues):
            return self.declared
        try:
            return DeclaredValues.model_validate(self.declared.value("/declared"))
        except ValidationError as invalid:
            raise unpacked_refusal(invalid, "/declared") from None

    def check(self) -> None:
        super().check()
        values = self.values
        for n, party in enumerate(values.parties if values else ()):
            if is_private(party.id or "", party.name or ""):
                raise Refusal(
                    Reason.INVALID_SCHEMA,
                    "A natural person stands here.",
                    f"/declared/parties/{n}",
                    "Leave it out: only legal persons are named, by their registered numbers.",
                )


def _second(first: type[CustomsMilestone]) -> Callable[[type[P]], type[P]]:
    """Declare the decorated model as version 2 of ``first``: it folds alike and is said by the same."""

    def fix(model: type[P]) -> type[P]:
        model.spec = replace(first.spec, type=f"{first.spec.type.removesuffix('.v1')}.v2")
        return model

    return fix


@_second(ExportLodged)
class ExportFiled(Filing, ExportLodged):
    """An export declaration was lodged."""


@_second(ImportLodged)
class ImportFiled(Filing, ImportLodged):
    """An import declaration was lodged."""


@_second(TransitLodged)
class TransitFiled(Filing, TransitLodged):
    """A transit declaration was lodged; the procedure is not open yet."""


@_second(Accepted)
class FilingAccepted(Filing, Accepted):
    """Customs accepted a declaration and gave it a number."""


@_second(Amended)
class FilingAmended(Filing, Amended):
    """A declaration was amended, or its amendment refused; the customs status stays.

    ``phase`` is where the declaration stood, ``ground`` the ground of its law, ``amendment`` the authority's own number of the amendment.
    """

    amendment: Identifier | None = None
    phase: Annotated[Phase, Field(strict=False)] | None = None
    ground: Free | None = None
    classes: Annotated[
        tuple[Annotated[ChangeClass, Field(strict=False)], ...], Field(strict=False, max_length=6)
    ] = ()
    by_customs: bool = False
    refused: bool = False


@_second(Cancelled)
class FilingCancelled(Filing, Cancelled):
    """A declaration was withdrawn or declared invalid, on a ground of its law."""

    ground: Free | None = None
