"""What the exporter probes itself: servers that answer and that do not, disks, certificates, and the archiving of a database."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from services.monitoring.exporter import operations
from services.monitoring.exporter.probes import (
    Probe,
    Probes,
    probe_broker,
    probe_certificate,
    probe_database,
    probe_disks,
    probes,
)
from services.monitoring.exporter.process import run
from services.monitoring.exporter.sample import Sample
from services.monitoring.exporter.settings import ExporterSettings
from services.runtime.connections import Connections
from services.runtime.credentials.authority import issue, new_authority
from services.runtime.ports import free_port
from services.telemetry import gauges
from services.testbed.localstack.engine import BrokerAddress, DatabaseAddress

pytestmark = pytest.mark.integration


def values(samples: Iterator[Sample]) -> dict[tuple[str, ...], float]:
    return {(one.definition.name, *one.labels): one.value for one in samples}


def test_a_database_answers_or_does_not(postgres: DatabaseAddress) -> None:
    up = (gauges.DATABASE_UP.name,)
    assert values(probe_database(postgres.dsn)) == {up: 1}
    assert values(probe_database(f"postgresql://nobody@127.0.0.1:{free_port()}/x")) == {up: 0}


def test_a_database_that_stands_still_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/x"
        assert values(probe_database(address)) == {(gauges.DATABASE_UP.name,): 0}


def test_a_broker_answers_with_its_disks_or_does_not(broker: BrokerAddress) -> None:
    found = values(probe_broker(Connections(bootstrap=broker.bootstrap).kafka_connection()))
    assert found[gauges.BROKER_UP.name,] == 1
    (name,) = (labels[0] for metric, *labels in found if metric == gauges.DISK_FREE.name)
    assert 0 < found[gauges.DISK_FREE.name, name] < found[gauges.DISK_SIZE.name, name]
    assert found[gauges.BROKER_LOG_SIZE.name, name] >= 0
    nowhere = Connections(bootstrap=f"127.0.0.1:{free_port()}").kafka_connection()
    assert values(probe_broker(nowhere)) == {(gauges.BROKER_UP.name,): 0}


def test_disks_by_name(tmp_path: Path) -> None:
    found = values(probe_disks({"data": str(tmp_path)}))
    assert 0 < found[gauges.DISK_FREE.name, "data"] <= found[gauges.DISK_SIZE.name, "data"]


def test_a_disk_that_is_not_there_hides_nothing_else(tmp_path: Path) -> None:
    seen: dict[str, tuple[Sample, ...]] = {}
    work = Probes(
        (
            Probe("gone", 1, lambda: probe_disks({"gone": str(tmp_path / "gone")})),
            Probe("here", 1, lambda: probe_disks({"here": str(tmp_path)})),
        ),
        lambda name, samples, _took: seen.update({name: tuple(samples)}),
    )
    work.step()
    assert set(seen) == {"here"}


@contextmanager
def serving(certificate: Path, first: bytes = b"") -> Iterator[int]:
    """A TLS server, which says ``first`` to a request of eight bytes before TLS begins; yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            plain, _ = listening.accept()
            with plain:
                if first:
                    plain.recv(8)
                    plain.sendall(first)
                if first != b"N":
                    context.wrap_socket(plain, server_side=True).close()

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]


def test_until_when_a_certificate_that_is_shown_is_valid(tmp_path: Path) -> None:
    """Also one that has expired, and that of a database, which speaks plainly first."""
    long_ago = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
    file = tmp_path / "server.pem"
    file.write_bytes(issue(new_authority("Test", long_ago), "server", ("localhost",), long_ago).both)
    for first, scheme in ((b"", ""), (b"S", "postgresql://")):
        with serving(file, first) as port:
            ((labels, ends),) = values(probe_certificate("api", f"{scheme}127.0.0.1:{port}")).items()
        assert labels == (gauges.CERTIFICATE_EXPIRES.name, "api")
        assert long_ago.timestamp() < ends < time.time()
    with serving(file, b"N") as port, pytest.raises(OSError, match="no TLS"):
        values(probe_certificate("database", f"postgresql://127.0.0.1:{port}"))


def test_the_write_ahead_log_is_measured_where_the_role_may_see_it(postgres: DatabaseAddress) -> None:
    with psycopg.connect(getattr(postgres, "admin_dsn", postgres.dsn)) as session:
        found = values(operations.measure_archiving(session, 0))
        assert set(found) == {(gauges.WAL_SIZE.name,)}, "nothing is to be archived here"
        assert found[gauges.WAL_SIZE.name,] > 0
        session.execute("SET ROLE pg_read_all_data")
        assert values(operations.measure_archiving(session, 0)) == {}


@pytest.mark.long
def test_an_exporter_reports_servers_that_are_not_there(tmp_path: Path) -> None:
    port = free_port()
    settings = ExporterSettings(
        dsn=SecretStr(f"postgresql://nobody@127.0.0.1:{free_port()}/x"),
        bootstrap=f"127.0.0.1:{free_port()}",
        disks={"data": str(tmp_path)},
        exporter_metrics_port=port,
        exporter_every=0.5,
    )
    assert [one.name for one in probes(settings)] == ["database answers", "broker answers", "disks"]
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(settings, stop))
    thread.start()
    try:
        wanted = {"lianyun_database_up 0.0", "lianyun_broker_up 0.0"}
        end = time.monotonic() + 120
        while not wanted <= set(_metrics(port).splitlines()):
            assert time.monotonic() < end
            assert thread.is_alive()
            time.sleep(0.1)
        assert 'lianyun_disk_free_bytes{disk="data"}' in _metrics(port)
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


def _metrics(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""
