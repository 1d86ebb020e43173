"""What the process shows."""

from __future__ import annotations

from prometheus_client.exposition import generate_latest

from services.monitoring.artefacts import CATALOGUE
from services.notifications.webhooks.subscriptions import Endpoint
from services.notifications.webhooks.telemetry import WebhookMetrics


def test_what_is_counted_shows_under_declared_names() -> None:
    metrics = WebhookMetrics()
    metrics.delivered(1_000_000, 3_500_000)
    metrics.failed(dead=False)
    metrics.failed(dead=True)
    metrics.update_endpoints(
        [
            Endpoint("wh_1", "abank", "https://x.example/", "ENABLED", "", None, 3, 7_000_000, 1),
            Endpoint("wh_2", "bbank", "https://x.example/", "DISABLED", "gone", 1, 9, None, 0),
        ]
    )
    shown = generate_latest(metrics.instruments.registry).decode()
    for line in (
        'lianyun_webhook_deliveries_total{outcome="delivered"} 1.0',
        'lianyun_webhook_deliveries_total{outcome="failed"} 1.0',
        'lianyun_webhook_deliveries_total{outcome="dead"} 1.0',
        "lianyun_webhook_delivery_seconds_sum 2.5",
        "lianyun_webhook_waiting 3.0",
        "lianyun_webhook_oldest_due_timestamp_seconds 7.0",
        "lianyun_webhook_disabled 1.0",
    ):
        assert line in shown
    declared = {each.name for each in CATALOGUE}
    ours = {line.split()[2] for line in shown.splitlines() if line.startswith("# TYPE lianyun_webhook")}
    assert {name for name in ours if not name.endswith("_created")} <= declared
