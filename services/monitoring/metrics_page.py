"""The page for operators that lists every metric, from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator

from services.monitoring.catalogue import PROCESSES
from services.telemetry.definitions import LABELS, Definition

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


def page() -> str:
    """The text of docs/reference/metrics.md; pure."""
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
