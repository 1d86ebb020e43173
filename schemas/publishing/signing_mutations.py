"""What can be wrong with a signed message, each named by the one thing that was changed, with the expected refusal."""

from __future__ import annotations

from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from schemas.envelope import Envelope
from schemas.reasons import Reason
from schemas.schemes import P256_ORDER, Scheme
from schemas.signing import SigningKey

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
        Reason.SCHEME_MISMATCH,
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
