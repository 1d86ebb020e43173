"""The worked vectors of the signing specification: valid messages, and mutations with the expected refusals.

All follows from constants, so generation is deterministic; the keys are public and worthless.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from schemas.document_instruction import Instruction
from schemas.envelope import HEADERS, Envelope, content_digest, event_id, signed_bytes
from schemas.merkle import MerkleTree, leaf_hash
from schemas.possession import PURPOSE, Statement
from schemas.reasons import Reason
from schemas.rfc3339 import parse_micros
from schemas.schemes import P256_ORDER
from schemas.signing import PublicKey, Scheme, SigningKey, batch_bytes, derive_salt, sign, sign_batch

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@dataclass(frozen=True, slots=True)
class Case:
    """One message with its signature header, and why it is refused (None while it is still right)."""

    name: str
    network: str
    envelope: Envelope
    payload: str
    header: str
    reason: Reason | None


def mutations(right: Mapping[Scheme, Case], keys: Mapping[Scheme, SigningKey]) -> Iterator[Case]:
    """Yield one refused case per mutation of the right cases; `keys` are the registered ones, by scheme."""
    for scheme, case in right.items():
        for changed in _messages(case):
            yield replace(changed, name=f"{scheme.value}: {changed.name}", reason=Reason.BAD_SIGNATURE)
        for name, header, reason in _headers(case.header):
            yield replace(case, name=f"{scheme.value}: {name}", header=header, reason=reason)
    for name, scheme, header, reason in (
        *_schemes(right, keys),
        *_ed25519(right[Scheme.ED25519].header),
        *_ecdsa(right[Scheme.ECDSA_P256_SHA256].header),
        *_batch(right[Scheme.ED25519_BATCH].header),
    ):
        yield replace(right[scheme], name=f"{scheme.value}: {name}", header=header, reason=reason)


def _messages(case: Case) -> Iterator[Case]:
    """Changes of what was signed, under the signature of the original."""
    yield replace(case, name="network swapped", network="prod")
    for name, change in {
        "type swapped": {"type": "cre.movement.arrived.v1"},
        "source swapped": {"source": "urn:cre:rzd"},
        "id swapped": {"id": "dep-9999"},
        "time written differently": {"time": "2026-03-05T09:31:07Z"},
        "subject removed": {"subject": None},
        "content type removed": {"datacontenttype": None},
    }.items():
        yield replace(case, name=name, envelope=replace(case.envelope, **change))  # type: ignore[arg-type]
    yield replace(case, name="payload bit flipped", payload=case.payload.replace("ACT", "ACU"))
    yield replace(case, name="payload written again with spaces", payload=case.payload.replace(",", ", "))
    yield replace(case, name="payload truncated", payload=case.payload[:-1])


def _headers(header: str) -> Iterator[tuple[str, str, Reason]]:
    """Changes of the header's text that concern every scheme alike."""
    version, scheme, key_id, signature, *rest = header.split(";")

    def spelt(text: str) -> str:
        return ";".join((version, scheme, key_id, text, *rest))

    raw = b64decode(signature)
    malformed = Reason.MALFORMED_SIGNATURE
    loose = signature[:-3] + _ALPHABET[_ALPHABET.index(signature[-3]) + 1] + "=="
    flipped = raw[:10] + bytes([raw[10] ^ 1]) + raw[11:]
    yield "signature bit flipped", spelt(b64encode(flipped).decode()), Reason.BAD_SIGNATURE
    yield "signature truncated", spelt(b64encode(raw[:-1]).decode()), malformed
    yield "signature lengthened", spelt(b64encode(raw + b"\x00").decode()), malformed
    yield "base64 without padding", spelt(signature.rstrip("=")), malformed
    yield "base64 with loose bits", spelt(loose), malformed
    yield "base64 with a line break", spelt(signature[:40] + "\n" + signature[40:]), malformed
    yield "base64 of the URL alphabet", spelt(urlsafe_b64encode(b"\xff" * 64).decode()), malformed
    yield "key id in capitals", header.replace(key_id, "ABCDEF0123456789"), malformed
    yield "key id of nobody", header.replace(key_id, "0123456789abcdef"), Reason.UNKNOWN_KEY
    yield "preceding space", " " + header, malformed
    yield "trailing line break", header + "\n", malformed
    yield "trailing field", header + ";", malformed
    yield "fields missing", f"{version};{scheme};{key_id}", malformed
    yield "format v2", "v2" + header[2:], Reason.UNSUPPORTED_SCHEME
    yield "scheme of nobody", header.replace(scheme, "ed448"), Reason.UNSUPPORTED_SCHEME


def _schemes(
    right: Mapping[Scheme, Case], keys: Mapping[Scheme, SigningKey]
) -> Iterator[tuple[str, Scheme, str, Reason]]:
    """A header that claims another scheme than its key has."""
    single, batch, p256 = Scheme.ED25519, Scheme.ED25519_BATCH, Scheme.ECDSA_P256_SHA256
    header = right[single].header
    yield "scheme swapped", single, header.replace(single, p256), Reason.SCHEME_MISMATCH
    yield (
        "scheme swapped for a reserved one",
        single,
        header.replace(single, Scheme.SM2_SM3),
        Reason.UNSUPPORTED_SCHEME,
    )
    yield "scheme swapped", p256, right[p256].header.replace(p256, single), Reason.SCHEME_MISMATCH
    yield "scheme swapped", batch, right[batch].header.replace(batch, single), Reason.MALFORMED_SIGNATURE
    other = right[batch].header.replace(keys[batch].key_id, keys[single].key_id)
    yield "key id of the same curve key under another scheme", batch, other, Reason.SCHEME_MISMATCH


def _ed25519(header: str) -> Iterator[tuple[str, Scheme, str, Reason]]:
    start, signature = header.rsplit(";", 1)
    raw = b64decode(signature)
    s = int.from_bytes(raw[32:], "little") + ED25519_ORDER
    text = b64encode(raw[:32] + s.to_bytes(32, "little")).decode()
    yield "S not reduced", Scheme.ED25519, f"{start};{text}", Reason.BAD_SIGNATURE


def _ecdsa(header: str) -> Iterator[tuple[str, Scheme, str, Reason]]:
    start, signature = header.rsplit(";", 1)
    raw = b64decode(signature)
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    der = b64encode(encode_dss_signature(r, s)).decode()
    for name, pair in {"high s": (r, P256_ORDER - s), "r zero": (0, s), "s zero": (r, 0)}.items():
        text = b64encode(pair[0].to_bytes(32) + pair[1].to_bytes(32)).decode()
        yield name, Scheme.ECDSA_P256_SHA256, f"{start};{text}", Reason.BAD_SIGNATURE
    yield "DER instead of r and s", Scheme.ECDSA_P256_SHA256, f"{start};{der}", Reason.MALFORMED_SIGNATURE


def _batch(header: str) -> Iterator[tuple[str, Scheme, str, Reason]]:
    """Changes of the place in the batch; the right one is leaf 0 of 3."""
    start, size, index, root, path = header.rsplit(";", 4)
    hashes = b64decode(path)
    flipped = b64encode(bytes([hashes[0] ^ 1]) + hashes[1:]).decode()
    swapped = b64encode(hashes[32:] + hashes[:32]).decode()
    bad, malformed = Reason.BAD_SIGNATURE, Reason.MALFORMED_SIGNATURE
    for name, place, reason in (
        ("path bit flipped", (size, index, root, flipped), bad),
        ("path in the wrong order", (size, index, root, swapped), bad),
        ("path with a hash missing", (size, index, root, b64encode(hashes[:32]).decode()), bad),
        ("path with a hash too many", (size, index, root, b64encode(hashes + hashes[:32]).decode()), bad),
        ("path truncated inside a hash", (size, index, root, b64encode(hashes[:-1]).decode()), malformed),
        ("index of the neighbour", (size, "1", root, path), bad),
        ("index outside the batch", (size, "3", root, path), malformed),
        ("index with a leading zero", (size, "00", root, path), malformed),
        ("size that fits the same path", ("4", index, root, path), bad),
        ("size 0", ("0", index, root, path), malformed),
        ("size 257", ("257", index, root, path), malformed),
        ("root swapped for a hash of the path", (size, index, b64encode(hashes[:32]).decode(), path), bad),
        ("root truncated", (size, index, b64encode(b64decode(root)[:-1]).decode(), path), malformed),
        ("place missing", (), malformed),
    ):
        yield name, Scheme.ED25519_BATCH, ";".join((start, *place)), reason


Json = dict[str, Any]

NETWORK: Final = "demo"
BATCH_SIZES: Final = (1, 3, 5)
SALT_SECRET: Final = hashlib.sha256(b"lianyun signing vectors: salt secret").digest()
TIMES: Final = (
    "1970-01-01T00:00:00Z",
    "2026-03-05T14:20:00+05:00",
    "2026-03-05T14:20:00.25-03:30",
    "2100-12-31T23:59:59.999999Z",
)
BAD_TIMES: Final = (
    "2026-03-05T14:20:00",
    "2026-03-05 14:20:00Z",
    "2026-03-05T14:20:60Z",
    "2026-03-05T14:20:00.1234567Z",
    "2026-03-05T14:20:00+24:00",
    "2026-02-29T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
)


@dataclass(frozen=True, slots=True)
class _Example:
    name: str
    envelope: Envelope
    payload: str


def signing_vectors() -> Json:
    """Return the whole file `signing-vectors.json` as JSON values, the same on every machine."""
    keys = {
        scheme: _key(scheme) for scheme in (Scheme.ED25519, Scheme.ED25519_BATCH, Scheme.ECDSA_P256_SHA256)
    }
    examples = _examples()
    return {
        "about": "Worked vectors of signing.md. The keys are published here: use them for tests only.",
        "keys": [_describe_key(key) for key in keys.values()],
        "salts": [
            {
                "secret": SALT_SECRET.hex(),
                "source": example.envelope.source,
                "record_key": example.envelope.id,
            }
            | {"salt": derive_salt(SALT_SECRET, example.envelope.source, example.envelope.id)}
            for example in examples
        ],
        "times": [{"text": text, "micros": parse_micros(text)} for text in TIMES],
        "times_refused": list(BAD_TIMES),
        "events": [_describe_event(example) for example in examples],
        "signatures": [
            {
                "event": example.name,
                "key_id": keys[scheme].key_id,
                "header": sign(keys[scheme], _signed(example)),
            }
            for scheme in (Scheme.ED25519, Scheme.ECDSA_P256_SHA256)
            for example in examples
        ],
        "batches": [_describe_batch(keys[Scheme.ED25519_BATCH], examples[:size]) for size in BATCH_SIZES],
        "refused": [_describe_case(case) for case in _cases(keys, examples)],
        "possession": list(_possession(keys)),
        "instructions": list(_instructions(keys)),
    }


def _instructions(keys: dict[Scheme, SigningKey]) -> Iterator[Json]:
    """Instructions on a document: its issue, a pledge, and its switch to paper."""
    document, content = "5b1d0f6f2c6a4a33b7de1c0a9f1e2d3c", hashlib.sha256(b"a document").hexdigest()
    last = hashlib.sha256(b"a transfer").hexdigest()
    of = (NETWORK, "wuhan-forward", document)
    for key in keys.values():
        for instruction in (
            Instruction(*of, "ISSUE", 1, content, "i-1", to="west-lake-tools"),
            Instruction(*of, "PLEDGE", 1, content, "i-2", last, "bank-of-wuhan"),
            Instruction(*of, "SWITCH_TO_PAPER", 2, content, "i-3", last, paper="P-2026-1"),
        ):
            yield {
                **asdict(instruction),
                "scheme": str(key.scheme),
                "public_key": key.public_key.hex(),
                "signed_bytes": instruction.signed_bytes().hex(),
                "signature": instruction.signed_by(key),
            }


def _possession(keys: dict[Scheme, SigningKey]) -> Iterator[Json]:
    """Statements about keys: a first key without an end, one that replaces another, and one in the place of a lost one."""
    first, _, other = keys.values()
    for key, not_after, replaces, signs in (
        *((key, None, None, None) for key in keys.values()),
        (other, 4_102_444_800_000_000, first.key_id, first),
        (first, None, other.key_id, None),
    ):
        statement = Statement(NETWORK, "ktz", key.public, 1_772_700_000_000_000, not_after, replaces)
        yield {
            "network": statement.network,
            "party": statement.party,
            "purpose": PURPOSE,
            "scheme": str(key.scheme),
            "public_key": key.public_key.hex(),
            "key_id": key.key_id,
            "not_before": statement.not_before,
            "not_after": not_after,
            "replaces": replaces,
            "signed_bytes": statement.signed_bytes().hex(),
            "signature": statement.signed_by(key),
            "replaced_signature": None if signs is None else statement.signed_by(signs),
        }


def _cases(keys: dict[Scheme, SigningKey], examples: list[_Example]) -> Iterator[Case]:
    """The wrong ones, each one mutation away from a right one."""
    first = examples[0]
    signed = [_signed(example) for example in examples]
    headers = {scheme: sign(key, signed[0]) for scheme, key in keys.items()}
    headers[Scheme.ED25519_BATCH] = sign_batch(keys[Scheme.ED25519_BATCH], signed[:3])[0]
    right = Case("", NETWORK, first.envelope, first.payload, headers[Scheme.ED25519], None)
    yield from mutations({scheme: replace(right, header=header) for scheme, header in headers.items()}, keys)


def _key(scheme: Scheme) -> SigningKey:
    # One Ed25519 key serves both schemes here, to show that it has two key ids.
    curve = "p256" if scheme is Scheme.ECDSA_P256_SHA256 else "ed25519"
    return SigningKey.from_seed(scheme, hashlib.sha256(f"lianyun signing vectors: {curve}".encode()).digest())


def _examples() -> list[_Example]:
    def salt(source: str, record: str) -> str:
        return derive_salt(SALT_SECRET, source, record)

    def example(name: str, source: str, record: str, tail: str, **attributes: str | None) -> _Example:
        given = {"subject": None, "datacontenttype": "application/json"} | attributes
        envelope = Envelope(
            "1.0", record, source, "cre.movement.departed.v1", "2026-03-05T14:31:07+05:00", **given
        )
        return _Example(name, envelope, f'{{"salt":"{salt(source, record)}","classifier":"ACT",{tail}}}')

    body = '"happened":"2026-03-05T14:20:00+05:00","place":"railnet:dostyk","occurrence":"1",'
    box = '"objects":[{"kind":"container","id":"CSQU3054383"}]'
    return [
        example("every attribute", "urn:cre:ktz", "dep-0001", body + box, subject="CSQU3054383"),
        example("no subject", "urn:cre:ktz", "dep-0002", body + box),
        example("no subject, no content type", "urn:cre:ktz", "dep-0003", body + box, datacontenttype=None),
        example(
            "beyond ASCII",
            "urn:cre:ktz",
            "发车-0004",
            body + box + ',"remark":"晚点 · опоздание"',
            subject="Достык",
        ),
        example(
            "spaces and escapes, signed as sent",
            "urn:cre:ktz",
            "dep-0005",
            body + box + ', "remark": "\\u0031"',
        ),
    ]


def _signed(example: _Example) -> bytes:
    return signed_bytes(NETWORK, example.envelope, example.payload.encode())


def _describe_key(key: SigningKey) -> Json:
    return {
        "scheme": key.scheme.value,
        "key_id": key.key_id,
        "seed": key.seed.hex(),
        "public_key": key.public_key.hex(),
    }


def _describe_event(example: _Example) -> Json:
    signed = _signed(example)
    return {
        "name": example.name,
        **_message(NETWORK, example.envelope, example.payload),
        "published_micros": example.envelope.published_micros,
        "event_id": event_id(example.envelope.source, example.envelope.id).hex(),
        "signed_bytes": signed.hex(),
        "content_digest": content_digest(signed).hex(),
    }


def _describe_batch(key: SigningKey, examples: list[_Example]) -> Json:
    signed = [_signed(example) for example in examples]
    tree = MerkleTree.over([leaf_hash(event) for event in signed])
    events = zip(examples, tree.levels[0], sign_batch(key, signed), strict=True)
    return {
        "key_id": key.key_id,
        "size": tree.size,
        "root": tree.root.hex(),
        "signed_bytes": batch_bytes(tree.size, tree.root).hex(),
        "events": [
            {"event": e.name, "leaf_hash": leaf.hex(), "header": header} for e, leaf, header in events
        ],
    }


def _describe_case(case: Case) -> Json:
    assert case.reason is not None
    return {
        "name": case.name,
        "reason": case.reason.value,
        **_message(case.network, case.envelope, case.payload),
        "header": case.header,
    }


def _message(network: str, envelope: Envelope, payload: str) -> Json:
    attributes = {name: getattr(envelope, name) for name in HEADERS if getattr(envelope, name) is not None}
    return {"network": network, "attributes": attributes, "payload": payload}


def registry_of(vectors: Json) -> dict[str, PublicKey]:
    """Return the public keys of a vector file by key id: the registry against which its signatures are judged."""
    return {
        key["key_id"]: PublicKey(Scheme(key["scheme"]), bytes.fromhex(key["public_key"]))
        for key in vectors["keys"]
    }
