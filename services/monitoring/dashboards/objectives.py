"""Dashboard of service level objectives: error budgets spent, and burn rates."""

from __future__ import annotations

from services.monitoring.alerting.objectives import OBJECTIVES, Objective, count, ratio
from services.monitoring.dashboards.definitions import (
    TO_FINANCING,
    TO_PIPELINE,
    Dashboard,
    Kind,
    Link,
    Metric,
    Panel,
    Row,
)

_EMPTY = "nothing was counted yet"
_WHERE: dict[str, Link] = {"visible": TO_PIPELINE, "api": TO_FINANCING, "webhooks": TO_FINANCING}
"""The dashboard to look at next, by objective."""


def _row(objective: Objective) -> Row:
    at = f'{{slo="{objective.name}"}}'
    down = (_WHERE[objective.name],)
    return Row(
        objective.statement,
        (
            Panel(f"{objective.name}: budget spent", "percentunit",
                  "How much of what may be bad in 30 days was bad in the last 3. Above 100 % the promise of these 30 days is broken, "
                  "whatever comes: 872 % is the allowance of nearly nine months.", Kind.NUMBER,
                  (Metric(f"1 - slo:error_budget_left:ratio{at}"),), down, width=4, empty=_EMPTY, worrying=0.5, alarming=1),
            Panel(f"{objective.name}: share that is good", "percentunit",
                  f"Good events among all, in the last hour, 6 hours and 3 days; {objective.target} is promised.", Kind.LINES,
                  tuple(Metric(f"1 - {ratio(window)}{at}", window) for window in ("1h", "6h", "3d")), down, width=8,
                  empty=_EMPTY, alarming_below=objective.target),
            Panel(f"{objective.name}: burn rate", "none",
                  "How many times faster than allowed the budget is spent: 1 spends it in 30 days. 14.4 in an hour and 6 in six "
                  "wake somebody.", Kind.LINES,
                  tuple(Metric(f"{ratio(window)}{at} / {objective.budget}", window) for window in ("1h", "6h", "3d")), down,
                  width=6, empty=_EMPTY, alarming=14.4),
            Panel(f"{objective.name}: events counted", "none",
                  f"In the last hour. Below {objective.minimum} nobody is woken: one bad event of a few is no fire.", Kind.LINES,
                  (Metric(f"{count('1h')}{at}", "events"),), down, width=6, empty=_EMPTY),
        ),
    )  # fmt: skip


FIRING = Row(
    "Alerts",
    (
        Panel("Alerts about promises", "none", "Which fire or are about to, by severity.", Kind.LINES,
              (Metric('count by (alertname, severity, alertstate) (ALERTS{slo!=""})',
                      "{{alertname}} {{severity}} {{alertstate}}"),), (TO_PIPELINE, TO_FINANCING), width=24,
              empty="no promise is in danger"),
    ),
)  # fmt: skip

OBJECTIVES_BOARD = Dashboard(
    "promises",
    "Promises and error budgets",
    "What the platform promises, how much of each error budget is spent, and how fast it burns.",
    (*map(_row, OBJECTIVES), FIRING),
    links=(TO_PIPELINE, TO_FINANCING),
    since="now-3d",
)
