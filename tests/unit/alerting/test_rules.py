"""Every alert fires when it should and is quiet when it should be, by Prometheus's own test of rules."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from services.monitoring.alerting import objectives
from services.monitoring.alerting.alerts import Alert, counter_increase
from services.monitoring.alerting.rules import all_alerts, dashboard_of
from services.monitoring.artefacts import ROOT, families
from tests.unit.alerting.cases import CASES, FIRST_HOUR, NEWBORN, OLD, UP, YOUNG, Case

PROMETHEUS = "https://prometheus.example.org"
RULES = [str(ROOT / "ops" / "alerts" / name) for name in ("alerts.yml", "objectives.yml")]


def alert_of(case: Case) -> Alert:
    (found,) = (a for a in all_alerts() if a.name == case.alert and case.severity in (None, a.severity))
    return found


def expected(case: Case) -> dict[str, Any]:
    """The alert as it would be sent."""
    alert = alert_of(case)
    summary = re.sub(r"\{\{ \$labels\.([a-z_]+) \}\}", lambda found: case.labels[found[1]], alert.summary)
    summary = summary.replace("{{ $value | humanizeDuration }}", case.value)
    return {
        "exp_labels": {**case.labels, **alert.labels},
        "exp_annotations": {
            "summary": summary,
            "runbook_url": f"{PROMETHEUS}/user/{Path(alert.runbook).name}",
            "dashboard_uid": dashboard_of(alert),
        },
    }


def one(case: Case, series: Mapping[str, str], alerts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "external_url": PROMETHEUS,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": case.at, "alertname": case.alert, "exp_alerts": alerts}],
    }


def promtool(
    watching: Path, folder: Path, tests: Iterable[dict[str, Any]], rules: list[str], every: str = "1m"
) -> subprocess.CompletedProcess[str]:
    file = folder / "tests.json"
    file.write_text(json.dumps({"rule_files": rules, "evaluation_interval": every, "tests": [*tests]}))
    command = [watching / "promtool", "test", "rules", file]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_every_alert_has_a_case_that_fires_and_one_that_is_quiet() -> None:
    tried = {(case.alert, alert_of(case).severity) for case in CASES}
    assert tried == {(alert.name, alert.severity) for alert in all_alerts()} - {("Watchdog", "none")}
    assert all(case.fires != case.quiet for case in CASES)


def both(cases: Iterable[Case]) -> list[dict[str, Any]]:
    return [test for c in cases for test in (one(c, c.fires, [expected(c)]), one(c, c.quiet, []))]


@pytest.mark.long
def test_alerts_fire_and_are_quiet_as_they_should(watching: Path, tmp_path: Path) -> None:
    (watchdog,) = (alert for alert in all_alerts() if alert.name == "Watchdog")
    always = Case(watchdog.name, {}, {}, "1m")
    cases = [case for case in CASES if not alert_of(case).slo]
    soon = both(case for case in cases if not lasts(case))
    for tests, every in (
        ([*soon, one(always, {}, [expected(always)])], "1m"),
        # All rules are evaluated for each case: every minute of a day would take as long as all the others.
        (both(case for case in cases if lasts(case)), "5m"),
    ):
        done = promtool(watching, tmp_path, tests, RULES[:1], every)
        assert done.returncode == 0, done.stdout + done.stderr


def lasts(case: Case) -> bool:
    """Whether the alert is looked at after more than an hour."""
    return int(case.at.removesuffix("m")) > 60


@pytest.mark.long
def test_burn_rates_fire_and_are_quiet_as_they_should(watching: Path, tmp_path: Path) -> None:
    tests = both(case for case in CASES if alert_of(case).slo)
    done = promtool(watching, tmp_path, tests, RULES, every="5m")
    assert done.returncode == 0, done.stdout + done.stderr


COUNTING = re.compile(r"\b(increase|rate|irate)\(")


def test_every_alert_on_a_counter_has_a_case_for_a_series_that_is_born_at_its_full_value() -> None:
    recorded = {name for name, expression, _ in objectives.recording_rules() if COUNTING.search(expression)}
    counting = {
        (alert.name, alert.severity)
        for alert in all_alerts()
        if COUNTING.search(alert.expression) or any(name in alert.expression for name in recorded)
    }
    assert {(case.alert, alert_of(case).severity) for case in NEWBORN} == counting


@pytest.mark.long
@pytest.mark.parametrize("case", NEWBORN, ids=lambda case: f"{case.alert}-{case.severity or 'ticket'}")
def test_a_first_burst_fires_where_its_process_is_known(case: Case, watching: Path, tmp_path: Path) -> None:
    tests = [one(case, {**case.fires, **beside}, [expected(case)]) for beside in (UP, YOUNG)]
    done = promtool(watching, tmp_path, tests, RULES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_what_an_old_process_had_counted_when_it_was_first_read_is_no_burst(
    watching: Path, tmp_path: Path
) -> None:
    quiet = (case for case in NEWBORN if case.alert != "ConsumerLagGrowing")  # whose lag was not there before
    done = promtool(watching, tmp_path, [one(case, {**case.fires, **OLD}, []) for case in quiet], RULES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_counter_that_was_born_in_the_window_counts_once(watching: Path, tmp_path: Path) -> None:
    """It is born with 40 and rises to 100, then its process starts again and it is born with 30; what was before is not lost."""
    series = {f'c{{job="j",instance="i",x="{x}"}}': "_x5 40 70 100x8 30x20" for x in "ab"}
    series |= {
        'up{job="j",instance="i"}': "1x60",
        'process_start_time_seconds{job="j",instance="i"}': "-60x60",
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f"sum({counter_increase('c', '15m')})",
                "eval_time": at,
                "exp_samples": [{"value": value}],
            }
            for at, value in (("7m", 200), ("10m", 200))
        ],
    }
    done = promtool(watching, tmp_path, [test], [])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("number", range(len(FIRST_HOUR)))
def test_dead_letters_grow_in_the_first_hour_too(number: int, watching: Path, tmp_path: Path) -> None:
    done = promtool(watching, tmp_path, both([FIRST_HOUR[number]]), RULES[:1])
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_would_notice(watching: Path, tmp_path: Path) -> None:
    case = CASES[0]
    for wrong in (one(case, case.fires, []), one(case, case.quiet, [expected(case)])):
        assert promtool(watching, tmp_path, [wrong], RULES[:1]).returncode != 0


def test_prometheus_accepts_the_rules(watching: Path) -> None:
    command = [watching / "promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", all_alerts(), ids=lambda alert: f"{alert.name}-{alert.severity}")
def test_an_alert_asks_for_metrics_and_labels_that_exist(alert: Alert) -> None:
    known = families()
    for metric in re.findall(r"lianyun_[a-z0-9_]+", alert.expression):
        assert metric in known, f"{metric} is declared nowhere"
    recorded = {name for name, _, _ in objectives.recording_rules()}
    assert set(re.findall(r"slo:[a-z0-9_:]+", alert.expression)) <= recorded
    for label in alert.summary_labels - {"job", "instance"}:
        assert any(
            label in known[name].labels for name in re.findall(r"lianyun_[a-z0-9_]+", alert.expression)
        )


def test_objectives_are_measured_by_metrics_and_bounds_that_exist() -> None:
    known = families()
    for name, expression, _labels in objectives.recording_rules():
        for metric, matchers in re.findall(r"(lianyun_[a-z0-9_]+)(\{[^}]*\})?", expression):
            assert metric in known, (name, metric)
            bound = re.search(r'le="([^"]+)"', matchers)
            assert bound is None or float(bound[1]) in known[metric].buckets, (name, matchers)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "no_camel"},
        {"summary": "no sentence"},
        {"after": "soon"},
    ],
)
def test_a_declaration_that_breaks_a_rule_is_refused(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {
        "name": "Fire", "severity": "page", "expression": "up", "after": "1m", "summary": "It burns."
    }  # fmt: skip
    assert Alert(**right).runbook == "ops/runbooks/fire.md"
    with pytest.raises(ValueError, match=r"Fire|no_camel"):
        Alert(**{**right, **wrong})
