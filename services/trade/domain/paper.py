"""Papers of a shipment as they were read: what each states, in common terms, every value with its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from schemas.events.trade import ChargeKind as ChargeKind
from schemas.events.trade import PartyRole
from schemas.events.trade import ReferenceKind as ReferenceKind
from services.trade.domain.values import Code, Field, Money, Place, Quantity

Role = PartyRole
BUYER_PAYS: Final = frozenset({"EXW", "FCA", "FAS", "FOB"})
"""The terms of Incoterms 2020 under which the buyer pays the main carriage."""


class Kind(StrEnum):
    """What a paper is."""

    INVOICE = "INVOICE"
    PACKING_LIST = "PACKING_LIST"
    RAIL_NOTE = "RAIL_NOTE"
    CN_DECLARATION = "CN_DECLARATION"
    EAEU_DECLARATION = "EAEU_DECLARATION"
    EAEU_TRANSIT = "EAEU_TRANSIT"
    EAEU_CORRECTION = "EAEU_CORRECTION"
    WCO_DECLARATION = "WCO_DECLARATION"


@dataclass(frozen=True, slots=True)
class Party:
    """A legal person: its registered ``id`` (USCC, INN, EORI) and its name. A natural person is never read."""

    role: Role
    id: Field[str] | None = None
    name: Field[str] | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A paper that is referred to, by number and date."""

    kind: ReferenceKind
    number: Field[str]
    day: Field[date] | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge: an amount, or a ``share`` of the price of the goods (1 is all of it)."""

    kind: ChargeKind
    amount: Field[Money] | None = None
    share: Field[Decimal] | None = None


@dataclass(frozen=True, slots=True)
class Packages:
    """A number of packages; ``level`` is their kind (UN/ECE Recommendation 21 group: PALLET, CARTON ...), "" where none is named."""

    number: Field[int]
    level: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of goods; what the paper does not state is None. Masses are kilograms, exact."""

    number: str
    place: Place
    description: Field[str] | None = None
    code: Field[Code] | None = None
    origin: Field[str] | None = None
    quantity: Field[Quantity] | None = None
    further: tuple[Field[Quantity], ...] = ()
    """The quantity in statutory and supplementary units."""
    price: Field[Decimal] | None = None
    amount: Field[Money] | None = None
    customs_value: Field[Decimal] | None = None
    gross: Field[Decimal] | None = None
    net: Field[Decimal] | None = None
    net_without_packing: Field[Decimal] | None = None
    packages: Field[int] | None = None
    change: Field[str] | None = None
    """Of a correction, the eight characters of box 45a."""

    @property
    def quantities(self) -> tuple[Field[Quantity], ...]:
        """Every quantity that the line states."""
        return self.further if self.quantity is None else (self.quantity, *self.further)


@dataclass(frozen=True, slots=True)
class Remark:
    """What was read with a doubt, or not read (``refused``): where, why, and what to do."""

    place: Place
    text: str
    remedy: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper; what it does not state is None or empty."""

    kind: Kind
    place: Place
    number: Field[str] | None = None
    day: Field[date] | None = None
    export_day: Field[date] | None = None
    parties: tuple[Party, ...] = ()
    references: tuple[Reference, ...] = ()
    terms: Field[str] | None = None
    """Incoterms code; of a Chinese declaration, the code of 成交方式."""
    terms_place: Field[str] | None = None
    currency: Field[str] | None = None
    currencies: tuple[Field[str], ...] = ()
    total: Field[Money] | None = None
    charges: tuple[Charge, ...] = ()
    rate: Field[Decimal] | None = None
    gross: Field[Decimal] | None = None
    net: Field[Decimal] | None = None
    packages: tuple[Packages, ...] = ()
    boxes: tuple[Field[str], ...] = ()
    box_loads: tuple[Field[Decimal], ...] = ()
    weighing: Field[str] | None = None
    seals: tuple[Field[str], ...] = ()
    trade_country: Field[str] | None = None
    procedure: Field[str] | None = None
    """The customs procedure by the code of its side: 0110 of China, 40 or 80 of the EAEU."""
    mode: Field[str] | None = None
    """The mode of transport at the border: SEA, RAIL, ROAD or AIR."""
    dispatch: Field[str] | None = None
    destination: Field[str] | None = None
    """Countries from and to which the goods go."""
    lodged_in: Field[str] | None = None
    """The country whose customs the declaration is for."""
    stations: tuple[Field[str], ...] = ()
    """Of a rail note, the stations of departure and of destination."""
    carrier: Field[str] | None = None
    lines: tuple[Line, ...] = ()
    remarks: tuple[Remark, ...] = ()
    sha256: str = ""
    id: str = ""
    """The technical id of the message, by which a correction may name its original."""
    by_customs: bool = False
    """Of a correction, whether an official made it."""
    change: Field[str] | None = None
    """Of a correction of no goods, the eight characters of box 45a."""

    def party(self, role: Role) -> Party | None:
        """The party of that role."""
        return next((each for each in self.parties if each.role is role), None)

    def charged(self, kind: ChargeKind) -> tuple[Charge, ...]:
        """The charges of a kind that are not zero."""
        return tuple(
            each
            for each in self.charges
            if each.kind is kind
            and ((each.amount and each.amount.value.amount) or (each.share and each.share.value))
        )


@dataclass(frozen=True, slots=True)
class PaperSet:
    """The papers of one shipment."""

    papers: tuple[Paper, ...] = field(default=())

    def of(self, *kinds: Kind) -> tuple[Paper, ...]:
        """The papers of ``kinds``, in the order of ``kinds`` and of the files."""
        return tuple(paper for kind in kinds for paper in self.papers if paper.kind is kind)


def lines_of(papers: Iterable[Paper]) -> tuple[Line, ...]:
    """The lines of several papers of one kind, in order."""
    return tuple(line for paper in papers for line in paper.lines)
