"""DPoP proofs (RFC 9449, 4): the sender of a request holds the key that its token is bound to."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache

import orjson

from services.api.auth.tokens.jose import BadToken, number, opened, public_key, text
from services.api.targets import normal_uri
from services.runtime.json_web_key import PublicKey

_EARLY = 5  # seconds by which a caller's clock may be ahead


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that holds: the thumbprint of its key, the digest under which it counts as used, until when, its nonce."""

    thumbprint: str
    digest: bytes
    expires: int
    nonce: str | None


@dataclass(frozen=True, slots=True)
class ProofRequest:
    """The request that a proof must name: method, one of its normal URIs, the time in seconds, and how old a proof may be."""

    method: str
    uris: tuple[str, ...]
    now: float
    age: int


def prove(proof: str, wanted: ProofRequest, token: str | None) -> Proof:
    """Judge a proof for a request; ``token`` is the access token that goes with it. BadToken says what is wrong.

    Whether the digest was used before is for the caller to find out (in the transaction that the request runs in).
    """
    jwk = _header(proof)
    key, thumbprint = _key(orjson.dumps(jwk, option=orjson.OPT_SORT_KEYS))
    claims = opened(proof, key).claims
    if claims.get("htm") != wanted.method:
        raise BadToken(f"htm is not {wanted.method}")
    if _named(text(claims, "htu", 2_048)) not in wanted.uris:
        raise BadToken(f"htu is not {wanted.uris[0]}")
    issued = number(claims, "iat")
    if not wanted.now - wanted.age <= issued <= wanted.now + _EARLY:
        raise BadToken("iat is too far from now; check the clock")
    jti = text(claims, "jti")
    if token is not None and claims.get("ath") != digest(token):
        raise BadToken("ath is not the hash of the access token")
    nonce = claims.get("nonce")
    if nonce is not None and not isinstance(nonce, str):
        raise BadToken("nonce is no text")
    used = hashlib.sha256(f"dpop\0{thumbprint}\0{jti}".encode()).digest()
    return Proof(thumbprint, used, int(wanted.now) + wanted.age + _EARLY + 1, nonce)


def digest(token: str) -> str:
    """What ``ath`` must be for an access token."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()


def _header(proof: str) -> dict[str, object]:
    head = proof.partition(".")[0]
    try:
        header = orjson.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except ValueError:
        raise BadToken("the proof is no JWT") from None
    if (
        not isinstance(header, dict)
        or header.get("typ") != "dpop+jwt"
        or not isinstance(header.get("jwk"), dict)
    ):
        raise BadToken("a proof has typ dpop+jwt and the public key as jwk in its header")
    return dict(header["jwk"])


@lru_cache(maxsize=1_024)
def _key(jwk: bytes) -> tuple[PublicKey, str]:
    key = public_key(orjson.loads(jwk))
    return key, key.thumbprint()


def _named(uri: str) -> str:
    try:
        return normal_uri(uri)
    except ValueError:
        raise BadToken("htu is no URI") from None
