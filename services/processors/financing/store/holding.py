"""Locking everything that a decision depends on, in one statement: what is read afterwards nobody else can change.

The order of locks is that of every writer: registry, versions of fingerprints, consignments' heads, then the keys of the
encumbrance, in ascending order. The moment of the decision and its number are drawn behind them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from psycopg import Connection, Cursor
from psycopg.rows import tuple_row

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from services.core.facts import Micros
from services.core.objects import Thing
from services.processors.financing.asking import Ask
from services.processors.financing.fingerprints import Fingerprint
from services.processors.financing.store.names import (
    application_id,
    financing_id,
    lock_key,
    note_id,
    request_key,
)
from services.processors.financing.store.statements import statement
from services.storage.arrays import bigints, smallints, uuids

Session = Connection[Any]


class CargoMoved(Exception):
    """Links or entries changed between finding what to lock and locking it: nothing was decided; begin again."""


class Held(NamedTuple):
    """What is locked until the transaction ends, and what was drawn behind the locks.

    ``consignments`` are the groups by their canonical ids; ``involved`` the financings that are named or hold any of the
    same; below ``position`` all transactions were seen. ``ruled`` says whether there are decisions on what is involved,
    ``answered`` answers of other registries, ``repeated`` a decision on this very request.
    """

    registry: int
    consignments: tuple[bytes, ...]
    involved: tuple[bytes, ...]
    moment: Micros
    position: int
    number: int
    ruled: bool
    answered: bool
    repeated: bool


class OtherVersions(NamedTuple):
    """The versions of fingerprints that count, as rows in words: not those that the fingerprints were made by."""

    rows: tuple[str, ...]


Rows = Cursor[tuple[Any, ...]]


def ask_hold(
    session: Session, ask: Ask, on: Sequence[Thing], prints: Sequence[Fingerprint], made_by: Sequence[str]
) -> Rows:
    """Ask for all locks of ``ask`` about ``on`` with ``prints``; ``made_by`` are the versions of the fingerprints.

    Blocks, where the rows are waited for, while others decide on the same encumbrance, or change the registry or the
    versions.
    """
    parameters = {
        "named": uuids([thing.id for thing in on]),
        "kinds": smallints([int(thing.kind) for thing in on]),
        "financings": uuids(financings_of(ask)),
        "own": financing_id(ask.financing).hex() if ask.financing else None,
        "prints": uuids(sorted({each.digest for each in prints})),
        "made_by": list(made_by),
        "further": bigints(sorted(map(lock_key, _request(ask)))),
        "told": uuids(sorted(told(ask))),
        "disposes": ask.action.disposes,
        "asked_by": ask.asked_by,
        "idempotency": ask.idempotency,
        "request": None if ask.request is None else ask.request.hex(),
    }
    return session.cursor(binary=True, row_factory=tuple_row).execute(statement("hold_all"), parameters)


def held_in(rows: Rows, ask: Ask) -> Held | OtherVersions:
    """What was locked. Where other versions count no key is: make the fingerprints by them and ask again. Raises CargoMoved."""
    row = rows.fetchone()
    assert row is not None
    registry, versions, consignments, involved, moment, position, number, steady, *there = row
    if steady is None:
        return OtherVersions(tuple(versions or ()))
    if not steady:
        raise CargoMoved(f"the cargo or the entries of {ask.financing or ask.asked_by} changed; begin again")
    found = (tuple(sorted(consignments)), tuple(sorted(involved)))
    return Held(registry, *found, moment, position, number, *there)


def financings_of(ask: Ask) -> list[bytes]:
    """The ids of the financings that a request names, in order."""
    return sorted(financing_id(name) for name in (ask.financing, ask.replaces) if name)


def told_application(ask: Ask) -> set[bytes]:
    """The application that a request is about, if it says so: the subject of words."""
    return set() if ask.terms is None else {application_id(ask.terms.application)}


def told(ask: Ask) -> set[bytes]:
    """The subjects that a request tells: its application, and the notes that its papers name."""
    notes = (canonical_key(ObjectKind.NOTE, note.key) for note in ask.papers.notes)
    return {*told_application(ask), *map(note_id, notes)}


def _request(ask: Ask) -> Iterator[bytes]:
    """What two tellings of one request have in common."""
    yield request_key(ask.asked_by, ask.idempotency)
    if ask.request is not None:
        yield ask.request
