"""Whether Prometheus of a deployment reads what runs in it."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from tests.system.containers.deployment import Deployment, until

OURS = (
    ("workers", 2),
    ("credit", 1),
    ("cases", 1),
    ("exporter", 1),
    ("api", 1),
    ("webhooks", 1),
    ("exchange", 1),
    ("transparency", 1),
    ("notifications", 1),
)
"""The jobs that are ours, each with how many processes it reads."""


def watches(deployment: Deployment) -> None:
    """Wait until every rule has been evaluated well and the alerts' receiver is known; skips as ``reads`` does."""
    if "prometheus" in deployment.left_out:
        pytest.skip("NOT RUN: this engine has no image of Prometheus and cannot fetch it")

    def asked(what: str) -> Any:
        address = f"http://127.0.0.1:{deployment.port(_port(deployment))}/api/v1/{what}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            return json.load(answer)["data"]

    def health() -> set[str]:
        return {rule["health"] for group in asked("rules")["groups"] for rule in group["rules"]}

    until(lambda: health() == {"ok"}, "every rule is evaluated", 180.0)
    assert {alert["labels"]["alertname"] for alert in asked("alerts")["alerts"]} >= {"Watchdog"}
    (receiver,) = asked("alertmanagers")["activeAlertmanagers"]
    assert receiver["url"] == "http://alertmanager:9093/api/v2/alerts"
    if "alertmanager" in deployment.left_out:
        pytest.skip(
            "NOT RUN: this engine has no image of Alertmanager and cannot fetch it; the rules are evaluated"
        )
    reads(deployment, "alertmanager", 1)


def reads(deployment: Deployment, job: str, many: int) -> None:
    """Wait until all ``many`` processes of ``job`` are read; skips where the engine has no image of Prometheus."""
    if "prometheus" in deployment.left_out:
        pytest.skip("NOT RUN: this engine has no image of Prometheus and cannot fetch it")
    port = deployment.port(_port(deployment))
    address = f"http://127.0.0.1:{port}/api/v1/query?query=up%7Bjob%3D%22{job}%22%7D"

    def up() -> list[str]:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return [each["value"][1] for each in json.load(answer)["data"]["result"]]

    until(lambda: up() == ["1"] * many, f"{job}: all are scraped")


def _port(deployment: Deployment) -> str:
    """Each form has a Prometheus of its own."""
    return "PROMETHEUS_SECURE" if deployment.profile == "secure" else "PROMETHEUS"
