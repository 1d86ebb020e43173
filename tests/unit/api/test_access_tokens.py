"""Access tokens are proven once and remembered, never beyond their end."""

from __future__ import annotations

import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from services.api.auth.tokens.access import Verifier
from services.api.auth.tokens.jose import BadToken

KEY = OKPKey.generate_key("Ed25519", parameters={"kid": "one"})


def token(**changed: Any) -> str:
    moment = int(time.time())
    claims = {
        "iss": "https://issuer", "aud": "https://api", "client_id": "abank", "iat": moment, "exp": moment + 300,
        "scope": "financing:read", "cnf": {"jkt": "x"}, **changed,
    }  # fmt: skip
    return jwt.encode({"alg": "Ed25519", "typ": "at+jwt", "kid": "one"}, claims, KEY, algorithms=["Ed25519"])


def test_a_token_is_known_once_it_was_proven_and_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bool] = []

    def keys(again: bool) -> KeySet:
        read.append(again)
        return KeySet([KEY])

    verifier, given = Verifier("https://issuer", "https://api", keys), token()
    with pytest.raises(BadToken, match="not known"):
        verifier.known(given)
    assert read == [], "keys may have to be fetched: nobody who must not wait asks for them"
    granted = verifier.granted(given)
    assert granted.client == "abank"
    assert verifier.known(given) == granted
    with pytest.raises(BadToken, match="not known"):
        verifier.known(token(scope="financing:write"))
    read.clear()
    later = time.time() + 301
    monkeypatch.setattr(time, "time", lambda: later)
    for judge in (verifier.known, verifier.granted):
        with pytest.raises(BadToken, match="expired"):
            judge(given)
    assert read == []
