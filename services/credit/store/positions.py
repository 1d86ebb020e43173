"""Up to where what the signals rest on has been followed: accepted events, those put aside, decisions on reservations.

Each is read in the order in which it became visible, so that whoever goes on from a place misses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection

from services.credit.store import statement
from services.ledger.storage.event_reader import Position


@dataclass(frozen=True, slots=True)
class Places:
    """The places after which to go on; the beginning by default."""

    events: Position = field(default_factory=Position)
    aside: Position = field(default_factory=Position)
    decided: Position = field(default_factory=Position)


def prepare(session: Connection[Any], version: str) -> None:
    """Forget what was judged by other rules than those of ``version``, so that all begins anew; the caller commits."""
    session.execute(statement("turn"))
    row = session.execute(statement("cursor")).fetchone()
    if row is None or row[0] != version:
        session.execute(statement("begin"), {"version": version})
        session.execute(statement("forget"), {"version": version})


def hold(session: Connection[Any]) -> Places:
    """The places reached, held until the transaction ends; blocks while another holds them. Writes nothing."""
    session.execute(statement("turn"))
    row = session.execute(statement("cursor")).fetchone()
    told = () if row is None else row[1:]
    return Places(*(Position(int(xid), no) for xid, no in zip(told[::2], told[1::2], strict=True)))


def advance(session: Connection[Any], reached: Places, *, whole: bool) -> None:
    """Put down what was reached; ``whole`` says that nothing further was visible."""
    places = {
        f"{name}{part}": value
        for name, at in (("", reached.events), ("aside_", reached.aside), ("decided_", reached.decided))
        for part, value in (("xid", str(at.xid)), ("no", at.no))
    }
    session.execute(statement("advance"), {**places, "whole": whole})
