"""What a correct view must show, from what really happened and was published; shares no code with the folds.

The world keeps for each happening which boxes and cargoes it physically concerned. So nothing here follows links,
weighs publishers or withdraws anything: the truth of a cargo is the last thing that happened to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from schemas import railnet
from services.testbed.simulator.parties import PARTIES
from services.testbed.simulator.reports import Altered, Publication, Reported, UnengagedReport
from services.testbed.simulator.world import Cargo, Happening, Lading, Ref, World

STAGE: Mapping[str, int] = MappingProxyType(
    {
        "movement.booked": 1,
        "movement.booking_confirmed": 1,
        "movement.empty_released": 2,
        "movement.stuffed": 2,
        "movement.gated_in": 2,
        "movement.loaded_on_wagon": 2,
        "movement.departed": 3,
        "movement.arrived": 3,
        "movement.handed_over": 3,
        "movement.transshipped": 3,
        "movement.loaded_on_vessel": 3,
        "movement.discharged_from_vessel": 3,
        "movement.position_reported": 3,
        "movement.arrived_at_destination": 4,
        "movement.unloaded": 4,
        "movement.available": 4,
        "movement.gated_out": 5,
        "movement.delivered": 6,
        "movement.empty_returned": 7,
    }
)
"""How far on its way cargo is after each kind of happening; what is not here moves nothing."""

ON_THE_WAY = 3
DELIVERED = 6
ORDER = tuple(STAGE)
AT_A_PLACE = (
    "movement.position_reported",
    "movement.arrived",
    "movement.discharged_from_vessel",
    "movement.handed_over",
    "movement.transshipped",
    "movement.loaded_on_vessel",
    "movement.departed",
)
"""What comes after what where cargo stops."""

OPENED: Mapping[str, str] = MappingProxyType(
    {
        "movement.damaged": "DAMAGED",
        "movement.train_held": "TRAIN_HELD",
        "movement.returned": "RETURNED",
        "movement.queued": "QUEUED",
        "movement.train_cancelled": "TRAIN_CANCELLED",
        "customs.detained": "DETAINED",
        "customs.selected_for_inspection": "INSPECTION",
        "customs.ens_referred": "ENS_REFERRED",
    }
)
CLOSED: Mapping[str, str] = MappingProxyType(
    {
        "movement.train_resumed": "TRAIN_HELD",
        "movement.queue_left": "QUEUED",
        "movement.slot_rolled": "TRAIN_CANCELLED",
        "customs.detention_lifted": "DETAINED",
        "customs.inspection_passed": "INSPECTION",
        "customs.ens_assessed": "ENS_REFERRED",
    }
)


@dataclass(frozen=True, slots=True, order=True)
class ExpectedPosition:
    """Something that a view must show: what happened, when (UTC microseconds) and where ("" if it has no place)."""

    at: int
    what: str
    place: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that went wrong and is not over."""

    kind: str
    about: Ref
    jurisdiction: str


@dataclass(frozen=True, slots=True)
class Truth:
    """What a correct view of one consignment shows at the world's moment.

    ``disputes`` are (what, place, object); ``meetings`` are hand-overs by (place, list) with how they were signed;
    ``restricted`` are the orders that stand in the rest of its way, by who gave them, crossing and kind;
    ``altered`` are messages of customs that somebody relays otherwise than they were, ``unengaged`` the reports of strangers.
    """

    consignment: str
    movement: ExpectedPosition | None
    boxes: Mapping[str, ExpectedPosition | None]
    customs: Mapping[str, ExpectedPosition]
    document: ExpectedPosition | None
    troubles: frozenset[Trouble]
    disputes: frozenset[tuple[str, str, Ref]]
    meetings: Mapping[tuple[str, str], str]
    restricted: frozenset[tuple[str, str, str]] = frozenset()
    altered: frozenset[Altered] = frozenset()
    unengaged: frozenset[UnengagedReport] = frozenset()


def truths(world: World, publication: Publication) -> dict[str, Truth]:
    """The truth of every cargo that was booked by the world's moment, by consignment."""
    of_box: dict[str, list[Reported]] = defaultdict(list)
    of_cargo: dict[str, list[Reported]] = defaultdict(list)
    for reported in publication.reported:
        for box in reported.happening.boxes:
            of_box[box].append(reported)
        for cargo in reported.happening.cargoes:
            of_cargo[cargo].append(reported)
    quarrels: dict[int, list[tuple[str, str, Ref]]] = defaultdict(list)
    for disputed, happening in publication.disputed:
        quarrels[id(happening)].append((disputed.what, disputed.place, disputed.about))
    lies: dict[int, list[Altered]] = defaultdict(list)
    for altered, happening in publication.altered:
        lies[id(happening)].append(altered)
    ladings: dict[str, list[Lading]] = defaultdict(list)
    for lading in world.ladings:
        ladings[lading.cargo].append(lading)
    return {
        key: _truth(world, publication, cargo, ladings[key], of_box, of_cargo[key], quarrels, lies)
        for key, cargo in world.cargoes.items()
        if cargo.booked <= world.now
    }


def _truth(
    world: World,
    publication: Publication,
    cargo: Cargo,
    ladings: list[Lading],
    of_box: Mapping[str, list[Reported]],
    whole: list[Reported],
    quarrels: Mapping[int, list[tuple[str, str, Ref]]],
    lies: Mapping[int, list[Altered]],
) -> Truth:
    present = [lading for lading in ladings if lading.start <= world.now]
    per_box = {
        lading.box: [h for h in of_box.get(lading.box, ()) if lading.holds(h.happening.at)]
        for lading in present
    }
    every = [*whole, *(reported for found in per_box.values() for reported in found)]
    places = {box: _last([*found, *whole], "movement") for box, found in per_box.items()}
    full = [lading.box for lading in present if not _over(lading, world.now)]
    movement = _least([places[box] for box in full or per_box], _last(whole, "movement"), _first(every))
    behind = next((box for box in full or per_box if movement and places[box] == movement), "")
    return Truth(
        consignment=cargo.key,
        movement=movement,
        boxes=places,
        customs=_customs(every),
        document=_last(every, "document"),
        troubles=frozenset(_troubles(every, per_box)),
        disputes=frozenset(q for reported in every for q in _quarrels(quarrels, reported.happening, per_box)),
        meetings=_meetings(publication, every, per_box),
        restricted=frozenset(_restricted(world, cargo, movement, [*per_box.get(behind, ()), *whole])),
        altered=frozenset(lie for reported in every for lie in lies.get(id(reported.happening), ())),
        unengaged=frozenset(
            word
            for word in publication.unengaged
            if any(lading.box == word.about[1] and lading.holds(word.stated) for lading in present)
        ),
    )


def _over(lading: Lading, now: int) -> bool:
    return lading.end is not None and lading.end <= now


def _last(found: Iterable[Reported], region: str) -> ExpectedPosition | None:
    """The last thing that happened in a region, as those who report it state."""
    return max(
        (_seen(reported) for reported in found if _moves(reported.happening.what, region)),
        default=None,
    )


def _moves(what: str, region: str) -> bool:
    return what.startswith(region) and (region != "movement" or what in STAGE)


def _seen(reported: Reported) -> ExpectedPosition:
    return ExpectedPosition(reported.stated, reported.happening.what, reported.happening.place)


def _least(
    boxes: list[ExpectedPosition | None], common: ExpectedPosition | None, first: Mapping[str, int]
) -> ExpectedPosition | None:
    """A cargo is as far as the box that is furthest behind; without boxes, as far as its documents say."""
    if not boxes:
        return common
    known = [seen for seen in boxes if seen is not None]
    if len(known) < len(boxes):
        return None
    return min(known, key=lambda seen: _far(seen, first))


def _far(seen: ExpectedPosition, first: Mapping[str, int]) -> tuple[int, int, int, ExpectedPosition]:
    """How far something is: by the order of ``STAGE``, on the way by when the place was first reached and what happens there."""
    if STAGE[seen.what] != ON_THE_WAY:
        return STAGE[seen.what], 0, ORDER.index(seen.what), seen
    return ON_THE_WAY, first[seen.place], AT_A_PLACE.index(seen.what), seen


def _first(every: Iterable[Reported]) -> dict[str, int]:
    """When the first of a cargo's boxes came to each place on the way, as the party in charge there states."""
    reports: dict[int, Reported] = {}
    for reported in every:
        reports.setdefault(id(reported.happening), reported)
    first: dict[str, int] = {}
    for reported in reports.values():
        if STAGE.get(reported.happening.what) == ON_THE_WAY and reported.happening.place:
            place = reported.happening.place
            first[place] = min(reported.stated, first.get(place, reported.stated))
    return first


def _customs(every: list[Reported]) -> dict[str, ExpectedPosition]:
    by_country: dict[str, list[Reported]] = defaultdict(list)
    for reported in every:
        if reported.happening.jurisdiction:
            by_country[reported.happening.jurisdiction].append(reported)
    found = ((country, _last(reports, "customs")) for country, reports in sorted(by_country.items()))
    return {country: seen for country, seen in found if seen is not None}


def _troubles(every: list[Reported], boxes: Mapping[str, object]) -> Iterable[Trouble]:
    """What was opened and not closed since, object by object; of boxes only those that are ours.

    Whoever releases the cargo lets go of its boxes.
    """
    last: dict[Trouble, tuple[int, bool]] = {}
    released: dict[str, int] = {}
    for reported in every:
        if reported.happening.what == "customs.released":
            country = reported.happening.jurisdiction
            released[country] = max(reported.stated, released.get(country, 0))
        what, at = reported.happening.what, reported.happening.at
        kind = OPENED.get(what) or CLOSED.get(what)
        if kind is None:
            continue
        for about in reported.happening.about:
            trouble = Trouble(kind, about, reported.happening.jurisdiction)
            if about[0] != "container" or about[1] in boxes:
                last[trouble] = max(last.get(trouble, (0, False)), (at, what in OPENED))
    return (
        trouble
        for trouble, (at, open_) in last.items()
        if open_ and not (trouble.kind == "DETAINED" and released.get(trouble.jurisdiction, 0) > at)
    )


def _quarrels(
    quarrels: Mapping[int, list[tuple[str, str, Ref]]], happening: Happening, boxes: Mapping[str, object]
) -> list[tuple[str, str, Ref]]:
    """The disputes about ``happening`` that concern one of ``boxes`` or no single box."""
    return [q for q in quarrels.get(id(happening), ()) if q[2][0] != "container" or q[2][1] in boxes]


def _restricted(
    world: World, cargo: Cargo, movement: ExpectedPosition | None, reports: Iterable[Reported]
) -> Iterator[tuple[str, str, str]]:
    """The orders in force at crossings that ``cargo`` has still to pass; ``reports`` is of the box that is furthest behind."""
    if movement is not None and STAGE[movement.what] >= DELIVERED:
        return
    route = world.routes.get(cargo.key, ())
    if not route:
        return
    passed = [h for h in reports if _moves(h.happening.what, "movement") and h.happening.place in route]
    last = max(passed, key=_seen, default=None)
    rest = route if last is None or movement is None else route[route.index(last.happening.place) :]
    stations = [_station(place) for place in rest]
    ahead = {railnet.crossing_of_pair().get(pair) for pair in pairwise(stations)}
    west = railnet.stations()[_station(route[-1])].lon < railnet.stations()[_station(route[0])].lon
    for order in world.orders:
        speaks = "operator" not in PARTIES[order.by].roles or order.by in (cargo.operator, cargo.founder)
        concerned = order.crossing in ahead and order.direction in ("BOTH", "WEST" if west else "EAST")
        holds = order.start <= world.now and (order.end is None or world.now < order.end)
        if speaks and concerned and holds:
            yield order.by, f"crossing:{order.crossing}", order.kind


def _station(place: str) -> str:
    return place.removeprefix("railnet:")


def _meetings(
    publication: Publication, every: list[Reported], own: Container[str]
) -> dict[tuple[str, str], str]:
    """How each hand-over was signed for the ``own`` boxes on it: lists that differ elsewhere confirm these."""
    met = {
        (reported.happening.place, reported.happening.occurrence)
        for reported in every
        if reported.happening.what == "movement.handed_over"
    }
    return {
        meeting: "CONFIRMED"
        if not any(box in own for box in publication.unsigned.get(meeting, ()))
        and publication.meetings[meeting] == "DIFFERENT"
        else publication.meetings[meeting]
        for meeting in sorted(met)
    }
