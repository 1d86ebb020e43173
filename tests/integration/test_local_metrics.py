"""Each process of a platform on this machine shows its own metrics, at the address that Prometheus is given."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from services.runtime.ports import free_port
from services.testbed.localstack.metrics import VARIABLE, MetricsPorts
from services.testbed.localstack.monitoring_programs import watching_programs
from services.testbed.localstack.platform import Platform, arrival_follower, credit_follower, exporter
from services.testbed.localstack.process import StackError


def test_ports_follow_one_another_and_none_is_given_out_twice() -> None:
    first = free_port()
    ports = MetricsPorts(first)
    workers = ports.take("workers", 3)
    credit = ports.setting("credit", "LIANYUN_CREDIT_METRICS_PORT")
    assert workers >= first
    assert int(credit["LIANYUN_CREDIT_METRICS_PORT"]) >= workers + 4, (
        "the supervisor's comes after the workers'"
    )
    assert ports.targets()[0] == {
        "targets": [f"127.0.0.1:{workers + n}" for n in range(3)],
        "labels": {"job": "workers"},
    }


def test_the_one_port_of_the_environment_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv(VARIABLE, str(port))
    assert MetricsPorts.of_environment().take("workers") >= port
    assert VARIABLE not in os.environ


def test_prometheus_takes_the_files(tmp_path: Path) -> None:
    try:
        promtool = watching_programs() / "promtool"
    except StackError as missing:
        pytest.skip(str(missing))
    ports = MetricsPorts()
    ports.take("workers", 2)
    path = ports.write(tmp_path / "prometheus")
    done = subprocess.run([promtool, "check", "config", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rule files found" in done.stdout


@pytest.mark.integration
@pytest.mark.long
def test_every_target_answers_for_its_job(tmp_path: Path) -> None:
    ports = MetricsPorts()
    with (
        Platform(workers=2, metrics_port=ports.take("workers", 2)) as platform,
        credit_follower(platform, ports.setting("credit", "LIANYUN_CREDIT_METRICS_PORT")),
        arrival_follower(platform, ports.setting("arrival", "LIANYUN_ARRIVAL_METRICS_PORT")),
        exporter(platform, ports.take("exporter")),
    ):
        targets = json.loads(ports.write(tmp_path).with_name("targets.json").read_text())
        own = {
            "workers": "worker_ready",
            "credit": "credit_",
            "arrival": "arrival_",
            "exporter": "dead_letters",
        }
        assert [each["labels"]["job"] for each in targets] == list(own)
        for each in targets:
            for address in each["targets"]:
                assert f"lianyun_{own[each['labels']['job']]}" in answer(address), address


def answer(address: str) -> str:
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as found:
                return str(found.read().decode())
        except OSError:
            assert time.monotonic() < until, f"{address} does not answer"
            time.sleep(0.2)
