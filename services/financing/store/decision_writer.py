"""Writing decisions down: the signed events, what they touch, and the entries that they take or free."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from psycopg import Connection

from services.domain.objects import Thing
from services.financing.domain.decisions import Action, Ruling
from services.financing.domain.fingerprints import Fingerprint
from services.financing.domain.products import products
from services.financing.store import statement
from services.financing.store.identifiers import financing_id
from services.financing.store.rows import decision_columns, entry_columns
from services.financing.store.signatures import SignedEvent, Signer, Taken, signed_decision
from services.ledger.storage import points
from services.ledger.storage.arrays import bigints, booleans, byteas, texts, uuids

Session = Connection[Any]

PLEDGING = frozenset({Action.PLEDGE, Action.SUBSTITUTE})
ENDING = frozenset({Action.RELEASE, Action.CANCEL})


class Decided(NamedTuple):
    """A decision to be recorded: signed, with what it takes (nothing but for a reservation) on which consignments."""

    ruling: Ruling
    signed: SignedEvent
    taken: Taken


def signed(
    ruling: Ruling, signer: Signer, state: bytes, prints: Sequence[Fingerprint], things: Sequence[Thing]
) -> Decided:
    """``ruling`` signed, resting on what has the SHA-256 ``state``.

    ``prints`` are what a reservation takes, ``things`` its consignments, or those that a request about cargo is about; both are
    ignored for decisions that take and name nothing.
    """
    takes = ruling.done and ruling.action is Action.RESERVE
    taken = Taken(prints, things) if takes else Taken()
    about = things if ruling.action.disposes or ruling.shares else taken.things
    return Decided(ruling, signed_decision(signer, ruling, state, taken, about), taken)


def record(session: Session, decided: Sequence[Decided]) -> None:
    """Record decisions that have nothing in common, and what follows from them, in the caller's transaction.

    In a pipeline nothing is waited for.
    """
    points.reach("decided")
    done = [each for each in decided if each.ruling.done]
    first = all(each.ruling.before is None for each in done)
    if not first:
        # In one order: two who free the same cannot wait for one another.
        changed = sorted({id_ for each in done for id_ in (*_own(each.ruling), *_freed(each.ruling))})
        session.execute(statement("lock_holds"), {"financings": uuids(changed)})
    session.execute(statement("record_decisions"), _decisions(decided))
    if not first:
        session.execute(statement("record_changes"), {**_taken(done), **_given_up(done)})
    elif done:
        session.execute(statement("record_first"), _taken(done))
    points.reach("before_commit")


def _decisions(decided: Sequence[Decided]) -> dict[str, Any]:
    rulings = [each.ruling for each in decided]
    touched = [(id_, r.number) for r in rulings for id_ in _ids(r, lambda r: (r.financing, *r.frees))]
    return {
        **decision_columns(rulings),
        "headers": byteas([each.signed.headers for each in decided]),
        "payloads": byteas([each.signed.payload for each in decided]),
        "touched": uuids([id_ for id_, _ in touched]),
        "touched_by": bigints([number for _, number in touched]),
    }


def _taken(done: Sequence[Decided]) -> dict[str, Any]:
    holding = [each.ruling for each in done if each.ruling.financing]
    cargo = [(ruling.financing, thing) for ruling, _, taken in done for thing in taken.things]
    return {
        "holders": uuids([financing_id(ruling.financing) for ruling in holding]),
        "holder_names": texts([ruling.financing for ruling in holding]),
        "blocks": booleans([_blocks(ruling) for ruling in holding]),
        "pledged": booleans([ruling.action in PLEDGING for ruling in holding]),
        "ended": booleans([ruling.action in ENDING for ruling in holding]),
        **entry_columns((ruling.financing, taken.prints) for ruling, _, taken in done),
        "cargo": uuids([thing.id for _, thing in cargo]),
        "cargo_keys": texts([thing.key for _, thing in cargo]),
        "cargo_of": uuids([financing_id(name) for name, _ in cargo]),
    }


def _given_up(done: Sequence[Decided]) -> dict[str, Any]:
    rulings = [each.ruling for each in done]
    freeing = [(id_, ruling.number) for ruling in rulings for id_ in _freed(ruling)]
    return {
        "freed_holds": uuids(sorted(id_ for r in rulings for id_ in _ids(r, lambda r: r.frees))),
        "freed": uuids([id_ for id_, _ in freeing]),
        "freed_by": bigints([number for _, number in freeing]),
    }


def _blocks(ruling: Ruling) -> bool:
    return ruling.terms is not None and products()[ruling.terms.product].blocks_release


def _own(ruling: Ruling) -> list[bytes]:
    return _ids(ruling, lambda ruling: (ruling.financing,))


def _freed(ruling: Ruling) -> list[bytes]:
    """Whose entries a decision that is done frees: of those that it takes over or finds run out, and its own that it gives up."""
    gives_up = ruling.action in {*ENDING, Action.RESERVE}
    return _ids(ruling, lambda ruling: (*ruling.frees, ruling.financing if gives_up else ""))


def _ids(ruling: Ruling, names: Callable[[Ruling], Iterable[str]]) -> list[bytes]:
    return sorted({financing_id(name) for name in names(ruling) if name})
