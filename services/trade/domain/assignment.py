"""The optimal assignment of rows to columns by least total cost, exact on integers."""

from __future__ import annotations

from collections.abc import Sequence
from operator import sub


def assign(cost: Sequence[Sequence[int]]) -> list[int]:
    """For each row its column, so that the sum of ``cost`` is least; rows may not outnumber columns.

    Shortest augmenting paths with potentials (Jonker and Volgenant 1987), after a start that takes every free column of
    reduced cost zero. O(rows^2 x columns) at worst; ties go to the lowest column.
    """
    rows = len(cost)
    columns = len(cost[0]) if rows else 0
    if rows > columns:
        raise ValueError("more rows than columns")
    row_potential = [min(row) for row in cost] if columns else []
    column_potential = [0] * columns
    if rows == columns:  # where every column will be taken, each may begin at its own least reduced cost
        for column, costs_of in enumerate(zip(*cost, strict=True)):
            column_potential[column] = min(map(sub, costs_of, row_potential))
    row_of = [-1] * columns
    column_of = [-1] * rows
    for row, costs in enumerate(cost):
        least = row_potential[row]
        for column, each in enumerate(costs):
            if row_of[column] < 0 and each - column_potential[column] == least:
                row_of[column], column_of[row] = row, column
                break
    for start in range(rows):
        if column_of[start] < 0:
            _augment(cost, start, row_potential, column_potential, row_of, column_of)
    return column_of


def _augment(
    cost: Sequence[Sequence[int]],
    start: int,
    row_potential: list[int],
    column_potential: list[int],
    row_of: list[int],
    column_of: list[int],
) -> None:
    """Assign ``start`` along the cheapest path of reassignments, and keep every reduced cost at zero or more."""
    distance = [
        each - row_potential[start] - potential
        for each, potential in zip(cost[start], column_potential, strict=True)
    ]
    before = [start] * len(distance)
    free = [column for column, row in enumerate(row_of) if row < 0]
    taken = [column for column, row in enumerate(row_of) if row >= 0]
    reached: list[int] = []
    while True:
        end = min(free, key=distance.__getitem__)
        column = min(taken, key=distance.__getitem__) if taken else end
        shortest = distance[column]
        if distance[end] <= shortest:
            column, shortest = end, distance[end]
            break
        taken.remove(column)
        reached.append(column)
        row = row_of[column]
        costs, base = cost[row], shortest - row_potential[row]
        nearest = distance[end]
        for columns in (taken, free):
            for other in columns:
                length = base + costs[other] - column_potential[other]
                if length < distance[other] and length < nearest:
                    distance[other], before[other] = length, row
    for each in reached:
        change = shortest - distance[each]
        column_potential[each] -= change
        row_potential[row_of[each]] += change
    row_potential[start] += shortest
    while True:
        row = before[column]
        row_of[column] = row
        column, column_of[row] = column_of[row], column
        if row == start:
            return
