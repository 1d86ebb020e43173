"""Where financings stand, for lists: decisions and the words about each, without looking at the cargo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from psycopg import Connection

from services.domain.facts import Micros
from services.domain.objects import Thing
from services.financing.domain import lifecycle
from services.financing.domain.lifecycle import Hold, State
from services.financing.domain.products import Products, products
from services.financing.domain.statements import Record, live
from services.financing.store import statement
from services.financing.store.decision_service import rulings_of
from services.financing.store.evidence import words_about, words_in
from services.financing.store.identifiers import application_id, financing_id
from services.financing.store.rows import RULING_COLUMNS, ruling_of
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import adapt, uuids
from services.ledger.storage.session import BoundStatement, Row
from services.runtime.named_sql import nested

Session = Connection[Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """A financing as it stands by the decisions and by what was said of it; ``position`` is the latest decision on it."""

    state: State
    blocks_release: bool

    @property
    def financing(self) -> str:
        """``bank/reference``."""
        return self.state.hold.financing

    @property
    def position(self) -> int:
        """Number of the latest decision."""
        return self.state.hold.last


def summaries(
    session: Session, names: Sequence[str], at: Micros, registry: Registry, table: Products | None = None
) -> list[Summary]:
    """The financings called ``names`` at ``at``, in that order; what has no reservation is left out.

    A constant number of statements, in the caller's transaction; about a millisecond and a fraction for each further one.
    """
    if not names:
        return []
    adapt(session)
    event_reader.limit_work_memory(session)
    holds = lifecycle.holds(rulings_of(session, [financing_id(name) for name in names]), at)
    wanted = [holds[name] for name in names if name in holds]
    if not wanted:
        return []
    subjects = {financing_id(hold.financing) for hold in wanted}
    subjects |= {application_id(hold.terms.application) for hold in wanted}
    return _summed(wanted, words_about(session, subjects, registry, at), at, table)


def reached(bank: str, thing: Thing) -> BoundStatement:
    """What ``summaries_in`` needs of the database: one question in all, wherever ``thing`` leads to.

    For sessions that know packed ids and were told to ``spare`` memory.
    """
    first, end = names_of(bank)
    return BoundStatement(
        reached_query(), {"id": thing.id.hex(), "kind": int(thing.kind), "first": first, "end": end}
    )


def summaries_in(
    rows: Sequence[Row], bank: str, at: Micros, registry: Registry, table: Products | None = None
) -> list[Summary]:
    """The financings of ``bank`` among the ``rows`` that answer ``reached``, at ``at``, by name; pure."""
    decided = [row for row in rows if row[0] is not None]
    spoken = [row[RULING_COLUMNS:] for row in rows if row[RULING_COLUMNS] is not None]
    holds = lifecycle.holds(map(ruling_of, decided), at)
    own = [hold for name, hold in sorted(holds.items()) if hold.bank == bank]
    words = words_in(map(event_reader.stored_of, spoken), registry, at)
    return _summed(own, words, at, table)


@cache
def reached_query() -> bytes:
    """The decisions of ``own_reached`` and the words on whatever they are about: rows of one kind, then rows of the other."""
    words = nested(statement("words_read"), subjects=statement("subjects_reached"))
    return b"\n".join(
        (
            b"WITH reached AS MATERIALIZED (",
            statement("own_reached"),
            b") SELECT r.*, w.* FROM (VALUES (1), (2)) AS kind (no)",
            b"LEFT JOIN reached r ON kind.no = 1",
            b"LEFT JOIN (",
            words,
            b") AS w ON kind.no = 2",
        )
    )


def _summed(wanted: Sequence[Hold], said: Record, at: Micros, table: Products | None) -> list[Summary]:
    words = live(said, at, at)
    rows = (products() if table is None else table).rows
    found = []
    for hold in wanted:
        own = lifecycle.of_financing(words, hold.financing, hold.terms.application)
        product = rows.get(hold.terms.product)
        blocks = hold.pledged and product is not None and product.blocks_release
        found.append(Summary(lifecycle.state(hold, own, at), blocks))
    return found


def own_under(session: Session, bank: str, digests: Iterable[bytes]) -> list[str]:
    """The financings of ``bank`` that hold something under any of the fingerprints, by name."""
    first, end = names_of(bank)
    rows = session.execute(
        statement("own_under"), {"digests": uuids(sorted(digests)), "first": first, "end": end}
    )
    return [name for (name,) in rows.fetchall()]


def portfolio(session: Session, bank: str, after: str, limit: int, only_open: bool) -> list[str]:
    """At most ``limit`` financings of ``bank`` that come after the name ``after`` ("" at the start), in order."""
    first, end = names_of(bank)
    given = {"after": max(after, first), "end": end, "limit": limit, "open": only_open}
    return [name for (name,) in session.execute(statement("portfolio"), given).fetchall()]


def names_of(bank: str) -> tuple[str, str]:
    """All names ``bank/...`` lie between these two; "0" is the character after the slash."""
    return f"{bank}/", f"{bank}0"
