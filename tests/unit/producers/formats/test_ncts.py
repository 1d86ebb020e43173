"""NCTS messages as the life of one declaration: who claims what, relayed or signed, and what people see."""

from __future__ import annotations

import base64
import gzip
import hashlib
import random

import pytest

from schemas import railnet
from schemas.events.base import Role
from schemas.events.catalogue import by_number
from services.domain.facts import Assurance, Facts
from services.domain.publisher import Publisher
from services.domain.view import ClaimStatus
from services.producers.formats.ncts import FORMATS
from tests.support.messages.assembly import refusal, settings, tell
from tests.support.messages.documents import (
    BOXES,
    CUSTOMS,
    HOLDER,
    LRN,
    MRN,
    NOTE,
    goods,
    life,
    ncts,
)
from tests.support.messages.views import founded, seen, stated

(NCTS,) = FORMATS
LIFE = life()
FORWARDER = settings("hanse", ncts=CUSTOMS)
BY_MRN = {"kind": "declaration", "id": f"PL/{MRN}"}
BY_LRN = {"kind": "declaration", "id": "PL/LRN/DE123456789012345/HANSE2026-0001"}
OPERATION = f"<MRN>{MRN}</MRN>"


def test_the_declarant_lodges_under_its_lrn_and_claims_it_itself() -> None:
    told = tell(NCTS, LIFE["015"], FORWARDER)
    assert told.types == ["customs.transit_lodged", "link.declaration_covers"]
    data = told.only("customs.transit_lodged")
    assert data["objects"] == [BY_LRN, *({"kind": "container", "id": box} for box in BOXES[:2])]
    assert (data["jurisdiction"], data["procedure"], data["procedure_office"]) == ("PL", "T1", "PL301010")
    assert data["time_limit"] == "2026-03-22T23:59:59+01:00"
    assert data["office_of_destination"] == "DE004605"
    assert data["commodities"] == ["847130"]
    assert data["happened"] == told.drafts[0].time == "2026-03-14T08:00:00+01:00"
    assert "relay" not in data
    assert told.only("link.declaration_covers")["declaration"] == BY_LRN["id"]
    assert told.only("link.declaration_covers")["notes"] == [NOTE]
    assert told.meaning("messageSender DE123456789012345") == ("the declarant, who claims it", "read")
    assert not told.remarks


@pytest.mark.parametrize(
    ("number", "kind", "jurisdiction", "happened"),
    [
        ("028", "accepted", "PL", "2026-03-14T08:05:00+01:00"),
        ("060", "selected_for_inspection", "PL", "2026-03-14T09:00:00+01:00"),
        ("029", "transit_opened", "PL", "2026-03-14T11:00:00+01:00"),
        ("043", "unloading_permitted", "DE", "2026-03-16T07:00:00+01:00"),
        ("025", "transit_closed", "DE", "2026-03-16T12:00:00+01:00"),
        ("045", "transit_closed", "PL", "2026-03-17T06:00:00+01:00"),
    ],
)
def test_what_customs_says_is_relayed_whole(number: str, kind: str, jurisdiction: str, happened: str) -> None:
    told = tell(NCTS, LIFE[number], FORWARDER)
    data = told.only(f"customs.{kind}")
    assert data["objects"][0] == BY_MRN
    assert (data["jurisdiction"], data["happened"]) == (jurisdiction, happened)
    relay = data["relay"]
    assert relay["authority"] == {"PL": "kas", "DE": "zoll"}[jurisdiction]
    assert base64.b64decode(relay["message_b64"]) == LIFE[number]
    assert relay["message_sha256"] == hashlib.sha256(LIFE[number]).hexdigest()


def test_customs_does_not_relay_itself() -> None:
    told = tell(NCTS, LIFE["029"], settings("kas", ncts=CUSTOMS))
    assert all("relay" not in said.data for said in told.drafts)


def test_an_undeclared_administration_is_named_by_a_guess_and_told() -> None:
    told = tell(NCTS, LIFE["045"])
    assert told.only("customs.transit_closed")["relay"]["authority"] == "customs-pl"
    assert told.meaning("messageSender NTA.PL") == ("customs-pl", "guess")
    assert "files.choices.ncts" in told.remarked("customs-pl").remedy


def with_items(message: bytes, count: int, seed: int = 1) -> bytes:
    """``message`` with ``count`` more items of goods, no two alike."""
    some = random.Random(seed)
    items = "".join(
        f"<ConsignmentItem><goodsItemNumber>{n}</goodsItemNumber><Commodity><descriptionOfGoods>{some.randbytes(8).hex()}"
        f"</descriptionOfGoods></Commodity><GoodsMeasure><grossMass>{some.randint(1, 99_999)}</grossMass></GoodsMeasure>"
        "</ConsignmentItem>"
        for n in range(count)
    )
    return message.replace(b"<HouseConsignment>", b"<HouseConsignment>" + items.encode())


def test_a_large_release_is_relayed_whole_and_packed() -> None:
    raw = with_items(LIFE["029"], 200)
    assert len(raw) > 32_768
    told = tell(NCTS, raw, FORWARDER)
    opened = [said for said in told.drafts if said.type == "cre.customs.transit_opened.v2"]
    passed = [said for said in told.drafts if said.type == "cre.customs.inspection_passed.v2"]
    for said in (*opened, *passed):
        relay = said.data["relay"]
        assert (relay["message_length"], relay["packing"]) == (len(raw), "GZIP")
        assert gzip.decompress(base64.b64decode(relay["message_b64"])) == raw
        assert hashlib.sha256(raw).hexdigest() == relay["message_sha256"]
    assert len(opened) == len(passed) == 1
    small = tell(NCTS, LIFE["029"], FORWARDER)
    assert "customs.transit_opened" in small.types, "what fits as it is stays in the first version"
    kas = Publisher("hanse", frozenset({Role.FORWARDER}))
    view = seen(
        (founded(kas, notes=[NOTE], containers=list(BOXES[:2])), stated(told, kas)),
        "hanse",
        "2026-04-01T00:00:00Z",
    )
    assert dict(view.customs)["PL"].claim.assurance is Assurance.RELAYED


def test_a_release_of_many_boxes_with_a_large_message_stays_within_the_size_of_an_event() -> None:
    raw = LIFE["029"].replace(
        goods(*BOXES[:2]).encode(), goods(*(f"QZXU{n:07}" for n in range(300))).encode()
    )
    told = tell(NCTS, with_items(raw, 1_150), FORWARDER)
    largest = max(len(made.payload) for _, made, _ in told.events)
    assert 50_000 < largest < 65_536


def test_a_message_too_large_to_relay_is_an_assertion_and_says_so() -> None:
    told = tell(NCTS, with_items(LIFE["029"], 2_000), FORWARDER)
    assert "relay" not in told.only("customs.transit_opened")
    assert told.remarked("more than an event carries also when packed").remedy
    accepted = tell(
        NCTS,
        with_items(
            LIFE["028"].replace(HOLDER.encode(), HOLDER.encode() + b"<HouseConsignment>"), 200
        ).replace(b"</ncts:CC028C>", b"</HouseConsignment></ncts:CC028C>"),
        FORWARDER,
    )
    assert "relay" not in accepted.only("customs.accepted"), "a type without a second version carries none"
    assert accepted.remarked("too large for this event")


def test_persons_in_a_relayed_message_are_pointed_out_and_relaying_can_be_switched_off() -> None:
    with_person = LIFE["045"].replace(
        b"</HolderOfTheTransitProcedure>",
        b"<ContactPerson><name>N</name></ContactPerson></HolderOfTheTransitProcedure>",
    )
    assert tell(NCTS, with_person, FORWARDER).remarked("contact persons")
    off = tell(NCTS, with_person, settings("hanse", ncts={**CUSTOMS, "relay": "none"}))
    assert "relay" not in off.only("customs.transit_closed")


def test_acceptance_joins_lrn_and_mrn() -> None:
    assert tell(NCTS, LIFE["028"], FORWARDER).only("customs.accepted")["objects"] == [BY_MRN, BY_LRN]
    without_holder = LIFE["028"].replace(HOLDER.encode(), b"")
    told = tell(NCTS, without_holder, FORWARDER)
    assert told.only("customs.accepted")["objects"] == [BY_MRN]
    assert told.remarked("holder of the procedure has no number")


@pytest.mark.parametrize("number", ["028", "060", "029"])
def test_whoever_knows_both_numbers_says_that_they_are_one(number: str) -> None:
    told = tell(NCTS, LIFE[number], FORWARDER)
    assert told.only("link.declarations_same") == {
        "jurisdiction": "PL",
        "declarations": [BY_MRN["id"], BY_LRN["id"]],
        "from": told.drafts[0].time,
    }
    alone = LIFE[number].replace(LRN.encode(), b"")
    assert "link.declarations_same" not in tell(NCTS, alone, FORWARDER).types


def test_what_was_said_of_either_number_reaches_the_notes_of_the_other() -> None:
    operator = Publisher("xaport", frozenset({Role.OPERATOR}))
    forwarder = Publisher("hanse", frozenset({Role.FORWARDER}))
    opened = founded(operator, notes=[NOTE], parties=[{"party": "hanse", "role": "forwarder"}])
    without_notes = LIFE["015"].replace(b"N722", b"N740")
    refused = ncts("051", f"<MRN>{MRN}</MRN>", prepared="2026-03-14T08:30:00")
    lodged, accepted, rejected, released = (
        stated(tell(NCTS, raw, FORWARDER), forwarder)
        for raw in (without_notes, LIFE["028"], refused, LIFE["029"])
    )
    as_of = "2026-04-01T00:00:00Z"

    def reaching(*facts: Facts) -> set[str]:
        return {_name(a.claim.milestone) for a in seen((opened, *facts), "xaport", as_of).arrivals}

    assert "customs.transit_lodged" not in reaching(lodged, rejected)
    both = reaching(lodged, rejected, accepted, released)
    assert {
        "customs.transit_lodged",
        "customs.rejected",
        "customs.accepted",
        "customs.transit_opened",
    } <= both
    named = stated(tell(NCTS, LIFE["015"], FORWARDER), forwarder)
    assert "customs.rejected" in reaching(named, rejected, accepted), "the notes stand under the LRN"


def test_customs_own_word_makes_the_numbers_one_though_nobody_named_customs() -> None:
    operator = Publisher("xaport", frozenset({Role.OPERATOR}))
    forwarder = Publisher("hanse", frozenset({Role.FORWARDER}))
    opened = founded(operator, notes=[NOTE], parties=[{"party": "hanse", "role": "forwarder"}])
    named = stated(tell(NCTS, LIFE["015"], FORWARDER), forwarder)
    own = settings("kas", ncts=CUSTOMS)
    for countries, counted in (("PL", True), ("DE", False)):
        kas = Publisher("kas", frozenset({Role.CUSTOMS}), countries=frozenset({countries}))
        told = [stated(tell(NCTS, LIFE[n], own), kas) for n in ("028", "045")]
        view = seen((opened, named, *told), "xaport", "2026-04-01T00:00:00Z")
        closed = [a.status for a in view.arrivals if _name(a.claim.milestone) == "customs.transit_closed"]
        assert closed == [ClaimStatus.COUNTED if counted else ClaimStatus.UNENGAGED]


def test_a_release_ends_the_control_before_it_opens_transit() -> None:
    told = tell(NCTS, LIFE["029"], FORWARDER)
    assert told.types == [
        "customs.inspection_passed",
        "link.declarations_same",
        "customs.transit_opened",
        "link.declaration_covers",
    ]
    assert told.only("customs.inspection_passed")["happened"] == "2026-03-14T10:59:59+01:00"
    earlier = LIFE["029"].replace(b"<date>2026-03-14</date>", b"<date>2026-03-13</date>")
    passed = tell(NCTS, earlier, FORWARDER).only("customs.inspection_passed")
    assert (passed["happened"], passed["happened_as_written"]) == ("2026-03-13T23:59:59+01:00", "2026-03-13")
    simplified = tell(NCTS, LIFE["029"].replace(b"<code>A1<", b"<code>A3<"), FORWARDER)
    assert simplified.types == ["link.declarations_same", "customs.transit_opened", "link.declaration_covers"]
    finding = tell(NCTS, LIFE["029"].replace(b"<code>A1<", b"<code>B1<"), FORWARDER)
    assert finding.only("customs.inspection_finding")["finding"] == "OTHER"
    unknown = tell(NCTS, LIFE["029"].replace(b"<code>A1<", b"<code>Z9<"), FORWARDER)
    assert unknown.unread[0].refusal.pointer == "/CC029C/ControlResult/code"
    assert "customs.transit_opened" in unknown.types


@pytest.mark.parametrize(
    ("kind", "classifier", "method"),
    [("0", "ACT", "PHYSICAL"), ("1", "ACT", "DOCUMENTS"), ("2", "PLN", "PHYSICAL")],
)
def test_a_control_decision(kind: str, classifier: str, method: str) -> None:
    raw = LIFE["060"].replace(b"<notificationType>0<", f"<notificationType>{kind}<".encode())
    data = tell(NCTS, raw, FORWARDER).only("customs.selected_for_inspection")
    assert (data["classifier"], data["method"]) == (classifier, method)


def test_a_control_of_an_unknown_kind() -> None:
    unknown = LIFE["060"].replace(b"<type>40<", b"<type>44<")
    told = tell(NCTS, unknown, FORWARDER)
    assert "method" not in told.only("customs.selected_for_inspection")
    assert told.remarked("'44' has no method").where.path == "/CC060C/TypeOfControls"
    chosen = settings("hanse", ncts={**CUSTOMS, "TypeOfControls 44": "SCAN"})
    assert tell(NCTS, unknown, chosen).only("customs.selected_for_inspection")["method"] == "SCAN"
    assert tell(NCTS, LIFE["060"], FORWARDER).only("customs.selected_for_inspection")["objects"] == [BY_MRN]
    by_lrn = LIFE["060"].replace(OPERATION.encode(), b"")
    assert tell(NCTS, by_lrn, FORWARDER).only("customs.selected_for_inspection")["objects"] == [BY_LRN]
    strange = tell(NCTS, LIFE["060"].replace(b"notificationType>0<", b"notificationType>7<"), FORWARDER)
    assert strange.unread[0].refusal.pointer == "/CC060C/TransitOperation/notificationType"


def test_no_release_rejects_the_declaration() -> None:
    raw = ncts(
        "051",
        f"{OPERATION}<declarationSubmissionDateAndTime>2026-03-14T08:00:00</declarationSubmissionDateAndTime>"
        "<noReleaseMotivationCode>G1</noReleaseMotivationCode>",
    )
    told = tell(NCTS, raw, FORWARDER)
    assert "declaration_covers" in told.remarked("by its MRN alone").remedy
    data = told.only("customs.rejected")
    assert (data["reason"], data["remark"]) == ("OTHER", "noReleaseMotivationCode G1")
    assert data["happened"] == "2026-03-14T10:00:00+01:00"


@pytest.mark.parametrize(
    ("indicator", "types"),
    [("1", ["customs.transit_closed"]), ("3", ["customs.transit_closed"]), ("4", ["customs.held"])],
)
def test_a_release_at_destination(indicator: str, types: list[str]) -> None:
    raw = LIFE["025"].replace(b"<releaseIndicator>1<", f"<releaseIndicator>{indicator}<".encode())
    assert tell(NCTS, raw, FORWARDER).types == types


@pytest.mark.parametrize("indicator", ["2", "9"])
def test_a_partial_release_is_for_a_person_to_say(indicator: str) -> None:
    raw = LIFE["025"].replace(b"<releaseIndicator>1<", f"<releaseIndicator>{indicator}<".encode())
    told = tell(NCTS, raw, FORWARDER)
    assert not told.drafts
    assert told.unread[0].refusal.pointer == "/CC025C/TransitOperation/releaseIndicator"


def test_unloading_remarks_are_the_traders_own_claim_about_its_containers() -> None:
    told = tell(NCTS, LIFE["044"], FORWARDER)
    data = told.only("movement.unloaded")
    assert [o["id"] for o in data["objects"]] == list(BOXES[:2])
    assert (data["place"], data["happened"]) == ("locode:DEDUI", "2026-03-16T09:30:00+01:00")
    assert "relay" not in data
    undeclared = tell(NCTS, LIFE["044"])
    assert "DE004605" in undeclared.unread[0].refusal.remedy
    no_box = LIFE["044"].replace(b"containerIdentificationNumber", b"containerIdentification")
    told = tell(NCTS, no_box, FORWARDER)
    assert "names no container" in told.unread[0].refusal.detail
    assert told.remarked("containerIdentification is not known")


def test_broken_seals_and_differences_at_unloading() -> None:
    seals = "<Seal><sequenceNumber>1</sequenceNumber><identifier>TL 778</identifier></Seal>"
    raw = ncts(
        "044",
        OPERATION,
        "<UnloadingRemark><conform>0</conform><unloadingCompletion>0</unloadingCompletion>"
        "<unloadingDate>2026-03-15</unloadingDate><stateOfSeals>0</stateOfSeals></UnloadingRemark>"
        + goods(BOXES[0], note="", seals=seals),
        office="DE004605",
    )
    told = tell(NCTS, raw, FORWARDER)
    assert told.types == ["movement.seal_broken"]
    data = told.only("movement.seal_broken")
    assert (data["cause"], data["seals"], data["happened"]) == (
        "FOUND_BROKEN",
        ["TL 778"],
        "2026-03-15T12:00:00+01:00",
    )
    assert told.remarked("do not conform")
    assert told.remarked("Only the day is given")
    calm = raw.replace(b"<stateOfSeals>0<", b"<stateOfSeals>1<")
    assert tell(NCTS, calm, FORWARDER).passed_over[0].reason == "Unloading is not complete."
    odd = raw.replace(b"<stateOfSeals>0<", b"<stateOfSeals>9<").replace(b"Completion>0<", b"Completion>1<")
    assert tell(NCTS, odd, FORWARDER).unread[0].refusal.pointer == "/CC044C/UnloadingRemark/stateOfSeals"


def test_only_notes_that_can_be_found_again_are_linked() -> None:
    def linked(note: str, kind: str) -> list[str]:
        raw = ncts(
            "043", OPERATION, goods(BOXES[0], note=note, kind=kind), office="DE004605", sender="NTA.DE"
        )
        told = tell(NCTS, raw, FORWARDER)
        found = [said.data["notes"] for said in told.drafts if said.type == "cre.link.declaration_covers.v1"]
        if not found:
            assert told.remarked("No rail consignment note").remedy
        return found[0] if found else []

    assert linked("PL/02580/70268-8/2026", "N720") == ["CIM/PL/02580/70268-8/2026"]
    assert linked("CN/XAY/200020/2026", "N722") == [NOTE]
    assert linked("CIMSMGS/CN/XAY/200020/2026", "N720") == ["CIMSMGS/CN/XAY/200020/2026"]
    assert linked("70268-8", "N720") == []
    assert linked(NOTE, "N705") == []
    assert linked("", "N720") == []


def test_more_containers_than_one_event_may_name() -> None:
    boxes = [f"QZXU{n:07}" for n in range(300)]
    raw = ncts("043", OPERATION, goods(*boxes), office="DE004605", sender="NTA.DE")
    told = tell(NCTS, raw, FORWARDER)
    permitted = [said for said in told.drafts if said.type == "cre.customs.unloading_permitted.v2"]
    assert [len(said.data["objects"]) for said in permitted] == [256, 46]
    assert [o["id"] for said in permitted for o in said.data["objects"][1:]] == boxes


def test_doubtful_numbers_are_remarked_and_kept() -> None:
    wrong = LIFE["029"].replace(MRN.encode(), MRN[:-1].encode() + b"7").replace(BOXES[0].encode(), b"WGPCGR")
    told = tell(NCTS, wrong, FORWARDER)
    assert told.only("customs.transit_opened")["objects"][1] == {"kind": "container", "id": "WGPCGR"}
    assert told.remarked("check digit disagrees: MRN")
    assert told.remarked("Not in a known form: container")
    odd = tell(NCTS, LIFE["045"].replace(MRN.encode(), b"string"), FORWARDER)
    assert odd.only("customs.transit_closed")["objects"] == [{"kind": "declaration", "id": "PL/STRING"}]
    assert odd.remarked("Not in a known form: MRN")


def test_a_message_is_of_a_country_never_of_the_union() -> None:
    (refused,) = tell(NCTS, LIFE["015"].replace(b"PL301010", b"00301010"), FORWARDER).unread
    assert "begins with a country" in refused.refusal.detail
    northern = tell(NCTS, LIFE["015"].replace(b"PL301010", b"XI000142"), FORWARDER)
    assert northern.only("customs.transit_lodged")["jurisdiction"] == "GB"
    odd = LIFE["045"].replace(MRN.encode(), b"string").replace(b"PL301010", b"00301010")
    (refused,) = tell(NCTS, odd.replace(b"DE004605", b"00004605"), FORWARDER).unread
    assert "begins with a country" in refused.refusal.detail


def test_the_time_of_a_message_is_on_the_declared_clock() -> None:
    warsaw = settings("hanse", zones={"ncts": railnet.zone("Europe/Kyiv")}, ncts=CUSTOMS)
    told = tell(NCTS, LIFE["045"], warsaw)
    assert told.drafts[0].time == "2026-03-17T06:00:00+02:00"
    assert told.only("customs.transit_closed")["happened_as_written"] == "2026-03-17"


@pytest.mark.parametrize("procedure", [("T2F", "T2"), ("TIR", "TIR"), ("T", "OTHER"), ("gJ", "OTHER")])
def test_kinds_of_procedure(procedure: tuple[str, str]) -> None:
    written, meant = procedure
    raw = LIFE["015"].replace(b"<declarationType>T1<", f"<declarationType>{written}<".encode())
    told = tell(NCTS, raw, FORWARDER)
    assert told.only("customs.transit_lodged")["procedure"] == meant
    assert told.meaning(f"declarationType {written}") == (meant, "guess" if written == "gJ" else "read")


@pytest.mark.parametrize(
    ("number", "missing", "where"),
    [
        ("015", "LRN", "/CC015C/TransitOperation/LRN"),
        ("029", "MRN", "/CC029C/TransitOperation/MRN"),
        ("045", "writeOffDate", "/CC045C/TransitOperation/writeOffDate"),
        ("028", "preparationDateAndTime", "/CC028C/preparationDateAndTime"),
        ("028", "messageIdentification", "/CC028C/messageIdentification"),
        ("025", "messageSender", "/CC025C/messageSender"),
    ],
)
def test_what_is_missing_is_named(number: str, missing: str, where: str) -> None:
    raw = LIFE[number].replace(f"<{missing}>".encode(), f"<x{missing}>".encode())
    told = tell(NCTS, raw.replace(f"</{missing}>".encode(), f"</x{missing}>".encode()), FORWARDER)
    assert not told.drafts
    assert told.unread[0].refusal.pointer == where
    assert told.remarked(f"x{missing} is not known")


def test_a_contradiction_between_name_and_type_is_remarked() -> None:
    raw = LIFE["045"].replace(b"<messageType>CC045C<", b"<messageType>CC029C<")
    assert tell(NCTS, raw, FORWARDER).remarked("the element counts")


def test_other_messages_are_refused_with_what_is_read() -> None:
    assert "of phase 4" in refusal(NCTS, b"<CC015B/>").detail
    found = refusal(NCTS, b'<ncts:CC182C xmlns:ncts="http://ncts.dgtaxud.ec"/>')
    assert found.pointer == "/CC182C"
    assert "CC029C" in found.remedy
    assert NCTS.recognise(b'<x:CC182C xmlns:x="u"/>') == 70
    assert NCTS.recognise(LIFE["045"]) == 95
    assert NCTS.recognise(b"<Envelope><TrainCompositionMessage/></Envelope>") == 0


def test_the_life_of_a_declaration_relayed_by_the_forwarder_and_signed_by_customs() -> None:
    operator = Publisher("xaport", frozenset({Role.OPERATOR}))
    forwarder = Publisher("hanse", frozenset({Role.FORWARDER}))
    kas = Publisher("kas", frozenset({Role.CUSTOMS}), countries=frozenset({"PL"}))
    opened = founded(
        operator, notes=[NOTE], containers=list(BOXES[:2]), parties=[{"party": "hanse", "role": "forwarder"}]
    )
    by_forwarder = {n: stated(tell(NCTS, raw, FORWARDER), forwarder) for n, raw in LIFE.items()}

    def after(last: str) -> dict[str, str]:
        come = list(LIFE)[: list(LIFE).index(last) + 1]
        view = seen((opened, *(by_forwarder[n] for n in come)), "xaport", "2026-04-01T00:00:00Z")
        assert {p.claim.assurance for _, p in view.customs} <= {Assurance.ASSERTED, Assurance.RELAYED}
        return {code: _name(position.claim.milestone) for code, position in view.customs}

    assert after("015") == {"PL": "customs.transit_lodged"}
    assert after("028") == {"PL": "customs.accepted"}
    assert after("060") == {"PL": "customs.selected_for_inspection"}
    assert after("029") == {"PL": "customs.transit_opened"}
    assert after("043") == {"PL": "customs.transit_opened", "DE": "customs.unloading_permitted"}
    assert after("025") == {"PL": "customs.transit_opened", "DE": "customs.transit_closed"}
    assert after("045") == {"PL": "customs.transit_closed", "DE": "customs.transit_closed"}

    everything = (opened, *by_forwarder.values())
    view = seen(everything, "xaport", "2026-04-01T00:00:00Z")
    assert view.exceptions == ()
    assert view.disputes == ()
    assert dict(view.customs)["PL"].claim.assurance is Assurance.RELAYED
    held = seen((opened, *(by_forwarder[n] for n in ("015", "028", "060"))), "xaport", "2026-04-01T00:00:00Z")
    assert len(held.exceptions) == 1

    signed = stated(tell(NCTS, LIFE["045"], settings("kas", ncts=CUSTOMS)), kas)
    view = seen((*everything, signed), "xaport", "2026-04-01T00:00:00Z")
    polish = {
        a.claim.publisher: a.claim.assurance
        for a in view.arrivals
        if a.claim.jurisdiction == "PL" and a.claim.milestone == 1301
    }
    assert polish == {"hanse": Assurance.RELAYED, "kas": Assurance.SIGNED_BY_AUTHORITY}
    lodged = [a.claim.assurance for a in view.arrivals if a.claim.milestone == 1009]
    assert set(lodged) == {Assurance.ASSERTED}


def _name(number: int) -> str:
    return by_number(number).name


def test_several_messages_in_one_file_are_read_in_order() -> None:
    both = b"<batch>" + b"".join(LIFE[n].split(b"?>", 1)[1] for n in ("028", "045")) + b"</batch>"
    assert tell(NCTS, both, FORWARDER).types == [
        "customs.accepted",
        "link.declarations_same",
        "customs.transit_closed",
    ]


def test_a_release_that_is_said_to_be_invalidated_too_makes_no_fact() -> None:
    raw = LIFE["029"]
    end = raw.rindex(b"</")
    told = tell(
        NCTS, raw[:end] + b"<Invalidation><decision>1</decision></Invalidation>" + raw[end:], FORWARDER
    )
    assert not told.drafts
    assert "Invalidation" in told.unread[0].refusal.detail
    indicator = LIFE["025"].replace(
        b"</releaseIndicator>", b"</releaseIndicator><releaseIndicator>4</releaseIndicator>"
    )
    told = tell(NCTS, indicator, FORWARDER)
    assert not told.drafts
    assert "stands twice" in told.unread[0].refusal.detail


@pytest.mark.parametrize(
    "envelope",
    ["<Rejected>{}</Rejected>", "<b:Queue xmlns:b='u'><TestMessage>true</TestMessage>{}</b:Queue>"],
)
def test_an_envelope_that_may_take_its_message_back_is_refused(envelope: str) -> None:
    bare = LIFE["029"].decode().partition("?>")[2]
    assert "may take the message back" in refusal(NCTS, envelope.format(bare).encode()).detail
    harmless = envelope.replace("Rejected", "Envelope").replace(">true<", ">false<").format(bare).encode()
    assert "customs.transit_opened" in tell(NCTS, harmless, FORWARDER).types
