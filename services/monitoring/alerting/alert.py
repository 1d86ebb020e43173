"""How an alert is declared, and how it counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Severity = Literal["page", "ticket", "none"]
RUNBOOKS = "ops/runbooks"

_NAME = re.compile(r"([A-Z][a-z0-9]*)+")
_LABEL = re.compile(r"\{\{ \$labels\.([a-z_]+) \}\}")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}


def grown(series: str, window: str) -> str:
    """PromQL: by how much each counter of ``series`` rose in ``window`` (15m, 1h, 3d), the first value that was seen included.

    ``increase`` alone takes that value for what the counter always had, so a first burst would count for nothing. It counts from 0
    where its process was read at the window's start and did not have it, or has started since; where neither is known (Prometheus
    itself is new), only what was seen to rise counts.
    """
    risen = f"increase({series}[{window}])"
    seconds = int(window[:-1]) * _SECONDS[window[-1]]
    began = f"(up offset {window} == 1 or time() - process_start_time_seconds < {seconds})"
    first = f"(({series} unless {series} offset {window}) and on (job, instance) {began})"
    return f"{first} > {risen} or {risen}"


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule: when ``expression`` (PromQL) has held for ``after``, who is told how loudly, and in which words.

    ``page`` wakes somebody, ``ticket`` waits for the day, ``none`` is for the watchdog alone. ``summary`` is one sentence of
    an operator, with ``{{ $labels.x }}`` for what it is about. Raises ValueError for a name or a text that breaks a rule.
    """

    name: str
    severity: Severity
    expression: str
    after: str
    summary: str
    slo: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name}: an alert is named in CamelCase")
        if not self.summary.endswith("."):
            raise ValueError(f"{self.name}: the summary is a sentence")
        if not re.fullmatch(r"\d+[smhd]", self.after):
            raise ValueError(f"{self.name}: after is a duration such as 5m, 0s for at once")

    @property
    def runbook(self) -> str:
        """The path of its runbook in the repository."""
        return f"{RUNBOOKS}/{'-'.join(re.findall('[A-Z][a-z0-9]*', self.name)).lower()}.md"

    @property
    def labels(self) -> dict[str, str]:
        """The labels that are added to those of the expression."""
        return {"severity": self.severity, "team": "platform", **({"slo": self.slo} if self.slo else {})}

    @property
    def speaks_of(self) -> frozenset[str]:
        """The labels that the summary names."""
        return frozenset(_LABEL.findall(self.summary))
