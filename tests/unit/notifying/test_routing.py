"""Alertmanager's configuration: accepted by amtool, routed as meant, and nothing is named that does not exist."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from services.monitoring.alerting.alertmanager import INHIBITIONS, Receivers, configuration
from services.monitoring.alerting.rules import all_alerts
from services.monitoring.artefacts import ROOT

ALL = Receivers(
    mail_to="night@example.org",
    mail_from="lianyun@example.org",
    smarthost="mail.example.org:25",
    webhook="http://127.0.0.1:9/hook",
    relay="http://127.0.0.1:9466/",
    wecom=True,
    dingtalk=True,
    watchdog="http://127.0.0.1:9/alive",
)


def body(text: str) -> dict[str, Any]:
    return dict(json.loads(text.partition("\n")[2]))


@pytest.mark.parametrize("receivers", [Receivers(), ALL, Receivers(webhook="http://127.0.0.1:9/hook")])
def test_amtool_accepts_it(receivers: Receivers, watching: Path, tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(configuration(receivers))
    done = subprocess.run(
        [watching / "amtool", "check-config", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for labels, receiver in (
        (["severity=none", "alertname=Watchdog"], "watchdog"),
        (["severity=page", "alertname=TargetDown"], "people"),
        (["severity=ticket", "alertname=DeadLetterOld"], "people"),
    ):
        command = [watching / "amtool", "config", "routes", "test", f"--config.file={file}", *labels]
        routed = subprocess.run(command, capture_output=True, text=True, check=False)
        assert routed.stdout.split() == [receiver], routed.stderr


def test_every_way_is_a_receiver() -> None:
    (people,) = (one for one in body(configuration(ALL))["receivers"] if one["name"] == "people")
    assert [one["to"] for one in people["email_configs"]] == ["night@example.org"]
    assert [one["url"] for one in people["webhook_configs"]] == [
        "http://127.0.0.1:9/hook", "http://127.0.0.1:9466/wecom", "http://127.0.0.1:9466/dingtalk",
    ]  # fmt: skip
    (watchdog,) = (one for one in body(configuration(ALL))["receivers"] if one["name"] == "watchdog")
    assert watchdog["webhook_configs"] == [{"url": "http://127.0.0.1:9/alive", "send_resolved": False}]


@pytest.mark.parametrize("wrong", [Receivers(mail_to="a@b"), Receivers(wecom=True), Receivers(dingtalk=True)])
def test_half_a_receiver_is_refused(wrong: Receivers) -> None:
    with pytest.raises(ValueError, match=r"smarthost|relay"):
        configuration(wrong)


def test_no_alert_that_explains_others_is_quieter_than_they_are() -> None:
    severity = {alert.name: alert.severity for alert in all_alerts() if not alert.slo}
    for one in INHIBITIONS:
        for target in one.targets:
            assert (severity[one.source], severity.get(target, "ticket")) != ("ticket", "page"), one


def test_a_database_that_is_down_holds_back_every_process_that_ends_without_it() -> None:
    scraped = set(
        re.findall(r"job_name: (\S+)", (ROOT / "infra" / "prometheus" / "prometheus.yml").read_text())
    )
    for one in INHIBITIONS:
        jobs = {job for matcher in one.where for job in re.findall(r"[a-z]+", matcher.partition('"')[2])}
        assert jobs <= scraped, one
        if (one.source, one.targets) == ("DatabaseDown", ("TargetDown",)):
            assert jobs == scraped - {"exporter", "prometheus", "alertmanager"}


def test_the_configuration_in_the_repository_is_the_one_without_receivers() -> None:
    assert (ROOT / "infra" / "alertmanager" / "alertmanager.yml").read_text() == configuration(Receivers())
