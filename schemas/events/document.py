"""Consignment notes and the handling of documents (numbers 2000 to 2009 and 2030 to 2049)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import Edge, Milestone
from schemas.events.declare import CARGO, event
from schemas.events.document_trade import TradeParty
from schemas.events.keys import canonical_key
from schemas.events.spec import DAY
from schemas.events.vocabulary import Episode, ObjectKind, Region, Role, Territory
from schemas.events.wire import Commodity, Count, Date, Identifier, Kilograms, Place, Seal

_NOTE = frozenset({ObjectKind.NOTE})
_note = partial(
    event,
    region=Region.DOCUMENT,
    by=(Role.RAILWAY, Role.OPERATOR, Role.FORWARDER),
    about=_NOTE,
    authority=(Role.RAILWAY,),
    territory=Territory.PLACE,
    also=(Role.SHIPPER, Role.FORWARDER),
    tolerance=0,
    moves=True,
    document="consignment note",
)

Form = Literal["SMGS", "CIM", "CIMSMGS"]
Documentary = Literal[
    "NOTE",
    "INVOICE",
    "PACKING_LIST",
    "CERTIFICATE_OF_ORIGIN",
    "INSURANCE",
    "DANGEROUS_GOODS",
    "PERMIT",
    "PHYTOSANITARY",
    "TRANSLATION",
    "OTHER",
]


@_note("document.note_issued.v1", 2000)
class NoteIssued(Milestone):
    """A carrier accepted goods for carriage under a consignment note; ``objects`` are the note."""

    form: Form
    consignor_party: TradeParty | None = None
    consignee_party: TradeParty | None = None
    carrier_acceptance_place: Place | None = None
    place_of_delivery: Place | None = None
    commodities: Annotated[tuple[Commodity, ...], Field(strict=False, max_length=64)] = ()
    gross_weight_kg: Kilograms | None = None
    package_quantity: Count | None = None
    seals: Annotated[tuple[Seal, ...], Field(strict=False, max_length=16)] = ()


@_note("document.note_reissued.v1", 2001, answers=("document.note_issued.v1",))
class NoteReissued(Milestone):
    """A consignment note was exchanged for another one, as SMGS for CIM at the border; both numbers stay.

    ``objects`` are the new note; facts about it reach what the notes in ``replaces`` cover.
    """

    form: Form
    replaces: Annotated[tuple[Identifier, ...], Field(strict=False, min_length=1, max_length=16)]

    def edges(self, _publisher: str, /) -> tuple[Edge, ...]:
        return tuple(
            ((new.kind, new.key), (ObjectKind.NOTE, canonical_key(ObjectKind.NOTE, old)))
            for new in self.objects
            for old in self.replaces
        )


@_note("document.note_amended.v1", 2002, moves=False, answers=("document.note_issued.v1",))
class NoteAmended(Milestone):
    """A change was recorded in a consignment note, with its order number."""

    order_number: Identifier
    concerns: Literal["CONSIGNEE", "DESTINATION", "WEIGHT", "SEALS", "WAGON", "GOODS", "OTHER"]


_paper = partial(
    event,
    region=Region.DOCUMENT,
    by=(Role.FORWARDER, Role.OPERATOR, Role.RAILWAY, Role.CUSTOMS, Role.TERMINAL, Role.BANK),
    about=CARGO | {ObjectKind.DECLARATION},
    tolerance=DAY,
)


@_paper(
    "document.release_order_issued.v1",
    2030,
    by=(Role.FORWARDER, Role.OPERATOR, Role.CONSIGNEE, Role.SHIPPER, Role.BANK, Role.RAILWAY),
    authority=(Role.RAILWAY, Role.OPERATOR, Role.FORWARDER),
    also=(Role.CONSIGNEE, Role.BANK),
    moves=True,
    document="delivery order",
)
class ReleaseOrderIssued(Milestone):
    """Who holds the title paper ordered the cargo to be delivered."""

    document_id: Identifier
    issue_date: Date | None = None
    released_to_party: TradeParty | None = None


@_paper(
    "document.arrival_notice_issued.v1",
    2031,
    authority=(Role.RAILWAY, Role.TERMINAL),
    territory=Territory.PLACE,
    also=(Role.FORWARDER,),
    moves=True,
    document="arrival notice",
)
class ArrivalNoticeIssued(Milestone):
    """The consignee was notified that the cargo arrived."""

    document_id: Identifier | None = None


@_paper(
    "document.document_rejected.v1",
    2040,
    authority=(Role.CUSTOMS, Role.RAILWAY),
    territory=Territory.PLACE,
    opens=Episode.DOCUMENT_REJECTED,
    owner=Role.FORWARDER,
    due=DAY,
)
class DocumentRejected(Milestone):
    """A paper was refused: missing, vague, untranslated or contradicting another one."""

    document_type: Documentary
    document_id: Identifier | None = None
    reason: Literal[
        "MISSING",
        "VAGUE_DESCRIPTION",
        "NO_TRANSLATION",
        "WRONG_CODE",
        "WRONG_PARTY",
        "CONTRADICTION",
        "OTHER",
    ]


@_paper(
    "document.document_amended.v1",
    2041,
    by=(Role.FORWARDER, Role.OPERATOR, Role.RAILWAY, Role.SHIPPER, Role.CONSIGNEE, Role.CUSTOMS),
    authority=(Role.CUSTOMS, Role.RAILWAY),
    territory=Territory.PLACE,
    also=(Role.FORWARDER, Role.SHIPPER),
    closes=Episode.DOCUMENT_REJECTED,
    answers=("document.document_rejected.v1",),
)
class DocumentAmended(Milestone):
    """A paper was amended or supplied."""

    document_type: Documentary
    document_id: Identifier | None = None
