"""Which events still count, by hand."""

from __future__ import annotations

import pytest

from services.domain.facts import Withdrawal
from services.domain.liveness import judge

A, B, C, D = (bytes([n]) * 16 for n in range(1, 5))


def correct(event: bytes, target: bytes) -> Withdrawal:
    return Withdrawal(event, target, replaces=True)


def retract(event: bytes, target: bytes) -> Withdrawal:
    return Withdrawal(event, target, replaces=False)


@pytest.mark.parametrize(
    ("withdrawals", "dead"),
    [
        ([], set()),
        ([retract(B, A)], {A}),
        ([correct(B, A)], {A}),
        ([retract(B, A), retract(C, B)], {B}),  # retracting a retraction revives
        ([correct(B, A), retract(C, B)], {B}),  # retracting a correction revives
        ([correct(B, A), correct(C, B)], {A, B}),  # correcting a correction does not
        ([correct(B, A), correct(C, B), retract(D, C)], {A, C}),  # back to the first correction
        ([correct(B, A), correct(C, B), retract(D, B)], {A, B}),  # the newer correction still holds
        ([retract(B, A), retract(C, A)], {A}),
        ([retract(B, A), retract(C, B), retract(D, C)], {A, C}),
    ],
)
def test_chains(withdrawals: list[Withdrawal], dead: set[bytes]) -> None:
    assert judge(withdrawals).dead == dead
    assert judge(list(reversed(withdrawals))).dead == dead


def test_members_of_a_cycle_are_dead_and_flagged_and_free_nobody() -> None:
    judged = judge([retract(A, B), retract(B, C), retract(C, A), retract(D, A)])
    assert judged.cyclic == {A, B, C}
    assert judged.dead == {A, B, C}
    assert judged.live(D)


def test_an_event_that_targets_itself_is_a_cycle() -> None:
    assert judge([retract(A, A)]).cyclic == {A}


def test_an_equivocated_withdrawal_withdraws_nothing_and_is_dead_itself() -> None:
    judged = judge([retract(B, A)], frozenset({B}))
    assert judged.dead == {B}
    assert judged.live(A)
