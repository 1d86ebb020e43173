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
from services.processors.financing.store.signing import Signer, Taken, signed_decision
from services.processors.financing.store.statements import statement
from services.storage import points
from services.storage.arrays import Uuids, uuids

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
    """Record ``ruling`` and what follows from it, by one statement in the caller's transaction.

    ``prints`` are what a reservation takes, ``things`` its consignments; both are ignored for other decisions.
    """
    takes = ruling.done and ruling.action is Action.RESERVE
    signed = signed_decision(signer, ruling, state, Taken(prints, things) if takes else Taken())
    points.reach("decided")
    session.execute(
        statement("record"),
        {
            **row_of(ruling),
            "headers": signed.headers,
            "payload": signed.payload,
            **_consequences(ruling),
            **entry_rows(prints if takes else ()),
            "cargo": uuids([thing.id for thing in things] if takes else ()),
            "cargo_keys": [thing.key for thing in things] if takes else [],
        },
    )
    points.reach("before_commit")


def _consequences(ruling: Ruling) -> dict[str, Any]:
    """What a decision touches, what it makes of the row that other writers look at, and whose entries it frees."""
    terms, own = ruling.terms, [ruling.financing] if ruling.financing else []
    frees = ruling.frees if ruling.done else ()
    freed = [*frees, *(own if ruling.done and ruling.action in {*ENDING, Action.RESERVE} else [])]
    return {
        "own": financing_id(ruling.financing).hex() if own else None,
        "touched": _ids([*own, *ruling.frees]),
        "holds": ruling.done and bool(own),
        "blocks": terms is not None and products()[terms.product].blocks_release,
        "pledged": ruling.action in PLEDGING,
        "ended": ruling.action in ENDING,
        "freed_holds": _ids(frees),
        "freed": _ids(freed),
    }


def _ids(names: Sequence[str]) -> Uuids:
    return uuids(sorted(financing_id(name) for name in names))
