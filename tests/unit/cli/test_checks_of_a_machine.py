"""What `lianyun doctor` finds on a machine, and the forecast for the database's disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from services.cli.checks import database, machine
from services.cli.checks.check import Check, guarded, judged, shortened
from services.runtime.ports import free_port
from services.telemetry.http import Health, HealthServer
from services.telemetry.instruments import Instruments
from services.testbed.localstack import checks as local


def finding(check: Check, says: str, mend: str) -> None:
    assert not check.ok
    assert says in check.found
    assert mend in check.mend


@pytest.mark.parametrize(
    ("version", "good"),
    [
        ("3.10.9", False),
        ("3.11.0", True),
        ("3.13.7", True),
        ("3.14.0", False),
        ("3.9.2", False),
        ("4.0.1", False),
    ],
)
def test_only_some_interpreters_will_do(version: str, good: bool) -> None:
    check = machine.interpreter(version)
    assert check.ok is good
    assert ("make setup" in check.mend) is not good


def test_a_package_that_is_not_installed() -> None:
    finding(machine.package("no-such-package-of-ours"), "not installed", "make setup")
    assert machine.package("psycopg").ok


def test_a_disk_that_is_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=machine.LEAST_DISK - 1))
    finding(machine.disk(Path()), "2.0 GiB free", "du")


def test_time_zones_from_before_kazakhstan_had_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.time_zones().ok
    monkeypatch.setattr(machine, "ZoneInfo", lambda _name: ZoneInfo("Etc/GMT-6"))
    finding(machine.time_zones(), "UTC+6", "tzdata")


def test_no_port_is_free() -> None:
    def taken() -> int:
        raise OSError("no free TCP port found")

    finding(machine.free_ports(taken), "no free TCP port", "ss -ltnp")
    assert machine.free_ports(free_port).ok


def test_the_port_for_metrics_is_somebody_elses() -> None:
    port = free_port()
    assert machine.metrics_port(str(port)).ok
    ours = HealthServer(Instruments().registry, lambda: Health(True), lambda: Health(True), port=port)
    ours.start()
    try:
        assert machine.metrics_port(str(port)).ok
    finally:
        ours.stop()
    finding(machine.metrics_port("a door"), "a door", "port number")


def test_a_stranger_on_the_port_for_metrics(httpd: Callable[[], int]) -> None:
    finding(machine.metrics_port(str(httpd())), "somebody else", "LIANYUN_METRICS_PORT")


@pytest.fixture
def httpd() -> Iterator[Callable[[], int]]:
    from http.server import HTTPServer, SimpleHTTPRequestHandler
    from threading import Thread

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Silent)
    Thread(target=server.serve_forever, daemon=True).start()
    yield lambda: int(server.server_address[1])
    server.shutdown()
    server.server_close()


def test_what_a_platform_here_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANYUN_KAFKA_LIBS", str(tmp_path))
    monkeypatch.setenv("LIANYUN_JAVA", str(tmp_path / "java"))
    finding(local.broker_jars(), "missing or wrong", "make setup")
    finding(local.java(), "LIANYUN_JAVA", "java")
    names = [check.name for check in machine.look({})]
    assert "java" not in names
    assert {"java", "kafka jars"} == {check.name for check in local.look()}
    assert "metrics port" in [
        check.name for check in machine.look({"LIANYUN_METRICS_PORT": str(free_port())})
    ]


GIB = 1 << 30


@pytest.mark.parametrize(
    ("free", "ok", "says"),
    [
        (28 * GIB, False, "14 days left"),
        (29 * GIB, True, "14 days left"),
        (1 * GIB, False, "0 days left"),
        (None, True, "growing 2.00 GiB a day"),
    ],
)
def test_the_days_that_a_disk_lasts(free: int | None, ok: bool, says: str) -> None:
    """A tenth of 10 GiB came in half a day."""
    check = database.judge(database.Growth(10 * GIB, 1_000_000, 100_000, 43_200.0), free)
    assert check.ok is ok
    assert says in check.found
    assert ("lianyun db retain" in check.mend) is not ok


@pytest.mark.parametrize(
    "growth", [database.Growth(GIB, 999, 999, 86_400), database.Growth(GIB, 5_000, 5_000, 59)]
)
def test_nothing_is_foretold_from_too_little(growth: database.Growth) -> None:
    assert database.judge(growth, 3 * GIB).ok
    assert "too few events" in database.judge(growth, 3 * GIB).found
    finding(database.judge(growth, GIB), "1.0 GiB free", "add disk")


def test_a_database_at_rest_never_fills_its_disk() -> None:
    assert database.judge(database.Growth(GIB, 5_000, 0, 86_400), 3 * GIB).ok


def test_a_look_that_fails_is_a_finding_and_what_it_saw_before_stays() -> None:
    def look() -> Iterator[Check]:
        yield judged("first", True, "seen", "nothing")
        raise OSError("gone\nand more")

    assert list(guarded("second", look, (OSError,), "bring it back")) == [
        Check("first", True, "seen"),
        Check("second", False, "gone", "bring it back"),
    ]


def test_long_lists_are_cut() -> None:
    assert shortened(["a", "b", "c"]) == "a, b, c"
    assert shortened(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
