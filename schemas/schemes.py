"""The signature schemes and the public keys bound to them: one key id, one scheme, one rule of verification."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError

P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SIGNATURE_BYTES: Final = 64
_ECDSA_SHA256 = ec.ECDSA(SHA256())


class Scheme(StrEnum):
    """How a key signs. A message never chooses its scheme: the registered key does."""

    ED25519 = "ed25519"
    ED25519_BATCH = "ed25519-batch"
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    SM2_SM3 = "sm2-sm3"  # reserved: its layout is published, no verifier is built in yet

    @property
    def public_key_bytes(self) -> int:
        """The length of a public key: raw for Ed25519, SEC1 uncompressed (0x04, x, y) for the curves over primes."""
        return 32 if self in (Scheme.ED25519, Scheme.ED25519_BATCH) else 65


class WeakKeyError(ValueError):
    """A public key that must not be registered: it would accept forged signatures, or is no key at all."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key with its scheme; ValueError when `raw` has the wrong length or is not a point of P-256.

    `key_id` is the first 16 lower-case hex digits of SHA-256(scheme, 0x00, raw). The same Ed25519 key
    registered for `ed25519` and for `ed25519-batch` therefore has two ids.
    """

    scheme: Scheme
    raw: bytes
    key_id: str = field(init=False, compare=False)
    _p256: ec.EllipticCurvePublicKey | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        scheme = Scheme(self.scheme)
        if len(self.raw) != scheme.public_key_bytes:
            raise ValueError(
                f"a public key for {scheme} has {scheme.public_key_bytes} bytes, not {len(self.raw)}"
            )
        loaded = None
        if scheme is Scheme.ECDSA_P256_SHA256:
            if self.raw[0] != 4:
                raise ValueError(
                    "a public key for ecdsa-p256-sha256 is a SEC1 uncompressed point: 0x04, x, y"
                )
            loaded = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.raw)
        digest = hashlib.sha256(scheme.encode() + b"\x00" + self.raw).hexdigest()
        object.__setattr__(self, "scheme", scheme)
        object.__setattr__(self, "key_id", digest[:16])
        object.__setattr__(self, "_p256", loaded)

    def signed(self, signature: bytes, message: bytes) -> bool:
        """Tell whether this key made the 64-byte `signature` over `message`; releases the GIL for Ed25519.

        Ed25519 follows libsodium and nothing else: verifiers differ on degenerate keys and signatures, and
        one event must not be valid for one reader and forged for another. ECDSA takes r and s of 32 bytes
        each, big-endian, with s in the lower half, so that a signature has no second form.
        Raises NotImplementedError for schemes without a verifier.
        """
        if len(signature) != SIGNATURE_BYTES:
            return False
        if self._p256 is not None:
            return _ecdsa_signed(self._p256, signature, message)
        if self.scheme is Scheme.SM2_SM3:
            raise NotImplementedError(f"no verifier for {self.scheme}")
        try:
            crypto_sign_open(signature + message, self.raw)
        except BadSignatureError:
            return False
        return True


def reject_weak_key(public_key: PublicKey) -> None:
    """Raise WeakKeyError when an Ed25519 key must not be registered; every other key passes.

    Refused are encodings that are not canonical, points off the curve, and points outside the group of
    prime order, of which the small ones verify signatures over any message (Chalkias et al., 2020).
    """
    if public_key.scheme in (Scheme.ED25519, Scheme.ED25519_BATCH) and not crypto_core_ed25519_is_valid_point(
        public_key.raw
    ):
        raise WeakKeyError(
            f"the Ed25519 public key {public_key.raw.hex()} is not canonical or not in the group of prime order;"
            " generate a new key with a standard library"
        )


def _ecdsa_signed(key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> bool:
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    if not (0 < r < P256_ORDER and 0 < s <= P256_ORDER // 2):
        return False
    try:
        key.verify(encode_dss_signature(r, s), message, _ECDSA_SHA256)
    except InvalidSignature:
        return False
    return True
