"""The annotations that every dashboard shows: closures of borders, and deployments."""

from __future__ import annotations

from services.monitoring.dashboards import statement
from services.monitoring.dashboards.definitions import Mark, Metric, Rows

MARKS = (
    Mark("Closures and embargoes", "red", Rows(statement("closures"))),
    Mark(
        "Releases",
        "blue",
        Metric(
            "count by (version) (lianyun_build_info) unless count by (version) (lianyun_build_info offset 5m)"
        ),
        "Release {{version}} works",
    ),
    Mark("Migrations and rebuilt states", "purple", Rows(statement("deployments"))),
)
