"""How good the forecasts of borders were: the record that everybody may see, as numbers over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from psycopg import Connection

from services.arrival.domain.history import week_of
from services.arrival.domain.record import records
from services.arrival.domain.tables import tables
from services.arrival.store.reader import read_border_cells
from services.domain.facts import Micros
from services.monitoring.exporter.sample import Sample
from services.telemetry import gauges

WEEKS = 26


def measure_forecasts(session: Connection[Any], now: Micros) -> Iterator[Sample]:
    """Samples of every crossing of which there is a record, both directions together."""
    found: Counter[tuple[str, str]] = Counter()
    for each in records(read_border_cells(session), week_of(now) - WEEKS, tables()):
        outcomes = (("below", each.below), ("within", each.within), ("above", each.above))
        found.update({(each.crossing, outcome): count for outcome, count in outcomes})
    for labels, count in sorted(found.items()):
        yield Sample(gauges.BORDER_FORECASTS, labels, count)
