"""What changed of a consignment between two looks at it, as far as a subscriber wants to know. Pure.

A look is a ``State``: what the subscriber may see at that moment. ``changes`` compares it with what was last told and returns what to
tell and the state that is told then. Told and later taken back is a change too. Whatever the looks between are, the end is the same; a
look at the same state says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from services.pages.tracking.forecast import ShownForecast
from services.pages.tracking.summary import Concern, Summary

HOUR = 3_600_000_000
_MINUTE = 60_000_000
_DISPUTES = frozenset({"dispute", "assignment", "lists_differ"})
_EXCEPTIONS = frozenset({"exception", "restriction", "one_sided"})
_OVERDUE = frozenset({"overdue", "silent"})
SILENT = "silent:"
"""The code of silence: nobody has reported anything for longer than is normal."""


class Kind(StrEnum):
    """What a change is."""

    REACHED = "reached"
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"
    FORECAST = "forecast"
    OPENED = "opened"
    CLOSED = "closed"
    DISPUTED = "disputed"
    SETTLED = "settled"


class Change(NamedTuple):
    """One change; ``code`` is a step of the journey, a milestone of customs, or what is wrong (kind and code of the concern).

    Times are UTC microseconds. Of a forecast, ``at`` and ``until`` are the interval and ``was`` the middle that was told before. ``place``
    is a country for customs.
    """

    kind: Kind
    code: str = ""
    place: str = ""
    at: int | None = None
    was: int | None = None
    until: int | None = None
    object: str = ""

    @property
    def always_shown(self) -> bool:
        """Whether whoever sees the consignment at all sees it: steps of the journey and forecasts."""
        return self.kind is Kind.FORECAST or (
            self.kind in (Kind.REACHED, Kind.CORRECTED, Kind.WITHDRAWN) and "." not in self.code
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a subscriber wants to know. ``delay_hours``: a forecast that moved by more than this; None: no forecasts."""

    milestones: bool = True
    delay_hours: int | None = 6
    exceptions: bool = True
    disputes: bool = True
    overdue: bool = True

    @property
    def forecasts(self) -> bool:
        """Whether the platform's own forecast is needed: it also says what silence is normal."""
        return self.delay_hours is not None or self.overdue


class Interval(NamedTuple):
    """When the arrival is expected; the middle and the end are None while nobody has said when a border opens."""

    low: int
    middle: int | None
    high: int | None


Item = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class State:
    """What a subscriber may see. ``fields`` are those of the matrix that are shown in full; items by what identifies them."""

    fields: tuple[str, ...] = ()
    steps: Mapping[str, Item] = field(default_factory=dict)
    """(code, place, when, or None where the time is not reported)"""
    customs: Mapping[str, Item] = field(default_factory=dict)
    """By country: (milestone, country, when)"""
    exceptions: Mapping[str, Item] = field(default_factory=dict)
    """(code, place, since, object)"""
    disputes: Mapping[str, Item] = field(default_factory=dict)
    overdue: Mapping[str, Item] = field(default_factory=dict)
    """What was expected and has not happened (since: when it was expected), and silence; items as of exceptions"""
    forecast: Interval | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "fields": list(self.fields),
            **{name: {key: list(item) for key, item in getattr(self, name).items()} for name in _ITEMS},
            "forecast": None if self.forecast is None else list(self.forecast),
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> State:
        """From what ``plain`` gave."""
        forecast = plain["forecast"]
        return cls(
            fields=tuple(plain["fields"]),
            **{name: {key: tuple(item) for key, item in plain.get(name, {}).items()} for name in _ITEMS},
            forecast=None if forecast is None else Interval(*forecast),
        )


_ITEMS = ("steps", "customs", "exceptions", "disputes", "overdue")


def state_of(seen: Summary, forecast: ShownForecast | None, fields: tuple[str, ...]) -> State:
    """The state of a page: what its summary and its forecast show."""
    steps = {}
    for each in seen.reached:
        if each.state != "ahead":
            key = f"{each.code} {each.places[0]}" if each.code == "gauge" and each.places else each.code
            place = each.place or next(iter(each.places), "")
            steps[key] = (each.code, place, None if each.at is None else each.at // _MINUTE * _MINUTE)
    return State(
        fields=tuple(sorted(fields)),
        steps=steps,
        customs={code: (each.milestone, code, each.happened) for code, each in seen.customs},
        exceptions=dict(_concerns(seen, _EXCEPTIONS)),
        disputes=dict(_concerns(seen, _DISPUTES)),
        overdue=dict(_overdue(seen, forecast)),
        forecast=None if forecast is None else Interval(*forecast.arrival),
    )


def _concerns(seen: Summary, kinds: frozenset[str]) -> Iterator[tuple[str, Item]]:
    found = [each for each in seen.concerns if each.kind in kinds and each.tone != "info"]
    # The earliest of those that look alike comes last and stays.
    for each in sorted(found, key=lambda e: -(e.since or 0)):
        code = f"{each.kind}:{each.code}"
        yield _key(each), (code, each.place, each.since, each.object)


def _overdue(seen: Summary, forecast: ShownForecast | None) -> Iterator[tuple[str, Item]]:
    """Silence is told once: beyond the longest that is normal anywhere, or beyond what is usual on this leg."""
    for key, item in _concerns(seen, _OVERDUE):
        if item[0] != SILENT:
            yield key, item
    if (forecast is not None and forecast.unusual) or any(each.kind == "silent" for each in seen.concerns):
        yield SILENT, (SILENT, "", None, "")


def _key(each: Concern) -> str:
    return "|".join((each.kind, each.code, each.place, each.object))


def changes(told: State, now: State, wanted: Wanted) -> tuple[State, tuple[Change, ...]]:
    """The state that is told from now on, and what to tell of it, in the order of the page.

    Where what may be seen has itself changed, only steps and forecasts are compared: what comes into sight or goes out of sight
    by a right is no news of the cargo.
    """
    found: list[Change] = []
    if wanted.milestones:
        found += _differences(told.steps, now.steps, _milestone)
    same_sight = told.fields == now.fields
    if wanted.milestones and same_sight:
        found += _differences(told.customs, now.customs, _milestone)
    forecast = told.forecast
    if wanted.delay_hours is not None and _moved(told.forecast, now.forecast, wanted.delay_hours):
        assert now.forecast is not None
        low, _, high = now.forecast
        found.append(Change(Kind.FORECAST, at=low, until=high, was=_middle(told.forecast)))
        forecast = now.forecast
    if wanted.exceptions and same_sight:
        found += _differences(told.exceptions, now.exceptions, _trouble(Kind.OPENED, Kind.CLOSED))
    if wanted.disputes and same_sight:
        found += _differences(told.disputes, now.disputes, _trouble(Kind.DISPUTED, Kind.SETTLED))
    if wanted.overdue and same_sight:
        found += _differences(told.overdue, now.overdue, _trouble(Kind.OPENED, Kind.CLOSED))
    return replace(now, forecast=forecast), tuple(found)


Describe = Callable[[Item | None, Item | None], Change | None]


def _differences(before: Mapping[str, Item], after: Mapping[str, Item], describe: Describe) -> list[Change]:
    keys = [*after, *(key for key in before if key not in after)]
    pairs = ((before.get(key), after.get(key)) for key in keys)
    described = (describe(old, new) for old, new in pairs if old != new)
    return [each for each in described if each is not None]


def _milestone(old: Item | None, new: Item | None) -> Change | None:
    if new is None:
        assert old is not None
        code, place, at = old
        return Change(Kind.WITHDRAWN, code, place, was=at)
    code, place, at = new
    if old is None or old[0] != code:
        return Change(Kind.REACHED, code, place, at)
    return Change(Kind.CORRECTED, code, place, at, was=old[2])


def _trouble(begun: Kind, over: Kind) -> Describe:
    def describe(old: Item | None, new: Item | None) -> Change | None:
        code, place, since, thing = new or old or ("", "", None, "")
        return Change(over if new is None else begun, code, place, since, object=thing)

    return describe


def _middle(interval: Interval | None) -> int | None:
    return None if interval is None else interval.low if interval.middle is None else interval.middle


def _moved(told: Interval | None, now: Interval | None, hours: int) -> bool:
    """Whether the forecast is new, lost or found its end, or moved by more than so many hours since it was told."""
    if now is None:  # arrived, or nothing to rest on: the last forecast that was told still counts
        return False
    if told is None or (told.high is None) != (now.high is None):
        return True
    before, after = _middle(told), _middle(now)
    assert before is not None
    assert after is not None
    return abs(after - before) > hours * HOUR
