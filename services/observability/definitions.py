"""How a metric is declared, and the naming rules that every declaration keeps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

PREFIX = "lianyun_"

_NAME = re.compile(r"lianyun(_[a-z0-9]+)+")
# Ids of cargo, trains and messages would grow without bound; they belong into logs.
_LABELS = frozenset(
    [
        "partner",
        "event_type",
        "reason",
        "topic",
        "partition",
        "step",
        "stage",
        "flag",
        "outcome",
        "exit",
        "revision",
        "route",
        "status",
        "version",
        "worker",
    ]
)


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric: its name (base units, `_total` for counters), kind, help, labels and, for histograms, buckets.

    Raises ValueError when a naming rule is broken, so that a wrong name never leaves the developer's machine.
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
        if not set(self.labels) <= _LABELS:
            raise ValueError(f"{self.name}: labels are among {', '.join(sorted(_LABELS))}")
        if (self.kind == "histogram") != bool(self.buckets) or list(self.buckets) != sorted(self.buckets):
            raise ValueError(f"{self.name}: histograms, and only histograms, have ascending buckets")
        if not self.help.endswith("."):
            raise ValueError(f"{self.name}: the help is a sentence")
