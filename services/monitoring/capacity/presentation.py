"""A size as text: a row of the table in docs/reference/capacity.md, and the lines of the command."""

from __future__ import annotations

from collections.abc import Sequence

from services.monitoring.capacity.sizing import Demand, Figures, Size, size

CASES: Sequence[tuple[str, Demand]] = (
    ("20,000 trains a year (today)", Demand(20_000)),
    ("the same, each box under way telling hourly", Demand(20_000, telemetry_per_hour=1)),
    ("ten times today", Demand(200_000)),
    ("ten times today, hourly telemetry", Demand(200_000, telemetry_per_hour=1)),
    (
        "today, and every container of the world hourly (30 million)",
        Demand(20_000, telemetry_per_hour=1, boxes_under_way=30_000_000, years=1),
    ),
)
"""What the page shows."""
HEAD = "| | events/s mean | at the peak | partitions | workers | cores: workers, Postgres, Kafka | database, a year | Kafka, 30 days × 3 |"


def table(figures: Figures) -> list[str]:
    """The table of ``CASES`` in Markdown, with its head."""
    return [HEAD, "|---" * 8 + "|", *(_row(name, demand, size(demand, figures)) for name, demand in CASES)]


def _row(name: str, demand: Demand, found: Size) -> str:
    cores = ", ".join(f"{each:.2f}" for each in (found.worker_cores, found.postgres_cores, found.kafka_cores))
    writer = "" if found.single_writer else " (more than one database was seen to take)"
    cells = (
        name,
        f"{found.mean_per_second:,.1f}",
        f"{found.peak_per_second:,.0f}{writer}",
        found.partitions,
        found.workers,
        cores,
        format_bytes(found.database_bytes // demand.years),
        format_bytes(found.kafka_bytes),
    )
    return f"| {' | '.join(map(str, cells))} |"


def lines(demand: Demand, found: Size) -> list[tuple[str, str]]:
    """The lines of the command: name and value."""
    return [
        ("boxes a year, under way", f"{found.boxes_per_year:,}, {found.boxes_under_way:,}"),
        ("events a year", f"{found.events_per_year:,}"),
        ("events/s, mean and peak", f"{found.mean_per_second:,.1f} and {found.peak_per_second:,.0f}"),
        ("one database takes the peak", "yes" if found.single_writer else "no: more than was measured"),
        ("partitions of every topic", str(found.partitions)),
        ("workers", f"{found.workers}, {found.worker_memory_mb:,} MB"),
        ("cores at the peak: workers", f"{found.worker_cores:.2f}"),
        ("cores at the peak: Postgres", f"{found.postgres_cores:.2f}"),
        ("cores at the peak: Kafka", f"{found.kafka_cores:.2f}"),
        ("a day's backlog is gone after", _hours(found.hours_to_catch_up_a_day)),
        (f"database, {demand.years} years", format_bytes(found.database_bytes)),
        ("and while a replay runs", format_bytes(found.replay_bytes)),
        (f"archived log, {demand.wal_days} days", format_bytes(found.wal_bytes)),
        (
            f"Kafka, {demand.kafka_days} days, {demand.kafka_replicas} replicas",
            format_bytes(found.kafka_bytes),
        ),
    ]


def _hours(hours: float | None) -> str:
    return "never, on one machine like the measured one" if hours is None else f"{hours:.1f} hours"


def format_bytes(count: int) -> str:
    """Bytes in the largest decimal unit with a value of at least one."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if value < 1_000:
            break
        value, unit = value / 1_000, larger
    return f"{value:,.0f} {unit}" if value >= 10 or unit == "B" else f"{value:,.1f} {unit}"
