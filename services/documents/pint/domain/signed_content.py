"""Signed contents of DCSA's standards: JWS in compact form (RFC 7515), and checksums over canonical JSON (RFC 8785)."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import rfc8785
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from schemas.reasons import Refusal
from schemas.strict_json import loads
from services.runtime import json_web_key
from services.runtime.json_web_key import BadKey, PublicKey

MOST_BYTES: Final = 256 * 1024
"""The payload of one signed content at most."""
_ALGORITHMS: Final = ("EdDSA", "Ed25519", "ES256", "PS256", "RS256")
_REGISTRY: Final = jws.JWSRegistry(algorithms=_ALGORITHMS)
_REGISTRY.max_payload_length = MOST_BYTES * 4 // 3 + 4
_REGISTRY.max_header_length = 2_048
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class BadSignature(Exception):
    """A content that no known key signed; the text says why, for its sender."""


class BadContent(ValueError):
    """A content that is not in its form; the text names the part, for its sender."""


@dataclass(frozen=True, slots=True)
class SignedContent:
    """What a platform or carrier of the directory signed: its code, and the payload as an object."""

    signer: str
    payload: Mapping[str, Any]


class Directory:
    """The public keys of platforms and carriers, by key id (``kid`` of the JWK, or its thumbprint of RFC 7638)."""

    def __init__(self, keys: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        """``keys`` are JWKs by the code of their owner; BadContent for one that is none, or private."""
        self._keys: dict[str, tuple[str, PublicKey]] = {
            key_id(each): (code, public_key(each)) for code, held in keys.items() for each in held
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def opened(self, text: str) -> SignedContent:
        """The payload of a JWS, verified before it is parsed; BadSignature where no known key signed it, BadContent where it is no object."""
        signature = _extracted(text)
        kid = signature.headers().get("kid")
        if kid not in self._keys:
            raise BadSignature(f"no key {str(kid)[:80]!r} is known here")
        code, key = self._keys[kid]
        if not _verifies(text, key):
            raise BadSignature(f"the signature by the key {kid[:80]!r} of {code} does not verify")
        return SignedContent(code, _object(signature.payload))


def public_key(jwk: Mapping[str, Any]) -> PublicKey:
    """The key of a JWK; BadContent for a private one, or one that no accepted algorithm can use."""
    try:
        return json_web_key.public_key(jwk)
    except BadKey as fault:
        raise BadContent(str(fault)) from None


def key_id(jwk: Mapping[str, Any]) -> str:
    """The id under which signatures name the key of a JWK."""
    return str(jwk.get("kid") or public_key(jwk).thumbprint())


def signed(payload: Mapping[str, Any], key: OKPKey) -> str:
    """The payload in canonical form, signed with Ed25519; the same payload gives the same text."""
    header = {"alg": "Ed25519", "kid": key.thumbprint()}
    return jws.serialize_compact(header, canonical(payload), key, registry=_REGISTRY)


def payload_of(text: str) -> Mapping[str, Any]:
    """The payload of a JWS that was verified before, and stored; BadContent where it is no object."""
    return _object(_extracted(text).payload)


def canonical(value: Any) -> bytes:
    """JSON in the form of RFC 8785; BadContent for numbers that it does not know."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError) as fault:
        raise BadContent(f"there is no canonical form of it (RFC 8785): {fault}") from None


def checksum(content: bytes) -> str:
    """SHA-256 in hexadecimal digits: of a document's canonical form, of a file, or of the text of a signed content."""
    return sha256(content).hexdigest()


def _extracted(text: str) -> jws.CompactSignature:
    try:
        found = (
            jws.extract_compact(text.encode("ascii"), registry=_REGISTRY)
            if _COMPACT.fullmatch(text)
            else None
        )
    except (JoseError, ValueError, TypeError):
        found = None
    if found is None or "b64" in found.headers():
        raise BadSignature("it is no JWS in compact form (RFC 7515)")
    return found


def _verifies(text: str, key: PublicKey) -> bool:
    try:
        jws.deserialize_compact(text, key, registry=_REGISTRY)
        if isinstance(key, OKPKey):  # the one rule for Ed25519: what libsodium accepts
            content, _, signature = text.rpartition(".")
            VerifyKey(key.public_key.public_bytes_raw()).verify(
                content.encode(), urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
            )
    except (JoseError, BadSignatureError, ValueError, TypeError):
        return False
    return True


def _object(payload: bytes) -> Mapping[str, Any]:
    try:
        value = loads(payload, MOST_BYTES)
    except Refusal as refusal:
        raise BadContent(f"the payload of a signed content: {refusal.detail}") from None
    if not isinstance(value, dict):
        raise BadContent("the payload of a signed content is no object")
    return value
