"""What is posted is verified before it is published: what nobody can accept is answered at once and never reaches the broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from schemas.envelope import SIGNATURE_HEADER
from schemas.schemes import Scheme
from schemas.signing import SigningKey
from services.ledger.registry import commands
from services.ledger.registry.possession import proven
from services.ledger.storage.operations import quarantine
from tests.integration.gateway.conftest import Gateway, as_binary
from tests.integration.gateway.test_posting import log_of, result

pytestmark = pytest.mark.integration


def forged(event: dict[str, Any]) -> dict[str, Any]:
    event["data"]["place"] = "railnet:brest"
    return event


def ids(gateway: Gateway) -> list[bytes]:
    return [dict(record.headers)["ce_id"] for record in log_of(gateway)]


def test_what_cannot_be_verified_is_refused_at_once_and_never_published(
    alone: Callable[..., Gateway],
) -> None:
    gateway = alone()
    ktz = gateway.partners["ktz"]
    single = gateway.post("ktz", forged(ktz.arrived("forged")))
    assert single.status_code == 422, single.text
    problem = single.json()
    assert (problem["type"], problem["reason"]) == ("urn:lianyun:problem:event-refused", "BAD_SIGNATURE")
    assert problem["errors"][0]["pointer"] == "/lianyunsignature"
    assert problem["remedy"]
    assert "handle" not in problem, "nothing of it is stored"

    headers, body = as_binary(ktz.arrived("forged-binary"))
    binary = gateway.api.client("ktz").post("/v1/events", content=body + b" ", headers=headers)
    assert (binary.status_code, binary.json()["reason"]) == (422, "BAD_SIGNATURE")
    assert binary.json()["errors"][0]["pointer"] == f"header:{SIGNATURE_HEADER}"

    stranger = ktz.arrived("stranger")
    stranger["lianyunsignature"] = stranger["lianyunsignature"].replace(ktz.key.key_id, "0" * 16)
    batch = gateway.post("ktz", [ktz.arrived("good"), forged(ktz.arrived("bad")), stranger])
    assert batch.status_code == 202, batch.text
    assert [(each["outcome"], each.get("reason")) for each in batch.json()["results"]] == [
        ("pending", None),
        ("refused", "BAD_SIGNATURE"),
        ("refused", "UNKNOWN_KEY"),
    ]
    assert ids(gateway) == [b"good"]


def test_a_key_counts_at_the_door_from_the_moment_on_that_it_is_registered(
    alone: Callable[..., Gateway],
) -> None:
    gateway = alone()
    ktz = gateway.partners["ktz"]
    assert result(gateway.post("ktz", ktz.arrived("warm")), 202)["outcome"] == "pending"
    old, ktz.key = ktz.key, SigningKey.from_seed(Scheme.ED25519, b"\x77" * 32)
    early = gateway.post("ktz", ktz.arrived("new-key"))
    assert (early.status_code, early.json()["reason"]) == (422, "UNKNOWN_KEY")
    now = time.time_ns() // 1_000
    with psycopg.connect(gateway.dsn) as session:
        key = proven(ktz.key, "demo", "ktz", not_before=now)
        commands.add_key(session, "ktz", key, at=now, by="test")
    assert gateway.post("ktz", ktz.arrived("new-key")).status_code == 202
    with psycopg.connect(gateway.dsn) as session:
        commands.revoke_key(session, old.key_id, quarantine, at=now, by="test")
    ktz.key = old
    gone = gateway.post("ktz", ktz.arrived("old-key"))
    assert (gone.status_code, gone.json()["reason"]) == (422, "KEY_REVOKED")
    assert ids(gateway) == [b"warm", b"new-key"]


def test_what_may_be_a_matter_of_clocks_is_left_to_the_workers(alone: Callable[..., Gateway]) -> None:
    """The broker's clock decides when a key begins or ends, and it is not ours."""
    gateway = alone()
    ktz = gateway.partners["ktz"]
    now = time.time_ns() // 1_000
    for seconds, status in ((20, 202), (600, 422)):
        ktz.key = SigningKey.from_seed(Scheme.ED25519, bytes([seconds % 251]) * 32)
        with psycopg.connect(gateway.dsn) as session:
            start = now + seconds * 1_000_000
            key = proven(ktz.key, "demo", "ktz", not_before=start)
            commands.add_key(session, "ktz", key, at=now, by="test")
        answer = gateway.post("ktz", ktz.arrived(f"begins-{seconds}"))
        assert answer.status_code == status, answer.text
    assert answer.json()["reason"] == "KEY_NOT_YET_VALID"
    ktz.key = SigningKey.from_seed(Scheme.ED25519, bytes([20]) * 32)
    wrong = gateway.post("ktz", forged(ktz.arrived("begins-forged")))
    assert (wrong.status_code, wrong.json()["reason"]) == (422, "BAD_SIGNATURE"), (
        "its signature is verified all the same"
    )


def test_who_posts_much_that_is_not_verified_is_made_to_wait_and_nobody_else(
    alone: Callable[..., Gateway],
) -> None:
    gateway = alone(api_refused_rate=10, api_rate_window=3_600)
    ktz, xaport = gateway.partners["ktz"], gateway.partners["xaport"]
    within = gateway.post("ktz", [ktz.arrived("fine"), *(forged(ktz.arrived(f"f-{n}")) for n in range(8))])
    assert within.status_code == 202, within.text
    beyond = gateway.post("ktz", [ktz.arrived("not"), *(forged(ktz.arrived(f"g-{n}")) for n in range(8))])
    assert (beyond.status_code, beyond.json()["type"]) == (429, "urn:lianyun:problem:rate-limited")
    assert int(beyond.headers["retry-after"]) > 0
    assert gateway.post("ktz", ktz.arrived("good-too")).status_code == 429, "before it is looked at"
    assert gateway.api.client("ktz").get("/v1/events/x").status_code == 404, "only posting has to wait"
    assert gateway.post("xaport", xaport.opened("XA-1", "MSKU1234565")).status_code == 202
    assert ids(gateway) in ([b"fine", b"open-XA-1"], [b"open-XA-1", b"fine"]), (
        "nothing of a request that is refused went on"
    )
