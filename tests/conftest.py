"""Fixtures that start the real servers once per run, and only when a test asks for them."""

from __future__ import annotations

import gc
import os
import re
import subprocess
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from services.runtime.process import imports_without_gc
from services.testbed.localstack.broker import Broker
from services.testbed.localstack.database import Database
from services.testbed.localstack.engine import (
    BrokerAddress,
    DatabaseAddress,
    Servers,
    open_broker,
    open_database,
    servers,
)
from services.testbed.localstack.monitoring_programs import watching_programs
from services.testbed.localstack.process import StackError
from tests.support.profile import LONG, SEED
from tests.system.containers import engine as containers

# How long an example takes says nothing but how busy the machine is. The ordinary run draws the same examples each time.
settings.register_profile(
    "ordinary", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, database=None
)
settings.register_profile(
    "long", settings.get_profile("ordinary"), max_examples=100, derandomize=False, print_blob=True
)
settings.load_profile("long" if LONG else "ordinary")

# Most brokers of a run live for seconds: compiling their code a second time, better, costs more than it brings.
os.environ.setdefault("LIANYUN_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")


def pytest_report_header() -> list[str]:
    """Say which servers a run uses before it does, and whether it runs containers."""
    drawn = (
        f"random draws: whole, seed {SEED} (make test-long SEED={SEED} repeats them)"
        if LONG
        else "random draws: few"
    )
    return [f"servers: {servers()}", containers.told(), drawn]


_LONG_AS_A_WHOLE = re.compile(rb"^pytestmark = .*\bpytest\.mark\.long\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The ordinary run imports no module of which it runs nothing."""
    if config.option.markexpr != "not long" or collection_path.suffix != ".py":
        return None
    return True if _LONG_AS_A_WHOLE.search(collection_path.read_bytes()) else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays to the end: no garbage collection looks at it, now or later."""
    with imports_without_gc():
        result = yield
    gc.freeze()
    return result


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every test a name of its own; where processes share a run, files that need servers come first.

    The many short files then fill both processes up to the end.
    """
    for item in items:
        # The operations of a published description come under one name.
        if operation := getattr(item, "operation_label", None):
            item._id = item.id.with_params(operation)
    twice = [name for name, count in Counter(item.nodeid for item in items).items() if count > 1]
    if twice:
        raise pytest.UsageError(
            f"processes that share a run would run one test of each of these names: {twice}"
        )
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not _on_servers(item))


def _on_servers(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("integration", "chaos"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it again at the end, where quiet runs show it too."""
    for line in pytest_report_header():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def broker() -> Iterator[BrokerAddress]:
    """A real Kafka broker: ``.bootstrap``. Shared by the run: use topic and group names of your own."""
    with open_broker() as opened:
        yield opened
        if isinstance(opened, Broker):
            opened.kill()  # all it holds goes with the run: to stop in order takes it a second for every few topics


@pytest.fixture(scope="session")
def postgres() -> Iterator[DatabaseAddress]:
    """A real Postgres server: ``.dsn``, ``.fresh_database(name) -> dsn``. Use a database of your own.

    It runs without fsync: nothing is proven by it of a crash of the server or the machine.
    """
    with open_database(durable=False) as opened:
        yield opened
        if isinstance(opened, Database):
            _end(opened)


@pytest.fixture(scope="session")
def durable_postgres() -> Iterator[DatabaseAddress]:
    """A real Postgres server with the settings of a deployment, for what looks at them."""
    with open_database() as opened:
        yield opened
        if isinstance(opened, Database):
            _end(opened)


def _end(database: Database) -> None:
    """Stop it at once; its files, a hundred thousand and more, are removed by a process that the run does not wait for."""
    database.stop_immediate()
    folder = database.process.log.parent
    gone = folder.parent.with_name(f"{folder.parent.name}-gone")
    folder.rename(gone)
    subprocess.Popen(["rm", "-rf", str(gone)], start_new_session=True)


@pytest.fixture(scope="session")
def stack(broker: BrokerAddress, postgres: DatabaseAddress) -> Servers:
    """Both servers: ``.bootstrap``, ``.dsn``, ``.broker``, ``.database``."""
    return Servers(broker, postgres)


@pytest.fixture(scope="session")
def watching() -> Path:
    """The folder with promtool, Prometheus, Alertmanager and amtool; the test is skipped, aloud, where they cannot be had."""
    try:
        return watching_programs()
    except StackError as problem:
        pytest.skip(f"NOT RUN: {problem}")
