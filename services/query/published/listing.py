"""Pages of the events that a party's keys signed, the latest first: each page reads by index, however many events there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from schemas.envelope import HEADERS
from services.domain.facts import Micros
from services.ledger.admission.raw_bytes import frame
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import adapt, bigints
from services.ledger.storage.event_reader import Stored
from services.ledger.storage.term_numbers import key_number, key_text
from services.query.published import statement

Session = Connection[Any]
MOST_LOOKED_AT = 5_000
"""Events that are looked at for one page, whatever is found among them."""
_AT_ONCE = 200
"""Events that are judged at once."""


class Place(NamedTuple):
    """A place in the list: append time (UTC microseconds), then the number of the event."""

    appended: Micros
    no: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Events of the ``keys`` (key ids) appended from ``since`` on and before ``before``; ``type`` and ``batch`` are parts of their headers.

    ``batch`` is the root of a signed batch as its signature writes it.
    """

    keys: Sequence[str]
    since: Micros
    before: Place
    type: str = ""
    batch: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page: its events, the place from which the next page goes on (None: nothing is left), and how many were looked at."""

    events: Sequence[Stored]
    next: Place | None
    looked_at: int


Judge = Callable[[Sequence[Stored]], Sequence[bool]]
"""Which of these events are wanted."""


def listing(session: Session, wanted: Wanted, limit: int, judge: Judge | None = None) -> Listing:
    """The first ``limit`` events of ``wanted`` that ``judge`` takes, among the next MOST_LOOKED_AT; in the caller's transaction."""
    plain = judge is None and not wanted.type and not wanted.batch
    look = limit + 1 if plain else MOST_LOOKED_AT
    places = _places(session, wanted, look)
    matching = [place for place, matches in places if matches]
    found: list[Stored] = []
    for start in range(0, len(matching), _AT_ONCE):
        if len(found) > limit:
            break
        some = matching[start : start + _AT_ONCE]
        events = sorted(
            event_reader.events_by_number(session, [place.no for place in some]),
            key=lambda event: (event.append_us, event.no),
            reverse=True,
        )
        if judge is not None:
            events = [event for event, takes in zip(events, judge(events), strict=True) if takes]
        found += events
    if len(found) > limit:
        last = found[limit - 1]
        return Listing(found[:limit], Place(last.append_us, last.no), len(places))
    rest = places[-1][0] if len(places) == look and not plain else None
    return Listing(found, rest, len(places))


def signed_by(session: Session, keys: Sequence[str]) -> dict[str, Micros]:
    """When each of the keys signed last what was accepted (UTC microseconds of the append); without those that never did."""
    rows = _rows(session, "last_of_keys", {"keys": _keys(keys)})
    return {key_text(key): appended for key, appended in rows if appended is not None}


def reach(session: Session, no: int, most: int) -> list[bytes]:
    """The canonical ids of at most ``most`` consignments that the event of that number reaches, in order."""
    return [row[0] for row in _rows(session, "reach", {"no": no, "most": most})]


def _places(session: Session, wanted: Wanted, look: int) -> list[tuple[Place, bool]]:
    values = {
        "keys": _keys(wanted.keys),
        "since": wanted.since,
        "before": wanted.before.appended,
        "before_no": wanted.before.no,
        "header": type_header(wanted.type),
        "batch": wanted.batch.encode(),
        "look": look,
    }
    return [(Place(appended, no), matches) for no, appended, matches in _rows(session, "of_keys", values)]


def type_header(type_: str) -> bytes:
    """What the framed headers of every event of that type hold; b"" for any type."""
    return frame([(HEADERS["type"], type_.encode())]) if type_ else b""


def _keys(keys: Sequence[str]) -> Any:
    return bigints([key_number(each) for each in sorted(keys)])


def _rows(session: Session, name: str, values: dict[str, Any]) -> list[Any]:
    adapt(session)
    return session.cursor(binary=True, row_factory=tuple_row).execute(statement(name), values).fetchall()
