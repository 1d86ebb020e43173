"""Which lines of one paper are which of another: an optimal assignment by what both state, and what is left over.

The cost of a pair is the weight of the features in which it differs, a metric on lines: so lines that agree in all of them may be
paired first, and the rest is assigned exactly. Papers with unequal numbers of lines are compared by groups of one HS subheading,
because declarations merge and split lines.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from services.trade.domain.assignment import assign
from services.trade.domain.paper import Line
from services.trade.domain.values import Place


@dataclass(frozen=True, slots=True)
class Group:
    """Lines of one paper that stand for one line of the other; usually one."""

    lines: tuple[Line, ...]

    @property
    def label(self) -> str:
        """The numbers of its lines."""
        return "+".join(line.number for line in self.lines)


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


def _total(lines: Sequence[Line], value: Callable[[Line], Decimal | None]) -> Decimal | None:
    found = [value(line) for line in lines]
    known = [each for each in found if each is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(found) else None


def _amount(line: Line) -> Decimal | None:
    return None if line.amount is None else line.amount.value.amount


def _quantity(line: Line) -> Decimal | None:
    return None if line.quantity is None else line.quantity.value.in_base


def _feature_of(lines: Sequence[Line], codes: Mapping[Place, str]) -> tuple[Hashable, ...]:
    first = lines[0]
    code = _subheading(first, codes)
    words = (
        frozenset().union(*(article_tokens(line.description.value) for line in lines if line.description))
        or None
    )
    return (
        code,
        words,
        _total(lines, _amount),
        _total(lines, _quantity),
        _total(lines, lambda line: None if line.net is None else line.net.value),
        _total(lines, lambda line: None if line.gross is None else line.gross.value),
        first.number,
    )


def _features(
    lines: Sequence[Line], codes: Mapping[Place, str], known: dict[tuple[int, ...], tuple[Hashable, ...]]
) -> tuple[Hashable, ...]:
    key = tuple(map(id, lines))
    if key not in known:
        known[key] = _feature_of(lines, codes)
    return known[key]


_WEIGHTS: Final = (4, 5, 4, 4, 3, 3, 1)
"""Code, article, amount, quantity, net, gross, number of the line."""


def align(
    left: Sequence[Line],
    right: Sequence[Line],
    codes: Mapping[Place, str] | None = None,
    known: dict[tuple[int, ...], tuple[Hashable, ...]] | None = None,
) -> Alignment:
    """The lines of two papers as pairs. The features are those that both papers state; a pair shares one at least.

    ``codes`` gives the subheading of lines that state none, by their place. Of unequal numbers of lines nothing is paired where
    a line has no code. ``known`` keeps the features of lines, by identity, from one call to the next.
    """
    codes, known = codes or {}, {} if known is None else known
    ours, theirs = [Group((line,)) for line in left], [Group((line,)) for line in right]
    if len(left) != len(right):
        if any(_subheading(line, codes) is None for line in (*left, *right)):
            return Alignment((), tuple(ours), tuple(theirs))
        ours, theirs = _by_code(left, codes), _by_code(right, codes)
    if not ours or not theirs:
        return Alignment((), tuple(ours), tuple(theirs))
    a, b = ([_features(group.lines, codes, known) for group in side] for side in (ours, theirs))
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


def _subheading(line: Line, codes: Mapping[Place, str]) -> str | None:
    return line.code.value.hs6 if line.code else codes.get(line.place)


def _by_code(lines: Sequence[Line], codes: Mapping[Place, str]) -> list[Group]:
    groups: dict[str | None, list[Line]] = defaultdict(list)
    for line in lines:
        groups[_subheading(line, codes)].append(line)
    return [Group(tuple(each)) for each in groups.values()]


Features = Sequence[tuple[Hashable, ...]]


def _equal(
    a: Features, b: Features, used: Sequence[int]
) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """The pairs that agree in all features but the number, in order of the lines, and the indexes of the others."""
    waiting: dict[tuple[Hashable, ...], list[int]] = defaultdict(list)
    keys = [index for index in used if index != len(_WEIGHTS) - 1]
    for j in range(len(b) - 1, -1, -1):
        waiting[tuple(b[j][index] for index in keys)].append(j)
    pairs, rest = [], []
    for i, each in enumerate(a):
        same = waiting.get(tuple(each[index] for index in keys)) if keys else None
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
