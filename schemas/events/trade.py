"""What a trade is, stated once by who does it (numbers 2200 to 2299): the data behind the declarations of several customs.

Numbers with decimals are text, written in one way only (no sign, no needless zeros), and what is not stated is left out: so a version
has one JSON form, and the SHA-256 of that form with its keys sorted is its digest.
"""

from __future__ import annotations

from base64 import b64decode
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag, ValidationError

from schemas import strict_json
from schemas.events.base import Milestone, ObjectRef, PartyCode, Wire
from schemas.events.customs_whole import LARGEST, PackedBase64, unpacked
from schemas.events.declare import CARGO, event
from schemas.events.document_trade import PartyScheme
from schemas.events.vocabulary import Region, Role
from schemas.events.wire import LINE, Code, Count, Date, Description, Free, Sha256Hex
from schemas.identifiers.natural_person import is_private
from schemas.reasons import Reason, Refusal


class PartyRole(StrEnum):
    """What a party is in a trade."""

    SELLER = "SELLER"
    BUYER = "BUYER"
    CONSIGNOR = "CONSIGNOR"
    CONSIGNEE = "CONSIGNEE"
    DECLARANT = "DECLARANT"


class ReferenceKind(StrEnum):
    """What a paper is that another one refers to."""

    CONTRACT = "CONTRACT"
    INVOICE = "INVOICE"
    TRANSPORT = "TRANSPORT"
    ORIGIN = "ORIGIN"
    DECLARATION = "DECLARATION"


class ChargeKind(StrEnum):
    """What is paid beside the goods."""

    FREIGHT = "FREIGHT"
    INSURANCE = "INSURANCE"
    DISCOUNT = "DISCOUNT"
    TAX = "TAX"
    OTHER = "OTHER"


Exact = Annotated[
    str,
    StringConstraints(pattern=r"^(0|[1-9][0-9]{0,17})(\.[0-9]{0,5}[1-9])?$"),
    Field(
        description="A mass in kilograms or a quantity: decimal text, exact to 10^-6, without needless zeros."
    ),
]
Price = Annotated[
    str,
    StringConstraints(pattern=r"^(0|[1-9][0-9]{0,17})(\.[0-9]{0,11}[1-9])?$"),
    Field(description="An amount in units of the currency: decimal text, exact, without needless zeros."),
]
LineId = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=40)]
Reference = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~]+$", max_length=64),
    Field(description="A party's own reference of a trade: visible ASCII without blanks."),
]
Box = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{4,17}$")]
Origin = Annotated[
    str,
    StringConstraints(pattern=r"^([A-Z]{2}|00|99)$"),
    Field(description="ISO 3166-1 alpha-2, EU, 00 where it is not known, 99 for several."),
]
DeliveryTerms = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
MOST_LINES = 999


class CommodityCode(Wire):
    """A commodity code: whose list it is of, its digits, and the edition of the Harmonized System behind it."""

    scheme: Literal["HS", "CN", "EAEU", "NHM"]
    digits: Annotated[str, StringConstraints(pattern=r"^[0-9]{6,13}$")]
    edition: Annotated[int, Field(ge=1988, le=2100)]


class StatedParty(Wire):
    """A legal person by its registered number, its name beside it; never a natural person."""

    role: Annotated[PartyRole, Field(strict=False)]
    scheme: PartyScheme
    number: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z-]{1,39}$")]
    name: Description | None = None


class StatedLine(Wire):
    """A line of goods under an id that lasts through all versions; ``unit`` is a code of UN/ECE Recommendation 20, masses are kilograms."""

    id: LineId
    description: Description
    code: CommodityCode
    origin: Origin
    quantity: Exact
    unit: Code
    price: Price
    amount: Price
    gross: Exact | None = None
    net: Exact | None = None
    packages: Count | None = None


class StatedCharge(Wire):
    """A charge beside the goods, in the currency of the trade; a discount is one, above zero."""

    kind: Annotated[ChargeKind, Field(strict=False)]
    amount: Price


class StatedPaper(Wire):
    """A paper of the trade by kind, number and day."""

    kind: Annotated[ReferenceKind, Field(strict=False)]
    number: Free
    day: Date | None = None


class TradeData(Wire):
    """One version of a trade's data; ``previous`` is the digest of the version before and is left out of the first."""

    reference: Reference
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    previous: Sha256Hex | None = None
    currency: CurrencyCode
    terms: DeliveryTerms | None = None
    terms_place: Description | None = None
    parties: Annotated[tuple[StatedParty, ...], Field(strict=False, max_length=16)] = ()
    lines: Annotated[tuple[StatedLine, ...], Field(strict=False, min_length=1, max_length=MOST_LINES)]
    charges: Annotated[tuple[StatedCharge, ...], Field(strict=False, max_length=64)] = ()
    package_level: Code | None = None
    boxes: Annotated[tuple[Box, ...], Field(strict=False, max_length=256)] = ()
    papers: Annotated[tuple[StatedPaper, ...], Field(strict=False, max_length=64)] = ()

    def check(self, at: str) -> None:
        """Refuse what no pattern can, with pointers below ``at``: natural persons, ids of lines that repeat, a version without the one before."""
        if (self.version == 1) != (self.previous is None):
            raise Refusal(
                Reason.INVALID_SCHEMA,
                f"Version {self.version} names {'no' if self.previous is None else 'a'} version before it.",
                f"{at}/previous",
                "Give the first version no digest, each other one the digest of the one before.",
            )
        for n, party in enumerate(self.parties):
            if is_private(party.number, party.name or "", party.scheme):
                raise Refusal(
                    Reason.INVALID_SCHEMA,
                    "A natural person stands here.",
                    f"{at}/parties/{n}",
                    "Leave it out: only legal persons are named, by their registered numbers.",
                )
        ids = set[str]()
        for n, line in enumerate(self.lines):
            if line.id in ids:
                raise Refusal(
                    Reason.INVALID_SCHEMA,
                    f"The line id {line.id!r} stands twice.",
                    f"{at}/lines/{n}/id",
                    "Give each line an id that lasts.",
                )
            ids.add(line.id)


class PackedJson(Wire):
    """JSON that would not fit: a gzip file of one member (RFC 1952) in base64, and how many bytes it holds."""

    gzip_b64: PackedBase64
    length: Annotated[int, Field(ge=1, le=LARGEST)]

    def value(self, at: str) -> object:
        """The JSON value; raises Refusal at ``at`` where it is none."""
        try:
            raw = unpacked(b64decode(self.gzip_b64, validate=True), self.length)
        except ValueError as problem:
            raise Refusal(
                Reason.INVALID_SCHEMA, f"It cannot be unpacked: {problem}.", at, "Pack it again with gzip."
            ) from None
        return strict_json.loads(raw, LARGEST)


def unpacked_refusal(invalid: ValidationError, at: str) -> Refusal:
    """The refusal of what was packed at ``at`` and is not what should stand there."""
    first = invalid.errors(include_url=False)[0]
    where = "".join(f"/{part}" for part in first["loc"])
    return Refusal(
        Reason.INVALID_SCHEMA,
        f"What is packed is not of the form: {first['msg']} at {where[:120]}."[:300],
        at,
        "Compare what was packed with the published JSON Schema.",
    )


STATED, PACKED = "<stated>", "<packed>"
"""How a member was sent; in angle brackets, which no name of a member has, so that pointers leave it out."""


def sent(value: Any) -> str:
    """Whether ``value`` was packed."""
    packed = isinstance(value, PackedJson) or (isinstance(value, dict) and "gzip_b64" in value)
    return PACKED if packed else STATED


@event(
    "trade.dataset_stated.v1",
    2200,
    region=Region.DOCUMENT,
    by=(Role.SHIPPER, Role.FORWARDER, Role.CONSIGNEE),
    about=CARGO,
    document="trade data",
)
class DatasetStated(Milestone):
    """A party stated a version of a trade's data, from which declarations are made; ``objects`` are what the goods travel in or under.

    ``dataset`` is the version itself, or that JSON packed where it would not fit. Its reference is one of ``owner``, the publisher where
    that is left out. No version replaces another: each names the one before by its digest, and forks and gaps are shown.
    """

    owner: PartyCode | None = None
    dataset: Annotated[
        Annotated[TradeData, Tag(STATED)] | Annotated[PackedJson, Tag(PACKED)], Discriminator(sent)
    ]

    @cached_property
    def data(self) -> TradeData:
        """The version, unpacked; raises Refusal where what was packed is none."""
        if isinstance(self.dataset, TradeData):
            return self.dataset
        try:
            return TradeData.model_validate(self.dataset.value("/dataset"))
        except ValidationError as invalid:
            raise unpacked_refusal(invalid, "/dataset") from None

    def check(self) -> None:
        super().check()
        self.data.check("/dataset")


class ExplainedFinding(Wire):
    """A finding of a check: its number, its lines as they are called there, and the digest of what it says of which values."""

    check: Annotated[str, StringConstraints(pattern=r"^D[0-9]{2}$")]
    lines: Annotated[str, StringConstraints(pattern=LINE, max_length=200)] = ""
    digest: Sha256Hex


@event(
    "trade.finding_explained.v1",
    2201,
    region=Region.DOCUMENT,
    by=(Role.SHIPPER, Role.FORWARDER, Role.CONSIGNEE, Role.CUSTOMS),
    about=CARGO,
    document="explanation",
)
class FindingExplained(Milestone):
    """A party explained a finding of the checks on a trade: why its values differ and are right. The finding stays and is marked.

    It is about the trade ``reference`` of ``owner``, the publisher where that is left out, and names no ``objects``. It counts from the
    trade's owner, from who lodged one of its declarations and from customs of their countries, as long as the finding has this digest.
    """

    objects: Annotated[tuple[ObjectRef, ...], Field(strict=False, max_length=0)] = ()
    owner: PartyCode | None = None
    reference: Reference
    finding: ExplainedFinding
    text: Annotated[
        str,
        StringConstraints(pattern=LINE, min_length=1, max_length=500),
        Field(description="For people; never about a natural person."),
    ]

    def check(self) -> None:
        super().check()
        words = self.text.split()
        if any(is_private(word.strip("().,;:"), " ".join(words[n : n + 3])) for n, word in enumerate(words)):
            raise Refusal(
                Reason.INVALID_SCHEMA,
                "A natural person stands here.",
                "/text",
                "Leave it out: explain by papers and legal persons.",
            )
