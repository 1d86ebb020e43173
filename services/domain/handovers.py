"""Hand-overs between railways: confirmed once both sides have signed for the same set of boxes.

Lists that name the same border and the same run are of one hand-over. The two sides of a border are two stations under two
names; the border is the crossing that both stand for. Train numbers change at every border, and each railway may name its own
run or none. So what one side has signed for and nobody of its run on the other meets a list of the other side by border, box
and time: of the lists within ``ONE_MEETING`` with that box the nearest. Lists without a run meet one another by a shared box.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from schemas import railnet
from schemas.events import catalogue
from services.domain.facts import EventId, Handover, Micros
from services.domain.objects import Thing
from services.domain.rules import ONE_MEETING, UNMATCHED_AFTER
from services.domain.view import HandoverState, HandoverView

Name = TypeVar("Name")

ADVANCE, DELIVERING, RECEIVING = "ADVANCE", "DELIVERING", "RECEIVING"
LISTS = tuple(
    catalogue.spec(f"cre.movement.{name}.v1").number for name in ("handed_over", "advance_list_sent")
)
"""The milestones that are lists of a hand-over."""


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

    ``receives`` says which of both that is. Where neither company is of one side alone it is the crossing; "" elsewhere.
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


def concerning(
    handovers: Iterable[Handover], own: Callable[[Handover], frozenset[str]]
) -> Iterator[tuple[Handover, ...]]:
    """The lists of each hand-over of the boxes that are one's ``own`` on a list.

    Of a list that meets these only by other boxes, of a run of its own, it holds but those boxes: a train may be received in two,
    and two in one.
    """
    groups = [_Group(lists) for lists in meetings(handovers)]
    ours = [group for group in groups if any(own(listed) for listed in group.lists)]
    joined = {id(group): [group] for group in ours}
    for one, other in _met(ours, ours):
        if joined[id(one)] is not joined[id(other)]:
            joined[id(one)] += joined[id(other)]
            joined |= {id(member): joined[id(one)] for member in joined[id(other)]}
    for members in {id(members): members for members in joined.values()}.values():
        lists = [listed for group in members for listed in group.lists]
        open_boxes = frozenset[str]().union(*(group.given | group.taken for group in members))
        strangers = [group for group in groups if id(group) not in joined]
        others = {
            id(group): group for _, group in _met(members, [*members, *strangers]) if id(group) not in joined
        }
        lists += [
            listed._replace(containers=listed.containers & open_boxes)
            for group in others.values()
            for listed in group.lists
            if listed.containers & open_boxes
        ]
        yield tuple(sorted(lists, key=lambda h: (h.happened, h.event)))


class _Group:
    """The lists of one run at one border; ``given`` and ``taken`` are the boxes that its other side has not signed for."""

    def __init__(self, lists: Sequence[Handover]) -> None:
        self.lists = lists
        on: dict[str, frozenset[str]] = defaultdict(frozenset)
        for listed in lists:
            on[listed.side] |= listed.containers
        self.given = (on[DELIVERING] or on[ADVANCE]) - on[RECEIVING]
        self.taken = on[RECEIVING] - on[DELIVERING]


def _met(members: Iterable[_Group], groups: Iterable[_Group]) -> Iterator[tuple[_Group, _Group]]:
    """Which of ``members`` meet which of ``groups``: each is for some box the other's nearest list of the other side."""
    known = tuple(groups)
    given: dict[tuple[str, str], list[tuple[Handover, _Group]]] = defaultdict(list)
    taken: dict[tuple[str, str], list[tuple[Handover, _Group]]] = defaultdict(list)
    for group in known:
        for listed in group.lists:
            receives = listed.side == RECEIVING
            for box in listed.containers & (group.taken if receives else group.given):
                (taken if receives else given)[listed.border, box].append((listed, group))
    inside = {id(member) for member in members}
    for key in sorted(given.keys() & taken.keys()):
        for giving, one in given[key]:
            receiving, other = _nearest(giving, taken[key])
            back, _ = _nearest(receiving, given[key])
            if back == giving and abs(giving.happened - receiving.happened) <= ONE_MEETING:
                if id(one) in inside:
                    yield one, other
                if id(other) in inside:
                    yield other, one


def _nearest(to: Handover, among: Iterable[tuple[Handover, _Group]]) -> tuple[Handover, _Group]:
    return min(among, key=lambda each: (abs(each[0].happened - to.happened), each[0].event))


def compare(
    handovers: Iterable[Handover], as_of: Micros, own: frozenset[str] = frozenset()
) -> HandoverView | None:
    """Compare the lists of one hand-over; None where neither side has signed one.

    The state is that of one's ``own`` boxes on the signed lists; of the lists where none of them is. An advance list alone is no hand-over; it only shows what was announced and then handed over by neither side.
    """
    lists = tuple(handovers)
    current: dict[tuple[str, str, str], Handover] = {}
    for handover in lists:
        key = handover.side, handover.publisher, handover.occurrence
        present = current.get(key)
        if present is None or (handover.published, handover.event) > (present.published, present.event):
            current[key] = handover
    sides: dict[str, list[Handover]] = defaultdict(list)
    for handover in sorted(current.values(), key=lambda h: (not h.containers & own, h.happened, h.event)):
        sides[handover.side].append(handover)
    if not sides[DELIVERING] and not sides[RECEIVING]:
        return None
    delivered = frozenset[str]().union(*(h.containers for h in sides[DELIVERING]))
    received = frozenset[str]().union(*(h.containers for h in sides[RECEIVING]))
    announced = frozenset[str]().union(*(h.containers for h in sides[ADVANCE]))
    both = bool(sides[DELIVERING] and sides[RECEIVING])
    first = min(h.happened for h in (*sides[DELIVERING], *sides[RECEIVING]))
    left_over = delivered ^ received
    if not both:
        state = HandoverState.ONE_SIDED
    else:
        signed = own & (delivered | received) or left_over
        state = HandoverState.DIFFERENT if signed & left_over else HandoverState.CONFIRMED
    places = {handover.place for handover in lists}
    return HandoverView(
        place=places.pop() if len(places) == 1 else lists[0].border,
        border=lists[0].border,
        occurrence=next(iter(_named(sides, lambda listed: listed.occurrence or None)), ""),
        state=state,
        announcing=tuple(dict.fromkeys(h.publisher for h in sides[ADVANCE])),
        delivering=tuple(dict.fromkeys(h.publisher for h in sides[DELIVERING])),
        receiving=tuple(dict.fromkeys(h.publisher for h in sides[RECEIVING])),
        announced=announced,
        delivered=delivered,
        received=received,
        missing=delivered - received if both else frozenset(),
        surplus=received - delivered if both else frozenset(),
        announced_only=announced - delivered - received,
        unannounced=(delivered | received) - announced if sides[ADVANCE] else frozenset(),
        unmatched=not both and as_of - first > UNMATCHED_AFTER,
        since=first,
        trains=_named(sides, lambda listed: listed.train),
        events=tuple(sorted(h.event for listed in sides.values() for h in listed)),
    )


def _named(
    sides: Mapping[str, Iterable[Handover]], name: Callable[[Handover], Name | None]
) -> tuple[Name, ...]:
    """What the lists name, each once: first what the side names that brought the boxes."""
    named = (name(listed) for side in (DELIVERING, RECEIVING, ADVANCE) for listed in sides.get(side, ()))
    return tuple(dict.fromkeys(each for each in named if each is not None))


def one_train(lists: Iterable[Handover], own: Callable[[Handover], frozenset[str]]) -> tuple[Thing, ...]:
    """Both names of the train that brought one's ``own`` boxes and went on with them; () where there are more or fewer.

    One railway names the train before the border, the other the one behind it: what both have signed for shows that they are one.
    """
    sides = {side: [listed for listed in lists if listed.side == side] for side in (DELIVERING, RECEIVING)}
    boxes = [frozenset[str]().union(*(own(listed) for listed in known)) for known in sides.values()]
    signed = boxes[0] & boxes[1]
    named = [
        {listed.train for listed in known if listed.train is not None and listed.containers & signed}
        for known in sides.values()
    ]
    return (*named[0], *named[1]) if [len(each) for each in named] == [1, 1] else ()
