"""The desk: one request, one transaction. Everything that a decision depends on is locked, read, judged and recorded.

The order of locks is that of every writer: registry, versions of fingerprints, consignments' heads, then the keys of the
encumbrance, all in one statement and in ascending order. What is read after that nobody else can change; the moment of the
decision is read then, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from services.core.facts import Micros
from services.core.objects import Thing, consignment
from services.processors.financing import lifecycle
from services.processors.financing.asking import Ask, Book
from services.processors.financing.cargo import Cargo
from services.processors.financing.decisions import decide
from services.processors.financing.external import Answer, Finding
from services.processors.financing.fingerprints import Fingerprint, Version, fingerprints
from services.processors.financing.products import Products, products
from services.processors.financing.reserving import encumbrance
from services.processors.financing.rulings import Action, Ruling
from services.processors.financing.store import versions
from services.processors.financing.store.evidence import canonical, gather_evidence
from services.processors.financing.store.names import (
    application_id,
    financing_id,
    lock_key,
    request_key,
)
from services.processors.financing.store.recording import record
from services.processors.financing.store.rows import print_of, ruling_of
from services.processors.financing.store.signing import Signer, state_digest
from services.processors.financing.store.statements import statement
from services.processors.financing.store.versions import KeyRing
from services.processors.financing.uniqueness import Entry
from services.processors.financing.words import live
from services.registry import store as registry_store
from services.registry.registry import Registry
from services.storage import points
from services.storage.arrays import adapt, bigints, uuids

Session = Connection[Any]
Row = tuple[Any, ...]
Clock = Callable[[Session], tuple[Micros, int]]


class CargoMoved(Exception):
    """Links or entries changed between finding what to lock and locking it: nothing was decided; begin again."""


def database_clock(session: Session) -> tuple[Micros, int]:
    """(the moment, the transaction below which everything is seen), read once the locks are held."""
    row = session.execute(statement("moment")).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


@dataclass(frozen=True)
class Desk:
    """Decides in the caller's transaction, which it neither commits nor rolls back. For several sessions and threads.

    ``required`` are the other registries that must be clear before money is paid.
    """

    ring: KeyRing
    signer: Signer
    required: frozenset[str] = frozenset()
    clock: Clock = database_clock
    table: Products | None = None
    _known: dict[int, Registry] = field(default_factory=dict, compare=False, repr=False)

    def decide(self, session: Session, ask: Ask, on: Sequence[Thing] = ()) -> Ruling:
        """Decide and record ``ask``; ``on`` are the consignments that a reservation or a request about cargo is about.

        A repeated request gives the decision that was taken for it, and records nothing. Blocks while others decide on the
        same encumbrance. Raises CargoMoved (begin again), KeyMissing, and what Postgres raises.
        """
        adapt(session)
        registry = self._registry(session)
        known = versions.hold(session, self.ring)
        asked = _asked_prints(ask, known)
        scope = _scope(session, ask, on, asked)
        _rows(session, "hold_heads", {"ids": uuids(scope.consignments)})
        _rows(session, "lock", {"keys": bigints(sorted({lock_key(id_) for id_ in scope.ids(ask)}))})
        if _scope(session, ask, on, asked) != scope:
            raise CargoMoved(
                f"the cargo or the entries of {ask.financing or ask.asked_by} changed; begin again"
            )
        points.reach("locked")
        at, position = self.clock(session)
        book = self._book(session, ask, scope, registry, at)
        ruling = decide(ask, book, at, self.table)
        if ruling.recorded:
            return ruling
        ruling = ruling._replace(number=_number(session), position=position)
        if book.earlier is None:
            written = [p for p in scope.prints if any(v.open and v.number == p.version for v in known)]
            record(session, ruling, self.signer, state_digest(book), written, scope.things)
        return ruling

    def _registry(self, session: Session) -> Registry:
        """The registry, kept as it is until the transaction ends; read once for each version of it."""
        version = registry_store.hold(session)
        known = self._known.get(version)
        if known is None:
            known = registry_store.load(session)
            self._known.clear()
            self._known[version] = known
        return known

    def _book(self, session: Session, ask: Ask, scope: _Scope, registry: Registry, at: Micros) -> Book:
        entries = entries_under(session, scope.prints)
        involved = {*scope.financings, *(financing_id(name) for name, _ in entries)}
        if ask.action.disposes:
            involved |= {
                row[0] for row in _rows(session, "financings_on", {"ids": uuids(scope.consignments)})
            }
        rulings = rulings_of(session, involved)
        holds = lifecycle.holds(rulings)
        table = products() if self.table is None else self.table
        subjects = {*involved}
        if ask.terms is not None:
            subjects.add(application_id(ask.terms.application))
        subjects |= {application_id(hold.terms.application) for hold in holds.values()}
        evidence = gather_evidence(session, scope.consignments, subjects, registry, at)
        return Book(
            rulings=rulings,
            words=live(evidence.record, at, at),
            cargo=evidence.cargo if scope.whole(evidence.cargo) else (),
            prints=scope.prints,
            entries=tuple(
                Entry(print_, encumbrance(name, holds[name].terms, table[holds[name].terms.product]))
                for name, print_ in entries
                if name in holds
            ),
            external=_external(session, ask.financing),
            required=self.required,
            earlier=_earlier(session, ask),
        )


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a decision depends on: the consignments as named and as their groups are called, fingerprints, financings."""

    things: tuple[Thing, ...]
    consignments: tuple[bytes, ...]
    prints: tuple[Fingerprint, ...]
    financings: tuple[bytes, ...]

    def whole(self, cargo: Iterable[Cargo]) -> bool:
        """Whether each thing that was named is, or leads to, a consignment that is founded and known."""
        known = frozenset[Thing]().union(*(each.things for each in cargo))
        return bool(self.things) and all(thing in known for thing in self.things)

    def ids(self, ask: Ask) -> Iterable[bytes]:
        """The ids to lock."""
        yield request_key(ask.asked_by, ask.idempotency)
        if ask.request is not None:
            yield ask.request
        yield from self.consignments
        yield from (thing.id for thing in self.things)
        yield from self.financings
        yield from (print_.digest for print_ in self.prints)


def _asked_prints(ask: Ask, known: Sequence[Version]) -> tuple[Fingerprint, ...]:
    """The fingerprints of the papers of a reservation, under each version that counts."""
    if ask.action is not Action.RESERVE or ask.terms is None:
        return ()
    return tuple(p for version in known for p in fingerprints(ask.papers, ask.terms.applicant, version))


def _scope(session: Session, ask: Ask, on: Sequence[Thing], asked: tuple[Fingerprint, ...]) -> _Scope:
    financings = [financing_id(name) for name in (ask.financing, ask.replaces) if name]
    things = tuple(sorted(on)) or cargo_of(session, financings)
    held = () if asked else tuple(p for name, p in entries_of(session, financings) if name == ask.financing)
    return _Scope(things, tuple(canonical(session, things)), asked or held, tuple(financings))


def _number(session: Session) -> int:
    row = session.execute(statement("number")).fetchone()
    assert row is not None
    return int(row[0])


def rulings_of(session: Session, financings: Iterable[bytes]) -> tuple[Ruling, ...]:
    """Every decision that changed one of the financings (16-byte ids), in the order in which they were taken."""
    rows = _rows(session, "decisions_of", {"financings": uuids(sorted({*financings}))})
    return tuple(ruling_of(row) for row in rows)


def cargo_of(session: Session, financings: Sequence[bytes]) -> tuple[Thing, ...]:
    """The consignments that the financings (16-byte ids) were reserved on, under the names of then."""
    rows = _rows(session, "cargo_of", {"financings": uuids(sorted(financings))}) if financings else []
    return tuple(sorted(consignment(*key.split("/", 1)) for _, key in rows))


def entries_of(session: Session, financings: Sequence[bytes]) -> list[tuple[str, Fingerprint]]:
    """What the financings (16-byte ids) hold, each with the financing's name."""
    rows = _rows(session, "entries_of", {"financings": uuids(sorted(financings))}) if financings else []
    return sorted(map(print_of, rows), key=lambda e: (e[0], e[1].version, e[1].kind, e[1].digest))


def entries_under(session: Session, prints: Iterable[Fingerprint]) -> list[tuple[str, Fingerprint]]:
    """What is held under any of ``prints``, by whomever, each with the financing's name."""
    wanted = {(p.version, p.kind, p.digest) for p in prints}
    rows = (
        _rows(session, "entries", {"digests": uuids(sorted({digest for *_, digest in wanted}))})
        if wanted
        else []
    )
    found = [print_of(row) for row in rows]
    return [(name, p) for name, p in found if (p.version, p.kind, p.digest) in wanted]


def _external(session: Session, financing: str) -> tuple[Answer, ...]:
    rows = _rows(session, "external", {"financing": financing_id(financing).hex()})
    return tuple(Answer(registry, Finding(finding), at) for registry, finding, at in rows)


def _earlier(session: Session, ask: Ask) -> Ruling | None:
    asked = {
        "asked_by": ask.asked_by,
        "idempotency": ask.idempotency,
        "request": None if ask.request is None else ask.request.hex(),
    }
    rows = _rows(session, "decision_asked", asked)
    return ruling_of(rows[0]) if rows else None


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[Row]:
    return session.cursor(binary=True, row_factory=tuple_row).execute(statement(name), parameters).fetchall()
