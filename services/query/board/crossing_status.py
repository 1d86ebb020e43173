"""Which train stands how to which crossing: the one answer that boards and metrics share. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.domain.facts import Micros
from services.domain.objects import ObjectId
from services.query.board import loader
from services.query.board.approach import HOUR, Approach, Phase, approach, gone_over, may_come
from services.query.board.loader import Events, Heard, Loaded, Session

WITHIN: Micros = 12 * HOUR
"""What is due comes within this time; what was handed over is told of as long."""
KEPT: Micros = 28 * 24 * HOUR
"""A train of which nothing was heard for longer is no longer looked for at borders; its case is. Borders were closed for 13 days."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A train at a crossing, with the planned places of its cargo and what it carries.

    ``under`` are other trains of this crossing with the very same boxes, so the same one under other numbers: the latest first.
    """

    heard: Heard
    come: Approach
    route: tuple[str, ...]
    loaded: Loaded
    under: tuple[ObjectId, ...] = ()


def standing(
    session: Session, events: Events, now: Micros, within: Micros = WITHIN, only: str | None = None
) -> list[Standing]:
    """The trains that are due, queued or lately handed over at ``now``, each once; at the crossing ``only`` where one is named.

    A constant number of statements in the caller's transaction.
    """
    everything = loader.heard(session, now - KEPT, now)
    announced = loader.announced(session, [heard.train for heard in everything])
    near = [h for h in everything if may_come(h.latest, announced.get(h.train, {}), now, within)]
    loaded = loader.cargo(session, {heard.train: heard.milestone.at for heard in near})
    one = {train: _first(each) for train, each in loaded.items()}
    moved = loader.moved(session, loaded)
    routes = loader.routes(session, events, filter(None, one.values()))
    found = []
    for heard in near:
        route = routes.get(one.get(heard.train) or b"", ())
        come = approach(heard.latest, route, announced.get(heard.train, {}), now, within, within)
        if come is not None and come.phase is Phase.QUEUED:
            come = gone_over(come, heard.latest, moved.get(heard.train, ()), now, within)
        if come is not None and only in (None, come.crossing.id):
            found.append(Standing(heard, come, route, loaded.get(heard.train, Loaded())))
    return _once_each(found)


def moments(at: Iterable[Standing]) -> Mapping[ObjectId, Micros]:
    """The moment at which the cargo of each train is looked at."""
    return {each.heard.train: each.heard.milestone.at for each in at}


def _once_each(found: Iterable[Standing]) -> list[Standing]:
    """Trains of one crossing in which the same boxes stand are one under several numbers; the latest news stands for it."""
    same: dict[object, list[Standing]] = defaultdict(list)
    for each in found:
        boxes = frozenset(each.loaded.boxes)
        same[each.come.crossing.id, each.come.near, boxes or each.heard.train].append(each)
    once = []
    for several in same.values():
        several.sort(key=lambda each: (each.heard.latest.at, each.heard.train), reverse=True)
        first, *others = several
        under = tuple(each.heard.train for each in others)
        once.append(Standing(first.heard, first.come, first.route, first.loaded, under))
    return once


def _first(loaded: Loaded) -> ObjectId | None:
    """A consignment on board, the same one each time: trains are composed by route, so one tells it."""
    return min((each for found in loaded.boxes.values() for each in found), default=None)
