"""Somebody outside the containers who asks the API of a deployment: with a key of its own, registered by the operator."""

from __future__ import annotations

import json
import ssl
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from joserfc.jwk import ECKey

from services.api.client import ApiAuth
from tests.support.terminal.user import User

TENANT = ("--name", "Sandbox", "--role", "bank", "--role", "operator", "--source", "urn:cre:sandbox")


def registered(operator: User, folder: Path) -> Path:
    """The key file of a client of the sandbox tenant, both registered with the operator's commands."""
    key = folder / "sandbox.jwk"
    operator.run("party", "add", "sandbox", *TENANT)
    operator.run("party", "client", "add", "sandbox", "--new", str(key))
    return key


def caller(url: str, key: Path, ca: Path | None = None, client: str = "sandbox") -> httpx.Client:
    """A client that gets its own tokens; over TLS by the authority ``ca`` alone."""
    private = ECKey.import_key(json.loads(key.read_text()))
    verify: Any = True if ca is None else ssl.create_default_context(cafile=ca)
    return httpx.Client(base_url=url, auth=ApiAuth(client, private, url), verify=verify, timeout=30)


def works(api: httpx.Client) -> None:
    """A token is got, a status read, an own event looked for, and a webhook of ours is tried by whoever delivers."""
    assert api.get("/health/ready", auth=None).json() == {"ok": True}
    assert api.get("/v1/financings/sandbox-stage-drawn").json()["stage"] == "DRAWN"
    assert api.get("/v1/financings").json()["items"] == []
    assert api.get("/v1/consignments/nobody/NONE").status_code == 404
    asked = {"url": "https://hooks.invalid/", "types": ["financing.alert.v1"]}
    made = api.post("/v1/webhooks", json=asked, headers={"idempotency-key": uuid4().hex})
    assert made.status_code == 201, made.text
    path = f"/v1/webhooks/{made.json()['id']}"
    assert api.post(f"{path}/test", headers={"idempotency-key": uuid4().hex}).status_code == 202
    end = time.monotonic() + 60
    while not any(each["attempts"] for each in api.get(f"{path}/deliveries").json()["items"]):
        assert time.monotonic() < end, "nobody tries to deliver"
        time.sleep(0.5)
    assert api.delete(path, headers={"idempotency-key": uuid4().hex}).status_code == 204
