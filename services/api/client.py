"""A caller of the API: an httpx.Auth that gets tokens with a signed assertion and proves every request (DPoP)."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Generator

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from services.api.auth.tokens.jose import signing_algorithm
from services.api.auth.tokens.proof import digest

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_EARLY = 10.0


class ApiAuth(httpx.Auth):
    """Authenticates as ``client`` with its private ``key``, which also binds the tokens. One per thread.

    ``issuer`` is the authority's URL; its token endpoint is ``issuer`` + /oauth2/token unless given. ``scope`` "" asks for all.
    """

    requires_response_body = True

    def __init__(
        self,
        client: str,
        key: ECKey | OKPKey | RSAKey,
        issuer: str,
        *,
        scope: str = "",
        token_endpoint: str = "",
    ) -> None:
        self.client, self.key, self.issuer, self.scope = client, key, issuer.rstrip("/"), scope
        self.token_endpoint = token_endpoint or self.issuer + "/oauth2/token"
        self._token, self._until = "", 0.0
        self._nonce: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Get a token where there is none, prove the request, and once more where the server asks for a nonce."""
        for _ in range(2):
            if time.time() > self._until - _EARLY:
                yield from self._renew()
            request.headers["authorization"] = f"DPoP {self._token}"
            request.headers["dpop"] = self.proof(request.method, str(request.url), self._token)
            response = yield request
            if not self._asked_for_nonce(response):
                return

    def proof(self, method: str, url: str, token: str | None = None) -> str:
        """A fresh proof for one request."""
        algorithm = signing_algorithm(self.key)
        header = {
            "alg": algorithm,
            "typ": "dpop+jwt",
            "jwk": self.key.as_dict(private=False),
        }
        claims = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url.partition("?")[0].partition("#")[0],
            "iat": int(time.time()),
            **({"ath": digest(token)} if token else {}),
            **({"nonce": self._nonce} if self._nonce else {}),
        }
        return jwt.encode(header, claims, self.key, algorithms=[algorithm])

    def assertion(self) -> str:
        """A fresh client assertion (RFC 7523)."""
        now = int(time.time())
        claims = {
            "iss": self.client, "sub": self.client, "aud": self.issuer, "iat": now, "exp": now + 60,
            "jti": hashlib.sha256(secrets.token_bytes(16)).hexdigest(),
        }  # fmt: skip
        algorithm = signing_algorithm(self.key)
        header = {"alg": algorithm, "kid": self.key.thumbprint()}
        return jwt.encode(header, claims, self.key, algorithms=[algorithm])

    def _renew(self) -> Generator[httpx.Request, httpx.Response, None]:
        for attempt in range(2):
            form = {
                "grant_type": "client_credentials",
                "client_assertion_type": _ASSERTION,
                "client_assertion": self.assertion(),
                **({"scope": self.scope} if self.scope else {}),
            }
            proof = self.proof("POST", self.token_endpoint)
            response = yield httpx.Request("POST", self.token_endpoint, data=form, headers={"dpop": proof})
            if attempt == 0 and self._asked_for_nonce(response):
                continue
            response.raise_for_status()
            given = response.json()
            self._token, self._until = given["access_token"], time.time() + given["expires_in"]
            return

    def _asked_for_nonce(self, response: httpx.Response) -> bool:
        nonce = response.headers.get("dpop-nonce")
        if nonce is None or nonce == self._nonce:
            return False
        self._nonce = nonce
        return response.status_code in (400, 401)
