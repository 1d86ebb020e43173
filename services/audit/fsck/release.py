"""What a release brings with it: the migrations that were applied, and the tables by which SQL knows the contract and the network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from services.audit.fsck.finding import Damage, Notebook
from services.audit.fsck.snapshot import Snapshot
from services.ledger.storage.errors import MigrationError
from services.ledger.storage.reference import TABLES, reference
from services.ledger.storage.schema_window import schema_status

_MIGRATE = "Run `lianyun db migrate` with the release that is deployed; where a row of lianyun.migration was changed, restore it."
_WRITE = "Delete the row of lianyun.reference and run `lianyun db migrate`: it writes these tables anew."


def check_release(snapshot: Snapshot, notebook: Notebook) -> None:
    """Compare lianyun.migration with the files of this release, and the reference tables with what it knows, row by row.

    Where a newer release has migrated and brought other reference tables, ``reference_of_newer_release`` says so instead.
    """
    newer = _migrations(snapshot, notebook)
    rows, digest = reference()
    noted = [each for (each,) in snapshot.rows("SELECT digest FROM lianyun.reference")]
    if noted != [digest] and newer:
        notebook.counts["reference_of_newer_release"] += 1
        return
    if noted != [digest]:
        notebook.add(Damage.RELEASE, "reference", "digest", noted[0] if noted else "no row", digest, _WRITE)
    for table in TABLES:
        stored = snapshot.rows(f"SELECT row_to_json(t) FROM lianyun.{table} t")  # noqa: S608 - one of TABLES
        there = {_plain(row.values()) for (row,) in stored}
        right = {_plain(row) for row in rows[table]}
        notebook.counts["reference_rows"] += len(right)
        for each in sorted(there - right, key=str):
            notebook.add(Damage.RELEASE, table, "row", each, "no such row", _WRITE)
        for each in sorted(right - there, key=str):
            notebook.add(Damage.RELEASE, table, "row", "missing or another", each, _WRITE)


def _plain(row: Iterable[Any]) -> tuple[Any, ...]:
    """A row as it can be compared: lists as tuples, ids as text."""
    return tuple(
        tuple(each) if isinstance(each, list) else str(each) if isinstance(each, UUID) else each
        for each in row
    )


def _migrations(snapshot: Snapshot, notebook: Notebook) -> bool:
    """Whether a newer release has migrated."""
    try:
        found = schema_status(snapshot.connection)
    except (MigrationError, ValueError) as problem:
        notebook.add(Damage.RELEASE, "migration", "row", problem, "the migrations of this release", _MIGRATE)
        return False
    for name in found.lacking:
        notebook.add(Damage.RELEASE, f"migration {name}", "row", "no row", "applied", _MIGRATE)
    notebook.counts["migrations_newer"] += len(found.newer)
    notebook.counts["migrations_left"] += len(found.left_over)
    return bool(found.newer)
