"""Writing a decision down: the signed event, what it touched, and the entries that it takes or frees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from services.core.objects import Thing
from services.processors.financing.fingerprints import Fingerprint
from services.processors.financing.products import products
from services.processors.financing.rulings import Action, Ruling
from services.processors.financing.store.names import financing_id
from services.processors.financing.store.rows import entry_rows, row_of
from services.processors.financing.store.signing import Signed, Signer, Taken, signed_decision
from services.processors.financing.store.statements import statement
from services.storage import points
from services.storage.arrays import uuids

Session = Connection[Any]

PLEDGING = frozenset({Action.PLEDGE, Action.SUBSTITUTE})
ENDING = frozenset({Action.RELEASE, Action.CANCEL})


def record(
    session: Session,
    ruling: Ruling,
    signer: Signer,
    state: bytes,
    prints: Sequence[Fingerprint],
    things: Sequence[Thing],
) -> None:
    """Record ``ruling`` and what follows from it, in the caller's transaction.

    ``prints`` are what a reservation takes, ``things`` its consignments; both are ignored for other decisions.
    """
    takes = ruling.done and ruling.action is Action.RESERVE
    signed = signed_decision(signer, ruling, state, Taken(prints, things) if takes else Taken())
    with session.pipeline():  # nothing of it is waited for one by one
        _write(session, ruling, signed, prints, things)
    points.reach("before_commit")


def _write(
    session: Session, ruling: Ruling, signed: Signed, prints: Sequence[Fingerprint], things: Sequence[Thing]
) -> None:
    session.execute(
        statement("put_decision"),
        {**row_of(ruling), "headers": signed.headers, "payload": signed.payload},
    )
    touched = [financing_id(name) for name in (ruling.financing, *ruling.frees) if name]
    if touched:
        session.execute(
            statement("put_touched"), {"number": ruling.number, "financings": uuids(sorted(touched))}
        )
    points.reach("decided")
    if not ruling.done:
        return
    session.execute(statement("put_hold"), _hold_row(ruling))
    freed = [*ruling.frees, *([ruling.financing] if ruling.action in {*ENDING, Action.RESERVE} else [])]
    if freed:
        ids = sorted(financing_id(name) for name in freed)
        session.execute(statement("free_entries"), {"number": ruling.number, "financings": uuids(ids)})
    points.reach("freed")
    if ruling.action is Action.RESERVE:
        _take(session, ruling, prints, things)


def _hold_row(ruling: Ruling) -> dict[str, Any]:
    """What a decision makes of the row that other writers look at: whose, pledged or not, ended or not."""
    terms = ruling.terms
    return {
        "financing": financing_id(ruling.financing).hex() if ruling.financing else None,
        "name": ruling.financing,
        "blocks": terms is not None and products()[terms.product].blocks_release,
        "pledged": ruling.action in PLEDGING,
        "ended": ruling.action in ENDING,
        "frees": uuids(sorted(financing_id(name) for name in ruling.frees)),
    }


def _take(session: Session, ruling: Ruling, prints: Sequence[Fingerprint], things: Sequence[Thing]) -> None:
    financing = financing_id(ruling.financing)
    session.execute(statement("put_entries"), entry_rows(financing, ruling.financing, prints))
    session.execute(
        statement("put_cargo"),
        {
            "financing": financing.hex(),
            "ids": uuids([thing.id for thing in things]),
            "keys": [thing.key for thing in things],
        },
    )
