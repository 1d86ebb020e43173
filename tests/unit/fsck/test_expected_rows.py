"""Rows of one event set against each other: what differs is named by row and field, and nothing else is."""

from __future__ import annotations

from services.audit.fsck.expected_rows import compare_rows

A, B, C = (bytes([n]) * 16 for n in (1, 2, 3))


def differences(
    stored: list[tuple[object, ...]], expected: list[tuple[object, ...]]
) -> list[tuple[object, ...]]:
    return [difference[1:] for difference in compare_rows("founding", stored, expected)]


def test_equal_rows_in_any_order_do_not_differ() -> None:
    rows = [(A, 1, (5,)), (B, 2, ()), (A, 1, (5,))]
    assert differences(rows, rows[::-1]) == []


def test_a_changed_field_is_named_with_both_values() -> None:
    assert differences([(A, 1, ()), (B, 2, ())], [(A, 1, ()), (B, 3, ())]) == [("publisher", 2, 3)]


def test_a_changed_key_is_a_changed_field_where_only_one_row_lost_its_partner() -> None:
    assert differences([(C, 1, ())], [(A, 1, ())]) == [("cons", C, A)]


def test_missing_doubled_and_unsupported_rows_are_told_apart() -> None:
    found = list(compare_rows("founding", [(A, 1, ()), (A, 1, ())], [(A, 1, ())]))
    assert [(row, field, right) for row, field, _, right in found] == [(f"cons {A.hex()}", "row", "no row")]
    found = list(compare_rows("founding", [], [(A, 1, ()), (B, 1, ())]))
    assert [(row, stored) for row, _, stored, _ in found] == [
        (f"cons {A.hex()}", "missing"),
        (f"cons {B.hex()}", "missing"),
    ]
