"""Which lines of one paper are which of another: an optimal assignment by what both state, and what is left over.

The cost of a pair is the weight of the features in which it differs, a metric on lines: so lines that agree in all of them may be
paired first, and the rest is assigned exactly. Papers with unequal numbers of lines are compared by groups of one HS subheading,
because declarations merge and split lines.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from services.trade.domain.assignment import assign
from services.trade.domain.paper import Line
from services.trade.domain.values import Code, Field, Place, Quantity


class Group:
    """Lines of one paper that stand for one line of the other; usually one. What it states is computed once."""

    __slots__ = ("_quantities", "code", "label", "lines", "origin")

    def __init__(self, lines: tuple[Line, ...]) -> None:
        self.lines = lines
        self.label: str = lines[0].number if len(lines) == 1 else "+".join([line.number for line in lines])
        """The numbers of its lines."""
        codes = [line.code for line in lines if line.code]
        alike = len(codes) == 1 or len({each.value.hs6 for each in codes}) == 1
        self.code: Field[Code] | None = codes[0] if alike else None
        """The first code where all are of one subheading."""
        origins = [line.origin for line in lines if line.origin]
        alike = len(origins) == 1 or len({each.value for each in origins}) == 1
        self.origin: Field[str] | None = origins[0] if alike else None
        """The first origin where all are one."""
        self._quantities: Mapping[str, tuple[tuple[Field[Quantity], ...], Decimal]] | None = None

    @property
    def quantities(self) -> Mapping[str, tuple[tuple[Field[Quantity], ...], Decimal]]:
        """The quantities by base unit with their sum, where every line has one."""
        if self._quantities is None:
            found: dict[str, list[Field[Quantity]]] = {}
            for line in self.lines:
                seen = set()
                for each in line.quantities:
                    if each.value.unit and each.value.unit.base not in seen:
                        seen.add(each.value.unit.base)
                        found.setdefault(each.value.unit.base, []).append(each)
            self._quantities = {
                base: (tuple(fields), _total([each.value.in_base for each in fields]) or Decimal(0))
                for base, fields in found.items()
                if len(fields) == len(self.lines)
            }
        return self._quantities


class Grouping:
    """The groups of lines, made once, with the features that pair them. ``codes`` gives the subheading of lines that state none, by their place."""

    def __init__(self, codes: Mapping[Place, str] | None = None) -> None:
        self._codes = codes or {}
        self._groups: dict[tuple[int, ...], Group] = {}
        self._features: dict[Group, tuple[int | None, ...]] = {}
        self._values: dict[Hashable, int] = {}

    def single(self, lines: Sequence[Line]) -> list[Group]:
        """A group of each line."""
        return [self._group((line,)) for line in lines]

    def by_code(self, lines: Sequence[Line]) -> list[Group]:
        """A group of the lines of each subheading."""
        groups: dict[str | None, list[Line]] = defaultdict(list)
        for line in lines:
            groups[self.subheading(line)].append(line)
        return [self._group(tuple(each)) for each in groups.values()]

    def _group(self, lines: tuple[Line, ...]) -> Group:
        key = tuple(map(id, lines))
        if key not in self._groups:
            self._groups[key] = Group(lines)
        return self._groups[key]

    def subheading(self, line: Line) -> str | None:
        """The subheading that a line states, or that is known of it."""
        return line.code.value.hs6 if line.code else self._codes.get(line.place)

    def features(self, group: Group) -> tuple[int | None, ...]:
        """Code, articles, amount, quantity, net, gross, number of the line, equal values as equal numbers; None for what it does not state."""
        if group not in self._features:
            values = self._values
            self._features[group] = tuple(
                [
                    None if each is None else values.setdefault(each, len(values))
                    for each in self._features_of(group.lines)
                ]
            )
        return self._features[group]

    def _features_of(self, lines: Sequence[Line]) -> tuple[Hashable, ...]:
        words = (
            frozenset().union(*[article_tokens(line.description.value) for line in lines if line.description])
            or None
        )
        return (
            self.subheading(lines[0]),
            words,
            _total([line.amount and line.amount.value.amount for line in lines]),
            _total([line.quantity and line.quantity.value.in_base for line in lines]),
            _total([line.net and line.net.value for line in lines]),
            _total([line.gross and line.gross.value for line in lines]),
            lines[0].number,
        )


def _total(values: Sequence[Decimal | None]) -> Decimal | None:
    if len(values) == 1:
        return values[0]
    known = [each for each in values if each is not None]
    return sum(known, Decimal(0)) if len(known) == len(values) else None


@dataclass(frozen=True, slots=True)
class Alignment:
    """The groups that belong together, and those of each side that nothing was found for."""

    pairs: tuple[tuple[Group, Group], ...]
    left: tuple[Group, ...] = ()
    right: tuple[Group, ...] = ()

    @property
    def merged(self) -> bool:
        """Whether any pair has several lines on a side."""
        return any(len(a.lines) + len(b.lines) > 2 for a, b in self.pairs)


_TOKEN: Final = re.compile(r"[A-Z0-9][A-Z0-9./\-]*[A-Z0-9]")


@lru_cache(maxsize=8_192)
def article_tokens(text: str) -> frozenset[str]:
    """The tokens of a description that name an article or model: Latin letters and digits together, three at least."""
    return frozenset(
        plain
        for token in _TOKEN.findall(text.upper())
        if len(plain := re.sub(r"[./\-]", "", token)) >= 3
        and any(map(str.isdigit, plain))
        and any(map(str.isalpha, plain))
    )


_WEIGHTS: Final = (4, 5, 4, 4, 3, 3, 1)
"""Code, article, amount, quantity, net, gross, number of the line."""


def align(left: Sequence[Line], right: Sequence[Line], grouping: Grouping | None = None) -> Alignment:
    """The lines of two papers as pairs. The features are those that both papers state; a pair shares one at least.

    Of unequal numbers of lines nothing is paired where a line has no code. ``grouping`` holds groups and their features from one call
    to the next.
    """
    grouping = grouping or Grouping()
    ours, theirs = grouping.single(left), grouping.single(right)
    if len(left) != len(right):
        if any(grouping.subheading(line) is None for line in (*left, *right)):
            return Alignment((), tuple(ours), tuple(theirs))
        ours, theirs = grouping.by_code(left), grouping.by_code(right)
    if not ours or not theirs:
        return Alignment((), tuple(ours), tuple(theirs))
    a, b = ([grouping.features(group) for group in side] for side in (ours, theirs))
    used = [
        index
        for index in range(len(_WEIGHTS))
        if any(each[index] is not None for each in a) and any(each[index] is not None for each in b)
    ]
    if len(ours) != len(theirs):
        used = [index for index in used if index != len(_WEIGHTS) - 1]
    pairs, rest_a, rest_b = _equal(a, b, used)
    if rest_a and rest_b:
        pairs += _assigned(a, b, rest_a, rest_b, used)
    taken_a, taken_b = {i for i, _ in pairs}, {j for _, j in pairs}
    return Alignment(
        tuple((ours[i], theirs[j]) for i, j in sorted(pairs)),
        tuple(group for i, group in enumerate(ours) if i not in taken_a),
        tuple(group for j, group in enumerate(theirs) if j not in taken_b),
    )


Features = Sequence[tuple[int | None, ...]]


def _equal(
    a: Features, b: Features, used: Sequence[int]
) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """The pairs that agree in all features but the number, in order of the lines, and the indexes of the others."""
    waiting: dict[tuple[Hashable, ...], list[int]] = defaultdict(list)
    keys = [index for index in used if index != len(_WEIGHTS) - 1]
    for j in range(len(b) - 1, -1, -1):
        waiting[tuple([b[j][index] for index in keys])].append(j)
    pairs, rest = [], []
    for i, each in enumerate(a):
        same = waiting.get(tuple([each[index] for index in keys])) if keys else None
        if same:
            pairs.append((i, same.pop()))
        else:
            rest.append(i)
    return pairs, rest, sorted(j for js in waiting.values() for j in js)


def _assigned(
    a: Features, b: Features, rest_a: Sequence[int], rest_b: Sequence[int], used: Sequence[int]
) -> list[tuple[int, int]]:
    """The cheapest assignment of the rest; a pair that shares no feature is none."""
    swapped = len(rest_a) > len(rest_b)
    rows, columns = (rest_b, rest_a) if swapped else (rest_a, rest_b)
    from_rows, from_columns = (b, a) if swapped else (a, b)
    most = sum(_WEIGHTS[index] for index in used)
    cost = [[most] * len(columns) for _ in rows]
    for index in used:
        weight = _WEIGHTS[index]
        where: dict[Hashable, list[int]] = defaultdict(list)
        for position, j in enumerate(columns):
            if from_columns[j][index] is not None:
                where[from_columns[j][index]].append(position)
        for row, i in zip(cost, rows, strict=True):
            for position in where.get(from_rows[i][index], ()):
                row[position] -= weight
    chosen = assign(cost)
    found = [(rows[n], columns[position]) for n, position in enumerate(chosen) if cost[n][position] < most]
    return [(j, i) for i, j in found] if swapped else found
