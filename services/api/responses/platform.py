"""Answers about the platform itself: its health, its description, its keys and its authorization server."""

from __future__ import annotations

from typing import Literal

from services.api.responses.base import Shape


class Healthy(Shape):
    """The process lives, or can work."""

    ok: Literal[True]


class Description(Shape):
    """A description of the API (OpenAPI 3.1)."""

    openapi: str


class Jwk(Shape):
    """A public key (RFC 7517)."""

    kty: str
    kid: str


class JwkSet(Shape):
    """Public keys (RFC 7517)."""

    keys: list[Jwk]


class PlatformKey(Jwk):
    """An Ed25519 key that the platform signs or signed by (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class PlatformKeys(Shape):
    """Every key of the platform, as a JWK set (RFC 7517)."""

    keys: list[PlatformKey]


class AuthorizationServer(Shape):
    """Metadata of the authorization server (RFC 8414)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    grant_types_supported: list[str]
    response_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    dpop_signing_alg_values_supported: list[str]
    tls_client_certificate_bound_access_tokens: bool
    scopes_supported: list[str]


class AccessToken(Shape):
    """An access token (RFC 6749, 5.1), bound to the key of the proof or to the certificate."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
