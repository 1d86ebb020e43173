"""The broker's settings, in one visible table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.runtime.ports import LOOPBACK
from services.testbed.localstack import broker_access as access
from services.testbed.localstack import broker_tls as tls

HEAP = "512m"

# Serial collector: the broker's live heap is small and the machine has few cores; G1 would cost memory and threads.
JAVA_OPTIONS = (
    f"-Xmx{HEAP}",
    "-Xms128m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)

SETTINGS: Mapping[str, str] = {
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # Topics are declared and applied; a typing error in a name must not create one.
    "auto.create.topics.enable": "false",
    "num.partitions": "8",
    # One node: internal topics cannot have three replicas.
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # The controller takes a broker that it has not heard for dead, and then no topic has a leader: on a machine that is busy with
    # something else a heartbeat takes seconds.
    "broker.session.timeout.ms": "15000",
    "broker.heartbeat.interval.ms": "500",
    # Consumer groups form at once, and tests may use short sessions.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # A small machine: fewer threads, and a log cleaner that does not reserve 128 MB of heap at start.
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "4",
    "num.recovery.threads.per.data.dir": "2",
    "log.cleaner.dedupe.buffer.size": "16777216",
}

BACK_SOON: Mapping[str, str] = {"broker.session.timeout.ms": "3000"}
"""For a broker that is to be killed with SIGKILL: it may register again only when its old session has ended."""

_LOG4J = """\
status = error
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %m (%c)%n
logger.start.name = kafka.server
logger.start.level = info
logger.config.name = org.apache.kafka.common.config
logger.config.level = error
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """The broker's ports: for its own use, for the controller, and for clients with a password (0: no such).

    ``controller`` is a port of the loopback address in every case.
    """

    plain: int
    controller: int
    secured: int = 0


def write_settings(
    folder: Path,
    ports: Ports,
    overrides: Mapping[str, str],
    secrets: Path | None = None,
    quorum: str | None = None,
) -> Path:
    """Write server.properties and log4j2.properties into ``folder``; return the path of the former.

    With ``secrets`` they are those of a secured deployment, with its certificates. ``quorum`` is the ``host:port`` of node
    1, which is the controller of a broker that is none itself.
    """
    own, clients = ("PLAINTEXT", "CLIENT") if secrets is None else (tls.INTERNAL, tls.PARTNER)
    listeners = {own: ports.plain} | ({clients: ports.secured} if ports.secured else {})
    by_password = access.SETTINGS if secrets is None else tls.settings(secrets)
    addresses = [f"{name}://{LOOPBACK}:{port}" for name, port in listeners.items()]
    controller = f"{LOOPBACK}:{ports.controller}"
    own_controller = [f"CONTROLLER://{controller}"] if quorum is None else []
    settings = {
        **SETTINGS,
        **(by_password if ports.secured else {}),
        "process.roles": "broker,controller" if quorum is None else "broker",
        "listeners": ",".join([*addresses, *own_controller]),
        "advertised.listeners": ",".join(addresses),
        # Static voters: the controller's port is then not stored in the data, and may differ on the next run.
        "controller.quorum.voters": f"1@{quorum or controller}",
        "log.dirs": str(folder / "data"),
        **overrides,
    }
    path = folder / "server.properties"
    path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()), encoding="utf-8")
    (folder / "log4j2.properties").write_text(_LOG4J, encoding="utf-8")
    return path
