"""Track & Trace events: what each code means, what waits for the partner's choice, and what becomes of versions."""

from __future__ import annotations

import codecs
import json
from typing import Any

import pytest

from schemas.reasons import Reason
from services.producers.formats.dcsa import FORMATS
from services.producers.formats.dcsa.event_types import CHOOSABLE
from tests.support.messages.assembly import refusal, settings, tell
from tests.support.messages.documents import BOXES, dcsa, dcsa_event

(DCSA,) = FORMATS
BOX = [{"kind": "container", "id": BOXES[0]}]
EMPTY = {"emptyIndicatorCode": "EMPTY"}
SEALS = {"seals": [{"number": "TL778"}]}


def rail(**rail_transport: str) -> dict[str, Any]:
    return {"transportCall": {"modeOfTransport": "RAIL", "railTransport": rail_transport}}


@pytest.mark.parametrize(
    ("kind", "code", "more", "type_"),
    [
        ("TRANSPORT", "ARRI", {"mode": "RAIL"}, "movement.arrived"),
        ("TRANSPORT", "DEPA", {"mode": "VESSEL"}, "movement.departed"),
        ("EQUIPMENT", "GTIN", {}, "movement.gated_in"),
        ("EQUIPMENT", "GTIN", {"equipmentDetails": EMPTY}, "movement.empty_returned"),
        ("EQUIPMENT", "GTOT", {"equipmentDetails": SEALS}, "movement.gated_out"),
        ("EQUIPMENT", "GTOT", {"equipmentDetails": EMPTY}, "movement.empty_released"),
        ("EQUIPMENT", "LOAD", {"mode": "RAIL"}, "movement.loaded_on_wagon"),
        ("EQUIPMENT", "LOAD", {"mode": "VESSEL"}, "movement.loaded_on_vessel"),
        ("EQUIPMENT", "DISC", {"mode": "RAIL"}, "movement.unloaded"),
        ("EQUIPMENT", "DISC", {"mode": "BARGE"}, "movement.discharged_from_vessel"),
        ("EQUIPMENT", "AVPU", {}, "movement.available"),
        ("EQUIPMENT", "CROS", {}, "movement.position_reported"),
        ("EQUIPMENT", "STUF", {"place": None}, "movement.stuffed"),
        ("EQUIPMENT", "RSEA", {"equipmentDetails": SEALS}, "movement.resealed"),
        ("EQUIPMENT", "CUSI", {}, "customs.selected_for_inspection"),
        ("EQUIPMENT", "CUSS", {}, "customs.selected_for_inspection"),
        ("EQUIPMENT", "CUSR", {"equipmentDetails": {"movementType": "EXPORT"}}, "customs.released"),
        ("SHIPMENT", "HOLD", {"documents": (("CUC", "c-1"),)}, "customs.held"),
        (
            "SHIPMENT",
            "RELS",
            {"documents": (("CUC", "c-1"),), "equipmentDetails": {"movementType": "TRANSSHIPMENT"}},
            "customs.released",
        ),
        ("SHIPMENT", "ISSU", {"documents": (("ARN", "a-1"),)}, "document.arrival_notice_issued"),
    ],
)
def test_a_code_about_a_container(kind: str, code: str, more: dict[str, Any], type_: str) -> None:
    told = tell(DCSA, dcsa(dcsa_event(kind, code, **more)))
    assert told.types == [type_]
    data = told.only(type_)
    assert data["objects"] == BOX
    assert data["happened"] == data["happened_as_written"] == "2026-03-01T10:00:00+08:00"
    assert data.get("place", "locode:CNXIA") == "locode:CNXIA"
    assert told.drafts[0].time == "2026-03-01T10:05:00+08:00"
    assert told.drafts[0].id.startswith("dcsa:EXCO:SMDG:LCL:evt-1:")
    if type_.startswith("customs."):
        assert data["jurisdiction"] == "CN"


def test_details_of_codes() -> None:
    assert (
        tell(DCSA, dcsa(dcsa_event("EQUIPMENT", "CUSS"))).only("customs.selected_for_inspection")["method"]
        == "SCAN"
    )
    resealed = tell(DCSA, dcsa(dcsa_event("EQUIPMENT", "RSEA", equipmentDetails=SEALS)))
    assert resealed.only("movement.resealed")["seals"] == ["TL778"]
    call = {"modeOfTransport": "VESSEL", "vesselTransport": {"vesselIMONumber": "9074729"}}
    loaded = tell(DCSA, dcsa(dcsa_event("EQUIPMENT", "LOAD", transportDetails={"transportCall": call})))
    assert loaded.only("movement.loaded_on_vessel")["vessel_imo"] == "9074729"
    odd_seal = {"seals": [{"number": "№ 7"}]}
    assert tell(DCSA, dcsa(dcsa_event("EQUIPMENT", "GTIN", equipmentDetails=odd_seal))).remarked(
        "The seal '№ 7'"
    )
    arrived = tell(DCSA, dcsa(dcsa_event("TRANSPORT", "ARRI", classifier="EST", mode="VESSEL")))
    assert arrived.only("movement.arrived")["classifier"] == "EST"
    assert arrived.meaning("TRANSPORT ARRI VESSEL") == ("movement.arrived", "own")


@pytest.mark.parametrize(
    ("code", "type_"),
    [
        ("RECE", "movement.booked"),
        ("CONF", "movement.booking_confirmed"),
        ("REJE", "movement.booking_rejected"),
        ("CANC", "movement.booking_cancelled"),
    ],
)
def test_a_booking(code: str, type_: str) -> None:
    event = dcsa_event(
        "SHIPMENT", code, box=None, place=None, documents=(("BKG", "ABC709951"), ("TRD", "HHL1"))
    )
    assert tell(DCSA, dcsa(event)).only(type_)["objects"] == [{"kind": "booking", "id": "hanse/ABC709951"}]
    declared = settings("hanse", dcsa={"EXCO": "exco"})
    assert tell(DCSA, dcsa(event), declared).only(type_)["objects"] == [
        {"kind": "booking", "id": "exco/ABC709951"}
    ]


def test_a_rail_note_written_whole_is_an_object() -> None:
    event = dcsa_event(
        "TRANSPORT", "DEPA", box=None, mode="RAIL", documents=(("TRD", "SMGS/CN/XAY/200020/2026"),)
    )
    data = tell(DCSA, dcsa(event)).only("movement.departed")
    assert data["objects"] == [{"kind": "note", "id": "SMGS/CN/XAY/200020/2026"}]


def test_a_rail_car_carries_the_box_from_then_on() -> None:
    loaded = dcsa_event("EQUIPMENT", "LOAD", transportDetails=rail(railCarReference="31-51-4556001-9"))
    told = tell(DCSA, dcsa(loaded))
    link = told.only("link.wagon_loaded")
    assert (link["wagon"], link["containers"]) == ("UIC/315145560019", [BOXES[0]])
    assert link["from"] == "2026-03-01T10:00:00+08:00"
    planned = dcsa_event(
        "EQUIPMENT", "LOAD", classifier="PLN", transportDetails=rail(railCarReference="31-51-4556001-9")
    )
    assert tell(DCSA, dcsa(planned)).types == ["movement.loaded_on_wagon"]
    strange = dcsa_event("EQUIPMENT", "LOAD", transportDetails=rail(railCarReference="car 7"))
    assert tell(DCSA, dcsa(strange)).remarked("rail car is not linked")


@pytest.mark.parametrize(
    ("event", "where"),
    [
        (dcsa_event("EQUIPMENT", "LOAD"), "equipmentEventTypeCode"),
        (dcsa_event("EQUIPMENT", "DISC", mode="TRUCK"), "equipmentEventTypeCode"),
        (dcsa_event("EQUIPMENT", "PICK"), "equipmentEventTypeCode"),
        (dcsa_event("EQUIPMENT", "INSP"), "equipmentEventTypeCode"),
        (dcsa_event("EQUIPMENT", "XXXX"), "equipmentEventTypeCode"),
        (dcsa_event("EQUIPMENT", "RSEA"), "equipmentEventTypeCode"),
        (dcsa_event("EQUIPMENT", "CUSR"), "equipmentEventTypeCode"),
        (dcsa_event("TRANSPORT", "STOP", mode="RAIL"), "transportEventTypeCode"),
        (dcsa_event("SHIPMENT", "VOID", documents=(("TRD", "1"),)), "shipmentEventTypeCode"),
        (dcsa_event("SHIPMENT", "CONF"), "documentReference/typeCode"),
        (dcsa_event("IOT", "DETC"), "eventTypeCode"),
        (dcsa_event("REEFER", "MEAS"), "eventTypeCode"),
        (dcsa_event("EQUIPMENT", "GTIN", place=None), "UNLocationCode"),
        (dcsa_event("EQUIPMENT", "CUSI", place=None), "UNLocationCode"),
        (dcsa_event("TRANSPORT", "ARRI", box=None, mode="RAIL"), "documentReference"),
        (dcsa_event("EQUIPMENT", "GTIN", classifier="REQ"), "eventClassifierCode"),
        (dcsa_event("EQUIPMENT", "GTIN", happened="soon"), "eventDateTime"),
        (dcsa_event("EQUIPMENT", "GTIN", updated=""), "eventUpdatedDateTime"),
        (dcsa_event("EQUIPMENT", "GTIN", id=""), "eventID"),
        (dcsa_event("EQUIPMENT", "GTIN", eventDateTime=5), "eventDateTime"),
        (dcsa_event("EQUIPMENT", "GTIN", equipmentDetails={"seals": "none"}), "seals"),
        (dcsa_event("EQUIPMENT", "GTIN", equipmentDetails={"seals": ["none"]}), "seals/0"),
        ({**dcsa_event("EQUIPMENT", "GTIN"), "eventLocation": "Xi'an"}, "eventLocation"),
    ],
)
def test_what_makes_no_event_says_where_and_what_to_do(event: dict[str, Any], where: str) -> None:
    told = tell(DCSA, dcsa(dcsa_event(id="other"), event))
    assert told.types == ["movement.gated_in"]
    (unread,) = told.unread
    assert unread.where.path == "/events/1"
    assert unread.refusal.pointer.startswith("/events/1/")
    assert unread.refusal.pointer.endswith(where)


@pytest.mark.parametrize("kind", CHOOSABLE)
def test_a_code_may_be_declared_to_mean_any_plain_event(kind: str) -> None:
    told = tell(DCSA, dcsa(dcsa_event("EQUIPMENT", "PICK")), settings(dcsa={"PICK": kind}))
    assert told.types == [kind]
    assert told.meaning("PICK") == (kind, "choice")


def test_a_code_may_not_be_declared_to_mean_what_needs_more() -> None:
    told = tell(DCSA, dcsa(dcsa_event("EQUIPMENT", "PICK")), settings(dcsa={"PICK": "movement.handed_over"}))
    assert "movement.handed_over" in told.unread[0].refusal.detail


def test_places() -> None:
    facility = {"facility": {"facilityCode": "ADT", "facilityCodeListProvider": "SMDG"}}
    event = dcsa_event("EQUIPMENT", "GTIN", eventLocation=facility)
    assert tell(DCSA, dcsa(event)).only("movement.gated_in")["place"] == "locode:CNXIA"
    declared = settings(dcsa={"facility SMDG:ADT": "railnet:xian-intl-port"})
    assert tell(DCSA, dcsa(event), declared).only("movement.gated_in")["place"] == "railnet:xian-intl-port"
    meant = settings(dcsa={"CNXIA": "railnet:xian-intl-port"})
    assert tell(DCSA, dcsa(event), meant).only("movement.gated_in")["place"] == "railnet:xian-intl-port"
    misleading = dcsa_event("EQUIPMENT", "GTIN", place="KZALS")
    assert tell(DCSA, dcsa(misleading)).remarked("often taken for another place")
    assert tell(DCSA, dcsa(dcsa_event("EQUIPMENT", "GTIN", box="WGPCGR"))).remarked("Not in a known form")


def test_a_later_version_replaces_the_earlier_one() -> None:
    first = dcsa_event(happened="2026-03-01T10:00:00+08:00")
    later = dcsa_event(happened="2026-03-01T11:00:00+08:00", updated="2026-03-01T12:00:00+08:00")
    alone = tell(DCSA, dcsa(first)).drafts[0]
    for order in ((first, later), (later, first)):
        told = tell(DCSA, dcsa(*order))
        assert told.types == ["correction.retracted", "movement.gated_in"]
        assert told.only("correction.retracted")["target"] == alone.id
        assert told.only("movement.gated_in")["happened"] == "2026-03-01T11:00:00+08:00"
        assert told.passed_over[0].reason == "A later version of the event stands in the file."
    assert tell(DCSA, dcsa(first, first)).passed_over[0].reason.startswith("The same version")
    assert tell(DCSA, dcsa(first, dcsa_event(id="evt-2"))).types == ["movement.gated_in"] * 2


def test_a_retraction_takes_back_what_is_known_to_have_been_said() -> None:
    first = tell(DCSA, dcsa(dcsa_event())).drafts[0]
    gone = {**dcsa_event(updated="2026-03-02T00:00:00Z"), "isRetracted": True}
    together = tell(DCSA, dcsa(dcsa_event(), gone))
    assert first.id in [said.data["target"] for said in together.drafts]
    assert set(together.types) == {"correction.retracted"}
    (unread,) = tell(DCSA, dcsa(gone)).unread
    assert unread.refusal.pointer == "/events/0/isRetracted"
    declared = settings(dcsa={"earlier evt-1": "2026-03-01T10:05:00+08:00"})
    apart = tell(DCSA, dcsa(gone), declared)
    assert apart.drafts[0].data["target"] == first.id


def test_an_unknown_field_is_told() -> None:
    event = dcsa_event(weather="rain", eventLocation={"mood": "good"})
    told = tell(DCSA, dcsa(event))
    assert told.remarked("weather is not known").where.path == "/events/0/weather"
    assert told.remarked("mood is not known").where.path == "/events/0/eventLocation/mood"


def test_events_of_version_two() -> None:
    event = {
        "eventID": "e-2",
        "eventType": "EQUIPMENT",
        "eventCreatedDateTime": "2026-03-01T10:05:00",
        "eventClassifierCode": "ACT",
        "eventDateTime": "2026-03-01T10:00:00+08:00",
        "equipmentEventTypeCode": "LOAD",
        "equipmentReference": BOXES[0],
        "transportCall": {"modeOfTransport": "RAIL", "location": {"UNLocationCode": "CNXIA"}},
        "seals": [{"sealNumber": "TL778", "sealSource": "CUS"}],
        "documentReferences": [{"documentReferenceType": "BKG", "documentReferenceValue": "ABC"}],
    }
    told = tell(DCSA, json.dumps([event]).encode())
    assert told.only("movement.loaded_on_wagon")["place"] == "locode:CNXIA"
    assert told.drafts[0].time == "2026-03-01T10:05:00+01:00"  # no offset: the publisher's clock
    shipment = {
        **{
            name: event[name]
            for name in ("eventID", "eventCreatedDateTime", "eventClassifierCode", "eventDateTime")
        },
        "eventType": "SHIPMENT",
        "shipmentEventTypeCode": "CONF",
        "documentTypeCode": "BKG",
        "documentID": "ABC",
    }
    assert tell(DCSA, json.dumps(shipment).encode()).types == ["movement.booking_confirmed"]
    broken = {
        "eventID": "e-3",
        "eventType": "TRANSPORT",
        "transportCall": 7,
        "seals": 7,
        "eventCreatedDateTime": "2026-03-01T10:05:00Z",
    }
    assert tell(DCSA, json.dumps(broken).encode()).unread


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", Reason.UNREADABLE_FILE),
        (b"   ", Reason.UNREADABLE_FILE),
        (b'{"events": [', Reason.INVALID_JSON),
        (b'{"events": [], "events": []}', Reason.INVALID_JSON),
        (b'{"events": [{"eventID": NaN}]}', Reason.INVALID_JSON),
        (b'{"events": ' + b"[" * 40 + b"]" * 40 + b"}", Reason.INVALID_JSON),
        (b'{"events": {}}', Reason.INVALID_SCHEMA),
        (b'{"events": [1]}', Reason.INVALID_SCHEMA),
        (b'{"feedbackElements": []}', Reason.INVALID_SCHEMA),
        (b'"events"', Reason.INVALID_SCHEMA),
        ('{"events": "é"}'.encode("latin-1"), Reason.UNREADABLE_FILE),
        (b" " * (9 * 1024 * 1024), Reason.TOO_LARGE),
    ],
)
def test_a_file_that_is_no_strict_json_is_refused(raw: bytes, reason: Reason) -> None:
    assert refusal(DCSA, raw).reason is reason


def test_marks_and_sizes_of_a_file() -> None:
    raw = dcsa(dcsa_event())
    assert tell(DCSA, codecs.BOM_UTF8 + raw).types == ["movement.gated_in"]
    assert tell(DCSA, raw.decode().encode("utf-16")).types == ["movement.gated_in"]
    many = dcsa(*(dcsa_event(id=f"evt-{n}") for n in range(300)))
    assert len(many) > 65_536
    assert len(tell(DCSA, many).drafts) == 300


def test_it_recognises_its_own() -> None:
    assert DCSA.recognise(dcsa(dcsa_event())) == 90
    for other in (b"", b"{}", b"<m/>", b'{"id": "1", "type": "cre.movement.departed.v1"}', b"\xff\xfe\x00"):
        assert DCSA.recognise(other) == 0


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"isRetracted": "true"}, "isRetracted"),
        ({"isRetracted": 1}, "isRetracted"),
        ({"isCancelled": True}, "isCancelled"),
        ({"transportDetails": {"voidIndicator": "Y"}}, "voidIndicator"),
        (
            {"equipmentDetails": {"equipmentReference": BOXES[0], "emptyIndicatorCode": "MT"}},
            "emptyIndicatorCode",
        ),
    ],
)
def test_what_may_take_an_event_back_is_never_left_out(more: dict[str, Any], where: str) -> None:
    event = {**dcsa_event("EQUIPMENT", "GTIN"), **more}
    told = tell(DCSA, dcsa(event))
    assert not told.drafts
    assert where in told.unread[0].refusal.pointer
    assert told.unread[0].refusal.remedy


def test_a_field_of_an_older_event_that_takes_it_back_is_never_left_out() -> None:
    flat = {
        "eventID": "e-1", "eventType": "TRANSPORT", "transportEventTypeCode": "DEPA", "eventClassifierCode": "ACT",
        "eventDateTime": "2026-03-12T06:41:00+01:00", "eventCreatedDateTime": "2026-03-12T06:42:00+01:00", "cancelled": True,
    }  # fmt: skip
    told = tell(DCSA, json.dumps([flat]).encode())
    assert not told.drafts
    assert "/cancelled" in told.unread[0].refusal.pointer
