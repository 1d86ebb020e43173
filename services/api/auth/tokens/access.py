"""Access tokens of the configured issuer: proven once, remembered until they end."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import KeySet

from services.api.auth.tokens.jose import BadToken, number, opened, text

_KEPT = 10_000
_LEEWAY = 5.0


@dataclass(frozen=True, slots=True)
class Granted:
    """What a proven access token says. ``key`` or ``certificate`` is the thumbprint that it is bound to."""

    client: str
    scopes: frozenset[str]
    expires: float
    key: str | None
    certificate: str | None

    @property
    def bound(self) -> str:
        """The thumbprint, of whichever kind."""
        return self.key or self.certificate or ""


class Verifier:
    """Judges access tokens by the ``keys`` of one ``issuer`` for one ``audience``; for several threads."""

    def __init__(self, issuer: str, audience: str, keys: Callable[[bool], KeySet]) -> None:
        """``keys`` gives the issuer's present keys; with True it looks again, for a kid that is not among them."""
        self._issuer, self._audience, self._keys = issuer, audience, keys
        self._known: OrderedDict[str, Granted] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, token: str) -> Granted:
        """What ``token`` grants where it was proven before; reads no keys and so never waits. BadToken as ``granted``."""
        known = self._known.get(token)
        if known is None:
            raise BadToken("the access token is not known yet")
        return _lasting(known)

    def granted(self, token: str) -> Granted:
        """What ``token`` grants now; BadToken says why it grants nothing."""
        known = self._known.get(token)
        if known is None:
            known = self._prove(token, time.time())
            with self._lock:
                self._known[token] = known
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
        return _lasting(known)

    def _prove(self, token: str, now: float) -> Granted:
        present = self._keys(False)
        try:
            found = opened(token, present)
        except BadToken:
            newer = self._keys(True)
            if newer is present:
                raise
            found = opened(token, newer)
        claims = found.claims
        if str(found.header.get("typ", "")).lower().removeprefix("application/") != "at+jwt":
            raise BadToken("not an access token: typ is not at+jwt (RFC 9068)")
        if claims.get("iss") != self._issuer:
            raise BadToken("the access token is of another issuer")
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise BadToken("the access token is for another audience")
        if number(claims, "iat") > now + _LEEWAY or (
            "nbf" in claims and number(claims, "nbf") > now + _LEEWAY
        ):
            raise BadToken("the access token is not valid yet")
        return _granted(claims)


def _lasting(granted: Granted) -> Granted:
    if granted.expires <= time.time():
        raise BadToken("the access token has expired")
    return granted


def _granted(claims: dict[str, Any]) -> Granted:
    confirmed = claims.get("cnf")
    if not isinstance(confirmed, dict):
        raise BadToken("the access token is bound to nothing (cnf)")
    key, certificate = confirmed.get("jkt"), confirmed.get("x5t#S256")
    if not isinstance(key, str) and not isinstance(certificate, str):
        raise BadToken("the access token is bound to neither a key (jkt) nor a certificate (x5t#S256)")
    scopes = claims.get("scope", "")
    return Granted(
        client=text(claims, "client_id"),
        scopes=frozenset(scopes.split()) if isinstance(scopes, str) else frozenset(),
        expires=number(claims, "exp"),
        key=key if isinstance(key, str) else None,
        certificate=certificate if isinstance(certificate, str) else None,
    )
