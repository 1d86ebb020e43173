"""What financing events share: products, interests, the shapes of an application's and a financing's events.

A financing is known as ``<bank>/<reference>`` and an application as ``<applicant>/<reference>``, each by its founder's
own reference, as a consignment is. Nothing here is a milestone: no view of a consignment shows that it is financed.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import ObjectRef, Payload, Time, Wire
from schemas.events.declare import CARGO, DOCUMENTED, event
from schemas.events.keys import canonical_key
from schemas.events.vocabulary import ObjectKind, Region, Role
from schemas.events.wire import OwnReference, Source
from schemas.rfc3339 import parse_micros

Product = Literal[
    "EXPORT_RECEIVABLE",
    "INVOICE_DISCOUNT",
    "IMPORT_LC",
    "IN_TRANSIT_GOODS",
    "NEGOTIABLE_DOCUMENT",
    "FREIGHT_LOAN",
]
Interest = Literal["RECEIVABLE", "GOODS", "DOCUMENT"]
BasisPoints = Annotated[int, Field(ge=1, le=10_000)]
"""Hundredths of a percent."""
Cargo = Annotated[tuple[ObjectRef, ...], Field(strict=False, min_length=1, max_length=256)]

FINANCED = DOCUMENTED | {ObjectKind.DECLARATION}
"""What an application may be about."""


by_bank = partial(
    event, region=Region.FINANCE, by=(Role.BANK,), about=CARGO, authority=(Role.BANK,), document="loan file"
)
"""The bank's own word on its financing."""
by_applicant = partial(
    event,
    region=Region.FINANCE,
    by=(Role.SHIPPER, Role.CONSIGNEE, Role.FORWARDER),
    about=FINANCED | {ObjectKind.CONTAINER},
    authority=(Role.SHIPPER, Role.CONSIGNEE, Role.FORWARDER),
    document="application",
)
"""The word of whoever asks a bank for money."""


class Waiver(Wire):
    """A bank gives a security back although something is owed under it, and says on what ground."""

    grounds: Literal["OTHER_SECURITY", "RESTRUCTURED", "SETTLED_ELSEWHERE", "OTHER"]


class EventOf(Wire):
    """One event of a party, named as its publisher named it."""

    source: Source
    id: Annotated[str, Field(min_length=1, max_length=256)]


class FinanceFact(Payload):
    """Something that happened to an application, a financing or its security, at one moment."""

    happened: Time

    @cached_property
    def happened_micros(self) -> int:
        """``happened`` in UTC microseconds; raises Refusal where it is no time that exists."""
        return parse_micros(self.happened, "/happened")

    def check(self) -> None:
        self.happened_micros  # noqa: B018 - read once, kept


class OfApplication(FinanceFact):
    """A fact about the application that everybody knows as ``<applicant>/<reference>``."""

    application: OwnReference

    @property
    def application_key(self) -> str:
        """The application in canonical spelling."""
        return own_key(self.application)


class OfFinancing(FinanceFact):
    """A fact about the financing that everybody knows as ``<bank>/<reference>``."""

    financing: OwnReference

    @property
    def financing_key(self) -> str:
        """The financing in canonical spelling."""
        return own_key(self.financing)


def own_key(text: str) -> str:
    """The canonical spelling of ``party/reference``."""
    return canonical_key(ObjectKind.CONSIGNMENT, text)
