"""Secrets open with a key and for their own subscription only."""

from __future__ import annotations

import pytest

from services.notifications.webhooks.sealed_secrets import Seal, SealError, new_key


def test_it_opens_what_it_closed_and_only_in_its_place() -> None:
    seal = Seal.from_text(new_key())
    closed = seal.close(b"secret", "wh_1")
    assert b"secret" not in closed
    assert seal.open(closed, "wh_1") == b"secret"
    with pytest.raises(SealError):
        seal.open(closed, "wh_2")
    with pytest.raises(SealError):
        Seal.from_text(new_key()).open(closed, "wh_1")
    with pytest.raises(SealError):
        seal.open(closed[:-1] + bytes([closed[-1] ^ 1]), "wh_1")


def test_a_key_is_replaced_while_the_old_one_still_opens() -> None:
    old, new = new_key(), new_key()
    closed = Seal.from_text(old).close(b"secret", "wh_1")
    both = Seal.from_text(f"{new},{old}")
    assert both.open(closed, "wh_1") == b"secret"
    assert Seal.from_text(new).open(both.close(b"later", "wh_1"), "wh_1") == b"later"


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", f"{'A' * 43}=,AAAA"])
def test_bad_keys(text: str) -> None:
    with pytest.raises(SealError):
        Seal.from_text(text)
