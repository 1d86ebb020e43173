"""What moved a forecast since an earlier one, leg by leg; the parts add up to the move of the whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from services.arrival.domain.forecast import Forecast
from services.arrival.domain.legs import Leg, Observation, segment_of
from services.domain.facts import Micros


class Moved(NamedTuple):
    """By how much the middle of the arrival moved on one leg (negative: earlier); ``ended`` where it has ended since."""

    leg: Leg
    by: Micros
    ended: bool


def moved(before: Forecast, after: Forecast, observed: Iterable[Observation]) -> tuple[Moved, ...]:
    """The parts of the move from ``before`` to ``after``; () where one of them has no middle, or they share no leg.

    ``observed`` are the legs that have ended by ``after``. What happened on legs whose end nobody has reported counts for the next one.
    """
    if before.arrival.p50 is None or after.arrival.p50 is None:
        return ()
    ended = {segment_of(each.leg): each.end for each in observed if each.end is not None}
    ahead = {segment_of(each.leg): each.ends.p50 for each in after.legs}
    found: list[Moved] = []
    shifted = 0
    for each in before.legs:
        segment = segment_of(each.leg)
        end = ahead.get(segment, ended.get(segment))
        if end is None or each.ends.p50 is None:
            continue
        shift = end - each.ends.p50
        found.append(Moved(each.leg, shift - shifted, segment not in ahead))
        shifted = shift
    return tuple(found) if any(not part.ended for part in found) else ()
