"""What is kept of financings: decisions on them, their cargo, and what they hold under which fingerprints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.objects import Thing, consignment
from services.financing.domain.decisions import Ruling
from services.financing.domain.fingerprints import Fingerprint
from services.financing.store import statement
from services.financing.store.rows import print_of, ruling_of
from services.ledger.storage.arrays import uuids

Session = Connection[Any]
Row = Sequence[Any]
Held = tuple[str, Fingerprint]
"""A financing by its name, and one fingerprint that it holds."""


def rulings_of(session: Session, financings: Iterable[bytes]) -> tuple[Ruling, ...]:
    """Every decision that changed one of the financings (16-byte ids), in the order in which they were taken."""
    rows = _rows(session, "decisions_of", {"financings": uuids(sorted({*financings}))})
    return tuple(map(ruling_of, rows))


def cargo_of(session: Session, financings: Sequence[bytes]) -> tuple[Thing, ...]:
    """The consignments that the financings (16-byte ids) were reserved on, under the names of then."""
    return cargo_in(
        _rows(session, "cargo_of", {"financings": uuids(sorted(financings))}) if financings else []
    )


def cargo_in(rows: Iterable[Row]) -> tuple[Thing, ...]:
    """The consignments in rows of ``cargo_of``."""
    return tuple(sorted(consignment(*key.split("/", 1)) for _, key in rows))


def entries_of(session: Session, financings: Sequence[bytes]) -> list[Held]:
    """What the financings (16-byte ids) hold, each with the financing's name, in order."""
    if not financings:
        return []
    rows = _rows(session, "entries_of", {"financings": uuids(sorted(financings))})
    return sorted(map(print_of, rows), key=_order)


def held_by(entries: Iterable[Held], financing: str) -> list[Held]:
    """What the financing of that name holds of ``entries``, in order."""
    return sorted((each for each in entries if each[0] == financing), key=_order)


def entries_under(session: Session, prints: Sequence[Fingerprint]) -> list[Held]:
    """What is held under any of ``prints``, by whomever, each with the financing's name."""
    digests = sorted({each.digest for each in prints})
    rows = _rows(session, "entries", {"digests": uuids(digests)}) if digests else []
    return among(map(print_of, rows), prints)


def among(entries: Iterable[Held], prints: Iterable[Fingerprint]) -> list[Held]:
    """What of ``entries`` is held under the very ``prints``: of the same version, kind and digest."""
    wanted = {(p.version, p.kind, p.digest) for p in prints}
    return [(name, p) for name, p in entries if (p.version, p.kind, p.digest) in wanted]


def _order(entry: Held) -> tuple[str, int, str, bytes]:
    name, print_ = entry
    return name, print_.version, print_.kind, print_.digest


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    return session.cursor(binary=True, row_factory=tuple_row).execute(statement(name), parameters).fetchall()
