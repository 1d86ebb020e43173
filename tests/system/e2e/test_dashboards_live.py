"""Every query of every dashboard on the real system in small: broker, database, worker, followers, API, exporter, Prometheus."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kafka import KafkaProducer

from schemas.rfc3339 import parse_micros
from services.ledger.admission.model import Record
from services.monitoring.dashboards.files import FOLDER, ROOT
from services.monitoring.dashboards.query_check import Checker, QueryOutcome, QueryResult, load_queries
from services.processors.supervisor import Supervisor
from services.runtime.ports import free_port
from services.testbed.localstack.api import LocalApi
from services.testbed.localstack.platform import Platform
from services.testbed.localstack.process import Guard, ServerProcess
from services.testbed.localstack.transparency import local_log
from tests.support.cases.border_night import border_night
from tests.support.signed_stories import GATEWAY, record, register

pytestmark = [pytest.mark.integration, pytest.mark.long]

MAY_BE_EMPTY = {
    # Nothing waits, is broken or was delivered in a night that went well.
    "The longest wait", "Dwell at the border, median", "Dwell at the border, nine in ten", "Dwell, median and nine in ten",
    "Trains that the dwell is taken from", "Trains waiting by crossing", "The oldest that waits, by topic",
    "The oldest transaction that writes", "The oldest request", "The oldest attempt due", "Until the last key runs out",
    "Deliveries", "From commit to delivery, 99 in 100", "Out of order", "Doubtful identifiers", "One id for two contents",
    "What operators did", "Overdue milestones, the ten most", "Transit, median and nine in ten", "What transit is taken from", "Estimates, how far off",
    "Forecasts missed", "Estimates, how much too early", "Arrivals with an estimate", "Estimates of trains, how far off",
    "Changes of financings", "Financings that nobody touches", "Calls beyond a budget", "Until the certificate runs out",
    "Rebalances and ended workers", "Alerts about promises", "Alerts that fire", "webhooks: budget spent",
    "webhooks: share that is good", "webhooks: burn rate", "webhooks: events counted",
    "annotation Closures and embargoes", "annotation Releases", "annotation Migrations and rebuilt states",
    "Certificates",
    "Log of the database",
    "Since a segment of the database's log was archived",
}  # fmt: skip
"""What may show nothing here. All else has to show something, whatever its own excuse is."""


@dataclass(frozen=True)
class World:
    prometheus: str
    dsn: str
    go_on: Callable[
        [], None
    ]  # some events again, and some calls: a rate lies between two moments at which something happened


def until(done: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 120
    while not done():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def answers(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read()
    except urllib.error.HTTPError:
        return b"refused"
    except OSError:
        return b""


@pytest.fixture(scope="module")
def world(watching: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A night at a border that was published to the real platform, with a message that nobody can accept, and calls of the API."""
    folder = tmp_path_factory.mktemp("dashboards")
    ports = {
        name: free_port()
        for name in (
            "workers",
            "credit",
            "arrival",
            "cases",
            "api",
            "webhooks",
            "exporter",
            "transparency",
            "prometheus",
        )
    }
    with ExitStack() as stack:
        platform = stack.enter_context(Platform(workers=0))
        api = stack.enter_context(
            LocalApi(
                platform,
                folder / "keys",
                folder / "logs",
                environment={"LIANYUN_METRICS_PORT": str(ports["api"])},
            )
        )
        story = border_night()
        with psycopg.connect(platform.stack.dsn) as session:
            register(session, [story])

        def beside(module: str, **more: object) -> None:
            environment = {
                **platform.worker_environment(),
                **{name: str(value) for name, value in more.items()},
            }
            command = (sys.executable, "-m", module)
            stack.enter_context(Supervisor(environment, workers=1, logs=folder / module, command=command))

        beside("services.processors", LIANYUN_METRICS_PORT=ports["workers"])
        beside(
            "services.monitoring.exporter",
            LIANYUN_EXPORTER_METRICS_PORT=ports["exporter"],
            LIANYUN_EXPORTER_EVERY=1,
            LIANYUN_EXPORTER_HEADS_EVERY=1,
        )
        beside("services.credit", LIANYUN_CREDIT_METRICS_PORT=ports["credit"])
        beside("services.statistics", LIANYUN_ARRIVAL_METRICS_PORT=ports["arrival"])
        beside(
            "services.cases",
            LIANYUN_CASES_METRICS_PORT=ports["cases"],
            LIANYUN_FINANCING_KEYS=api.keys,
        )
        beside(
            "services.notifications.webhooks",
            LIANYUN_METRICS_PORT=ports["webhooks"],
            LIANYUN_WEBHOOK_KEY_FILE=folder / "keys" / "webhook.key",
        )
        stack.enter_context(local_log(platform, folder / "log", metrics_port=ports["transparency"]))
        prometheus = f"127.0.0.1:{ports['prometheus']}"
        watched = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(ROOT / "ops" / "alerts" / "*.yml")],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
                for job, port in ports.items()
            ],
        }
        (folder / "prometheus.yml").write_text(json.dumps(watched))
        guard = Guard()
        stack.callback(guard.release)
        process = ServerProcess("prometheus", folder / "prometheus.log", guard)
        stack.callback(process.end, 15)
        process.start(
            [str(watching / "prometheus"), f"--config.file={folder / 'prometheus.yml'}",
             f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={prometheus}"],
            {"PATH": "/usr/bin:/bin"}, folder,
        )  # fmt: skip
        until(
            lambda: b"lianyun_worker_ready 1" in answers(f"http://127.0.0.1:{ports['workers']}/metrics"),
            "the worker",
        )
        records = [record(told, n) for n, told in enumerate(story.told)]
        producer = stack.enter_context(
            contextlib.closing(KafkaProducer(bootstrap_servers=platform.stack.bootstrap))
        )

        def publish(part: Sequence[Record]) -> None:
            for each in part:
                producer.send(GATEWAY, value=each.value, headers=each.headers, partition=0)
            producer.send(GATEWAY, value=b"no event", headers=[("ce_id", b"1")], partition=0)
            producer.flush()
            for path in ("/v1/financings", "/openapi.json"):
                answers(f"{api.url}{path}")

        publish(records)
        address = f"http://{prometheus}"
        followed = "time() - max(lianyun_cases_whole_timestamp_seconds) < 60 and sum(lianyun_events_stored_total) >= 30"
        until(
            lambda: b'"value"' in answers(f"{address}/api/v1/query?query={followed.replace(' ', '%20')}"),
            "cases",
        )
        yield World(address, platform.stack.dsn, lambda: publish(records[:5]))


def command(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    """The real command, with the tables as of the night's end."""
    return subprocess.run(
        [sys.executable, "-m", "services.cli", "dashboards", "check", "--at", border_night().as_of, *words],
        env={**os.environ, "LIANYUN_DSN": world.dsn, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def checked(world: World, folder: Path = ROOT / FOLDER) -> list[QueryResult]:
    """The same in this process."""
    moment = datetime.fromtimestamp(parse_micros(border_night().as_of) / 1e6, UTC)
    with psycopg.connect(world.dsn, autocommit=True) as session:
        return Checker(world.prometheus, session, at=moment).check(load_queries(folder))


def test_every_query_answers_or_says_why_not(world: World) -> None:
    end = time.monotonic() + 300
    while True:
        world.go_on()
        silent = [answer for answer in checked(world) if answer.outcome is not QueryOutcome.ANSWERED]
        missing = [
            (answer.query.dashboard, answer.query.panel, answer.outcome, answer.detail)
            for answer in silent
            if answer.query.panel not in MAY_BE_EMPTY
        ]
        if not missing or time.monotonic() > end:
            break
        time.sleep(1)
    assert not missing, "\n".join(map(str, missing))
    done = command(world, "--prometheus", world.prometheus)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.match(r"\d{3} queries: \d{3} answered, \d+ empty, as explained", done.stdout)


def test_faults_are_found_and_named(world: World, tmp_path: Path) -> None:
    faults = (
        ("pipeline-health", "sum(lianyun_worker_ready)", "sum(lianyun_worker_redy)", "Workers ready", QueryOutcome.NOTHING),
        ("control-tower", "sum(max by (crossing", "sum((max by (crossing", "Trains waiting at borders", QueryOutcome.FAILED),
        ("border-board", "FROM dashboard.border_box b", "FROM dashboard.boxes b", "Boxes not ready", QueryOutcome.FAILED),
        ("partner-quality", "label_values(lianyun_part", "label_values(lianyun_prat", "variable partner", QueryOutcome.NOTHING),
    )  # fmt: skip
    for name, right, wrong, _, _ in faults:
        text = (ROOT / FOLDER / f"{name}.json").read_text(encoding="utf-8")
        assert right in text
        (tmp_path / f"{name}.json").write_text(text.replace(right, wrong), encoding="utf-8")
    found = {(answer.query.panel, answer.outcome) for answer in checked(world, tmp_path) if answer.wrong}
    assert found >= {(panel, outcome) for _, _, _, panel, outcome in faults}
    done = command(world, "--prometheus", world.prometheus, "--folder", str(tmp_path), "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["counts"]["FAILED"] >= 2


def test_what_cannot_be_asked_is_said_in_words(world: World, tmp_path: Path) -> None:
    for words, code in ((("--prometheus", "http://127.0.0.1:9"), 4), (("--folder", str(tmp_path)), 2)):
        done = command(world, *words)
        assert done.returncode == code, done.stderr
        assert "to do:" in done.stderr
