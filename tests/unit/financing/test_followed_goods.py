"""Goods under a pledge: what takes them from under it and what does not, who names them elsewhere, and what lies near the pledge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.domain.facts import FOREVER
from services.domain.objects import consignment
from services.financing.domain.cargo import Report
from services.financing.domain.decisions import DecisionOutcome
from services.financing.domain.followed_goods import follow
from services.financing.domain.pledged_goods import Pledge
from tests.support.financing.stories import Case, cases, micros
from tests.support.financing.world import World

BASE: Case = next(case for case in cases() if case.slug.startswith("02_"))
PLEDGED = micros("2026-03-03T10:00+08:00")
AS_OF = "2026-04-30T00:00Z"
Event = dict[str, Any]


def event(id_: str, at: str, by: str, type_: str, **says: Any) -> Event:
    return {"id": id_, "at": at, "by": by, "type": type_, "says": says}


def box(id_: str, at: str, by: str, number: str, carries: str = "xaport/XA-1", **says: Any) -> Event:
    said = {"containers": [number], "carries": [f"consignment {carries}"], **says}
    return event(id_, at, by, "link.containers_assigned", **said)


def founded(id_: str, at: str, by: str, reference: str, *boxes: str, **says: Any) -> Event:
    return event(id_, at, by, "link.consignment_opened", reference=reference, containers=list(boxes), **says)


def instead(id_: str, at: str, of: Event, **says: Any) -> Event:
    replacement = {"type": of["type"], "from": of["at"], **of["says"], **says}
    return event(id_, at, of["by"], "correction.corrected", of=of["id"], reason="OTHER", instead=replacement)


def back(id_: str, at: str, of: Event) -> Event:
    return event(id_, at, of["by"], "correction.retracted", of=of["id"])


def pledged(*further: Event) -> World:
    """The base without its delivery and with ``further`` events, reserved and pledged."""
    events = (*(e for e in BASE.events if e["id"] != "delivered"), *further)
    shown = tuple({k: v for k, v in each.items() if k != "known"} for each in events)
    case = replace(BASE, story=replace(BASE.story, events=shown), _written=events)
    world = World(heard=case.heard())
    for number in (0, 2):
        asked, *moment = BASE.ask(number)
        decision, _ = world.ask(asked, *moment)
        if decision.outcome is DecisionOutcome.REVIEW:  # two persons look at who else names the goods
            looked_at = replace(
                asked,
                idempotency=f"{asked.idempotency} again",
                reviewed=decision.number,
                reviewers=("r-17", "r-42"),
            )
            decision, _ = world.ask(looked_at, *moment)
        assert decision.done
    return world


def alerts(*further: Event, as_of: str = AS_OF) -> set[str]:
    """What the alerts are about, but for control, which lapses by itself."""
    status = pledged(*further).status("abank/GD-1", "abank", micros(as_of))
    assert status is not None
    return {f"{a.covenant} {a.about}" for a in status.alerts if a.covenant != "CONTROL_LAPSED"}


SECOND = "TGHU0000008"
OWN = box("own", "2026-03-01T09:00+08:00", "silk", SECOND)
DELIVERED = event(
    "at-last", "2026-04-10T10:00+02:00", "ruhr", "movement.delivered", objects="consignment xaport/XA-1"
)
GONE = "DELIVERED_AGAINST_PLEDGE consignment:xaport/XA-1"


def test_nothing_is_said_of_goods_that_stay() -> None:
    assert alerts(OWN) == set()


@pytest.mark.parametrize(
    ("end", "found"),
    [
        ("2026-04-05T00:00Z", {f"GOODS_NO_LONGER_NAMED container:{SECOND} ENDED by silk"}),
        ("2026-04-12T00:00Z", set()),
    ],
)
def test_an_end_is_ordinary_after_the_goods_left(end: str, found: set[str]) -> None:
    ended = instead("ended", "2026-04-15T00:00Z", OWN, to=end)
    assert alerts(OWN, DELIVERED, ended) == {GONE} | found


@pytest.mark.parametrize(("start", "found"), [("2026-04-05T00:00Z", True), ("2026-04-12T00:00Z", False)])
def test_the_next_journey_begins_after_the_goods_left(start: str, found: bool) -> None:
    onward = founded("onward", "2026-03-10T08:00Z", "silk", "SK-5", SECOND, **{"from": start})
    moved = {f"GOODS_NO_LONGER_NAMED container:{SECOND} MOVED by silk"} if found else set()
    assert alerts(OWN, DELIVERED, onward) == {GONE} | moved
    before = alerts(OWN, onward, as_of="2026-04-04T00:00Z")
    assert before == set(), "a plan is none before its time"


def test_the_next_journey_of_another_is_no_conflict_after_the_goods_left() -> None:
    soon = founded("onward", "2026-04-05T08:00Z", "other", "OT-5", SECOND)
    later = founded("onward", "2026-04-12T08:00Z", "other", "OT-5", SECOND)
    conflict = f"GOODS_NAMED_ELSEWHERE container:{SECOND} by other"
    assert alerts(OWN, DELIVERED, soon) == {GONE, conflict}
    assert alerts(OWN, DELIVERED, later) == {GONE}
    assert alerts(OWN, later) == {conflict}, "nobody says that the goods left it"


def test_the_journey_before_is_over_by_what_became_of_its_goods() -> None:
    before = founded(
        "before", "2026-01-05T08:00Z", "other", "OT-5", SECOND, parties=[{"handels": "consignee"}]
    )
    conflict = f"GOODS_NAMED_ELSEWHERE container:{SECOND} by other"
    assert alerts(OWN, before) == {conflict}
    there = event(
        "there",
        "2026-02-01T08:00Z",
        "other",
        "movement.arrived_at_destination",
        objects=f"container {SECOND}",
        place="duisburg",
    )
    gone = event(
        "gone", "2026-02-02T08:00Z", "handels", "movement.delivered", objects="consignment other/OT-5"
    )
    by_nobody = {**gone, "by": "toys", "type": "movement.delivered"}
    assert alerts(OWN, before, there) == alerts(OWN, before, gone) == set()
    assert alerts(OWN, before, {**by_nobody, "by": "ruhr"}) == {conflict}, "no party of that consignment"
    ended = founded("before", "2026-01-05T08:00Z", "other", "OT-5", SECOND, to="2026-02-10T00:00Z")
    assert alerts(OWN, ended) == set()


@pytest.mark.parametrize(("by", "found"), [("cr", False), ("xaport", True)])
def test_a_carrier_puts_goods_into_another_box_the_founder_does_not(by: str, found: bool) -> None:
    other = box("restowed", "2026-03-08T10:00+08:00", by, "MSCU0000007")
    ended = instead("ended", "2026-03-08T12:00+08:00", OWN, to="2026-03-08T10:00+08:00")
    onward = founded("onward", "2026-03-09T12:00+08:00", "other", "OT-5", SECOND)
    gone = f"GOODS_NO_LONGER_NAMED container:{SECOND} ENDED by silk"
    conflict = f"GOODS_NAMED_ELSEWHERE container:{SECOND} by other"
    assert alerts(OWN, other, ended, onward) == ({gone, conflict} if found else set())
    out = event(
        "out",
        "2026-03-20T10:00+01:00",
        "dit",
        "movement.gated_out",
        objects="container MSCU0000007",
        place="duisburg",
    )
    assert "GATED_OUT_AGAINST_PLEDGE container:MSCU0000007" in alerts(OWN, other, ended, out)


def test_a_note_issued_anew_may_be_taken_out() -> None:
    house = event(
        "house",
        "2026-03-01T09:00+08:00",
        "silk",
        "link.note_covers",
        note="SMGS/CN/XAY/100008/2026",
        covers=["consignment xaport/XA-1"],
    )
    covers = event(
        "covers",
        "2026-03-05T09:00+08:00",
        "silk",
        "link.note_covers",
        note="CIM/PL/MLS/700001/2026",
        covers=["consignment xaport/XA-1"],
    )
    anew = event(
        "anew",
        "2026-03-05T08:00+08:00",
        "silk",
        "document.note_reissued",
        objects="note CIM/PL/MLS/700001/2026",
        form="CIM",
        replaces=["SMGS/CN/XAY/100008/2026"],
        place="malaszewicze",
    )
    gone = {"GOODS_NO_LONGER_NAMED note:SMGS/CN/XAY/100008/2026 RETRACTED by silk"}
    out = back("house-back", "2026-03-06T08:00+08:00", house)
    assert alerts(house, out) == alerts(house, covers, out) == gone
    assert alerts(house, covers, anew, out) == set()


def test_through_a_booking() -> None:
    booked = event(
        "booked",
        "2026-03-01T09:00+08:00",
        "silk",
        "link.booking_assigned",
        booking="silk/B-1",
        consignment="xaport/XA-1",
    )
    in_it = event(
        "in-it",
        "2026-03-01T09:00+08:00",
        "silk",
        "link.containers_assigned",
        containers=[SECOND],
        carries=["booking silk/B-1"],
    )
    assert alerts(booked, in_it) == set()
    gone = back("unbooked", "2026-03-06T08:00+08:00", booked)
    assert alerts(booked, in_it, gone) == {f"GOODS_NO_LONGER_NAMED container:{SECOND} RETRACTED by silk"}
    elsewhere = event(
        "elsewhere",
        "2026-03-06T08:00+08:00",
        "stranger",
        "link.booking_assigned",
        booking="stranger/B-2",
        consignment="stranger/ST-1",
    )
    theirs = event(
        "theirs",
        "2026-03-06T08:00+08:00",
        "stranger",
        "link.containers_assigned",
        containers=[SECOND],
        carries=["booking stranger/B-2"],
    )
    opened = founded("opened", "2026-03-06T08:00+08:00", "stranger", "ST-1")
    assert alerts(booked, in_it, elsewhere, theirs, opened) == {
        f"GOODS_NAMED_ELSEWHERE container:{SECOND} by stranger"
    }
    assert alerts(booked, in_it, elsewhere, theirs) == set(), "nobody founded it"


def test_a_party_that_named_a_box_is_left_out_of_the_founding() -> None:
    (opened,) = (e for e in BASE.events if e["id"] == "open-1")
    without = [party for party in opened["says"]["parties"] if "silk" not in party]
    found = alerts(OWN, instead("corrected", "2026-03-06T08:00+08:00", opened, parties=without))
    assert found == {f"GOODS_NO_LONGER_NAMED container:{SECOND} RETRACTED by xaport"}


def test_a_link_of_a_stranger_names_nothing() -> None:
    assert alerts(box("theirs", "2026-03-06T08:00+08:00", "stranger", "CSQU3054383", "xaport/XA-2")) == set()


def test_what_came_shortly_before_the_pledge_stood_at_it_and_its_withdrawal_is_later() -> None:
    late = {**OWN, "known": "2026-03-03T09:50+08:00"}
    gone = {f"GOODS_NO_LONGER_NAMED container:{SECOND} RETRACTED by silk"}
    assert alerts(late, back("gone", "2026-03-04T08:00+08:00", OWN)) == gone
    just = back("gone", "2026-03-03T09:50+08:00", OWN)
    assert alerts(OWN, just) == gone
    assert alerts(OWN, back("gone", "2026-03-03T09:40+08:00", OWN)) == gone, "between reservation and pledge"
    assert alerts(OWN, back("gone", "2026-03-02T13:50+08:00", OWN)) == gone, "shortly before the reservation"
    assert alerts(OWN, back("gone", "2026-03-02T13:40+08:00", OWN)) == set(), "put right before it"
    after = {**OWN, "known": "2026-03-03T10:10+08:00"}
    assert alerts(after, back("gone", "2026-03-04T08:00+08:00", OWN)) == set(), "never under the pledge"


def test_what_comes_after_the_pledge_ended_raises_nothing() -> None:
    world = pledged(back("gone", "2026-03-20T08:00+08:00", OWN), OWN)
    pledge = Pledge((consignment("xaport", "XA-1"),), PLEDGED)
    reports = [Report(each.known, each.facts) for each in world.heard]
    now = micros(AS_OF)
    assert follow(reports, pledge, now).unnamed
    assert follow(reports, pledge._replace(until=micros("2026-03-19T00:00Z")), now).unnamed == ()
    assert follow(reports, pledge, micros("2026-03-19T00:00Z")).unnamed == ()


def test_a_key_that_turns_out_stolen_takes_goods_from_under_the_pledge() -> None:
    world = pledged(OWN)
    pledge = Pledge((consignment("xaport", "XA-1"),), PLEDGED, FOREVER)
    own = next(e.facts for e in world.heard if any(link.left.key == SECOND for link in e.facts.links))
    reports = [Report(each.known, each.facts, each.facts == own) for each in world.heard]
    (gone,) = follow(reports, pledge, micros(AS_OF)).unnamed
    assert (str(gone.thing), gone.happened, gone.publisher) == (f"container:{SECOND}", "SET_ASIDE", "silk")
    assert gone.since == PLEDGED


def test_both_pledgees_of_one_note_see_the_conflict() -> None:
    (case,) = (each for each in cases() if each.slug.startswith("49_"))
    world = World(heard=case.heard())
    for number in (0, 1, 2):
        world.ask(*case.ask(number))
    seen = world.status("bbank/TD-1", "bbank", micros("2026-03-06T00:00Z"))
    assert seen is not None
    (alert,) = (a for a in seen.alerts if a.covenant == "GOODS_NAMED_ELSEWHERE")
    assert alert.about == "note:SMGS/CN/XAY/100001/2026 by xaport"
    assert "abank" not in f"{alert}"
