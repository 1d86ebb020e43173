"""Every kind of bad input that a partner, a fault or an attacker may send: refused with its reason and its place.

Each record is signed rightly over what it carries unless the test is about the signature itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import schemas
from schemas.envelope import HEADERS, event_id, signed_bytes
from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing import SigningKey, sign
from services.ledger.admission.evaluation import evaluate
from services.ledger.admission.model import AdmissionSettings, Admitted, Record, Refused
from services.ledger.admission.verification import verify_record
from services.ledger.registry.events import KeyAdded, KeyRevoked, KeyRotated, NewKey
from services.ledger.registry.fold import fold
from services.ledger.registry.possession import proven
from tests.unit.admission.conftest import key_event, party

SIGNATURE = "header:lianyun-signature"
START, APPENDED = 1_767_225_600_000_000, 1_772_703_000_000_000  # 2026-01-01T00:00:00Z, 2026-03-05T09:30:00Z


def header(record: Record, name: str) -> bytes:
    return next(value for key, value in record.headers if key == name and value is not None)


def with_header(record: Record, name: str, value: bytes | None) -> Record:
    return record._replace(headers=[(key, value if key == name else old) for key, old in record.headers])


def without(record: Record, name: str) -> Record:
    return record._replace(headers=[pair for pair in record.headers if pair[0] != name])


def text_of(network: Any, **changes: Any) -> str:
    return json.dumps(network.payload(**changes), separators=(",", ":"))


# --- who said it ------------------------------------------------------------------------------------------------------


def test_unsigned(network: Any) -> None:
    assert network.refusal(without(network.record(), "lianyun-signature")) == ("UNSIGNED", SIGNATURE)


def test_a_key_that_nobody_registered(network: Any) -> None:
    stranger = SigningKey.from_seed(Scheme.ED25519, b"\x77" * 32)
    assert network.refusal(network.record(key=stranger)) == ("UNKNOWN_KEY", SIGNATURE)


def test_a_signature_by_another_key_under_the_right_key_id(network: Any) -> None:
    stranger = SigningKey.from_seed(Scheme.ED25519, b"\x77" * 32)
    forged = header(network.record(key=stranger), "lianyun-signature").split(b";")
    forged[2] = network.keys[Scheme.ED25519].key_id.encode()
    record = with_header(network.record(), "lianyun-signature", b";".join(forged))
    assert network.refusal(record) == ("BAD_SIGNATURE", SIGNATURE)


def test_another_partys_key_under_this_partys_source(network: Any) -> None:
    assert network.refusal(network.record(key=network.other_key)) == ("WRONG_SOURCE", "header:ce_source")


@pytest.mark.parametrize(
    "source", ["urn:cre:kgd", "urn:cre:nobody", "urn:cre:ktz/", "URN:CRE:KTZ", "urn:cre:kt"]
)
def test_a_source_that_is_not_the_keys_partys(network: Any, source: str) -> None:
    assert network.refusal(network.record(source=source)) == ("WRONG_SOURCE", "header:ce_source")


@pytest.mark.parametrize("topic", ["cre.customs.kgd.v1", "cre.railway.ktz.v2", ""])
def test_another_partys_topic(network: Any, topic: str) -> None:
    assert network.refusal(network.record(topic=topic)) == ("WRONG_TOPIC", "topic")


def test_what_was_signed_rightly_is_found_by_its_event_though_the_topic_or_the_clock_is_wrong(
    network: Any,
) -> None:
    for record in (
        network.record(topic="cre.customs.kgd.v1"),
        network.record(time="2026-03-05T10:00:00Z"),
    ):
        refused = network.judge(record)
        assert refused.event == event_id("urn:cre:ktz", "arr-1")
    stranger = network.record(topic="cre.customs.kgd.v1", key=network.other_key)
    assert network.judge(stranger).event is None


@pytest.mark.parametrize(
    ("time", "spoken"),
    [
        ("2026-03-05T09:35:01Z", "5.02 minutes"),
        ("2026-03-05T12:00:00Z", "2.5 hours"),
        ("2099-01-01T00:00:00Z", "72.8 years"),
    ],
)
def test_how_far_a_clock_is_ahead_is_given_in_units_that_people_use(
    network: Any, time: str, spoken: str
) -> None:
    refused = network.judge(network.record(time=time))
    assert refused.reason == "CLOCK_SKEW"
    assert f"published {spoken} after the broker took it; 5 minutes are allowed" in refused.detail


def test_a_revoked_key_from_the_moment_of_revocation_on(network: Any) -> None:
    key = network.keys[Scheme.ED25519].key_id
    network.events.append(KeyRevoked(key=key, revoked_at=APPENDED))
    assert network.refusal(network.record()) == ("KEY_REVOKED", SIGNATURE)
    assert isinstance(network.judge(network.record(appended="2026-03-05T09:29:59Z")), Admitted)


def test_a_compromised_key_from_the_moment_of_compromise_on_under_each_of_its_ids(network: Any) -> None:
    key = network.keys[Scheme.ED25519].key_id
    network.events.append(KeyRevoked(key=key, revoked_at=APPENDED + 10**9, compromised_since=APPENDED))
    assert network.refusal(network.record()) == ("KEY_REVOKED", SIGNATURE)
    assert isinstance(network.judge(network.record(appended="2026-03-05T09:29:59.999Z")), Admitted)


def test_a_key_whose_window_begins_beyond_every_calendar(network: Any) -> None:
    new = SigningKey.from_seed(Scheme.ED25519, b"\x0a" * 32)
    network.events.append(KeyAdded(party="ktz", key=proven(new, "demo", "ktz", not_before=2**62 - 1)))
    assert network.refusal(network.record(key=new)) == ("KEY_NOT_YET_VALID", SIGNATURE)


def test_an_expired_key_and_one_not_yet_valid(network: Any) -> None:
    old = network.keys[Scheme.ED25519]
    new = SigningKey.from_seed(Scheme.ED25519, b"\x0a" * 32)
    window = NewKey(scheme=new.scheme, public_key=new.public_key.hex(), not_before=APPENDED - 1_000)
    network.events.append(KeyRotated(party="ktz", old=old.key_id, old_until=APPENDED, key=window))
    assert network.refusal(network.record(key=old)) == ("KEY_EXPIRED", SIGNATURE)
    before = network.record(key=new, appended="2026-03-05T09:29:59Z")
    assert network.refusal(before) == ("KEY_NOT_YET_VALID", SIGNATURE)
    assert isinstance(network.judge(network.record(key=new)), Admitted)
    assert (
        "at 2026-03-05T09:30:00Z: its window ended at 2026-03-05T09:30:00Z"
        in network.judge(network.record(key=old)).detail
    )
    assert (
        "at 2026-03-05T09:29:59Z: its window begins at 2026-03-05T09:29:59.999000Z"
        in network.judge(before).detail
    )
    overlap = "2026-03-05T09:29:59.999Z"
    assert isinstance(network.judge(network.record(key=old, appended=overlap)), Admitted)
    assert isinstance(network.judge(network.record(key=new, appended=overlap)), Admitted)


def test_the_window_is_held_against_the_brokers_time_and_not_the_publishers(network: Any) -> None:
    key = network.keys[Scheme.ED25519].key_id
    network.events.append(KeyRevoked(key=key, revoked_at=APPENDED))
    backdated = network.record(time="2026-02-01T00:00:00Z")
    assert network.refusal(backdated) == ("KEY_REVOKED", SIGNATURE)


def test_a_demo_signature_in_prod(network: Any) -> None:
    assert network.refusal(network.record(network="demo"), network="prod") == ("BAD_SIGNATURE", SIGNATURE)
    batch = network.record(network="demo", scheme=Scheme.ED25519_BATCH)
    assert network.refusal(batch, network="prod") == ("BAD_SIGNATURE", SIGNATURE)
    assert isinstance(network.judge(network.record(network="prod"), network="prod"), Admitted)


@pytest.mark.parametrize("other", ["ecdsa-p256-sha256", "ed25519-batch", "sm2-sm3", "none", "ED25519", ""])
def test_the_scheme_swapped(network: Any, other: str) -> None:
    fields = header(network.record(), "lianyun-signature").split(b";")
    fields[1] = other.encode()
    if other == "ed25519-batch":
        fields += header(network.record(scheme=Scheme.ED25519_BATCH), "lianyun-signature").split(b";")[4:]
    record = with_header(network.record(), "lianyun-signature", b";".join(fields))
    known = other in ("ecdsa-p256-sha256", "ed25519-batch")
    assert network.refusal(record) == ("SCHEME_MISMATCH" if known else "UNSUPPORTED_SCHEME", SIGNATURE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_type", b"cre.movement.departed.v1"),
        ("ce_id", b"arr-2"),
        ("ce_time", b"2026-03-05T09:21:01Z"),
        ("ce_time", b"2026-03-05T09:21:00+00:00"),
        ("ce_subject", b""),
        ("ce_subject", b"TGHU1234567"),
        ("content-type", b"application/json; charset=utf-8"),
    ],
)
def test_an_attribute_swapped_after_signing(network: Any, name: str, value: bytes) -> None:
    assert network.refusal(with_header(network.record(), name, value)) == ("BAD_SIGNATURE", SIGNATURE)


def test_an_absent_subject_is_not_an_empty_one(network: Any) -> None:
    assert network.refusal(without(network.record(), "ce_subject"))[0] == "BAD_SIGNATURE"


@pytest.mark.parametrize("scheme", [Scheme.ED25519, Scheme.ED25519_BATCH, Scheme.ECDSA_P256_SHA256])
def test_every_byte_flipped(network: Any, scheme: Scheme) -> None:
    """One bit in each byte of the value and of each header value: never admitted, whatever it turns into."""
    record = network.record(scheme=scheme)
    for at in range(len(record.value)):
        flipped = bytearray(record.value)
        flipped[at] ^= 1 << at % 8
        assert network.refusal(record._replace(value=bytes(flipped))) == ("BAD_SIGNATURE", SIGNATURE)
    reasons = set()
    for name, value in record.headers:
        for at in range(len(value)):
            flipped = bytearray(value)
            flipped[at] ^= 1 << at % 8
            reason, pointer = network.refusal(with_header(record, name, bytes(flipped)))
            assert pointer.startswith("header:")
            reasons.add(reason)
    assert {
        "BAD_SIGNATURE",
        "MALFORMED_SIGNATURE",
        "UNKNOWN_KEY",
        "INVALID_HEADER",
    } <= reasons
    assert "WRONG_SOURCE" not in reasons, "who signed is judged before whose the source is"


def test_every_cut_of_the_signature_header(network: Any) -> None:
    record = network.record(scheme=Scheme.ED25519_BATCH)
    value = header(record, "lianyun-signature")
    for length in range(len(value)):
        reason, pointer = network.refusal(with_header(record, "lianyun-signature", value[:length]))
        # The path of a batch of one is empty, so only the last field may be missing nothing.
        assert (reason, pointer) in {("MALFORMED_SIGNATURE", SIGNATURE), ("UNSUPPORTED_SCHEME", SIGNATURE)}


# --- the record and its headers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"])
def test_a_missing_header(network: Any, name: str) -> None:
    assert network.refusal(without(network.record(), name)) == ("MISSING_HEADER", f"header:{name}")


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "lianyun-signature", "ce_subject", "content-type"])
def test_a_header_twice(network: Any, name: str) -> None:
    record = network.record()
    again = record._replace(headers=[*record.headers, (name, header(record, name))])
    assert network.refusal(again) == ("DUPLICATE_HEADER", f"header:{name}")


@pytest.mark.parametrize("name", ["ce_id", "ce_subject", "ce_time", "lianyun-signature"])
@pytest.mark.parametrize("value", [None, b"\xff\xfe", b"a\x00b", b"\xed\xa0\x80", b"x" * 2_000])
def test_a_header_that_cannot_be_read(network: Any, name: str, value: bytes | None) -> None:
    reason, pointer = network.refusal(with_header(network.record(), name, value))
    assert reason in {"INVALID_HEADER", "MALFORMED_SIGNATURE", "INVALID_TIME"}
    assert pointer == f"header:{name}"


def test_too_many_and_too_large_headers(network: Any) -> None:
    record = network.record()
    many = record._replace(headers=[*record.headers, *(("x", b"") for _ in range(60))])
    assert network.refusal(many) == ("TOO_LARGE", "headers")
    large = record._replace(headers=[*record.headers, ("x", b"x" * 16_384)])
    assert network.refusal(large) == ("TOO_LARGE", "headers")
    others = record._replace(headers=[*record.headers, ("traceparent", b"00-1-2-01"), ("x", None)])
    assert isinstance(network.judge(others), Admitted)


def test_a_null_value(network: Any) -> None:
    assert network.refusal(network.record()._replace(value=None)) == ("NULL_VALUE", "")


def test_64_kib_and_one_byte(network: Any) -> None:
    body = text_of(network)
    whole = body[:-1] + " " * (65_536 - len(body)) + "}"
    assert isinstance(network.judge(network.record(whole.encode())), Admitted)
    assert network.refusal(network.record((whole + " ").encode())) == ("TOO_LARGE", "")


# --- when it was said ---------------------------------------------------------------------------------------------------


def test_a_clock_two_days_ahead(network: Any) -> None:
    assert network.refusal(network.record(time="2026-03-07T09:30:00Z")) == ("CLOCK_SKEW", "header:ce_time")


BAD_TIMES = [
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "1969-12-31T23:59:59Z",
    "2026-03-05T09:21:60Z",
    "2016-12-31T23:59:60Z",
    "2026-03-05T09:21:00+24:00",
    "2026-03-05T09:21:00",
    "2026-03-05 09:21:00Z",
    "2026-02-30T09:21:00Z",
    "2026-03-05T24:00:00Z",
    "2026-03-05T09:21:00.1234567Z",
    "2026-03-05T09:21:00z",
    "\uff12026-03-05T09:21:00Z",
    "",
]


@pytest.mark.parametrize("time", BAD_TIMES)
def test_a_time_that_is_none_in_the_envelope(network: Any, time: str) -> None:
    record = with_header(network.record(), "ce_time", time.encode())
    reason, pointer = network.refusal(record)
    assert reason in {"INVALID_TIME", "INVALID_HEADER"}
    assert pointer == "header:ce_time"


@pytest.mark.parametrize("time", BAD_TIMES)
def test_a_time_that_is_none_in_the_payload(network: Any, time: str) -> None:
    record = network.record(network.payload(happened=time))
    assert network.refusal(record) == ("INVALID_TIME", "/happened")


# --- what it says -------------------------------------------------------------------------------------------------------


def _twice(text: str) -> str:
    return text[:-1] + ',"place":"railnet:altynkol"}'


def _inner_twice(text: str) -> str:
    return text.replace('"kind":"container"', '"kind":"container","kind":"wagon"')


@pytest.mark.parametrize(
    ("spoil", "pointer"),
    [
        (_twice, ""),
        (_inner_twice, "/objects/0"),
        (lambda t: t[:-1] + ',"n":NaN}', "/n"),
        (lambda t: t[:-1] + ',"n":-Infinity}', "/n"),
        (lambda t: t[:-1] + ',"n":9007199254740993}', "/n"),
        (lambda t: t[:-1] + f',"n":{"9" * 5_000}}}', "/n"),
        (lambda t: t[:-1] + ',"n":1e999}', "/n"),
        (lambda t: t.replace("CSQU3054383", "CSQU\\u00003054383"), "/objects/0/id"),
        (lambda t: t.replace("CSQU3054383", "CSQU\\ud800"), "/objects/0/id"),
        (lambda t: t[:-1] + ',"x\\u0000":1}', ""),
        (lambda t: t[:-1], ""),
        (lambda t: t + "x", ""),
        (lambda t: t + t, ""),
        (lambda _: "", ""),
        (lambda _: "\ufeff{}", ""),
        (lambda t: t[:-1] + f',"n":{"[" * 30_000}{"]" * 30_000}}}', ""),
        (lambda _: "[" * 65_536, ""),
        (lambda t: t[:-1] + f',"n":{"[" * 32}{"]" * 32}}}', ""),
        (lambda t: t.replace('"', "'"), ""),
    ],
)
def test_json_that_has_no_single_meaning(network: Any, spoil: Callable[[str], str], pointer: str) -> None:
    record = network.record(spoil(text_of(network)).encode())
    assert network.refusal(record) == ("INVALID_JSON", pointer)


def test_100_000_levels_of_nesting_end_at_the_size(network: Any) -> None:
    assert network.refusal(network.record(b"[" * 100_000)) == ("TOO_LARGE", "")


@pytest.mark.parametrize("raw", [b"\xff", b'{"a":"\xc3"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xc0\x80"}'])
def test_invalid_utf8(network: Any, raw: bytes) -> None:
    assert network.refusal(network.record(raw)) == ("INVALID_JSON", "")


@pytest.mark.parametrize("raw", [b"null", b"[]", b'"x"', b"17", b"true"])
def test_json_that_is_no_object(network: Any, raw: bytes) -> None:
    assert network.refusal(network.record(raw)) == ("INVALID_SCHEMA", "")


@pytest.mark.parametrize(
    ("type_", "reason"),
    [
        ("cre.movement.arrived.v2", "UNKNOWN_VERSION"),
        ("cre.movement.arrived.v99999", "UNKNOWN_VERSION"),
        ("cre.movement.teleported.v1", "UNKNOWN_TYPE"),
        ("cre.movement.arrived", "UNKNOWN_VERSION"),
        ("com.example.ping", "UNKNOWN_TYPE"),
        ("x", "UNKNOWN_TYPE"),
    ],
)
def test_an_unknown_type_or_version(network: Any, type_: str, reason: str) -> None:
    assert network.refusal(network.record(b"not even json", type=type_)) == (reason, "header:ce_type")


def test_a_type_that_the_publishers_role_may_not_say(network: Any) -> None:
    record = network.record({"salt": "0" * 32}, type="cre.link.consignment_opened.v1")
    assert network.refusal(record) == ("ROLE_NOT_ALLOWED", "header:ce_type")


def test_a_replacement_is_no_way_around_the_role(network: Any) -> None:
    founding = {
        "salt": "0" * 32,
        "from": "2026-03-01T08:00:00+08:00",
        "reference": "CRE-1",
        "parties": [],
    }
    corrected = {
        "salt": "1" * 32,
        "target": "arr-0",
        "reason": "OTHER",
        "replacement": {"type": "cre.link.consignment_opened.v1", "data": founding},
    }
    record = network.record(corrected, type="cre.correction.corrected.v1")
    assert network.refusal(record) == ("ROLE_NOT_ALLOWED", "/replacement/type")
    corrected["replacement"] = {"type": "cre.movement.arrived.v1", "data": network.payload(happened="noon")}
    record = network.record(corrected, type="cre.correction.corrected.v1")
    assert network.refusal(record) == ("INVALID_TIME", "/replacement/data/happened")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"salt": None}, "/salt"),
        ({"salt": "XX"}, "/salt"),
        ({"place": None}, "/place"),
        ({"place": "Dostyk"}, "/place"),
        ({"classifier": "MAYBE"}, "/classifier"),
        ({"classifier": 1}, "/classifier"),
        ({"objects": []}, "/objects"),
        ({"objects": [{"kind": "ship", "id": "1"}]}, "/objects/0/kind"),
        ({"objects": [{"kind": "container", "id": " CSQU3054383"}]}, "/objects/0/id"),
        ({"objects": [{"kind": "container", "id": "\u202ecSQU"}]}, "/objects/0/id"),
        ({"objects": [{"kind": "container", "id": 3054383}]}, "/objects/0/id"),
        ({"objects": [{"kind": "container", "id": "A"}] * 257}, "/objects"),
        ({"objects": [{"kind": "declaration", "id": "KZ/1"}]}, "/objects/0/kind"),
        ({"driver": "a person"}, "/driver"),
        ({"remark": "x" * 201}, "/remark"),
    ],
)
def test_a_payload_against_its_schema(network: Any, changes: dict[str, Any], pointer: str) -> None:
    assert network.refusal(network.record(network.payload(**changes))) == ("INVALID_SCHEMA", pointer)


def test_verification_comes_before_parsing(network: Any) -> None:
    """Whoever is not proven to be a partner learns nothing about what he sent, and costs no parser."""
    bomb = b"[" * 65_536
    record = network.record()._replace(value=bomb)
    assert network.refusal(record)[0] == "BAD_SIGNATURE"
    answer = network.judge(record)
    assert isinstance(answer, Refused)
    assert answer.event is None


def test_a_refusal_names_whom_it_is_put_down_to(network: Any) -> None:
    def whose(record: Record) -> tuple[str, bool]:
        answer = network.judge(record)
        assert isinstance(answer, Refused)
        return answer.publisher, answer.event is not None

    bad = network.payload(classifier="MAYBE")
    assert whose(network.record(bad)) == ("ktz", True)
    assert whose(network.record(bad, topic="cre.gateway.v1")) == ("ktz", True)
    assert whose(without(network.record(), "ce_id")) == ("ktz", False)
    assert whose(without(network.record(topic="cre.gateway.v1"), "ce_id")) == ("cre.gateway.v1", False)
    # Whoever may write to a topic answers for it: a forged header cannot put garbage down to another party.
    framed = network.record(topic="cre.customs.kgd.v1")
    assert whose(framed) == ("kgd", True)


def test_the_same_signature_on_another_payload(network: Any) -> None:
    one, two = network.record(), network.record(network.payload(place="railnet:altynkol"))
    assert network.refusal(one._replace(value=two.value))[0] == "BAD_SIGNATURE"


def test_a_leaf_of_another_batch_is_not_in_this_one(network: Any) -> None:
    key = network.keys[Scheme.ED25519_BATCH]
    mine = network.record(scheme=Scheme.ED25519_BATCH)
    foreign = sign(key, signed_bytes("demo", network.envelope(id="arr-9"), mine.value))
    record = with_header(mine, "lianyun-signature", foreign.encode())
    assert network.refusal(record) == ("BAD_SIGNATURE", SIGNATURE)


@pytest.mark.parametrize(
    "id",
    ["arr-1\u202e", "arr\u200b-1", "arr\u061c-1", " arr-1", "arre\u0301-1", "arr\ue000-1", "arr\u00a0-1"],
)
def test_an_id_that_cannot_be_told_from_another_by_looking(network: Any, id: str) -> None:
    record = network.record(id=id)
    assert network.refusal(record) == ("INVALID_HEADER", "header:ce_id")
    answer = network.judge(record)
    assert isinstance(answer, Refused)
    assert (answer.publisher, answer.event is not None) == ("ktz", True)
    verified = verify_record(record, network.registry, network.settings)
    assert isinstance(evaluate(verified, network.registry, 1), Admitted), (
        "what was admitted before stays as it is"
    )


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"objects": [{"kind": "booking", "id": "xian-port/B\u061c1"}]}, "/objects/0/id"),
        ({"objects": [{"kind": "booking", "id": "xian-port/B\u00ad1"}]}, "/objects/0/id"),
        ({"occurrence": "leg\U000e0041"}, "/occurrence"),
        ({"remark": "late\u061c"}, "/remark"),
    ],
)
def test_a_text_that_cannot_be_told_from_another_by_looking(
    network: Any, changes: dict[str, Any], pointer: str
) -> None:
    assert network.refusal(network.record(network.payload(**changes))) == ("INVALID_SCHEMA", pointer)
    assert isinstance(
        network.judge(network.record(network.payload(remark="ok \u2714\ufe0f, 12\u00a0t"))), Admitted
    )


VECTORS = json.loads(
    (Path(schemas.__file__).parent / "published" / "signing-vectors.json").read_text("utf-8")
)


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["name"])
def test_admission_gives_the_reason_that_the_published_vector_gives(case: Any) -> None:
    keys = [
        SigningKey.from_seed(Scheme(key["scheme"]), bytes.fromhex(key["seed"])) for key in VECTORS["keys"]
    ]
    registry = fold([party("ktz", Role.RAILWAY), *(key_event("ktz", key) for key in keys)])
    headers = [(HEADERS[name], value.encode()) for name, value in case["attributes"].items()]
    signed = [*headers, ("lianyun-signature", case["header"].encode())]
    record = Record("cre.railway.ktz.v1", 0, 0, APPENDED // 1_000, signed, case["payload"].encode())
    settings = AdmissionSettings(case["network"])
    judged = verify_record(record, registry, settings)
    assert isinstance(judged, Refused)
    assert judged.reason == case["reason"]
