"""No change to a signed message goes unnoticed, whatever changes and however the message was signed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import SIGNATURE_HEADER, Envelope, event_id, read_headers, require_payload, signed_bytes
from schemas.merkle import MerkleTree, leaf_hash, root_from_path
from schemas.reasons import Reason, Refusal
from schemas.signature_header import BatchPlace
from schemas.signing import (
    MAX_BATCH,
    Scheme,
    SignatureHeader,
    SigningKey,
    Verifier,
    parse_header,
    sign_batch,
)

Message = tuple[list[tuple[str, bytes]], bytes]

SCHEMES = [Scheme.ED25519, Scheme.ED25519_BATCH, Scheme.ECDSA_P256_SHA256]
KEYS = {scheme: SigningKey.from_seed(scheme, bytes(range(1, 33))) for scheme in SCHEMES}
ENVELOPE = Envelope(
    "1.0",
    "e-7",
    "urn:cre:ktz",
    "cre.movement.departed.v1",
    "2026-11-03T10:11:12Z",
    "CSQU3054383",
    "application/json",
)
PAYLOAD = b'{"salt":"00112233445566778899aabbccddeeff","classifier":"ACT","objects":[{"kind":"container","id":"CSQU3054383"}]}'


def message(scheme: Scheme, network: str = "demo") -> Message:
    """The record as published; with batches, the third of five events."""
    signed = signed_bytes(network, ENVELOPE, PAYLOAD)
    position, events = (
        (2, [b"a", b"b", signed, b"d", b"e"]) if scheme is Scheme.ED25519_BATCH else (0, [signed])
    )
    header = sign_batch(KEYS[scheme], events)[position]
    return [*ENVELOPE.to_headers(), (SIGNATURE_HEADER, header.encode())], PAYLOAD


def accept(
    scheme: Scheme, received: Message, network: str = "demo", verifier: Verifier | None = None
) -> Envelope:
    """What a reader does with a record up to the signature, with one registered key."""
    headers, payload = received
    envelope, signature = read_headers(headers)
    header = parse_header(signature)
    if header.key_id != KEYS[scheme].key_id:
        raise Refusal(Reason.UNKNOWN_KEY, "no such key")
    (verifier or Verifier()).verify(
        header, KEYS[scheme].public, signed_bytes(network, envelope, require_payload(payload))
    )
    return envelope


def flips(value: bytes) -> Iterator[bytes]:
    for position in range(len(value)):
        for bit in range(8):
            yield value[:position] + bytes([value[position] ^ 1 << bit]) + value[position + 1 :]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_flipped_bit_of_headers_and_payload_is_noticed(scheme: Scheme) -> None:
    headers, payload = message(scheme)
    verifier = Verifier()
    assert accept(scheme, (headers, payload), verifier=verifier) == ENVELOPE
    tried = 0
    for place, (name, value) in enumerate(headers):
        for flipped in flips(value):
            received = [*headers[:place], (name, flipped), *headers[place + 1 :]]
            with pytest.raises(Refusal):
                accept(scheme, (received, payload), verifier=verifier)
            tried += 1
    for flipped in flips(payload):
        with pytest.raises(Refusal) as refusal:
            accept(scheme, (headers, flipped), verifier=verifier)
        assert refusal.value.reason is Reason.BAD_SIGNATURE
        tried += 1
    assert tried == 8 * (len(payload) + sum(len(value) for _, value in headers))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_cut_is_noticed(scheme: Scheme) -> None:
    headers, payload = message(scheme)
    for place, (name, value) in enumerate(headers):
        cuts = [[*headers[:place], (name, value[:end]), *headers[place + 1 :]] for end in range(len(value))]
        for received in [headers[:place] + headers[place + 1 :], *cuts]:
            with pytest.raises(Refusal):
                accept(scheme, (received, payload))
    for end in range(len(payload)):
        with pytest.raises(Refusal):
            accept(scheme, (headers, payload[:end]))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_demo_signature_is_worth_nothing_in_prod(scheme: Scheme) -> None:
    with pytest.raises(Refusal) as refusal:
        accept(scheme, message(scheme, "demo"), network="prod")
    assert refusal.value.reason is Reason.BAD_SIGNATURE
    accept(scheme, message(scheme, "prod"), network="prod")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("claimed", [*Scheme, "ed448", "none", ""])
def test_a_swapped_scheme_is_noticed(scheme: Scheme, claimed: str) -> None:
    headers, payload = message(scheme)
    value = headers[-1][1].replace(b";%s;" % scheme.encode(), b";%s;" % claimed.encode())
    if claimed == scheme:
        return
    with pytest.raises(Refusal) as refusal:
        accept(scheme, ([*headers[:-1], (SIGNATURE_HEADER, value)], payload))
    assert refusal.value.reason in (
        Reason.SCHEME_MISMATCH,
        Reason.MALFORMED_SIGNATURE,
        Reason.UNSUPPORTED_SCHEME,
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_swapped_type_source_or_id_is_noticed(scheme: Scheme) -> None:
    headers, payload = message(scheme)
    for change in (
        {"type": "cre.movement.arrived.v1"},
        {"source": "urn:cre:rzd"},
        {"id": "e-8"},
        {"subject": None},
    ):
        received = [*replace(ENVELOPE, **change).to_headers(), headers[-1]]
        with pytest.raises(Refusal) as refusal:
            accept(scheme, (received, payload))
        assert refusal.value.reason is Reason.BAD_SIGNATURE


texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=40)
ascii_texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40)
envelopes = st.builds(
    Envelope,
    specversion=st.just("1.0"),
    id=texts,
    source=ascii_texts,
    type=ascii_texts,
    time=st.sampled_from(["2026-11-03T10:11:12Z", "2026-11-03T10:11:12.000+05:00"]),
    subject=st.none() | texts,
    datacontenttype=st.sampled_from([None, "application/json"]),
)


@given(envelopes)
def test_headers_carry_every_envelope_unchanged(envelope: Envelope) -> None:
    assert Envelope.from_headers(envelope.to_headers()) == envelope


@given(envelopes, envelopes, st.binary(max_size=8), st.binary(max_size=8))
def test_signed_bytes_and_identities_are_equal_only_for_equal_events(
    one: Envelope, two: Envelope, payload: bytes, other: bytes
) -> None:
    same = (one, payload) == (two, other)
    assert (signed_bytes("demo", one, payload) == signed_bytes("demo", two, other)) is same
    assert (event_id(one.source, one.id) == event_id(two.source, two.id)) is (
        (one.source, one.id) == (two.source, two.id)
    )


@given(st.lists(st.binary(max_size=6), min_size=1, max_size=40), st.data())
def test_any_event_of_any_batch_verifies_and_no_other_does(events: list[bytes], data: st.DataObject) -> None:
    key = KEYS[Scheme.ED25519_BATCH]
    headers = [parse_header(text.encode()) for text in sign_batch(key, events)]
    index = data.draw(st.integers(0, len(events) - 1))
    Verifier().verify(headers[index], key.public, events[index])
    stranger = data.draw(st.binary(max_size=6).filter(lambda event: event != events[index]))
    with pytest.raises(Refusal):
        Verifier().verify(headers[index], key.public, stranger)


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=70), st.data())
def test_a_mutated_path_leads_nowhere(entries: list[bytes], data: st.DataObject) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    tree = MerkleTree.over(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = list(tree.path(index))
    assert root_from_path(leaves[index], index, len(leaves), path) == tree.root
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        bit = data.draw(st.integers(0, 255))
        path[at] = (int.from_bytes(path[at]) ^ 1 << bit).to_bytes(32)
        assert root_from_path(leaves[index], index, len(leaves), path) != tree.root


places = st.integers(1, MAX_BATCH).flatmap(
    lambda size: st.builds(
        BatchPlace,
        st.just(size),
        st.integers(0, size - 1),
        st.binary(min_size=32, max_size=32),
        st.integers(0, 8).flatmap(lambda n: st.binary(min_size=32 * n, max_size=32 * n)),
    )
)
key_ids = st.binary(min_size=8, max_size=8).map(bytes.hex)
signatures = st.binary(min_size=64, max_size=64)
headers_of_one = st.builds(
    SignatureHeader, st.sampled_from([Scheme.ED25519, Scheme.SM2_SM3]), key_ids, signatures
)
headers_of_batches = st.builds(SignatureHeader, st.just(Scheme.ED25519_BATCH), key_ids, signatures, places)


@given(headers_of_one | headers_of_batches)
def test_headers_read_back_as_written(header: SignatureHeader) -> None:
    assert parse_header(header.render().encode()) == header


@given(headers_of_one | headers_of_batches, st.data())
def test_whatever_reads_as_a_header_is_its_only_spelling(
    header: SignatureHeader, data: st.DataObject
) -> None:
    value = bytearray(header.render().encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(value) - 1))
        value[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b"A", b"=", b";", b"0", b" ", b"\n"])
        )
    try:
        read = parse_header(bytes(value))
    except Refusal:
        return
    assert read.render().encode() == value


@given(st.binary(max_size=80))
def test_garbage_is_a_refusal_and_nothing_else(value: bytes) -> None:
    with pytest.raises(Refusal):
        parse_header(value)
    with pytest.raises(Refusal):
        read_headers(
            [("ce_specversion", b"1.0"), ("ce_id", value), ("ce_time", value), (SIGNATURE_HEADER, value)]
        )
