"""The key by which the built-in authority signs access tokens, in a file that only its owner reads."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from services.api.tokens.key_file import kept


@dataclass(frozen=True, slots=True)
class AuthorityKey:
    """An ES256 key and its public set."""

    key: ECKey
    public_set: KeySet

    @classmethod
    def of(cls, path: Path) -> Self:
        """The key of the file at ``path``, made there (mode 600) where it is missing; OSError, ValueError."""
        key = kept(path)
        public = {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": "ES256"}
        return cls(key, KeySet.import_key_set({"keys": [public]}))

    def jwks(self) -> dict[str, Any]:
        """The public keys as published (RFC 7517)."""
        return dict(self.public_set.as_dict(private=False))

    def access_token(
        self, *, issuer: str, audience: str, client: str, scope: str, seconds: int, bound: Mapping[str, str]
    ) -> str:
        """A JWT access token (RFC 9068) that is bound to a key or certificate (``cnf``)."""
        now = int(time.time())
        claims = {
            "iss": issuer, "sub": client, "aud": audience, "client_id": client, "scope": scope, "iat": now,
            "exp": now + seconds, "jti": secrets.token_urlsafe(16), "cnf": dict(bound),
        }  # fmt: skip
        header = {"alg": "ES256", "typ": "at+jwt", "kid": self.key.thumbprint()}
        return jwt.encode(header, claims, self.key)
