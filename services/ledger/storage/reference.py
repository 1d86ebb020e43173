"""Reference tables for SQL: milestones of the contract; places, border crossings and running times of the network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from schemas import railnet
from schemas.events import catalogue
from schemas.events.base import ObjectKind
from schemas.railnet import Crossing
from services.domain.objects import object_id
from services.ledger.storage.session import Session
from services.ledger.storage.term_numbers import term_number

TABLES = ("reference_milestone", "reference_place", "reference_side", "reference_run")


def write_reference(session: Session) -> bool:
    """Bring the tables to this release's reference data, in the caller's transaction; True where anything was written."""
    rows, digest = reference()
    stored = session.execute("SELECT digest FROM lianyun.reference FOR UPDATE").fetchone()
    if stored is not None and stored[0] == digest:
        return False
    for table, found in rows.items():
        session.execute(f"DELETE FROM lianyun.{table}")  # noqa: S608 - one of TABLES
        with session.cursor().copy(f"COPY lianyun.{table} FROM STDIN") as copy:
            for row in found:
                copy.write_row(row)
    session.execute(
        "INSERT INTO lianyun.reference (digest) VALUES (%s) ON CONFLICT (one) DO UPDATE SET digest = excluded.digest",
        (digest,),
    )
    return True


@cache
def reference() -> tuple[dict[str, list[tuple[Any, ...]]], str]:
    """The rows of each of ``TABLES``, and a digest of them all."""
    rows = dict(zip(TABLES, (_milestones(), _places(), _sides(), _runs()), strict=True))
    return rows, hashlib.sha256(json.dumps(rows, default=str).encode()).hexdigest()


def _milestones() -> list[tuple[Any, ...]]:
    return [(spec.number, spec.name.partition(".")[2].replace("_", " ")) for spec in catalogue.specs()]


def _places() -> list[tuple[Any, ...]]:
    stations = [(station.place, station.names.en) for station in railnet.stations().values()]
    crossings = [(crossing.place, _name(crossing)) for crossing in railnet.crossings().values()]
    return [
        (term_number(place), UUID(bytes=object_id(ObjectKind.PLACE, place)), place, name)
        for place, name in sorted({*stations, *crossings})
    ]


def _sides() -> list[tuple[Any, ...]]:
    found = []
    for crossing in railnet.crossings().values():
        for here, there in ((crossing.a, crossing.b), (crossing.b, crossing.a)):
            near, far = railnet.stations()[here.station], railnet.stations()[there.station]
            found.append(
                (
                    crossing.id,
                    term_number(near.place),
                    term_number(far.place),
                    term_number(crossing.place),
                    UUID(bytes=object_id(ObjectKind.PLACE, crossing.place)),
                    _name(crossing),
                    near.tz,
                    near.lon > far.lon,
                    str(railnet.customs_union(near.country)),
                    str(railnet.customs_union(far.country)),
                    sorted({*here.managers, *there.managers}),
                )
            )
    return found


def _runs() -> list[tuple[Any, ...]]:
    found = []
    for crossing in railnet.crossings().values():
        for side in (crossing.a, crossing.b):
            near = term_number(railnet.stations()[side.station].place)
            for station, hours in railnet.hours_to(side.station).items():
                found.append(
                    (term_number(railnet.stations()[station].place), crossing.id, near, round(hours, 3))
                )
    return found


def _name(crossing: Crossing) -> str:
    sides: Sequence[str] = [railnet.stations()[each.station].names.en for each in (crossing.a, crossing.b)]
    return "–".join(sides)
