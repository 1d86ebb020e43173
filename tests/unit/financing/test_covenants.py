"""Each covenant: what raises it, that its bank's acknowledgement silences it and nobody else's does, and that it ends with its fact."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.financing.domain.covenants import COVENANTS, Alert, JudgedArrival
from services.financing.domain.decisions import Action, DecisionOutcome
from services.financing.domain.money import Money
from services.financing.domain.requests import DecisionRequest
from tests.support.financing.stories import Case, cases, micros
from tests.support.financing.world import World

BASE: Case = next(case for case in cases() if case.slug.startswith("02_"))
LATE = "2026-03-20T10:00+08:00"
BOX, CARGO, NOTE = "container CSQU3054383", "consignment xaport/XA-1", "note SMGS/CN/XAY/100001/2026"
SIGHTED = {"type": "movement.arrived", "says": {"objects": BOX, "place": "dostyk"}}
RAISED: dict[str, dict[str, Any]] = {
    "DELIVERED_AGAINST_PLEDGE": {"by": "ruhr", "type": "movement.delivered", "says": {"objects": CARGO}},
    "GATED_OUT_AGAINST_PLEDGE": {"by": "dit", "type": "movement.gated_out", "says": {"objects": BOX, "place": "duisburg"}},
    "DETAINED": {"type": "customs.detained", "says": {"objects": BOX, "jurisdiction": "RU", "ground": "DUAL_USE"}},
    "RETURNED": {"type": "movement.returned", "says": {"objects": BOX, "place": "dostyk", "reason": "CUSTOMS"}},
    "LOST": {"type": "movement.lost", "says": {"objects": BOX}},
    "ABANDONED": {"type": "movement.abandoned", "says": {"objects": CARGO}},
    "TEMPERATURE": {"type": "movement.temperature_alarm", "says": {"objects": BOX, "measured_millicelsius": 31000}},
    "SEAL_BROKEN": {"type": "movement.seal_broken", "says": {"objects": BOX, "place": "dostyk", "cause": "FOUND_BROKEN"}},
    "TRANSIT_NOT_CLOSED": {"by": "cr", "type": "customs.transit_opened", "says": {"objects": NOTE, "jurisdiction": "KZ", "procedure": "EAEU", "time_limit": "2026-03-21T10:00+08:00"}},
    "CONSIGNEE_CHANGED": {"type": "movement.reconsigned", "says": {"objects": CARGO, "order_number": "12", "consignee": "toys"}},
    "DESTINATION_CHANGED": {"type": "movement.reconsigned", "says": {"objects": CARGO, "order_number": "12", "place_of_delivery": "locode:DEHAM"}},
    "JURISDICTION_ENTERED": {"type": "movement.arrived", "says": {"objects": BOX, "place": "zamyn-uud"}},
    "ETA_BEYOND_MATURITY": {"type": "movement.arrived_at_destination", "says": {"classifier": "EST", "objects": BOX, "place": "duisburg", "happened": "2026-07-02T10:00+02:00"}},
    "ARRIVAL_LIKELY_BEYOND_MATURITY": SIGHTED,
    "ARRIVAL_BEYOND_MATURITY": SIGHTED,
    "INSURANCE_CANCELLED": {"type": "document.insurance_cancelled", "says": {"objects": CARGO, "document_id": "POL-1", "reason": "NON_PAYMENT"}},
    "CONTROL_LAPSED": {"type": "finance.control_ended", "says": {"note": "SMGS/CN/XAY/100001/2026", "cause": "SURRENDERED"}},
    "REGISTRATION_EXPIRES": {"by": "abank", "type": "finance.registration_made", "says": {"financing": "abank/GD-1", "register_name": "movable property", "country": "CN", "number": "R-88", "registered_on": "2026-03-03", "expires_on": "2026-04-10"}},
    "SILENT_BEYOND_MATURITY": SIGHTED,
    "SAME_CARGO_ELSEWHERE": SIGHTED,
    "GOODS_NAMED_ELSEWHERE": {"type": "link.consignment_opened", "says": {"reference": "SK-9", "containers": ["CSQU3054383"]}},
    "GOODS_NO_LONGER_NAMED": {"by": "xaport", "type": "correction.retracted", "says": {"of": "open-1"}},
}  # fmt: skip
OF_ORIGINALS = {"DELIVERED_WITHOUT_SURRENDER"}
"""Raised where there is an original in the register of documents: tests/integration/documents/test_financing_knows_it.py."""
AS_OF = {"SILENT_BEYOND_MATURITY": "2026-07-20T00:00Z", "REGISTRATION_EXPIRES": "2026-03-30T00:00Z"}
JUDGED = {"ARRIVAL_LIKELY_BEYOND_MATURITY": "LIKELY_LATE", "ARRIVAL_BEYOND_MATURITY": "LATE"}
ELSEWHERE = (
    {"id": "invoice-2", "by": "textil", "at": "2026-03-01T09:00+08:00", "type": "document.invoice_issued", "like": "invoice-1", "says": {"objects": "consignment xaport/XA-2", "document_id": "TX-5"}},
    {"id": "apply-2", "by": "textil", "at": "2026-03-01T12:00+08:00", "type": "finance.applied", "like": "apply-gb", "says": {"reference": "T-1", "objects": "consignment xaport/XA-2"}},
    {"id": "issued-2", "by": "cr", "at": "2026-03-01T09:45+08:00", "type": "document.note_issued", "like": "issued-1", "says": {"objects": "note SMGS/CN/XAY/100002/2026"}},
    {"id": "control-2", "by": "cr", "at": "2026-03-01T12:00+08:00", "type": "finance.control_recorded", "like": "control-1", "says": {"note": "SMGS/CN/XAY/100002/2026", "duplicate_holder": "bbank"}},
    {"id": "approve-2", "by": "bbank", "at": "2026-03-02T12:00+08:00", "type": "finance.approved", "like": "approve-b", "says": {"financing": "bbank/GD-2", "application": "textil/T-1"}},
    {"id": "same", "by": "xaport", "at": LATE, "type": "link.consignments_same", "says": {"consignments": ["xaport/XA-1", "xaport/XA-2"]}},
)  # fmt: skip


def written(name: str, further: tuple[dict[str, Any], ...] = ()) -> Case:
    """The goods' story with what raises ``name``, and nothing else that does."""
    kept = [e for e in BASE.events if e["id"] != "delivered"]
    # Control that does not end by itself, but where its end is the covenant.
    kept = [
        e if e["id"] != "control-1" else {**e, "says": {k: v for k, v in e["says"].items() if k != "ends_at"}}
        for e in kept
    ]
    raised = {"id": "raised", "by": "silk", "at": LATE, **RAISED[name]}
    told = [*kept, raised, *further]
    if name == "SAME_CARGO_ELSEWHERE":
        said = {e["id"]: e["says"] for e in kept}
        told += [
            {
                **{k: v for k, v in e.items() if k != "like"},
                "says": {**said.get(e.get("like", ""), {}), **e["says"]},
            }
            for e in ELSEWHERE
        ]
    events = tuple(told)
    return replace(BASE, story=replace(BASE.story, events=events), _written=events)


def world(name: str, further: tuple[dict[str, Any], ...] = ()) -> World:
    """Reserved and pledged, and told everything."""
    found = World(heard=written(name, further).heard())
    for number in (0, 2):
        ask, at, on = BASE.ask(number)
        decision, _ = found.ask(ask, at, on)
        assert decision.outcome is DecisionOutcome.DONE, decision
    if name == "SAME_CARGO_ELSEWHERE":
        _pledge_elsewhere(found)
    if name in JUDGED:
        sighted = next(e.event for e in written(name).story.told if e.envelope.id.endswith("raised"))
        found.judged = [("abank/GD-1", JudgedArrival("xaport/XA-1", micros(LATE), JUDGED[name], (sighted,)))]
    return found


def _pledge_elsewhere(found: World) -> None:
    second: dict[str, Any] = {
        "invoices": [{"number": "TX-5", "seller": "USCC 91330100799655058B", "buyer": "LEI 5493000IBP32UQZ0KL24", "amount": "417500000 CNY", "dated": "2026-02-12"}],
        "notes": [{"key": "SMGS/CN/XAY/100002/2026"}],
        "boxes": [{"container": "MSKU0000006", "origin": "railnet:xian-intl-port", "dated": "2026-03-02", "share": "1 of 2 NMP"}],
        "consignments": ["xaport/XA-2"],
    }  # fmt: skip
    asks = (
        {"do": "RESERVE", "by": "bbank", "at": "2026-03-03T11:00+08:00", "for": "GD-2", "application": "textil/T-1", "papers": "second"},
        {"do": "PLEDGE", "by": "bbank", "at": "2026-03-03T12:00+08:00", "for": "GD-2"},
    )  # fmt: skip
    case = replace(written("SAME_CARGO_ELSEWHERE"), asks=asks, papers={**BASE.papers, "second": second})
    for number in range(len(asks)):
        ask, at, on = case.ask(number)
        decision, told = found.ask(ask, at, on)
        assert decision.outcome is DecisionOutcome.DONE, told


def alerts(found: World, name: str) -> list[Alert]:
    """The alerts of that covenant."""
    as_of = micros(AS_OF.get(name, "2026-03-28T00:00Z"))
    status = found.status("abank/GD-1", "abank", as_of)
    assert status is not None
    return [alert for alert in status.alerts if alert.covenant == name]


def acknowledging(by: str, alert: Alert) -> dict[str, Any]:
    says = {"financing": "abank/GD-1", "alert": alert.id}
    return {
        "id": f"seen-{by}",
        "by": by,
        "at": "2026-03-22T09:00+08:00",
        "type": "finance.alert_acknowledged",
        "says": says,
    }


def test_every_covenant_is_raised_here() -> None:
    assert RAISED.keys() == COVENANTS - OF_ORIGINALS


@pytest.mark.parametrize("name", sorted(RAISED))
def test_it_is_raised_and_acknowledged_by_its_bank(name: str) -> None:
    (alert,) = alerts(world(name), name)
    assert alert.acknowledged is None
    assert alert.financing == "abank/GD-1"
    assert alert.events
    told = {event.event for event in written(name).story.told}
    assert told.issuperset(alert.events) or name == "SAME_CARGO_ELSEWHERE"
    (by_another,) = alerts(world(name, (acknowledging("bbank", alert),)), name)
    assert by_another.acknowledged is None
    (seen,) = alerts(world(name, (acknowledging("abank", alert),)), name)
    assert seen.acknowledged is not None
    assert (seen.id, seen.events) == (alert.id, alert.events)


# What ends an alert that stands, beside the withdrawal of what raised it.
ENDED: dict[str, dict[str, Any]] = {
    "DETAINED": {"type": "customs.detention_lifted", "says": {"objects": BOX, "jurisdiction": "RU", "outcome": "CLEARED"}},
    "RETURNED": {"type": "movement.resent", "says": {"objects": BOX, "place": "dostyk"}},
    "LOST": {"type": "movement.found", "says": {"objects": BOX, "place": "dostyk"}},
    "ABANDONED": {"type": "movement.reclaimed", "says": {"objects": CARGO}},
    "TEMPERATURE": {"type": "movement.temperature_normal", "says": {"objects": BOX, "measured_millicelsius": 21000}},
    "SEAL_BROKEN": {"type": "movement.resealed", "says": {"objects": BOX, "place": "dostyk", "seals": ["CN 778899"]}},
    "ETA_BEYOND_MATURITY": {"type": "movement.arrived_at_destination", "says": {"classifier": "EST", "objects": BOX, "place": "duisburg", "happened": "2026-06-02T10:00+02:00"}},
    "INSURANCE_CANCELLED": {"type": "document.insurance_bound", "says": {"objects": CARGO, "document_id": "POL-2", "insurer_party": {"scheme": "PARTY", "id": "picc"}, "insured_amount": {"minor_units": 417500000, "currency_code": "CNY"}, "cover": "ICC_A", "valid_from": "2026-03-20"}},
    "CONTROL_LAPSED": {"type": "finance.control_recorded", "says": {"note": "SMGS/CN/XAY/100001/2026", "note_type": "SMGS", "duplicate_holder": "abank", "consignee_may_dispose": False}},
    "REGISTRATION_EXPIRES": {"by": "abank", "type": "finance.registration_ended", "says": {"financing": "abank/GD-1", "number": "R-88"}},
    "ARRIVAL_LIKELY_BEYOND_MATURITY": {"type": "movement.arrived_at_destination", "says": {"objects": BOX, "place": "duisburg"}},
    "ARRIVAL_BEYOND_MATURITY": {"type": "movement.arrived_at_destination", "says": {"objects": BOX, "place": "duisburg"}},
    "SILENT_BEYOND_MATURITY": {"at": "2026-07-12T10:00+02:00", "type": "movement.arrived", "says": {"objects": BOX, "place": "malaszewicze"}},
    "SAME_CARGO_ELSEWHERE": {"by": "xaport", "type": "correction.retracted", "says": {"of": "same"}},
    "GOODS_NAMED_ELSEWHERE": {"type": "correction.corrected", "says": {"of": "raised", "reason": "OTHER", "instead": {"type": "link.consignment_opened", "reference": "SK-9", "containers": ["TGHU0000008"]}}},
    "GOODS_NO_LONGER_NAMED": {"by": "xaport", "type": "link.consignment_opened", "says": {"reference": "XA-1", "containers": ["CSQU3054383"], "notes": ["SMGS/CN/XAY/100001/2026"]}},
}  # fmt: skip
STANDS = COVENANTS - ENDED.keys()
"""What happened cannot be undone: such an alert stands until it is acknowledged, whatever comes."""


@pytest.mark.parametrize("name", sorted(ENDED))
def test_it_ends_when_what_it_is_about_does(name: str) -> None:
    assert alerts(world(name), name), "it stood"
    ended = {"id": "ended", "by": "silk", "at": "2026-03-21T09:00+08:00", **ENDED[name]}
    assert alerts(world(name, (ended,)), name) == []


def test_what_ends_by_no_fact_is_what_cannot_be_undone() -> None:
    assert {
        "DELIVERED_AGAINST_PLEDGE",
        "DELIVERED_WITHOUT_SURRENDER",
        "GATED_OUT_AGAINST_PLEDGE",
        "TRANSIT_NOT_CLOSED",
        "CONSIGNEE_CHANGED",
        "DESTINATION_CHANGED",
        "JURISDICTION_ENTERED",
    } == STANDS


def test_a_transit_that_was_closed_late_was_not_closed_by_its_deadline() -> None:
    closed = {
        "id": "closed", "by": "cr", "type": "customs.transit_closed", "says": {"objects": NOTE, "jurisdiction": "KZ"},
    }  # fmt: skip
    late, in_time = {**closed, "at": "2026-03-22T10:00+08:00"}, {**closed, "at": "2026-03-21T09:00+08:00"}
    (alert,) = alerts(world("TRANSIT_NOT_CLOSED", (late,)), "TRANSIT_NOT_CLOSED")
    assert alert.since == micros("2026-03-21T10:00+08:00")
    assert alerts(world("TRANSIT_NOT_CLOSED", (in_time,)), "TRANSIT_NOT_CLOSED") == []


def test_silence_ends_with_the_financing_and_with_a_delivery() -> None:
    name = "SILENT_BEYOND_MATURITY"
    found = world(name)
    (alert,) = alerts(found, name)
    released = DecisionRequest(Action.RELEASE, "abank", "release", "abank/GD-1")
    assert found.ask(released, micros("2026-07-19T00:00Z"))[0].done
    assert alerts(found, name) == []
    delivered = {
        "id": "at-last",
        "by": "ruhr",
        "at": "2026-06-20T10:00+02:00",
        **RAISED["DELIVERED_AGAINST_PLEDGE"],
    }
    assert alerts(world(name, (delivered,)), name) == []
    (again,) = alerts(world(name), name)
    assert again == alert, "told again it is the same alert"


def test_a_pledge_elsewhere_is_told_of_until_it_is_released() -> None:
    name = "SAME_CARGO_ELSEWHERE"
    found = world(name)
    (alert,) = alerts(found, name)
    same = next(told for told in written(name).story.told if told.short == "same")
    assert alert.events == (same.event,), "what made the two consignments one, never whose pledge it is"
    elsewhere = DecisionRequest(Action.RELEASE, "bbank", "release", "bbank/GD-2")
    assert found.ask(elsewhere, micros("2026-03-27T00:00Z"))[0].done
    assert alerts(found, name) == []


@pytest.mark.parametrize("name", sorted(JUDGED))
def test_a_forecast_that_is_in_time_again_lifts_its_alert_and_none_blocks_money(name: str) -> None:
    found = world(name)
    assert alerts(found, name)
    draw = DecisionRequest(Action.DRAW, "abank", "draw", "abank/GD-1", amount=Money(1_000_000, "CNY"))
    assert found.ask(draw, micros("2026-03-21T00:00Z"))[0].done, "no guard reads a forecast"
    (earlier,) = alerts(found, name)
    back = JudgedArrival("xaport/XA-1", micros("2026-03-25T00:00Z"), "IN_TIME", ())
    found.judged = [*found.judged, ("abank/GD-1", back)]
    assert alerts(found, name) == []
    as_known = found.status("abank/GD-1", "abank", micros("2026-03-28T00:00Z"), micros("2026-03-24T00:00Z"))
    assert as_known is not None
    assert earlier in as_known.alerts, "as it was known before"


@pytest.mark.parametrize(
    "name", sorted(RAISED.keys() - {"SAME_CARGO_ELSEWHERE", "SILENT_BEYOND_MATURITY"} - JUDGED.keys())
)
def test_it_ends_with_its_fact(name: str) -> None:
    by = RAISED[name].get("by", "silk")
    taken_back = {
        "id": "taken-back", "by": by, "at": "2026-03-21T09:00+08:00", "type": "correction.retracted",
        "says": {"of": "raised"},
    }  # fmt: skip
    assert alerts(world(name, (taken_back,)), name) == []


@pytest.mark.parametrize("name", sorted(COVENANTS - {"SAME_CARGO_ELSEWHERE", "SILENT_BEYOND_MATURITY"}))
def test_without_its_fact_there_is_none(name: str) -> None:
    assert alerts(world("SILENT_BEYOND_MATURITY"), name) == []
