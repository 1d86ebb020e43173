"""How far estimates were off, from signed events in a real store: estimates and plans are told apart by what the events say."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from schemas.rfc3339 import parse_micros
from services.domain.rules import HOUR
from services.monitoring.exporter import arrivals
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import Story
from tests.support.databases import migrated_database
from tests.support.signed_stories import Desk, record, register

pytestmark = pytest.mark.integration
AS_OF = "2026-03-20T12:00:00Z"
ROUTE = ["xian-intl-port", "alashankou", "dostyk", "brest-severny", "malaszewicze", "duisburg"]


def consignment(number: int, box: str) -> list[dict[str, Any]]:
    return [
        {
            "id": f"open-{number}", "by": "xaport", "at": "2026-03-01T09:00+08:00", "type": "link.consignment_opened",
            "says": {"reference": f"E-{number}", "containers": [box]},
        },
        {
            "id": f"route-{number}", "by": "xaport", "at": "2026-03-01T10:00+08:00", "type": "link.route_planned",
            "says": {"objects": f"consignment xaport/E-{number}", "places": ROUTE},
        },
    ]  # fmt: skip


def arrival(
    id_: str, by: str, at: str, objects: str, happened: str, classifier: str = "ACT"
) -> dict[str, Any]:
    train = objects.startswith("train")
    says = {"objects": objects, "happened": happened, "place": "alashankou" if train else "duisburg"}
    type_ = "movement.arrived" if train else "movement.arrived_at_destination"
    return {"id": id_, "by": by, "at": at, "type": type_, "says": {**says, "classifier": classifier}}


BOXES = ("LYCU4100388", "LYCU4100393", "LYCU4100407")
TRAIN = "train cr/X8541/2026-03-02/xian-intl-port"
STORY = Story(
    "etas",
    "Estimates of arrivals",
    "The last estimate before an arrival counts; a plan, an estimate behind it and one that was taken back do not.",
    {
        "xaport": {"roles": ["operator"]},
        "cr": {"roles": ["railway"], "managers": ["cr"]},
        "dit": {"roles": ["terminal"], "places": ["duisburg"]},
    },
    (
        *(event for number, box in enumerate(BOXES) for event in consignment(number, box)),
        # Estimated twice: the later estimate was three hours too early. Later still it was planned anew, and told when it was over.
        arrival("old", "dit", "2026-03-14T08:00+01:00", f"container {BOXES[0]}", "2026-03-15T06:00+01:00", "EST"),
        arrival("new", "dit", "2026-03-15T08:00+01:00", f"container {BOXES[0]}", "2026-03-17T06:00+01:00", "EST"),
        arrival("plan", "xaport", "2026-03-16T08:00+01:00", f"container {BOXES[0]}", "2026-03-19T06:00+01:00", "PLN"),
        arrival("came", "dit", "2026-03-17T09:30+01:00", f"container {BOXES[0]}", "2026-03-17T09:00+01:00"),
        arrival("behind", "xaport", "2026-03-17T10:00+01:00", f"container {BOXES[0]}", "2026-03-17T09:00+01:00", "EST"),
        # Came an hour before its estimate.
        arrival("est-1", "dit", "2026-03-15T08:00+01:00", f"container {BOXES[1]}", "2026-03-17T10:00+01:00", "EST"),
        arrival("came-1", "dit", "2026-03-17T09:30+01:00", f"container {BOXES[1]}", "2026-03-17T09:00+01:00"),
        # Only planned.
        arrival("plan-2", "dit", "2026-03-15T08:00+01:00", f"container {BOXES[2]}", "2026-03-17T10:00+01:00", "PLN"),
        arrival("came-2", "dit", "2026-03-17T09:30+01:00", f"container {BOXES[2]}", "2026-03-17T09:00+01:00"),
        # The train came two hours late.
        arrival("est-train", "cr", "2026-03-04T08:00+08:00", TRAIN, "2026-03-05T06:00+08:00", "EST"),
        arrival("train", "cr", "2026-03-05T08:10+08:00", TRAIN, "2026-03-05T08:00+08:00"),
    ),
    AS_OF,
    {},
)  # fmt: skip


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    address = migrated_database(postgres, "etas")
    with psycopg.connect(address) as session:
        register(session, [STORY])
    hand = Desk(address)
    applied = hand.apply([record(told, number) for number, told in enumerate(STORY.told)])
    assert applied.new == len(STORY.told)
    hand.settle()
    hand.close()
    return address


def told(dsn: str, estimates: arrivals.EtaErrors, now: int) -> dict[tuple[str, ...], float]:
    with psycopg.connect(dsn) as session:
        session.read_only = True
        samples = list(estimates.measure(session, now))
    return {(s.definition.name.removeprefix("lianyun_"), *s.labels): s.value for s in samples if s.value}


def test_the_last_estimate_before_an_arrival_is_compared_with_it(dsn: str) -> None:
    estimates, now = arrivals.EtaErrors(), parse_micros(AS_OF)
    found = told(dsn, estimates, now)
    corridor = crossing = "alashankou-dostyk"
    assert found == {
        ("eta_arrivals", corridor, arrivals.ESTIMATED): 2,
        ("eta_arrivals", corridor, arrivals.NOT_ESTIMATED): 1,
        ("eta_error_median_seconds", corridor): 3_600,
        ("eta_error_p90_seconds", corridor): 3 * 3_600,
        ("eta_late_median_seconds", corridor): -3_600,
        ("border_eta_arrivals", crossing, arrivals.ESTIMATED): 1,
        ("border_eta_error_median_seconds", crossing): 2 * 3_600,
        ("border_eta_error_p90_seconds", crossing): 2 * 3_600,
        ("border_eta_late_median_seconds", crossing): 2 * 3_600,
    }
    assert told(dsn, estimates, now) == found, "what is remembered tells the same"
    later = told(dsn, estimates, now + 20 * 24 * HOUR)
    assert {name for name, *_ in later if name.startswith("border")} == set(), (
        "the train arrived too long ago"
    )
    assert later
