"""Service level objectives, their recording rules, and multi-window, multi-burn-rate alerts.

The error budget is the share that may be bad, 1 - target; a burn rate of 1 spends it in exactly 30 days. Both windows of a pair
must exceed the rate, so that an alert fires and resolves soon. Each pair needs a minimum of events in its longer window, since of
few events a single bad one would be a high rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from services.monitoring.alerting.alerts import Alert, Severity, counter_increase

Counted = Callable[[str], str]
"""PromQL for the number of events in a window, without labels."""


@dataclass(frozen=True, slots=True)
class Objective:
    """The share ``target`` of ``all`` events is good, i.e. not among ``bad``; ``statement`` is the objective in words."""

    name: str
    statement: str
    target: float
    all: Counted
    bad: Counted
    minimum: int  # events in the longer window
    alert: str
    summary: str

    @property
    def budget(self) -> float:
        """The error budget: the share that may be bad."""
        return round(1 - self.target, 9)


@dataclass(frozen=True, slots=True)
class Burn:
    """A pair of windows and the burn rate that both must exceed."""

    long: str
    short: str
    rate: float


BURNS: Mapping[Severity, tuple[str, tuple[Burn, ...]]] = {
    "page": (
        "2m",
        (Burn("1h", "5m", 14.4), Burn("6h", "30m", 6.0)),
    ),  # 2 % of the budget in an hour, 5 % in six
    "ticket": ("1h", (Burn("1d", "2h", 3.0), Burn("3d", "6h", 1.0))),  # 10 % in a day, in three
}
"""By severity: how long one of the pairs must hold, and the pairs."""
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def _summed_increase(series: str) -> Counted:
    return lambda window: f"sum({counter_increase(series, window)})"


_APPLIED = _summed_increase('lianyun_pipeline_latency_seconds_count{stage="log_to_state"}')
_APPLIED_IN_TIME = _summed_increase('lianyun_pipeline_latency_seconds_bucket{stage="log_to_state",le="5.0"}')
_ANSWERED = _summed_increase("lianyun_api_requests_total")
_FAILED = _summed_increase('lianyun_api_requests_total{status=~"5.."}')
_DELIVERED = _summed_increase("lianyun_webhook_delivery_seconds_count")
_DELIVERED_IN_TIME = _summed_increase('lianyun_webhook_delivery_seconds_bucket{le="60.0"}')
_GIVEN_UP = _summed_increase('lianyun_webhook_deliveries_total{outcome="dead"}')


def _dead(window: str) -> str:
    return f"({_GIVEN_UP(window)} or vector(0))"


OBJECTIVES = (
    Objective(
        "visible",
        "99 % of messages are visible within 5 s of reaching the log",
        0.99,
        _APPLIED,
        lambda window: f"{_APPLIED(window)} - {_APPLIED_IN_TIME(window)}",
        100,
        "VisibleTooSlow",
        "What partners publish is seen too late: more than the promised share took longer than 5 s.",
    ),
    Objective(
        "api",
        "99.9 % of requests to the API do not fail on our side",
        0.999,
        _ANSWERED,
        lambda window: f"{_FAILED(window)} or vector(0)",
        300,
        "ApiFailing",
        "The API fails more requests than promised.",
    ),
    Objective(
        "webhooks",
        "99 % of webhook messages are delivered within 60 s",
        0.99,
        lambda window: f"{_DELIVERED(window)} + {_dead(window)}",
        lambda window: f"{_DELIVERED(window)} - {_DELIVERED_IN_TIME(window)} + {_dead(window)}",
        20,
        "WebhooksTooSlow",
        "Parties hear of changes too late: more than the promised share of messages took longer than 60 s or was given up.",
    ),
)


def ratio(window: str) -> str:
    """The recorded name of the share of bad events in ``window``, by ``slo``."""
    return f"slo:sli_error:ratio_rate{window}"


def count(window: str) -> str:
    """The recorded name of the number of events in ``window``, by ``slo``."""
    return f"slo:sli_events:increase{window}"


def recording_rules() -> Iterator[tuple[str, str, dict[str, str]]]:
    """The recording rules: name, expression, labels."""
    for objective in OBJECTIVES:
        labels = {"slo": objective.name}
        for window in WINDOWS:
            total, bad = objective.all(window), objective.bad(window)
            yield count(window), total, labels
            yield ratio(window), f"({bad}) / ({total})", labels
        yield "slo:objective:ratio", f"vector({objective.target})", labels
        yield (
            "slo:error_budget_left:ratio",
            f'1 - {ratio("3d")}{{slo="{objective.name}"}} * 3 / (30 * {objective.budget})',
            labels,
        )


def burn_rate_alerts() -> Iterator[Alert]:
    """The burn rate alerts, one per objective and severity."""
    for objective in OBJECTIVES:
        for severity, (after, burns) in BURNS.items():
            either = " or ".join(_burns(objective, burn) for burn in burns)
            yield Alert(objective.alert, severity, either, after, objective.summary, objective.name)


def _burns(objective: Objective, burn: Burn) -> str:
    limit = round(burn.rate * objective.budget, 9)
    at = f'{{slo="{objective.name}"}}'
    return (
        f"({ratio(burn.long)}{at} > {limit} and {ratio(burn.short)}{at} > {limit} "
        f"and {count(burn.long)}{at} >= {objective.minimum})"
    )
