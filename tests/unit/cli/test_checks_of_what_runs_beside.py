"""What `lianyun doctor` finds at containers, Prometheus, Grafana's files, packages and time zones, with each fault planted."""

from __future__ import annotations

import ast
import json
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from services.cli.checks import check, containers, machine, monitoring
from services.cli.checks.check import Check
from services.monitoring.alerting.alertmanager import Receivers, configuration
from services.runtime.ports import free_port, listening
from tests.support.alerts.programs import alertmanager

CHECKS = Path(machine.__file__).parent


def finding(check: Check, says: str, mend: str) -> None:
    assert not check.ok, check
    assert says in check.found
    assert mend in check.mend


def test_every_check_says_why_it_is_made() -> None:
    """By the names in the sources: a check that is added without a reason is noticed."""
    named = set()
    for file in CHECKS.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Check", "judged"):
                named |= {arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)}
    assert len(named) > 25
    assert named <= set(check.WHY)
    assert Check("psycopg", True, "3").why == check.PACKAGE
    assert Check("broker", True, "").why == check.WHY["broker"]


def engine(**answers: str | None) -> Callable[[Sequence[str]], str | None]:
    """A docker that answers its subcommands as given."""
    return lambda command: answers.get(command[1])


def look(run: Callable[[Sequence[str]], str | None], *taken: int) -> dict[str, Check]:
    found = containers.look({}, lambda _name: "/usr/bin/docker", run, lambda port: port in taken)
    return {check.name: check for check in found}


def test_no_engine() -> None:
    (check,) = containers.look({}, lambda _name: None)
    finding(check, "no docker", "make up")
    (check,) = look(engine()).values()
    finding(check, "no engine answers", "docker info")


@pytest.mark.parametrize(
    ("version", "good"), [(None, False), ("1.29.2", False), ("2.30.1", True), ("v2.5", True)]
)
def test_a_compose_that_will_not_do(version: str | None, good: bool) -> None:
    checks = look(engine(version="27.1", compose=version))
    assert checks["containers"].ok is good
    assert ("container ports" in checks) is good


def test_a_port_of_the_containers_is_taken() -> None:
    run = engine(version="27.1", compose="2.30.1", ps="")
    assert look(run)["container ports"].ok
    finding(look(run, 5432)["container ports"], "1 taken: 5432", "ss -ltnp sport = :5432")
    assert "LIANYUN_POSTGRES_PORT" in look(run, 5432)["container ports"].mend
    assert look(engine(version="27.1", compose="2.30.1", ps="4f2a"), 5432)["container ports"].ok, (
        "it is theirs"
    )
    moved = containers.free({"LIANYUN_POSTGRES_PORT": "15432"}, lambda port: port == 5432, running=False)
    assert moved.ok


def test_a_real_port_that_is_taken() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        check = containers.free({name: str(free_port()) for name in containers.PORTS} | {"LIANYUN_API_PORT": str(port)},
                                listening, running=False)  # fmt: skip
    finding(check, str(port), "LIANYUN_API_PORT")


def test_a_command_that_fails_says_nothing() -> None:
    assert containers.run_command(["false"]) is None
    assert containers.run_command(["no-such-command-of-ours"]) is None
    assert containers.run_command(["echo", "2.1"]) == "2.1"


@pytest.fixture
def prometheus() -> Iterator[Callable[[list[tuple[str, str]]], str]]:
    """Serve the targets (job, health) as Prometheus would; returns the address."""
    told: list[tuple[str, str]] = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            active = [
                {"labels": {"job": job}, "scrapeUrl": f"http://{job}/", "health": how} for job, how in told
            ]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"status": "success", "data": {"activeTargets": active}}).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answering)
    Thread(target=server.serve_forever, daemon=True).start()

    def serve(targets: list[tuple[str, str]]) -> str:
        told[:] = targets
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serve
    server.shutdown()
    server.server_close()


def test_targets_of_prometheus(prometheus: Callable[[list[tuple[str, str]]], str]) -> None:
    jobs = sorted(monitoring._jobs(monitoring.INFRA))
    assert {"workers", "api", "exporter"} <= set(jobs)
    url = prometheus([(job, "up") for job in jobs])
    assert monitoring.targets(url, {}).ok
    url = prometheus([(job, "down" if job == "api" else "up") for job in jobs])
    finding(monitoring.targets(url, {}), "1 of", f"{url}/targets")
    assert "http://api/" in monitoring.targets(url, {}).found
    url = prometheus([(job, "up") for job in jobs if job != "exporter"])
    finding(monitoring.targets(url, {}), "not scraped: exporter", "prometheus.yml")
    here = {"LIANYUN_PROMETHEUS_PORT": url.rpartition(":")[2]}
    assert not monitoring.targets("", here).ok, "one that runs here and is ours is looked at unasked"
    prometheus([("node", "down")])
    assert monitoring.targets("", here).ok, "somebody else's is not our business"


ALERTMANAGER = """global:
  resolve_timeout: 5m
route:
  receiver: tickets
  routes:
  - receiver: watchdog
    matchers:
    - severity="none"
  - receiver: night
    matchers:
    - severity="page"
    repeat_interval: 1h
  group_wait: 30s
inhibit_rules: []
receivers:
- name: watchdog
- name: tickets
  email_configs:
  - to: day@example.org
- name: night
{channel}templates: []
"""
CHANNEL = "  webhook_configs:\n  - send_resolved: true\n    url: <secret>\n"


def test_a_page_that_goes_to_nobody() -> None:
    assert monitoring.page_receiver(ALERTMANAGER.format(channel="")) == ("night", False)
    assert monitoring.page_receiver(ALERTMANAGER.format(channel=CHANNEL)) == ("night", True)
    one_of_two = ALERTMANAGER.replace('severity="page"', 'severity=~"page|critical"')
    assert monitoring.page_receiver(one_of_two.format(channel="")) == ("night", False)
    of_everything = ALERTMANAGER.replace('severity="page"', 'team="sales"')
    assert monitoring.page_receiver(of_everything.format(channel="")) == ("tickets", True), "the outermost"
    with pytest.raises(ValueError, match="no route"):
        monitoring.page_receiver("receivers: []\n")


@pytest.mark.parametrize(("webhook", "good"), [("", False), ("http://127.0.0.1:9/hook", True)])
def test_receivers_of_a_real_alertmanager(webhook: str, good: bool, watching: Path, tmp_path: Path) -> None:
    (tmp_path / "alertmanager.yml").write_text(configuration(Receivers(webhook=webhook)))
    with alertmanager(watching, tmp_path) as url:
        check = monitoring.receivers(url, {})
        assert monitoring.receivers("", {"LIANYUN_ALERTMANAGER_PORT": url.rpartition(":")[2]}) == check
    assert "pages go to 'people'" in check.found
    assert check.ok is good
    assert good or "lianyun alerts config" in check.mend


def test_an_alertmanager_that_does_not_answer(prometheus: Callable[[list[tuple[str, str]]], str]) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    finding(monitoring.receivers(nowhere, {}), "does not answer", "LIANYUN_ALERTMANAGER_URL")
    assert monitoring.receivers("", {"LIANYUN_ALERTMANAGER_PORT": str(free_port())}).ok
    another = {"LIANYUN_ALERTMANAGER_PORT": prometheus([]).rpartition(":")[2]}
    assert "no Alertmanager" in monitoring.receivers("", another).found


def test_a_prometheus_that_does_not_answer() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    finding(monitoring.targets(nowhere, {}), "does not answer", "LIANYUN_PROMETHEUS_URL")
    assert monitoring.targets("", {"LIANYUN_PROMETHEUS_PORT": str(free_port())}).ok


@pytest.fixture
def infra(tmp_path: Path) -> Path:
    there = tmp_path / "infra"
    shutil.copytree(monitoring.INFRA / "grafana", there / "grafana")
    shutil.copytree(monitoring.INFRA.parent / "ops" / "dashboards", tmp_path / "ops" / "dashboards")
    for path in tmp_path.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return there


def test_files_of_grafana(infra: Path) -> None:
    dashboards = infra.parent / "ops" / "dashboards"
    board = next(dashboards.glob("*.json"))
    good = board.read_text()
    assert monitoring.grafana(infra).ok, monitoring.grafana(infra)
    assert monitoring.grafana(infra / "nowhere").ok
    board.chmod(0o600)
    finding(monitoring.grafana(infra), "is closed to Grafana's account", "chmod -R a+rX")
    board.chmod(0o644)
    board.write_text(good[:-20])
    finding(monitoring.grafana(infra), "is no JSON", "git checkout")
    board.write_text(good.replace('"uid": "${datasource}"', '"uid": "someone-elses"'))
    finding(monitoring.grafana(infra), "nobody provisions: someone-elses", "git checkout")
    board.write_text(good)
    source = infra / "grafana/provisioning/datasources/prometheus.yaml"
    source.write_text(source.read_text().replace("    uid: prometheus\n", ""))
    finding(monitoring.grafana(infra), "no uid of its own", "git checkout")
    shutil.rmtree(dashboards)
    finding(monitoring.grafana(infra), "no dashboards", "git checkout")


def test_packages_of_other_versions(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("psycopg==0.1 \\\n    --hash=sha256:00\nno-such-package-of-ours==1 \\\n")
    finding(machine.locked(lock), "1 of other versions: psycopg", "make setup")
    assert machine.locked(machine.LOCK).ok
    assert machine.locked(tmp_path / "none").ok


def test_a_table_of_time_zones_that_is_too_old() -> None:
    finding(machine.zone_data("2022g", 2025), "2022g", "tzdata")
    assert machine.zone_data("2023a", 2025).ok
    assert machine.zone_data("", 2025).ok
    told = machine.zone_version()
    assert not told or told.startswith("20"), told
