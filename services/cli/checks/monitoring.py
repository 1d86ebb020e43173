"""Checks of monitoring: Prometheus with its targets, and Grafana's provisioned files."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services.cli.checks.check import Check, judged, shortened
from services.runtime import ports

INFRA = Path(__file__).resolve().parents[3] / "infra"
_PATIENCE = 3.0
_PORTS = {"LIANYUN_PROMETHEUS_PORT": 9090, "LIANYUN_PROMETHEUS_SECURE_PORT": 9091}
_LOCAL = "http://127.0.0.1:{port}"
_NOT_OURS = "a Prometheus that does not scrape this platform"


def targets(url: str, environment: Mapping[str, str], infra: Path = INFRA) -> Check:
    """Whether the Prometheus at ``url``, or one on this machine, scrapes every job, and all of them answer; blocks."""
    name = "prometheus targets"
    usual = [int(environment.get(name) or port) for name, port in _PORTS.items()]
    here = _LOCAL.format(port=next(filter(ports.listening, usual), usual[0]))
    if not url and not ports.listening(urlsplit(here).port or 0):
        return Check(name, True, f"none at {here}, and LIANYUN_PROMETHEUS_URL is not set")
    try:
        with urllib.request.urlopen(
            f"{url or here}/api/v1/targets?state=active", timeout=_PATIENCE
        ) as answer:
            active = json.load(answer)["data"]["activeTargets"]
            health = [(each["labels"]["job"], each["scrapeUrl"], each["health"]) for each in active]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        if not url:
            return Check(name, True, f"{here} is no Prometheus; LIANYUN_PROMETHEUS_URL is not set")
        return Check(name, False, f"{url} does not answer: {problem}", "check LIANYUN_PROMETHEUS_URL")
    wanted = _jobs(infra)
    seen = {job for job, _, _ in health}
    if not url and wanted and "workers" not in seen:
        return Check(name, True, f"{_NOT_OURS} at {here}; LIANYUN_PROMETHEUS_URL is not set")
    down = [where for _, where, state in health if state == "down"]
    missing = sorted(wanted - seen)
    trouble = [
        *([f"{len(down)} of {len(health)} are down: {shortened(down)}"] if down else []),
        *([f"not scraped: {shortened(missing)}"] if missing else []),
    ]
    mend = f"open {url or here}/targets; start what is down; infra/prometheus/prometheus.yml lists what is scraped"
    return judged(name, not trouble, "; ".join(trouble) or f"all {len(health)} answer", mend)


def _jobs(infra: Path) -> set[str]:
    try:
        text = (infra / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    except OSError:
        return set()
    return set(re.findall(r"^\s*- job_name: (\S+)$", text, re.MULTILINE))


def grafana(infra: Path = INFRA) -> Check:
    """Whether Grafana's files can be read by its account, are well formed, and name data sources that are provisioned."""
    name, folder = "grafana files", infra / "grafana"
    if not folder.is_dir():
        return Check(name, True, "no source tree here")
    dashboards = infra.parent / "ops" / "dashboards"
    trouble = list(_trouble(folder, dashboards))
    boards = len(list(dashboards.rglob("*.json")))
    found = shortened(trouble) if trouble else f"{boards} dashboards, every data source provisioned"
    return judged(
        name,
        not trouble,
        found,
        "git checkout infra/grafana ops/dashboards; chmod -R a+rX infra/grafana ops/dashboards",
    )


def _trouble(folder: Path, dashboards: Path) -> Iterator[str]:
    boards = sorted(dashboards.rglob("*.json"))
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in (".json", ".yaml")] + boards
    closed = [path for path in files if not path.stat().st_mode & 0o004]
    yield from (f"{path.name} is closed to Grafana's account" for path in closed)
    provisioned: set[str] = set()
    for path in (folder / "provisioning" / "datasources").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        uids = re.findall(r"^\s+uid: (\S+)$", text, re.MULTILINE)
        if len(uids) < len(re.findall(r"^\s+- name:", text, re.MULTILINE)):
            yield f"{path.name}: a data source has no uid of its own"
        provisioned.update(uids)
    for path in boards:
        try:
            strange = sorted(_sources(json.loads(path.read_text(encoding="utf-8"))) - provisioned)
        except ValueError as wrong:
            yield f"{path.name} is no JSON: {wrong}"
            continue
        if strange:
            yield f"{path.name} asks a data source that nobody provisions: {shortened(strange)}"
    if not boards:
        yield "there are no dashboards"


def _sources(node: Any) -> set[str]:
    """The uids that a dashboard names, but for variables and Grafana's own."""
    if isinstance(node, list):
        return set().union(*map(_sources, node))
    if not isinstance(node, dict):
        return set()
    named = node.get("datasource")
    own = str(named["uid"]) if isinstance(named, dict) and named.get("uid") else ""
    found = {own} if own and not own.startswith(("$", "-", "grafana")) else set()
    return found.union(*map(_sources, node.values()))
