"""The signing specification and its vectors: fresh, right by an independent reader, and refused where they say so."""

import base64
import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from schemas.envelope import HEADERS, SIGNATURE_HEADER, read_headers, require_payload, signed_bytes
from schemas.events.decode import decode_payload
from schemas.publishing.signing_vectors import registry_of, signing_vectors
from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import parse_micros
from schemas.signing import Scheme, parse_header, verify

PUBLISHED = Path(__file__).resolve().parents[3] / "schemas" / "published"
VECTORS: dict[str, Any] = json.loads((PUBLISHED / "signing-vectors.json").read_text(encoding="utf-8"))
EVENTS = {event["name"]: event for event in VECTORS["events"]}
KEYS = {key["key_id"]: key for key in VECTORS["keys"]}
SIGNATURES = [
    *VECTORS["signatures"],
    *({"key_id": batch["key_id"], **event} for batch in VECTORS["batches"] for event in batch["events"]),
]


def receive(message: dict[str, Any], header: str) -> None:
    """Read a vector as a verifier does, with the vectors' keys as registry; raise Refusal as it would."""
    headers = [(HEADERS[name], value.encode()) for name, value in message["attributes"].items()]
    envelope, signature = read_headers([*headers, (SIGNATURE_HEADER, header.encode())])
    parsed = parse_header(signature)
    key = registry_of(VECTORS).get(parsed.key_id)
    if key is None:
        raise Refusal(Reason.UNKNOWN_KEY, parsed.key_id)
    verify(
        parsed, key, signed_bytes(message["network"], envelope, require_payload(message["payload"].encode()))
    )


def laid_out(message: dict[str, Any]) -> bytes:
    """Section 2 of the specification, written a second time."""
    out = bytearray(b"lianyun-event-v1\n")
    attributes = {"network": message["network"], **message["attributes"]}
    for name in ("network", "specversion", "source", "id", "type", "time", "subject", "datacontenttype"):
        value = attributes.get(name)
        if value is None:
            out += b"\0"
        else:
            out += b"\1" + len(value.encode()).to_bytes(4) + value.encode()
    payload = message["payload"].encode()
    return bytes(out + len(payload).to_bytes(4) + payload)


def signed_by(key: dict[str, str], signature: bytes, message: bytes) -> None:
    """Section 3, with another library than the product's for Ed25519; raises when the signature is wrong."""
    raw = bytes.fromhex(key["public_key"])
    if key["scheme"] == "ecdsa-p256-sha256":
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
        point.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    else:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)


def test_the_published_vectors_are_fresh() -> None:
    assert signing_vectors() == VECTORS, "run `make schemas`"


def test_key_ids_follow_the_specification() -> None:
    assert {key["scheme"] for key in VECTORS["keys"]} == set(Scheme) - {Scheme.SM2_SM3}
    for key in VECTORS["keys"]:
        digest = hashlib.sha256(key["scheme"].encode() + b"\0" + bytes.fromhex(key["public_key"])).hexdigest()
        assert key["key_id"] == digest[:16]


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_events_follow_the_specification(event: dict[str, Any]) -> None:
    signed = laid_out(event)
    source, id = event["attributes"]["source"].encode(), event["attributes"]["id"].encode()
    identity = len(source).to_bytes(4) + source + len(id).to_bytes(4) + id
    assert event["signed_bytes"] == signed.hex()
    assert event["content_digest"] == hashlib.sha256(signed).hexdigest()[:32]
    assert event["event_id"] == hashlib.sha256(identity).hexdigest()[:32]
    decode_payload(event["attributes"]["type"], event["payload"].encode())


@pytest.mark.parametrize(
    "case", SIGNATURES, ids=[f"{case['header'][:24]} {case['event']}" for case in SIGNATURES]
)
def test_signatures_follow_the_specification(case: dict[str, Any]) -> None:
    event, key = EVENTS[case["event"]], KEYS[case["key_id"]]
    receive(event, case["header"])
    version, scheme, key_id, signature, *place = case["header"].split(";")
    assert (version, scheme, key_id) == ("v1", key["scheme"], key["key_id"])
    message = laid_out(event)
    if place:
        size, index = int(place[0]), int(place[1])
        root, path = base64.b64decode(place[2]), base64.b64decode(place[3])
        node, last = hashlib.sha256(b"\0" + message).digest(), size - 1
        while last > 0:
            if index % 2 or index < last:
                beside, path = path[:32], path[32:]
                pair = beside + node if index % 2 else node + beside
                node = hashlib.sha256(b"\1" + pair).digest()
            index, last = index // 2, last // 2
        assert (node, path) == (root, b"")
        message = b"lianyun-ed25519-batch-v1\n" + size.to_bytes(4) + root
    signed_by(key, base64.b64decode(signature), message)


def test_batches_follow_the_specification() -> None:
    assert [batch["size"] for batch in VECTORS["batches"]] == [1, 3, 5]
    for batch in VECTORS["batches"]:
        assert len(batch["events"]) == batch["size"]
        assert batch["signed_bytes"].endswith(f"{batch['size']:08x}{batch['root']}")
        for event in batch["events"]:
            leaf = hashlib.sha256(b"\0" + laid_out(EVENTS[event["event"]])).hexdigest()
            assert event["leaf_hash"] == leaf


@pytest.mark.parametrize("case", VECTORS["refused"], ids=[case["name"] for case in VECTORS["refused"]])
def test_each_mutation_is_refused_for_its_reason(case: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refusal:
        receive(case, case["header"])
    assert refusal.value.reason == case["reason"]


def test_mutations_are_many_and_named_once() -> None:
    names = [case["name"] for case in VECTORS["refused"]]
    assert len(names) == len(set(names)) > 90
    right = {case["header"] for case in SIGNATURES}
    unchanged = [
        c["name"]
        for c in VECTORS["refused"]
        if c["header"] in right
        and laid_out(c).hex() in {event["signed_bytes"] for event in VECTORS["events"]}
    ]
    assert unchanged == []


def test_salts_and_times_follow_the_specification() -> None:
    for salt in VECTORS["salts"]:
        parts = (part.encode() for part in (salt["source"], salt["record_key"]))
        message = b"lianyun-salt-v1\n" + b"".join(len(part).to_bytes(4) + part for part in parts)
        assert salt["salt"] == hmac.digest(bytes.fromhex(salt["secret"]), message, "sha256")[:16].hex()
    for time in VECTORS["times"]:
        assert parse_micros(time["text"]) == time["micros"]
    for text in VECTORS["times_refused"]:
        with pytest.raises(Refusal):
            parse_micros(text)


def test_the_specification_shows_the_vectors() -> None:
    text = (PUBLISHED / "signing.md").read_text(encoding="utf-8")
    shown = [line for line in text.splitlines() if line.startswith("v1;")]
    vectors = {case["header"] for case in SIGNATURES if case["event"] == "no subject"}
    assert len(shown) == 3
    assert set(shown) <= vectors
    dump = text[text.index("6c69616e") :].split("```")[0]
    shown_bytes = "".join(re.sub("[ .]", "", line.split("#")[0]) for line in dump.splitlines())
    assert EVENTS["no subject"]["signed_bytes"].startswith(shown_bytes)
    assert len(shown_bytes) > 300
    reasons = set(re.findall(r"\b[A-Z]+_[A-Z_]+\b|UNSIGNED", text)) - {"HMAC_SHA"}
    assert reasons <= set(Reason)
    assert {case["reason"] for case in VECTORS["refused"]} <= reasons


def test_proofs_of_possession_follow_the_specification() -> None:
    """Section 9, written a second time and verified with another library."""
    assert [case["replaced_signature"] is not None for case in VECTORS["possession"]] == [False] * 3 + [
        True,
        False,
    ]
    for case in VECTORS["possession"]:
        message = b"lianyun-key-possession-v1\n"
        for name in (
            "network", "party", "purpose", "scheme", "key_id", "public_key", "not_before", "not_after", "replaces",
        ):  # fmt: skip
            value = None if case[name] is None else str(case[name]).encode()
            message += b"\0" if value is None else b"\1" + len(value).to_bytes(4) + value
        assert case["signed_bytes"] == message.hex()
        for header in filter(None, (case["signature"], case["replaced_signature"])):
            _, scheme, key_id, signature, *place = header.split(";")
            assert key_id == (case["key_id"] if header == case["signature"] else case["replaces"])
            assert scheme == KEYS[key_id]["scheme"]
            signed = message
            if place:
                root = hashlib.sha256(b"\0" + message).digest()
                assert place == ["1", "0", base64.b64encode(root).decode(), ""]
                signed = b"lianyun-ed25519-batch-v1\n" + (1).to_bytes(4) + root
            signed_by(KEYS[key_id], base64.b64decode(signature), signed)
