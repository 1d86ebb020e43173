"""What the rules find cause for in the stories, whatever the order, and when they have to look again."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.base import ObjectKind
from schemas.rfc3339 import parse_micros
from services.cases.domain.causes import CaseKind, Cause, FinancingAlert, causes, joined, next_due
from services.domain.derive import derive
from services.domain.facts import Facts
from services.domain.objects import Thing
from services.domain.view import View
from tests.stories.story import stories

DAY = 86_400_000_000
STORIES = {story.slug[:2]: story for story in stories()}
EVERY = st.sampled_from(sorted(STORIES))


@cache
def pieces(number: str) -> tuple[Facts, ...]:
    return tuple(each.facts() for each in STORIES[number].told)


@cache
def whole(number: str) -> Facts:
    return Facts.union(pieces(number))


def founded(facts: Facts) -> list[Thing]:
    return sorted({f.consignment for f in facts.foundings})


def views(facts: Facts, at: int) -> list[View]:
    found = (derive(facts, thing, at) for thing in founded(facts))
    return [view for view in found if view is not None]


def found(facts: Facts, at: int) -> dict[bytes, Cause]:
    return joined(cause for view in views(facts, at) for cause in causes(view, at))


def of(number: str) -> list[Cause]:
    story = STORIES[number]
    return sorted(found(whole(number), parse_micros(story.as_of)).values(), key=lambda c: (c.kind, c.about))


def names(number: str) -> list[tuple[str, str, str]]:
    return [(cause.kind, cause.what, str(cause.about)) for cause in of(number)]


def test_a_held_train_is_one_case_and_the_one_that_went_on_is_none() -> None:
    assert names("26") == [("HELD", "TRAIN_HELD", "train:KTZ/1407/2023-09-02/railnet:dostyk")]


def test_a_detained_box_is_a_case_of_its_own_with_the_event_behind_it() -> None:
    (cause,) = of("32")
    assert (cause.kind, cause.what, cause.about.kind) == ("DETAINED", "DETAINED", ObjectKind.CONTAINER)
    assert cause.events
    assert set(cause.events) <= {told.event for told in STORIES["32"].told}
    assert cause.due - cause.since == 7 * DAY


def test_a_silent_consignment_is_a_case_a_week_after_its_last_news() -> None:
    silent = [cause for cause in of("30") if cause.kind is CaseKind.SILENT]
    assert len(silent) == 1
    (event,) = silent[0].events
    told = next(each for each in STORIES["30"].told if each.event == event)
    assert silent[0].since == max(c.happened for c in told.facts().claims) + 7 * DAY


def test_an_estimate_that_was_not_met_is_one_case_however_many_boxes_it_was_of() -> None:
    overdue = [cause for cause in of("29") if cause.kind is CaseKind.OVERDUE]
    assert len(overdue) == len({event for cause in overdue for event in cause.events}) >= 1


def test_a_dispute_rests_on_both_answers() -> None:
    disputes = [cause for cause in of("17") if cause.kind is CaseKind.DISPUTE]
    assert disputes
    assert all(len(cause.events) >= 2 for cause in disputes)


def test_a_handover_difference_names_missing_and_surplus_boxes() -> None:
    (cause,) = of("42")
    assert (cause.kind, str(cause.about)) == ("HANDOVER_DIFFERENCE", "place:crossing:alashankou-dostyk")
    assert (cause.missing, cause.surplus) == ({"LYNU7100507"}, {"LYNU7199998"})
    assert cause.occurrence == "X8030-0302"


def test_boxes_of_the_advance_list_that_nobody_handed_over_are_a_difference_although_both_railways_agree() -> (
    None
):
    (cause,) = of("19")
    assert cause.kind is CaseKind.HANDOVER_DIFFERENCE
    assert cause.missing == {"LYNU7000494", "LYNU7000508"}


def test_a_handover_that_one_railway_signed_is_a_case_after_six_hours() -> None:
    found = [cause for cause in of("18") if cause.kind is CaseKind.HANDOVER_DIFFERENCE]
    assert len(found) == 1
    assert not found[0].missing


def test_an_alert_of_a_pledge_names_neither_bank_nor_financing() -> None:
    (view, *_) = views(whole("26"), parse_micros(STORIES["26"].as_of))
    alert = FinancingAlert("GATED_OUT_WHILE_PLEDGED", 5, (b"e" * 16,))
    told = [c for c in causes(view, 10**18, [alert]) if c.kind is CaseKind.FINANCING_ALERT]
    assert [(c.what, c.about, c.since) for c in told] == [("GATED_OUT_WHILE_PLEDGED", view.consignment, 5)]
    assert not [c for c in causes(view, 4, [alert]) if c.kind is CaseKind.FINANCING_ALERT]


def test_two_consignments_that_show_one_cause_are_one_case_that_rests_on_all_events() -> None:
    (cause,) = of("26")
    other = cause._replace(since=cause.since - 1, events=(b"\x00" * 16,), missing=frozenset({"B"}))
    both = joined([cause, other])
    assert both == joined([other, cause])
    assert both[cause.case].since == cause.since - 1
    assert set(both[cause.case].events) == {*cause.events, b"\x00" * 16}


@given(EVERY, st.randoms(use_true_random=False))
def test_any_order_and_any_batches_of_the_same_events_give_the_same_cases(number: str, rng: object) -> None:
    told = list(pieces(number))
    rng.shuffle(told)  # type: ignore[attr-defined]
    cut = rng.randint(0, len(told))  # type: ignore[attr-defined]
    again = told[: cut // 2]
    facts = Facts.union([*told[cut:], *again]) | Facts.union(told[:cut])
    at = parse_micros(STORIES[number].as_of)
    assert found(facts, at) == found(whole(number), at)


@given(EVERY, st.integers(0, 60 * 24 * 40), st.floats(0, 1, exclude_max=True))
def test_nothing_changes_before_the_moment_at_which_to_look_again(
    number: str, minutes: int, part: float
) -> None:
    facts = whole(number)
    last = parse_micros(STORIES[number].as_of)
    at = last - 20 * DAY + minutes * 60_000_000
    for view in views(facts, at):
        due = next_due(facts, view, at) or at + 400 * DAY
        later = at + int((due - at) * part)
        thing = view.consignment
        then = derive(facts, thing, later)
        assert then is not None
        assert causes(then, later) == causes(view, at), (number, at, later)
        edge = derive(facts, thing, due - 1)
        assert edge is not None
        assert causes(edge, due - 1) == causes(view, at), (number, at, due)


@pytest.mark.parametrize(
    ("number", "kind"),
    [("29", CaseKind.OVERDUE), ("30", CaseKind.SILENT), ("18", CaseKind.HANDOVER_DIFFERENCE)],
)
def test_what_comes_by_time_alone_is_looked_for_at_its_very_moment(number: str, kind: CaseKind) -> None:
    """From before everything on, looking only when it is due finds each cause in its first microsecond."""
    facts = whole(number)
    at = min(claim.happened for claim in facts.claims)
    last = parse_micros(STORIES[number].as_of)
    came: dict[bytes, int] = {}
    while at <= last:
        for case, cause in found(facts, at).items():
            if cause.kind is kind:
                came.setdefault(case, at)
                assert came[case] == cause.since + 1
        at = min((next_due(facts, view, at) or last + 1 for view in views(facts, at)), default=last + 1)
    assert came, f"nothing of the kind {kind} came"


@pytest.mark.parametrize("number", sorted(STORIES))
def test_every_cause_says_when_somebody_has_to_have_acted_and_on_what_it_rests(number: str) -> None:
    events = {told.event for told in STORIES[number].told}
    for cause in of(number):
        assert cause.due > cause.since
        assert cause.events
        assert set(cause.events) <= events
