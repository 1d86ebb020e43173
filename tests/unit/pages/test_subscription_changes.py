"""What a subscriber is told between two states: the rule in cases, and what holds for any series of looks."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.pages.localization import localizations
from services.pages.subscriptions.changes import HOUR, SILENT, Change, Interval, Kind, State, Wanted, changes
from services.pages.subscriptions.wording import sentence

ALL = Wanted()
FIELDS = ("movement=full",)
BASE = State(FIELDS, {"departed": ("departed", "railnet:xian", 10 * HOUR)})


def told(before: State, after: State, wanted: Wanted = ALL) -> list[Change]:
    return list(changes(before, after, wanted)[1])


def test_a_milestone_is_told_when_it_is_reached_corrected_and_taken_back() -> None:
    none, later = (
        replace(BASE, steps={}),
        replace(BASE, steps={"departed": ("departed", "railnet:xian", 11 * HOUR)}),
    )
    place = "railnet:xian"
    assert told(none, BASE) == [Change(Kind.REACHED, "departed", place, 10 * HOUR)]
    assert told(BASE, later) == [Change(Kind.CORRECTED, "departed", place, 11 * HOUR, was=10 * HOUR)]
    assert told(later, none) == [Change(Kind.WITHDRAWN, "departed", place, was=11 * HOUR)]
    assert told(none, BASE, replace(ALL, milestones=False)) == []


def test_trouble_and_disputes_are_told_when_they_begin_and_when_they_are_over() -> None:
    held = ("exception:DETAINED", "railnet:dostyk", 3 * HOUR, "")
    apart = ("dispute:movement.departed", "railnet:xian", None, "")
    worse = replace(BASE, exceptions={"a": held}, disputes={"b": apart})
    assert [each.kind for each in told(BASE, worse)] == [Kind.OPENED, Kind.DISPUTED]
    assert [each.kind for each in told(worse, BASE)] == [Kind.CLOSED, Kind.SETTLED]
    again = replace(worse, exceptions={"a": (*held[:2], 5 * HOUR, "")})
    assert [(each.kind, each.at) for each in told(worse, again)] == [(Kind.OPENED, 5 * HOUR)]
    assert told(BASE, worse, Wanted(True, 6, False, False)) == []


def test_what_is_overdue_and_silence_are_told_when_they_begin_and_when_they_are_over() -> None:
    late = replace(
        BASE,
        overdue={
            "a": ("overdue:movement.departed", "railnet:dostyk", 3 * HOUR, ""),
            SILENT: (SILENT, "", None, ""),
        },
    )
    found = told(BASE, late)
    assert [(each.kind, each.code) for each in found] == [
        (Kind.OPENED, "overdue:movement.departed"),
        (Kind.OPENED, SILENT),
    ]
    over = told(late, BASE)
    assert [each.kind for each in over] == [Kind.CLOSED, Kind.CLOSED]
    english = localizations()["en"]
    assert sentence(found[0], english).startswith("Overdue: ")
    assert "was expected" in sentence(found[0], english)
    assert [sentence(each, english).partition(" · ")[0] for each in (found[1], over[1])] == [
        "Nobody has reported anything for longer than usual",
        "There is news again",
    ]
    assert sentence(over[0], english).startswith("No longer overdue: ")
    assert told(BASE, late, replace(ALL, overdue=False)) == []
    plain = BASE.plain()
    del plain["overdue"]
    assert State.of(plain) == BASE, "what older releases stored"


def test_a_forecast_is_compared_with_the_one_that_was_told() -> None:
    def at(hours: int, end: int | None = 10) -> State:
        middle = None if end is None else hours * HOUR
        return replace(
            BASE,
            forecast=Interval(hours * HOUR, middle, None if end is None else (hours + end) * HOUR),
        )

    state, first = changes(BASE, at(100), ALL)
    assert [each.kind for each in first] == [Kind.FORECAST]
    for hours in (103, 106):  # each a little, together no more than what was asked for
        state, news = changes(state, at(hours), ALL)
        assert news == ()
    state, news = changes(state, at(107), ALL)
    assert [(each.at, each.was) for each in news] == [(107 * HOUR, 100 * HOUR)]
    state, news = changes(state, at(107, end=None), ALL)
    assert [each.until for each in news] == [None], "the border closed"
    assert changes(state, replace(BASE, forecast=None), ALL)[1] == (), (
        "it has arrived, which is told otherwise"
    )
    assert told(BASE, at(100), replace(ALL, delay_hours=None)) == []


def test_what_comes_into_sight_by_a_right_is_no_news() -> None:
    more = State(
        ("declaration_status=full", *FIELDS),
        BASE.steps,
        customs={"CN": ("customs.released", "CN", HOUR)},
        exceptions={"a": ("exception:DETAINED", "", HOUR, "")},
    )
    assert told(BASE, more) == told(more, BASE) == []
    moved = replace(more, steps={})
    assert [each.kind for each in told(BASE, moved)] == [Kind.WITHDRAWN]
    assert [each.kind for each in told(more, replace(more, customs={}))] == [Kind.WITHDRAWN]


ITEMS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.tuples(st.sampled_from(["departed", "gauge"]), st.just("p"), st.none() | st.integers(1, 9)),
)
TROUBLES = st.dictionaries(
    st.sampled_from(["x", "y"]),
    st.tuples(st.just("exception:LOST"), st.just("p"), st.integers(1, 3), st.just("")),
)
STATES = st.builds(State, st.just(FIELDS), ITEMS, st.just({}), TROUBLES, TROUBLES)


@given(st.lists(STATES, min_size=1, max_size=6), st.data())
def test_any_looks_between_lead_to_the_same_end(states: list[State], data: st.DataObject) -> None:
    seen = data.draw(st.lists(st.booleans(), min_size=len(states), max_size=len(states)))
    ends = []
    for looks in ([True] * len(states), [*seen[:-1], True]):
        state = State(FIELDS)
        for look, now in zip(looks, states, strict=True):
            if look:
                state, _ = changes(state, now, ALL)
                assert changes(state, now, ALL) == (state, ()), "no news twice"
        ends.append(state)
    assert ends[0] == ends[1] == replace(states[-1], forecast=None)
    assert State.of(ends[0].plain()) == ends[0]
