"""The desk: one request, one transaction. Everything that a decision depends on is locked, read, judged and recorded.

What is read behind the locks nobody else can change (see ``holding``). Locking and reading is one round trip to the database,
recording another; a third reads what earlier decisions left, where there are any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg import Connection

from services.core.facts import Micros
from services.core.objects import Thing
from services.processors.financing.asking import Ask
from services.processors.financing.decisions import decide
from services.processors.financing.fingerprints import Fingerprint, Version, fingerprints
from services.processors.financing.products import Products, products
from services.processors.financing.rulings import Action, Ruling
from services.processors.financing.store import versions
from services.processors.financing.store.book import Asked, Seen, ask_seen, read_book, seen_in
from services.processors.financing.store.holding import CargoMoved as CargoMoved
from services.processors.financing.store.holding import Held, ask_hold, held_in
from services.processors.financing.store.kept import rulings_of as rulings_of
from services.processors.financing.store.recording import record
from services.processors.financing.store.signing import Signer, state_digest
from services.processors.financing.store.statements import statement
from services.processors.financing.store.versions import KeyRing
from services.registry import store as registry_store
from services.registry.registry import Registry
from services.storage import points
from services.storage.arrays import adapt

Session = Connection[Any]
Clock = Callable[[Session], tuple[Micros, int]]


def database_clock(session: Session) -> tuple[Micros, int]:
    """(the moment, the transaction below which everything is seen) by the database, for other clocks to begin with."""
    row = session.execute(statement("moment")).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


class _Counting(NamedTuple):
    """The versions of fingerprints that counted when last asked: as rows in words, and as they are computed with."""

    rows: tuple[str, ...] = ()
    versions: tuple[Version, ...] = ()


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
        adapt(session)
        counting, asked, held, seen = self._held(session, ask, on)
        points.reach("locked")
        at, position = (held.moment, held.position) if self.clock is None else self.clock(session)
        registry = self._registry(session, held.registry)
        table = products() if self.table is None else self.table
        found = read_book(session, asked, held, seen, registry, at, table, self.required)
        ruling = decide(ask, found.book, at, self.table)
        if ruling.recorded:
            return ruling
        ruling = ruling._replace(number=held.number, position=position)
        if found.book.earlier is None:
            open_ = {version.number for version in counting.versions if version.open}
            written = [p for p in found.book.prints if p.version in open_]
            record(session, ruling, self.signer, state_digest(found.book), written, found.things)
        return ruling

    def _held(self, session: Session, ask: Ask, on: Sequence[Thing]) -> tuple[_Counting, Asked, Held, Seen]:
        """The versions that count, the request with its fingerprints under them, what is locked for it, and seen behind that."""
        counting = self._counting[0]
        while True:
            asked = Asked(ask, on, _asked_prints(ask, counting.versions))
            with session.pipeline():
                locked = ask_hold(session, ask, on, asked.prints, counting.rows)
                rows = ask_seen(session)
            held = held_in(locked, ask)
            if isinstance(held, Held):
                return counting, asked, held, seen_in(rows, ask, held)
            counting = self._counting[0] = _Counting(held.rows, versions.counting(held.rows, self.ring))

    def _registry(self, session: Session, version: int) -> Registry:
        """The registry at the version that is held; read once for each version of it."""
        known = self._known.get(version)
        if known is None:
            known = registry_store.load(session)
            self._known.clear()
            self._known[version] = known
        return known


def _asked_prints(ask: Ask, known: Sequence[Version]) -> tuple[Fingerprint, ...]:
    """The fingerprints of the papers of a reservation, under each version that counts."""
    if ask.action is not Action.RESERVE or ask.terms is None:
        return ()
    return tuple(p for version in known for p in fingerprints(ask.papers, ask.terms.applicant, version))
