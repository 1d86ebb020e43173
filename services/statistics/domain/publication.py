"""What is published of a month: figures by corridor and of all corridors together, from the observations of each publication. Pure.

A table is one definition (and border or currency) of one month: its corridors and their total. What is published of it is made of groups: the
corridors that are shown, each, and all others together. Each group passes the rules of disclosure; and at the later publication of the
month a group stays as it was, in all tables, unless what has changed in it passes them, too. So whatever is added up or subtracted among tables and
publications of a month is about as many contributors as a published cell. Which corridors are shown is settled by the first publication that shows any,
and by the table of the whole population: what is hidden there is shown in no other.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from services.domain.rules import HOUR
from services.query.disclosure import LEAST, dominated, hidden, rounded, significant
from services.statistics.domain.definitions import Definition, Kind, definitions
from services.statistics.domain.observations import Observation

ALL = ""
"""The corridor of a total."""
TAILS = 20
"""P10 and P90 are shown from so many observations on."""
Cell = frozenset[Observation]
TableKey = tuple[str, str]
"""Definition and part."""


class Figure(NamedTuple):
    """A published number: ``counted`` observations (rounded) give ``middle``, and for durations ``low`` and ``high`` (P10 and P90).

    Of amounts the count is not published: currencies are parts of one whole, and one by one they would tell of the last.
    Microseconds, percent or minor units, as its definition says. ``inputs`` is the SHA-256 of the ids, in order, of the events behind it,
    of which there are about ``events`` (rounded: their exact number would tell the exact count).
    """

    definition: str
    corridor: str
    part: str
    counted: int | None
    low: int | None
    middle: int
    high: int | None
    events: int
    inputs: bytes


class Published(NamedTuple):
    """One table as published: the cells that are shown by corridor, the ``rest`` that only the total holds, and whether that is shown."""

    shown: Mapping[str, Cell]
    rest: Cell
    total: bool

    @property
    def cells(self) -> Mapping[str, Cell]:
        """What figures are made of."""
        if not self.total:
            return self.shown
        return {**self.shown, ALL: self.rest.union(*self.shown.values())}


Tables = Mapping[TableKey, Mapping[str, Cell]]
POPULATIONS: tuple[TableKey, ...] = (("under_way", ""), ("released", ""))
"""The tables of all journeys and of all pledges."""


def publish(*known: Iterable[Observation]) -> list[Figure]:
    """The figures of a month at its last publication; ``known`` are the observations as of each publication of it, in order."""
    return [
        figure(definitions()[name], corridor, part, cell)
        for (name, part), table in sorted(published(*known).items())
        for corridor, cell in sorted(table.cells.items())
    ]


def published(*known: Iterable[Observation]) -> dict[TableKey, Published]:
    """The same as tables."""
    found: dict[TableKey, Published] = {}
    for each in known:
        tables = tabulated(each)
        for population in POPULATIONS:
            financial = definitions()[population[0]].financial
            now = {
                key: cells for key, cells in tables.items() if definitions()[key[0]].financial == financial
            }
            before = {key: t for key, t in found.items() if definitions()[key[0]].financial == financial}
            shown = any(table.cells for table in before.values())
            found |= _revised(before, now) if shown else _first(population, now)
    return found


def tabulated(observations: Iterable[Observation]) -> dict[TableKey, dict[str, Cell]]:
    """The observations by table and corridor."""
    found: dict[TableKey, dict[str, set[Observation]]] = defaultdict(lambda: defaultdict(set))
    for each in observations:
        found[each.definition, each.part][str(each.corridor)].add(each)
    return {key: {name: frozenset(cell) for name, cell in cells.items()} for key, cells in found.items()}


def _first(population: TableKey, tables: Tables) -> dict[TableKey, Published]:
    whole = _table(tables.get(population, {}), definitions()[population[0]], None)
    return {population: whole} | {
        key: _table(cells, definitions()[key[0]], whole.shown.keys())
        for key, cells in tables.items()
        if key != population
    }


def _table(cells: Mapping[str, Cell], definition: Definition, known: Collection[str] | None) -> Published:
    """A table at its first publication; only the ``known`` corridors may be shown. A border has no total: few corridors lead over it."""

    def passing(names: Collection[str]) -> bool:
        alone = len(names) == 1 and known is not None and not set(names) <= set(known)
        return not alone and passes(Cell().union(*(cells[name] for name in names)), definition)

    if definition.by == "crossing":
        return Published({name: cell for name, cell in cells.items() if passing((name,))}, Cell(), False)
    least_first = sorted(cells, key=lambda name: (len(cells[name]), name))
    few = hidden(least_first, passing)
    shown = {name: cell for name, cell in cells.items() if name not in few}
    rest = Cell().union(*(cells[name] for name in few))
    return Published(shown, rest, bool(cells) and passing(cells) and (not few or passing(few)))


def _revised(before: Mapping[TableKey, Published], tables: Tables) -> dict[TableKey, Published]:
    """The tables ``before`` as published again of what is known now: each group in all of them, or in none."""
    now = {key: tables.get(key, {}) for key in before}
    shown: dict[TableKey, dict[str, Cell]] = {key: {} for key in before}
    for name in sorted({name for table in before.values() for name in table.shown}):
        steps = {
            key: (table.shown[name], now[key].get(name, Cell()))
            for key, table in before.items()
            if name in table.shown
        }
        for key, cell in _steps(steps).items():
            shown[key][name] = cell
    rests = _steps(
        {
            key: (
                table.rest,
                Cell().union(*(cell for name, cell in now[key].items() if name not in table.shown)),
            )
            for key, table in before.items()
            if table.total
        }
    )
    return {
        key: Published(shown[key], rests.get(key, table.rest), table.total) for key, table in before.items()
    }


def _steps(groups: Mapping[TableKey, tuple[Cell, Cell]]) -> dict[TableKey, Cell]:
    """One group in several tables, before and now: as it is now where what has changed may be known in each, else as it was."""
    may = all(_may_change(before, now, definitions()[key[0]]) for key, (before, now) in groups.items())
    return {key: now if may else before for key, (before, now) in groups.items()}


def _may_change(before: Cell, now: Cell, definition: Definition) -> bool:
    changed = before ^ now
    if not changed:
        return True
    if not passes(now, definition):
        return False
    sides = zip(_parts(changed, definition), _parts(now, definition), _parts(before, definition), strict=True)
    return all(
        _enough({party: after.get(party, 0) - earlier.get(party, 0) for party in parties}, definition)
        for parties, after, earlier in sides
    )


def passes(cell: Cell, definition: Definition) -> bool:
    """Whether a cell comes from enough parties of each kind that could be recognised in it, none of whom dominates an amount."""
    return all(_enough(parts, definition) for parts in _parts(cell, definition))


def _enough(parts: Mapping[str, int], definition: Definition) -> bool:
    return len(parts) >= LEAST and not (definition.kind is Kind.AMOUNT and dominated(parts.values()))


def _parts(cell: Cell, definition: Definition) -> list[dict[str, int]]:
    """By kind of party, what each contributed. All that name none count as one."""
    found: list[dict[str, int]] = [{} for _ in definition.parties]
    for each in cell:
        for parts, party in zip(found, each.parties, strict=True):
            parts[party] = parts.get(party, 0) + each.value
    return found


def figure(definition: Definition, corridor: str, part: str, cell: Cell) -> Figure:
    """The number of a cell, rounded."""
    values = sorted(each.value for each in cell)
    low = high = None
    counted: int | None = rounded(len(values))
    match definition.kind:
        case Kind.DURATION:
            step = definition.step_hours * HOUR
            middle = rounded(_percentile(values, 50), step)
            if len(values) >= TAILS:
                low, high = (rounded(_percentile(values, percent), step) for percent in (10, 90))
        case Kind.SHARE:
            middle = (200 * sum(values) + len(values)) // (2 * len(values))
        case Kind.AMOUNT:
            middle = significant(sum(values))
            counted = None
    events = sorted({event for each in cell for event in each.events})
    digest = hashlib.sha256(b"".join(events)).digest()
    return Figure(definition.id, corridor, part, counted, low, middle, high, rounded(len(events)), digest)


def _percentile(values: list[int], percent: int) -> int:
    """The least value that so many percent do not exceed."""
    return values[(percent * len(values) + 99) // 100 - 1]
