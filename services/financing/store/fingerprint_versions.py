"""The registry's keys: which fingerprint versions count, and whether this process has the keys to compute them.

The keys come from the process's settings and are never stored; the table holds their digests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from services.financing.domain.fingerprints import NORMALISERS, Normaliser, Version
from services.financing.store import statement
from services.ledger.audit_trail.entries import enter

Session = Connection[Any]
_DOMAIN = b"lianyun-financing-registry-key\n"


class KeyMissing(Exception):
    """A version that still counts cannot be computed by this process: it must not decide anything."""


class KeyRing:
    """The registry keys of this process by their digests, and its normalisers."""

    def __init__(self, keys: Iterable[bytes], normalisers: Mapping[int, Normaliser] = NORMALISERS) -> None:
        self._keys = {key_id(key): key for key in keys}
        self._normalisers = normalisers

    def version(self, number: int, key: str, normaliser: int, is_open: bool) -> Version:
        """The version as it is computed with; KeyMissing where its key or normaliser is not here."""
        if key not in self._keys or normaliser not in self._normalisers:
            raise KeyMissing(
                f"version {number} of the fingerprints needs key {key} and normaliser {normaliser}, which this process does "
                "not have; give it the key (setting registry_keys) or a newer release"
            )
        return Version(number, self._keys[key], self._normalisers[normaliser], is_open)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(sorted(self._keys))})"


def key_id(key: bytes) -> str:
    """16 hexadecimal digits that identify a registry key and reveal nothing of it."""
    return hashlib.sha256(_DOMAIN + key).hexdigest()[:16]


def hold(session: Session, ring: KeyRing) -> tuple[Version, ...]:
    """The versions that count, locked until the transaction ends. Raises KeyMissing; waits for a rotation."""
    return _computable(
        session.cursor(row_factory=tuple_row).execute(statement("hold_versions")).fetchall(), ring
    )


def counting(rows: Iterable[str], ring: KeyRing) -> tuple[Version, ...]:
    """The versions of text rows: number, key, normaliser, 1 where it is open. Raises KeyMissing."""
    parts = (row.split(" ") for row in rows)
    return _computable([(int(no), key, int(norm), is_open == "1") for no, key, norm, is_open in parts], ring)


def _computable(rows: Sequence[tuple[int, str, int, bool]], ring: KeyRing) -> tuple[Version, ...]:
    if not any(is_open for *_, is_open in rows):
        raise KeyMissing("no version of the fingerprints is open; begin one with `lianyun bank rotate-key`")
    return tuple(ring.version(*row) for row in rows)


def begin(session: Session, key: bytes, normaliser: int) -> int:
    """Open a further version and return its number; waits for decisions under way.

    Earlier versions stay open until they are closed: while processes of two releases run side by side, each reservation is
    written under both. Needs a transaction in which nothing was decided.
    """
    Version(0, key, NORMALISERS.get(normaliser, str))  # refuses a short key
    session.execute(statement("lock_versions"))
    row = session.execute(
        statement("add_version"), {"key_id": key_id(key), "normaliser": normaliser}
    ).fetchone()
    assert row is not None
    entry = {"key_id": key_id(key), "normaliser": normaliser, "open": True}
    enter(session, "financing_version", row[0], entry)
    return int(row[0])


def close(session: Session, number: int) -> bool:
    """Close a version to writing; it is compared until its last entry is freed. False where it was closed before."""
    session.execute(statement("lock_versions"))
    closed = session.execute(statement("close_version"), {"number": number}).fetchone() is not None
    if closed:
        enter(session, "financing_version", number, {"open": False})
    return closed
