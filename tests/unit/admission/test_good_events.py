"""What is admitted, under each scheme, and what admission says about it."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Any

import pytest

from schemas import railnet
from schemas.envelope import event_id, signed_bytes
from schemas.schemes import Scheme
from schemas.signing import Verifier, sign_batch
from services.domain.facts import Assurance
from services.ledger.admission.evaluation import evaluate
from services.ledger.admission.model import COUNTRIES_SINCE, RULES, Admitted, Record, Refused, Verified
from services.ledger.admission.verification import verify_many, verify_record
from services.producers.formats.gzip_file import pack


@pytest.mark.parametrize("scheme", [Scheme.ED25519, Scheme.ED25519_BATCH, Scheme.ECDSA_P256_SHA256])
def test_an_event_is_admitted_under_the_scheme_of_its_key(network: Any, scheme: Scheme) -> None:
    record = network.record(scheme=scheme)
    admitted = network.judge(record)
    assert isinstance(admitted, Admitted)
    assert admitted.party.code == "ktz"
    assert admitted.key.scheme is scheme
    assert admitted.event == event_id("urn:cre:ktz", "arr-1")
    signed = signed_bytes("demo", admitted.envelope, record.value)
    assert admitted.content == hashlib.sha256(signed).digest()[:16]
    assert admitted.facts.contents == {(admitted.event, admitted.content)}
    (claim,) = admitted.facts.claims
    assert (claim.publisher, claim.place, claim.territorial) == ("ktz", "railnet:dostyk", True)
    assert claim.assurance is Assurance.SIGNED_BY_AUTHORITY
    assert admitted.remarks == ()


def test_through_the_gateway_any_party_may_write(network: Any) -> None:
    assert isinstance(network.judge(network.record(topic="cre.gateway.v1")), Admitted)


def test_a_wrong_check_digit_is_remarked_and_not_refused(network: Any) -> None:
    boxes = [{"kind": "container", "id": id} for id in ("CSQU3054384", "CSQU3054385", "CSQU3054383")]
    admitted = network.judge(network.record(network.payload(objects=boxes)))
    assert isinstance(admitted, Admitted)
    assert [(each.code, each.pointer, each.found) for each in admitted.remarks] == [
        ("iso6346.check_digit", "/objects/0/id", "CSQU3054384"),
        ("iso6346.check_digit", "/objects/1/id", "CSQU3054385"),
    ]


def test_a_link_and_a_replacement_are_remarked_on_too(network: Any) -> None:
    link = {
        "salt": "0" * 32,
        "from": "2026-03-01T00:00:00Z",
        "wagon": "1520/94567898",
        "containers": ["CSQU3054384"],
        "place": "railnet:dostyk",
    }
    admitted = network.judge(network.record(link, type="cre.link.wagon_loaded.v1"))
    assert isinstance(admitted, Admitted)
    assert [each[:3] for each in admitted.remarks] == [
        ("iso6346.check_digit", "/containers/0", "CSQU3054384")
    ]
    corrected = {
        "salt": "1" * 32,
        "target": "arr-0",
        "reason": "WRONG_OBJECT",
        "replacement": {
            "type": "cre.movement.arrived.v1",
            "data": network.payload(objects=[{"kind": "container", "id": "CSQU3054384"}]),
        },
    }
    admitted = network.judge(network.record(corrected, type="cre.correction.corrected.v1"))
    assert isinstance(admitted, Admitted)
    at = "/replacement/data/objects/0/id"
    assert [each[:3] for each in admitted.remarks] == [("iso6346.check_digit", at, "CSQU3054384")]
    (withdrawal,) = admitted.facts.withdrawals
    assert withdrawal.target == event_id("urn:cre:ktz", "arr-0")


def test_outside_its_territory_a_railway_only_asserts(network: Any) -> None:
    admitted = network.judge(network.record(network.payload(place="locode:PLMAA")))
    assert isinstance(admitted, Admitted)
    (claim,) = admitted.facts.claims
    assert (claim.territorial, claim.assurance) == (False, Assurance.ASSERTED)


def test_a_relayed_message_must_be_what_its_digest_says(network: Any) -> None:
    message = b"telegram 17, as received"
    relay = {
        "authority": "kgd",
        "message_sha256": hashlib.sha256(message).hexdigest(),
        "message_b64": b64encode(message).decode(),
    }
    assert isinstance(network.judge(network.record(network.payload(relay=relay))), Admitted)
    forged = relay | {"message_sha256": "0" * 64}
    record = network.record(network.payload(relay=forged))
    assert network.refusal(record) == ("INVALID_SCHEMA", "/relay/message_sha256")
    loose = relay | {"message_b64": relay["message_b64"][:-1] + "="}
    record = network.record(network.payload(relay=loose))
    assert network.refusal(record)[0] == "INVALID_SCHEMA"


OPENED = "cre.customs.transit_opened.v2"


def test_a_packed_message_must_unpack_to_what_its_digest_and_length_say(network: Any) -> None:
    message = b"<CC029C>the release, as received</CC029C>" * 1_000
    relay = {
        "authority": "kgd",
        "message_sha256": hashlib.sha256(message).hexdigest(),
        "message_b64": b64encode(pack(message)).decode(),
        "message_length": len(message),
        "packing": "GZIP",
    }
    said = network.payload(
        jurisdiction="KZ", procedure="EAEU", objects=[{"kind": "declaration", "id": "KZ/1"}], place=None
    )

    def judged(**changes: Any) -> Any:
        return network.record({**said, "relay": relay | changes}, type=OPENED)

    admitted = network.judge(judged())
    assert isinstance(admitted, Admitted)
    assert {claim.assurance for claim in admitted.facts.claims} == {Assurance.RELAYED}
    for changes, where in (
        ({"message_sha256": "0" * 64}, "message_sha256"),
        ({"message_length": len(message) - 1}, "message_b64"),
        ({"message_length": 2**20 + 1}, "message_length"),
        ({"packing": "NONE"}, "message_b64"),
        ({"message_b64": b64encode(message[:300]).decode()}, "message_b64"),
        ({"packing": "ZIP"}, "packing"),
    ):
        assert network.refusal(judged(**changes)) == ("INVALID_SCHEMA", f"/relay/{where}")
    bare = {"packing": "NONE", "message_b64": b64encode(message[:300]).decode(), "message_length": 300}
    plain = bare | {"message_sha256": hashlib.sha256(message[:300]).hexdigest()}
    assert isinstance(network.judge(judged(**plain)), Admitted)
    first = {k: v for k, v in plain.items() if k == "message_b64" or k == "message_sha256"}
    older = {**said, "relay": {"authority": "kgd", **first}}
    assert isinstance(network.judge(network.record(older, type=OPENED.replace("v2", "v1"))), Admitted)


def test_the_publishers_clock_may_lag_for_years_and_run_five_minutes_ahead(network: Any) -> None:
    assert isinstance(network.judge(network.record(time="2019-01-01T00:00:00Z")), Admitted)
    assert isinstance(network.judge(network.record(time="2026-03-05T09:35:00Z")), Admitted)
    assert network.refusal(network.record(time="2026-03-05T09:35:00.001Z")) == (
        "CLOCK_SKEW",
        "header:ce_time",
    )


def test_a_batch_is_verified_in_order_with_its_refusals_in_place(network: Any) -> None:
    key = network.keys[Scheme.ED25519_BATCH]
    plain = [network.record(id=f"arr-{i}") for i in range(20)]
    envelopes = [network.envelope(id=f"arr-{i}") for i in range(20)]
    signed = [signed_bytes("demo", e, r.value) for e, r in zip(envelopes, plain, strict=True)]
    records = [
        Record(
            r.topic,
            r.partition,
            i,
            r.append_ms,
            [*e.to_headers(), ("lianyun-signature", h.encode())],
            r.value,
        )
        for i, (r, e, h) in enumerate(zip(plain, envelopes, sign_batch(key, signed), strict=True))
    ]
    records[7] = records[7]._replace(value=records[7].value.replace(b"ACT", b"EST"))
    verifier = Verifier()
    answers = verify_many(records, network.registry, network.settings, verifier)
    assert [isinstance(answer, Verified) for answer in answers] == [i != 7 for i in range(20)]
    assert [answer.record.offset for answer in answers] == list(range(20))
    assert isinstance(answers[7], Refused)
    assert answers[7].reason == "BAD_SIGNATURE"
    admitted = [evaluate(answer, network.registry) for answer in answers if isinstance(answer, Verified)]
    assert all(isinstance(answer, Admitted) for answer in admitted)


def test_a_fault_of_ours_is_not_taken_for_a_fault_of_the_publisher(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in the fold must reach the batch, which isolates the event; admission must not swallow it."""

    def planted(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("services.ledger.admission.evaluation.interpret", planted)
    record = network.record()
    with pytest.raises(ZeroDivisionError):
        network.judge(record)
    refused = Refused.internal(record, ZeroDivisionError("planted"), "ktz", b"\x00" * 16)
    assert (refused.reason, refused.detail) == ("INTERNAL_ERROR", "ZeroDivisionError: planted")


def test_a_union_as_jurisdiction_is_refused_now_and_read_as_it_was_admitted(network: Any) -> None:
    union = network.payload(jurisdiction="EU", place=None)
    record = network.record(union, type="cre.customs.prior_information_lodged.v1")
    assert network.refusal(record) == ("INVALID_SCHEMA", "/jurisdiction")
    verified = verify_record(record, network.registry, network.settings)
    assert isinstance(verified, Verified)
    for rules in range(1, RULES + 1):
        outcome = evaluate(verified, network.registry, rules)
        assert isinstance(outcome, Admitted if rules < COUNTRIES_SINCE else Refused)
    earlier = evaluate(verified, network.registry, COUNTRIES_SINCE - 1)
    assert isinstance(earlier, Admitted)
    (claim,) = earlier.facts.claims
    assert (claim.jurisdiction, railnet.customs_union(claim.jurisdiction)) == ("EU", "EU")


def test_a_wrong_station_a_bare_train_and_a_fact_to_come_are_admitted_and_remarked(network: Any) -> None:
    doubtful = network.payload(
        happened="2026-03-07T14:20:00+05:00", place="esr:100001", objects=[{"kind": "train", "id": "1402"}]
    )
    admitted = network.judge(network.record(doubtful))
    assert isinstance(admitted, Admitted)
    assert [each[:2] for each in admitted.remarks] == [
        ("time.future", "/happened"),
        ("place.unknown", "/place"),
        ("train.form", "/objects/0/id"),
    ]
    (claim,) = admitted.facts.claims
    assert (claim.place, claim.thing.key) == ("esr:100001", "1402")
