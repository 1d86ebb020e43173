"""Requests for decisions, the context that they are decided in, and the replies: plain values."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from schemas.events import finance
from schemas.events.base import Milestone
from schemas.events.finance_terms import OfApplication, OfFinancing
from services.domain.facts import EventId, Micros
from services.domain.objects import Thing, consignment
from services.financing.domain.assignments import KnownAssignments
from services.financing.domain.cargo import Cargo, Report, goods
from services.financing.domain.decisions import Action, Decision, DecisionOutcome, Terms
from services.financing.domain.documents import Papers
from services.financing.domain.external_registries import RegistryAnswer
from services.financing.domain.fingerprints import Fingerprint
from services.financing.domain.lifecycle import Hold, of_financing
from services.financing.domain.money import Money
from services.financing.domain.resemblance import Resemblance
from services.financing.domain.statements import Statement
from services.financing.domain.uniqueness import Entry, Match
from services.people.domain.person import Signatory


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A party's request. ``idempotency`` is the party's own key of it: the same key again is the same request, never a second.

    RESERVE carries ``terms`` and ``papers``; DRAW an ``amount``; SUBSTITUTE the financing that is replaced; ``reviewed`` is the number
    of an earlier REVIEW that the bank has examined, ``reviewers`` are the bank's references of the persons who did. ``request`` is the signed event. ``waiver`` is the ground on which RELEASE gives
    the security back although something is owed, "" waives nothing. RELEASE_PART names ``goods`` that are given back, and the
    ``amount`` that they are worth, or that alone. ``about`` are the objects that a request about cargo names, so
    that its key stands for no other cargo; a signed event names them itself. ``signatories`` are who prepared and who approved it. ``secret`` is the platform's, and keys the digest.
    """

    action: Action
    asked_by: str
    idempotency: str
    financing: str = ""
    request: EventId | None = None
    terms: Terms | None = None
    papers: Papers = field(default_factory=Papers)
    amount: Money | None = None
    replaces: str = ""
    reviewed: int | None = None
    waiver: str = ""
    about: tuple[Thing, ...] = ()
    goods: tuple[Thing, ...] = ()
    reviewers: tuple[str, ...] = ()
    signatories: tuple[Signatory, ...] = ()
    secret: bytes = field(default=b"", repr=False, compare=False)

    @property
    def digest(self) -> bytes:
        """16 bytes of HMAC-SHA-256 over every member but the names of the request. Stored: it rests on the ``repr`` of its members.

        Documents are among them: without the secret nobody who reads what is stored can try their numbers out.
        """
        return hmac.digest(self.secret, self._members, "sha256")[:16]

    def is_same(self, digest: bytes) -> bool:
        """Whether ``digest`` was recorded of this very request, by this release or one that used no secret."""
        return digest in (self.digest, hashlib.sha256(self._members).digest()[:16])

    @property
    def _members(self) -> bytes:
        # A member that came later is left out where it is empty: requests of earlier releases keep their digest.
        left_out = {
            "idempotency",
            "request",
            "secret",
            *(
                name
                for name in ("waiver", "about", "goods", "reviewers", "signatories")
                if not getattr(self, name)
            ),
        }
        members = [repr(getattr(self, f.name)) for f in fields(self) if f.name not in left_out]
        return "\x1f".join(members).encode()

    def done(self, at: Micros, **more: Any) -> Decision:
        """The decision at ``at`` that the request takes effect; ``more`` are further members of Decision."""
        return self._ruled(DecisionOutcome.DONE, at, more)

    def refused(self, at: Micros, guard: str, satisfied_by: str, **more: Any) -> Decision:
        """The decision at ``at`` that it does not, with the guard that failed and its remedy."""
        return self._ruled(
            DecisionOutcome.REFUSED, at, {"guard": guard, "satisfied_by": satisfied_by, **more}
        )

    def _ruled(self, outcome: DecisionOutcome, at: Micros, more: dict[str, Any]) -> Decision:
        members = {
            "number": 0,
            "action": self.action,
            "outcome": outcome,
            "at": at,
            "asked_by": self.asked_by,
            "idempotency": self.idempotency,
            "asked": self.digest,
            "position": 0,
            "rules": "",
            "financing": self.financing,
            "request": self.request,
            "signatories": self.signatories,
            **more,
        }
        return Decision(**members)


class NearbyFinancing(NamedTuple):
    """A financing whose goods may overlap with those of the request, and its consignments."""

    financing: str
    consignments: frozenset[Thing]


def apart(near: Iterable[NearbyFinancing], cargo: Iterable[Cargo]) -> tuple[NearbyFinancing, ...]:
    """Those of ``near`` that are of none of the consignments of ``cargo``, under whatever name."""
    members = frozenset[str]().union(*(each.members for each in cargo))
    return tuple(each for each in near if members.isdisjoint(thing.key for thing in each.consignments))


def whole(named: Collection[Thing], cargo: tuple[Cargo, ...]) -> tuple[Cargo, ...]:
    """``cargo`` where each named object is, or leads to, one of its consignments; nothing where it is only a part of what is named."""
    known = frozenset[Thing]().union(*(each.things for each in cargo))
    return cargo if named and known.issuperset(named) else ()


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """What is known under the lock: decisions on everything involved, live statements, the cargo, and entries under its keys.

    ``prints`` are the fingerprints of the request (of its documents for RESERVE, the stored ones for PLEDGE). ``earlier`` is the
    decision already taken under this idempotency key or event. For a request about cargo ``named`` are the objects that it names, and
    ``near`` the financings of other consignments that may be of the same goods; for a reservation, and for a pledge of goods, likewise
    those of the same consignments. ``reports`` are the facts about all of them. ``holders`` are other financings that hold something of
    the cargo, and ``known`` is what assigns boxes and papers to it, and to others. ``annotated`` is what stands annotated of its papers.
    """

    decisions: tuple[Decision, ...] = ()
    statements: frozenset[Statement] = frozenset()
    cargo: tuple[Cargo, ...] = ()
    prints: tuple[Fingerprint, ...] = ()
    entries: tuple[Entry, ...] = ()
    external: tuple[RegistryAnswer, ...] = ()
    required: frozenset[str] = frozenset()
    earlier: Decision | None = None
    named: frozenset[Thing] = frozenset()
    near: tuple[NearbyFinancing, ...] = ()
    reports: tuple[Report, ...] = ()
    holders: tuple[NearbyFinancing, ...] = ()
    known: KnownAssignments = field(default_factory=KnownAssignments)
    annotated: tuple[Fingerprint, ...] = ()

    @property
    def last(self) -> Decision | None:
        """The latest decision of all involved."""
        return max(self.decisions, key=lambda decision: decision.number, default=None)

    def shared(self, hold: Hold) -> frozenset[Thing]:
        """The objects that identify both the requested cargo and the goods of a financing that is ``near``, without what it gave back."""
        asked = [consignment(*member.split("/", 1)) for cargo in self.cargo for member in cargo.members]
        theirs = frozenset[Thing]().union(
            *(e.consignments for e in self.near if e.financing == hold.financing)
        )
        found = goods(self.reports, theirs, *hold.named_at)
        return found & (goods(self.reports, asked, *hold.named_at) | self.named) - hold.released()

    def pledged(self, hold: Hold) -> frozenset[Thing]:
        """What identifies the goods of the requesting bank's own financing, without what it gave back."""
        return goods(self.reports, self.named, *hold.named_at) - hold.released()

    def about(self, hold: Hold) -> tuple[Statement, ...]:
        """The statements on one financing and on its cargo, without those on other financings."""
        return self.of(hold.financing, hold.terms.application)

    def of(self, financing: str, application: str) -> tuple[Statement, ...]:
        """The same, for a financing that has no hold yet."""
        own = of_financing(self.statements, financing, application)
        things = frozenset[Thing]().union(*(cargo.things for cargo in self.cargo))
        return (*own, *sorted((w for w in self.statements if _of_cargo(w, things)), key=lambda w: w.order))


MOST_SHARED = 16
"""Things in common that a decision names at most; one is enough to refuse."""


def _of_cargo(statement: Statement, things: frozenset[Thing]) -> bool:
    """Whether a statement is about cargo, and about one of ``things``."""
    payload = statement.payload
    if isinstance(payload, Milestone):
        return any(Thing(ref.kind, ref.key) in things for ref in payload.objects)
    return not isinstance(payload, OfFinancing | OfApplication | finance.Applied)


HIDDEN = frozenset(
    {
        "APPLICATION_SIGNED",
        "APPLICANT_OF_PRODUCT",
        "APPLICANT_ENGAGED",
        "PAPERS_OF_CARGO",
        "PLEDGEE",
        "PARTY_OF_CARGO",
    }
)
"""Guards whose refusal is replied to like a request about something unknown: recorded by name, never revealed."""


class Reply(NamedTuple):
    """The reply to a requester: never names another bank, and reveals nothing that the requester may not ask about."""

    outcome: str
    guard: str = ""
    satisfied_by: str = ""
    match: str = ""
    until: Micros | None = None
    amount: Money | None = None
    notices: tuple[str, ...] = ()
    number: int | None = None
    shares: tuple[Thing, ...] = ()
    waiver: str = ""
    goods: tuple[Thing, ...] = ()
    resembles: tuple[Resemblance, ...] = ()


UNKNOWN = Reply("UNKNOWN")
"""The one reply about what the requester may not ask about, and about what does not exist."""
LIMITS = "Other registries and the legal priority register remain decisive."
"""Part of every reply on uniqueness."""


def reply(decision: Decision) -> Reply:
    """The reply for a recorded decision; the same for a repeated request."""
    if decision.guard in HIDDEN:
        return UNKNOWN
    match = MATCHES.get(decision.guard, Match.NONE) if decision.action is Action.RESERVE else Match.NONE
    return Reply(
        decision.outcome,
        decision.guard,
        decision.satisfied_by,
        match,
        decision.until,
        decision.amount if decision.done else None,
        decision.notices,
        decision.number,
        decision.shares,
        decision.waiver,
        decision.goods,
        decision.resembles,
    )


MATCHES = {
    "INTEREST_FREE": Match.EXACT,
    "WITHIN_RESIDUAL": Match.EXACT,
    "PAPER_NOT_ANNOTATED": Match.EXACT,
    "SPLIT_KNOWN": Match.EXACT,
    "OTHER_INTEREST_OF_APPLICANT": Match.EXACT,
    "GOODS_FREE": Match.EXACT,
    "ASSIGNMENT_CONFIRMED": Match.EXACT,
    "NOT_ALIKE": Match.NEAR,
}
"""How the finding resembles the request, by the guard that failed."""
