"""The decision service: requests are locked, read, decided, signed and recorded in one transaction.

What is read behind the locks no other transaction can change (see ``locks``). Locking and reading is one round trip to the
database, recording another; a third reads what earlier decisions left, where there are any. Requests decided together have
nothing in common, and none sees another's decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import psycopg
from psycopg import Connection

from services.domain.facts import Micros
from services.domain.objects import Thing, consignment
from services.financing.domain import lifecycle
from services.financing.domain.decision_rules import decide
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.documents import Papers
from services.financing.domain.fingerprints import Fingerprint, Version, fingerprints, thing_digests
from services.financing.domain.limits import amount_of
from services.financing.domain.money import Money
from services.financing.domain.products import Products, products
from services.financing.domain.requests import DecisionRequest
from services.financing.domain.uniqueness import written
from services.financing.store import fingerprint_versions as versions
from services.financing.store.decision_context import (
    ContextRead,
    LockedReads,
    PriorDecisions,
    annotated_in,
    read_context,
    read_prior,
    reads_in,
    send_annotated,
    send_reads,
)
from services.financing.store.decision_writer import SignedDecision, record, signed, state_digest
from services.financing.store.financings import decisions_of, entries_of
from services.financing.store.fingerprint_versions import KeyMissing, KeyRing
from services.financing.store.identifiers import financing_id
from services.financing.store.locks import CargoMoved as CargoMoved
from services.financing.store.locks import (
    Deferred,
    LockedScope,
    OtherVersions,
    PreparedRequest,
    known_keys,
    locked_in,
    send_locks,
)
from services.ledger.platform_signature import Signer
from services.ledger.registry import store as registry_store
from services.ledger.registry.registry import Registry
from services.ledger.storage import points
from services.ledger.storage.arrays import adapt
from services.ledger.storage.decision_locks import Clock

Session = Connection[Any]
Request = tuple[DecisionRequest, Sequence[Thing]]
"""A request, and the consignments that a reservation or a request about cargo is about."""
MOST_KEYS = 1_024
"""Keys of one transaction at most, as far as requests name them: all sessions share the lock table. One request may have more."""


class Foresight(NamedTuple):
    """What would be decided, the SHA-256 of what that rests on, and what it amounts to for the limits of persons."""

    decision: Decision
    state: bytes
    amount: Money | None


class _Counting(NamedTuple):
    """The fingerprint versions that counted at the last read: as text rows, and as they are computed with."""

    rows: tuple[str, ...] = ()
    versions: tuple[Version, ...] = ()


class _RequestReads(NamedTuple):
    """One request with everything that was read for it."""

    prepared: PreparedRequest
    locked: LockedScope
    locked_reads: LockedReads
    prior: PriorDecisions
    annotated: tuple[Fingerprint, ...]


class _GroupReads(NamedTuple):
    """Requests decided together, each with its place, and what all of them share, with the fingerprint versions that count."""

    each: list[tuple[int, _RequestReads]]
    registry: Registry
    at: Micros
    position: int
    versions: tuple[Version, ...]


@dataclass(frozen=True)
class DecisionService:
    """Decides in the caller's transaction, which it neither commits nor rolls back. Usable from several sessions and threads.

    ``required`` are the other registries that must be clear before money is paid; ``clock`` replaces the database's, and is read
    behind the locks.
    """

    ring: KeyRing
    signer: Signer
    required: frozenset[str] = frozenset()
    clock: Clock | None = None
    table: Products | None = None
    _known: dict[int, Registry] = field(default_factory=dict, compare=False, repr=False)
    _counting: list[_Counting] = field(default_factory=lambda: [_Counting()], compare=False, repr=False)

    def decide(self, session: Session, ask: DecisionRequest, on: Sequence[Thing] = ()) -> Decision:
        """Decide and record ``ask``; ``on`` are the consignments that a reservation or a request about cargo is about.

        A repeated request gives its recorded decision and records nothing. Blocks while others decide on the same encumbrance. Raises
        CargoMoved (begin again), KeyMissing, and what Postgres raises.
        """
        (found,) = self.decide_all(session, [(ask, on)])
        if isinstance(found, Exception):
            raise found
        return found

    def preview(self, session: Session, ask: DecisionRequest, on: Sequence[Thing] = ()) -> Foresight:
        """What ``decide`` would decide now; nothing is recorded. Holds the same locks, raises the same."""
        adapt(session)
        found: list[Decision | Exception] = [Deferred()]
        reads = self._group_reads(session, [(ask, on)], found, whole=False)
        if reads is None or not reads.each:
            assert isinstance(found[0], Exception)
            raise found[0]
        (_, each), table = reads.each[0], products() if self.table is None else self.table
        context, _ = _context(session, each, reads, table, self.required)
        found_now = decide(each.prepared.ask, context, reads.at, self.table)
        return Foresight(found_now, state_digest(context), amount_of(ask, context, reads.at))

    def presents(self, session: Session, financing: str, papers: Papers) -> bool:
        """Whether ``papers`` are the documents that the financing holds, or it holds none. Raises KeyMissing."""
        held = {
            print_.digest for _, print_ in entries_of(session, [financing_id(financing)]) if print_.kind.exact
        }
        hold = lifecycle.holds(decisions_of(session, [financing_id(financing)])).get(financing)
        if hold is None or not held:
            return True
        counting = versions.hold(session, self.ring)
        given = (p for version in counting for p in fingerprints(papers, hold.terms.applicant, version))
        return held <= {p.digest for p in given}

    def decide_all(
        self, session: Session, requests: Sequence[Request], whole: bool = False
    ) -> list[Decision | Exception]:
        """Decide and record each of ``requests``; an exception in place of a decision concerns that request alone, of which nothing is written.

        Deferred where it has something in common with an earlier one, CargoMoved where it has to begin again. ``whole``: this is the whole
        transaction, begun and committed by statements pipelined with the others. Raises what concerns all: KeyMissing, and what Postgres
        raises; the caller then rolls back.
        """
        adapt(session)
        found: list[Decision | Exception] = [Deferred() for _ in requests]
        group_reads = self._group_reads(session, requests, found, whole)
        if group_reads is None:
            return found
        points.reach("locked")
        decided: list[SignedDecision] = []
        for place, each in group_reads.each:
            try:
                found[place], recorded = self._judged(session, each, group_reads)
            except (psycopg.Error, OSError, MemoryError, KeyMissing):
                raise
            except Exception as problem:  # of this request alone: its requester gets it
                found[place] = problem
            else:
                decided += [recorded] if recorded is not None else []
        with nullcontext() if points.installed() else session.pipeline():
            if decided:
                record(session, decided)
            if whole:
                session.execute(b"COMMIT")
        return found

    def _judged(
        self, session: Session, reads: _RequestReads, group_reads: _GroupReads
    ) -> tuple[Decision, SignedDecision | None]:
        """The decision on one request, and its record unless there is nothing to record."""
        at, table = group_reads.at, products() if self.table is None else self.table
        context, things = _context(session, reads, group_reads, table, self.required)
        decision = decide(reads.prepared.ask, context, at, self.table)
        if decision.recorded:
            return decision, None
        opened = {version.number for version in group_reads.versions if version.open}
        decision = decision._replace(number=reads.locked.number, position=group_reads.position)
        if context.earlier is not None:
            return decision, None
        prints = written(context.prints, context.entries, opened)
        if decision.action.disposes:
            things = tuple(consignment(*cargo.consignment.split("/", 1)) for cargo in context.cargo)
        freed = _freed(decision, context.prints, group_reads.versions)
        return decision, signed(decision, self.signer, state_digest(context), prints, things, freed)

    def _group_reads(
        self, session: Session, requests: Sequence[Request], found: list[Decision | Exception], whole: bool
    ) -> _GroupReads | None:
        """Lock the requests and read behind the locks; None where none can be decided. Exceptions of others are put in ``found``."""
        counting, secret = self._counting[0], self.signer.secret("request")
        while True:
            places, prepared = _apart(requests, counting.versions, found, secret)
            if not prepared:
                return None
            with session.pipeline():
                if whole:
                    session.execute(b"BEGIN")
                lock_rows = send_locks(session, prepared, counting.rows)
                rows = send_reads(session)
                annotated_rows = send_annotated(session, prepared)
            locked = locked_in(lock_rows, prepared)
            if not isinstance(locked, OtherVersions):
                break
            counting = self._counting[0] = _Counting(locked.rows, versions.counting(locked.rows, self.ring))
            whole = False
        prior = read_prior(session, prepared, locked)
        locked_reads = reads_in(rows, prepared, locked)
        annotated = annotated_in(annotated_rows, prepared)
        each = list[tuple[int, _RequestReads]]()
        for number, (place, h) in enumerate(zip(places, locked, strict=True)):
            if isinstance(h, LockedScope):
                read = _RequestReads(
                    prepared[number], h, locked_reads[number], prior[number], annotated[number]
                )
                each.append((place, read))
            else:
                found[place] = h
        first = next((h for h in locked if isinstance(h, LockedScope)), None)
        at, position = (0, 0) if first is None else (first.moment, first.position)
        if self.clock is not None:
            at, position = self.clock(session)
        registry = self._registry(session, 0 if first is None else first.registry)
        return _GroupReads(each, registry, at, position, counting.versions)

    def _registry(self, session: Session, version: int) -> Registry:
        """The registry at the locked version, cached by version."""
        known = self._known.get(version)
        if known is None:
            known = registry_store.load(session)
            self._known.clear()
            self._known[version] = known
        return known


def _context(
    session: Session, reads: _RequestReads, group: _GroupReads, table: Products, required: frozenset[str]
) -> ContextRead:
    of = reads.prepared, reads.locked, reads.locked_reads, reads.prior
    return read_context(session, *of, group.registry, group.at, table, required, reads.annotated)


def _freed(
    decision: Decision, held: Sequence[Fingerprint], versions: Sequence[Version]
) -> tuple[Fingerprint, ...]:
    """Those of the fingerprints ``held`` that a partial release frees: of the goods that it gives back."""
    if not decision.done or decision.action is not Action.RELEASE_PART:
        return ()
    things = frozenset[bytes]().union(*(thing_digests(decision.goods, version) for version in versions))
    return tuple(each for each in held if each.thing in things)


def _apart(
    requests: Sequence[Request], known: Sequence[Version], found: list[Decision | Exception], secret: bytes
) -> tuple[list[int], list[PreparedRequest]]:
    """The requests, by place, that share no key as far as they name them, while there is room.

    An exception that concerns one of them alone is put in its place in ``found``.
    """
    places, prepared = list[int](), list[PreparedRequest]()
    taken: set[int] = set()
    for place, (ask, on) in enumerate(requests):
        try:
            each = PreparedRequest(replace(ask, secret=secret), on, _presented_prints(ask, on, known))
            keys = known_keys(each)
        except Exception as problem:
            found[place] = problem
            continue
        if not prepared or (taken.isdisjoint(keys) and len(taken) + len(keys) <= MOST_KEYS):
            taken |= keys
            places.append(place)
            prepared.append(each)
    return places, prepared


def _presented_prints(
    ask: DecisionRequest, on: Sequence[Thing], known: Sequence[Version]
) -> tuple[Fingerprint, ...]:
    """The fingerprints of a reservation's documents, under each version that counts."""
    if ask.action is not Action.RESERVE or ask.terms is None:
        return ()
    return tuple(p for version in known for p in fingerprints(ask.papers, ask.terms.applicant, version, on))
