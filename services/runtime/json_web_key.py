"""Which public keys of others are accepted as JWKs (RFC 7517): EC P-256, Ed25519, and RSA of 2048 bits or more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

PublicKey = ECKey | RSAKey | OKPKey
_RSA_BITS = 2_048


class BadKey(ValueError):
    """A JWK that is no public key, or one that no accepted algorithm can use; the text says why, for its sender."""


def public_key(jwk: Mapping[str, Any]) -> PublicKey:
    """The key of a JWK; BadKey for a private one, a symmetric one, or one that no accepted algorithm can use."""
    if any(member in jwk for member in ("d", "p", "q", "k")):
        raise BadKey("the key holds private members: give only its public part")
    try:
        key = import_key(dict(jwk))
    except (JoseError, ValueError, TypeError, KeyError):
        raise BadKey("not a key: it is no JWK of its kty (RFC 7517)") from None
    if isinstance(key, ECKey) and jwk.get("crv") == "P-256":
        return key
    if isinstance(key, OKPKey) and jwk.get("crv") == "Ed25519":
        return key
    if isinstance(key, RSAKey) and key.public_key.key_size >= _RSA_BITS:
        return key
    raise BadKey("a key is EC P-256, OKP Ed25519, or RSA of 2048 bits or more")
