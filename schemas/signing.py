"""Signing events and verifying them: one event at a time, or up to 256 under one signature.

A batch is signed once over the root of an RFC 6962 tree, and every message carries the root, the signature
and its own path, so each event stays provable alone while the elliptic-curve work is shared.
"""

import hmac
import threading
from collections.abc import Iterable, Sequence
from struct import pack
from typing import Final

from schemas.envelope import SIGNATURE_HEADER
from schemas.merkle import HASH_BYTES, MerkleTree, leaf_hash, root_from_path
from schemas.reasons import Reason, Refusal
from schemas.schemes import PublicKey, Scheme, WeakKeyError, reject_weak_key
from schemas.signature_header import MAX_BATCH, BatchPlace, SignatureHeader, parse_header
from schemas.signing_key import PrivateKey, SigningKey

__all__ = [
    "MAX_BATCH",
    "PrivateKey",
    "PublicKey",
    "Scheme",
    "SignatureHeader",
    "SigningKey",
    "Verifier",
    "WeakKeyError",
    "derive_salt",
    "parse_header",
    "reject_weak_key",
    "require_verified_scheme",
    "sign",
    "sign_batch",
    "statement_bytes",
    "statement_fault",
    "verify",
]

BATCH_DOMAIN: Final = b"lianyun-ed25519-batch-v1\n"
SALT_DOMAIN: Final = b"lianyun-salt-v1\n"


def sign(key: PrivateKey, signed: bytes) -> str:
    """Return the signature header of one event over its signed bytes; a batch of one for `ed25519-batch`."""
    return sign_batch(key, [signed])[0]


def sign_batch(key: PrivateKey, signed: Sequence[bytes]) -> list[str]:
    """Return the signature headers of 1 to 256 events, in their order; one signature for all with `ed25519-batch`.

    With the other schemes each event is signed alone. The same input gives the same headers, always.
    """
    if not 1 <= len(signed) <= MAX_BATCH:
        raise ValueError(f"a batch has 1 to {MAX_BATCH} events, not {len(signed)}")
    if key.scheme is not Scheme.ED25519_BATCH:
        return [SignatureHeader(key.scheme, key.key_id, key.sign_bytes(event)).render() for event in signed]
    tree = MerkleTree.over([leaf_hash(event) for event in signed])
    signature = key.sign_bytes(batch_bytes(tree.size, tree.root))
    places = (BatchPlace(tree.size, i, tree.root, b"".join(tree.path(i))) for i in range(tree.size))
    return [SignatureHeader(key.scheme, key.key_id, signature, place).render() for place in places]


def batch_bytes(size: int, root: bytes) -> bytes:
    """Return what the signature of a batch covers: the number of its leaves and its root."""
    return BATCH_DOMAIN + pack(">I", size) + root


def verify(header: SignatureHeader, public_key: PublicKey, signed: bytes) -> None:
    """Return when `public_key` signed the event; raise Refusal SCHEME_MISMATCH, UNKNOWN_KEY or BAD_SIGNATURE otherwise.

    `public_key` is what the registry holds for `header.key_id`. Whether the key was valid then, and whether
    its owner may say this, is not asked here. About 60 microseconds for Ed25519; safe from any thread.
    """
    _require_same_key(header, public_key)
    if header.batch is not None:
        _require_place(header.batch, signed)
        signed = batch_bytes(header.batch.size, header.batch.root)
    _require_signature(header, public_key, signed)


class Verifier:
    """Verifies many events, remembering the signatures of batches already found good; safe from any thread.

    `verify` is the function `verify`, except that further events of a batch cost only their path: about
    8 microseconds. At most `capacity` batches are remembered, the oldest forgotten first, so memory is bounded.
    """

    def __init__(self, capacity: int = 4_096) -> None:
        self._capacity = capacity
        self._good: dict[tuple[bytes, int, bytes, bytes], None] = {}
        self._lock = threading.Lock()

    def verify(self, header: SignatureHeader, public_key: PublicKey, signed: bytes) -> None:
        """Return when `public_key` signed the event; raise the same refusals as the function `verify`."""
        batch = header.batch
        if batch is None:
            verify(header, public_key, signed)
            return
        _require_same_key(header, public_key)
        _require_place(batch, signed)
        batch_id = (public_key.raw, batch.size, batch.root, header.signature)
        if batch_id in self._good:
            return
        _require_signature(header, public_key, batch_bytes(batch.size, batch.root))
        with self._lock:  # only good batches get here, so forged ones cannot push them out
            self._good[batch_id] = None
            if len(self._good) > self._capacity:
                del self._good[next(iter(self._good))]


def statement_bytes(domain: bytes, fields: Iterable[str | None]) -> bytes:
    """What a signature of a statement covers: the domain, then each field behind 0x01 and its length in 4 bytes, big-endian; 0x00 for an absent one."""
    return domain + b"".join(
        b"\x00" if each is None else b"\x01" + pack(">I", len(each.encode())) + each.encode()
        for each in fields
    )


def statement_fault(signature: str, public: PublicKey, signed: bytes) -> str:
    """What is wrong with a ``signature`` (a header) over ``signed`` that should be of ``public``; "" where it is good."""
    try:
        verify(parse_header(signature.encode("ascii", "replace")), public, signed)
    except Refusal as refusal:
        return refusal.detail
    return ""


def derive_salt(secret: bytes, source: str, record_key: str) -> str:
    """Return the salt of an event, 32 lower-case hex digits: HMAC-SHA256 over source and record key, halved.

    `secret` belongs to the publisher alone, at least 16 bytes; `record_key` names the record of its own
    system from which the event is made. The same record gives the same salt on every machine, so reading
    a file twice gives byte-equal events, and without the secret nobody can try guesses against a digest.
    """
    if len(secret) < 16:
        raise ValueError(f"the salt secret has {len(secret)} bytes, fewer than 16")
    source_bytes, record = source.encode(), record_key.encode()
    message = SALT_DOMAIN + pack(">I", len(source_bytes)) + source_bytes + pack(">I", len(record)) + record
    return hmac.digest(secret, message, "sha256")[:16].hex()


def require_verified_scheme(header: SignatureHeader) -> None:
    """Raise Refusal UNSUPPORTED_SCHEME where the header names a scheme that is reserved, whatever its key."""
    if header.scheme is Scheme.SM2_SM3:
        raise Refusal(
            Reason.UNSUPPORTED_SCHEME,
            f"The scheme {header.scheme} is reserved and cannot be verified yet.",
            f"header:{SIGNATURE_HEADER}",
            "Register and use a key of another scheme beside it.",
        )


def _require_same_key(header: SignatureHeader, public_key: PublicKey) -> None:
    require_verified_scheme(header)
    if header.scheme is not public_key.scheme:
        raise _refuse(
            Reason.SCHEME_MISMATCH,
            f"The message claims {header.scheme}, but key {public_key.key_id} is registered for {public_key.scheme}.",
        )
    if header.key_id != public_key.key_id:
        raise _refuse(Reason.UNKNOWN_KEY, f"The message names key {header.key_id}, not {public_key.key_id}.")


def _require_place(batch: BatchPlace, signed: bytes) -> None:
    path = [batch.path[i : i + HASH_BYTES] for i in range(0, len(batch.path), HASH_BYTES)]
    if root_from_path(leaf_hash(signed), batch.index, batch.size, path) != batch.root:
        raise _refuse(
            Reason.BAD_SIGNATURE,
            f"The path of leaf {batch.index} of {batch.size} does not lead from this event to the root.",
        )


def _require_signature(header: SignatureHeader, public_key: PublicKey, message: bytes) -> None:
    try:
        good = public_key.signed(header.signature, message)
    except NotImplementedError:
        raise _refuse(
            Reason.UNSUPPORTED_SCHEME, f"{header.scheme} is reserved and cannot be verified yet."
        ) from None
    if not good:
        raise _refuse(Reason.BAD_SIGNATURE, f"Key {public_key.key_id} did not sign these bytes.")


def _refuse(reason: Reason, detail: str) -> Refusal:
    remedy = (
        "Compare network, attributes and payload with the worked vectors; sign the bytes exactly as sent."
    )
    return Refusal(
        reason, detail, f"header:{SIGNATURE_HEADER}", remedy if reason is Reason.BAD_SIGNATURE else ""
    )
