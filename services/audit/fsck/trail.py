"""Registers against the audit trail: each row is what its entries make of it, and no entry is missing or another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from services.audit.fsck.finding import Damage, Notebook
from services.audit.fsck.snapshot import Snapshot
from services.ledger.audit_trail.digests import NONE, chained
from services.ledger.audit_trail.entries import AUDITED, LOGS, REGISTERS, Register, fold, link

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


def check_trail(snapshot: Snapshot, notebook: Notebook) -> None:
    """Verify the chains, then compare every register with what they make of it, column by column.

    ``trail_not_permitted`` counts what this role may not read; ``trail_not_entered`` rows of releases from before the trail,
    as long as their processes may be at work. Memory grows with the rows of registers.
    """
    if not permitted(snapshot, "audit_trail", "audit_head"):
        notebook.counts["trail_not_permitted"] += 1
        return
    entries = _chains(snapshot, notebook)
    strict = audited(snapshot)
    for register in REGISTERS:
        if permitted(snapshot, register.table):
            _compare(snapshot, register, entries.get(register.table, []), strict, notebook)
        else:
            notebook.counts["trail_not_permitted"] += 1


def entered(snapshot: Snapshot, register: str, key: str) -> dict[str, object]:
    """What the trail says of one row; empty where it says nothing."""
    query = "SELECT key, change FROM lianyun.audit_trail WHERE register = %s AND key = %s ORDER BY no"
    try:
        return fold(snapshot.rows(query, (register, key))).get(key, {})
    except ValueError:
        return {}  # the chain is broken, and that is a finding of its own


def _chains(snapshot: Snapshot, notebook: Notebook) -> Entries:
    heads = {register: (number, digest) for register, number, digest in snapshot.rows(_HEADS)}
    found: Entries = {}
    for register, rows in groupby(snapshot.stream(_TRAIL), key=lambda row: row[0]):
        last, digest, entries = 0, NONE, list[tuple[str, str]]()
        for _, no, key, change, stored in rows:
            where = f"audit_trail {register} {no}"
            notebook.counts["trail_entries"] += 1
            if no != last + 1:
                _broken(notebook, f"audit_trail {register}", "no", f"{no} behind {last}", f"{last + 1}")
            elif stored != (right := chained(digest, link(register, key, change))):
                _broken(notebook, where, "key, change or digest", stored, right)
            last, digest = no, stored
            entries.append((key, change))
        found[register] = entries
        if register not in heads:
            _broken(notebook, f"audit_head {register}", "row", "no row", f"{last} entries")
        elif heads[register] != (last, digest):
            number, head = heads[register]
            _broken(
                notebook,
                f"audit_head {register}",
                "entries and digest",
                f"{number} {head.hex()}",
                f"{last} {digest.hex()}",
            )
    for register in CHAINS:
        if register not in heads and register not in found:
            _broken(notebook, f"audit_head {register}", "row", "no row", "a row: the migration makes it")
    for register in sorted(heads.keys() - found.keys()):
        if heads[register] != (0, NONE):
            _broken(notebook, f"audit_trail {register}", "entries", "none", heads[register][0])
    return found


def _broken(notebook: Notebook, where: str, field: str, stored: object, expected: object) -> None:
    notebook.add(Damage.AUDIT, where, field, stored, expected, _CHAIN)


def _compare(
    snapshot: Snapshot, register: Register, entries: list[tuple[str, str]], strict: bool, notebook: Notebook
) -> None:
    try:
        right = fold(entries)
    except ValueError as problem:
        _broken(notebook, f"audit_trail {register.table}", "change", problem, "JSON")
        return
    for where, field, stored, expected in _differences(snapshot, register, right, notebook):
        if strict:
            notebook.add(Damage.AUDIT, where, field, stored, expected, _RESTORE.format(register.table))
        else:
            notebook.counts["trail_not_entered"] += 1


def _differences(
    snapshot: Snapshot, register: Register, right: dict[str, dict[str, object]], notebook: Notebook
) -> Iterator[tuple[str, str, object, object]]:
    """(where, field, stored, expected) of whatever differs."""
    left = dict(right)
    for key, stored in snapshot.stream(register.query):
        where = f"{register.table} {key}"
        notebook.counts["register_rows"] += 1
        said = left.pop(key, None)
        if said is None:
            yield where, "row", stored, "no row" if key not in right else "one row"
            continue
        for name, value in stored.items():
            expected = said.get(name, "no entry")
            if value != expected:
                yield where, name, value, expected
    for key in sorted(left):
        yield f"{register.table} {key}", "row", "no row", left[key]
