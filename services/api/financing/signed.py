"""Signed answers: the JSON of an answer under the platform's signature, as a JWS (RFC 7515, compact)."""

from __future__ import annotations

import base64

import orjson

from services.api.calls import Answer, Call
from services.api.financing.decisions import keys_of
from services.financing.store.keys import PlatformKeys

MEDIA_TYPE = "application/jose"


def answer(call: Call, body: dict[str, object], *, etag: object = None, signed: bool = False) -> Answer:
    """``body``, as a JWS where it is asked for (``signed``, or Accept: application/jose)."""
    if not signed and MEDIA_TYPE not in call.request.headers.get("accept", ""):
        return Answer(body, etag=etag)
    jws = compact(keys_of(call), orjson.dumps(body))
    return Answer(jws, headers={"content-type": MEDIA_TYPE, "vary": "accept"}, etag=[etag or body, "jws"])


def compact(keys: PlatformKeys, payload: bytes) -> bytes:
    """A JWS of ``payload`` under the platform's key (RFC 8037, Ed25519); ``kid`` is its id in the registry of keys."""
    header = orjson.dumps({"alg": "EdDSA", "kid": keys.key.key_id, "typ": "JOSE", "cty": "json"})
    signing = _base64(header) + b"." + _base64(payload)
    return signing + b"." + _base64(keys.key.sign_bytes(signing))


def jwk(key_id: str, raw: bytes) -> dict[str, str]:
    """An Ed25519 public key as a JWK (RFC 8037)."""
    return {
        "kty": "OKP", "crv": "Ed25519", "x": _base64(raw).decode(), "kid": key_id, "use": "sig", "alg": "EdDSA",
    }  # fmt: skip


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
