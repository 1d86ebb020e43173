"""Loads the facts of a period from the store: a constant number of statements. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from psycopg import Connection
from psycopg.rows import tuple_row

from schemas import railnet
from schemas.events.base import Classifier, ObjectKind, Region
from schemas.events.keys import canonical_key
from services.domain.facts import Assurance, Claim, Micros
from services.domain.objects import ObjectId, Thing, object_id
from services.domain.restrictions import known_ends
from services.ledger.storage import event_reader
from services.ledger.storage import statement as stored
from services.ledger.storage.arrays import adapt, bigints, smallints, uuids
from services.ledger.storage.term_numbers import join_id, term_number
from services.query.board.crossing_status import EventCache, load_restrictions
from services.query.line import statement
from services.query.line.cargo import Carried, Composed, Loaded, cargo_of
from services.query.line.facts import BoxesMoved, LineFacts, SameTrain
from services.query.line.film import Film, film_of
from services.query.line.run import KEPT, QUIET, Run
from services.query.line.visits import HOLDING, OVER

Session = Connection[Any]
LONGEST: Micros = 62 * 24 * 3_600_000_000
"""The longest period of a film."""
MOST_TRAINS = 12_000
"""Names of trains that are looked at for one film: about 2,500 trains from end to end, each with a number of every railway."""


FRESH: Micros = 10_000_000
"""A page and the film that it plays are asked for one after the other."""


class TooWide(Exception):
    """The period holds more than one film shows; the text says what to narrow."""


@dataclass(frozen=True, slots=True)
class LoadedFilm:
    """A film, with who is engaged in the cargo of which train, and which trains carry the cargo that was asked for."""

    film: Film
    engaged: Mapping[Thing, frozenset[str]]
    carrying: frozenset[Thing]

    def concerns(self, run: Run, party: str) -> bool:
        """Whether ``party`` (its code) is engaged in cargo on the train, or it carries cargo that was asked for."""
        number = str(term_number(party))
        return any(number in self.engaged.get(name, ()) or name in self.carrying for name in run.names)


@dataclass(slots=True)
class Lines:
    """Makes films, one after another; keeps events and names that it has read. Not for several threads."""

    events: EventCache = field(default_factory=EventCache)
    names: dict[ObjectId, str] = field(default_factory=dict)
    most_names: int = 100_000
    _last: tuple[object, LoadedFilm] | None = None

    def film(
        self, session: Session, since: Micros, until: Micros, now: Micros, cargo: Iterable[ObjectId] = ()
    ) -> LoadedFilm:
        """The film of [since, until] as of ``now``; ``cargo`` are consignments whose trains are told apart. Reads in the caller's transaction.

        Where a train is at a moment rests on what is stated of up to 28 days before and 3 days after the period. The same film again
        within ``FRESH`` is the one that was made. Raises TooWide.
        """
        wanted = frozenset(cargo)
        key = since, until, now // FRESH, wanted
        if self._last is None or self._last[0] != key:
            self._last = key, self._load(session, since, until, now, wanted)
        return self._last[1]

    def _load(
        self, session: Session, since: Micros, until: Micros, now: Micros, wanted: frozenset[ObjectId]
    ) -> LoadedFilm:
        if not since <= until <= since + LONGEST:
            days = LONGEST // (24 * 3_600_000_000)
            raise TooWide(
                f"a film shows at most {days} days, and ends after it begins: give a shorter period"
            )
        window = {"since": since - KEPT, "until": min(until + QUIET, now)}
        rows = _rows(
            session,
            "claims",
            {**window, "limit": MOST_TRAINS + 1, "aside": smallints(sorted({*HOLDING, *HOLDING.values()}))},
        )
        trains = sorted({row[0] for row in rows})
        if len(trains) > MOST_TRAINS:
            raise TooWide(f"more than {MOST_TRAINS} numbers of trains were in use: give a shorter period")
        named = self._named(session, rows)
        composed = [
            Composed(named[train], *rest)
            for train, *rest in _links(session, "composed", {"trains": uuids(trains)})
        ]
        wagons = uuids(sorted({each.wagon for each in composed}))
        loaded = [Loaded(*row) for row in _links(session, "loaded", {**window, "wagons": wagons})]
        boxes = uuids(sorted({each.box for each in loaded}))
        carried = (
            Carried(box, consignment, start, end, frozenset(map(str, parties)))
            for box, consignment, start, end, parties in _rows(session, "carried", {**window, "boxes": boxes})
        )
        load = cargo_of(composed, loaded, carried)
        moved = _rows(session, "moved", {**window, "boxes": boxes, "over": smallints(sorted(OVER))})
        places = _places(session, [*(row[6:8] for row in rows), *(row[5:7] for row in moved)])
        crossings = [crossing.place for crossing in railnet.crossings().values()]
        restricting = load_restrictions(session, self.events, crossings)
        facts = LineFacts(
            claims=frozenset(_claim(row, named[row[0]], places) for row in rows),
            rides=load.rides,
            moved=frozenset(_moved(row, places) for row in moved),
            same=frozenset(
                SameTrain(
                    named.get(left) or _unnamed(left),
                    named.get(right) or _unnamed(right),
                    str(by),
                    territorial,
                )
                for left, right, by, territorial in _rows(session, "same", {"trains": uuids(trains)})
            ),
            engaged=load.engaged,
            restrictions=frozenset(known_ends(restricting.restrictions, restricting.liftings)),
        )
        return LoadedFilm(
            film_of(facts, since, until),
            load.engaged,
            frozenset(train for train, those in load.consignments.items() if wanted & those),
        )

    def _named(self, session: Session, rows: Sequence[Sequence[Any]]) -> dict[ObjectId, Thing]:
        """The trains by id; their names are in the events about them, and an id proves its name."""
        speaking: dict[ObjectId, int] = {}
        for row in rows:
            if row[0] not in self.names:
                speaking[row[0]] = min(row[12], speaking.get(row[0], row[12]))
        if len(self.names) + len(speaking) > self.most_names:
            self.names.clear()
            return self._named(session, rows)
        by_number: dict[int, set[ObjectId]] = {}
        for train, no in speaking.items():
            by_number.setdefault(no, set()).add(train)
        for event in event_reader.events_by_number(session, sorted(by_number)) if by_number else ():
            wanted = by_number[event.no]
            for text in _texts(orjson.loads(event.payload)):
                key = canonical_key(ObjectKind.TRAIN, text)
                if (id_ := object_id(ObjectKind.TRAIN, key)) in wanted:
                    self.names[id_] = key
        return {
            row[0]: Thing(ObjectKind.TRAIN, self.names[row[0]]) if row[0] in self.names else _unnamed(row[0])
            for row in rows
        }


def last_sign(session: Session, now: Micros) -> Micros:
    """When any train was last heard of, by ``now``; 0 where none ever was."""
    ((at,),) = _rows(session, "last_sign", {"now": now})
    return at or 0


def _unnamed(train: ObjectId) -> Thing:
    return Thing(ObjectKind.TRAIN, train.hex()[:8])


def _texts(value: Any) -> Iterable[str]:
    """Every text in a payload."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[Any]:
    adapt(session)
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(statement(name), parameters).fetchall()


def _links(session: Session, name: str, parameters: dict[str, Any]) -> Iterator[list[Any]]:
    """Rows that end with a publisher's number, here as text, and whether it is an authority."""
    for *row, publisher, territorial in _rows(session, name, parameters):
        yield [*row, str(publisher), territorial]


def _places(session: Session, numbers: Iterable[Sequence[int]]) -> dict[int, str]:
    wanted = {"numbers": bigints(sorted({number for several in numbers for number in several}))}
    return {0: "", **dict(session.cursor(binary=True).execute(stored("read_terms"), wanted).fetchall())}


def _claim(row: Sequence[Any], train: Thing, places: dict[int, str]) -> Claim:
    _, happened, published, high, low, slot, place, stop, publisher, milestone, assurance, territorial, _ = (
        row
    )
    return Claim(
        join_id(high, low), str(publisher), published, happened, train, milestone, Region.MOVEMENT, "",
        places.get(place, ""), str(slot), Classifier.ACT, Assurance(assurance), territorial, places.get(stop, ""),
    )  # fmt: skip


def _moved(row: Sequence[Any], places: dict[int, str]) -> BoxesMoved:
    high, low, happened, published, slot, place, stop, publisher, milestone, assurance, territorial, boxes = (
        row
    )
    claim = Claim(
        join_id(high, low), str(publisher), published, happened, Thing(ObjectKind.CONTAINER, ""), milestone,
        Region.MOVEMENT, "", places.get(place, ""), str(slot), Classifier.ACT, Assurance(assurance), territorial,
        places.get(stop, ""),
    )  # fmt: skip
    return BoxesMoved(claim, frozenset(boxes))
