"""Every metric by the process that exposes it, and the files for operators that are generated from the metrics, alerts and objectives.

``python -m services.monitoring.artefacts [--check]`` writes them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from services.monitoring.alerting.rules import alert_rules, objective_rules
from services.telemetry import gauges, metrics
from services.telemetry.definitions import LABELS, Definition

ROOT = Path(__file__).resolve().parents[2]


def _declared(module: ModuleType) -> tuple[Definition, ...]:
    return tuple(value for value in vars(module).values() if isinstance(value, Definition))


CATALOGUE: tuple[Definition, ...] = (*_declared(metrics), *_declared(gauges))
"""All declared metrics."""

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
_PAGES = (
    metrics.PAGES_REQUESTS,
    metrics.PAGES_SECONDS,
    metrics.PAGES_RATE_LIMITED,
    metrics.DATABASE_POOL_SIZE,
    metrics.DATABASE_POOL_IN_USE,
    metrics.DATABASE_POOL_WAITING,
)
_EXCHANGE = (
    metrics.EXCHANGE_REQUESTS,
    metrics.EXCHANGE_SECONDS,
    metrics.EXCHANGE_IN_PROGRESS,
    metrics.EXCHANGE_RATE_LIMITED,
    metrics.EXCHANGE_WAITING,
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
_NOTIFICATIONS = (
    metrics.NOTIFICATION_MAILS,
    metrics.NOTIFICATIONS_WAITING,
    metrics.NOTIFICATIONS_OLDEST,
    metrics.NOTIFICATIONS_SUSPENDED,
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
_ARRIVAL = (
    metrics.ARRIVAL_WHOLE,
    metrics.ARRIVAL_EVENTS_FOLLOWED,
    metrics.ARRIVAL_BROKEN,
    metrics.STEP_SECONDS,
)
_TRANSPARENCY = (
    metrics.TRANSPARENCY_WHOLE,
    metrics.TRANSPARENCY_ENTRIES,
    metrics.TRANSPARENCY_COSIGNED,
    metrics.TRANSPARENCY_COSIGNED_AT,
)
_SUPERVISOR = (metrics.WORKER_EXITS,)
_OTHERS = {
    *_API,
    *_PAGES,
    *_EXCHANGE,
    *_WEBHOOKS,
    *_NOTIFICATIONS,
    *_CREDIT,
    *_CASES,
    *_ARRIVAL,
    *_TRANSPARENCY,
    *_SUPERVISOR,
} - {metrics.STEP_SECONDS}

_EVERY = (metrics.BUILD_INFO,)

PROCESSES: Mapping[str, tuple[Definition, ...]] = {
    "worker": tuple(each for each in _declared(metrics) if each not in _OTHERS),
    "exporter": (*_declared(gauges), *_EVERY),
    "API": (*_API, *_EVERY),
    "pages": (*_PAGES, *_EVERY),
    "exchange of documents": (*_EXCHANGE, *_EVERY),
    "webhooks": (*_WEBHOOKS, *_EVERY),
    "notifications": (*_NOTIFICATIONS, *_EVERY),
    "credit signals": (*_CREDIT, *_EVERY),
    "cases": (*_CASES, *_EVERY),
    "arrival times": (*_ARRIVAL, *_EVERY),
    "transparency log": (*_TRANSPARENCY, *_EVERY),
    "supervisor": (*_SUPERVISOR, *_EVERY),
}
"""The metrics of each process; a test compares them with those exposed."""


def families() -> Mapping[str, Definition]:
    """Every series name that a query may use, those of histograms included, with its definition."""
    found: dict[str, Definition] = {}
    for definition in CATALOGUE:
        suffixes = ("_bucket", "_count", "_sum") if definition.kind == "histogram" else ("",)
        found.update({definition.name + suffix: definition for suffix in suffixes})
    return found


_HEAD = """# Metrics

Written by `make schemas` from `services/telemetry`. Every process serves them at `/metrics` in Prometheus's text form, beside
`/health/live` and `/health/ready`; `process_*` says how much memory and processor time it takes.

- Names end in their unit; `_total` is a counter; a name without a unit counts what it says.
- Moments are timestamps, not ages: ask for `time() - x`, and a dead process is still seen as late.
- No label names a consignment, a box, a train or a message. The values of each label are bounded: see the end of the page.
- What workers show is of one process: add it up. What the exporter shows is of the whole platform: take `max`, since two
  exporters show the same.
- Nothing is shown before it is known: a gauge that is absent is unknown or, where the text says so, empty.
- A counter is there at 0 for every topic and party that its process knows. Another begins at its first value, which `increase` and
  `rate` do not see: the alerts count it where the process was read before, or has just started (services/monitoring/alerting).
"""


def metrics_page() -> str:
    """The text of docs/reference/metrics.md. Pure."""
    return "\n".join([_HEAD, *_tables(), *_labels()]) + "\n"


def _tables() -> Iterator[str]:
    for process, definitions in PROCESSES.items():
        yield f"## Shown by: {process}\n"
        yield "| metric | type | unit | labels | what it says |"
        yield "|---|---|---|---|---|"
        yield from map(_row, definitions)
        yield ""


def _row(definition: Definition) -> str:
    labels = ", ".join(f"`{label}`" for label in definition.labels)
    return f"| `{definition.name}` | {definition.kind} | {definition.unit} | {labels} | {definition.help} |"


def _labels() -> Iterator[str]:
    yield "## Labels\n"
    yield "| label | its values |"
    yield "|---|---|"
    yield from (f"| `{label}` | {values} |" for label, values in sorted(LABELS.items()))


def render() -> Mapping[Path, str]:
    """The generated files by their path in the repository. Pure."""
    return {
        Path("docs/reference/metrics.md"): metrics_page(),
        Path("ops/alerts/alerts.yml"): alert_rules(),
        Path("ops/alerts/objectives.yml"): objective_rules(),
    }


def stale(root: Path = ROOT) -> list[Path]:
    """The files that are missing or differ."""
    return [
        path
        for path, text in render().items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write what differs (exit 0), or list it with ``--check`` (exit 1 when anything does)."""
    if not {*arguments} <= {"--check"}:
        print("usage: python -m services.monitoring.artefacts [--check]", file=sys.stderr)
        return 2
    old = stale(root)
    for path in old:
        if "--check" in arguments:
            print(f"stale: {path}; run `make schemas`")
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(render()[path], encoding="utf-8")
        print(f"written: {path}")
    return 1 if old and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
