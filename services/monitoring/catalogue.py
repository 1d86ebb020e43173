"""Every metric of Lianyun by the process that shows it: dashboards, alerts, code and the page for operators agree on it."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from services.telemetry import gauges, metrics
from services.telemetry.definitions import Definition


def _declared(module: ModuleType) -> tuple[Definition, ...]:
    return tuple(value for value in vars(module).values() if isinstance(value, Definition))


CATALOGUE: tuple[Definition, ...] = (*_declared(metrics), *_declared(gauges))
"""All that is declared."""

_API = (
    metrics.API_REQUESTS,
    metrics.API_SECONDS,
    metrics.API_IN_PROGRESS,
    metrics.API_AUTH_FAILURES,
    metrics.API_RATE_LIMITED,
    metrics.API_EVENTS_REFUSED,
    metrics.API_CERTIFICATE_EXPIRES,
    metrics.DATABASE_POOL_SIZE,
    metrics.DATABASE_POOL_IN_USE,
    metrics.DATABASE_POOL_WAITING,
)
_WEBHOOKS = (
    metrics.WEBHOOK_DELIVERIES,
    metrics.WEBHOOK_SECONDS,
    metrics.WEBHOOK_WAITING,
    metrics.WEBHOOK_OLDEST,
    metrics.WEBHOOK_DISABLED,
)
_CREDIT = (
    metrics.CREDIT_WHOLE,
    metrics.CREDIT_EVENTS_FOLLOWED,
    metrics.CREDIT_OBSERVATIONS_CHANGED,
    metrics.CREDIT_BROKEN,
    metrics.STEP_SECONDS,
)
_CASES = (
    metrics.CASES_WHOLE,
    metrics.CASES_EVENTS_FOLLOWED,
    metrics.CASES_STEPS,
    metrics.CASES_UNREAD,
    metrics.STEP_SECONDS,
)
_SUPERVISOR = (metrics.WORKER_EXITS,)
_OTHERS = {*_API, *_WEBHOOKS, *_CREDIT, *_CASES, *_SUPERVISOR} - {metrics.STEP_SECONDS}

_EVERY = (metrics.BUILD_INFO,)

PROCESSES: Mapping[str, tuple[Definition, ...]] = {
    "worker": tuple(each for each in _declared(metrics) if each not in _OTHERS),
    "exporter": (*_declared(gauges), *_EVERY),
    "API": (*_API, *_EVERY),
    "webhooks": (*_WEBHOOKS, *_EVERY),
    "credit signals": (*_CREDIT, *_EVERY),
    "cases": (*_CASES, *_EVERY),
    "supervisor": (*_SUPERVISOR, *_EVERY),
}
"""Which process shows what; a test compares each with what it really shows."""


def families() -> Mapping[str, Definition]:
    """Every name that a query may ask for, the series of histograms among them, with its declaration."""
    found: dict[str, Definition] = {}
    for definition in CATALOGUE:
        suffixes = ("_bucket", "_count", "_sum") if definition.kind == "histogram" else ("",)
        found.update({definition.name + suffix: definition for suffix in suffixes})
    return found
