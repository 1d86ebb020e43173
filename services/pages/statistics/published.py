"""What is published, arranged for the pages once for all who look: a publication never changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from psycopg import Connection

from schemas import railnet
from services.domain.facts import Micros
from services.domain.restrictions import known_ends
from services.query.board.crossing_status import EventCache, load_restrictions
from services.statistics.domain import months
from services.statistics.domain.corridors import Corridor
from services.statistics.domain.publication import ALL, Figure
from services.statistics.store.reader import Publication, PublishedMonth, publications, read_published

SHOWN = 24
"""The last so many months are drawn; the tables hold all."""


class Closure(NamedTuple):
    """An authority closed a crossing in [start, end); ``end`` None: nobody has announced one."""

    place: str
    start: Micros
    end: Micros | None

    @property
    def months(self) -> range:
        """The months in which it was closed, at least for a moment; those that are not over yet do not count."""
        return range(months.month_of(self.start), months.month_of((self.end or self.start + 1) - 1) + 1)


@dataclass(frozen=True, slots=True)
class Published:
    """What is published, by definition and part, corridor and month; ``corridors`` those with most consignments first.

    ``drawn`` are the months that are drawn: the last of which anything is shown, and those between them.
    """

    months: tuple[PublishedMonth, ...]
    corridors: tuple[Corridor, ...]
    drawn: tuple[int, ...]
    figures: Mapping[tuple[str, str], Mapping[str, Mapping[int, Figure]]]
    closures: tuple[Closure, ...] = ()

    def of(self, definition: str, corridor: str, month: int, part: str = "") -> Figure | None:
        """One figure, None where it is not shown."""
        return self.figures.get((definition, part), {}).get(corridor, {}).get(month)

    def counts(self, month: int) -> list[int | None]:
        """How many consignments left on each corridor."""
        found = (self.of("under_way", str(each), month) for each in self.corridors)
        return [None if each is None else each.counted for each in found]


def arranged(found: Sequence[PublishedMonth]) -> Published:
    """What is published, as the pages use it. Pure."""
    figures: dict[tuple[str, str], dict[str, dict[int, Figure]]] = defaultdict(lambda: defaultdict(dict))
    most: dict[str, int] = defaultdict(int)
    for each in found:
        for figure in each.figures:
            figures[figure.definition, figure.part][figure.corridor][each.publication.month] = figure
            if figure.corridor != ALL:
                most[figure.corridor] += (figure.counted or 0) if figure.definition == "under_way" else 0
    ordered = sorted(most, key=lambda name: (-most[name], name))
    known = [each.publication.month for each in found if each.figures]
    drawn = range(max(known[0], known[-1] - SHOWN + 1), known[-1] + 1) if known else ()
    return Published(tuple(found), tuple(map(Corridor.parse, ordered)), tuple(drawn), figures)


class SharedPublished:
    """For several threads: what was arranged last, read again once more is published."""

    def __init__(self) -> None:
        self._arranged: tuple[Mapping[int, tuple[Publication, ...]], Published] | None = None

    def read(self, session: Connection[Any]) -> Published:
        """What is published now; one statement where nothing is new."""
        known, last = publications(session), self._arranged
        if last is None or last[0] != known:
            found = replace(arranged(read_published(session)), closures=_closures(session))
            last = self._arranged = known, found
        return last[1]


def _closures(session: Connection[Any]) -> tuple[Closure, ...]:
    crossings = [crossing.place for crossing in railnet.crossings().values()]
    known = load_restrictions(session, EventCache(), crossings)
    return tuple(
        sorted(
            {
                Closure(each.place, each.start, each.end)
                for each in known_ends(known.restrictions, known.liftings)
                if each.territorial and each.kind == railnet.RestrictionKind.BORDER_CLOSED
            },
            key=lambda each: (each.start, each.place),
        )
    )
