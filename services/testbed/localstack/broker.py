"""A single-node Apache Kafka (KRaft) as a plain process, with the hooks that a chaos run needs."""

from __future__ import annotations

import base64
import os
import signal
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.runtime.ports import LOOPBACK, free_port, listening
from services.testbed.localstack import broker_settings as access
from services.testbed.localstack import broker_settings as tls
from services.testbed.localstack.broker_settings import JAVA_OPTIONS, Ports, write_settings
from services.testbed.localstack.kafka_runtime import (
    broker_jars,
    java_executable,
    java_options,
    startup_options,
)
from services.testbed.localstack.process import Deadline, Guard, ServerProcess, StackError, run_tool


class Broker:
    """One broker on loopback with its data in ``folder``; the port stays the same over restarts.

    All methods block until the broker is in the requested state and raise StackError with the end of its log when
    it does not get there. ``settings`` override single lines of ``broker_settings.SETTINGS``.
    ``users`` (name -> password, fixed with the data) turn passwords and access rules on: clients then log in with
    SCRAM and may do only what they were granted; ``broker_access.ADMINISTRATOR`` should be one, it may do all.
    ``secrets``, a folder of `lianyun secrets make`, turns on all that a secured deployment has instead: TLS, names
    by certificate inside, passwords for partners; these are not set before an administrator sets them.
    ``java_options`` stand in the place of the startup archive's. ``joins`` is a broker that is started, whose cluster this
    one joins without being a controller; ``settings`` then has a ``node.id`` of its own.
    """

    def __init__(
        self,
        folder: Path,
        guard: Guard,
        settings: Mapping[str, str] | None = None,
        users: Mapping[str, str] | None = None,
        secrets: Path | None = None,
        java_options: Sequence[str] = (),
        joins: Broker | None = None,
    ) -> None:
        if users and secrets:
            raise StackError("the users of a broker with certificates have their passwords from its secrets")
        self._secrets = secrets
        self._folder = folder
        self._settings = dict(settings or {})
        self._users = dict(users or {})
        self._java_options = tuple(java_options)
        self._joins = joins
        self._process = ServerProcess("Kafka", folder / "server.log", guard)
        self._ports: Ports | None = None

    @property
    def bootstrap(self) -> str:
        """``host:port`` for clients (with ``users``: for clients that log in); known from the first start on."""
        ports = self._known_ports()
        return f"{LOOPBACK}:{ports.secured or ports.plain}"

    def client_options(self, user: str) -> dict[str, str]:
        """Return the settings of kafka-python's clients that log in as ``user``, one of ``users`` or of the secrets."""
        if self._secrets is not None:
            return dict(tls.certificate_options(self._secrets, user))
        return access.password_options(user, self._users[user])

    @property
    def administration(self) -> tuple[str, dict[str, str]]:
        """``host:port`` and kafka-python's settings by which the broker's own listener is reached."""
        options = tls.administrator_options(self._secrets) if self._secrets is not None else {}
        return f"{LOOPBACK}:{self._known_ports().plain}", dict(options)

    @property
    def controller(self) -> str:
        """``host:port`` of the controller, for tests of who may reach it."""
        return f"{LOOPBACK}:{self._known_ports().controller}"

    @property
    def process(self) -> ServerProcess:
        """The server process: pid, running, resident_bytes, log."""
        return self._process

    def start(self, timeout: float = 60.0) -> None:
        """Start on the existing data, or on new data; return when a client gets the cluster's metadata.

        A new broker is ready in about 4 s, a restarted one in 3 s, one killed before in up to 6 s.
        """
        first = self._ports is None
        for attempt in range(3):
            if first:
                self._ports = Ports(
                    free_port(), free_port(), free_port() if self._users or self._secrets else 0
                )
            try:
                self._start_once(timeout)
                return
            except StackError as failure:
                # Someone took a port between our look and the broker's: only a first start may move.
                if not (first and attempt < 2 and "Address already in use" in failure.problem):
                    raise

    def stop(self) -> None:
        """Stop in order (SIGTERM): clients see the partitions move to no leader, logs are closed cleanly."""
        if self._process.running:
            self.resume()  # a frozen process would not notice
        self._process.end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill at once (SIGKILL), as a crash of the broker would; ``start`` brings it back on the same data."""
        self._process.end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze the broker (SIGSTOP): connections stay open, nothing answers."""
        self._process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen broker go on (SIGCONT)."""
        self._process.send(signal.SIGCONT)

    def _known_ports(self) -> Ports:
        if self._ports is None:
            raise StackError("the broker was never started, so it has no address yet")
        return self._ports

    def _start_once(self, timeout: float) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        quorum = None if self._joins is None else self._joins.controller
        properties = write_settings(self._folder, self._known_ports(), self._settings, self._secrets, quorum)
        environment = {"PATH": os.defpath, "HOME": str(self._folder), "LANG": "C.UTF-8"}
        java = [str(java_executable()), "-cp", f"{broker_jars()}/*"]
        logging = f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}"
        if not (self._folder / "data" / "meta.properties").exists():
            cluster = new_cluster_id() if self._joins is None else self._joins._own_cluster_id()
            quick = [*startup_options(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m", logging]
            tool = [*java[:1], *quick, *java[1:], "kafka.tools.StorageTool"]
            arguments = [
                "format",
                "-t",
                cluster,
                "-c",
                str(properties),
                *access.format_arguments(self._users),
            ]
            run_tool([*tool, *arguments], environment, self._folder, None)
        options = [*JAVA_OPTIONS, *(self._java_options or startup_options()), *java_options(), logging]
        command = [java[0], *options, *java[1:], "kafka.Kafka", str(properties)]
        self._process.start(command, environment, self._folder)
        self._await_ready(timeout)

    def _await_ready(self, timeout: float) -> None:
        deadline = Deadline(timeout)
        while not self._answers():
            if self._process.ended_early() or deadline.passed():
                tail = self._process.log_tail()
                self._process.end(signal.SIGKILL)
                raise StackError(f"Kafka did not become ready; end of {self._process.log}:\n{tail}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        ports = self._known_ports()
        if self._process.ended_early() or not all(
            map(listening, (ports.plain, ports.secured or ports.plain))
        ):
            return False
        # By name: between our look and the broker's, another run's broker may have taken the port.
        return cluster_id(*self.administration) == self._own_cluster_id()

    def _own_cluster_id(self) -> str:
        lines = (self._folder / "data" / "meta.properties").read_text(encoding="ascii").splitlines()
        return next(line.partition("=")[2] for line in lines if line.startswith("cluster.id="))


def new_cluster_id() -> str:
    """A random cluster id as Kafka writes them; none begins with a dash, which its tool would take for an option."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A", 1)


def cluster_id(bootstrap: str, connection: Mapping[str, str] | None = None) -> str | None:
    """Return the id of the cluster at ``bootstrap``, None while it does not answer or has no broker. Blocks up to 7 s.

    ``connection`` holds further settings of kafka-python (security).
    """
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap,
            bootstrap_timeout_ms=2_000,
            request_timeout_ms=5_000,
            **(connection or {}),
        )
    except KafkaError:
        return None
    try:
        cluster = admin.describe_cluster()
        return str(cluster["cluster_id"]) if cluster["brokers"] else None
    except KafkaError:
        return None
    finally:
        admin.close()
