"""What is kept of financings: decisions on them, their cargo, and what they hold under which fingerprints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from services.core.objects import Thing, consignment
from services.processors.financing.fingerprints import Fingerprint
from services.processors.financing.rulings import Ruling
from services.processors.financing.store.rows import print_of, ruling_of
from services.processors.financing.store.statements import statement
from services.storage.arrays import uuids

Session = Connection[Any]
Row = Sequence[Any]


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


def entries_of(session: Session, financings: Sequence[bytes]) -> list[tuple[str, Fingerprint]]:
    """What the financings (16-byte ids) hold, each with the financing's name."""
    return held_in(
        _rows(session, "entries_of", {"financings": uuids(sorted(financings))}) if financings else []
    )


def held_in(rows: Iterable[Row]) -> list[tuple[str, Fingerprint]]:
    """What is held in rows of ``entries_of``, in order."""
    return sorted(map(print_of, rows), key=lambda e: (e[0], e[1].version, e[1].kind, e[1].digest))


def entries_under(session: Session, prints: Sequence[Fingerprint]) -> list[tuple[str, Fingerprint]]:
    """What is held under any of ``prints``, by whomever, each with the financing's name."""
    digests = sorted({each.digest for each in prints})
    return met_in(_rows(session, "entries", {"digests": uuids(digests)}) if digests else [], prints)


def met_in(rows: Iterable[Row], prints: Iterable[Fingerprint]) -> list[tuple[str, Fingerprint]]:
    """What of rows of ``entries`` is held under the very ``prints``."""
    wanted = {(p.version, p.kind, p.digest) for p in prints}
    found = map(print_of, rows)
    return [(name, p) for name, p in found if (p.version, p.kind, p.digest) in wanted]


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    return session.cursor(binary=True, row_factory=tuple_row).execute(statement(name), parameters).fetchall()
