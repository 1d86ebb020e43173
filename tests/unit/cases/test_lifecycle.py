"""The life of a case: who may take which step, that nobody owns it twice, and what the rule does by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cases.domain.lifecycle import (
    Case,
    Refused,
    Status,
    Step,
    StepKind,
    StepRequest,
    Team,
    after,
    case_of,
    decide,
    rule,
)
from services.cases.domain.shift_report import CaseSummary, shift_report

CASE = b"c" * 16
A, B = Team("ktz", "dostyk-shift"), Team("cr", "alashankou-shift")
OPENED = Step(1, CASE, StepKind.OPENED, 100, 0)


def take(case: Case, ask: StepRequest, at: int) -> Case | Refused | None:
    kind = decide(case, ask, at)
    if kind is None or isinstance(kind, Refused):
        return kind
    step = Step(case.last + 1, CASE, kind, at, 0, case.last, ask.by, ask.to, ask.until, ask.reason, ask.text)
    return after(case, step)


def owned(by: Team = A) -> Case:
    case = take(after(None, OPENED), StepRequest(StepKind.ACKNOWLEDGED, by), 110)
    assert isinstance(case, Case)
    return case


def test_the_first_desk_owns_it_and_the_second_is_told_who_does() -> None:
    case = owned(A)
    assert case.owner == A
    refused = take(case, StepRequest(StepKind.ACKNOWLEDGED, B), 111)
    assert isinstance(refused, Refused)
    assert "ktz/dostyk-shift" in refused.problem
    assert take(case, StepRequest(StepKind.ACKNOWLEDGED, A), 111) is None, "done already"


def test_only_the_owner_gives_it_away() -> None:
    assert isinstance(take(owned(A), StepRequest(StepKind.ASSIGNED, B, to=B), 120), Refused)
    given_away = take(owned(A), StepRequest(StepKind.ASSIGNED, A, to=B), 120)
    assert isinstance(given_away, Case)
    assert given_away.owner == B
    assigned = take(after(None, OPENED), StepRequest(StepKind.ASSIGNED, A, to=B), 120)
    assert isinstance(assigned, Case)
    assert assigned.owner == B


def test_a_snooze_ends_by_itself_and_not_in_the_past() -> None:
    case = take(owned(A), StepRequest(StepKind.SNOOZED, A, until=500, reason="engine"), 120)
    assert isinstance(case, Case)
    assert [case.status(at) for at in (120, 499, 500)] == [Status.SNOOZED, Status.SNOOZED, Status.OWNED]
    assert isinstance(
        take(owned(A), StepRequest(StepKind.SNOOZED, A, until=120, reason="engine"), 120), Refused
    )
    assert isinstance(
        take(owned(A), StepRequest(StepKind.SNOOZED, B, until=500, reason="engine"), 120), Refused
    )


def test_a_note_may_be_put_by_anybody_at_any_time_and_changes_nothing() -> None:
    noted = take(owned(A), StepRequest(StepKind.NOTED, B, text="seen"), 120)
    assert isinstance(noted, Case)
    assert noted.owner == A


def test_closed_by_its_owner_it_takes_no_step_but_a_note() -> None:
    assert isinstance(
        take(after(None, OPENED), StepRequest(StepKind.CLOSED, A, reason="RESOLVED"), 120), Refused
    )
    case = take(owned(A), StepRequest(StepKind.CLOSED, A, reason="RESOLVED"), 120)
    assert isinstance(case, Case)
    assert case.status(120) is Status.CLOSED
    for kind in (StepKind.ACKNOWLEDGED, StepKind.ASSIGNED, StepKind.SNOOZED, StepKind.CLOSED):
        assert isinstance(take(case, StepRequest(kind, A, to=A, until=999), 130), Refused)


@pytest.mark.parametrize(
    ("case", "stood", "stands", "expected"),
    [
        (None, False, True, StepKind.OPENED),
        (None, False, False, None),
        (after(None, OPENED), True, True, None),
        (after(None, OPENED), True, False, StepKind.CLOSED),
        (owned(), True, False, None),  # never behind its owner's back
    ],
)
def test_what_the_rule_does(case: Case | None, stood: bool, stands: bool, expected: StepKind | None) -> None:
    assert rule(case, stood, stands) is expected


def test_a_case_opens_again_only_when_its_cause_was_gone_and_nobody_owns_it_then() -> None:
    closed = take(owned(A), StepRequest(StepKind.CLOSED, A, reason="FALSE_ALARM"), 120)
    assert isinstance(closed, Case)
    assert rule(closed, True, True) is None, "a desk closed it while its cause stood"
    assert rule(closed, False, True) is StepKind.REOPENED
    again = after(closed, Step(9, CASE, StepKind.REOPENED, 200, 0, closed.last))
    assert (again.owner, again.status(200), again.opened) == (None, Status.OPEN, 200)


@pytest.mark.parametrize(
    "steps",
    [
        (Step(1, CASE, StepKind.ACKNOWLEDGED, 1, 0, None, A),),
        (OPENED, Step(2, CASE, StepKind.ACKNOWLEDGED, 1, 0, None, A)),
        (
            OPENED,
            Step(2, CASE, StepKind.ACKNOWLEDGED, 1, 0, 1, A),
            Step(3, CASE, StepKind.ACKNOWLEDGED, 1, 0, 2, B),
        ),
        (
            OPENED,
            Step(2, CASE, StepKind.ACKNOWLEDGED, 1, 0, 1, A),
            Step(3, CASE, StepKind.CLOSED, 1, 0, 2, B),
        ),
        (OPENED, Step(2, CASE, StepKind.REOPENED, 1, 0, 1)),
        (OPENED, Step(2, b"d" * 16, StepKind.NOTED, 1, 0, 1, A)),
    ],
)
def test_a_history_that_no_decision_made_is_found_out(steps: tuple[Step, ...]) -> None:
    with pytest.raises(ValueError, match="step"):
        case_of(steps)


ASKS = st.builds(
    StepRequest,
    st.sampled_from([k for k in StepKind if k not in (StepKind.OPENED, StepKind.REOPENED)]),
    st.sampled_from([A, B]),
    to=st.sampled_from([A, B]),
    until=st.integers(0, 400),
    reason=st.just("RESOLVED"),
    text=st.just("seen"),
)


@given(st.lists(st.one_of(ASKS, st.booleans()), max_size=30))
def test_whatever_is_asked_the_owner_changes_only_by_the_owners_word(moves: list[StepRequest | bool]) -> None:
    """Asks of two desks and a cause that comes and goes; the history that they leave replays to the same case."""
    steps, stands, at = [OPENED], True, 100
    for move in moves:
        at += 10
        case = case_of(steps)
        assert case is not None
        if isinstance(move, bool):
            kind = rule(case, stands, move)
            stands = move
            if kind is not None:
                steps.append(Step(case.last + 1, CASE, kind, at, 0, case.last))
            continue
        decided = decide(case, move, at)
        if decided is None or isinstance(decided, Refused):
            continue
        step = Step(
            case.last + 1,
            CASE,
            decided,
            at,
            0,
            case.last,
            move.by,
            move.to,
            move.until,
            move.reason,
            move.text,
        )
        steps.append(step)
        now = case_of(steps)
        assert now is not None
        if now.owner != case.owner and case.owner is not None:
            assert move.by == case.owner
    final = case_of(steps)
    assert final is not None
    assert not final.closed or final.snoozed_until is None
    if not stands and final.owner is None:
        assert final.closed, "nobody is called for a cause that is gone"


def test_the_shift_report_tells_what_came_what_went_and_what_stands_by_crossing_and_owner() -> None:
    one, two, three, four = (bytes([n]) * 16 for n in range(4))
    cases = [
        CaseSummary(one, "alashankou-dostyk", "ktz/dostyk-shift", False),
        CaseSummary(two, "alashankou-dostyk", "", True),
        CaseSummary(three, "", "", False),
        CaseSummary(four, "alashankou-dostyk", "", True),
    ]
    steps = [
        Step(1, four, StepKind.CLOSED, 50, 0, 0),  # before this shift
        Step(2, two, StepKind.OPENED, 110, 0),
        Step(3, one, StepKind.NOTED, 120, 0, 0, A, text="engine at six"),
        Step(4, two, StepKind.CLOSED, 130, 0, 2),
    ]
    posts = shift_report(cases, steps, 100)
    assert list(posts) == [("", ""), ("alashankou-dostyk", ""), ("alashankou-dostyk", "ktz/dostyk-shift")]
    assert posts["", ""].standing == [three]
    nobody = posts["alashankou-dostyk", ""]
    assert (nobody.opened, nobody.closed, nobody.standing) == ([two], [two], [])
    mine = posts["alashankou-dostyk", "ktz/dostyk-shift"]
    assert (mine.opened, mine.standing, [step.text for step in mine.notes]) == ([], [one], ["engine at six"])
