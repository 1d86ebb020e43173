"""Control of the cargo and entries in legal registers (numbers 6100 to 6199), as partners publish them.

A rail note is no document of title. What a lender has instead is written down plainly: which note, who holds its
duplicate, whether the consignee may dispose all the same, and until when. A note alone is never shown as control.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import Literal

from schemas.events.base import PartyCode, Time
from schemas.events.declare import event
from schemas.events.finance_terms import FinanceFact, OfFinancing, by_bank
from schemas.events.keys import canonical_key
from schemas.events.vocabulary import ObjectKind, Region, Role
from schemas.events.wire import Country, Date, Free, Identifier
from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import parse_micros

_control = partial(
    event,
    region=Region.FINANCE,
    by=(Role.RAILWAY, Role.FORWARDER, Role.OPERATOR, Role.BANK, Role.SHIPPER),
    about=(ObjectKind.NOTE,),
    authority=(Role.RAILWAY,),
    also=(Role.FORWARDER, Role.BANK),
    document="duplicate of the note",
)


class _OfNote(FinanceFact):
    note: Identifier

    @property
    def note_key(self) -> str:
        """The note in canonical spelling."""
        return canonical_key(ObjectKind.NOTE, self.note)


@_control("finance.control_recorded.v1", 6100)
class ControlRecorded(_OfNote):
    """Who holds the duplicate of a note or the document itself, and whether the consignee may dispose all the same.

    ``ends_at`` is when the right to dispose passes by itself, such as at the entry border of the country of destination.
    """

    note_type: Literal["SMGS", "CIM", "CIMSMGS", "RAIL_BILL_OF_LADING", "NEGOTIABLE_CARGO_DOCUMENT"]
    duplicate_holder: PartyCode
    consignee_may_dispose: bool
    ends_at: Time | None = None

    @cached_property
    def ends_micros(self) -> int | None:
        """``ends_at`` in UTC microseconds, None where no end is known."""
        return None if self.ends_at is None else parse_micros(self.ends_at, "/ends_at")

    def check(self) -> None:
        super().check()
        self.ends_micros  # noqa: B018 - read once, kept


@_control("finance.control_ended.v1", 6101, answers=("finance.control_recorded.v1",))
class ControlEnded(_OfNote):
    """The duplicate was given up, or the right to dispose passed to the consignee."""

    cause: Literal["SURRENDERED", "CONSIGNEE_DISPOSED", "REISSUED", "LOST", "OTHER"]


@by_bank(
    "finance.registration_made.v1",
    6110,
    by=(Role.BANK, Role.AUTHORITY),
    authority=(Role.AUTHORITY,),
    also=(Role.BANK,),
    document="register statement",
)
class RegistrationMade(OfFinancing):
    """The security was entered in a legal register, such as China's unified movable-property registration."""

    register_name: Free
    country: Country
    number: Identifier
    registered_on: Date
    expires_on: Date | None = None

    def check(self) -> None:
        super().check()
        if self.expires_on is not None and self.expires_on < self.registered_on:
            raise Refusal(
                Reason.INVALID_TIME,
                "The entry expires before it was made.",
                "/expires_on",
                "Give a later day, or none.",
            )


@by_bank(
    "finance.registration_ended.v1",
    6111,
    by=(Role.BANK, Role.AUTHORITY),
    authority=(Role.AUTHORITY,),
    also=(Role.BANK,),
    answers=("finance.registration_made.v1",),
    document="register statement",
)
class RegistrationEnded(OfFinancing):
    """An entry in a legal register was cancelled or expired."""

    number: Identifier
