"""Signatures of deliveries by Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md).

The signed content is ``<webhook-id>.<webhook-timestamp>.<body>``, with HMAC-SHA256 (``v1``) and, for receivers that should not hold a
signing key, with Ed25519 (``v1a``). During a rotation the header holds several signatures, separated by spaces; a receiver accepts
a delivery when one of them is valid.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

TOLERANCE_SECONDS = 5 * 60
"""Maximum difference between the timestamp and the receiver's clock."""
_SECRET_BYTES = 32
_SIGNATURE_BYTES = 64


class SchemeName(StrEnum):
    """A signature scheme of Standard Webhooks."""

    V1 = "v1"
    V1A = "v1a"


class Secret(NamedTuple):
    """A signing secret: an HMAC key (24 to 64 bytes), or the 32-byte seed of an Ed25519 key."""

    scheme: SchemeName
    raw: bytes

    @classmethod
    def generate(cls, scheme: SchemeName) -> Secret:
        """A new one from the operating system's random source."""
        return cls(scheme, secrets.token_bytes(_SECRET_BYTES))

    @property
    def public(self) -> bytes | None:
        """The 32-byte public key of ``v1a``; None for ``v1``, whose receiver needs the secret itself."""
        return crypto_sign_seed_keypair(self.raw)[0] if self.scheme is SchemeName.V1A else None

    def shown(self) -> str:
        """The form for the receiver: ``whsec_`` and the secret, or ``whpk_`` and the public key, in base64."""
        public = self.public
        return f"whsec_{_base64(self.raw)}" if public is None else f"whpk_{_base64(public)}"

    def sign(self, message: bytes) -> str:
        """One signature with its scheme, as in the header."""
        if self.scheme is SchemeName.V1:
            return f"v1,{_base64(hmac.digest(self.raw, message, 'sha256'))}"
        key = crypto_sign_seed_keypair(self.raw)[1]
        return f"v1a,{_base64(crypto_sign(message, key)[:_SIGNATURE_BYTES])}"

    def __repr__(self) -> str:
        return f"Secret({self.scheme})"


def headers(message_id: str, seconds: int, body: bytes, keys: Sequence[Secret]) -> dict[str, str]:
    """The three headers of a delivery attempted at ``seconds`` (Unix time), signed with each of ``keys``."""
    signed = _signed(message_id, str(seconds), body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(key.sign(signed) for key in keys),
    }


def verify(given: Mapping[str, str], body: bytes, shown: str, now: float) -> bool:
    """Whether a signature is valid for ``shown`` (``whsec_...`` or ``whpk_...``) and the timestamp is close to ``now``: the receiver's check.

    Header names are in lower case. ValueError where ``shown`` is neither.
    """
    stamp = given.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit()) or abs(now - int(stamp)) > TOLERANCE_SECONDS:
        return False
    signed = _signed(given.get("webhook-id", ""), stamp, body)
    prefix, _, text = shown.partition("_")
    raw = b64decode(text)
    signatures = [part.partition(",")[::2] for part in given.get("webhook-signature", "").split(" ")]
    if prefix == "whsec":
        wanted = _base64(hmac.digest(raw, signed, "sha256"))
        return any(scheme == "v1" and hmac.compare_digest(wanted, value) for scheme, value in signatures)
    if prefix == "whpk":
        return any(scheme == "v1a" and _good(raw, signed, value) for scheme, value in signatures)
    raise ValueError("a secret begins with whsec_, a public key with whpk_")


def _good(public: bytes, signed: bytes, value: str) -> bool:
    try:
        VerifyKey(public).verify(signed, b64decode(value, validate=True))
    except (BadSignatureError, ValueError):
        return False
    return True


def _signed(message_id: str, seconds: str, body: bytes) -> bytes:
    return b".".join((message_id.encode(), seconds.encode(), body))


def _base64(value: bytes) -> str:
    return b64encode(value).decode("ascii")
