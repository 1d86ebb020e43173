"""Private signing keys in memory: made, restored from a seed, used; their secret never shows in text."""

import secrets
from abc import ABC, abstractmethod

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from schemas.schemes import P256_ORDER, SIGNATURE_BYTES, PublicKey, Scheme

# RFC 6979: the nonce follows from key and message, so the same event always carries the same signature.
_ECDSA = ec.ECDSA(SHA256(), deterministic_signing=True)


class PrivateKey(ABC):
    """What signs: a key bound to one scheme, in memory (`SigningKey`) or in a module that it never leaves. ``public`` is its other half."""

    __slots__ = ()
    public: PublicKey

    @property
    def scheme(self) -> Scheme:
        """The one scheme of this key."""
        return self.public.scheme

    @property
    def key_id(self) -> str:
        """The id under which the registry knows the public half."""
        return self.public.key_id

    @property
    def public_key(self) -> bytes:
        """The public half as registered: 32 bytes for Ed25519, 65 for P-256."""
        return self.public.raw

    @abstractmethod
    def sign_bytes(self, message: bytes) -> bytes:
        """Return the 64-byte signature over exactly these bytes."""


class SigningKey(PrivateKey):
    """A private key bound to one scheme; build it with `generate` or `from_seed`.

    `seed` is the 32 secret bytes to store: the Ed25519 seed of RFC 8032, or the P-256 scalar, big-endian.
    """

    __slots__ = ("_p256", "_secret", "public", "seed")

    def __init__(self, scheme: Scheme, seed: bytes) -> None:
        """Restore a key; ValueError when the seed is not 32 bytes or the scheme cannot sign here."""
        scheme = Scheme(scheme)
        if len(seed) != 32:
            raise ValueError(f"a key seed has 32 bytes, not {len(seed)}")
        self._p256: ec.EllipticCurvePrivateKey | None = None
        self._secret = b""
        if scheme in (Scheme.ED25519, Scheme.ED25519_BATCH):
            raw, self._secret = crypto_sign_seed_keypair(seed)
        elif scheme is Scheme.ECDSA_P256_SHA256:
            if not 0 < int.from_bytes(seed) < P256_ORDER:
                raise ValueError("the seed is not a P-256 scalar: it is zero or not below the group order")
            self._p256 = ec.derive_private_key(int.from_bytes(seed), ec.SECP256R1())
            raw = self._p256.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        else:
            raise ValueError(f"{scheme} is reserved; no signer is built in")
        self.seed = seed
        self.public = PublicKey(scheme, raw)

    @classmethod
    def generate(cls, scheme: Scheme) -> "SigningKey":
        """Make a new key from the operating system's randomness."""
        while True:
            seed = secrets.token_bytes(32)
            if scheme is not Scheme.ECDSA_P256_SHA256 or 0 < int.from_bytes(seed) < P256_ORDER:
                return cls(scheme, seed)

    @classmethod
    def from_seed(cls, scheme: Scheme, seed: bytes) -> "SigningKey":
        """Restore the key of a stored 32-byte seed; ValueError when it is none."""
        return cls(scheme, seed)

    def sign_bytes(self, message: bytes) -> bytes:
        """Return the 64-byte signature over exactly these bytes; `schemas.signing.sign` makes headers of it."""
        if self._p256 is None:
            return crypto_sign(message, self._secret)[:SIGNATURE_BYTES]
        r, s = decode_dss_signature(self._p256.sign(message, _ECDSA))
        return r.to_bytes(32) + min(s, P256_ORDER - s).to_bytes(32)

    def __repr__(self) -> str:
        return f"SigningKey({self.scheme}, {self.key_id})"
