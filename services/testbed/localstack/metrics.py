"""Metrics of a platform on this machine: a port for each process by itself, and the files by which a Prometheus finds them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from services.monitoring.artefacts import ROOT
from services.runtime.ports import LOOPBACK, free_port, listening

VARIABLE = "LIANYUN_METRICS_PORT"
_ALERTS = ROOT / "ops" / "alerts"
_CONFIGURATION = """\
# Written by a platform on this machine, for as long as it runs:
#   prometheus --config.file={path} --storage.tsdb.path={data}
global:
  scrape_interval: 5s
rule_files: [{rules}]
scrape_configs:
  - job_name: lianyun
    file_sd_configs:
      - files: [targets.json]
        refresh_interval: 5s
"""


class MetricsPorts:
    """Ports on loopback from ``first`` on, free ones where it is 0, each for one process under the job of infra/prometheus/prometheus.yml.

    One that is given out is not given out again. Another program may take it before its process does, which then does not start.
    """

    def __init__(self, first: int = 0) -> None:
        self._next = first
        self._jobs: dict[str, list[int]] = {}

    @classmethod
    def of_environment(cls) -> MetricsPorts:
        """From LIANYUN_METRICS_PORT on, which is taken out of the environment: every process would inherit the one port."""
        return cls(int(os.environ.pop(VARIABLE, "") or 0))

    def take(self, job: str, processes: int = 1) -> int:
        """The first of ``processes`` ports in a row for ``job``; the one after them is left for what starts them again."""
        row = range(0)
        while not row or any(map(listening, row)):
            first = self._next or free_port()
            row = range(first, first + processes + 1)
            self._next = self._next and row.stop
        self._jobs.setdefault(job, []).extend(row[:processes])
        return row.start

    def name(self, job: str, port: int) -> int:
        """Have the ``port`` of a process that was chosen elsewhere among the targets too; returns it."""
        self._jobs.setdefault(job, []).append(port)
        return port

    def setting(self, job: str, variable: str = VARIABLE) -> dict[str, str]:
        """The environment of the one process of ``job``: its own port."""
        return {variable: str(self.take(job))}

    def targets(self) -> list[dict[str, object]]:
        """The targets as Prometheus reads them from a file (file_sd_config), by job."""
        return [
            {"targets": [f"{LOOPBACK}:{port}" for port in ports], "labels": {"job": job}}
            for job, ports in self._jobs.items()
        ]

    def write(self, folder: Path) -> Path:
        """Write targets.json and a prometheus.yml that reads it into ``folder``; returns the latter. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / "targets.json.draft"
        draft.write_text(json.dumps(self.targets(), indent=2) + "\n", encoding="utf-8")
        draft.replace(folder / "targets.json")  # Prometheus reads it whenever it changes: never half a file
        path = folder / "prometheus.yml"
        rules = json.dumps(str(_ALERTS / "*.yml")) if _ALERTS.is_dir() else ""
        path.write_text(_CONFIGURATION.format(path=path, data=folder / "data", rules=rules), encoding="utf-8")
        return path
