"""Hand-overs between railways: confirmed once both sides have signed for the same set of boxes.

Two lists are of one hand-over if they name the same border and the same run. The two sides of a border are two stations
under two names; the border is the crossing that both stand for. Lists without a run never meet one with a run; among
themselves they meet when they share a box and lie within ``ONE_MEETING``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from schemas import railnet
from services.domain.facts import EventId, Handover, Micros
from services.domain.objects import Thing
from services.domain.rules import ONE_MEETING, UNMATCHED_AFTER
from services.domain.view import HandoverState, HandoverView

ADVANCE, DELIVERING, RECEIVING = "ADVANCE", "DELIVERING", "RECEIVING"


def border(place: str, parties: Iterable[str]) -> str:
    """The crossing that ``place`` (canonical) stands for in a hand-over, else the place itself.

    A station of several crossings stands for the one that ``parties`` (codes of companies) have on both its sides.
    """
    crossings = {
        c.place: c for station in railnet.candidates(place) for c in railnet.crossings_at(station.id)
    }
    if len(crossings) > 1:
        known = frozenset(parties)
        crossings = {
            name: c
            for name, c in crossings.items()
            if not known.isdisjoint(c.a.managers) and not known.isdisjoint(c.b.managers)
        }
    return next(iter(crossings)) if len(crossings) == 1 else place


def receiving_station(
    place: str, own: frozenset[str] | set[str], other: frozenset[str] | set[str], receives: bool
) -> str:
    """The station of the crossing ``place`` that takes over, from the companies of the signing party and the other one.

    ``receives`` tells which of both that is. Where neither company is of one side alone it is the crossing; "" elsewhere.
    """
    crossing = railnet.crossing(place)
    if crossing is None:
        return ""
    for companies, takes in ((own, receives), (other, not receives)):
        at_a, at_b = (not companies.isdisjoint(side.managers) for side in (crossing.a, crossing.b))
        if at_a != at_b:
            return f"railnet:{(crossing.a if at_a == takes else crossing.b).station}"
    return place


def meetings(handovers: Iterable[Handover]) -> Iterator[tuple[Handover, ...]]:
    """The lists of each hand-over, ordered by border, run and time."""
    named: dict[tuple[str, str], list[Handover]] = defaultdict(list)
    for handover in sorted(handovers, key=lambda h: (h.happened, h.event)):
        named[handover.border, handover.occurrence].append(handover)
    for (_, run), lists in sorted(named.items()):
        if run:
            yield tuple(lists)
        else:
            yield from _sharing(lists)


def _sharing(lists: Sequence[Handover]) -> Iterator[tuple[Handover, ...]]:
    """Lists without a run, in order of time, parted into those that hang together by a box and by time."""
    group_of: dict[EventId, list[Handover]] = {}
    latest: dict[str, Handover] = {}  # by box: no earlier list with it is nearer in time
    for handover in lists:
        group = group_of[handover.event] = [handover]
        for box in handover.containers:
            before = latest.get(box)
            latest[box] = handover
            if before is None or handover.happened - before.happened > ONE_MEETING:
                continue
            joined = group_of[before.event]
            if joined is not group:
                group += joined
                group_of.update((member.event, group) for member in joined)
    for group in {id(group): group for group in (group_of[h.event] for h in lists)}.values():
        yield tuple(sorted(group, key=lambda h: (h.happened, h.event)))


def compare(handovers: Iterable[Handover], as_of: Micros) -> HandoverView | None:
    """Compare the lists of one hand-over; None where neither side has signed one.

    An advance list alone is no hand-over; it only shows what was announced and then handed over by neither side.
    """
    lists = tuple(handovers)
    current: dict[tuple[str, str], Handover] = {}
    for handover in lists:
        key = handover.side, handover.publisher
        present = current.get(key)
        if present is None or (handover.published, handover.event) > (present.published, present.event):
            current[key] = handover
    sides: dict[str, list[Handover]] = defaultdict(list)
    for (side, _), handover in sorted(current.items()):
        sides[side].append(handover)
    if not sides[DELIVERING] and not sides[RECEIVING]:
        return None
    delivered = frozenset[str]().union(*(h.containers for h in sides[DELIVERING]))
    received = frozenset[str]().union(*(h.containers for h in sides[RECEIVING]))
    announced = frozenset[str]().union(*(h.containers for h in sides[ADVANCE]))
    both = bool(sides[DELIVERING] and sides[RECEIVING])
    first = min(h.happened for h in (*sides[DELIVERING], *sides[RECEIVING]))
    if not both:
        state = HandoverState.ONE_SIDED
    else:
        state = HandoverState.CONFIRMED if delivered == received else HandoverState.DIFFERENT
    places = {handover.place for handover in lists}
    return HandoverView(
        place=places.pop() if len(places) == 1 else lists[0].border,
        border=lists[0].border,
        occurrence=lists[0].occurrence,
        state=state,
        announcing=tuple(h.publisher for h in sides[ADVANCE]),
        delivering=tuple(h.publisher for h in sides[DELIVERING]),
        receiving=tuple(h.publisher for h in sides[RECEIVING]),
        announced=announced,
        delivered=delivered,
        received=received,
        missing=delivered - received if both else frozenset(),
        surplus=received - delivered if both else frozenset(),
        announced_only=announced - delivered - received,
        unannounced=(delivered | received) - announced if sides[ADVANCE] else frozenset(),
        unmatched=not both and as_of - first > UNMATCHED_AFTER,
        since=first,
        trains=_trains(sides),
        events=tuple(sorted(h.event for listed in sides.values() for h in listed)),
    )


def _trains(sides: Mapping[str, Iterable[Handover]]) -> tuple[Thing, ...]:
    """The trains that the lists name, each once: the one that brought the boxes first."""
    named = (h.train for side in (DELIVERING, RECEIVING, ADVANCE) for h in sides.get(side, ()))
    return tuple(dict.fromkeys(train for train in named if train is not None))
