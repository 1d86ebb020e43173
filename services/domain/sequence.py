"""Which of a cargo's facts comes last: the sequence of the journey decides between near clocks, the clock between others.

Two railways' clocks at one border differ by minutes, and a time may be that of the typing. So of two facts that lie less than
``CLOCK_TOLERANCE`` apart the later step of the journey comes last: of the whole journey by its phases, at one place by what
follows what there, and across a border by what can only be done on its other side. Such an earlier step *yields* to the
later one. A train that comes back is a later fact by more than that, and nothing but its clock shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from services.domain.facts import Claim, EventId, Micros
from services.domain.restrictions import along
from services.domain.rules import CLOCK_TOLERANCE, HANDED_OVER, LEAVING, ON_THE_WAY, borders, rules
from services.domain.view import Position


def stop(claim: Claim) -> str:
    """Where the fact stands in the order of the journey: a hand-over at the station that receives, else its place."""
    return claim.stop or claim.place


def latest(positions: Iterable[Position], route: Sequence[str] = ()) -> Position | None:
    """The position that comes last; ``route`` are the planned places, () where none are known."""
    known = sorted(positions, key=_rank)
    backward = range(len(known) - 1, -1, -1)
    return next((known[n] for n in backward if next(_superseding(known, n, route), None) is None), None)


def in_sequence(positions: Iterable[Position], route: Sequence[str] = ()) -> list[Position]:
    """The positions in their order, ``latest`` last: each before those to which it yields, the others by their clocks."""
    known = sorted(positions, key=_rank)
    # The clock of the first one behind that yields to none, and minus how many lie between.
    moments: dict[int, tuple[Micros, int]] = {}
    for n in sorted(range(len(known)), key=lambda n: _furthest_first(known[n].claim)):
        clock, between = min(
            (moments[other] for other in _superseding(known, n, route)), default=(known[n].claim.happened, 1)
        )
        moments[n] = clock, between - 1
    return [known[n] for n in sorted(moments, key=lambda n: (moments[n], n))]


def _furthest_first(claim: Claim) -> tuple[Micros, int, tuple[int, bool]]:
    rule = rules()[claim.milestone]
    at_place, received = _at_stop(claim)
    return claim.happened, -rule.step, (-at_place, not received)


def _at_stop(claim: Claim) -> tuple[int, bool]:
    """How far it is at its stop: of one hand-over the list of who receives comes last."""
    return rules()[claim.milestone].at_place, claim.place == stop(claim)


def _superseding(known: Sequence[Position], n: int, route: Sequence[str]) -> Iterator[int]:
    """The indexes of the facts to which the one at ``n`` yields; ``known`` are in the order of clocks."""
    earlier = known[n].claim
    for index in range(n - 1, -1, -1):
        later = known[index].claim
        if earlier.happened - later.happened >= CLOCK_TOLERANCE:
            break
        if _follows(later, earlier) or _lies_ahead(later, earlier, route):
            yield index
    for index in range(n + 1, len(known)):
        if known[index].claim.happened > earlier.happened:
            break
        if _follows(known[index].claim, earlier):
            yield index


def _follows(later: Claim, earlier: Claim) -> bool:
    """Whether it is a later step of the journey, or on the way of the same stop."""
    one, other = rules()[later.milestone], rules()[earlier.milestone]
    if one.step != other.step:
        return one.step > other.step
    here = stop(later)
    return bool(here) and here == stop(earlier) and _at_stop(later) > _at_stop(earlier)


def _lies_ahead(later: Claim, earlier: Claim, route: Sequence[str]) -> bool:
    """Whether it stands at another stop to which the earlier step only leads: across the border, or on along the route."""
    if later.happened == earlier.happened:
        return False
    if not (rules()[later.milestone].phase == rules()[earlier.milestone].phase == ON_THE_WAY):
        return False
    here, there = stop(later), stop(earlier)
    if here == there:
        return False
    border = borders().get(here)
    if border is not None and border == borders().get(there):
        # What leaves one side's station has not been at the other side's; whatever else is done comes before the hand-over.
        if earlier.milestone in LEAVING:
            return later.milestone not in LEAVING and border not in (here, there)
        return later.milestone == HANDED_OVER != earlier.milestone
    return along(route, there, here)


def _rank(position: Position) -> tuple[Micros, Micros, EventId]:
    return position.rank
