"""How good the forecasts of a border were: each week's crossings against what was known before that week.

A function of the counts alone, so it can be made again from the events at any time, and nobody has to believe a stored forecast.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from services.arrival.domain import distribution
from services.arrival.domain.history import WEEK, Cell, learn
from services.arrival.domain.legs import Leg, crossing_between
from services.arrival.domain.tables import Tables
from services.domain.facts import Micros
from services.query.disclosure import hidden


class BorderRecord(NamedTuple):
    """The record of one direction of a crossing over ``weeks``: ``crossings`` of which ``within`` lay between P10 and P90.

    ``bias`` is by how much on average they ended after the middle (negative: before), ``width`` the mean of the intervals.
    """

    crossing: str
    first: str
    last: str
    weeks: int
    crossings: int
    below: int
    within: int
    above: int
    bias: Micros
    width: Micros

    @property
    def coverage(self) -> int:
        """Of a million."""
        return self.within * 1_000_000 // self.crossings


Border = tuple[str, str, str]
"""Crossing, near side and far side: one direction."""


def records(known: Iterable[Cell], since: int, table: Tables) -> list[BorderRecord]:
    """The record of every border, from week ``since`` on, by crossing and direction; waiting and hand-over together count as two.

    Below a published number of them there is none: it would say more of single trains than of forecasts.
    """
    return [
        whole
        for key, weeks in sorted(_sums(known, since, table).items())
        if (whole := _record(key, weeks.values(), table)) is not None
    ]


def weekly(known: Iterable[Cell], since: int, table: Tables) -> dict[Border, dict[int, BorderRecord | None]]:
    """The record of every border of which there is one, week by week; None for a week that is not shown.

    That is a week with fewer crossings than the published number, and where all such weeks together have fewer, also the week with the
    fewest of the others: the whole record without the weeks that are shown tells nothing of fewer.
    """
    return {
        key: {
            week: None if week in few else _record(key, (sums,), table)
            for week, sums in sorted(weeks.items())
        }
        for key, weeks in sorted(_sums(known, since, table).items())
        if _record(key, weeks.values(), table) is not None
        for few in (_hidden({week: sums[0] for week, sums in weeks.items()}, table.least_shown),)
    }


def _hidden(crossings: Mapping[int, int], least: int) -> frozenset[int]:
    """The weeks that are not shown, by how many crossings each has."""
    weeks = sorted(crossings, key=lambda week: (crossings[week], week))
    return hidden(weeks, lambda several: sum(crossings[week] for week in several) >= least)


def _record(key: Border, sums: Collection[Sequence[int]], table: Tables) -> BorderRecord | None:
    n, below, within, above, off, width = (sum(column) for column in zip(*sums, strict=True))
    if n < table.least_shown:
        return None
    return BorderRecord(*key, len(sums), n, below, within, above, off // n, width // n)


def _sums(known: Iterable[Cell], since: int, table: Tables) -> dict[Border, dict[int, list[int]]]:
    """By border and week: crossings, those below, within and above, and the sums of their deviations and of the widths."""
    by_leg: dict[Leg, list[Cell]] = defaultdict(list)
    for cell in known:
        if cell.leg.stage.segment >= 2 and cell.leg.stage.whole:
            by_leg[cell.leg].append(cell)
    sums: dict[Border, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0] * 6))
    for leg, cells in sorted(by_leg.items()):
        key = crossing_between(leg.first, leg.last), leg.first, leg.last
        for week in sorted({cell.week for cell in cells if cell.week >= since}):
            before = [cell for cell in cells if cell.week < week]
            for service in sorted({cell.service for cell in cells if cell.week == week}):
                learned = learn(leg, service, before, (), week * WEEK, frozenset(), table)
                if learned is None:
                    continue
                low, middle, high = (distribution.quantile(learned.mass, percent) for percent in (10, 50, 90))
                total = sums[key][week]
                for cell in cells:
                    if (cell.week, cell.service) != (week, service):
                        continue
                    lasted = distribution.middle(cell.hours)
                    place = 1 if lasted < low else 3 if lasted > high else 2
                    total[0] += cell.trains
                    total[place] += cell.trains
                    total[4] += cell.trains * (lasted - middle)
                    total[5] += cell.trains * (high - low)
    return sums
