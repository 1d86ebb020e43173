"""The tables as rule files of Prometheus 2.42 to 3: YAML whose texts are quoted as JSON, which is YAML as well."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from services.monitoring.alerting.alert import Alert
from services.monitoring.alerting.alerts import GROUPS
from services.monitoring.alerting.dashboard_links import dashboard_of
from services.monitoring.alerting.objectives import burning, recordings

_HEAD = "# Written by `make schemas` from services/monitoring/alerting.\ngroups:\n"


def every_alert() -> tuple[Alert, ...]:
    """All rules that may fire; an objective has one by severity, of one name."""
    return (*(alert for group in GROUPS.values() for alert in group), *burning())


def alert_rules() -> str:
    """The text of ops/alerts/alerts.yml."""
    groups = {**GROUPS, "objectives": tuple(burning())}
    return _HEAD + "".join(
        line for name, alerts in groups.items() for line in _group(name, map(_alert, alerts))
    )


def objective_rules() -> str:
    """The text of ops/alerts/objectives.yml."""
    found = (
        {"record": name, "expr": expression, "labels": labels} for name, expression, labels in recordings()
    )
    return _HEAD + "".join(_group("objective_recordings", found))


def _alert(alert: Alert) -> Mapping[str, object]:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.after,
        "labels": alert.labels,
        "annotations": {
            "summary": alert.summary,
            "runbook_url": alert.runbook,
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
