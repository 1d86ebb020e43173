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


class Habit(NamedTuple):
    """How long no news is normal on a leg: ``normal``, as long as so many in a hundred of ``seen`` gaps lasted, in whole hours.

    From ``alarming`` on, a silence is a case. ``publishers`` are those who recorded the next fact, the most frequent first.
    """

    publishers: tuple[str, ...]
    normal: Micros
    alarming: Micros
    seen: int


class Silence(NamedTuple):
    """What the absence of news means.

    ``publisher`` has recorded the last fact, ``age`` ago; whoever usually reports next on this leg is in ``expected``. No news is
    normal until ``normal_until``, by the habit of the leg (from ``seen`` gaps) or (``seen`` 0) a week; at ``alarming_at`` it is a case.
    """

    publisher: str
    recorded: Micros
    age: Micros
    expected: tuple[str, ...]
    normal_until: Micros
    seen: int
    alarming_at: Micros

    @property
    def unusual(self) -> bool:
        """Whether news is overdue by the habits of this leg."""
        return self.recorded + self.age > self.normal_until

    @property
    def awaited(self) -> str:
        """The publisher whose news is missing: who usually reports next here, else who reported last."""
        return self.expected[0] if self.expected else self.publisher


def gap_cells(gaps: Iterable[Gap]) -> list[GapCell]:
    """The counts of gaps; the same gap of one train, seen on many cargoes, counts once."""
    counts: Counter[tuple[Leg, str, int, int]] = Counter()
    for each in set(gaps):
        hours = min((each.end - each.start) // HOUR, distribution.LONGEST - 1)
        counts[each.leg, each.publisher, week_of(each.start), hours] += 1
    return [GapCell(*key, count) for key, count in sorted(counts.items())]


def habit(leg: Leg, known: Iterable[GapCell], table: Tables) -> Habit | None:
    """The habit of ``leg`` by the gaps ``known``, which may hold other legs, too; None where they are few."""
    gaps = [cell for cell in known if cell.leg == leg]
    seen = sum(cell.trains for cell in gaps)
    if seen < table.silence.least_known:
        return None
    publishers: Counter[str] = Counter()
    for cell in gaps:
        publishers[cell.publisher] += cell.trains
    mass = distribution.normal(distribution.counted((cell.hours, cell.trains) for cell in gaps))
    hours = -(-distribution.quantile(mass, table.silence.percent) // HOUR)
    return Habit(
        tuple(name for name, _ in sorted(publishers.items(), key=lambda each: (-each[1], each[0]))),
        hours * HOUR,
        max(hours * table.silence.case_percent // 100, hours + table.silence.case_least_hours) * HOUR,
        seen,
    )


def silence(progress: Progress, usual: Habit | None, now: Micros) -> Silence | None:
    """What the absence of news of a cargo on its way means at ``now``, by the habit of its leg; None where it is on none."""
    if progress.leg is None or progress.last is None:
        return None
    last = progress.last
    known = usual or Habit((), SILENT_AFTER, SILENT_AFTER, 0)
    return Silence(
        last.publisher,
        last.recorded,
        now - last.recorded,
        known.publishers,
        last.at + known.normal,
        known.seen,
        last.at + known.alarming,
    )
