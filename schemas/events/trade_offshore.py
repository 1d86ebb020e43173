"""Offshore deals (numbers 2201 and 2202): what a resident states of a trade whose goods do not enter home territory, and what the platform decides on its papers.

Home is China: new offshore trade (新型离岸国际贸易) by 银发〔2021〕329号. Whether goods stay outside is not stated here, it is derived from what others
publish. A correction is a correction event; of several live statements of one deal by one publisher the latest published counts.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.events.base import Milestone, ObjectKind, PartyCode, Payload, Time, Wire
from schemas.events.declare import CARGO, event
from schemas.events.document_trade import Amount, PartyScheme
from schemas.events.finance_decision import Digest16, Number
from schemas.events.trade import Reference
from schemas.events.vocabulary import Region, Role
from schemas.events.wire import Code, Country, Date, Description, Free, OwnReference, Sha256Hex
from schemas.identifiers.natural_person import is_private
from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import parse_micros


class DealKind(StrEnum):
    """What an offshore deal is: the four kinds of 银发〔2021〕329号."""

    RESALE = "RESALE"
    GLOBAL_PURCHASE = "GLOBAL_PURCHASE"
    PROCESSING_ABROAD = "PROCESSING_ABROAD"
    WORKS_ABROAD = "WORKS_ABROAD"


class ContractRole(StrEnum):
    """What the resident does under a contract."""

    BUYS = "BUYS"
    SELLS = "SELLS"
    HAS_PROCESSED = "HAS_PROCESSED"
    WORKS = "WORKS"


class DealPaperKind(StrEnum):
    """A paper that a bank may annotate."""

    INVOICE = "INVOICE"
    TRANSPORT = "TRANSPORT"
    DECLARATION = "DECLARATION"


class DealParty(Wire):
    """A legal person by its registered number, its name beside it; never a natural person."""

    scheme: PartyScheme
    number: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z-]{1,39}$")]
    name: Description | None = None


class DealContract(Wire):
    """A contract of the deal; ``subheading`` is the Harmonized System's, ``destination`` the country that the goods go to by it."""

    number: Free
    role: Annotated[ContractRole, Field(strict=False)]
    counterparty: DealParty
    day: Date | None = None
    amount: Amount | None = None
    subheading: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")] | None = None
    destination: Country | None = None


class DealPaper(Wire):
    """A paper behind a payment. ``issuer`` is left out where the publisher issued it; without ``amount`` it is annotated whole or not at all.

    The number of a declaration is jurisdiction/number, of a rail note its form, country, station, number and year.
    """

    kind: Annotated[DealPaperKind, Field(strict=False)]
    number: Annotated[str, StringConstraints(pattern=r"^[^\s]+( [^\s]+)*$", min_length=1, max_length=128)]
    issuer: DealParty | None = None
    day: Date | None = None
    amount: Amount | None = None


class Vessel(Wire):
    """A vessel by its IMO number, and the voyage."""

    imo: Annotated[str, StringConstraints(pattern=r"^[0-9]{7}$")]
    voyage: Free | None = None


@event(
    "trade.offshore_deal_stated.v1",
    2201,
    region=Region.DOCUMENT,
    by=(Role.SHIPPER, Role.FORWARDER, Role.CONSIGNEE),
    about=CARGO | {ObjectKind.PLACE},
    document="offshore deal",
)
class OffshoreDealStated(Milestone):
    """A resident stated an offshore deal: its contracts, its balance-of-payments code and its papers; ``objects`` are what the goods travel in or under.

    The resident is the publisher: nobody states a deal for another one. Works abroad without goods name their place. ``bop`` is the code of the
    balance of payments by which both payments are reported (122010: merchanting; 121030: bonded goods). Goods of it are in no customs statistics
    of the home country. No object makes the deal known to others: who shares a box learns nothing of it.
    """

    reference: Reference
    kind: Annotated[DealKind, Field(strict=False)]
    bop: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
    customs_statistics: Literal[False] = False
    contracts: Annotated[tuple[DealContract, ...], Field(strict=False, min_length=2, max_length=64)]
    papers: Annotated[tuple[DealPaper, ...], Field(strict=False, max_length=256)] = ()
    vessels: Annotated[tuple[Vessel, ...], Field(strict=False, max_length=16)] = ()

    def check(self) -> None:
        super().check()
        named = [(f"/contracts/{n}/counterparty", each.counterparty) for n, each in enumerate(self.contracts)]
        named += [(f"/papers/{n}/issuer", each.issuer) for n, each in enumerate(self.papers) if each.issuer]
        for at, party in named:
            if is_private(party.number, party.name or "", party.scheme):
                raise Refusal(
                    Reason.INVALID_SCHEMA,
                    "A natural person stands here.",
                    at,
                    "Leave it out: only legal persons are named, by their registered numbers.",
                )
        for n, vessel in enumerate(self.vessels):
            digits = [int(each) for each in vessel.imo]
            if sum(digit * (7 - place) for place, digit in enumerate(digits[:6])) % 10 != digits[6]:
                raise Refusal(
                    Reason.INVALID_SCHEMA,
                    "The check digit of the IMO number is wrong.",
                    f"/vessels/{n}/imo",
                    "Give the number as it stands on the vessel's papers.",
                )
        for n, paper in enumerate(self.papers):
            if paper.kind is DealPaperKind.DECLARATION and "/" not in paper.number:
                raise Refusal(
                    Reason.INVALID_SCHEMA,
                    "The number of a declaration names no jurisdiction.",
                    f"/papers/{n}/number",
                    "Write it like DE/26DE123456789012A3.",
                )


@event(
    "trade.annotation_decided.v1",
    2202,
    region=Region.DOCUMENT,
    by=(Role.PLATFORM,),
    about=frozenset({ObjectKind.PLACE}),
    authority=(Role.PLATFORM,),
    document="decision",
)
class AnnotationDecided(Payload):
    """The platform decided an annotation of a paper (签注), or its revocation, under the paper's lock: done, or refused with the reason and a remedy.

    ``happened`` is the moment under the lock, ``position`` the reading position below which everything accepted was seen. ``annotation`` is the
    number of the annotation meant: its own, or the one that is revoked. An annotation takes ``part`` of ``whole``, in minor units of
    ``measure`` (ISO 4217), or the whole paper. The paper is not named: ``takes_sha256`` is the digest of its keyed fingerprints.
    """

    happened: Time
    number: Number
    position: Number
    action: Literal["ANNOTATE", "REVOKE"]
    outcome: Literal["DONE", "REFUSED"]
    by: PartyCode
    request: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[!-~]+$")]
    asked_digest: Digest16
    deal: OwnReference
    stated: Digest16 | None = None
    annotation: Number
    kind: Annotated[DealPaperKind, Field(strict=False)]
    measure: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None
    part: Number | None = None
    whole: Number | None = None
    takes_sha256: Sha256Hex | None = None
    guard: Code | None = None
    satisfied_by: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    rules: Free

    @cached_property
    def happened_micros(self) -> int:
        """``happened`` in UTC microseconds; raises Refusal where it is no time that exists."""
        return parse_micros(self.happened, "/happened")

    def check(self) -> None:
        self.happened_micros  # noqa: B018 - computed once, cached
