"""What is asked of the platform, what it looks at under the lock, and what it answers: plain values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from schemas.events import finance
from schemas.events.base import Milestone
from schemas.events.finance_terms import OfApplication, OfFinancing
from services.domain.facts import EventId, Micros
from services.domain.objects import Thing, consignment
from services.financing.domain.cargo import Cargo
from services.financing.domain.decisions import Action, Outcome, Ruling, Terms
from services.financing.domain.documents import Papers
from services.financing.domain.external_registries import Answer
from services.financing.domain.fingerprints import Fingerprint
from services.financing.domain.goods import Report, goods
from services.financing.domain.lifecycle import Hold, of_financing
from services.financing.domain.money import Money
from services.financing.domain.statements import Word
from services.financing.domain.uniqueness import Entry, Match


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of a party. ``idempotency`` is its own name of it: the same again is the same request, never a second.

    RESERVE carries ``terms`` and ``papers``; DRAW an ``amount``; SUBSTITUTE the financing that is replaced;
    ``reviewed`` is the number of an earlier REVIEW that the bank has looked at. ``request`` is the signed event. ``waiver``
    is the ground on which RELEASE gives the security back although something is owed; "" waives nothing. ``about`` are the
    things that a request about cargo names, so that its name stands for no other cargo; a signed event says them itself.
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

    @property
    def digest(self) -> bytes:
        """16 bytes of everything that is asked, but for the name of the request."""
        # A member that came later is left out where it says nothing: requests of earlier releases keep their digest.
        left_out = {
            "idempotency",
            "request",
            *(name for name in ("waiver", "about") if not getattr(self, name)),
        }
        said = [repr(getattr(self, f.name)) for f in fields(self) if f.name not in left_out]
        return hashlib.sha256("\x1f".join(said).encode()).digest()[:16]

    def done(self, at: Micros, **more: Any) -> Ruling:
        """The decision at ``at`` that what is asked takes effect; ``more`` are further members of Ruling."""
        return self._ruled(Outcome.DONE, at, more)

    def refused(self, at: Micros, guard: str, satisfied_by: str, **more: Any) -> Ruling:
        """The decision at ``at`` that it does not, with the guard that failed and what would satisfy it."""
        return self._ruled(Outcome.REFUSED, at, {"guard": guard, "satisfied_by": satisfied_by, **more})

    def _ruled(self, outcome: Outcome, at: Micros, more: dict[str, Any]) -> Ruling:
        said = {
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
            **more,
        }
        return Ruling(**said)


class Near(NamedTuple):
    """A financing of other consignments, which perhaps have something in common with what is asked about."""

    financing: str
    consignments: frozenset[Thing]


@dataclass(frozen=True, slots=True)
class Book:
    """What is known under the lock: decisions on everything involved, live words, the cargo, and entries under the keys.

    ``prints`` are the fingerprints of what is asked (of the papers for RESERVE, the stored ones for PLEDGE).
    ``earlier`` is the decision that the asker already has under this idempotency key or event. Of a request about cargo
    ``named`` are the things that it names itself, ``near`` the financings of other consignments that may be of the same
    goods, and ``reports`` what is stated of all of them; of a reservation of goods likewise.
    """

    rulings: tuple[Ruling, ...] = ()
    words: frozenset[Word] = frozenset()
    cargo: tuple[Cargo, ...] = ()
    prints: tuple[Fingerprint, ...] = ()
    entries: tuple[Entry, ...] = ()
    external: tuple[Answer, ...] = ()
    required: frozenset[str] = frozenset()
    earlier: Ruling | None = None
    named: frozenset[Thing] = frozenset()
    near: tuple[Near, ...] = ()
    reports: tuple[Report, ...] = ()

    @property
    def last(self) -> Ruling | None:
        """The latest decision of all involved."""
        return max(self.rulings, key=lambda ruling: ruling.number, default=None)

    def shared(self, financing: str, since: Micros) -> frozenset[Thing]:
        """What names both the cargo that is asked about and the goods of a financing that is ``near``, from ``since`` on."""
        asked = [consignment(*member.split("/", 1)) for cargo in self.cargo for member in cargo.members]
        theirs = frozenset[Thing]().union(*(e.consignments for e in self.near if e.financing == financing))
        return goods(self.reports, theirs, since) & (goods(self.reports, asked, since) | self.named)

    def about(self, hold: Hold) -> tuple[Word, ...]:
        """The words on one financing and on cargo, without what concerns other financings."""
        return self.of(hold.financing, hold.terms.application)

    def of(self, financing: str, application: str) -> tuple[Word, ...]:
        """The same, for a financing that has no hold yet."""
        own = of_financing(self.words, financing, application)
        things = frozenset[Thing]().union(*(cargo.things for cargo in self.cargo))
        return (*own, *sorted((w for w in self.words if _of_cargo(w, things)), key=lambda w: w.order))


MOST_SHARED = 16
"""Things in common that a decision names at most; one is enough to refuse."""


def _of_cargo(word: Word, things: frozenset[Thing]) -> bool:
    """Whether a word is about cargo, and about this one."""
    payload = word.payload
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
"""Guards whose refusal is answered like a question about something unknown: recorded by name, told to nobody."""


class Reply(NamedTuple):
    """What the asker is told: never another bank, and nothing at all about what it may not ask about."""

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


UNKNOWN = Reply("UNKNOWN")
"""The one answer to everybody who asks about what he has no right to ask about, or what does not exist."""
LIMITS = "Other registries and the legal priority register remain decisive."
"""Said with every answer on uniqueness."""


def reply(ruling: Ruling) -> Reply:
    """What is told of a recorded decision to whoever asked for it; the same again for a repeated request."""
    if ruling.guard in HIDDEN:
        return UNKNOWN
    match = MATCHES.get(ruling.guard, Match.NONE) if ruling.action is Action.RESERVE else Match.NONE
    return Reply(
        ruling.outcome,
        ruling.guard,
        ruling.satisfied_by,
        match,
        ruling.until,
        ruling.amount if ruling.done else None,
        ruling.notices,
        ruling.number,
        ruling.shares,
        ruling.waiver,
    )


MATCHES = {
    "INTEREST_FREE": Match.EXACT,
    "WITHIN_RESIDUAL": Match.EXACT,
    "SPLIT_KNOWN": Match.EXACT,
    "OTHER_INTEREST_OF_APPLICANT": Match.EXACT,
    "GOODS_FREE": Match.EXACT,
    "NOT_ALIKE": Match.NEAR,
}
"""How what was found resembles what was asked, by the guard that spoke."""
