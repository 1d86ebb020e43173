"""A drill: ten causes on real servers, one after the other, and one alert for each reaches whoever is on call.

Postgres, Kafka, workers, exporter, Prometheus and Alertmanager are real; the receiver counts what it is sent. The rules are those of
ops/alerts, faster: what must hold for minutes holds for seconds here, in the same order. What a cause leads to must be held back.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kafka import KafkaAdminClient

from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing import SigningKey
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.monitoring.alerting.alertmanager import Receivers, configuration
from services.monitoring.artefacts import ROOT
from services.processors.supervisor import Supervisor
from services.runtime.credentials.authority import issue, new_authority
from services.runtime.ports import free_port
from services.testbed.localstack.stack import LocalStack
from tests.support.alerts.programs import alertmanager, answers, prometheus, until
from tests.support.alerts.robot import Robot, robot
from tests.support.databases import migrated_database

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(2_400)]

TOPIC = "cre.railway.ktz.v1"
LINGERS = 120
"""Seconds that DatabaseDown and BrokerDown outlast their end here: until the workers are back, on a busy machine."""
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def faster(rules: str) -> str:
    """The rules with what must hold for minutes holding for seconds: a tenth, but 12 s at most."""

    def shorter(found: re.Match[str]) -> str:
        return f'for: "{min(int(found[1]) * _SECONDS[found[2]] // 10, 12)}s"'

    rules = re.sub(r'\bfor: "(\d+)([smhd])"', shorter, rules)
    rules = re.sub(r'keep_firing_for: "(?!10m)[^"]+"', 'keep_firing_for: "1s"', rules)
    rules = rules.replace('keep_firing_for: "10m"', f'keep_firing_for: "{LINGERS}s"')
    slow = "lianyun_oldest_writing_transaction_timestamp_seconds) > 300"
    assert slow in rules
    return rules.replace(slow, slow.replace("300", "10"))


@contextmanager
def certified(folder: Path) -> Iterator[tuple[int, Callable[[datetime.datetime], None]]]:
    """A TLS server; yields its port and what gives it a certificate of another time, valid for a year."""
    file, context = folder / "certificate.pem", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def give(since: datetime.datetime) -> None:
        file.write_bytes(issue(new_authority("Drill", since), "pages", ("localhost",), since).both)
        context.load_cert_chain(file)

    give(datetime.datetime.now(datetime.UTC))
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], give
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of a megabyte, in memory."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("NOT RUN: the drill fills a disk of its own, and this account may not mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class Drill:
    """The platform, what watches it, and what was sent to whoever is on call."""

    def __init__(self, servers: LocalStack, dsn: str, folder: Path) -> None:
        self.servers, self.dsn, self.folder = servers, dsn, folder
        self.disk, self.chat = folder / "disk", Robot()
        self.give_certificate: Callable[[datetime.datetime], None]
        self.watches = self.sends = ""
        self._environments: dict[str, tuple[str, Mapping[str, object]]] = {}
        self._running: dict[str, Supervisor] = {}

    def process(self, name: str, module: str, **settings: object) -> None:
        """Declare the process ``name`` and start it."""
        self._environments[name] = (module, settings)
        self.start(name)

    def start(self, name: str) -> None:
        module, settings = self._environments[name]
        environment = {
            **os.environ,
            "LIANYUN_BOOTSTRAP": self.servers.bootstrap,
            "LIANYUN_DSN": self.dsn,
            "LIANYUN_WORKER_TOPICS": TOPIC,
            **{key: str(value) for key, value in settings.items()},
        }
        command = (sys.executable, "-m", module)
        started = Supervisor(environment, workers=1, logs=self.folder / name, command=command)
        self._running[name] = started.start()

    def stop(self, *names: str) -> None:
        """Stop these processes, by default all."""
        for name in names or tuple(self._running):
            self._running.pop(name).stop()

    def send(self, name: str, number: signal.Signals) -> None:
        assert self._running[name].signal(0, number), name

    def as_superuser(self, *statements: str) -> None:
        with psycopg.connect(self.servers.database.admin_dsn, autocommit=True) as session:
            for statement in statements:
                session.execute(statement.encode())

    def sent(self) -> set[tuple[str, str]]:
        """The alerts that were sent as firing: name, and when each began. A repetition is the same alert."""
        return {
            (alert["labels"]["alertname"], alert["startsAt"])
            for _, body in self.chat.heard
            for alert in body["alerts"]
            if alert["status"] == "firing"
        }

    def runbooks(self, name: str) -> set[str]:
        bodies = (alert for _, body in self.chat.heard for alert in body["alerts"])
        return {one["annotations"]["runbook_url"] for one in bodies if one["labels"]["alertname"] == name}

    def suppressed(self) -> set[str]:
        """The names of the alerts that are held back now because another one explains them."""
        alerts = _json(f"{self.sends}/api/v2/alerts") or []
        return {one["labels"]["alertname"] for one in alerts if one["status"]["inhibitedBy"]}

    def pending(self) -> list[str]:
        """What fires or is about to, but for the watchdog; and that Prometheus does not answer."""
        found = _json(f"{self.watches}/api/v1/alerts")
        alerts = [one["labels"]["alertname"] for one in found["data"]["alerts"]] if found else ["?"]
        here = _json(f"{self.sends}/api/v2/alerts")
        alerts += ["?"] if here is None else [one["labels"]["alertname"] for one in here]
        return [name for name in alerts if name != "Watchdog"]

    def up(self, jobs: int) -> bool:
        found = _json(f"{self.watches}/api/v1/query?query=sum(up)%20%2B%20sum(lianyun_worker_ready)")
        return bool(found) and [one["value"][1] for one in found["data"]["result"]] == [str(jobs + 2)]


def _json(url: str) -> Any:
    with suppress(OSError), urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)
    return None


@pytest.fixture
def drill(watching: Path, tmp_path: Path) -> Iterator[Drill]:
    """A healthy platform of two workers and an exporter, watched."""
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(tmp_path / "disk"))
        servers = stack.enter_context(
            LocalStack(durable=False, memory=True, database_settings={"archive_mode": "on"})
        )
        dsn = migrated_database(servers.database, "alert_drill")
        with psycopg.connect(dsn) as session:
            party = PartyAdded(
                code="ktz", name="ktz", roles=frozenset({Role.RAILWAY}), sources=frozenset({"urn:test:ktz"})
            )
            commands.add_party(session, party, at=0, by="test")
            key = SigningKey.from_seed(Scheme.ED25519, b"\x07" * 32)
            commands.add_key(session, "ktz", proven(key, "demo", "ktz"), at=0, by="test")
            session.execute(
                "INSERT INTO lianyun.partner_accepted SELECT no, %s FROM lianyun.party", (_now(),)
            )
        admin = KafkaAdminClient(bootstrap_servers=servers.bootstrap)
        settings = {"message.timestamp.type": "LogAppendTime"}
        topic = {"num_partitions": 2, "replication_factor": 1, "configs": settings}
        admin.create_topics({TOPIC: topic}, wait_for_metadata=True)
        admin.close()
        found = Drill(servers, dsn, tmp_path)
        found.disk = disk
        found.as_superuser("ALTER SYSTEM SET archive_command = 'true'", "SELECT pg_reload_conf()")
        found.chat = stack.enter_context(robot())
        port, found.give_certificate = stack.enter_context(certified(tmp_path))
        stack.callback(found.stop)
        ports = {name: free_port() for name in ("worker-1", "worker-2", "exporter")}
        for name in ("worker-1", "worker-2"):
            found.process(name, "services.processors", LIANYUN_METRICS_PORT=ports[name])
        found.process(
            "exporter",
            "services.monitoring.exporter",
            LIANYUN_EXPORTER_METRICS_PORT=ports["exporter"],
            LIANYUN_EXPORTER_EVERY=1,
            LIANYUN_DISKS=json.dumps({"database": str(disk)}),
            LIANYUN_CERTIFICATES=json.dumps({"pages": f"127.0.0.1:{port}"}),
        )
        receivers = Receivers(webhook=found.chat.url("/hook"))
        (tmp_path / "alertmanager.yml").write_text(
            configuration(receivers, group_wait="5s", group_interval="5s")
        )
        (tmp_path / "alerts.yml").write_text(faster((ROOT / "ops" / "alerts" / "alerts.yml").read_text()))
        found.sends = stack.enter_context(alertmanager(watching, tmp_path))
        targets = {"workers": ("worker-1", "worker-2"), "exporter": ("exporter",)}
        watched = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(tmp_path / "alerts.yml")],
            "alerting": {
                "alertmanagers": [{"static_configs": [{"targets": [found.sends.removeprefix("http://")]}]}]
            },
            "scrape_configs": [
                {
                    "job_name": job,
                    "static_configs": [{"targets": [f"127.0.0.1:{ports[name]}" for name in names]}],
                    # The broker's disk is this machine's, which others fill.
                    "metric_relabel_configs": [
                        {"source_labels": ["disk"], "regex": "kafka-.*", "action": "drop"}
                    ],
                }
                for job, names in targets.items()
            ],
        }
        (tmp_path / "prometheus.yml").write_text(json.dumps(watched))
        until(lambda: all(answers(f"http://127.0.0.1:{port}/metrics") for port in ports.values()), "metrics")
        found.watches = stack.enter_context(prometheus(watching, tmp_path))
        yield found


def _now() -> int:
    return int(time.time() * 1e6)


@contextmanager
def ended_database(drill: Drill) -> Iterator[None]:
    drill.servers.database.kill()
    yield
    drill.servers.database.start(240)


@contextmanager
def ended_broker(drill: Drill) -> Iterator[None]:
    drill.servers.broker.kill()
    yield
    drill.servers.broker.start(240)


@contextmanager
def full_disk(drill: Drill) -> Iterator[None]:
    (drill.disk / "filler").write_bytes(b"x" * 1_000_000)
    yield
    (drill.disk / "filler").unlink()


@contextmanager
def failing_archive(drill: Drill) -> Iterator[None]:
    switch = ("SELECT pg_logical_emit_message(true, 'drill', 'x')", "SELECT pg_switch_wal()")
    drill.as_superuser("ALTER SYSTEM SET archive_command = 'false'", "SELECT pg_reload_conf()", *switch)
    yield
    drill.as_superuser("ALTER SYSTEM SET archive_command = 'true'", "SELECT pg_reload_conf()", *switch)


@contextmanager
def ended(drill: Drill, name: str) -> Iterator[None]:
    drill.stop(name)
    yield
    drill.start(name)


@contextmanager
def frozen_workers(drill: Drill) -> Iterator[None]:
    """All at one moment; at the end they are killed, and their supervisor starts them again."""
    for name in ("worker-1", "worker-2"):
        drill.send(name, signal.SIGSTOP)
    yield
    for name in ("worker-1", "worker-2"):
        drill.send(name, signal.SIGKILL)


@contextmanager
def expired_certificate(drill: Drill) -> Iterator[None]:
    drill.give_certificate(datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC))
    yield
    drill.give_certificate(datetime.datetime.now(datetime.UTC))


@contextmanager
def open_transaction(drill: Drill) -> Iterator[None]:
    with psycopg.connect(drill.dsn) as session:
        session.execute("SELECT pg_current_xact_id()")
        yield


@contextmanager
def silent_partner(drill: Drill) -> Iterator[None]:
    accepted = "UPDATE lianyun.partner_accepted SET appended = %s"
    with psycopg.connect(drill.dsn, autocommit=True) as session:
        session.execute(accepted, (1,))
        yield
        session.execute(accepted, (_now(),))


def test_ten_causes_are_ten_alerts(drill: Drill) -> None:
    """Each is sent once, by its own name, with its runbook; what follows from it is held back."""

    def healthy() -> bool:
        return drill.up(3) and not drill.pending()

    def broken(cause: Any, name: str, follows: str = "") -> None:
        before = drill.sent()
        with cause:
            until(
                lambda: any(new == name for new, _ in drill.sent() - before),
                lambda: f"{name}: {drill.pending()}",
            )
            until(
                lambda: not follows or follows in drill.suppressed(), lambda: f"{follows}: {drill.pending()}"
            )
        until(healthy, lambda: f"after {name}: {drill.pending()}")
        assert [new for new, _ in drill.sent() - before] == [name]
        (runbook,) = drill.runbooks(name)
        assert answers(runbook), runbook

    until(healthy, lambda: f"at first: {drill.pending()}")
    assert drill.sent() == set()
    broken(full_disk(drill), "DiskFilling")
    broken(failing_archive(drill), "ArchivingFailing")
    broken(expired_certificate(drill), "CertificateExpires")
    broken(open_transaction(drill), "TransactionOpenLong")
    broken(silent_partner(drill), "PartnerSilent")
    broken(ended(drill, "exporter"), "TargetDown")
    broken(ended(drill, "worker-1"), "TargetDown")
    broken(frozen_workers(drill), "NoWorkerReady", "TargetDown")
    broken(ended_database(drill), "DatabaseDown", "NoWorkerReady")
    broken(ended_broker(drill), "BrokerDown")
