"""Locking everything that decisions depend on, in one statement: what is read afterwards nobody else can change.

The order of locks is that of every writer, over all requests of the transaction: registry, versions of fingerprints,
consignments' heads, then the keys of the encumbrances, in ascending order. The moment of the decisions and their numbers are
drawn behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from psycopg import Connection, Cursor
from psycopg.rows import tuple_row

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from services.domain.facts import Micros
from services.domain.objects import Thing
from services.financing.domain.decisions import Action
from services.financing.domain.fingerprints import Fingerprint
from services.financing.domain.products import Interest
from services.financing.domain.requests import Ask
from services.financing.store import statement
from services.financing.store.identifiers import (
    application_id,
    financing_id,
    lock_key,
    note_id,
    request_key,
)
from services.ledger.storage.arrays import booleans, texts

Session = Connection[Any]


class CargoMoved(Exception):
    """Links or entries changed between finding what to lock and locking it: nothing was decided; begin again."""


class Later(CargoMoved):
    """An earlier request of the same transaction is about the same, or takes the room: begin again when that has ended."""

    def __init__(self) -> None:
        super().__init__("not decided beside an earlier request of the same transaction; begin again")


class Asked(NamedTuple):
    """A request as it is looked at: with the things that it names and the fingerprints of its papers, if it has any."""

    ask: Ask
    on: Sequence[Thing]
    prints: tuple[Fingerprint, ...] = ()


class Held(NamedTuple):
    """What is locked until the transaction ends, and what was drawn behind the locks.

    ``consignments`` are the groups by their canonical ids; ``involved`` the financings that are named or hold any of the
    same, ``near`` those of them whose goods may be those of the request; below ``position`` all transactions were seen.
    ``ruled`` says whether there are decisions on what is involved, ``answered`` answers of other registries, ``repeated`` a
    decision on this very request.
    """

    registry: int
    consignments: tuple[bytes, ...]
    involved: tuple[bytes, ...]
    near: tuple[bytes, ...]
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


def ask_hold(session: Session, requests: Sequence[Asked], made_by: Sequence[str]) -> Rows:
    """Ask for all locks of ``requests``; ``made_by`` are the versions of their fingerprints.

    Blocks, where the rows are waited for, while others decide on the same encumbrances, or change the registry or the
    versions.
    """
    asks = [asked.ask for asked in requests]
    parameters = {
        "named": texts([_ids(thing.id for thing in asked.on) for asked in requests]),
        "kinds": texts([_numbers(int(thing.kind) for thing in asked.on) for asked in requests]),
        "financings": texts([_ids(financings_of(ask)) for ask in asks]),
        "own": texts([financing_id(ask.financing).hex() if ask.financing else None for ask in asks]),
        "prints": texts([_ids(sorted({each.digest for each in asked.prints})) for asked in requests]),
        "made_by": texts(made_by),
        "further": texts([_numbers(map(lock_key, _request(ask))) for ask in asks]),
        "told": texts([_ids(sorted(told(ask))) for ask in asks]),
        "disposes": booleans([ask.action.disposes for ask in asks]),
        "nearby": booleans([nearby(ask) for ask in asks]),
        "asked_by": texts([ask.asked_by for ask in asks]),
        "idempotency": texts([ask.idempotency for ask in asks]),
        "request": texts([None if ask.request is None else ask.request.hex() for ask in asks]),
    }
    return session.cursor(binary=True, row_factory=tuple_row).execute(statement("hold_group"), parameters)


def held_in(rows: Rows, requests: Sequence[Asked]) -> list[Held | CargoMoved] | OtherVersions:
    """What was locked for each request, or why it has to begin again.

    Where other versions count no key is: make the fingerprints by them and ask again.
    """
    found: list[Held | CargoMoved] = []
    taken: set[int] = set()
    for no, registry, versions, consignments, involved, near, keys, *drawn in rows.fetchall():
        if no is None:
            return OtherVersions(tuple(versions or ()))
        moment, position, number, steady, *there = drawn
        if not steady:
            ask = requests[no - 1].ask
            what = f"the cargo or the entries of {ask.financing or ask.asked_by}"
            found.append(CargoMoved(f"{what} changed; begin again"))
        elif not taken.isdisjoint(keys):
            found.append(Later())
        else:
            taken.update(keys)
            groups = (tuple(sorted(consignments)), tuple(sorted(involved)), tuple(sorted(near)))
            found.append(Held(registry, *groups, moment, position, number, *there))
    return found


def known_keys(asked: Asked) -> set[int]:
    """The keys of a request as far as it tells them itself: two that share one are not decided side by side."""
    named = (*(thing.id for thing in asked.on), *financings_of(asked.ask), *(p.digest for p in asked.prints))
    return {lock_key(id_) for id_ in (*named, *_request(asked.ask))}


def nearby(ask: Ask) -> bool:
    """Whether a request concerns whoever has an interest in the same goods under another consignment."""
    of_goods = ask.terms is not None and ask.terms.interest != Interest.RECEIVABLE
    return ask.action.disposes or (ask.action is Action.RESERVE and of_goods)


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


def _ids(ids: Iterable[bytes]) -> str:
    return "{" + ",".join(id_.hex() for id_ in ids) + "}"


def _numbers(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"
