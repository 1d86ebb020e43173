"""Every process, run with debug logs against real servers and then without a database: no secret in anything it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.notifications.webhooks.sealed_secrets import new_key
from services.processors.supervisor import Supervisor
from services.runtime.ports import free_port
from services.testbed.localstack.engine import Servers
from tests.integration.gateway.conftest import Gateway, opening
from tests.support.financing.world import KEY

pytestmark = [pytest.mark.long, pytest.mark.integration]

MODULES = {
    "worker": "services.processors",
    "api": "services.api",
    "webhooks": "services.notifications.webhooks",
    "notifications": "services.pages.subscriptions",
    "exporter": "services.monitoring.exporter",
    "credit": "services.credit",
    "arrival": "services.statistics",
    "cases": "services.cases",
}
OTLP_KEY = "otlp-key-5f0c7d21"
GONE = "gone-Passw0rd"


@pytest.fixture(scope="module")
def ground(stack: Servers, tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    return opening(stack, tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def environment(ground: Gateway) -> dict[str, str]:
    return {
        "LIANYUN_BOOTSTRAP": ground.servers.bootstrap,
        "LIANYUN_DSN": ground.dsn,
        "LIANYUN_WORKER_TOPICS": ground.topic,
        "LIANYUN_TOPICS": str(ground.folder / "topics.toml"),
        "LIANYUN_GROUP": ground.group,
        "LIANYUN_SESSION_TIMEOUT": "6",
        "LIANYUN_HEARTBEAT": "1",
        "LIANYUN_API_PORT": str(ground.api.port),
        "LIANYUN_API_TOPIC": ground.topic,
        "LIANYUN_API_AUTHORITY_KEY": str(ground.folder / "authority.json"),
        "LIANYUN_FINANCING_KEYS": str(ground.folder / "financing-keys.json"),
        "LIANYUN_WEBHOOK_KEYS": new_key(),
        "LIANYUN_EXPORTER_METRICS_PORT": "0",
        "LIANYUN_LOG_LEVEL": "DEBUG",
        "LIANYUN_LOG_FORMAT": "json",
        # Nothing listens there: its failures are logged too.
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{OTLP_KEY}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }


def until(found: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + 120
    while not (value := found()):
        assert time.monotonic() < end, f"no {what}"
        time.sleep(0.1)
    return value


def passwords(ground: Gateway, environment: dict[str, str]) -> dict[str, str]:
    """What must not be said, by what it is."""
    password = re.search(r"://[^:]+:([^@]+)@", ground.dsn)
    assert password is not None
    return {
        "the database's password": password[1],
        "the webhooks' key": environment["LIANYUN_WEBHOOK_KEYS"],
        "the collector's key": OTLP_KEY,
        "the platform's key of fingerprints": KEY.hex(),
        "another password": GONE,
    }


@pytest.fixture(scope="module")
def said(ground: Gateway, environment: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What each process wrote while it worked, and what the callers of the API held in secret."""
    secrets: dict[str, str] = {}
    logs = ground.folder / "said"

    def note(request: httpx.Request) -> None:
        for name in ("authorization", "dpop"):
            if name in request.headers:
                secrets[f"{name} of {request.method}"] = request.headers[name].split()[-1]
        form = request.content.decode("utf-8", "replace")
        if assertion := re.search(r"client_assertion=([^&]+)", form):
            secrets["client assertion"] = assertion[1]

    with ExitStack() as running:
        for name, module in MODULES.items():
            command = (sys.executable, "-m", module)
            running.enter_context(Supervisor(environment, 1, logs=logs / name, command=command))
        until(lambda: ground.api.rows("SELECT 1 FROM lianyun.kafka_offset"), "worker")
        until(lambda: _answers(ground.api.url), "API")
        ktz = ground.partners["ktz"]
        client = ground.api.client("ktz")
        client.event_hooks["request"].append(note)
        for event in (ktz.arrived("log-1"), ktz.arrived("log-2", classifier="PERHAPS")):
            ground.post("ktz", event, wait=10)
        forged = {
            "authorization": "DPoP " + secrets["authorization of POST"],
            "dpop": "eyJhbGciOiJub25lIn0.e30.",
        }
        assert httpx.get(ground.api.url + "/v1/events/x", headers=forged).status_code == 401
        until(lambda: all(path.stat().st_size for path in logs.rglob("*.log")), "line of each process")
    texts = {name: (logs / name / "worker-0.log").read_text("utf-8") for name in MODULES}
    return texts, {**passwords(ground, environment), **secrets}


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=5).status_code < 500
    except httpx.HTTPError:
        return False


def test_no_process_says_a_secret_and_every_line_is_json(said: tuple[dict[str, str], dict[str, str]]) -> None:
    texts, secrets = said
    assert {"client assertion", "authorization of POST", "dpop of POST"} <= secrets.keys()
    for name, text in texts.items():
        found = [what for what, secret in secrets.items() if secret in text]
        assert found == [], name
        for line in text.splitlines():
            assert {"time", "level", "logger", "message"} <= json.loads(line).keys(), name
    assert "setting dsn=postgresql://lianyun:***@" in texts["worker"]


def test_without_a_database_they_say_so_and_no_password(
    ground: Gateway, environment: dict[str, str], tmp_path: Path
) -> None:
    gone = f"postgresql://lianyun:{GONE}@127.0.0.1:{free_port()}/lianyun"
    told = {**os.environ, **environment, "LIANYUN_DSN": gone, "LIANYUN_API_PORT": str(free_port())}
    told |= {"LIANYUN_PG_CONNECT_TIMEOUT": "2", "LIANYUN_LOG_FORMAT": "text"}
    logs = {name: tmp_path / name for name in MODULES}
    processes = {}
    for name, module in MODULES.items():
        with logs[name].open("wb") as out:
            command = [sys.executable, "-m", module]
            processes[name] = subprocess.Popen(command, env=told, stdout=out, stderr=out)
    try:
        until(
            lambda: all("onnect" in path.read_text() for path in logs.values()),
            "word of each on the database",
        )
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    for name, path in logs.items():
        found = [
            what for what, secret in passwords(ground, environment).items() if secret in path.read_text()
        ]
        assert found == [], name
