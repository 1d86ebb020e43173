"""The documents that a bank presents to reserve an interest, in the clear, and the share of each that is meant.

They exist in memory only; stored are their fingerprints. Class and field names are part of the digest of a request
(``DecisionRequest.digest``), which is stored: they never change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from schemas.identifiers import iso6346, lei, uscc
from schemas.identifiers.check_digit import CheckDigit
from schemas.identifiers.form import MalformedIdentifier
from schemas.identifiers.quality import flags
from services.financing.domain.money import Money


@dataclass(frozen=True, slots=True)
class Share:
    """The share of a document that the deal takes: ``part`` of ``whole`` in one measure; part 0 is unknown.

    ``measure`` is a currency (ISO 4217) in minor units, or a unit of UN/ECE Recommendation 20 (KGM, NMP packages). Different measures
    are never compared.
    """

    measure: str
    part: int
    whole: int

    @property
    def known(self) -> bool:
        """Whether the share is quantified."""
        return 0 < self.part <= self.whole


UNKNOWN = Share("", 0, 0)
"""A part of unknown size."""


@dataclass(frozen=True, slots=True)
class Company:
    """A company by scheme (USCC, LEI, PARTY, ...) and number."""

    scheme: str
    id: str


@dataclass(frozen=True, slots=True)
class Invoice:
    """A commercial invoice; without ``share`` the deal takes all of it."""

    seller: Company
    buyer: Company
    number: str
    amount: Money
    issued_on: date
    share: Share | None = None


@dataclass(frozen=True, slots=True)
class TransportDocument:
    """A document that a carrier or forwarder issued, with its number (a rail bill of lading, a house waybill)."""

    issuer: Company
    number: str
    issued_on: date
    share: Share | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A consignment note by its key: form, country, station, number, year."""

    key: str
    share: Share | None = None


@dataclass(frozen=True, slots=True)
class Declaration:
    """A customs declaration, ``jurisdiction/number``."""

    key: str
    share: Share | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A container, where it was loaded and on which day (UTC)."""

    container: str
    origin: str
    loaded_on: date
    share: Share | None = None


@dataclass(frozen=True, slots=True)
class Papers:
    """All documents of one deal, and its consignments (``founder/reference``)."""

    invoices: tuple[Invoice, ...] = ()
    documents: tuple[TransportDocument, ...] = ()
    notes: tuple[Note, ...] = ()
    declarations: tuple[Declaration, ...] = ()
    boxes: tuple[Box, ...] = ()
    consignments: tuple[str, ...] = ()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of key that can be derived from them."""
        named = {
            "INVOICE": self.invoices,
            "TRANSPORT_DOCUMENT": self.documents,
            "NOTE": self.notes,
            "DECLARATION": self.declarations,
            "CARGO": self.boxes,
            "CONSIGNMENT": self.consignments,
        }
        return frozenset(kind for kind, given in named.items() if given)

    def doubts(self) -> Iterator[tuple[str, str]]:
        """(identifier, problem) of each identifier with a wrong form or check digit: a typo is no other cargo."""
        for box in self.boxes:
            yield from _checked(box.container, iso6346.parse(box.container).check if _read(box) else None)
        for kind, key in (
            *(("note", note.key) for note in self.notes),
            *(("declaration", declaration.key) for declaration in self.declarations),
        ):
            yield from ((key, flag) for flag in flags(kind, key) if flag.endswith("check_digit"))
        for company in sorted({*self._companies()}, key=lambda c: (c.scheme, c.id)):
            if company.scheme in ("USCC", "LEI"):
                yield from _company_doubts(company)

    def _companies(self) -> Iterator[Company]:
        for invoice in self.invoices:
            yield invoice.seller
            yield invoice.buyer
        for document in self.documents:
            yield document.issuer


def _company_doubts(company: Company) -> Iterator[tuple[str, str]]:
    try:
        check = uscc.parse(company.id).check if company.scheme == "USCC" else lei.parse(company.id).check
    except MalformedIdentifier as wrong:
        yield company.id, wrong.problem
    else:
        yield from _checked(company.id, check)


def _read(box: Box) -> bool:
    try:
        iso6346.parse(box.container)
    except MalformedIdentifier:
        return False
    return True


def _checked(text: str, check: CheckDigit | None) -> Iterator[tuple[str, str]]:
    if check is None:
        yield text, "it is not of the form of its scheme"
    elif check is CheckDigit.WRONG:
        yield text, "the check digit is wrong"
