"""Silence is a case of its publisher on its leg, by what is usual there, however many trains it is about."""

from __future__ import annotations

from datetime import timedelta

from schemas.rfc3339 import parse_micros
from services.arrival.domain.silence import Habit
from services.cases.domain.causes import CaseKind, Cause, Journey, causes, joined, next_due
from services.domain.derive import derive
from services.domain.facts import Facts, Micros
from services.domain.rules import HOUR, SILENT_AFTER
from services.domain.view import View
from tests.support.arrival import FIRST, journey

USUAL = Habit(("ktz", "cr"), 20 * HOUR, 32 * HOUR, 40)
ARRIVED = parse_micros(FIRST.isoformat()) + 60 * HOUR
"""When the first train comes to the border, where nobody reports anything of it any more."""


def facts_of(number: int, steps: int = 4) -> Facts:
    story = journey(number, steps, FIRST + timedelta(hours=number))
    return Facts.union(each.facts() for each in story.told)


def view_of(facts: Facts, at: Micros) -> View:
    (founding,) = facts.foundings
    view = derive(facts, founding.consignment, at)
    assert view is not None
    return view


def silent(facts: Facts, at: Micros, usual: Habit | None = USUAL) -> list[Cause]:
    view = view_of(facts, at)
    found = causes(view, at, journey=Journey.of(view)._replace(habit=usual))
    return [cause for cause in found if cause.kind is CaseKind.SILENT]


def test_beyond_what_is_usual_on_its_leg_silence_is_a_case_that_says_whose() -> None:
    facts = facts_of(0)
    until = ARRIVED + 32 * HOUR
    assert silent(facts, until) == []
    (cause,) = silent(facts, until + 1)
    assert (cause.what, cause.place, cause.since, cause.normal) == (
        "ktz",
        "railnet:alashankou",
        until,
        20 * HOUR,
    )
    assert cause.occurrence == "AT_BORDER railnet:alashankou>railnet:dostyk"
    assert len(cause.events) == 1
    view = view_of(facts, until)
    assert next_due(facts, view, until, Journey.of(view)._replace(habit=USUAL)) == until + 1


def test_an_outage_is_one_case_whatever_trains_it_is_about() -> None:
    at = ARRIVED + 60 * HOUR
    every = [cause for number in range(5) for cause in silent(facts_of(number), at)]
    assert len(every) == 5
    (one,) = joined(every).values()
    assert joined(reversed(every)) == {one.case: one}
    assert (one.since, len(one.events)) == (ARRIVED + 32 * HOUR, 5)
    # Another publisher, or another part of the way, is another case.
    other = silent(facts_of(0), at, USUAL._replace(publishers=("cr",)))
    running = silent(facts_of(0, 3), at)
    assert len({one.case, other[0].case, running[0].case}) == 3
    assert running[0].occurrence == "RUNNING railnet:alashankou"


def test_news_and_corrections_end_it() -> None:
    at = ARRIVED + 40 * HOUR
    assert silent(facts_of(0), at)
    assert silent(facts_of(0, 5), at) == [], "handed over after 20 hours: the next leg has only begun"


def test_where_nothing_is_usual_yet_it_takes_a_week() -> None:
    facts = facts_of(0)
    assert silent(facts, ARRIVED + SILENT_AFTER, None) == []
    (cause,) = silent(facts, ARRIVED + SILENT_AFTER + 1, None)
    assert (cause.what, cause.normal) == ("cr", SILENT_AFTER)
