"""A railway posts an event over HTTP; the operator of the consignment is told at its own address, and reads what happened.

Everything is real: broker, database, worker, API with its tokens, the process that delivers, a receiver that verifies.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import orjson
import pytest

from services.notifications.webhooks.signature import verify
from services.testbed.localstack.engine import Servers
from tests.integration.gateway.conftest import opening
from tests.integration.webhooks.conftest import KEY, listening

pytestmark = pytest.mark.integration
BOX = "CSQU3054383"


def test_from_a_post_to_a_verified_message_and_what_it_points_to(stack: Servers, tmp_path: Path) -> None:
    gateway = opening(stack, tmp_path, webhook_keys=KEY, webhook_loopback=True)
    environment = {
        **os.environ,
        "LIANYUN_DSN": gateway.dsn,
        "LIANYUN_WEBHOOK_KEYS": KEY,
        "LIANYUN_WEBHOOK_LOOPBACK": "true",
        "LIANYUN_WEBHOOK_TICK": "0.05",
    }
    with listening() as receiver, gateway.api, gateway.worker():
        gateway.await_worker()
        operator = gateway.api.client("xaport")
        body = {"url": receiver.url(), "types": ["consignment.changed.v1"]}
        made = operator.post("/v1/webhooks", json=body, headers={"idempotency-key": uuid4().hex}).json()
        shown = [each["key"] for each in operator.get(f"/v1/webhooks/{made['id']}/secrets").json()["items"]]
        opened = gateway.post("xaport", gateway.partners["xaport"].opened("XA-1", BOX), wait=10)
        assert opened.json()["results"][0]["outcome"] == "accepted"
        arrived = gateway.post("ktz", gateway.partners["ktz"].arrived("arr-1"), wait=10)
        assert arrived.json()["results"][0]["outcome"] == "accepted"
        process = subprocess.Popen([sys.executable, "-m", "services.notifications.webhooks"], env=environment)
        try:
            until = time.monotonic() + 60
            while not receiver.heard and time.monotonic() < until:
                time.sleep(0.1)
        finally:
            process.terminate()
            assert process.wait(30) == 0
        assert receiver.heard
        for heard in receiver.heard:
            assert all(verify(heard.headers, heard.body, key, time.time()) for key in shown)
            subject = orjson.loads(heard.body)["data"]["subject"]
            assert subject == {
                "kind": "consignment",
                "id": "xaport/XA-1",
                "href": "/v1/consignments/xaport/XA-1",
            }
        read = operator.get(subject["href"])
        assert read.status_code == 200, read.text
        assert read.json()["consignment"] == "xaport/XA-1"
        timeline = operator.get(f"{subject['href']}/timeline").text
        assert "arr-1" in timeline
