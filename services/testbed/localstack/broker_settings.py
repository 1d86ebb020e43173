"""The broker's settings, in one visible table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.runtime.connections import MECHANISM
from services.runtime.ports import LOOPBACK

PROPERTIES = Path(__file__).resolve().parents[3] / "infra" / "kafka" / "secured.properties"
INTERNAL, PARTNER = "INTERNAL", "PARTNER"
"""The listener of broker and administrator (by certificate), and the one of everybody else (by password)."""


def secured_settings(secrets: Path) -> dict[str, str]:
    """Return infra/kafka/secured.properties with the certificates of ``secrets``, as `lianyun secrets make` made it."""
    lines = PROPERTIES.read_text(encoding="ascii").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    found = {key: value for key, _, value in pairs}
    return found | {
        key: str(secrets / Path(found[key]).name)
        for key in ("ssl.keystore.location", "ssl.truststore.location")
    }


def administrator_options(secrets: Path) -> Mapping[str, str]:
    """Return the settings of kafka-python's clients that come in by the administrator's certificate."""
    certificate = str(secrets / "admin.pem")
    return {
        "security_protocol": "SSL",
        "ssl_cafile": str(secrets / "ca.pem"),
        "ssl_certfile": certificate,
        "ssl_keyfile": certificate,
    }


def certificate_options(secrets: Path, user: str) -> Mapping[str, str]:
    """Return the settings of kafka-python's clients that log in as ``user`` with the password in ``secrets``."""
    return {
        "security_protocol": "SASL_SSL",
        "ssl_cafile": str(secrets / "ca.pem"),
        "sasl_mechanism": MECHANISM,
        "sasl_plain_username": user,
        "sasl_plain_password": (secrets / "kafka" / user).read_text(encoding="ascii"),
    }


ADMINISTRATOR = "admin"

# Clients come in by the SCRAM listener and have a name. Nameless are only the controller's and the broker's own
# listeners; on a machine shared with people you do not trust, that makes this stack a toy and no deployment.
PASSWORD_SETTINGS: Mapping[str, str] = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": f"User:ANONYMOUS;User:{ADMINISTRATOR}",
    "allow.everyone.if.no.acl.found": "false",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENT:SASL_PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "sasl.enabled.mechanisms": MECHANISM,
    "listener.name.client.scram-sha-512.sasl.jaas.config": (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    ),
}


def format_arguments(users: Mapping[str, str]) -> list[str]:
    """Return the arguments with which the storage is formatted so that ``users`` (name -> password) exist."""
    return [
        part
        for name, password in users.items()
        for part in ("--add-scram", f"{MECHANISM}=[name={name},password={password}]")
    ]


def password_options(user: str, password: str) -> dict[str, str]:
    """Return the settings of kafka-python's clients that log in as ``user``."""
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": MECHANISM,
        "sasl_plain_username": user,
        "sasl_plain_password": password,
    }


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
    own, clients = ("PLAINTEXT", "CLIENT") if secrets is None else (INTERNAL, PARTNER)
    listeners = {own: ports.plain} | ({clients: ports.secured} if ports.secured else {})
    by_password = PASSWORD_SETTINGS if secrets is None else secured_settings(secrets)
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
