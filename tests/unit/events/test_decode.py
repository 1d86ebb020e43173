"""Decoding: what is refused, with which reason, where, and what the publisher is told to do."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.events.catalogue import CATALOGUE
from schemas.events.correction import Corrected
from schemas.events.decode import decode_payload
from schemas.events.movement import Departed, HandedOver
from schemas.events.vocabulary import Classifier, ObjectKind
from schemas.publishing.examples import example
from schemas.reasons import Reason, Refusal

DEPARTED = "cre.movement.departed.v1"
CORRECTED = "cre.correction.corrected.v1"
COVERS = "cre.link.note_covers.v1"
INVALID = Reason.INVALID_SCHEMA


def refusal(type_: str, value: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        decode_payload(type_, value if isinstance(value, bytes) else orjson.dumps(value))
    return caught.value


def test_a_valid_event_keeps_what_was_written() -> None:
    payload = decode_payload(DEPARTED, orjson.dumps(example(DEPARTED)))
    assert isinstance(payload, Departed)
    assert payload.classifier is Classifier.ACT
    assert payload.happened == "2026-03-05T14:20:00+05:00"
    assert payload.happened_micros == 1_772_702_400_000_000
    assert (payload.objects[0].kind, payload.objects[0].key) == (ObjectKind.CONTAINER, "CSQU3054383")


def test_payloads_are_frozen_and_equal_by_value() -> None:
    raw = orjson.dumps(example(DEPARTED))
    one, two = decode_payload(DEPARTED, raw), decode_payload(DEPARTED, raw)
    assert one == two
    with pytest.raises(ValueError, match="frozen"):
        one.salt = "0" * 32  # type: ignore[misc]


def test_a_wrong_check_digit_is_no_reason_to_refuse() -> None:
    value = {**example(DEPARTED), "objects": [{"kind": "container", "id": "CSQU3054380"}]}
    assert decode_payload(DEPARTED, orjson.dumps(value))


@pytest.mark.parametrize(
    ("change", "reason", "pointer"),
    [
        ({"salt": "0" * 31}, INVALID, "/salt"),
        ({"salt": "A" * 32}, INVALID, "/salt"),
        ({"classifier": "act"}, INVALID, "/classifier"),
        ({"classifier": ["ACT"]}, INVALID, "/classifier"),
        ({"happened": "2026-03-05T14:20:00"}, Reason.INVALID_TIME, "/happened"),
        ({"happened": "2026-02-30T14:20:00Z"}, Reason.INVALID_TIME, "/happened"),
        ({"happened": "2026-03-05T14:20:60Z"}, Reason.INVALID_TIME, "/happened"),
        ({"happened": "2026-03-05T14:20:00+24:00"}, Reason.INVALID_TIME, "/happened"),
        ({"happened": "0001-03-05T14:20:00Z"}, Reason.INVALID_TIME, "/happened"),
        ({"happened": "9999-03-05T14:20:00Z"}, Reason.INVALID_TIME, "/happened"),
        ({"happened": "2026-03-05T14:20:00Z\n"}, Reason.INVALID_TIME, "/happened"),
        ({"happened": 1_772_702_400}, INVALID, "/happened"),
        ({"place": "Dostyk"}, INVALID, "/place"),
        ({"place": None}, INVALID, "/place"),
        ({"occurrence": "x" * 65}, INVALID, "/occurrence"),
        ({"objects": []}, INVALID, "/objects"),
        ({"objects": [{"kind": "container", "id": "A"}] * 257}, INVALID, "/objects"),
        ({"objects": {"kind": "container", "id": "A"}}, INVALID, "/objects"),
        (
            {"objects": [{"kind": "container", "id": "A"}, {"kind": "declaration", "id": "CN/1"}]},
            INVALID,
            "/objects/1/kind",
        ),
        ({"objects": [{"kind": 4, "id": "A"}]}, INVALID, "/objects/0/kind"),
        ({"objects": [{"kind": "ship", "id": "A"}]}, INVALID, "/objects/0/kind"),
        ({"objects": [{"kind": "container", "id": ""}]}, INVALID, "/objects/0/id"),
        ({"objects": [{"kind": "container", "id": " A"}]}, INVALID, "/objects/0/id"),
        ({"objects": [{"kind": "container", "id": "A\u202eB"}]}, INVALID, "/objects/0/id"),
        ({"objects": [{"kind": "container", "id": "A" * 129}]}, INVALID, "/objects/0/id"),
        ({"remark": "x" * 201}, INVALID, "/remark"),
        ({"remark": "\x1b[2J"}, INVALID, "/remark"),
        ({"relay": {"authority": "kgd"}}, INVALID, "/relay/message_sha256"),
        ({"driver": "n/a"}, INVALID, "/driver"),
        ({"a/b~c": 1}, INVALID, "/a~1b~0c"),
    ],
)
def test_the_first_error_has_its_reason_and_place(
    change: dict[str, Any], reason: Reason, pointer: str
) -> None:
    refused = refusal(DEPARTED, {**example(DEPARTED), **change})
    assert (refused.reason, refused.pointer) == (reason, pointer)
    assert refused.detail.endswith(".")


@pytest.mark.parametrize("field", ["salt", "classifier", "happened", "place", "objects"])
def test_a_missing_field_is_named(field: str) -> None:
    value = example(DEPARTED)
    del value[field]
    refused = refusal(DEPARTED, value)
    assert (refused.reason, refused.pointer, refused.remedy) == (INVALID, f"/{field}", "Add the field.")


@pytest.mark.parametrize("raw", [b"[]", b"null", b"1", b'"x"'])
def test_a_payload_that_is_no_object(raw: bytes) -> None:
    assert (refusal(DEPARTED, raw).reason, refusal(DEPARTED, raw).pointer) == (INVALID, "")


@pytest.mark.parametrize(
    ("type_", "reason"),
    [
        ("cre.movement.departed.v2", Reason.UNKNOWN_VERSION),
        ("cre.movement.departed.v01", Reason.UNKNOWN_VERSION),
        ("cre.movement.departed", Reason.UNKNOWN_VERSION),
        ("cre.movement.teleported.v1", Reason.UNKNOWN_TYPE),
        ("", Reason.UNKNOWN_TYPE),
    ],
)
def test_unknown_types_are_told_from_unknown_versions_before_parsing(type_: str, reason: Reason) -> None:
    assert refusal(type_, b"{ not json").reason is reason


def test_strict_json_comes_first() -> None:
    assert refusal(DEPARTED, b'{"salt":"a","salt":"b"}').reason is Reason.INVALID_JSON


@pytest.mark.parametrize(
    ("type_", "change", "pointer"),
    [
        ("cre.movement.gated_in.v1", {"gross_weight_kg": True}, "/gross_weight_kg"),
        ("cre.movement.gated_in.v1", {"gross_weight_kg": "21340"}, "/gross_weight_kg"),
        ("cre.movement.gated_in.v1", {"seals": "CN0417733"}, "/seals"),
        ("cre.movement.handed_over.v1", {"side": "delivering"}, "/side"),
        ("cre.movement.advance_list_sent.v1", {"classifier": "ACT"}, "/classifier"),
        ("cre.customs.released.v1", {"jurisdiction": "cn"}, "/jurisdiction"),
        ("cre.document.invoice_issued.v1", {"grand_total_amount": {"minor_units": 1.5, "currency_code": "EUR"}}, "/grand_total_amount/minor_units"),
        ("cre.document.invoice_issued.v1", {"buyer_party": {"scheme": "NAME", "id": "Li"}}, "/buyer_party/scheme"),
        ("cre.document.note_issued.v1", {"objects": [{"kind": "container", "id": "A"}]}, "/objects/0/kind"),
        (COVERS, {"covers": [{"kind": "container", "id": "CSQU3054383"}]}, "/covers/0/kind"),
        (COVERS, {"from_": "2026-03-05T14:20:00Z"}, "/from_"),
        (COVERS, {"parties": ["a1"] * 17}, "/parties"),
        ("cre.link.route_planned.v1", {"objects": [{"kind": "train", "id": "a/b/c/d"}]}, "/objects/0/kind"),
        ("cre.movement.split.v1", {"parts": [{"kind": "declaration", "id": "A"}] * 2}, "/parts/0/kind"),
    ],
)  # fmt: skip
def test_each_type_keeps_its_own_rules(type_: str, change: dict[str, Any], pointer: str) -> None:
    assert refusal(type_, {**example(type_), **change}).pointer == pointer


@pytest.mark.parametrize(
    ("type_", "field"), [(COVERS, "from"), (COVERS, "to"), ("cre.network.restriction_lifted.v1", "at"), ("cre.customs.transit_opened.v1", "time_limit")]
)  # fmt: skip
def test_every_time_must_exist(type_: str, field: str) -> None:
    refused = refusal(type_, {**example(type_), field: "2026-04-31T00:00:00Z"})
    assert (refused.reason, refused.pointer) == (Reason.INVALID_TIME, f"/{field}")


def test_an_end_before_the_start_is_refused_and_an_empty_interval_is_not() -> None:
    value = {**example(COVERS), "from": "2026-03-05T10:00:00+05:00"}
    assert refusal(COVERS, {**value, "to": "2026-03-05T04:59:59Z"}).pointer == "/to"
    assert decode_payload(COVERS, orjson.dumps({**value, "to": "2026-03-05T05:00:00Z"}))


class TestReplacement:
    """What a correction states instead is judged like an event of its own."""

    def value(self, **replacement: Any) -> dict[str, Any]:
        return {**example(CORRECTED), "replacement": replacement}

    def test_it_is_decoded(self) -> None:
        corrected = decode_payload(CORRECTED, orjson.dumps(example(CORRECTED)))
        assert isinstance(corrected, Corrected)
        assert isinstance(corrected.replacement.payload, Departed)

    def test_its_errors_are_placed_inside(self) -> None:
        inner = {**example(DEPARTED), "objects": [{"kind": "place", "id": "locode:PLMAA"}]}
        refused = refusal(CORRECTED, self.value(type=DEPARTED, data=inner))
        assert (refused.reason, refused.pointer) == (INVALID, "/replacement/data/objects/0/kind")

    def test_its_type_must_be_known(self) -> None:
        refused = refusal(CORRECTED, self.value(type="cre.movement.departed.v9", data={}))
        assert (refused.reason, refused.pointer) == (Reason.UNKNOWN_VERSION, "/replacement/type")

    def test_it_is_no_correction_itself(self) -> None:
        inner = example("cre.correction.retracted.v1")
        refused = refusal(CORRECTED, self.value(type="cre.correction.retracted.v1", data=inner))
        assert (refused.reason, refused.pointer) == (INVALID, "/replacement/type")

    def test_it_is_not_readable_where_it_was_only_validated(self) -> None:
        corrected = CATALOGUE[CORRECTED].model_validate(example(CORRECTED))
        assert isinstance(corrected, Corrected)
        with pytest.raises(ValueError, match="not decoded"):
            _ = corrected.replacement.payload


def test_both_sides_of_a_hand_over_name_the_other() -> None:
    payload = decode_payload(
        "cre.movement.handed_over.v1", orjson.dumps(example("cre.movement.handed_over.v1"))
    )
    assert isinstance(payload, HandedOver)
    assert (payload.side, payload.counterparty) == ("DELIVERING", "ktz")
