"""The assignment of lines: least cost, equal to trying every one."""

from __future__ import annotations

from itertools import permutations
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.trade.domain.alignment import align
from services.trade.domain.assignment import assign
from tests.support.trade_values import code, line, priced, qty


@given(
    st.integers(1, 5).flatmap(
        lambda rows: st.integers(rows, 6).flatmap(
            lambda columns: st.lists(
                st.lists(st.integers(0, 9), min_size=columns, max_size=columns), min_size=rows, max_size=rows
            )
        )
    )
)
def test_no_other_assignment_costs_less(cost: list[list[int]]) -> None:
    found = assign(cost)
    assert len(set(found)) == len(cost)
    least = min(
        sum(row[column] for row, column in zip(cost, each, strict=True))
        for each in permutations(range(len(cost[0])), len(cost))
    )
    assert sum(row[column] for row, column in zip(cost, found, strict=True)) == least


def test_a_line_with_one_wrong_value_is_found_among_shuffled_lines() -> None:
    random = Random(5)
    left = [priced(str(n * 7 + 1), str(n % 9 + 1), code=code("847130"), description=None) for n in range(60)]
    right = list(left)
    random.shuffle(right)
    right[3] = line(1, code=right[3].code, amount=right[3].amount, quantity=qty("777"))
    pairs = align(left, right).pairs
    assert len(pairs) == 60
    assert all(a.lines[0].amount == b.lines[0].amount for a, b in pairs)


def test_what_has_nothing_in_common_is_left_over() -> None:
    found = align([priced("5", "1"), priced("6", "2")], [priced("5", "1"), line(9, quantity=qty("99"))])
    assert [(a.label, b.label) for a, b in found.pairs] == [("1", "1")]
    assert len(found.left) == len(found.right) == 1
