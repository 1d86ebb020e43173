"""Locks of everything that decisions depend on, taken in one statement.

The order is that of every writer, over all requests of the transaction: registry, fingerprint versions, heads of consignments,
then the keys of the encumbrances in ascending order. The time and the numbers of the decisions are drawn behind them.
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
from services.financing.domain.products import Value, products
from services.financing.domain.requests import DecisionRequest
from services.financing.store import statement
from services.financing.store.identifiers import (
    application_id,
    financing_id,
    note_id,
)
from services.ledger.storage.arrays import booleans, texts
from services.ledger.storage.decision_locks import lock_key, request_key

Session = Connection[Any]


class CargoMoved(Exception):
    """Links or entries changed between finding what to lock and locking it: nothing was decided; begin again."""


class Deferred(CargoMoved):
    """It shares a key with an earlier request of the same transaction, or there is no room: begin again after that one."""

    def __init__(self) -> None:
        super().__init__("not decided beside an earlier request of the same transaction; begin again")


class PreparedRequest(NamedTuple):
    """A request with the objects that it names and the fingerprints of its documents."""

    ask: DecisionRequest
    on: Sequence[Thing]
    prints: tuple[Fingerprint, ...] = ()


class LockedScope(NamedTuple):
    """What is locked until the transaction ends, and what was drawn behind the locks.

    ``consignments`` are the groups by canonical id; ``involved`` the financings that are named or hold any of the same, ``near`` those of
    them whose goods may be those of the request; all transactions below ``position`` were visible. ``ruled``: there are decisions
    on what is involved, ``answered``: answers of other registries, ``repeated``: a decision on this very request.
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
    """The fingerprint versions that count, as text rows, where they are not those of the fingerprints given."""

    rows: tuple[str, ...]


Rows = Cursor[tuple[Any, ...]]


def send_locks(session: Session, requests: Sequence[PreparedRequest], made_by: Sequence[str]) -> Rows:
    """Send the statement that takes all locks of ``requests``; ``made_by`` are the versions of their fingerprints.

    Fetching its rows blocks while others decide on the same encumbrances, or change the registry or the versions.
    """
    asks = [prepared.ask for prepared in requests]
    parameters = {
        "named": texts([_ids(thing.id for thing in prepared.on) for prepared in requests]),
        "kinds": texts([_numbers(int(thing.kind) for thing in prepared.on) for prepared in requests]),
        "financings": texts([_ids(financings_of(ask)) for ask in asks]),
        "own": texts([financing_id(ask.financing).hex() if ask.financing else None for ask in asks]),
        "prints": texts([_ids(sorted({each.digest for each in prepared.prints})) for prepared in requests]),
        "made_by": texts(made_by),
        "further": texts([_numbers(map(lock_key, _request(ask))) for ask in asks]),
        "told": texts([_ids(sorted(stated_subjects(ask))) for ask in asks]),
        "disposes": booleans([ask.action.disposes for ask in asks]),
        "nearby": booleans([nearby(ask) for ask in asks]),
        "asked_by": texts([ask.asked_by for ask in asks]),
        "idempotency": texts([ask.idempotency for ask in asks]),
        "request": texts([None if ask.request is None else ask.request.hex() for ask in asks]),
    }
    return session.cursor(binary=True, row_factory=tuple_row).execute(statement("hold_group"), parameters)


def locked_in(
    rows: Rows, requests: Sequence[PreparedRequest]
) -> list[LockedScope | CargoMoved] | OtherVersions:
    """What was locked for each request, or why it has to begin again.

    Where other versions count nothing is locked: compute the fingerprints by them and send again.
    """
    found: list[LockedScope | CargoMoved] = []
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
            found.append(Deferred())
        else:
            taken.update(keys)
            groups = (tuple(sorted(consignments)), tuple(sorted(involved)), tuple(sorted(near)))
            found.append(LockedScope(registry, *groups, moment, position, number, *there))
    return found


def known_keys(prepared: PreparedRequest) -> set[int]:
    """The keys that a request names itself: two requests that share one are not decided together."""
    named = (
        *(thing.id for thing in prepared.on),
        *financings_of(prepared.ask),
        *(p.digest for p in prepared.prints),
    )
    return {lock_key(id_) for id_ in (*named, *_request(prepared.ask))}


def nearby(ask: DecisionRequest) -> bool:
    """Whether a request concerns interests in the same goods under other consignments."""
    if ask.action is not Action.RESERVE:
        # Of a pledge the database knows whether it is of goods.
        return ask.action.disposes or ask.action.pledges
    product = products().rows.get("" if ask.terms is None else ask.terms.product)
    return product is not None and product.value is Value.TRADE


def financings_of(ask: DecisionRequest) -> list[bytes]:
    """The ids of the financings that a request names, in order."""
    return sorted(financing_id(name) for name in (ask.financing, ask.replaces) if name)


def stated_application(ask: DecisionRequest) -> set[bytes]:
    """The application that a request states, as a subject of statements."""
    return set() if ask.terms is None else {application_id(ask.terms.application)}


def stated_subjects(ask: DecisionRequest) -> set[bytes]:
    """The subjects that a request states: its application and the notes among its documents."""
    notes = (canonical_key(ObjectKind.NOTE, note.key) for note in ask.papers.notes)
    return {*stated_application(ask), *map(note_id, notes)}


def _request(ask: DecisionRequest) -> Iterator[bytes]:
    """The keys under which repetitions of one request meet."""
    yield request_key(ask.asked_by, ask.idempotency)
    if ask.request is not None:
        yield ask.request


def _ids(ids: Iterable[bytes]) -> str:
    return "{" + ",".join(id_.hex() for id_ in ids) + "}"


def _numbers(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"
