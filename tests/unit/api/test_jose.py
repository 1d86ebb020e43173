"""Whatever is sent as a token, proof or key is proven or refused: nothing else ever comes out."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey

from services.api.auth.tokens import jose
from services.api.auth.tokens.access import Verifier
from services.api.auth.tokens.jose import BadToken, opened, public_key
from services.api.auth.tokens.proof import ProofRequest, prove

KEY = ECKey.generate_key("P-256")
PUBLIC = KEY.as_dict(private=False)
ASKED = ProofRequest("GET", ("https://api.example/v1/x",), 1_000.0, 60)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
members = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "use", "key_ops", "alg", "kid"])


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@given(st.dictionaries(members, values, max_size=6))
def test_a_key_is_a_key_or_refused(changed: dict[str, Any]) -> None:
    for jwk in (changed, {**PUBLIC, **changed}):
        try:
            public_key(jwk)
        except BadToken:
            continue


@given(
    st.dictionaries(
        st.sampled_from(["alg", "typ", "jwk", "kid", "crit", "b64", "x5c", "zip"]), values, max_size=5
    ),
    st.dictionaries(members, values, max_size=4),
    values,
    st.binary(max_size=70),
)
def test_a_forged_proof_is_refused(
    header: dict[str, Any], key: dict[str, Any], claims: Any, signature: bytes
) -> None:
    usual = {"alg": "ES256", "typ": "dpop+jwt", "jwk": {**PUBLIC, **key}}
    tail = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    for head in (header, {**usual, **header}):
        with pytest.raises(BadToken):
            prove(f"{part(head)}.{part(claims)}.{tail}", ASKED, None)


@given(st.text(max_size=200))
def test_text_is_refused(text: str) -> None:
    for made in (text, f"{text}.{text}.{text}"):
        with pytest.raises(BadToken):
            prove(made, ASKED, None)
        with pytest.raises(BadToken):
            opened(made, KEY)


names = st.sampled_from(["iss", "aud", "exp", "iat", "nbf", "cnf", "client_id", "scope", "sub"])


@given(st.dictionaries(names, values, max_size=4))
def test_signed_claims_of_any_form_grant_or_are_refused(changed: dict[str, Any]) -> None:
    now = int(time.time())
    claims = {
        "iss": "i", "aud": "a", "client_id": "c", "iat": now, "exp": now + 60, "scope": "x", "cnf": {"jkt": "k"}, **changed,
    }  # fmt: skip
    token = jwt.encode({"alg": "ES256", "typ": "at+jwt"}, claims, KEY)
    keys = KeySet([KEY])
    try:
        granted = Verifier("i", "a", lambda _again: keys).granted(token)
    except BadToken:
        return
    assert granted.key or granted.certificate
    assert granted.expires > now


@given(st.dictionaries(st.sampled_from(["htm", "htu", "iat", "jti", "ath", "nonce"]), values, max_size=4))
def test_signed_claims_of_a_proof_hold_or_are_refused(changed: dict[str, Any]) -> None:
    claims = {"htm": "GET", "htu": ASKED.uris[0], "iat": 1_000, "jti": "j", **changed}
    proof = jwt.encode({"alg": "ES256", "typ": "dpop+jwt", "jwk": PUBLIC}, claims, KEY)
    try:
        proven = prove(proof, ASKED, None)
    except BadToken:
        return
    assert claims["htm"] == "GET"
    assert proven.thumbprint == KEY.thumbprint()


ED = OKPKey.generate_key("Ed25519")
USUAL = {"alg": "Ed25519", "typ": "dpop+jwt"}


@given(
    st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "zip"]), values, max_size=3),
    values,
    st.integers(0, 2),
    st.integers(0, 600),
    st.sampled_from("Aw_=.-+/ \n"),
)
def test_the_short_way_grants_what_the_long_one_does(
    changed: dict[str, Any], claims: Any, piece: int, at: int, put: str
) -> None:
    """Signed as asked, or damaged in one place: whatever the short way opens, the library opens to the same."""
    signing = f"{part({**USUAL, **changed})}.{part(claims)}"
    signature = base64.urlsafe_b64encode(ED.private_key.sign(signing.encode())).rstrip(b"=").decode()
    whole = f"{signing}.{signature}"
    pieces = whole.split(".")
    pieces[piece] = pieces[piece][:at] + put + pieces[piece][at + 1 :]
    for token in (whole, ".".join(pieces)):
        short = jose._plain_ed25519(token, ED)
        if short is not None:
            long = jwt.decode(token, ED, registry=jose._REGISTRY)
            assert (short.header, short.claims) == (long.header, long.claims)
            assert not set(changed) & {"crit", "b64", "zip"}


def test_an_ordinary_proof_takes_the_short_way() -> None:
    token = jwt.encode(
        {**USUAL, "jwk": ED.as_dict(private=False)}, {"htm": "GET"}, ED, registry=jose._REGISTRY
    )
    found = jose._plain_ed25519(token, ED)
    assert found is not None
    assert found.claims == {"htm": "GET"}
    other = OKPKey.generate_key("Ed25519")
    assert jose._plain_ed25519(token, other) is None
    with pytest.raises(BadToken):
        opened(token, other)
