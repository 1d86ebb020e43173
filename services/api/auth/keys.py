"""The keys that verify access tokens: of the built-in authority, or of an external one by URL or file."""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from services.api.auth.tokens.key_file import read_or_create
from services.api.problems import Problem
from services.api.settings import ApiSettings

log = logging.getLogger(__name__)
_AGAIN_AFTER = 30.0  # seconds: an unknown kid never makes the issuer's key page busy
_OLD_AFTER = 600.0


@dataclass(frozen=True, slots=True)
class AuthorityKey:
    """An ES256 key and its public set."""

    key: ECKey
    public_set: KeySet

    @classmethod
    def of(cls, path: Path) -> Self:
        """The key of the file at ``path``, made there (mode 600) where it is missing; OSError, ValueError."""
        key = read_or_create(path)
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


class KeySource:
    """The issuer's present keys. The built-in authority's key is read (or made) on first use; for several threads."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._own: AuthorityKey | None = None
        self._foreign: KeySet | None = None
        self._read = 0.0

    def own(self) -> AuthorityKey:
        """The built-in authority's key."""
        with self._lock:
            if self._own is None:
                self._own = AuthorityKey.of(self._settings.api_authority_key)
            return self._own

    def keys(self, again: bool) -> KeySet:
        """All keys of the issuer; read once more with ``again``, at most every 30 s. Problem where they cannot be had."""
        if self._settings.api_authority == "builtin":
            return self.own().public_set
        with self._lock:
            age = time.monotonic() - self._read
            if self._foreign is None or age > _OLD_AFTER or (again and age > _AGAIN_AFTER):
                try:
                    self._foreign = self._fetched()
                    self._read = time.monotonic()
                except (httpx.HTTPError, OSError, ValueError, JoseError) as problem:
                    if self._foreign is None:
                        log.warning("the keys of the issuer cannot be had", exc_info=problem)
                        raise Problem("unavailable", "The keys of the issuer cannot be had now.") from problem
            return self._foreign

    def _fetched(self) -> KeySet:
        where = self._settings.api_jwks
        if where.startswith(("https://", "http://")):
            answer = httpx.get(where, timeout=5.0, follow_redirects=False)
            answer.raise_for_status()
            return KeySet.import_key_set(answer.json())
        return KeySet.import_key_set(json.loads(Path(where).read_text(encoding="utf-8")))
