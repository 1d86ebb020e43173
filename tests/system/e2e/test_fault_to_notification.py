"""From a fault to the words in a chat: real metrics, Prometheus, rules, Alertmanager and relay; only the robot is ours.

The rules are those of ops/alerts with one change: an alert need not hold for minutes before it fires.
"""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing import SigningKey
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.monitoring.alerting.alertmanager import Receivers, configuration
from services.monitoring.artefacts import ROOT
from services.monitoring.exporter.process import run
from services.monitoring.exporter.settings import ExporterSettings
from services.notifications.alert_relay.relay import Relay, RelaySettings
from services.processors.telemetry import WorkerMetrics
from services.runtime.ports import free_port
from services.telemetry.http import Health, HealthServer
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.alerts.programs import alertmanager, answers, prometheus, until
from tests.support.alerts.robot import robot
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration


@pytest.fixture
def dsn(postgres: DatabaseAddress) -> str:
    """A database in which the partner ktz was heard for the last time long ago."""
    address = migrated_database(postgres, "fault_to_notification")
    with psycopg.connect(address) as session:
        party = PartyAdded(
            code="ktz", name="ktz", roles=frozenset({Role.RAILWAY}), sources=frozenset({"urn:test:ktz"})
        )
        commands.add_party(session, party, at=0, by="test")
        key = SigningKey.from_seed(Scheme.ED25519, b"\x07" * 32)
        added = proven(key, "demo", "ktz")
        commands.add_key(session, "ktz", added, at=0, by="test")
        session.execute(
            "INSERT INTO lianyun.partner_accepted SELECT no, 1 FROM lianyun.party WHERE code = 'ktz'"
        )
    return address


@contextmanager
def exporter(dsn: str, port: int) -> Iterator[None]:
    stop = threading.Event()
    settings = ExporterSettings(dsn=SecretStr(dsn), exporter_metrics_port=port, exporter_every=0.5)
    thread = threading.Thread(target=run, args=(settings, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)


@pytest.mark.long
def test_a_fault_becomes_words_in_a_chat(dsn: str, watching: Path, tmp_path: Path) -> None:
    ports = {name: free_port() for name in ("alertmanager", "exporter")}
    at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    worker = WorkerMetrics()
    worker.ready.set(1)
    with ExitStack() as stack:
        chat = stack.enter_context(robot())
        relay = Relay(
            RelaySettings(relay_port=0, dingtalk_url=SecretStr(chat.url("/robot/send?access_token=t")))
        )
        threading.Thread(target=relay.run, daemon=True).start()
        stack.callback(relay.stop)
        served = HealthServer(worker.instruments.registry, lambda: Health(True), lambda: Health(True))
        served.start()
        stack.callback(served.stop)
        receivers = Receivers(relay=f"http://127.0.0.1:{relay.port}", dingtalk=True)
        (tmp_path / "alertmanager.yml").write_text(
            configuration(receivers, group_wait="1s", group_interval="1s")
        )
        for file in (ROOT / "ops" / "alerts").glob("*.yml"):
            (tmp_path / file.name).write_text(re.sub(r'for: "\d+[smhd]"', 'for: "0s"', file.read_text()))
        jobs = {"workers": f"127.0.0.1:{served.port}", "exporter": at["exporter"]}
        watched = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(tmp_path / "alerts.yml"), str(tmp_path / "objectives.yml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [at["alertmanager"]]}]}]},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in jobs.items()
            ],
        }
        (tmp_path / "prometheus.yml").write_text(json.dumps(watched))
        running = ExitStack()
        stack.enter_context(running)
        running.enter_context(exporter(dsn, ports["exporter"]))
        until(lambda: answers(f"http://{at['exporter']}/metrics"), "the exporter")
        stack.enter_context(alertmanager(watching, tmp_path, ports["alertmanager"]))
        watches = stack.enter_context(prometheus(watching, tmp_path))

        def said(words: str) -> bool:
            return any(words in body["markdown"]["text"] for _, body in chat.heard)

        until(lambda: said("Nothing has been accepted from ktz for longer than usual."), f"{chat.heard}")
        runbook = f"{watches}/user/partner-silent.md"
        assert said(f"({runbook})")
        with urllib.request.urlopen(runbook, timeout=60) as answer:
            assert answer.read() == (ROOT / "ops/runbooks/partner-silent.md").read_bytes()
        assert not said("Watchdog"), "it is for who watches the watchdog"
        worker.ready.set(0)
        until(lambda: said("No worker has its assignment"), f"{chat.heard}")

        def silenced() -> list[str]:
            with urllib.request.urlopen(f"http://{at['alertmanager']}/api/v2/alerts", timeout=60) as answer:
                alerts = json.load(answer)
            return [a["labels"]["alertname"] for a in alerts if a["status"]["inhibitedBy"]]

        until(lambda: "PartnerSilent" in silenced(), "what follows from it keeps quiet")
        running.close()
        until(lambda: said(f"exporter at {at['exporter']} does not answer."), f"{chat.heard}")
