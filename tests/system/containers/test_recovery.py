"""Both runbooks of recovery, walked on the plain profile: the database is destroyed in its container and comes back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from services.testbed.bench.world import box
from tests.support.runbooks.walk import Walk
from tests.support.terminal.user import User, departed
from tests.system.containers import engine
from tests.system.containers.conftest import MARK
from tests.system.containers.deployment import Deployment, until

pytestmark = pytest.mark.containers
BACKUP = "/var/lib/postgresql/backups/first"
ADMIN = "postgresql:///postgres?user=postgres"
STOP = 'pg_ctl -D "$PGDATA" -m fast -w stop'
START = 'pg_ctl -D "$PGDATA" -l /tmp/server.log -w start'


class Site:
    """A platform in containers, a partner outside, and the shells in which an operator works."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self.deployment = deployment
        self.user = User(
            folder,
            {
                "LIANYUN_BOOTSTRAP": f"localhost:{deployment.port('KAFKA')}",
                "LIANYUN_DSN": f"postgresql://lianyun_owner@localhost:{deployment.port('POSTGRES')}/lianyun",
            },
        )
        self.published = 0
        self.start()
        self.user.run(
            "party",
            "add",
            "outside",
            "--name",
            "Outside",
            "--role",
            "operator",
            "--source",
            "urn:test:outside",
        )
        self.user.run("key", "add", "outside", "--new")

    def start(self) -> None:
        """Ingestion and cases, and with those the job that makes the platform's keys."""
        self.deployment.compose("up", "-d", "--wait", "worker-1", "worker-2", "cases")

    def page(self, name: str, **variables: str) -> Walk:
        """Begin a runbook, whose commands of `lianyun` run outside."""
        engines = {key: value for key, value in os.environ.items() if key.startswith("DOCKER_")}
        environment = {**engines, **self.deployment.settings, **self.user.environment, **variables}
        return Walk(name, self.user.folder, environment)

    def within(self, **variables: str) -> list[str]:
        """A shell in the running database's container, as the server's account."""
        return [*self._compose("exec", variables), "postgres", "bash"]

    def beside(self, first: str = "true", **variables: str) -> list[str]:
        """A shell in a container of its own on the same volumes, that stops the server which was started in it."""
        command = self._compose("run", variables)
        at = command.index("-T")
        command[at:at] = ["--rm", "--no-deps", "--entrypoint", "bash"]
        return [*command, "postgres", "-c", f'{first} && bash "$@" && {STOP}', "bash"]

    def publish(self, count: int) -> None:
        """Publish departures, and wait until they are stored."""
        self.send(count)
        self.stored(self.published)

    def send(self, count: int) -> None:
        at = "2025-09-05T10:00:00+08:00"
        first, self.published = self.published, self.published + count
        records = (departed(f"b{n}", at, "railnet:lanzhou", box(n)) for n in range(first, self.published))
        report = self.user.json("publish", "--as", "outside", self.user.write(f"{first}.jsonl", *records))
        assert (report["acknowledged"], report["waiting"]) == (count, 0)

    def archives(self) -> None:
        """The server that was brought back archives its log, beside what the one before it has archived."""
        switch = [*self.within(), "-c", "psql -d postgres -Atc 'SELECT pg_switch_wal()'"]
        before = int(self.query("SELECT archived_count FROM pg_stat_archiver"))
        done = engine.run(switch, {**os.environ, **self.deployment.settings})
        assert done.returncode == 0, done.stderr
        until(
            lambda: int(self.query("SELECT archived_count FROM pg_stat_archiver")) > before,
            "a segment of the new log is archived",
        )
        assert self.query("SELECT failed_count FROM pg_stat_archiver") == "0"

    def query(self, statement: str) -> str:
        with psycopg.connect(self.user.environment["LIANYUN_DSN"]) as session:
            ((found,),) = session.execute(statement.encode()).fetchall()
        return str(found)

    def stored(self, count: int) -> None:
        until(
            lambda: self.query("SELECT count(*) FROM lianyun.identity") == str(count),
            f"{count} events are stored",
        )

    def _compose(self, verb: str, variables: dict[str, str]) -> list[str]:
        given = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
        return [*self.deployment.command(), verb, "-T", "-u", "postgres", *given]


@pytest.fixture
def deployment(settings: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Deployment]:
    made = Deployment(f"{MARK}-{request.node.name.replace('_', '-')}", "plain", settings)
    try:
        yield made
    finally:
        made.down()
    assert made.left() == []


@pytest.fixture
def site(deployment: Deployment, tmp_path: Path) -> Site:
    return Site(deployment, tmp_path)


def test_point_in_time(site: Site) -> None:
    page = site.page("point-in-time-recovery")
    page.skip("Turn archiving on")
    site.publish(20)
    page.do("Base backup", shell=site.within(ADMIN=ADMIN, BACKUP=BACKUP))
    site.publish(20)
    moment = site.query("SELECT clock_timestamp()")
    site.publish(20)
    site.query("WITH gone AS (DELETE FROM lianyun.identity RETURNING 1) SELECT count(*) FROM gone")
    site.query("WITH gone AS (DELETE FROM lianyun.body RETURNING 1) SELECT count(*) FROM gone")
    site.deployment.compose("stop")
    page.do("Recover", shell=site.beside(ADMIN=ADMIN, BACKUP=BACKUP, MOMENT=moment))
    site.deployment.compose("up", "-d", "--wait", "kafka", "postgres")
    site.stored(40)
    page.do("Before the workers start")
    page.skip("Start")
    site.start()
    site.stored(60)
    assert len(re.findall(r"\bb\d+\b", page.do("Check"))) >= 20, "what is listed at the end of the page"
    page.whole()
    site.archives()


def test_backup_and_restore(site: Site) -> None:
    outside, server = (
        site.user.folder / "backup",
        {"ADMIN": ADMIN, "LIANYUN_DSN": ADMIN.replace("/postgres?", "/lianyun?")},
    )
    outside.mkdir()
    page = site.page("backup-and-restore", BACKUP=str(outside), KEYS=str(site.user.folder / "keys"))
    site.publish(30)
    page.do("Back up", shell=site.within(BACKUP=BACKUP, **server))
    site.deployment.compose("cp", "prepare:/var/lib/lianyun", str(site.user.folder / "keys"))
    page.do("Back up")
    assert (outside / "keys.tar.gz").stat().st_size > 200
    site.publish(30)
    site.deployment.compose("stop")
    site.deployment.compose("rm", "-f", "postgres")
    engine.docker("volume", "rm", *(f"{site.deployment.project}_{name}-data" for name in ("postgres", "wal")))
    initdb = 'initdb -D "$PGDATA" -U postgres -A trust'
    page.do("Restore", shell=site.beside(f"{initdb} && {START}", BACKUP=BACKUP, **server))
    page.do("Raise the transaction counter", shell=site.beside(START, BACKUP=BACKUP, **server))
    site.deployment.compose("up", "-d", "--wait", "kafka", "postgres")
    site.stored(30)
    page.do("Before the workers start")
    page.skip("Start")
    site.start()
    site.stored(60)
    assert len(re.findall(r"\bb\d+\b", page.do("Check"))) >= 20, "what is listed at the end of the page"
    page.whole()
    site.archives()


def test_data_of_an_earlier_release_is_taken_over(deployment: Deployment) -> None:
    """It lies at the root of its volume, where a recovery could not put it aside."""
    deployment.compose("up", "-d", "--wait", "postgres")
    dsn = f"postgresql://lianyun_owner@localhost:{deployment.port('POSTGRES')}/lianyun"
    with psycopg.connect(dsn) as session:
        session.execute("CREATE TABLE before (a integer)")
    deployment.compose("stop", "postgres")
    back = (
        "cd /var/lib/postgresql/data && mv pgdata/* . && rmdir pgdata && sed -i /archiving/d postgresql.conf"
    )
    beside = ("run", "--rm", "--no-deps", "-T", "-u", "postgres", "--entrypoint", "bash", "postgres")
    deployment.compose(*beside, "-c", back)
    deployment.compose("up", "-d", "--wait", "postgres")
    with psycopg.connect(dsn) as session:
        assert session.execute("SELECT count(*) FROM before").fetchone() == (0,)
        assert session.execute("SHOW archive_mode").fetchone() == ("on",)
