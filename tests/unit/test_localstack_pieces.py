"""The parts of the local stack that need no server: hashes, ports, folders, settings."""

from __future__ import annotations

import io
import os
import re
import socket
from pathlib import Path

import pytest

from services.runtime import ports
from services.testbed.localstack import StackError, home, kafka_runtime
from services.testbed.localstack.database import postgres_programs
from services.testbed.localstack.engine import open_broker, open_database, servers
from services.testbed.localstack.home import Meter


def test_hash_list_names_one_version_of_kafka_and_its_logging() -> None:
    hashes = kafka_runtime.expected_hashes()
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in hashes.values())
    assert f"kafka_2.13-{kafka_runtime.KAFKA_VERSION}.jar" in hashes
    assert [name for name in hashes if name.startswith("kafka-clients")] == [
        f"kafka-clients-{kafka_runtime.KAFKA_VERSION}.jar"
    ]
    assert [name for name in hashes if name.startswith("log4j-slf4j")]


def test_a_changed_or_missing_jar_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {
        "a.jar": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",  # of "a"
        "b.jar": "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",  # of "b"
    }
    monkeypatch.setattr(kafka_runtime, "expected_hashes", lambda: listed)
    (tmp_path / "a.jar").write_bytes(b"a")
    assert kafka_runtime.differences(tmp_path) == ["b.jar is missing"]
    (tmp_path / "b.jar").write_bytes(b"b")
    assert kafka_runtime.differences(tmp_path) == []
    (tmp_path / "b.jar").write_bytes(b"B")
    assert kafka_runtime.differences(tmp_path) == ["b.jar is not the file of our list (SHA-256 differs)"]
    monkeypatch.setenv("LIANYUN_KAFKA_LIBS", str(tmp_path))
    with pytest.raises(StackError, match=r"b\.jar is not the file"):
        kafka_runtime.broker_jars()


def test_ports_lie_below_those_of_outgoing_connections_and_are_free() -> None:
    for _ in range(20):
        port = ports.free_port()
        assert 15_000 <= port < ports.first_ephemeral_port()
        with socket.socket() as probe:
            assert probe.connect_ex((ports.LOOPBACK, port)) != 0


def test_cache_folder_follows_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANYUN_HOME", str(tmp_path / "here"))
    assert home.cache_home() == tmp_path / "here"
    monkeypatch.delenv("LIANYUN_HOME")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert home.cache_home() == Path("/var/cache/lianyun")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert home.cache_home() == tmp_path / "lianyun"


def test_a_closed_folder_hides_what_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "closed" / "file"
    file.parent.mkdir(mode=0o700)
    file.touch(mode=0o644)
    assert not home.reachable_by_others(file)


def test_wrong_settings_say_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANYUN_JAVA", str(tmp_path / "java"))
    with pytest.raises(StackError, match="LIANYUN_JAVA"):
        kafka_runtime.java_executable()
    monkeypatch.setenv("LIANYUN_PG_BIN", str(tmp_path))
    with pytest.raises(StackError, match="LIANYUN_PG_BIN to the bin folder"):
        postgres_programs(needs_to_be_shared=False)
    with pytest.raises(StackError, match="'local' or 'containers'"), open_broker({"LIANYUN_STACK": "cloud"}):
        pass


def test_another_java_has_no_startup_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIANYUN_JAVA", raising=False)
    ours = kafka_runtime.startup_archive()
    assert ours is not None
    assert ours.name == f"kafka-{kafka_runtime.KAFKA_VERSION}-java-{kafka_runtime.bundled_version()}.aot"
    monkeypatch.setattr(kafka_runtime, "bundled_version", lambda: "21.0.9")
    assert kafka_runtime.startup_archive() is None, "Java 21 would not start with such an option"
    monkeypatch.undo()
    monkeypatch.setenv("LIANYUN_JAVA", str(tmp_path / "java"))
    assert kafka_runtime.startup_options() == ()


def test_the_brokers_java_gets_the_options_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANYUN_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -Dname='two words'")
    assert kafka_runtime.java_options() == ("-XX:TieredStopAtLevel=1", "-Dname=two words")


def test_given_addresses_are_used_as_they_are() -> None:
    with open_broker({"LIANYUN_BOOTSTRAP": "broker:9092", "LIANYUN_STACK": "containers"}) as broker:
        assert broker.bootstrap == "broker:9092"
    with open_database({"LIANYUN_DSN": "postgresql://u@h/d"}) as database:
        assert database.dsn == "postgresql://u@h/d"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "broker and database in plain processes (LIANYUN_STACK=containers for containers)"),
        ({"LIANYUN_STACK": "containers"}, "broker and database in containers"),
        (
            {"LIANYUN_DSN": "postgresql://u:secret@h:5/d", "LIANYUN_STACK": "containers"},
            "broker in containers; database at h:5/d",
        ),
        (
            {"LIANYUN_DSN": "postgresql://h/d", "LIANYUN_BOOTSTRAP": "b:9092"},
            "broker at b:9092; database at postgresql://h/d",
        ),
    ],
)
def test_a_run_says_which_servers_it_uses(settings: dict[str, str], says: str) -> None:
    assert servers(settings) == says


def test_meter_shows_megabytes_line_by_line_in_a_log() -> None:
    out = io.StringIO()
    meter = Meter("jars", 4_000_000, interval=0, stream=out)
    meter.add(1_000_000)
    meter.add(3_000_000)
    meter.finish()
    assert out.getvalue().splitlines() == ["jars: 1 of 4 MB", "jars: 4 of 4 MB"]
