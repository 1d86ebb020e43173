"""How long no news is normal: from how long the next fact took to be recorded, on the same leg, by those who report there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from services.arrival.domain import distribution
from services.arrival.domain.history import week_of
from services.arrival.domain.legs import Gap, Leg, Progress
from services.arrival.domain.tables import Tables
from services.domain.facts import Micros
from services.domain.rules import HOUR, SILENT_AFTER


class GapCell(NamedTuple):
    """For ``trains`` that began a leg in a week, the next fact was recorded by ``publisher`` within [hours, hours + 1)."""

    leg: Leg
    publisher: str
    week: int
    hours: int
    trains: int


class Silence(NamedTuple):
    """What the absence of news means.

    ``publisher`` has recorded the last fact, ``age`` ago; whoever usually reports next on this leg is in ``expected``. No news is
    normal until ``normal_until``: as long as 95 of 100 of ``seen`` gaps lasted, or (``seen`` 0) a week.
    """

    publisher: str
    recorded: Micros
    age: Micros
    expected: tuple[str, ...]
    normal_until: Micros
    seen: int

    @property
    def unusual(self) -> bool:
        """Whether news is overdue by the habits of this leg."""
        return self.recorded + self.age > self.normal_until


def gap_cells(gaps: Iterable[Gap]) -> list[GapCell]:
    """The counts of gaps; the same gap of one train, seen on many cargoes, counts once."""
    counts: Counter[tuple[Leg, str, int, int]] = Counter()
    for each in set(gaps):
        hours = min((each.end - each.start) // HOUR, distribution.LONGEST - 1)
        counts[each.leg, each.publisher, week_of(each.start), hours] += 1
    return [GapCell(*key, count) for key, count in sorted(counts.items())]


def silence(progress: Progress, known: Iterable[GapCell], now: Micros, table: Tables) -> Silence | None:
    """What the absence of news of a cargo on its way means at ``now``; None where nothing is known of it, or it has arrived."""
    if progress.leg is None or progress.last is None:
        return None
    gaps = [cell for cell in known if cell.leg == progress.leg]
    seen = sum(cell.trains for cell in gaps)
    publishers: Counter[str] = Counter()
    for cell in gaps:
        publishers[cell.publisher] += cell.trains
    normal = SILENT_AFTER
    if seen >= table.silence.least_known:
        mass = distribution.normal(distribution.counted((cell.hours, cell.trains) for cell in gaps))
        normal = distribution.quantile(mass, table.silence.percent)
    else:
        seen = 0
    last = progress.last
    expected = tuple(name for name, _ in sorted(publishers.items(), key=lambda each: (-each[1], each[0])))
    return Silence(last.publisher, last.recorded, now - last.recorded, expected, last.at + normal, seen)
