"""What border a place stands for, and which lists without a run are of one hand-over."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from services.domain.facts import Handover
from services.domain.handovers import border, meetings
from services.domain.rules import ONE_MEETING

CROSSING = "crossing:alashankou-dostyk"


def told(name: str, at: int, boxes: Iterable[str], run: str = "") -> Handover:
    return Handover(
        name.encode(),
        "cr",
        at,
        at,
        None,
        CROSSING,
        run,
        "DELIVERING",
        frozenset(boxes),
        True,
        border=CROSSING,
    )


def parted(*lists: Handover) -> list[set[str]]:
    return [{h.event.decode() for h in each} for each in meetings(lists)]


@pytest.mark.parametrize(
    ("place", "parties", "expected"),
    [
        ("railnet:alashankou", (), CROSSING),
        ("railnet:dostyk", (), CROSSING),
        (CROSSING, (), CROSSING),
        ("railnet:xian-intl-port", ("cr",), "railnet:xian-intl-port"),
        ("locode:XXXXX", ("cr",), "locode:XXXXX"),
        # Chop has a crossing to Slovakia and one to Hungary.
        ("railnet:chop", ("uz", "zsr"), "crossing:chop-dobra"),
        ("railnet:chop", ("uz", "mav"), "crossing:chop-zahony"),
        ("railnet:chop", ("uz",), "railnet:chop"),
    ],
)
def test_a_station_stands_for_its_only_border(place: str, parties: tuple[str, ...], expected: str) -> None:
    assert border(place, parties) == expected


def test_lists_without_a_run_hang_together_by_boxes_and_time() -> None:
    lists = [
        told("a", 0, "AB"),
        told("b", 5, "BC"),
        told("c", 9, "CD"),
        told("other", 6, "XY"),
        told("named", 5, "AB", run="7"),
        told("edge", 9 + ONE_MEETING, "D"),
        told("late", 10 + 2 * ONE_MEETING, "D"),
    ]
    expected = [{"a", "b", "c", "edge"}, {"other"}, {"late"}, {"named"}]
    for seed in range(50):
        random.Random(seed).shuffle(lists)
        assert parted(*lists) == expected


def test_two_groups_become_one_when_a_list_shares_boxes_with_both() -> None:
    assert parted(told("a", 0, "A"), told("b", 1, "B"), told("both", 2, "AB"), told("c", 3, "B")) == [
        {"a", "b", "both", "c"}
    ]
