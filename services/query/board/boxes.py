"""The boxes of the trains on the board, each with what keeps it at the crossing of its train. Reads only."""

from __future__ import annotations

from collections.abc import Iterable

from schemas import railnet
from services.domain.facts import Micros
from services.domain.objects import ObjectId
from services.ledger.registry import store
from services.query.board import loader
from services.query.board.approach import Approach
from services.query.board.crossing_status import Standing
from services.query.board.loader import Events, Session
from services.query.board.readiness import Known, blockers
from services.query.board.values import BoardBox
from services.query.views import told_of


def boxes_of(
    session: Session, events: Events, at: Iterable[Standing], now: Micros
) -> dict[ObjectId, tuple[BoardBox, ...]]:
    """The boxes of each train, by number, with what keeps them at its crossing.

    Some milliseconds for each consignment with trouble on board.
    """
    trains = list(at)
    cons = {each for one in trains for found in one.loaded.boxes.values() for each in found}
    known = loader.known(session, cons, now)
    troubled = {each for each, (exceptions, _) in known.items() if exceptions}
    troubles = _troubles(session, troubled, now)
    loading_events = {no for one in trains for no in one.loaded.loading}
    numbers = {
        link.right.id: link.right.key
        for facts in events.of(session, loading_events).values()
        for link in facts.links
    }
    found: dict[ObjectId, tuple[BoardBox, ...]] = {}
    for one in trains:
        leaves, enters = _countries(one.come)
        boxes = []
        for box, consignments in one.loaded.boxes.items():
            facts = frozenset[Known]().union(*(known[c][1] for c in consignments if c in known))
            open_ = {
                episode
                for c in consignments
                for episode, container in troubles.get(c, ())
                if container in (None, box)
            }
            keeps = blockers(leaves, enters, facts, open_) if consignments else ()
            boxes.append(BoardBox(numbers.get(box, box.hex()[:8]), keeps, consignments))
        found[one.heard.train] = tuple(sorted(boxes, key=lambda each: each.container))
    return found


def _troubles(
    session: Session, consignments: Iterable[ObjectId], now: Micros
) -> dict[ObjectId, set[tuple[int, ObjectId | None]]]:
    """The episodes that stand open for each consignment, with the box that they are of, None for all of it: the core's word."""
    registry = store.read_snapshot(session)
    found: dict[ObjectId, set[tuple[int, ObjectId | None]]] = {}
    for consignment in sorted(consignments):
        told = told_of(session, consignment, now, registry)
        if told is not None:
            boxes = {box.container for box in told.view.boxes}
            found[consignment] = {
                (each.episode, each.thing.id if each.thing in boxes else None)
                for each in told.view.exceptions
            }
    return found


def _countries(come: Approach) -> tuple[str, str]:
    far = come.crossing.b if come.near == come.crossing.a.station else come.crossing.a
    stations = railnet.stations()
    return stations[come.near].country, stations[far.station].country
