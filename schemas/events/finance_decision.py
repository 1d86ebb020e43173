"""The platform's decisions (numbers 6300 to 6399): what depended on who came first, taken once and never recomputed."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.events.base import ObjectRef, PartyCode, Time, Wire
from schemas.events.declare import CARGO, event
from schemas.events.document_trade import Amount
from schemas.events.finance_terms import EventOf, FinanceFact, Waiver
from schemas.events.vocabulary import ObjectKind, Region, Role
from schemas.events.wire import Code, Free, OwnReference, Sha256Hex
from schemas.reasons import Reason, Refusal
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
Digest16 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""16 bytes of a SHA-256, in lower hex."""


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


class DecidedWhole(Decided):
    """The platform decided a request under the lock of what it encumbers; with all that was asked and taken.

    ``asked_digest`` tells the request from any other, ``request_event`` is the id of the signed event that it came in. A
    reservation names its terms and its ``cargo``, the consignments that it is on; ``takes_sha256`` is the digest of the
    fingerprints that it takes, so that none can be changed or left out unseen.
    """

    asked_digest: Digest16 | None = None
    request_event: Digest16 | None = None
    application: OwnReference | None = None
    applicant: PartyCode | None = None
    product: Free | None = None
    interest: Free | None = None
    cargo: Annotated[tuple[OwnReference, ...], Field(strict=False, max_length=256)] = ()
    takes_sha256: Sha256Hex | None = None


DecidedWhole.spec = replace(Decided.spec, type="cre.finance.decided.v2")


class DecidedOnGoods(DecidedWhole):
    """The platform decided a request under the lock of what it encumbers; with what it has in common, or what is waived.

    ``shares`` is what a refused request about cargo names together with goods under a release block of another consignment.
    ``waiver`` is the ground on which a bank released ``amount``, which is owed. A decision that has neither is a second version.
    """

    shares: Annotated[tuple[ObjectRef, ...], Field(strict=False, max_length=16)] = ()
    waiver: Waiver | None = None


DecidedOnGoods.spec = replace(Decided.spec, type="cre.finance.decided.v3")


PersonReference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A bank's own reference of one of its persons; no name."""


class Resembling(Wire):
    """What one deal has in common with so many other ``deals`` that are held: its features, with their points by a version of the table."""

    kind: Code
    features: Annotated[tuple[Code, ...], Field(strict=False, max_length=16)]
    points: Annotated[int, Field(ge=-1_000, le=1_000)]
    table: Free
    deals: Annotated[int, Field(ge=1, le=100_000)]


class DecidedReviewed(DecidedOnGoods):
    """The platform decided a request under the lock of what it encumbers; with the part of the goods that it is about, or what is alike.

    ``action`` may be RELEASE_PART: a bank gives back ``goods``, or a part of the value, ``amount`` being the value that is given back
    and ``freed_sha256`` the digest of the fingerprints that it frees. A request about cargo that is done has the ``goods`` that
    it names where they were given back while the rest of its consignment is pledged.

    ``resembles`` is what is alike where people have to look. A reservation after such a review names it by its number
    (``reviewed``) and the bank's references of the persons who looked. Any other decision is an earlier version.
    """

    action: Action | Literal["RELEASE_PART"]  # type: ignore[assignment]
    goods: Annotated[tuple[ObjectRef, ...], Field(strict=False, max_length=256)] = ()
    freed_sha256: Sha256Hex | None = None
    resembles: Annotated[tuple[Resembling, ...], Field(strict=False, max_length=16)] = ()
    reviewed: Number | None = None
    reviewers: Annotated[tuple[PersonReference, ...], Field(strict=False, max_length=4)] = ()

    def check(self) -> None:
        super().check()
        self.check_kinds(self.goods, "goods")


DecidedReviewed.spec = replace(Decided.spec, type="cre.finance.decided.v4")


class Signatory(Wire):
    """A signed-in person who acted: the issuer that signed the person in, and the platform's random pseudonym of it."""

    issuer: Annotated[str, Field(pattern=r"^https?://[!-~]{1,245}$")]
    pseudonym: Digest16


class DecidedByTwo(DecidedReviewed):
    """The platform decided a request that one signed-in person of the bank prepared and another one approved.

    Never the same person. A decision on any other request is an earlier version.
    """

    prepared_by: Signatory | None = None
    approved_by: Signatory | None = None

    def check(self) -> None:
        super().check()
        persons = [each.pseudonym for each in (self.prepared_by, self.approved_by) if each is not None]
        if len(persons) == 1 or len(set(persons)) != len(persons):
            raise Refusal(
                Reason.INVALID_SCHEMA,
                "A decision names two different persons, or none.",
                "/approved_by",
                "Name who prepared it and who approved it.",
            )


DecidedByTwo.spec = replace(Decided.spec, type="cre.finance.decided.v5")


def unchanged(value: dict[str, Any]) -> dict[str, Any]:
    """The value of one version as one of the next, which has only further optional fields."""
    return value
