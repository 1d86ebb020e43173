"""The commands around the API, as somebody types them, and the example that docs/guides/api.md shows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from services.runtime.ports import free_port
from tests.support import launcher
from tests.support.api.server import RunningApi

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[3]


def lianyun(api: RunningApi, *arguments: str, code: int = 0) -> str:
    environment = {**os.environ, "LIANYUN_DSN": api.dsn}
    done = launcher.lianyun(*arguments, env=environment)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def example(url: str, client: str, key: Path, path: str) -> dict[str, object]:
    command = [sys.executable, str(ROOT / "examples" / "ask.py"), url, client, str(key), path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, object] = json.loads(done.stdout)
    return told


def test_a_client_is_registered_asks_and_is_revoked(api: RunningApi, tmp_path: Path) -> None:
    key = tmp_path / "key.jwk"
    lianyun(api, "party", "client", "add", "abank", "--new", str(key), "--name", "abank.typed")
    assert key.stat().st_mode & 0o777 == 0o600
    told = example(api.url, "abank.typed", key, "/v1/consignments?container=CSQU3054383")
    assert [each["consignment"] for each in told["items"]] == ["xaport/XA-1"]  # type: ignore[attr-defined]
    listed = json.loads(lianyun(api, "party", "client", "list", "--json"))["clients"]
    mine = next(each for each in listed if each["client"] == "abank.typed")
    assert mine["party"] == "abank"
    assert len(mine["keys"]) == 1
    lianyun(api, "party", "client", "revoke", "abank.typed")
    lianyun(api, "party", "client", "revoke", "abank.typed", code=5)


def test_a_key_file_may_be_pem_or_jwk_and_its_private_part_stays_outside(
    api: RunningApi, tmp_path: Path
) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    pem = tmp_path / "key.pem"
    pem.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    lianyun(
        api,
        "party",
        "client",
        "add",
        "bbank",
        "--key",
        str(pem),
        "--name",
        "bbank.pem",
        "--scope",
        "events:read",
    )
    stored = api.rows("SELECT jwk FROM lianyun.api_client_key WHERE client = 'bbank.pem'")
    assert len(stored) == 1
    assert set(stored[0][0]) == {"kty", "crv", "x"}
    (tmp_path / "none").write_text("no key")
    told = lianyun(api, "party", "client", "add", "bbank", "--key", str(tmp_path / "none"), code=2)
    assert "give a JWK or PEM file" in told
    assert "party list" in lianyun(api, "party", "client", "add", "nobody", "--key", str(pem), code=5)


def test_sealed_lines_take_two_people(api: RunningApi) -> None:
    api.client("abank", "events:read purpose:AML", purposes=("AML",)).get("/v1/consignments/xaport/XA-1")
    asked = ("--by", "A. Chen", "--reason", "order 12/2026", "--since", "2026-01-01T00:00:00Z")
    opening = lianyun(api, "access-log", "ask", *asked).split()[0]
    assert "nobody has approved" in lianyun(api, "access-log", "show", opening, "--by", "A. Chen", code=1)
    assert "second person" in lianyun(api, "access-log", "approve", opening, "--by", "A. Chen", code=1)
    lianyun(api, "access-log", "approve", opening, "--by", "B. Nowak")
    lines = json.loads(lianyun(api, "access-log", "show", opening, "--by", "A. Chen", "--json"))["lines"]
    assert any(line["purpose"] == "AML" and line["subjects"] == ["optic"] for line in lines)


def test_it_serves_in_a_process_of_its_own_until_it_is_stopped(api: RunningApi, tmp_path: Path) -> None:
    port, beside, key = free_port(), free_port(), tmp_path / "key.jwk"
    lianyun(api, "party", "client", "add", "xaport", "--new", str(key), "--name", "xaport.typed")
    environment = {
        **os.environ,
        "LIANYUN_METRICS_PORT": str(beside),
        "LIANYUN_DSN": api.dsn,
        "LIANYUN_API_AUTHORITY_KEY": str(tmp_path / "authority.json"),
    }
    command = [sys.executable, "-m", "services.cli", "api", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE)
    try:
        url = f"http://127.0.0.1:{port}"
        end = time.monotonic() + 60
        while True:
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert time.monotonic() < end
            try:
                if httpx.get(url + "/health/ready").status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.1)
        told = example(url, "xaport.typed", key, "/v1/consignments/xaport/XA-1")
        assert told["consignment"] == "xaport/XA-1"
        for path in (
            "/health/live",
            "/health/ready",
        ):  # for a container's own check, whatever the API serves with
            answer = httpx.get(f"http://127.0.0.1:{beside}{path}")
            assert (answer.status_code, answer.json()["ok"]) == (200, True)
            assert answer.json()["idle_seconds"] < 30
        shown = httpx.get(f"http://127.0.0.1:{beside}/metrics").text
        for series in ('auth_failures_total{reason="replayed"}', 'rate_limited_total{client="xaport.typed"}'):
            assert f"lianyun_api_{series} 0.0" in shown, "before the first, for Prometheus to see it rise"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
