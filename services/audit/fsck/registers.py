"""Registers against the audit trail, and migrations and reference tables against the release.

Each row of a register is what its entries make of it, and no entry is missing or another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any
from uuid import UUID

from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Difference, Findings
from services.ledger.audit_trail.digests import NONE, chained
from services.ledger.audit_trail.entries import AUDITED, LOGS, REGISTERS, Register, fold, link
from services.ledger.storage.errors import MigrationError
from services.ledger.storage.reference import TABLES, reference
from services.ledger.storage.schema_window import schema_status

CHAINS = (*(register.table for register in REGISTERS), *LOGS, "api_answer", "webhook_message")
"""The registers of which there is a head."""
Entries = dict[str, list[tuple[str, str]]]
"""Of each register (key, change), in order."""
_PERMITTED = "SELECT has_table_privilege('lianyun.' || name, 'SELECT') FROM unnest(%s::text[]) AS t (name)"
_TRAIL = "SELECT register, no, key, change, digest FROM lianyun.audit_trail ORDER BY register, no"
_HEADS = "SELECT register, entries, digest FROM lianyun.audit_head"
_AUDITED = """
SELECT EXISTS (SELECT FROM lianyun.migration WHERE number = %(number)s)
    OR EXISTS (SELECT FROM lianyun.audit_trail WHERE register = 'migration' AND key = %(number)s::text)
"""
_RESTORE = "Restore lianyun.{} from a backup, or set the row to what its entries in lianyun.audit_trail say; find out who changed it."
_CHAIN = "Restore lianyun.audit_trail and lianyun.audit_head from a backup, and compare the register itself with it."


def permitted(snapshot: Snapshot, *tables: str) -> bool:
    """Whether this role may read all of ``tables`` of schema lianyun."""
    return all(may for (may,) in snapshot.rows(_PERMITTED, [list(tables)]))


def audited(snapshot: Snapshot) -> bool:
    """Whether everything must have its entry or seal: no process of a release from before the trail is at work any more."""
    return bool(snapshot.one(_AUDITED, {"number": AUDITED})[0])


def check_trail(snapshot: Snapshot, findings: Findings) -> None:
    """Verify the chains, then compare every register with what they make of it, column by column.

    ``trail_not_permitted`` counts what this role may not read; ``trail_not_entered`` rows of releases from before the trail,
    as long as their processes may be at work. Memory grows with the rows of registers.
    """
    if not permitted(snapshot, "audit_trail", "audit_head"):
        findings.counts["trail_not_permitted"] += 1
        return
    entries = _chains(snapshot, findings)
    strict = audited(snapshot)
    for register in REGISTERS:
        if permitted(snapshot, register.table):
            _compare(snapshot, register, entries.get(register.table, []), strict, findings)
        else:
            findings.counts["trail_not_permitted"] += 1


def trail_entry(snapshot: Snapshot, register: str, key: str) -> dict[str, object]:
    """The state of one row by the audit trail; empty without an entry."""
    query = "SELECT key, change FROM lianyun.audit_trail WHERE register = %s AND key = %s ORDER BY no"
    try:
        return fold(snapshot.rows(query, (register, key))).get(key, {})
    except ValueError:
        return {}  # the chain is broken, and that is a finding of its own


def _chains(snapshot: Snapshot, findings: Findings) -> Entries:
    heads = {register: (number, digest) for register, number, digest in snapshot.rows(_HEADS)}
    found: Entries = {}
    for register, rows in groupby(snapshot.stream(_TRAIL), key=lambda row: row[0]):
        last, digest, entries = 0, NONE, list[tuple[str, str]]()
        for _, no, key, change, stored in rows:
            where = f"audit_trail {register} {no}"
            findings.counts["trail_entries"] += 1
            if no != last + 1:
                _broken(findings, f"audit_trail {register}", "no", f"{no} behind {last}", f"{last + 1}")
            elif stored != (right := chained(digest, link(register, key, change))):
                _broken(findings, where, "key, change or digest", stored, right)
            last, digest = no, stored
            entries.append((key, change))
        found[register] = entries
        if register not in heads:
            _broken(findings, f"audit_head {register}", "row", "no row", f"{last} entries")
        elif heads[register] != (last, digest):
            number, head = heads[register]
            _broken(
                findings,
                f"audit_head {register}",
                "entries and digest",
                f"{number} {head.hex()}",
                f"{last} {digest.hex()}",
            )
    for register in CHAINS:
        if register not in heads and register not in found:
            _broken(findings, f"audit_head {register}", "row", "no row", "a row: the migration makes it")
    for register in sorted(heads.keys() - found.keys()):
        if heads[register] != (0, NONE):
            _broken(findings, f"audit_trail {register}", "entries", "none", heads[register][0])
    return found


def _broken(findings: Findings, where: str, field: str, stored: object, expected: object) -> None:
    findings.add(Damage.AUDIT, where, field, stored, expected, _CHAIN)


def _compare(
    snapshot: Snapshot, register: Register, entries: list[tuple[str, str]], strict: bool, findings: Findings
) -> None:
    try:
        right = fold(entries)
    except ValueError as problem:
        _broken(findings, f"audit_trail {register.table}", "change", problem, "JSON")
        return
    differences = _differences(snapshot, register, right, findings)
    if strict:
        findings.add_differences(Damage.AUDIT, differences, _RESTORE.format(register.table))
    else:
        findings.counts["trail_not_entered"] += sum(1 for _ in differences)


def _differences(
    snapshot: Snapshot, register: Register, right: dict[str, dict[str, object]], findings: Findings
) -> Iterator[Difference]:
    left = dict(right)
    for key, stored in snapshot.stream(register.query):
        where = f"{register.table} {key}"
        findings.counts["register_rows"] += 1
        entry = left.pop(key, None)
        if entry is None:
            yield Difference(where, "row", stored, "no row" if key not in right else "one row")
            continue
        for name, value in stored.items():
            # A column that came after the row is null in it, and has no entry.
            expected = entry.get(name, None if value is None else "no entry")
            if value != expected:
                yield Difference(where, name, value, expected)
    for key in sorted(left):
        yield Difference(f"{register.table} {key}", "row", "no row", left[key])


_MIGRATE = "Run `lianyun db migrate` with the release that is deployed; where a row of lianyun.migration was changed, restore it."
_WRITE = "Delete the row of lianyun.reference and run `lianyun db migrate`: it writes these tables anew."


def check_release(snapshot: Snapshot, findings: Findings) -> None:
    """Compare lianyun.migration with the files of this release, and the reference tables with what it knows, row by row.

    Where a newer release has migrated and brought other reference tables, ``reference_of_newer_release`` counts that instead.
    """
    newer = _migrations(snapshot, findings)
    rows, digest = reference()
    noted = [each for (each,) in snapshot.rows("SELECT digest FROM lianyun.reference")]
    if noted != [digest] and newer:
        findings.counts["reference_of_newer_release"] += 1
        return
    if noted != [digest]:
        findings.add(Damage.RELEASE, "reference", "digest", noted[0] if noted else "no row", digest, _WRITE)
    for table in TABLES:
        stored = snapshot.rows(f"SELECT row_to_json(t) FROM lianyun.{table} t")  # noqa: S608 - one of TABLES
        there = {_hashable(row.values()) for (row,) in stored}
        right = {_hashable(row) for row in rows[table]}
        findings.counts["reference_rows"] += len(right)
        for each in sorted(there - right, key=str):
            findings.add(Damage.RELEASE, table, "row", each, "no such row", _WRITE)
        for each in sorted(right - there, key=str):
            findings.add(Damage.RELEASE, table, "row", "missing or another", each, _WRITE)


def _hashable(row: Iterable[Any]) -> tuple[Any, ...]:
    """A row as it can be compared: lists as tuples, ids as text."""
    return tuple(
        tuple(each) if isinstance(each, list) else str(each) if isinstance(each, UUID) else each
        for each in row
    )


def _migrations(snapshot: Snapshot, findings: Findings) -> bool:
    """Whether a newer release has migrated."""
    try:
        found = schema_status(snapshot.connection)
    except (MigrationError, ValueError) as problem:
        findings.add(Damage.RELEASE, "migration", "row", problem, "the migrations of this release", _MIGRATE)
        return False
    for name in found.lacking:
        findings.add(Damage.RELEASE, f"migration {name}", "row", "no row", "applied", _MIGRATE)
    findings.counts["migrations_newer"] += len(found.newer)
    findings.counts["migrations_left"] += len(found.left_over)
    return bool(found.newer)
