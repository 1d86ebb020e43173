"""A full database of the release before goes forward, migration by migration, under that release's own workers and API.

Real processes of both releases: those of the one before are run from its commit, the new one folds by other rules. So a replay comes
between the two halves of the migrations. Messages of a simulated world are published all the while, a part for each step; nobody
waits for a time, only for what has happened.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from joserfc.jwk import ECKey

from services.api.auth.clients import add_client
from services.api.client import ApiAuth
from services.audit.fsck.check import fsck
from services.audit.replay.rebuild import drop
from services.ledger.registry import store
from services.ledger.storage.errors import MigrationError
from services.ledger.storage.event_reader import unsettled
from services.ledger.storage.fold_version import fold_version
from services.ledger.storage.migrate import migrate
from services.ledger.storage.migration import Phase, migrations, released
from services.processors.settings import admission_settings
from services.processors.supervisor import Supervisor
from services.processors.topics import cluster
from services.processors.topics.declaration import read_declaration
from services.runtime import code_digest
from services.runtime.ports import free_port
from services.testbed.demo import run
from services.testbed.demo.run import DemoOutcome, Flow, play
from services.testbed.localstack.platform import RunningPlatform, addresses, register
from services.testbed.localstack.stack import LocalStack
from services.testbed.simulator import files
from services.testbed.simulator.corridors import simulate
from services.testbed.simulator.signed_messages import members, profiles
from tests.support.releases.comparison import schema, state
from tests.support.releases.previous import NEXT_FORMAT, command, environment, next_release, previous_release

pytestmark = [pytest.mark.integration, pytest.mark.long]
PATIENCE = 240.0
SETTINGS = {"LIANYUN_SESSION_TIMEOUT": "15", "LIANYUN_HEARTBEAT": "2"}
"""On a busy machine a heartbeat takes seconds: with the least that Kafka allows, the group never comes to rest there."""


def until(done: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, what
        time.sleep(0.1)


@pytest.fixture
def other_rules() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code_digest, "FORMAT", NEXT_FORMAT)
        fold_version.cache_clear()
        yield
    fold_version.cache_clear()


class Published:
    """Lets messages go out up to a number of them; for the publishing thread and the test's own."""

    def __init__(self) -> None:
        self._allowed = 0
        self._changed = threading.Condition()
        self.count = 0

    def show(self, _at: int, flow: Flow) -> None:
        """Called by who publishes, now and then: goes on when more is allowed."""
        with self._changed:
            self.count = flow.published
            while self.count >= self._allowed:
                self._changed.wait(1)

    def allow(self, number: int) -> None:
        with self._changed:
            self._allowed = number
            self._changed.notify_all()


class Reader:
    """Asks the API again and again, as a bank's or a party's program does."""

    def __init__(self, dsn: str, folder: Path, party: str, paths: list[str]) -> None:
        self._folder, self._paths = folder, paths
        self._key = ECKey.generate_key("P-256")
        with psycopg.connect(dsn) as session:
            found = store.read_snapshot(session).party(party)
            assert found is not None
            public = self._key.as_dict(private=False)
            add_client(session, "reader", found, jwk=public, at=time.time_ns() // 1_000, by="test")

    @contextmanager
    def reading(self, release: str, given: Mapping[str, str]) -> Iterator[None]:
        """Read through an API process of ``release`` in the block; it must still run, and have answered, at the end."""
        port = free_port()
        url, answers = f"http://127.0.0.1:{port}", Counter[int]()
        own = {
            "LIANYUN_API_PORT": str(port),
            "LIANYUN_API_AUTHORITY_KEY": str(self._folder / "authority.json"),
        }
        with (self._folder / f"api-{port}.log").open("wb") as log:
            process = subprocess.Popen(
                command("services.api"),
                env=environment(release, {**given, **own}),
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        stop = threading.Event()

        def read() -> None:
            with httpx.Client(base_url=url, auth=ApiAuth("reader", self._key, url), timeout=30) as client:
                while not stop.is_set():
                    for path in self._paths:
                        answers[client.get(path).status_code] += 1

        try:
            until(
                lambda: _answers(url + "/health/ready") or process.poll() is not None, "the API is not ready"
            )
            thread = threading.Thread(target=read, daemon=True)
            thread.start()
            yield
            seen = answers[200]
            until(lambda: answers[200] > seen or not thread.is_alive(), "nothing is answered any more")
            stop.set()
            thread.join(60)
            assert process.poll() is None, (self._folder / f"api-{port}.log").read_text()
            assert answers.keys() <= {200, 404}, answers
        finally:
            stop.set()
            process.terminate()
            process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def value(dsn: str, query: str) -> int:
    with psycopg.connect(dsn) as session:
        row = session.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def applied(dsn: str) -> int:
    return value(dsn, "SELECT coalesce(sum(next_offset), 0) FROM lianyun.kafka_offset")


def test_a_full_database_goes_forward_under_the_workers_and_the_api_of_the_release_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_rules: None
) -> None:
    del other_rules  # the test's own process is one of the new release
    before, coming = str(previous_release(tmp_path / "previous")), next_release(tmp_path / "next")
    monkeypatch.setattr(run, "HISTORY", 100.0)
    monkeypatch.setattr(run, "LIVE", 100.0)
    world = simulate("tiny", 1, scale=0.015)
    simulation, deliveries = world.simulation(), files.deliveries(world.played)
    with ExitStack() as stack:
        servers = LocalStack()
        stack.callback(servers.stop)
        servers.start()
        platform = RunningPlatform(servers, "demo")  # type: ignore[arg-type]
        dsn, given = servers.dsn, {**addresses(platform), **SETTINGS}
        subprocess.run(
            command("services.cli", "db", "migrate"), env=environment(before, given), cwd=tmp_path, check=True
        )
        assert value(dsn, "SELECT max(number) FROM lianyun.migration") == released().level
        cluster.apply(servers.bootstrap, read_declaration(), replication_factor=1)
        register(dsn, members(profiles(world.seed)))
        old = stack.enter_context(workers(before, given, tmp_path / "old"))
        founder, _, _ = simulation.truths[next(iter(simulation.truths))].consignment.partition("/")
        reader = Reader(
            dsn,
            tmp_path,
            founder,
            [f"/v1/consignments/{truth.consignment}" for truth in list(simulation.truths.values())[:6]],
        )
        out, outcome = Published(), list[DemoOutcome]()

        def publish() -> None:
            outcome.append(
                play(
                    simulation,
                    deliveries,
                    world.opens,
                    platform,
                    tmp_path / "spools",
                    lambda _line: None,
                    out.show,
                )
            )

        (tmp_path / "spools").mkdir()
        publishing = threading.Thread(target=publish, daemon=True)
        publishing.start()
        stack.callback(out.allow, sys.maxsize)

        def onward(do: Callable[[], Any]) -> None:
            """Let more go out, ``do`` meanwhile, and see all of it applied afterwards."""
            out.allow(out.count + share)
            do()
            until(lambda: out.count and applied(dsn) >= out.count, "the workers do not go on")
            assert publishing.is_alive(), "there was nothing left to publish"

        pending = [m for m in migrations() if m.number > released().level]
        # Half of an equal share: a file holds several messages, and what is on its way goes out beyond what is allowed.
        share = len(deliveries.messages) // (2 * (len(pending) + 5))

        def refused(named: str) -> None:
            with pytest.raises(MigrationError, match=f"processes of one are at work: {named}"):
                migrate(dsn, phase=Phase.AFTER, patience=0)

        with reader.reading(before, given):
            onward(
                lambda: until(
                    lambda: applied(dsn) > share // 2, "the workers of the release before do nothing"
                )
            )
            for migration in (m for m in pending if m.phase is Phase.BEFORE):
                onward(lambda name=migration.name: _one(dsn, Phase.BEFORE, name))  # type: ignore[misc]
            assert [ended.name for ended in old.ended] == [], "a worker of the release before ended"
            refused(r"lianyun \(pid .*, lianyun-api \(pid ")
            # The deployment: the new release builds the state by its own rules beside the old one, and switches.
            out.allow(out.count + share)
            subprocess.run(
                command("services.cli", "replay"), env=environment(coming, given), cwd=tmp_path, check=True
            )
            out.allow(out.count + share)  # with the next message they meet what they may not write to
            until(
                lambda: {each.worker for each in old.ended} == {0, 1},
                "the workers of the release before go on",
            )
            assert {each.name for each in old.ended} == {"STATE_MOVED"}
            old.stop()
            new = stack.enter_context(workers(coming, given, tmp_path / "new"))
            onward(lambda: None)
            refused(r"lianyun-api \(pid \d+ and \d+ more\)\. ")
        with reader.reading(coming, given):
            for migration in (m for m in pending if m.phase is Phase.AFTER):
                onward(lambda name=migration.name: _one(dsn, Phase.AFTER, name))  # type: ignore[misc]
            assert migrate(dsn) == []
            out.allow(sys.maxsize)
            publishing.join(PATIENCE)
        assert not publishing.is_alive()
        assert outcome, "publishing or the comparison with the world's truth failed: see the log"
        assert outcome[0].mismatches == []
        assert [ended.name for ended in new.ended] == []
        gateways = admission_settings("demo").gateway_topics
        report = fsck(dsn, "demo", gateway_topics=gateways)
        assert report.sound, report.findings[:3]
        new.stop()
        assert drop(dsn) == [1], "the state of the release before has other columns"

        fresh = _fresh(dsn)
        migrate(fresh)
        register(fresh, members(profiles(world.seed)))
        with workers(coming, {**given, "LIANYUN_DSN": fresh, "LIANYUN_GROUP": "fresh"}, tmp_path / "fresh"):
            until(
                lambda: applied(fresh) >= applied(dsn) and not _waits(fresh),
                "the fresh database does not catch up",
            )
        assert schema(dsn) == schema(fresh), "an upgraded database has another schema than a new one"
        upgraded, anew = state(dsn), state(fresh)
        assert {name: len(rows) for name, rows in upgraded.items()} == {
            name: len(rows) for name, rows in anew.items()
        }
        assert upgraded == anew
        assert len(upgraded["heads"]) >= len(simulation.truths)


@contextmanager
def workers(release: str, given: Mapping[str, str], logs: Path) -> Iterator[Supervisor]:
    """Two workers of ``release``."""
    logs.mkdir()
    told = {**given, "PYTHONPATH": release}
    with Supervisor(told, workers=2, logs=logs, command=command("services.processors")) as running:
        yield running


def _one(dsn: str, phase: Phase, name: str) -> None:
    assert migrate(dsn, phase=phase, most=1) == [name]


def _fresh(dsn: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("CREATE DATABASE anew")
    head, _, tail = dsn.rpartition("/")
    return f"{head}/anew{tail[tail.index('?') :] if '?' in tail else ''}"


def _waits(dsn: str) -> bool:
    with psycopg.connect(dsn) as session:
        return bool(unsettled(session))
