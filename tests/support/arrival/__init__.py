"""Whole journeys over two borders, as stories, for tests of arrival times on the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.stories.shorthand import check_digit
from tests.stories.story import Story

ROUTE = ["xian-intl-port", "alashankou", "dostyk", "ozinki", "krasnoe", "osinovka", "brest-severny", "malaszewicze", "duisburg"]  # fmt: skip
FIRST = datetime(2025, 8, 1, tzinfo=UTC)
PARTIES = {
    "xaport": {"roles": ["operator"]},
    "cr": {"roles": ["railway"], "managers": ["cr"]},
    "ktz": {"roles": ["railway"], "managers": ["ktz"]},
    "bch": {"roles": ["railway"], "managers": ["bch"]},
    "mswia": {"roles": ["authority"], "countries": ["PL"]},
}
STEPS: tuple[tuple[float, str, str, str], ...] = (
    (-8, "cr", "loaded_on_wagon", "xian-intl-port"),
    (0, "cr", "departed", "xian-intl-port"),
    (20, "cr", "position_reported", "lanzhou"),
    (60, "cr", "arrived", "alashankou"),
    (80, "cr", "handed_over", "crossing:alashankou-dostyk"),
    (90, "ktz", "departed", "dostyk"),
    (150, "ktz", "arrived", "ozinki"),
)
"""Hours after the departure, by whom, what and where; the journey goes on beyond Kazakhstan unseen."""


def journey(number: int, steps: int = len(STEPS), departs: datetime | None = None) -> Story:
    """The ``number``-th train's box, of which so many steps are known, in a story of its own."""
    leaves = departs or FIRST + timedelta(hours=26 * number)
    serial = f"{410_000 + number:06}"
    box = f"container LYCU{serial}{check_digit('LYCU', serial)}"
    opened = leaves - timedelta(days=9)

    def event(id_: str, by: str, at: datetime, type_: str, **says: Any) -> dict[str, Any]:
        return {"id": id_, "by": by, "at": at.isoformat(), "type": type_, "says": says}

    reference = f"ARR-{number}"
    events = [
        event("open", "xaport", opened, "link.consignment_opened", reference=reference,
              containers=[box.removeprefix("container ")],
              parties=[{p: "railway"} for p in ("cr", "ktz", "bch")]),
        event("route", "xaport", opened, "link.route_planned", objects=f"consignment xaport/{reference}", places=ROUTE),
    ]  # fmt: skip
    for n, (hours, by, what, place) in enumerate(STEPS[:steps]):
        says: dict[str, Any] = {"objects": box, "place": place}
        if what == "handed_over":
            says |= {"side": "DELIVERING", "counterparty": "ktz", "list_number": f"L-{number}"}
        late = hours + number % 5  # no two trains alike
        events.append(event(f"s{n}", by, leaves + timedelta(hours=late), f"movement.{what}", **says))
    return Story(
        slug=f"arrival_{number:03}",
        title="A journey",
        why="For arrival times.",
        parties=PARTIES,
        events=tuple(events),
        as_of=(leaves + timedelta(days=40)).isoformat(),
        expect={},
    )
