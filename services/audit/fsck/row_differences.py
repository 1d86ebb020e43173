"""Two sets of rows of one event set against each other: which row differs, and in which field."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from services.audit.fsck.expected_rows import FIELDS, KEYS, Values

Difference = tuple[str, str, object, object]
"""(row, field, stored, expected); the field is "row" where one of the two is missing."""


def compare_rows(table: str, stored: Sequence[Values], expected: Sequence[Values]) -> Iterator[Difference]:
    """The differences between what is stored and what should be, rows paired by what tells them apart."""
    if len(stored) == len(expected) == 1 and stored[0] == expected[0]:
        return
    surplus = Counter(stored)
    surplus.subtract(expected)
    left = list(surplus.elements())
    missing = list((-surplus).elements())
    keys = KEYS[table]
    waiting: dict[Values, list[Values]] = defaultdict(list)
    for values in missing:
        waiting[values[:keys]].append(values)
    alone: list[Values] = []
    for values in left:
        partners = waiting[values[:keys]]
        if partners:
            yield from _fields(table, values, partners.pop(0))
        else:
            alone.append(values)
    rest = [values for partners in waiting.values() for values in partners]
    # A row whose key itself was changed is the one that has lost its partner, where only one has.
    while len(alone) == 1 and len(rest) == 1:
        yield from _fields(table, alone.pop(), rest.pop())
    for values in alone:
        yield _named(table, values), "row", _shown(table, values), "no row"
    for values in rest:
        yield _named(table, values), "row", "missing", _shown(table, values)


def _fields(table: str, stored: Values, expected: Values) -> Iterable[Difference]:
    return [
        (_named(table, expected), field, found, right)
        for field, found, right in zip(FIELDS[table], stored, expected, strict=True)
        if found != right
    ]


def _named(table: str, values: Values) -> str:
    names = FIELDS[table][: KEYS[table]]
    return " ".join(f"{name} {_text(value)}" for name, value in zip(names, values, strict=False))


def _shown(table: str, values: Values) -> str:
    return ", ".join(f"{name} {_text(value)}" for name, value in zip(FIELDS[table], values, strict=True))


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
