"""A platform in memory: what the store does with the pure core, as plainly as it can be written.

Everything is kept in lists and looked through from end to end. The stories are told to it, and the database must come
to the same decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from schemas.events.base import ObjectKind
from services.domain.derive import derive
from services.domain.evidence import group_evidence
from services.domain.facts import FOREVER, Facts
from services.domain.objects import Thing
from services.financing.domain import lifecycle
from services.financing.domain.assignments import KnownAssignments
from services.financing.domain.cargo import Cargo, Report
from services.financing.domain.covenants import JudgedArrival
from services.financing.domain.decision_rules import decide
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.external_registries import RegistryAnswer
from services.financing.domain.fingerprints import (
    Fingerprint,
    Version,
    fingerprints,
    normalise_1,
    thing_digests,
)
from services.financing.domain.followed_goods import FollowedGoods, follow
from services.financing.domain.pledged_goods import Pledge
from services.financing.domain.products import products
from services.financing.domain.requests import (
    DecisionContext,
    DecisionRequest,
    NearbyFinancing,
    Reply,
    apart,
    reply,
    whole,
)
from services.financing.domain.reservation import encumbrance
from services.financing.domain.statements import Record, live
from services.financing.domain.status import Status, pledge_of, status
from services.financing.domain.uniqueness import Entry, written

KEY = bytes(range(32))


@dataclass(frozen=True)
class Heard:
    """One event as the platform knows it since ``known``: its facts, and what financing reads."""

    known: int
    facts: Facts
    record: Record


def cargo_of(heard: Iterable[Heard], consignment: Thing, as_of: int, known_at: int) -> Cargo | None:
    """The cargo of a consignment from all that was heard by ``known_at`` and happened by ``as_of``."""
    facts = Facts.union(each.facts for each in heard if each.known <= known_at)
    gathered = group_evidence(facts, consignment, as_of)
    view = derive(facts, consignment, as_of)
    if gathered is None or view is None:
        return None
    return Cargo.of(view, gathered, facts.links)


def cargo_named(heard: Iterable[Heard], named: Iterable[Thing], at: int) -> tuple[Cargo, ...]:
    """The cargo of each consignment that is named, or that a named box, note or declaration leads to, once each."""
    known = tuple(each for each in heard if each.known <= at)
    facts = Facts.union(each.facts for each in known)
    wanted = {thing for thing in named if thing.kind is ObjectKind.CONSIGNMENT}
    papers = set(named) - wanted
    for founded in {founding.consignment for founding in facts.foundings} if papers else ():
        gathered = group_evidence(facts, founded, at)
        if gathered is not None and not papers.isdisjoint(path.thing for path in gathered.paths):
            wanted.add(founded)
    cargo = (cargo_of(known, thing, at, at) for thing in wanted)
    return tuple(sorted({each.consignment: each for each in cargo if each is not None}.values(), key=_name))


def _name(cargo: Cargo) -> str:
    return cargo.consignment


def followed(heard: Iterable[Heard], pledge: Pledge, as_of: int, known_at: int) -> FollowedGoods:
    """The goods of a pledge from all that was heard by ``known_at`` and happened by ``as_of``."""
    return follow((Report(e.known, e.facts) for e in heard if e.known <= known_at), pledge, as_of)


@dataclass
class World:
    """Decisions, entries and what was heard, with the versions of fingerprints in use."""

    heard: Sequence[Heard] = ()
    versions: list[Version] = field(default_factory=lambda: [Version(1, KEY, normalise_1)])
    external: list[RegistryAnswer] = field(default_factory=list)
    required: frozenset[str] = frozenset()
    decisions: list[Decision] = field(default_factory=list)
    prints: dict[str, tuple[Fingerprint, ...]] = field(default_factory=dict)
    cargo: dict[str, tuple[Thing, ...]] = field(default_factory=dict)  # of each financing
    judged: Sequence[tuple[str, JudgedArrival]] = ()  # in order, each with its financing

    def record(self, known_at: int = FOREVER) -> Record:
        """All that was said to financing."""
        return Record.all(each.record for each in self.heard if each.known <= known_at)

    def ask(self, ask: DecisionRequest, at: int, on: tuple[Thing, ...] = ()) -> tuple[Decision, Reply]:
        """Decide ``ask`` at ``at`` and record it, or give the decision that it has; ``on`` are the consignments it is about."""
        named = on or self.cargo.get(ask.financing, ())
        cargo = cargo_named(self.heard, named, at)
        prints = self._prints(ask, on)
        holds = lifecycle.holds(self.decisions)
        others = self._others(ask.financing)
        book = DecisionContext(
            decisions=tuple(self.decisions),
            statements=live(self.record(), at, at),
            cargo=whole(named, cargo),
            prints=prints,
            entries=tuple(self._entries(prints, holds)),
            external=tuple(self.external),
            required=self.required,
            earlier=next(
                (r for r in self.decisions if (r.asked_by, r.idempotency) == (ask.asked_by, ask.idempotency)),
                None,
            ),
            named=frozenset(named),
            near=apart(others, cargo) if ask.action.disposes else others,
            reports=tuple(Report(each.known, each.facts) for each in self.heard if each.known <= at),
            holders=others,
            known=KnownAssignments(
                Facts.union(each.facts for each in self.heard if each.known <= at), self.record(at).railways
            ),
        )
        decision = decide(ask, book, at)
        if decision.done and ask.action is Action.RELEASE_PART:
            freed = frozenset[bytes]().union(*(thing_digests(decision.goods, v) for v in self.versions))
            self.prints[ask.financing] = tuple(p for p in prints if p.thing not in freed)
        if decision.recorded:
            return decision, reply(decision)
        decision = decision._replace(number=len(self.decisions) + 1)
        if book.earlier is None:
            self.decisions.append(decision)
        if decision.done and ask.action is Action.RESERVE:
            open_ = {version.number for version in self.versions if version.open}
            self.prints[ask.financing] = written(prints, book.entries, open_)
            self.cargo[ask.financing] = named
        return decision, reply(decision)

    def status(self, financing: str, asked_by: str, as_of: int, known_at: int | None = None) -> Status | None:
        """The status of a financing for a bank."""
        known = as_of if known_at is None else known_at
        things = self.cargo.get(financing, ())
        found = (cargo_of(self.heard, thing, as_of, known) for thing in things)
        cargo = tuple(each for each in found if each is not None)
        members = {thing.key for thing in things}.union(*(each.members for each in cargo))
        on_it = {f for f, things in self.cargo.items() if not members.isdisjoint(t.key for t in things)} | {
            financing
        }
        decisions = [r for r in self.decisions if r.financing in on_it or not on_it.isdisjoint(r.frees)]
        pledge = pledge_of(financing, decisions, things, as_of, known)
        goods = FollowedGoods(cargo) if pledge is None else followed(self.heard, pledge, as_of, known)
        by = min(as_of, known)
        judged = {each.consignment: each for name, each in self.judged if name == financing and each.at <= by}
        return status(
            financing, asked_by, decisions, self.record(), goods, as_of, known, judged=judged.values()
        )

    def decided(self) -> int:
        return len(self.decisions)

    def _prints(self, ask: DecisionRequest, on: tuple[Thing, ...]) -> tuple[Fingerprint, ...]:
        if ask.action is not Action.RESERVE or ask.terms is None:
            return self.prints.get(ask.financing, ())
        return tuple(p for v in self.versions for p in fingerprints(ask.papers, ask.terms.applicant, v, on))

    def _entries(self, prints: Iterable[Fingerprint], holds: dict[str, lifecycle.Hold]) -> Iterable[Entry]:
        wanted = {(p.version, p.kind, p.digest) for p in prints}
        for financing, hold in holds.items():
            if hold.ended is None:
                holder = encumbrance(financing, hold.terms, products()[hold.terms.product])
                for print_ in self.prints[financing]:
                    if (print_.version, print_.kind, print_.digest) in wanted:
                        yield Entry(print_, holder)

    def _others(self, financing: str) -> tuple[NearbyFinancing, ...]:
        return tuple(
            NearbyFinancing(name, frozenset(things))
            for name, things in self.cargo.items()
            if name != financing
        )
