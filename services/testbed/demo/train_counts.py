"""A dispute as it was in the press: who counted how many trains before a closed border, from the stored events alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import orjson
import psycopg

from services.ledger.registry import store
from services.ledger.storage import event_reader
from services.query.stored_events import Reread, reread

_TYPE = "cre.network.restricted.v1"
# The wording is that of services.testbed.simulator.border: no field of an event holds a count of trains.
REMARK = re.compile(
    r"(?P<own>\d+) trains standing by our count; reported on the day: (?P<said>\d+) (?P<how>.+) \((?P<fact>\S+)\)$"
)


@dataclass(frozen=True, slots=True)
class Count:
    """Who states how many trains stand before ``place``: by its own count in the simulation, and in the press of the day."""

    place: str
    by: str
    name: str
    published: str  # RFC 3339
    standing: int
    reported: int
    how: str  # "trains (more than)"
    fact: str  # of schemas/railnet/data/scenarios.csv, with its sources
    event: str

    def plain(self) -> dict[str, Any]:
        """The count as JSON-ready data."""
        return {name: getattr(self, name) for name in self.__slots__}


def counts(connection: psycopg.Connection[Any]) -> list[Count]:
    """Every published count, by place and in the order of publication."""
    rows = connection.execute(
        "SELECT no FROM lianyun.body WHERE position(%s IN headers) > 0 ORDER BY no", (_TYPE.encode(),)
    ).fetchall()
    registry = store.load(connection)
    events = [
        reread(stored, registry)
        for stored in event_reader.events_by_number(connection, [no for (no,) in rows])
    ]
    found = [count for event in events if (count := _count(event)) is not None]
    return sorted(found, key=lambda count: (count.place, count.published, count.by))


def disputes(found: Sequence[Count]) -> list[list[Count]]:
    """The places of which two parties state different numbers."""
    by_place = [list(group) for _, group in groupby(found, key=lambda count: count.place)]
    return [group for group in by_place if len({count.reported for count in group}) > 1]


def _count(event: Reread) -> Count | None:
    payload = orjson.loads(event.stored.payload)
    remark = REMARK.search(payload.get("remark") or "")
    if remark is None:
        return None
    envelope, party = event.envelope, event.party
    return Count(
        place=payload["place"],
        by=party.code,
        name=party.name,
        published=envelope.time,
        standing=int(remark["own"]),
        reported=int(remark["said"]),
        how=remark["how"],
        fact=remark["fact"],
        event=f"{envelope.source} {envelope.id}",
    )
