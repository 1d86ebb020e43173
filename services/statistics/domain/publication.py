"""What is published of a month: figures by corridor and of all corridors together, from the observations of each publication. Pure.

A table is one definition (and border or currency) of one month: its corridors and their total. What is published of it is made of groups: the
corridors that are shown, each, and all others together. Each group passes the rules of disclosure; and at a later publication of the
month a group stays as it was unless what has changed in it passes them, too. So whatever is added up or subtracted among tables of
successive publications is about as many contributors as a published cell. Which corridors are shown is settled by the first publication that shows any.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
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

    Microseconds, percent or minor units, as its definition says. ``inputs`` is the SHA-256 of the ids, in order, of the ``events`` behind it.
    """

    definition: str
    corridor: str
    part: str
    counted: int
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


def publish(*known: Iterable[Observation]) -> list[Figure]:
    """The figures of a month at its last publication; ``known`` are the observations as of each publication of it, in order."""
    tables: dict[TableKey, Published] = {}
    for each in known:
        cells = tabulated(each)
        for key in sorted(cells.keys() | tables.keys()):
            definition = definitions()[key[0]]
            tables[key] = revised(tables.get(key), cells.get(key, {}), definition)
    return [
        figure(definitions()[name], corridor, part, cell)
        for (name, part), published in sorted(tables.items())
        for corridor, cell in sorted(published.cells.items())
    ]


def tabulated(observations: Iterable[Observation]) -> dict[TableKey, dict[str, Cell]]:
    """The observations by table and corridor."""
    found: dict[TableKey, dict[str, set[Observation]]] = defaultdict(lambda: defaultdict(set))
    for each in observations:
        found[each.definition, each.part][str(each.corridor)].add(each)
    return {key: {name: frozenset(cell) for name, cell in cells.items()} for key, cells in found.items()}


def revised(before: Published | None, cells: Mapping[str, Cell], definition: Definition) -> Published:
    """A table as published after ``before``, of what is known now."""
    if before is None or not before.cells:
        return _first(cells, definition)
    shown = {name: _step(cell, cells.get(name, Cell()), definition) for name, cell in before.shown.items()}
    rest = Cell().union(*(cell for name, cell in cells.items() if name not in shown))
    return Published(shown, _step(before.rest, rest, definition), before.total)


def _first(cells: Mapping[str, Cell], definition: Definition) -> Published:
    def passing(names: Iterable[str]) -> bool:
        return passes(Cell().union(*(cells[name] for name in names)), definition)

    least_first = sorted(cells, key=lambda name: (len(cells[name]), name))
    few = hidden(least_first, passing)
    shown = {name: cell for name, cell in cells.items() if name not in few}
    return Published(
        shown,
        Cell().union(*(cells[name] for name in few)),
        bool(cells) and passing(cells) and (not few or passing(few)),
    )


def _step(before: Cell, now: Cell, definition: Definition) -> Cell:
    """The group ``now`` where what has changed in it may be known, else as it was ``before``."""
    changed = before ^ now
    if not changed or not passes(now, definition):
        return before
    for parties, after, earlier in zip(
        _parts(changed, definition), _parts(now, definition), _parts(before, definition), strict=True
    ):
        net = {party: after.get(party, 0) - earlier.get(party, 0) for party in parties}
        if not _enough(net, definition):
            return before
    return now


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
    events = sorted({event for each in cell for event in each.events})
    digest = hashlib.sha256(b"".join(events)).digest()
    return Figure(definition.id, corridor, part, rounded(len(values)), low, middle, high, len(events), digest)


def _percentile(values: list[int], percent: int) -> int:
    """The least value that so many percent do not exceed."""
    return values[(percent * len(values) + 99) // 100 - 1]
