"""The rule files of Prometheus 2.42 to 3: YAML whose strings are quoted as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from services.monitoring.alerting.alerts import GROUPS, RUNBOOKS, RUNBOOKS_URL, Alert
from services.monitoring.alerting.objectives import burn_rate_alerts, recording_rules

_CONTROL_TOWER, _BORDER = "lianyun-control-tower", "lianyun-border-board"
_PIPELINE, _PARTNERS = "lianyun-pipeline-health", "lianyun-partner-quality"
_FINANCING, _OBJECTIVES = "lianyun-financing", "lianyun-promises"

_SHOWN_ON = {
    "Watchdog": _CONTROL_TOWER,
    "MilestoneOverdue": _CONTROL_TOWER,
    "BorderTrainsStuck": _BORDER,
    "BorderDwellAnomaly": _BORDER,
    "CasesBehind": _BORDER,
    "ArrivalTimesBehind": _BORDER,
    "ForecastCoverageDrifts": _BORDER,
    "PartnerSilent": _PARTNERS,
    "PublisherSilent": _PARTNERS,
    "EventsArriveLate": _PARTNERS,
    "PartnerEquivocates": _PARTNERS,
    "PartnerKeyExpires": _PARTNERS,
    "RefusedRatioHigh": _PARTNERS,
    "DeadLettersGrowing": _PARTNERS,
    "DeadLetterOld": _PARTNERS,
    "FinancingRequestsWaiting": _FINANCING,
    "FinancingStatusStale": _FINANCING,
    "CertificateExpires": _FINANCING,
    "CreditSignalsBehind": _FINANCING,
    "WebhooksWaiting": _FINANCING,
    "WebhookDisabled": _FINANCING,
    "NotificationsWaiting": _FINANCING,
}


def dashboard_of(alert: Alert) -> str:
    """The uid of the dashboard about an alert: that of the objectives for a burn rate, by default that of the pipeline."""
    return _OBJECTIVES if alert.slo else _SHOWN_ON.get(alert.name, _PIPELINE)


_HEAD = "# Written by `make schemas` from services/monitoring/alerting.\ngroups:\n"


def all_alerts() -> tuple[Alert, ...]:
    """Every alerting rule; an objective has one per severity, under one name."""
    return (*(alert for group in GROUPS.values() for alert in group), *burn_rate_alerts())


def alert_rules(runbooks: str = RUNBOOKS_URL) -> str:
    """The text of ops/alerts/alerts.yml, whose alerts name runbooks in the folder at the URL ``runbooks``."""
    groups = {**GROUPS, "objectives": tuple(burn_rate_alerts())}
    return _HEAD + "".join(
        line
        for name, alerts in groups.items()
        for line in _group(name, (_alert(each, runbooks) for each in alerts))
    )


def objective_rules() -> str:
    """The text of ops/alerts/objectives.yml."""
    found = (
        {"record": name, "expr": expression, "labels": labels}
        for name, expression, labels in recording_rules()
    )
    return _HEAD + "".join(_group("objective_recordings", found))


def _alert(alert: Alert, runbooks: str) -> Mapping[str, object]:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.after,
        **({"keep_firing_for": alert.lingers} if alert.lingers else {}),
        "labels": alert.labels,
        "annotations": {
            "summary": alert.summary,
            "runbook_url": runbooks + alert.runbook.removeprefix(RUNBOOKS),
            "dashboard_uid": dashboard_of(alert),
        },
    }


def _group(name: str, rules: Iterable[Mapping[str, object]]) -> Iterator[str]:
    yield f"  - name: {name}\n    rules:\n"
    for rule in rules:
        start = "      - "
        for key, value in rule.items():
            if isinstance(value, Mapping):
                yield f"{start}{key}:\n"
                yield from (f"          {inner}: {json.dumps(text)}\n" for inner, text in value.items())
            else:
                yield f"{start}{key}: {json.dumps(value)}\n"
            start = "        "
