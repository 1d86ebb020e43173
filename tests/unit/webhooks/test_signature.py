"""Signatures against Standard Webhooks' published example, and as a receiver checks them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import VerifyKey

from services.notifications.webhooks.signature import TOLERANCE_SECONDS, SchemeName, Secret, headers, verify

NOW = 1_731_705_121
BODY = b'{"event_type":"ping","data":{"success":true}}'
PUBLISHED = Secret(SchemeName.V1, base64.b64decode("plJ3nmyCDGBKInavdOK15jsl"))


def test_the_published_example_of_v1() -> None:
    told = headers("msg_loFOjxBNrRLzqYUf", NOW, BODY, [PUBLISHED])
    assert told == {
        "webhook-id": "msg_loFOjxBNrRLzqYUf",
        "webhook-timestamp": "1731705121",
        "webhook-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    }
    assert verify(told, BODY, "whsec_plJ3nmyCDGBKInavdOK15jsl", NOW)


def test_v1a_is_ed25519_over_the_same_bytes() -> None:
    secret = Secret(SchemeName.V1A, bytes(range(32)))
    told = headers("msg_1", NOW, BODY, [secret])
    scheme, _, signature = told["webhook-signature"].partition(",")
    assert scheme == "v1a"
    assert secret.public is not None
    VerifyKey(secret.public).verify(b"msg_1.1731705121." + BODY, base64.b64decode(signature))
    assert secret.shown() == "whpk_" + base64.b64encode(secret.public).decode()


@pytest.mark.parametrize("scheme", SchemeName)
def test_each_change_is_noticed(scheme: SchemeName) -> None:
    secret = Secret.generate(scheme)
    told = headers("msg_1", NOW, BODY, [secret])
    shown = secret.shown()
    assert verify(told, BODY, shown, NOW)
    assert not verify(told, BODY + b" ", shown, NOW)
    assert not verify({**told, "webhook-id": "msg_2"}, BODY, shown, NOW)
    assert not verify({**told, "webhook-timestamp": str(NOW + 1)}, BODY, shown, NOW)
    assert not verify(told, BODY, Secret.generate(scheme).shown(), NOW)
    assert not verify(told, BODY, shown, NOW + TOLERANCE_SECONDS + 1)
    assert not verify({**told, "webhook-timestamp": "soon"}, BODY, shown, NOW)
    assert not verify({}, BODY, shown, NOW)


def test_during_a_rotation_both_verify_and_a_scheme_is_never_taken_for_the_other() -> None:
    old, new, public = (Secret.generate(s) for s in (SchemeName.V1, SchemeName.V1, SchemeName.V1A))
    told = headers("msg_1", NOW, BODY, [new, old, public])
    assert len(told["webhook-signature"].split(" ")) == 3
    assert all(verify(told, BODY, each.shown(), NOW) for each in (old, new, public))
    swapped = told["webhook-signature"].replace("v1,", "v1a,")
    assert not verify({**told, "webhook-signature": swapped}, BODY, new.shown(), NOW)


@given(st.binary(max_size=200), st.text("abc_", min_size=1, max_size=20))
def test_whatever_is_told_verifies(body: bytes, message: str) -> None:
    for secret in (PUBLISHED, Secret(SchemeName.V1A, bytes(32))):
        assert verify(headers(message, NOW, body, [secret]), body, secret.shown(), NOW)


def test_a_secret_does_not_show_itself() -> None:
    assert "plJ3" not in repr(PUBLISHED)
    assert PUBLISHED.raw.hex() not in repr(PUBLISHED)
    with pytest.raises(ValueError, match="whsec_"):
        verify(headers("m", NOW, b"", [PUBLISHED]), b"", "plJ3", NOW)
