"""The local stack keeps what it acknowledged over crashes, and leaves nothing behind."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from services.runtime.ports import free_port
from services.testbed.localstack import LocalStack, StackError
from services.testbed.localstack.broker import Broker
from services.testbed.localstack.broker_settings import BACK_SOON
from services.testbed.localstack.downloads import fits
from services.testbed.localstack.engine import DatabaseAddress, Servers
from services.testbed.localstack.kafka_runtime import broker_jars, startup_archive
from services.testbed.localstack.process import Guard
from tests.support.producers.condition import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def own() -> Iterator[LocalStack]:
    """A stack of this module's own, since its servers get killed."""
    with LocalStack(broker_settings=BACK_SOON) as stack:
        yield stack


@pytest.fixture
def archive() -> Path:
    """The startup archive of the Java in use; the test is skipped, aloud, where that is not ours."""
    found = startup_archive()
    if found is None:
        pytest.skip("NOT RUN: the Java in use is not the one of our lock")
    return found


def create_topic(bootstrap: str, name: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
    finally:
        admin.close()


def publish(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True)
    try:
        for future in [producer.send(topic, value=value) for value in values]:
            future.get(timeout=30)
    finally:
        producer.close()


def read_all(bootstrap: str, topic: str, expected: int) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    values: list[bytes] = []
    until = time.monotonic() + 30
    while len(values) < expected and time.monotonic() < until:
        for records in consumer.poll(timeout_ms=500).values():
            values.extend(record.value for record in records)
    consumer.close()
    return values


def test_round_trip_through_the_shared_servers(stack: Servers, durable_postgres: DatabaseAddress) -> None:
    create_topic(stack.bootstrap, "localstack.round-trip")
    publish(stack.bootstrap, "localstack.round-trip", [b"departed", b"arrived"])
    assert read_all(stack.bootstrap, "localstack.round-trip", 2) == [b"departed", b"arrived"]
    for database, fsync in ((stack.database, "off"), (durable_postgres, "on")):
        with psycopg.connect(database.fresh_database("localstack_round_trip")) as connection:
            assert connection.execute("SHOW fsync").fetchone() == (fsync,)


def test_broker_killed_and_restarted_keeps_acknowledged_records(own: LocalStack) -> None:
    address = own.bootstrap
    create_topic(address, "survives")
    values = [b"%d" % number for number in range(500)]
    publish(address, "survives", values)
    own.broker.kill()
    assert not own.broker.process.running
    own.broker.start()
    assert own.bootstrap == address
    assert read_all(address, "survives", len(values)) == values


@pytest.mark.long
def test_broker_killed_is_back_before_kafkas_usual_session_would_have_ended(own: LocalStack) -> None:
    """A broker may register again only when the session of its killed self is over: 9 s by default, 3 s here."""
    assert session_of_the_broker(own.bootstrap) == 3_000
    own.broker.stop()
    began = time.monotonic()
    own.broker.start()
    orderly = time.monotonic() - began  # how long this machine takes now
    own.broker.kill()
    began = time.monotonic()
    own.broker.start()
    assert time.monotonic() - began < max(8.0, 2.5 * orderly)


def test_a_broker_starts_from_what_java_has_loaded_before(own: LocalStack, archive: Path) -> None:
    assert fits(archive, broker_jars()), "'make setup' has not made it for this Java and these jars"
    mapped = Path(f"/proc/{own.broker.process.pid}/maps")
    if mapped.exists():
        assert str(archive) in mapped.read_text()


@pytest.mark.long
def test_a_startup_archive_that_is_damaged_is_not_taken(tmp_path: Path, archive: Path) -> None:
    damaged = tmp_path / archive.name
    damaged.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    assert not fits(damaged, broker_jars())
    options = (f"-XX:AOTCache={damaged}",)
    guard = Guard()
    broker = Broker(tmp_path / "kafka", guard, java_options=options)
    try:
        broker.start()  # slower, and all the same
        assert broker.process.running
    finally:
        broker.stop()
        guard.release()


def test_a_broker_that_nobody_kills_is_not_taken_for_dead_on_a_busy_machine(stack: Servers) -> None:
    """With 3 s its controller gave it up now and then, and no topic had a leader."""
    assert session_of_the_broker(stack.bootstrap) >= 9_000


def session_of_the_broker(bootstrap: str) -> int:
    """For how many milliseconds the controller waits for a heartbeat."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    asked = [ConfigResource(ConfigResourceType.BROKER, "1")]
    (told,) = admin.describe_configs(asked, config_filter="all")["broker"].values()
    admin.close()
    return int(told["broker.session.timeout.ms"]["value"])


def test_broker_paused_answers_again_after_resume(own: LocalStack) -> None:
    create_topic(own.bootstrap, "paused")
    own.broker.pause()
    time.sleep(0.3)
    own.broker.resume()
    publish(own.bootstrap, "paused", [b"still here"])
    assert read_all(own.bootstrap, "paused", 1) == [b"still here"]


@pytest.mark.parametrize("crash", ["stop_immediate", "kill"])
def test_database_crash_keeps_commits_and_loses_the_open_transaction(own: LocalStack, crash: str) -> None:
    dsn = own.database.fresh_database("crash")
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE fact (number integer PRIMARY KEY)")
        connection.execute("INSERT INTO fact SELECT generate_series(1, 1000)")
    left_open = psycopg.connect(dsn)
    left_open.execute("INSERT INTO fact VALUES (1001)")
    getattr(own.database, crash)()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn, connect_timeout=2)
    own.database.start()
    left_open.close()
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*), max(number) FROM fact").fetchone() == (1000, 1000)


def test_fresh_database_is_empty_each_time_and_refuses_odd_names(own: LocalStack) -> None:
    for _ in range(2):
        with psycopg.connect(own.database.fresh_database("again")) as connection:
            connection.execute("CREATE TABLE only_once ()")
    with pytest.raises(ValueError, match="lower-case"):
        own.database.fresh_database('x"; DROP DATABASE lianyun; --')


def test_fresh_database_takes_the_place_of_one_that_is_in_use_and_being_vacuumed(own: LocalStack) -> None:
    dsn = own.database.fresh_database("vacuumed")
    in_use = psycopg.connect(dsn)
    with psycopg.connect(own.database.admin_dsn, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET autovacuum_naptime = 1")
        admin.execute("SELECT pg_reload_conf()")
        with psycopg.connect(dsn) as connection:
            # At 0.1 s a page the vacuum outlasts the test.
            connection.execute(
                "CREATE TABLE slow (number integer) WITH (autovacuum_vacuum_threshold = 0, "
                "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)"
            )
            connection.execute("INSERT INTO slow SELECT generate_series(1, 100000)")
            connection.execute("DELETE FROM slow WHERE number % 2 = 0")
        vacuuming = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = 'vacuumed' AND backend_type = 'autovacuum worker'"
        )
        until(lambda: admin.execute(vacuuming).fetchone() is not None, "a vacuum of its own")
        with psycopg.connect(own.database.fresh_database("vacuumed")) as connection:
            assert connection.execute("SELECT to_regclass('slow')").fetchone() == (None,)
        admin.execute("ALTER SYSTEM RESET autovacuum_naptime")
        admin.execute("SELECT pg_reload_conf()")
    with pytest.raises(psycopg.OperationalError):
        in_use.execute("SELECT 1")


def test_database_wants_a_password(own: LocalStack) -> None:
    head, _, tail = own.dsn.partition("@")
    user = head.split("//")[1].split(":")[0]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://{user}:wrong@{tail}", connect_timeout=5)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True
    ).stdout.strip()
    return state not in ("", "Z", "Zs")


def test_stop_leaves_no_process_and_no_folder() -> None:
    stack = LocalStack().start()
    pids = [stack.broker.process.pid, stack.database.process.pid]
    folder = stack.folder
    assert all(alive(pid) for pid in pids)
    stack.stop()
    stack.stop()
    assert not any(alive(pid) for pid in pids)
    assert not folder.exists()
    with pytest.raises(StackError):
        _ = stack.bootstrap


@pytest.fixture
def kept() -> Iterator[Path]:
    """A folder that the database's account can pass into; pytest's own are closed to it."""
    with TemporaryDirectory(prefix="lianyun-kept-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "data"


@pytest.mark.long
def test_data_in_a_given_folder_outlives_the_stack(kept: Path) -> None:
    folder = kept
    folder.mkdir()
    with LocalStack(folder) as first:
        create_topic(first.bootstrap, "kept")
        publish(first.bootstrap, "kept", [b"kept"])
        with psycopg.connect(first.dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    with LocalStack(folder) as second:
        assert read_all(second.bootstrap, "kept", 1) == [b"kept"]
        with psycopg.connect(second.dsn) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


@pytest.mark.long
def test_killed_program_leaves_no_server_and_no_folder() -> None:
    program = (
        "import time; from services.testbed.localstack import LocalStack; s = LocalStack().start(); "
        "print(s.broker.process.pid, s.database.process.pid, s.folder, flush=True); time.sleep(600)"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        first, second, folder = child.stdout.readline().split()
        pids = [int(first), int(second)]
        assert all(alive(pid) for pid in pids)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    until = time.monotonic() + 10
    while time.monotonic() < until and (any(alive(pid) for pid in pids) or Path(folder).exists()):
        time.sleep(0.1)
    assert not any(alive(pid) for pid in pids)
    assert not Path(folder).exists()


@pytest.mark.long
@pytest.mark.parametrize(("module", "kafka"), [("broker", True), ("database", False)])
def test_a_port_taken_at_the_last_moment_is_replaced(
    monkeypatch: pytest.MonkeyPatch, module: str, kafka: bool
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        offers = iter([number])
        monkeypatch.setattr(
            f"services.testbed.localstack.{module}.free_port", lambda: next(offers, None) or free_port()
        )
        with LocalStack(kafka=kafka, postgres=not kafka) as stack:
            address = stack.bootstrap if kafka else stack.dsn
            assert f":{number}" not in address


def test_a_server_that_cannot_start_shows_the_end_of_its_log_and_stops_the_other() -> None:
    stack = LocalStack(database_settings={"shared_buffers": "1 parsec"})
    with pytest.raises(StackError, match='invalid value for parameter "shared_buffers"'):
        stack.start()
    with pytest.raises(StackError):
        _ = stack.folder


def test_an_installed_server_can_be_used_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not installed:
        pytest.skip("no PostgreSQL server is installed in /usr/lib/postgresql")
    version = installed[-1].parts[-3]
    monkeypatch.setenv("LIANYUN_PG_BIN", str(installed[-1].parent))
    with LocalStack(kafka=False) as stack, psycopg.connect(stack.dsn) as connection:
        shown = connection.execute("SHOW server_version").fetchone()
        assert shown is not None
        assert shown[0].startswith(version)
