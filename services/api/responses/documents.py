"""Answers about documents: what they say, by which law, what supports it, who holds the original and how it came there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from services.api.responses.base import EventName, Moment, NextCursor, Shape
from services.api.responses.financing import Assurance, Number


class Legal(Shape):
    """What the document is by its legal basis today."""

    basis: str
    title: Annotated[
        Literal["TITLE", "NOT_TITLE", "UNKNOWN"],
        Field(description="TITLE only where the basis makes it a document of title and is in force."),
    ]
    statement: str
    source: str
    adopted_on: str | None
    in_force_from: Annotated[str | None, Field(description="Null: not known to be in force.")]
    table: str


class Evidence(Shape):
    """A signed event that says something of the field; never what it says."""

    event: EventName
    by: str
    assurance: Assurance


class FieldShown(Shape):
    """A field, and whether signed events support it."""

    name: str
    value: Any
    support: Literal["SUPPORTED", "CONTRADICTED", "DISPUTED", "NOT_STATED"]
    supported_by: list[Evidence]
    contradicted_by: list[Evidence]


class Signature(Shape):
    """Who has to sign the version, and whether they have."""

    role: str
    party: str
    signed: bool


class PledgeShown(Shape):
    """In whose favour the original is pledged, and by whom."""

    pledgor: str
    pledgee: str
    transfer: str


class HoldingShown(Shape):
    """Who holds the original, since when, by which transfer."""

    holder: Annotated[
        str | None, Field(description="Null while it is on paper or away, and once it is void.")
    ]
    order: Annotated[
        str | None, Field(description="To whose order it is made out; BEARER: endorsed in blank.")
    ]
    since: Moment
    transfer: str
    medium: Literal["ELECTRONIC", "PAPER", "AWAY"]
    state: Literal["LIVE", "SURRENDERED", "VOID"]
    pledge: PledgeShown | None


class DocumentSummary(Shape):
    """A document of a list."""

    document: str
    number: str
    kind: str
    form: str
    issuer: str
    consignment: str
    version: int
    content: Annotated[str, Field(description="SHA-256 of the version's canonical JSON (RFC 8785).")]
    status: Annotated[
        Literal["DRAFT", "PENDING", "EFFECTIVE"],
        Field(
            description="PENDING: witnesses have yet to cosign the latest transfer; nothing further is done until then."
        ),
    ]
    holding: Annotated[HoldingShown | None, Field(description="By the effective transfers.")]
    pending: Annotated[
        HoldingShown | None, Field(description="What it will be once the latest transfer is effective.")
    ]
    last: Annotated[
        str, Field(description="The digest of the latest transfer: `previous` of the next instruction.")
    ]


class Documents(Shape):
    """Documents, the latest change first."""

    items: list[DocumentSummary]
    next: NextCursor


class Draft(Shape):
    """A version that was drafted and is not in force: who is to sign it reads it here."""

    version: int
    content: str
    body: dict[str, Any]
    signatures: list[Signature]


class DocumentShown(DocumentSummary):
    """A document, whole."""

    body: Annotated[dict[str, Any], Field(description="The version, as its digest covers it.")]
    legal: Legal
    fields: list[FieldShown]
    signatures: list[Signature]
    drafts: list[Draft]


class ProposedDocument(Shape):
    """A document built from shared data, not yet drafted: look at it, sign its DRAFT, send both."""

    document: str
    content: str
    body: dict[str, Any]
    legal: Legal
    fields: list[FieldShown]
    signatures: list[Signature]


class DocumentDecision(Shape):
    """A recorded decision on an instruction. The same instruction is the same decision."""

    outcome: Literal["DONE", "REFUSED"]
    document: str
    action: str
    by: str
    at: Moment
    to: str | None
    version: int
    content: str
    number: Number
    transfer: Annotated[str | None, Field(description="The digest of the transfer that it is.")]
    place: Annotated[int | None, Field(description="Its number in the chain of transfers.")]
    status: Literal["PENDING", "EFFECTIVE"] | None
    previous: str | None
    paper: str | None
    guard: Annotated[str | None, Field(description="Why it was refused.")]
    satisfied_by: Annotated[str | None, Field(description="What would let it.")]


class DocumentHistory(Shape):
    """Every decision on a document, the first one first."""

    items: list[DocumentDecision]
