"""Probes: whether database and broker let in a new client, how full disks are, and until when certificates are valid.

They hold no session and run on a thread of their own, so that they report a server that stands still. What a probe cannot find out
is not exported; only `lianyun_database_up` and `lianyun_broker_up` are 0 where nothing answers.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import psycopg
from cryptography import x509

from services.monitoring.exporter.sample import Sample
from services.monitoring.exporter.settings import ExporterSettings
from services.processors.topics.cluster import ClusterError, admin_client
from services.runtime.follower import Follower
from services.telemetry import gauges

log = logging.getLogger(__name__)

APPLICATION = "lianyun-exporter-probe"
PATIENCE = 5.0
"""Seconds until a server must have let a client in, and again until it must have answered."""
_SSL_REQUEST = struct.pack("!ii", 8, 80_877_103)
"""What a client of Postgres sends before TLS begins."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What ``look`` samples each ``every`` seconds; it blocks for some seconds at most, and raises OSError where it finds nothing."""

    name: str
    every: float
    look: Callable[[], Iterable[Sample]]


class Probes(Follower):
    """Runs each probe when it is due, and passes its samples on to ``put`` with the seconds that it took."""

    contended_pause = 1.0

    def __init__(
        self, probes: Sequence[Probe], put: Callable[[str, Iterable[Sample], float], object]
    ) -> None:
        self._probes, self._put = probes, put
        self._due = dict.fromkeys((probe.name for probe in probes), 0.0)

    def open(self) -> None:
        """Nothing: no probe holds anything."""

    def close(self) -> None:
        """Nothing: no probe holds anything."""

    def step(self) -> float:
        """Run what is due. Raises anything but a file or a server that is not there."""
        for probe in self._probes:
            started = time.monotonic()
            if self._due[probe.name] > started:
                continue
            self._due[probe.name] = started + probe.every
            try:
                samples = tuple(probe.look())
            except OSError as problem:
                log.warning("%s not probed: %s", probe.name, problem, extra={"action": "probe_failed"})
                continue
            self._put(probe.name, samples, time.monotonic() - started)
        soonest = min(self._due.values(), default=0.0)
        return min(max(soonest - time.monotonic(), 0.05), 1.0)


def probes(settings: ExporterSettings) -> tuple[Probe, ...]:
    """The probes that ``settings`` name a subject for."""
    often = settings.exporter_every
    dsn, broker = settings.dsn.get_secret_value(), settings.kafka_connection()
    found = [Probe("database answers", often, lambda: probe_database(dsn))]
    if settings.bootstrap:
        found.append(Probe("broker answers", often, lambda: probe_broker(broker)))
    if settings.disks:
        found.append(Probe("disks", often, lambda: probe_disks(settings.disks)))
    found += [
        # One by one: a server that is away hides no other one's certificate.
        Probe(f"certificate of {name}", 20 * often, partial(probe_certificate, name, where))
        for name, where in settings.certificates.items()
    ]
    return tuple(found)


def probe_database(dsn: str) -> Iterator[Sample]:
    """Whether the database lets in a new session and answers it."""
    try:
        with psycopg.connect(
            dsn,
            connect_timeout=int(PATIENCE),
            application_name=APPLICATION,
            options=f"-c statement_timeout={int(PATIENCE * 1_000)}",
        ) as session:
            session.execute("SELECT 1")
        answers = True
    except psycopg.Error as problem:
        text = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
        log.warning("the database does not answer: %s", text, extra={"action": "database_down"})
        answers = False
    yield Sample(gauges.DATABASE_UP, (), float(answers))


def probe_broker(connection: Mapping[str, Any]) -> Iterator[Sample]:
    """Whether a broker lets in a new client and answers it, and what its disks hold, where this user may know."""
    patience = int(PATIENCE * 1_000)
    options = {**connection, "bootstrap_timeout_ms": patience, "request_timeout_ms": patience}
    bootstrap = ",".join(options.pop("bootstrap_servers"))
    found: tuple[Sample, ...] = ()
    try:
        with admin_client(bootstrap, options) as admin:
            admin.describe_cluster()
            answers = True
            found = tuple(_log_dirs(admin))
    except ClusterError as problem:
        log.warning("the broker does not answer: %s", problem, extra={"action": "broker_down"})
        answers = False
    yield Sample(gauges.BROKER_UP, (), float(answers))
    yield from found


def _log_dirs(admin: Any) -> Iterator[Sample]:
    """Size, and where the broker names them (Kafka 3.3 and later), capacity and free bytes, of each folder of each broker's log."""
    for broker in admin.describe_log_dirs():
        folders = [each for each in broker["log_dirs"] if not each["error_code"]]
        for folder in folders:
            name = f"kafka-{broker['broker']}" + (f":{folder['log_dir']}" if len(folders) > 1 else "")
            held = sum(one["partition_size"] for topic in folder["topics"] for one in topic["partitions"])
            yield Sample(gauges.BROKER_LOG_SIZE, (name,), held)
            if folder.get("total_bytes", -1) > 0:
                yield Sample(gauges.DISK_SIZE, (name,), folder["total_bytes"])
                yield Sample(gauges.DISK_FREE, (name,), folder["usable_bytes"])


def probe_disks(disks: Mapping[str, str]) -> Iterator[Sample]:
    """Size and free bytes of the file systems of ``disks``, paths by name. Raises OSError for one that is not there."""
    for name, path in disks.items():
        found = os.statvfs(path)
        yield Sample(gauges.DISK_SIZE, (name,), found.f_blocks * found.f_frsize)
        yield Sample(gauges.DISK_FREE, (name,), found.f_bavail * found.f_frsize)


def probe_certificate(name: str, where: str) -> Iterator[Sample]:
    """When the certificate ends that the server at ``where`` shows now: host:port, or postgresql://host:port for a database.

    Nothing of it is verified: one that has expired is shown too. Raises OSError where no TLS answers.
    """
    address = urlsplit(where if "://" in where else f"tls://{where}")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((address.hostname or "", address.port or 0), PATIENCE) as plain:
        if address.scheme == "postgresql":
            plain.sendall(_SSL_REQUEST)
            if plain.recv(1) != b"S":
                raise OSError(f"{where} speaks no TLS")
        with context.wrap_socket(plain, server_hostname=address.hostname) as speaking:
            shown = speaking.getpeercert(binary_form=True)
    if shown is None:
        raise OSError(f"{where} shows no certificate")
    ends = x509.load_der_x509_certificate(shown).not_valid_after_utc
    yield Sample(gauges.CERTIFICATE_EXPIRES, (name,), ends.timestamp())
