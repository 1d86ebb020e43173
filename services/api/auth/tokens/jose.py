"""The JOSE rules that hold everywhere here: which algorithms, which keys, and one way to read a signed token.

FAPI 2.0 (5.4.1): PS256, ES256 or Ed25519 (also under its older name EdDSA); an RSA key has 2048 bits at least. The
algorithm must fit the registered key; a header never chooses a key of its own but in a DPoP proof.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey
from joserfc.jws import JWSRegistry
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from services.runtime import json_web_key
from services.runtime.json_web_key import BadKey, PublicKey

ALGORITHMS = ("ES256", "PS256", "Ed25519", "EdDSA")
_REGISTRY = JWSRegistry(algorithms=list(ALGORITHMS))
_REGISTRY.max_header_length = 2_048  # a proof carries its key, and an RSA key of 4096 bits is long
_LONGEST = 4_096
_COMPACT = re.compile(r"[A-Za-z0-9_-]{1,2048}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")
_ED25519 = ("Ed25519", "EdDSA")
_PLAIN = {"alg": str, "typ": str, "kid": str, "jwk": dict}


class BadToken(Exception):
    """A token, proof or assertion that proves nothing; the text says why, for its sender."""


def public_key(jwk: Mapping[str, Any]) -> PublicKey:
    """The key of a JWK; BadToken for a private one, a symmetric one, or one that no accepted algorithm can use."""
    try:
        return json_web_key.public_key(jwk)
    except BadKey as fault:
        raise BadToken(str(fault)) from None


def signing_algorithm(key: PublicKey) -> str:
    """The algorithm under which ``key`` signs."""
    if isinstance(key, ECKey):
        return "ES256"
    return "Ed25519" if isinstance(key, OKPKey) else "PS256"


def opened(token: str, key: PublicKey | KeySet) -> jwt.Token:
    """The header and claims of ``token``, its signature proven by ``key``; BadToken otherwise. Claims are not judged."""
    if isinstance(key, OKPKey):
        plain = _plain_ed25519(token, key)
        if plain is not None:
            return plain
    try:
        found = jwt.decode(token, key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError, KeyError):
        raise BadToken("it is no JWT that this key signed with an accepted algorithm") from None
    if not isinstance(found.claims, dict):
        raise BadToken("the claims are no object")
    return found


def _plain_ed25519(token: str, key: OKPKey) -> jwt.Token | None:
    """A token as nearly all are: compact, nothing in its header but what it must say, signed with Ed25519.

    Proven in a third of the time. None for whatever else, also for what is wrong: that is judged, and told, the long way.
    """
    if len(token) > _LONGEST or not _COMPACT.fullmatch(token):
        return None
    head, payload, signature = token.split(".")
    try:
        header, claims = orjson.loads(_decoded(head)), orjson.loads(_decoded(payload))
        if not isinstance(header, dict) or not isinstance(claims, dict):
            return None
        if not all(isinstance(value, _PLAIN.get(name, ())) for name, value in header.items()):
            return None
        if header.get("alg") not in _ED25519:
            return None
        verifying = VerifyKey(key.public_key.public_bytes_raw())
        verifying.verify(f"{head}.{payload}".encode(), _decoded(signature))
    except (ValueError, BadSignatureError, AttributeError):
        return None
    return jwt.Token(header, claims)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def number(claims: Mapping[str, Any], name: str) -> float:
    """A NumericDate; BadToken where there is none."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadToken(f"{name} is missing or no number")
    return float(value)


def text(claims: Mapping[str, Any], name: str, longest: int = 256) -> str:
    """A string of 1 to ``longest`` characters; BadToken where there is none."""
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise BadToken(f"{name} is missing or no text of at most {longest} characters")
    return value
