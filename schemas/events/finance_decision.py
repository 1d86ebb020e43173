"""The platform's decisions (numbers 6300 to 6399): what depended on who came first, taken once and never recomputed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import PartyCode, Time
from schemas.events.declare import CARGO, event
from schemas.events.finance_terms import EventOf, FinanceFact
from schemas.events.trade import Amount
from schemas.events.vocabulary import ObjectKind, Region, Role
from schemas.events.wire import Code, Free, OwnReference, Sha256Hex
from schemas.rfc3339 import parse_micros

Action = Literal[
    "RESERVE",
    "PLEDGE",
    "DRAW",
    "RELEASE",
    "CANCEL",
    "SUBSTITUTE",
    "RELEASE_ORDER",
    "RECONSIGN",
    "TRANSFER",
]
Number = Annotated[int, Field(ge=0, le=2**53 - 1)]


@event(
    "finance.decided.v1",
    6300,
    region=Region.FINANCE,
    by=(Role.PLATFORM,),
    about=CARGO | {ObjectKind.DECLARATION},
    authority=(Role.PLATFORM,),
    document="decision",
)
class Decided(FinanceFact):
    """The platform decided a request under the lock of what it encumbers: done, refused by a guard, or to be reviewed.

    ``happened`` is the moment under the lock. ``position`` is the reading position below which everything accepted was
    seen, ``before`` the decision on the same encumbrance that came last, and ``state_sha256`` the digest of what it rests on.
    ``frees`` are other financings whose hold on the same interest ends by it: expired, taken over or substituted.
    """

    action: Action
    outcome: Literal["DONE", "REFUSED", "REVIEW"]
    number: Number
    position: Number
    before: Number | None = None
    state_sha256: Sha256Hex
    request: EventOf | None = None
    idempotency_key: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    asked_by: PartyCode
    financing: OwnReference | None = None
    amount: Amount | None = None
    until: Time | None = None
    frees: Annotated[tuple[OwnReference, ...], Field(strict=False, max_length=256)] = ()
    notices: Annotated[tuple[Code, ...], Field(strict=False, max_length=16)] = ()
    guard: Code | None = None
    satisfied_by: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    rules: Free

    def check(self) -> None:
        super().check()
        if self.until is not None:
            parse_micros(self.until, "/until")
