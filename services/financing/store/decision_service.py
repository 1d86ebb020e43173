"""The desk: requests are decided in one transaction. Everything that a decision depends on is locked, read, judged and recorded.

What is read behind the locks nobody else can change (see ``holding``). Locking and reading is one round trip to the database,
recording another; a third reads what earlier decisions left, where there are any. So it is for one request as for several:
those have nothing in common, and none sees what another one of them decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
from psycopg import Connection

from services.domain.facts import Micros
from services.domain.objects import Thing, consignment
from services.financing.domain.decision_rules import decide
from services.financing.domain.decisions import Action, Ruling
from services.financing.domain.fingerprints import Fingerprint, Version, fingerprints
from services.financing.domain.products import Products, products
from services.financing.domain.requests import Ask
from services.financing.store import fingerprint_versions as versions
from services.financing.store import statement
from services.financing.store.decision_context import Kept, Seen, ask_seen, read_book, read_kept, seen_in
from services.financing.store.decision_writer import Decided, record, signed
from services.financing.store.financings import rulings_of as rulings_of
from services.financing.store.fingerprint_versions import KeyMissing, KeyRing
from services.financing.store.locks import (
    Asked,
    Held,
    Later,
    OtherVersions,
    ask_hold,
    held_in,
    known_keys,
)
from services.financing.store.locks import CargoMoved as CargoMoved
from services.financing.store.signatures import Signer, state_digest
from services.ledger.registry import store as registry_store
from services.ledger.registry.registry import Registry
from services.ledger.storage import points
from services.ledger.storage.arrays import adapt

Session = Connection[Any]
Request = tuple[Ask, Sequence[Thing]]
"""What is asked, and the consignments that a reservation or a request about cargo is about."""
Clock = Callable[[Session], tuple[Micros, int]]
MOST_KEYS = 1_024
"""Keys of one transaction, as far as requests tell them: the table of locks is shared by all sessions. One request may have more."""


def database_clock(session: Session) -> tuple[Micros, int]:
    """(the moment, the transaction below which everything is seen) by the database, for other clocks to begin with."""
    row = session.execute(statement("moment")).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


class _Counting(NamedTuple):
    """The versions of fingerprints that counted when last asked: as rows in words, and as they are computed with."""

    rows: tuple[str, ...] = ()
    versions: tuple[Version, ...] = ()


class _Look(NamedTuple):
    """One request with all that was found of it."""

    asked: Asked
    held: Held
    seen: Seen
    kept: Kept


class _Looked(NamedTuple):
    """What is decided side by side, each with its place among the requests, and what all of it rests on.

    ``open`` are the versions of fingerprints under which is written.
    """

    each: list[tuple[int, _Look]]
    registry: Registry
    at: Micros
    position: int
    open: frozenset[int]


@dataclass(frozen=True)
class Desk:
    """Decides in the caller's transaction, which it neither commits nor rolls back. For several sessions and threads.

    ``required`` are the other registries that must be clear before money is paid; ``clock`` is another one than the
    database's, read behind the locks.
    """

    ring: KeyRing
    signer: Signer
    required: frozenset[str] = frozenset()
    clock: Clock | None = None
    table: Products | None = None
    _known: dict[int, Registry] = field(default_factory=dict, compare=False, repr=False)
    _counting: list[_Counting] = field(default_factory=lambda: [_Counting()], compare=False, repr=False)

    def decide(self, session: Session, ask: Ask, on: Sequence[Thing] = ()) -> Ruling:
        """Decide and record ``ask``; ``on`` are the consignments that a reservation or a request about cargo is about.

        A repeated request gives the decision that was taken for it, and records nothing. Blocks while others decide on the
        same encumbrance. Raises CargoMoved (begin again), KeyMissing, and what Postgres raises.
        """
        (found,) = self.decide_all(session, [(ask, on)])
        if isinstance(found, Exception):
            raise found
        return found

    def decide_all(
        self, session: Session, requests: Sequence[Request], whole: bool = False
    ) -> list[Ruling | Exception]:
        """Decide and record each of ``requests``, or say why it alone was not decided; nothing of such a one is written.

        Later where it has something in common with an earlier one, CargoMoved where it has to begin again. ``whole``:
        this is all of the transaction, begun and committed by statements that go with others. Raises what concerns them all:
        KeyMissing, and what Postgres raises; to roll back is then the caller's.
        """
        adapt(session)
        found: list[Ruling | Exception] = [Later() for _ in requests]
        looked = self._looked(session, requests, found, whole)
        if looked is None:
            return found
        points.reach("locked")
        decided: list[Decided] = []
        for place, each in looked.each:
            try:
                found[place], recorded = self._judged(session, each, looked)
            except (psycopg.Error, OSError, MemoryError, KeyMissing):
                raise
            except Exception as problem:  # of this request alone: whoever asked gets it
                found[place] = problem
            else:
                decided += [recorded] if recorded is not None else []
        with nullcontext() if points.installed() else session.pipeline():
            if decided:
                record(session, decided)
            if whole:
                session.execute(b"COMMIT")
        return found

    def _judged(self, session: Session, look: _Look, looked: _Looked) -> tuple[Ruling, Decided | None]:
        """The decision on one request, and what is to be recorded of it, if anything is."""
        at, table = looked.at, products() if self.table is None else self.table
        book, things = read_book(session, *look, looked.registry, at, table, self.required)
        ruling = decide(look.asked.ask, book, at, self.table)
        if ruling.recorded:
            return ruling, None
        ruling = ruling._replace(number=look.held.number, position=looked.position)
        if book.earlier is not None:
            return ruling, None
        written = [p for p in book.prints if p.version in looked.open]
        if ruling.action.disposes:
            things = tuple(consignment(*cargo.consignment.split("/", 1)) for cargo in book.cargo)
        return ruling, signed(ruling, self.signer, state_digest(book), written, things)

    def _looked(
        self, session: Session, requests: Sequence[Request], found: list[Ruling | Exception], whole: bool
    ) -> _Looked | None:
        """What is locked for the requests, and seen behind that; None where none can be decided. Others are in ``found``."""
        counting = self._counting[0]
        while True:
            places, asked = _apart(requests, counting.versions, found)
            if not asked:
                return None
            with session.pipeline():
                if whole:
                    session.execute(b"BEGIN")
                locked = ask_hold(session, asked, counting.rows)
                rows = ask_seen(session)
            held = held_in(locked, asked)
            if not isinstance(held, OtherVersions):
                break
            counting = self._counting[0] = _Counting(held.rows, versions.counting(held.rows, self.ring))
            whole = False
        kept = read_kept(session, asked, held)
        seen = seen_in(rows, asked, held)
        each = list[tuple[int, _Look]]()
        for number, (place, h) in enumerate(zip(places, held, strict=True)):
            if isinstance(h, Held):
                each.append((place, _Look(asked[number], h, seen[number], kept[number])))
            else:
                found[place] = h
        first = next((h for h in held if isinstance(h, Held)), None)
        at, position = (0, 0) if first is None else (first.moment, first.position)
        if self.clock is not None:
            at, position = self.clock(session)
        registry = self._registry(session, 0 if first is None else first.registry)
        opened = frozenset(version.number for version in counting.versions if version.open)
        return _Looked(each, registry, at, position, opened)

    def _registry(self, session: Session, version: int) -> Registry:
        """The registry at the version that is held; read once for each version of it."""
        known = self._known.get(version)
        if known is None:
            known = registry_store.load(session)
            self._known.clear()
            self._known[version] = known
        return known


def _apart(
    requests: Sequence[Request], known: Sequence[Version], found: list[Ruling | Exception]
) -> tuple[list[int], list[Asked]]:
    """The requests, by their places, that have nothing in common as far as they tell themselves, while there is room.

    What fails for one of them alone is put to its place in ``found``.
    """
    places, asked = list[int](), list[Asked]()
    taken: set[int] = set()
    for place, (ask, on) in enumerate(requests):
        try:
            each = Asked(ask, on, _asked_prints(ask, known))
            keys = known_keys(each)
        except Exception as problem:
            found[place] = problem
            continue
        if not asked or (taken.isdisjoint(keys) and len(taken) + len(keys) <= MOST_KEYS):
            taken |= keys
            places.append(place)
            asked.append(each)
    return places, asked


def _asked_prints(ask: Ask, known: Sequence[Version]) -> tuple[Fingerprint, ...]:
    """The fingerprints of the papers of a reservation, under each version that counts."""
    if ask.action is not Action.RESERVE or ask.terms is None:
        return ()
    return tuple(p for version in known for p in fingerprints(ask.papers, ask.terms.applicant, version))
