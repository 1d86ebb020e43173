"""The declaration of a metric, and the naming rules that it must follow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PREFIX = "lianyun_"

_NAME = re.compile(r"lianyun(_[a-z0-9]+)+")
# Ids of cargo, trains and messages are unbounded; they belong in logs.
LABELS: Mapping[str, str] = {
    "partner": "code of a registered party; the topic where a refused message names none (tens)",
    "event_type": "type of event as published (about 130)",
    "reason": "reason of a refusal, why a partition stopped, or why a caller was not let in (about 50)",
    "client": "id of a client that the registry knows, as the API has met it; `other` for everybody else (tens)",
    "topic": "declared topic (tens)",
    "partition": "partition of a topic (tens)",
    "step": "part of a process's work: admission, transaction, credit, cases",
    "stage": "stage of the pipeline or of the batch transaction (about 20)",
    "flag": "the code of a remark on an accepted event (about 25)",
    "outcome": "what came of a dead letter, of an operator's action, of a delivery, of an estimate or of a forecast (about 15)",
    "exit": "how a process ended (about 10)",
    "route": "path of the API as declared, without values; empty where none matched (about 60)",
    "by": "address or platform",
    "direction": "out or in",
    "status": "HTTP status; of financings: reserved or pledged",
    "version": "release",
    "worker": "number of a worker process on its machine (at most 8)",
    "question": "what the exporter asks the database (about 10)",
    "crossing": "border crossing by its id in the network table (about 30)",
    "station": "station beside a crossing by its id in the network table (about 60)",
    "corridor": "crossing at China's border that the planned route passes (6); `none` where no route is planned or it passes none",
    "leg": "part of the way between two borders or at one, by the places of the network table (some hundreds)",
    "phase": "announced, booked, gathered, on_the_way, at_destination, collected",
    "bucket": "how late: under_1_day, 1_to_3_days, 3_to_7_days, over_7_days",
    "milestone": "milestone as its event type names it, without version (about 50)",
    "check": "check of a trade's papers, D00 to D32",
    "verdict": "what a check says: CONTRADICTION, REVIEW, NOT_COMPARABLE",
    "from": "where a financing stood: none, reserved, pledged, drawn, released, cancelled, expired, superseded",
    "to": "where it stands after a decision: as `from`, but for none",
}
"""Every label: the source of its values, and their approximate number."""

UNITS = ("seconds", "bytes", "events")
"""The units that a name may end in (before `_total`); a metric without one is a count."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric: name (base units, `_total` for counters), kind, help, labels and, for histograms, buckets.

    Raises ValueError when a naming rule is broken, at import.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name}: a metric is named {PREFIX}<noun>_<unit>, in lower case")
        if (self.kind == "counter") != self.name.endswith("_total"):
            raise ValueError(f"{self.name}: counters, and only counters, end in _total")
        if not set(self.labels) <= set(LABELS):
            raise ValueError(f"{self.name}: labels are among {', '.join(sorted(LABELS))}")
        if (self.kind == "histogram") != bool(self.buckets) or list(self.buckets) != sorted(self.buckets):
            raise ValueError(f"{self.name}: histograms, and only histograms, have ascending buckets")
        if not self.help.endswith("."):
            raise ValueError(f"{self.name}: the help is a sentence")

    @property
    def unit(self) -> str:
        """The unit at the end of the name; "" for a count."""
        last = self.name.removesuffix("_total").rpartition("_")[2]
        return last if last in UNITS else ""
