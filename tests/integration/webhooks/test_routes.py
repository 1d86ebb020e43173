"""Webhooks through the API: made, read, changed, tested, replayed, by their own party only."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import psycopg
import pytest
from typer.testing import CliRunner

from services.cli.checks import database
from services.cli.main import app
from services.notifications.webhooks.signature import verify
from tests.integration.webhooks.conftest import KEY, Receiver
from tests.support.api.server import RunningApi

pytestmark = pytest.mark.integration


@pytest.fixture
def api(dsn: str, tmp_path: Path) -> Iterator[RunningApi]:
    with RunningApi(dsn, tmp_path, {"webhook_keys": KEY, "webhook_loopback": True}) as running:
        yield running


def key() -> dict[str, str]:
    return {"idempotency-key": uuid4().hex}


def make(client: httpx.Client, url: str, **more: Any) -> dict[str, Any]:
    body = {"url": url, "types": ["financing.alert.v1"], **more}
    answer = client.post("/v1/webhooks", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/webhooks/{answer.json()['id']}"
    return dict(answer.json())


def test_from_making_to_a_verified_test_message(
    api: RunningApi, dsn: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = api.client("abank")
    made = make(bank, receiver.url(), description="alerts")
    path = f"/v1/webhooks/{made['id']}"
    assert (made["state"], made["reason"], made["types"]) == ("ENABLED", None, ["financing.alert.v1"])
    secrets = {each["scheme"]: each["key"] for each in bank.get(f"{path}/secrets").json()["items"]}
    assert secrets["v1"].startswith("whsec_")
    assert secrets["v1a"].startswith("whpk_")
    tested = bank.post(f"{path}/test", headers=key())
    assert tested.status_code == 202
    environment = {
        "LIANYUN_DSN": dsn,
        "LIANYUN_WEBHOOK_KEYS": KEY,
        "LIANYUN_WEBHOOK_LOOPBACK": "true",
        "LIANYUN_WEBHOOK_TICK": "0.05",
    }
    process = subprocess.Popen([sys.executable, "-m", "services.cli", "webhooks", "run"], env=environment)
    try:
        until = time.monotonic() + 30
        while not receiver.heard and time.monotonic() < until:
            time.sleep(0.05)
        (heard,) = receiver.heard
    finally:
        process.terminate()
        assert process.wait(30) == 0
    assert all(verify(heard.headers, heard.body, shown, time.time()) for shown in secrets.values())
    assert orjson.loads(heard.body)["type"] == "webhook.test.v1"
    (told,) = bank.get(f"{path}/deliveries").json()["items"]
    assert (told["message"], told["state"], told["status"]) == (tested.json()["message"], "DELIVERED", 204)
    (listed,) = bank.get("/v1/webhooks").json()["items"]
    assert listed["last_success"] is not None
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    shown = orjson.loads(CliRunner().invoke(app, ["webhooks", "list", "--json"]).output)
    assert [(each["party"], each["waiting"]) for each in shown["webhooks"]] == [("abank", 0)]


def test_rotation_keeps_the_old_secret_for_its_overlap(api: RunningApi, receiver: Receiver) -> None:
    bank = api.client("abank")
    path = f"/v1/webhooks/{make(bank, receiver.url())['id']}/secrets"
    before = [each["key"] for each in bank.get(path).json()["items"]]
    asked = {"scheme": "v1", "overlap_seconds": 3_600}
    assert bank.post(path, json=asked, headers=key()).status_code == 200
    items = bank.get(path).json()["items"]
    assert [each["scheme"] for each in items] == ["v1", "v1", "v1a"]
    assert [each["expires"] is None for each in items] == [True, False, True]
    assert items[1]["key"] == before[0]
    assert "whsec_" not in str(api.rows("SELECT sealed FROM lianyun.webhook_secret"))
    assert "whsec_" not in str(api.rows("SELECT * FROM lianyun.api_answer"))


def test_others_see_nothing(api: RunningApi, receiver: Receiver) -> None:
    made = make(api.client("abank"), receiver.url())
    other, path = api.client("bbank"), f"/v1/webhooks/{made['id']}"
    assert other.get("/v1/webhooks").json() == {"items": [], "next": None}
    answers = [
        other.get(path),
        other.get(f"{path}/secrets"),
        other.get(f"{path}/deliveries"),
        other.put(path, json={"state": "PAUSED"}, headers=key()),
        other.delete(path, headers=key()),
        other.post(f"{path}/test", headers=key()),
        other.post(f"{path}/replay", json={"since": "2026-01-01T00:00:00Z"}, headers=key()),
        other.post(f"{path}/secrets", json={"scheme": "v1"}, headers=key()),
    ]
    assert {each.status_code for each in answers} == {404}
    narrow = api.client("abank", "events:read")
    assert narrow.get("/v1/webhooks").status_code == 403


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/",
        "http://hooks.example/",
        "https://169.254.169.254/latest",
        "https://[::ffff:10.0.0.1]/",
    ],
)
def test_internal_addresses_are_refused_with_their_place(api: RunningApi, url: str) -> None:
    answer = api.client("abank").post(
        "/v1/webhooks", json={"url": url, "types": ["financing.alert.v1"]}, headers=key()
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/url"


def test_bad_bodies(api: RunningApi) -> None:
    bank = api.client("abank")
    for body in (
        {},
        {"url": "https://x.example/", "types": []},
        {"url": "https://x.example/", "types": ["no.v1"]},
    ):
        answer = bank.post("/v1/webhooks", json=body, headers=key())
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:lianyun:problem:invalid")
    plain = {"url": "https://x.example/", "types": ["financing.alert.v1"]}
    assert (
        bank.post("/v1/webhooks", json=plain).json()["type"] == "urn:lianyun:problem:idempotency-key-missing"
    )
    same = key()
    first = bank.post("/v1/webhooks", json=plain, headers=same)
    assert bank.post("/v1/webhooks", json=plain, headers=same).json() == first.json()
    assert len(bank.get("/v1/webhooks").json()["items"]) == 1


def test_change_pause_and_remove(api: RunningApi, receiver: Receiver) -> None:
    bank = api.client("abank")
    path = f"/v1/webhooks/{make(bank, receiver.url())['id']}"
    tag = bank.get(path).headers["etag"]
    paused = bank.put(path, json={"state": "PAUSED"}, headers={**key(), "if-match": tag})
    assert (paused.status_code, paused.json()["state"]) == (200, "PAUSED")
    stale = bank.put(path, json={"state": "ENABLED"}, headers={**key(), "if-match": tag})
    assert stale.status_code == 412
    assert bank.post(f"{path}/test", headers=key()).status_code == 409
    now = {**key(), "if-match": paused.headers["etag"]}
    changed = bank.put(path, json={"state": "ENABLED", "url": receiver.url("/new")}, headers=now)
    assert changed.json()["url"].endswith("/new")
    assert bank.get(path).headers["etag"] == changed.headers["etag"]
    bad = bank.post(f"{path}/replay", json={"since": "yesterday"}, headers=key())
    assert (bad.status_code, bad.json()["errors"][0]["pointer"]) == (422, "/since")
    assert bank.delete(path, headers=key()).status_code == 204
    assert bank.get(path).status_code == 404


def test_pages_of_dead_deliveries(api: RunningApi, receiver: Receiver) -> None:
    bank = api.client("abank")
    made = make(bank, receiver.url())
    path = f"/v1/webhooks/{made['id']}"
    messages = [bank.post(f"{path}/test", headers=key()).json()["message"] for _ in range(5)]
    api.rows(
        "UPDATE lianyun.webhook_delivery SET state = 'DEAD', attempts = 12 WHERE subscription = %s RETURNING 1",
        made["id"],
    )
    seen, cursor = [], None
    while True:
        parameters = {"limit": 2, "state": "DEAD", **({"cursor": cursor} if cursor else {})}
        body = bank.get(f"{path}/deliveries", params=parameters).json()
        seen += [each["message"] for each in body["items"]]
        cursor = body["next"]
        if cursor is None:
            break
    assert seen == messages[::-1]


def test_doctor_finds_what_nobody_sends(api: RunningApi, receiver: Receiver) -> None:
    bank = api.client("abank")
    made = make(bank, receiver.url())
    with psycopg.connect(api.dsn) as connection:
        assert database.webhooks(connection).ok
    bank.post(f"/v1/webhooks/{made['id']}/test", headers=key())
    with psycopg.connect(api.dsn) as connection:
        assert database.webhooks(connection).ok, "it is due just now"
        late = database.webhooks(connection, time.time() + database.LATE_SECONDS + 60)
    assert not late.ok
    assert late.mend.startswith("lianyun webhooks run")
