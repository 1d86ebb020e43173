"""TAF messages: where a train was or is expected, and which boxes stand on which wagons in it."""

from __future__ import annotations

import base64

import pytest

from schemas import railnet
from schemas.events.base import Role
from services.domain.publisher import Publisher
from services.producers.formats.model import EventDraft
from services.producers.formats.sheets import FORMATS as SHEETS
from services.producers.formats.taf import FORMATS
from tests.support.messages.assembly import refusal, settings, tell
from tests.support.messages.documents import (
    BARE_NUMBER,
    BOXES,
    NUMBER,
    SECTOR,
    TR,
    WAGONS,
    composition,
    report,
    running,
    section,
    unit,
    wagon,
)
from tests.support.messages.views import facts_of, founded, seen, stated

(TAF,) = FORMATS
TRAIN = "9Z01/DEMO4530120-00-2026/2026-03-12"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("01", "movement.arrived"),
        ("02", "movement.departed"),
        ("03", "movement.arrived"),
        ("04", "movement.departed"),
        ("05", "movement.position_reported"),
        ("5", "movement.position_reported"),
    ],
)
def test_a_status_of_a_train(status: str, kind: str) -> None:
    told = tell(TAF, running(report(status)))
    data = told.only(kind)
    assert data["classifier"] == "ACT"
    assert data["happened"] == data["happened_as_written"] == "2026-03-12T06:41:00+01:00"
    assert data["place"] == "railnet:rzepin"
    assert data["objects"] == [{"kind": "train", "id": TRAIN}]
    assert told.drafts[0].time == "2026-03-12T06:42:00+01:00"
    assert told.drafts[0].id == "taf:4005:9Z02:m-1:1"
    assert not told.remarks


@pytest.mark.parametrize("status", ["00", "06", "09", "11", "19", "77", "XX"])
def test_a_status_without_a_meaning_is_unread_with_its_path(status: str) -> None:
    told = tell(TAF, running(report(status), report("04"), forecast=True))
    assert told.types == ["movement.departed"]
    (unread,) = told.unread
    assert unread.refusal.pointer.endswith("/TrainLocationReport/TrainLocationStatus")
    assert unread.where.path.endswith("/TrainLocationReport")


def test_a_forecast_is_an_estimate_at_each_point() -> None:
    told = tell(TAF, running(report("03"), report("01", code="99002", country="DE"), forecast=True))
    assert told.types == ["movement.arrived", "movement.arrived"]
    assert {said.data["classifier"] for said in told.drafts} == {"EST"}
    assert [said.id for said in told.drafts] == ["taf:4004:9Z02:m-1:1", "taf:4004:9Z02:m-1:2"]


def test_the_end_of_a_train_is_the_destination_only_where_cargo_ends() -> None:
    terminal = next(
        s for s in railnet.stations().values() if railnet.StationRole.TERMINAL in s.roles and s.plc
        and not {railnet.StationRole.BORDER, railnet.StationRole.GAUGE_CHANGE, railnet.StationRole.INTERCHANGE} & {*s.roles}
    )  # fmt: skip
    assert terminal.plc
    at_terminal = running(report("01", country=terminal.plc[:2], code=terminal.plc[2:].lstrip("0")))
    told = tell(TAF, at_terminal)
    assert told.only("movement.arrived_at_destination")["place"] == terminal.place
    assert told.meaning(f"TrainLocationStatus 01 at {terminal.place}")[1] == "own"
    border = tell(TAF, running(report("01")))
    assert border.meaning("TrainLocationStatus 01 at railnet:rzepin") == ("movement.arrived"[9:], "guess")
    chosen = settings(taf={"01@railnet:rzepin": "destination"})
    assert tell(TAF, running(report("01")), chosen).types == ["movement.arrived_at_destination"]


def test_delays_are_told_and_a_wrong_one_is_remarked() -> None:
    delay = "<TrainDelay><AgainstBooked>+0045</AgainstBooked></TrainDelay>"
    booked = "<BookedLocationDateTime>2026-03-12T06:30:00+01:00</BookedLocationDateTime>"
    told = tell(TAF, running(report("05", extra=booked + delay)))
    assert told.only("movement.position_reported")["delay_minutes"] == 45
    assert told.remarked("two times differ by 11").where.path.endswith("/TrainDelay/AgainstBooked")
    told = tell(TAF, running(report("04")))
    assert told.only("movement.departed")["remark"] == "+11 min against booked time"
    late = "<TrainDelay><AgainstReferenced>late</AgainstReferenced></TrainDelay>"
    assert tell(TAF, running(report("04", extra=late))).remarked("no sign and minutes")


def test_the_next_place_is_the_point_of_transfer() -> None:
    transfer = "<TransferPoint><CountryCodeISO>de</CountryCodeISO><LocationPrimaryCode>18271</LocationPrimaryCode></TransferPoint>"
    told = tell(TAF, running(report("05"), after=transfer + "<TransfereeIM>0080</TransfereeIM>"))
    assert told.only("movement.position_reported")["next_place"] == "plc:DE18271"


def test_a_train_is_never_a_bare_number() -> None:
    (unread,) = tell(TAF, running(train=BARE_NUMBER)).unread
    assert "bare number" in unread.refusal.detail
    by_number = tell(TAF, running(train=NUMBER)).only("movement.departed")["objects"]
    assert by_number == [{"kind": "train", "id": "9Z02/45301/2026-03-12"}]
    own = tell(TAF, running(train=NUMBER), settings(company="rtb")).only("movement.departed")["objects"]
    assert own == [{"kind": "train", "id": "rtb/45301/2026-03-12"}]


def test_the_day_of_a_number_is_that_of_the_publishers_clock() -> None:
    utc = NUMBER.replace("2026-03-12T06:30:00+01:00", "2026-03-11T23:30:00Z")
    local = NUMBER.replace("2026-03-12T06:30:00+01:00", "2026-03-12T00:30:00")
    ids = {tell(TAF, running(train=t)).only("movement.departed")["objects"][0]["id"] for t in (utc, local)}
    assert ids == {"9Z02/45301/2026-03-12"}


def test_a_former_number_still_moves_what_was_composed_under_it() -> None:
    former = f"<ReferenceOTN>{NUMBER.replace('45301', '45299')}</ReferenceOTN>"
    objects = tell(TAF, running(train=NUMBER + former)).only("movement.departed")["objects"]
    assert [o["id"] for o in objects] == ["9Z02/45301/2026-03-12", "9Z02/45299/2026-03-12"]


def test_places_have_five_digits_and_may_be_declared() -> None:
    told = tell(TAF, running(report("04", country="DE", code="713")))
    assert told.only("movement.departed")["place"] == "plc:DE00713"
    assert told.meaning("plc:DE00713") == ("a place unknown to railnet", "own")
    declared = settings(taf={"plc:DE00713": "locode:DEDUI"})
    assert tell(TAF, running(report("04", country="DE", code="713")), declared).only("movement.departed")[
        "place"
    ] == ("locode:DEDUI")
    for wrong in (report(code="ABC"), report(code="123456"), report(country="DEU")):
        (unread,) = tell(TAF, running(wrong)).unread
        assert "/Location/" in unread.refusal.pointer


def test_a_time_without_an_offset_is_on_the_declared_clock_not_the_places() -> None:
    bare = running(report(at="2026-03-12T06:41:00"), created="2026-03-12T06:42:00")
    assert tell(TAF, bare).only("movement.departed")["happened"] == "2026-03-12T06:41:00+01:00"
    moscow = settings(zones={"taf": railnet.zone("Europe/Moscow")})
    data = tell(TAF, bare, moscow)
    assert data.only("movement.departed")["happened"] == "2026-03-12T06:41:00+03:00"
    assert data.only("movement.departed")["happened_as_written"] == "2026-03-12T06:41:00"
    assert data.drafts[0].time == "2026-03-12T06:42:00+03:00"
    repaired = tell(TAF, running(report(at="2026-03-12T06:41:00+1:00")))
    assert repaired.remarked("is read as +01:00").where.path.endswith("/LocationDateTime")


def test_a_message_is_relayed_only_where_its_sender_is_declared_as_another() -> None:
    raw = running()
    assert "relay" not in tell(TAF, raw).only("movement.departed")
    relayed = tell(TAF, raw, settings(taf={"9Z02": "pkp-plk"})).only("movement.departed")["relay"]
    assert relayed["authority"] == "pkp-plk"
    assert base64.b64decode(relayed["message_b64"]) == raw
    assert "relay" not in tell(TAF, raw, settings("pkp-plk", taf={"9Z02": "pkp-plk"})).only(
        "movement.departed"
    )


def test_replacing_and_deleting_take_back_what_the_first_message_said() -> None:
    first = tell(TAF, running())
    replaced = tell(
        TAF, running(report(at="2026-03-12T06:44:00+01:00"), status="2", created="2026-03-12T07:00:00+01:00")
    )
    assert replaced.types == ["correction.retracted", "movement.departed"]
    assert replaced.drafts[0].data["target"] == first.drafts[0].id
    assert replaced.drafts[1].id != first.drafts[0].id
    deleted = tell(TAF, running(status="3", created="2026-03-12T07:10:00+01:00"))
    assert deleted.types == ["correction.retracted"]
    assert deleted.drafts[0].data["target"] == first.drafts[0].id
    assert tell(TAF, running(status="4")).unread[0].refusal.pointer.endswith("/MessageStatus")
    by_reference = settings(taf={"key": "SenderReference"})
    one, other = (
        tell(TAF, running(identifier=m, status=s), by_reference) for m, s in (("m-1", "1"), ("m-2", "3"))
    )
    assert other.drafts[0].data["target"] == one.drafts[0].id == "taf:4005:9Z02:ref-1:1"


def test_a_composition_links_boxes_to_wagons_and_wagons_to_the_train() -> None:
    told = tell(TAF, composition())
    trains = [said.data for said in told.drafts if said.type == "cre.link.train_composed.v1"]
    assert [data["train"] for data in trains] == [TRAIN, "9Z02/45301/2026-03-12"]
    assert trains[0]["wagons"] == [f"UIC/{number}" for number in sorted(WAGONS)]
    loads = {
        s.data["wagon"]: s.data["containers"] for s in told.drafts if s.type == "cre.link.wagon_loaded.v1"
    }
    assert loads == {f"UIC/{WAGONS[0]}": list(BOXES[:2]), f"UIC/{WAGONS[1]}": [BOXES[2]]}
    assert {said.data["place"] for said in told.drafts} == {"railnet:rzepin"}
    assert {said.data["from"] for said in told.drafts} == {"2026-03-12T05:41:10+01:00"}
    held = [said.data for said in told.drafts if said.type != "cre.link.trains_same.v1"]
    assert {data["to"] for data in held} == {"2026-03-16T15:10:00+01:00"}
    assert told.drafts[0].id == "taf:3003:9Z01:c-1:1:train:1.1"
    assert not told.remarks


def test_the_times_of_a_link() -> None:
    early = composition(section(wagon(WAGONS[0], 1), departs="2026-03-12T04:00:00+01:00"))
    assert tell(TAF, early).drafts[0].data["from"] == "2026-03-12T04:00:00+01:00"
    endless = tell(TAF, composition(section(wagon(WAGONS[0], 1), arrives="")))
    assert "to" not in endless.drafts[0].data
    second = composition(
        section(wagon(WAGONS[0], 1)), section(wagon(WAGONS[1], 1), departs="2026-03-12T22:00:00+01:00")
    )
    assert tell(TAF, second).drafts[2].data["from"] == "2026-03-12T22:00:00+01:00"
    assert tell(TAF, composition(section(), section(wagon(WAGONS[0], 1), departs=""))).remarked(
        "no booked departure"
    )
    backwards = tell(TAF, composition(section(wagon(WAGONS[0], 1), arrives="2026-03-01T00:00:00+01:00")))
    assert backwards.remarked("lies before")
    hurried = settings(taf={"grace_hours": "0"})
    assert tell(TAF, composition(), hurried).drafts[0].data["to"] == "2026-03-13T15:10:00+01:00"


def test_what_stands_on_wagons_besides_containers_is_passed_over_or_unread() -> None:
    mixed = wagon(
        WAGONS[0],
        1,
        unit(BOXES[0], "00"),
        unit(BOXES[1], "02"),
        unit("T1", "03"),
        unit("", "01"),
        unit("X", "9"),
    )
    told = tell(TAF, composition(section(mixed)))
    assert told.only("link.wagon_loaded")["containers"] == list(BOXES[:2])
    assert told.meaning("TypeOfLoadUnit 00") == ("container", "own")
    assert [p.reason for p in told.passed_over] == [
        "A semi-trailer is no container.",
        "A load unit without a number.",
    ]
    assert told.unread[0].refusal.pointer.endswith("/IntermodalTransportData[5]/TypeOfLoadUnit")
    assert tell(TAF, composition(section())).passed_over


def test_doubtful_numbers_are_remarked_and_kept() -> None:
    told = tell(TAF, composition(section(wagon("315145560018", 1, unit("QZXU4011131")), vehicles="7")))
    assert told.only("link.wagon_loaded")["wagon"] == "UIC/315145560018"
    assert told.remarked("check digit disagrees: container").where.path.endswith(
        "/IntermodalTransportData/LoadUnitNumber"
    )
    assert told.remarked("check digit disagrees: wagon number (UIC)")
    assert told.remarked("NumberOfVehicles is 7, the section lists 1 wagons")
    broad = tell(TAF, composition(section(wagon("94210012", 1, unit(BOXES[0])))))
    assert broad.only("link.wagon_loaded")["wagon"] == "1520/94210012"
    odd = tell(TAF, composition(section(wagon("12", 1, unit(BOXES[0])), wagon("", 2))))
    assert odd.only("link.wagon_loaded")["wagon"] == "UIC/12"
    assert odd.unread[0].refusal.pointer.endswith("/WagonData[2]/WagonNumberFreight")


def test_the_sector_schema_ends_at_the_wagons_and_says_so() -> None:
    older = composition(
        section(wagon(WAGONS[0], 1), wagon(WAGONS[1], 2), wagon(WAGONS[1], 3)), namespace=SECTOR
    )
    told = tell(TAF, older)
    assert told.types == ["link.train_composed", "link.train_composed", "link.trains_same"]
    assert told.remarked("ends at the wagons").remedy
    assert told.remarked("twice")


def test_a_train_of_more_wagons_than_one_link_may_name() -> None:
    many = [wagon(f"3151{n:08}", n) for n in range(1, 301)]
    told = tell(TAF, composition(section(*many), train=TR))
    assert [len(said.data["wagons"]) for said in told.drafts if "wagons" in said.data] == [256, 44]


def test_another_spelling_and_an_unknown_element_are_told() -> None:
    raw = (
        running()
        .replace(b"TrainLocationStatus", b"Train_locationStatus")
        .replace(b"</TrainLocationReport>", b"<Weather>rain</Weather></TrainLocationReport>")
    )
    told = tell(TAF, raw)
    assert told.types == ["movement.departed"]
    assert told.remarked("Weather is not known").where.path.endswith("/TrainLocationReport/Weather")


@pytest.mark.parametrize(
    ("missing", "where"),
    [
        ("MessageIdentifier", "/MessageReference/MessageIdentifier"),
        ("MessageDateTime", "/MessageReference/MessageDateTime"),
        ("MessageStatus", "/MessageStatus"),
        ("Sender", "/MessageHeader/Sender"),
        ("LocationDateTime", "/TrainLocationReport/LocationDateTime"),
        ("Location", "/TrainLocationReport/Location"),
        ("TrainLocationReport", "/TrainLocationReport"),
    ],
)
def test_what_is_missing_is_named(missing: str, where: str) -> None:
    raw = (
        running()
        .replace(f"<{missing}>".encode(), f"<x{missing}>".encode())
        .replace(f"<{missing} ".encode(), f"<x{missing} ".encode())
    )
    (unread,) = tell(TAF, raw.replace(f"</{missing}>".encode(), f"</x{missing}>".encode())).unread
    assert unread.refusal.pointer.endswith(where)


def test_hidden_characters_make_no_event() -> None:
    told = tell(TAF, composition(section(wagon(WAGONS[0], 1, unit("QZXU\u200b4011130")))))
    assert set(told.types) == {"link.train_composed", "link.trains_same"}
    assert told.unread[0].refusal.pointer == "/containers/0"


def test_messages_in_an_envelope_are_found_and_others_are_refused() -> None:
    inner = running().split(b"?>", 1)[1]
    told = tell(
        TAF,
        b"<uic:Envelope xmlns:uic='urn:x'><uic:Payload>"
        + inner
        + composition()
        + b"</uic:Payload></uic:Envelope>",
    )
    assert "movement.departed" in told.types
    assert "link.wagon_loaded" in told.types
    assert TAF.recognise(b"<Envelope>" + inner + b"</Envelope>") == 60
    found = refusal(TAF, b"<PathRequestMessage xmlns='urn:x'><MessageHeader/></PathRequestMessage>")
    assert "PathRequestMessage" in found.detail
    assert "TrainCompositionMessage" in found.remedy


def test_it_recognises_its_own() -> None:
    assert TAF.recognise(running()) == 95
    assert TAF.recognise(composition().decode().encode("utf-16")) == 95
    for other in (b"", b"<CC015C/>", b'{"events":[]}', b"\x00\xff", b"PK\x03\x04"):
        assert TAF.recognise(other) == 0


def test_a_running_train_moves_the_boxes_that_its_composition_names() -> None:
    railway = Publisher("rtb", frozenset({Role.RAILWAY, Role.OPERATOR}))
    opened = founded(railway, containers=[BOXES[0]])
    composed, ran = (stated(tell(TAF, raw, settings("rtb")), railway) for raw in (composition(), running()))
    view = seen((opened, composed, ran), "rtb", "2026-03-12T12:00:00Z")
    assert view.movement is not None
    assert view.movement.claim.place == "railnet:rzepin"
    assert seen((opened, ran), "rtb", "2026-03-12T12:00:00Z").movement is None
    withdrawn = stated(tell(TAF, composition(status="3"), settings("rtb")), railway)
    assert seen((opened, composed, ran, withdrawn), "rtb", "2026-03-12T12:00:00Z").movement is None


def test_at_its_origin_a_train_is_given_its_whole_name() -> None:
    told = tell(TAF, running(report("02")))
    assert told.types == ["movement.departed", "link.trains_same"]
    assert told.only("link.trains_same") == {
        "trains": [TRAIN, "9Z02/45301/2026-03-12", "9Z02/45301/2026-03-12/railnet:rzepin"],
        "place": "railnet:rzepin",
        "from": "2026-03-12T06:42:00+01:00",
    }
    for elsewhere in (running(report("04")), running(report("02"), forecast=True)):
        assert "link.trains_same" not in tell(TAF, elsewhere).types
    deleted = tell(TAF, running(report("02"), status="3", created="2026-03-12T07:00:00+01:00"))
    assert [said.data["target"] for said in deleted.drafts] == [said.id for said in told.drafts]


def test_the_day_of_the_whole_name_is_that_of_the_booked_departure_on_the_publishers_clock() -> None:
    booked = "<BookedLocationDateTime>2026-03-11T23:30:00Z</BookedLocationDateTime>"
    told = tell(TAF, running(report("02", extra=booked), train=NUMBER))
    assert told.only("link.trains_same")["trains"][-1] == "9Z02/45301/2026-03-12/railnet:rzepin"
    late = "<BookedLocationDateTime>2026-03-11T22:30:00Z</BookedLocationDateTime>"
    told = tell(TAF, running(report("02", extra=late), train=NUMBER))
    assert told.only("link.trains_same")["trains"][-1] == "9Z02/45301/2026-03-11/railnet:rzepin"
    wrapped = f"<TrainOperationalIdentification>{TR}</TrainOperationalIdentification>{BARE_NUMBER}"
    starting = tell(TAF, running(report("02", extra=""), train=wrapped)).only("link.trains_same")
    assert starting["trains"] == [TRAIN, "9Z02/45301/2026-03-12/railnet:rzepin"], "the day the train starts"


def test_a_composition_gives_the_whole_name_with_the_origin_of_its_first_section() -> None:
    declared = settings(taf={"company 9Z01": "rtb", "company 9Z02": "plk"})
    told = tell(TAF, composition(), declared).only("link.trains_same")
    assert told["trains"] == [
        TRAIN,
        "plk/45301/2026-03-12",
        "plk/45301/2026-03-12/railnet:rzepin",
        "rtb/45301/2026-03-12/railnet:rzepin",
    ]
    unnamed = tell(TAF, composition(train=TR)).types
    assert "link.trains_same" not in unnamed, "one name alone is no link"


def test_a_declared_origin_gives_the_whole_name_in_every_message() -> None:
    declared = settings(taf={"origin 45*": "plc:PL02580", "origin 4*": "locode:DEDUI"})
    told = tell(TAF, running(), declared)
    assert told.only("movement.departed")["objects"] == [
        {"kind": "train", "id": "9Z02/45301/2026-03-12/railnet:rzepin"}
    ]
    assert told.meaning("OperationalTrainNumber 45301") == ("train that begins at plc:PL02580", "choice")
    assert tell(TAF, running(train=BARE_NUMBER), declared).unread, "a number without a day names no train"
    (unread,) = tell(TAF, running(), settings(taf={"origin 45301": "Rzepin"})).unread
    assert "which is no place" in unread.refusal.detail
    assert tell(TAF, running(), settings(taf={"origin 99*": "locode:DEDUI"})).only("movement.departed")[
        "objects"
    ] == [{"kind": "train", "id": TRAIN}]


def test_a_train_told_by_messages_moves_what_a_list_put_into_it() -> None:
    operator = Publisher("rtb", frozenset({Role.RAILWAY, Role.OPERATOR}))
    manager = Publisher("plk", frozenset({Role.RAILWAY}), managers=frozenset({"pkp-plk"}))
    opened = founded(operator, containers=[BOXES[0]])
    listed = (
        "Title,Departure list,,\r\nStation from,Rzepin,ATD,2026-03-12 06:35\r\nTrain No,45301,Issued,2026-03-12 06:40\r\n"
        f"Wagon No,Container No,Seal No,Notes\r\n{WAGONS[0]},{BOXES[0]},S1,\r\n"
    ).encode()
    departures = next(each for each in SHEETS if each.name == "departure_list")
    reading = departures.read(listed, settings("rtb", company="rtb"))
    records = [record for record in reading.records if isinstance(record, EventDraft)]
    assert "rtb/45301/2026-03-12/railnet:rzepin" in {record.data.get("train") for record in records}
    list_facts = [facts_of(record, operator) for record in records]
    named = settings("plk", taf={"company 9Z01": "rtb"})
    by_undertaking = "<ResponsibleRU>9Z01</ResponsibleRU>"
    train = f"<TrainOperationalIdentification>{TR}</TrainOperationalIdentification>{NUMBER}"
    messages = [
        stated(tell(TAF, raw, named), manager)
        for raw in (
            running(report("02"), train=train + by_undertaking),
            running(
                report("05", at="2026-03-12T09:00:00+01:00", country="PL", code="3"),
                identifier="m-2",
                train=train,
            ),
        )
    ]
    view = seen((opened, *list_facts, *messages), "rtb", "2026-03-12T12:00:00Z")
    told = {arrival.claim.publisher for arrival in view.arrivals}
    assert told == {"rtb", "plk"}
    assert len([a for a in view.arrivals if a.claim.publisher == "plk"]) == 2
    without = seen((opened, *list_facts, messages[1]), "rtb", "2026-03-12T12:00:00Z")
    assert {arrival.claim.publisher for arrival in without.arrivals} == {"rtb"}, (
        "no name is guessed from another"
    )


@pytest.mark.parametrize(
    "more",
    ["<MessageStatus>3</MessageStatus>", "<Cancelled>true</Cancelled>", "<TestIndicator>1</TestIndicator>"],
)
def test_a_message_that_may_be_taken_back_makes_no_fact(more: str) -> None:
    raw = running(report("04"))
    end = raw.rindex(b"</")
    told = tell(TAF, raw[:end] + more.encode() + raw[end:])
    assert not told.drafts
    (unread,) = told.unread
    assert unread.refusal.remedy
    assert more[1:6] in f"{unread.refusal.detail} {unread.refusal.pointer}"
    assert tell(TAF, raw[:end] + b"<Cancelled>false</Cancelled>" + raw[end:]).types == ["movement.departed"]
