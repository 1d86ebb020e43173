"""The rows of lists in the database: replaced for evaluated consignments, and read in pages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from services.domain.facts import Micros
from services.domain.objects import ObjectId
from services.ledger.storage.arrays import adapt, bigints, booleans, smallints, texts, uuids
from services.ledger.storage.term_numbers import term_number
from services.query.listing import statement
from services.query.listing.rows import ListRow

Session = Connection[Any]


class Part(StrEnum):
    """The part of a list that is looked at, each with an index of its own."""

    ALL = "list_all"
    UNDER_WAY = "list_under_way"  # not delivered yet
    ATTENTION = "list_attention"  # late, disputed, in trouble or silent


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which consignments of a list; what is empty or False does not choose. ``phases`` are those of the journey."""

    part: Part = Part.ALL
    phases: Collection[int] = ()
    corridor: str = ""
    late: bool = False
    disputed: bool = False


class Place(NamedTuple):
    """A consignment's place in a list, the newest first."""

    opened: Micros
    cons: ObjectId


def listed(session: Session, party: str, wanted: Wanted, after: Place | None, limit: int) -> list[Place]:
    """At most ``limit`` consignments in which ``party`` is engaged, behind ``after``, the newest first; one statement."""
    adapt(session)
    parameters = {
        "party": term_number(party),
        "opened": 2**62 if after is None else after.opened,
        "cons": UUID(int=0) if after is None else UUID(bytes=after.cons),
        "phases": smallints(sorted(wanted.phases)) if wanted.phases else None,
        "corridor": wanted.corridor or None,
        "late": wanted.late,
        "disputed": wanted.disputed,
        "limit": limit,
    }
    by_corridor = wanted.part is Part.ALL and wanted.corridor
    rows = session.execute(
        statement("list_corridor" if by_corridor else wanted.part.value), parameters, binary=True
    )
    return [Place(opened, cons) for opened, cons in rows]


def replace(session: Session, evaluated: Mapping[ObjectId, Collection[ListRow]]) -> None:
    """Make the rows of each evaluated consignment these, in the caller's transaction; writes what differs, three statements at most."""
    stored = session.execute(statement("rows_of"), {"ids": uuids(sorted(evaluated))}, binary=True)
    before = {ListRow(*row) for row in stored}
    now = {row for rows in evaluated.values() for row in rows}
    gone, come = sorted(before - now), sorted(now - before)
    if gone:
        keys = {"parties": bigints([row.party for row in gone]), "conses": uuids([row.cons for row in gone])}
        session.execute(statement("drop_rows"), keys)
    if come:
        session.execute(statement("put_rows"), _columns(come))


def _columns(rows: list[ListRow]) -> dict[str, Any]:
    return {
        "parties": bigints([row.party for row in rows]),
        "conses": uuids([row.cons for row in rows]),
        "opened": bigints([row.opened for row in rows]),
        "phases": smallints([row.phase for row in rows]),
        "corridors": texts([row.corridor for row in rows]),
        "late": booleans([row.late for row in rows]),
        "disputed": booleans([row.disputed for row in rows]),
        "trouble": booleans([row.trouble for row in rows]),
        "silent": booleans([row.silent for row in rows]),
    }
