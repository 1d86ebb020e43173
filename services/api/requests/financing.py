"""Bodies of requests of banks: the documents of a deal with shares, applications, reservations, drawings."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from schemas.events.base import ObjectKind
from schemas.events.finance_decision import PersonReference
from schemas.events.finance_terms import Interest, Product
from schemas.events.keys import canonical_key
from schemas.events.wire import Identifier, OwnReference, Place
from services.domain.objects import Thing, consignment
from services.financing.domain import documents as papers
from services.financing.domain.decisions import Terms
from services.financing.domain.money import Money

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written(value: object) -> object:
    """Let through a day as it is written, and nothing that could be read as one: neither numbers nor moments."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("a day is written YYYY-MM-DD")
    return value


Day = Annotated[date, BeforeValidator(_written)]
REFERENCE = re.compile(r"^[^\s/?#\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+$")
"""What a bank's own reference of a financing may be; nothing is reserved under another one."""
Reference = Annotated[
    str,
    StringConstraints(pattern=REFERENCE.pattern, max_length=80),
    Field(description="The bank's own reference of a financing, without blanks and slashes."),
]
MOST = 256
"""Papers of one kind at most."""


class RequestBody(BaseModel):
    """Unknown members are refused, so that a misspelled one is never silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Amount(RequestBody):
    """Money in minor units of its currency (ISO 4217): 12.34 EUR is 1234."""

    minor_units: Annotated[int, Field(ge=0, le=10**15, strict=True)]
    currency_code: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]

    def money(self) -> Money:
        """As the core counts it."""
        return Money(self.minor_units, self.currency_code)


class Share(RequestBody):
    """``part`` of ``whole`` in one measure: a currency in minor units, or a unit of UN/ECE Recommendation 20. Part 0: unknown."""

    measure: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{0,3}$")] = ""
    part: Annotated[int, Field(ge=0, le=10**15, strict=True)] = 0
    whole: Annotated[int, Field(ge=0, le=10**15, strict=True)] = 0


class Shared(RequestBody):
    """A paper of which the deal takes all, or ``share``."""

    share: Share | None = None

    def taken(self) -> papers.Share | None:
        """As the core counts it."""
        return (
            None
            if self.share is None
            else papers.Share(self.share.measure, self.share.part, self.share.whole)
        )


class Company(RequestBody):
    """A company by one of its public numbers, or by its code here (PARTY)."""

    scheme: Literal["PARTY", "USCC", "LEI", "EORI", "INN", "OGRN", "BIN", "UNP", "NIP"]
    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]

    def company(self) -> papers.Company:
        """As the core knows it."""
        return papers.Company(self.scheme, self.id)


class Invoice(Shared):
    """A commercial invoice."""

    seller: Company
    buyer: Company
    number: Identifier
    amount: Amount
    issued_on: Day


class TransportDocument(Shared):
    """A document by its issuer and number: a rail bill of lading, a house waybill."""

    issuer: Company
    number: Identifier
    issued_on: Day


class Note(Shared):
    """A consignment note: form, country, station, number, year, as in SMGS/CN/XAY/100001/2026."""

    key: Identifier


class Declaration(Shared):
    """A customs declaration: jurisdiction/number."""

    key: Identifier


class Box(Shared):
    """A container, the place of its loading and the day (UTC)."""

    container: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    origin: Place
    loaded_on: Day


class Papers(RequestBody):
    """The papers of one deal, in the clear; what is stored of them are keyed digests."""

    invoices: Annotated[tuple[Invoice, ...], Field(max_length=MOST)] = ()
    documents: Annotated[tuple[TransportDocument, ...], Field(max_length=MOST)] = ()
    notes: Annotated[tuple[Note, ...], Field(max_length=MOST)] = ()
    declarations: Annotated[tuple[Declaration, ...], Field(max_length=MOST)] = ()
    boxes: Annotated[tuple[Box, ...], Field(max_length=MOST)] = ()
    consignments: Annotated[tuple[OwnReference, ...], Field(max_length=MOST)] = ()

    def papers(self) -> papers.Papers:
        """As the core takes them."""
        return papers.Papers(
            invoices=tuple(
                papers.Invoice(
                    i.seller.company(), i.buyer.company(), i.number, i.amount.money(), i.issued_on, i.taken()
                )
                for i in self.invoices
            ),
            documents=tuple(
                papers.TransportDocument(d.issuer.company(), d.number, d.issued_on, d.taken())
                for d in self.documents
            ),
            notes=tuple(papers.Note(n.key, n.taken()) for n in self.notes),
            declarations=tuple(papers.Declaration(d.key, d.taken()) for d in self.declarations),
            boxes=tuple(papers.Box(b.container, b.origin, b.loaded_on, b.taken()) for b in self.boxes),
            consignments=self.consignments,
        )


class Application(RequestBody):
    """Which signed application is meant, and what it asks for."""

    application: OwnReference
    product: Product
    interest: Interest

    def terms(self) -> Terms:
        """As the core knows them; the applicant is the party whose application it is."""
        name = own(self.application)
        return Terms(name, name.partition("/")[0], self.product, self.interest)


class Reviewing(RequestBody):
    """A step that may come back as REVIEW, and is then requested again."""

    reviewed: Annotated[
        int | None, Field(description="`number` of the REVIEW that the bank has looked at.")
    ] = None
    reviewers: Annotated[
        tuple[PersonReference, ...],
        Field(
            max_length=4, description="The bank's references of the two or more persons who looked; no names."
        ),
    ] = ()


class Reservation(Application, Reviewing):
    """A check with a reservation, in one step."""

    reference: Reference
    consignments: Annotated[tuple[OwnReference, ...], Field(min_length=1, max_length=MOST)]
    papers: Papers


class Drawing(Reviewing):
    """What is to be paid out."""

    amount: Amount


class Substitution(Reviewing):
    """The bank's other financing whose place this one takes, with what is owed there."""

    replaces: Reference


class Waiver(RequestBody):
    """The security is given back although something is owed under the financing, and on what ground."""

    grounds: Literal["OTHER_SECURITY", "RESTRUCTURED", "SETTLED_ELSEWHERE", "OTHER"]


class Goods(RequestBody):
    """A box, note, declaration or consignment that identifies pledged goods."""

    kind: Literal["container", "note", "declaration", "consignment"]
    id: Identifier

    def thing(self) -> Thing:
        """As the core knows it."""
        kind = ObjectKind[self.kind.upper()]
        return Thing(kind, canonical_key(kind, self.id))


class Giving(RequestBody):
    """How a security is given back: as a whole, or the ``goods`` that are named, or a part worth ``amount``.

    Without a waiver only where nothing is owed, or what is left is worth what is owed.
    """

    waiver: Waiver | None = None
    goods: Annotated[
        tuple[Goods, ...],
        Field(max_length=64, description="What is given back while the rest stays pledged."),
    ] = ()
    amount: Annotated[
        Amount | None,
        Field(description="What the part is worth; without it boxes are of equal value."),
    ] = None

    def things(self) -> tuple[Thing, ...]:
        """The goods as the core knows them, each once, in order."""
        return tuple(sorted({each.thing() for each in self.goods}))


class Enquiry(RequestBody):
    """Papers that other registries are asked about."""

    papers: Papers


class Disposal(RequestBody):
    """A request about cargo: whether it may be released, re-consigned or transferred."""

    action: Literal["RELEASE_ORDER", "RECONSIGN", "TRANSFER"]
    consignments: Annotated[tuple[OwnReference, ...], Field(max_length=MOST)] = ()
    goods: Annotated[
        tuple[Goods, ...],
        Field(
            max_length=64,
            description="Boxes, notes or declarations, where only a part of the cargo is meant.",
        ),
    ] = ()

    @model_validator(mode="after")
    def _named(self) -> Disposal:
        if not self.consignments and not self.goods:
            raise ValueError("consignments or goods are named")
        return self

    def about(self) -> tuple[Thing, ...]:
        """Everything that is named, each once, in order."""
        return tuple(sorted({*things(self.consignments), *(each.thing() for each in self.goods)}))


class Acknowledgement(RequestBody):
    """What the bank remarks on an alert that it has seen."""

    remark: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\u0000-\u001f\u007f-\u009f]*$")] = (
        ""
    )


class Corroboration(Application):
    """An invoice that was presented, and the consignments that it is said to be for."""

    consignments: Annotated[tuple[OwnReference, ...], Field(min_length=1, max_length=MOST)]
    invoice: Invoice


def own(text: str) -> str:
    """``party/reference`` in its canonical spelling."""
    return canonical_key(ObjectKind.CONSIGNMENT, text)


def things(names: tuple[str, ...]) -> tuple[Thing, ...]:
    """The consignments called ``founder/reference``, each once, in order."""
    return tuple(sorted({consignment(*own(name).split("/", 1)) for name in names}))
