"""Which servers to use: the ones whose addresses are given, containers where chosen, else the local stack.

| setting | meaning |
|---|---|
| ``LIANYUN_BOOTSTRAP`` | address of a broker to use as it is |
| ``LIANYUN_DSN`` | address of a database to use as it is; its role may create databases |
| ``LIANYUN_STACK`` | ``containers``: start containers (an engine must answer); ``local`` or unset: plain processes |
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import psycopg

from services.runtime.ports import LOOPBACK, free_port, listening
from services.testbed.localstack.broker import cluster_id, new_cluster_id
from services.testbed.localstack.broker_settings import SETTINGS
from services.testbed.localstack.database import fresh_database
from services.testbed.localstack.process import StackError
from services.testbed.localstack.stack import LocalStack


class BrokerAddress(Protocol):
    """A broker that somebody started."""

    @property
    def bootstrap(self) -> str:
        """``host:port`` for clients."""
        ...


class DatabaseAddress(Protocol):
    """A database server that somebody started."""

    @property
    def dsn(self) -> str:
        """URL of a database whose role may create databases."""
        ...

    def fresh_database(self, name: str) -> str:
        """Create an empty database of that name, dropping an old one, and return its address."""
        ...


@dataclass(frozen=True, slots=True)
class GivenBroker:
    """A broker known by its address alone."""

    bootstrap: str


@dataclass(frozen=True, slots=True)
class GivenDatabase:
    """A database server known by its address alone."""

    dsn: str

    def fresh_database(self, name: str) -> str:
        """Create an empty database of that name, dropping an old one, and return its address."""
        return fresh_database(self.dsn, name)


@dataclass(frozen=True, slots=True)
class Servers:
    """A broker and a database together."""

    broker: BrokerAddress
    database: DatabaseAddress

    @property
    def bootstrap(self) -> str:
        """``host:port`` of the broker."""
        return self.broker.bootstrap

    @property
    def dsn(self) -> str:
        """URL of the database."""
        return self.database.dsn


@contextlib.contextmanager
def open_broker(settings: Mapping[str, str] = os.environ, *, memory: bool = False) -> Iterator[BrokerAddress]:
    """Yield a broker chosen by ``settings``; stop it at the end if it was started here. Raises StackError.

    ``memory``: a plain process keeps its files in memory where there is room.
    """
    given = settings.get("LIANYUN_BOOTSTRAP")
    if given:
        yield GivenBroker(given)
    elif _containers(settings):
        with broker_container() as bootstrap:
            yield GivenBroker(bootstrap)
    else:
        with LocalStack(postgres=False, memory=memory) as stack:
            yield stack.broker


@contextlib.contextmanager
def open_database(
    settings: Mapping[str, str] = os.environ, *, durable: bool = True
) -> Iterator[DatabaseAddress]:
    """Yield a database chosen by ``settings``; stop it at the end if it was started here. Raises StackError.

    ``durable=False``: a plain process runs without fsync, its files in memory where there is room.
    """
    given = settings.get("LIANYUN_DSN")
    if given:
        yield GivenDatabase(given)
    elif _containers(settings):
        with database_container() as dsn:
            yield GivenDatabase(dsn)
    else:
        with LocalStack(kafka=False, durable=durable, memory=not durable) as stack:
            yield stack.database


def servers(settings: Mapping[str, str] = os.environ) -> str:
    """One line on where broker and database come from under ``settings``, for the report of a run. Raises StackError."""
    other = (
        "containers" if _containers(settings) else "plain processes (LIANYUN_STACK=containers for containers)"
    )
    given = {
        "broker": settings.get("LIANYUN_BOOTSTRAP", ""),
        "database": settings.get("LIANYUN_DSN", "").rpartition("@")[2],  # without the password
    }
    if not any(given.values()):
        return f"broker and database in {other}"
    return "; ".join(f"{what} at {at}" if at else f"{what} in {other}" for what, at in given.items())


def _containers(settings: Mapping[str, str]) -> bool:
    chosen = settings.get("LIANYUN_STACK", "local")
    if chosen not in ("local", "containers"):
        raise StackError(f"LIANYUN_STACK={chosen!r}", "set it to 'local' or 'containers', or leave it out")
    return chosen == "containers"


# Imported on use: testcontainers belongs to the development extra. The images are the official ones;
# ``LIANYUN_KAFKA_IMAGE`` and ``LIANYUN_POSTGRES_IMAGE`` name others.

KAFKA_IMAGE = "apache/kafka:4.4.0"
POSTGRES_IMAGE = "postgres:17"
_INSIDE = 9092


@contextlib.contextmanager
def broker_container() -> Iterator[str]:
    """Yield ``host:port`` of a broker in a container of its own; the container is removed at the end.

    Raises StackError when no engine answers, the image cannot be had or the broker does not become ready.
    testcontainers' own KafkaContainer is not used: it knows Confluent's image only, its versions and its paths.
    """
    container = _container(os.environ.get("LIANYUN_KAFKA_IMAGE", KAFKA_IMAGE))
    port = free_port()  # fixed beforehand, since the broker has to be told the address that clients will use
    settings = {
        **SETTINGS,
        "process.roles": "broker,controller",
        # The broker too is its own client (transactions), and the address that it tells others leads nowhere inside.
        "listeners": f"PLAINTEXT://:{_INSIDE},INTERNAL://localhost:9094,CONTROLLER://localhost:9093",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port},INTERNAL://localhost:9094",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "INTERNAL",
        "controller.quorum.voters": "1@localhost:9093",
    }
    for key, value in settings.items():
        name = key.replace("-", "___").replace("_", "__").replace(".", "_").upper()
        container.with_env(f"KAFKA_{name}", value)
    container.with_env("CLUSTER_ID", new_cluster_id())
    container.ports[f"{_INSIDE}/tcp"] = (LOOPBACK, port)
    with _running(container) as running:
        bootstrap = f"{LOOPBACK}:{port}"
        _await(lambda: listening(port) and cluster_id(bootstrap) is not None, "the broker", running)
        yield bootstrap


@contextlib.contextmanager
def database_container() -> Iterator[str]:
    """Yield the address of a database in a container of its own; see ``broker_container``."""
    container = _container(os.environ.get("LIANYUN_POSTGRES_IMAGE", POSTGRES_IMAGE))
    port, password = free_port(), secrets.token_urlsafe(18)
    container.with_env("POSTGRES_USER", "lianyun").with_env("POSTGRES_PASSWORD", password)
    container.ports["5432/tcp"] = (LOOPBACK, port)
    with _running(container) as running:
        dsn = f"postgresql://lianyun:{password}@{LOOPBACK}:{port}/lianyun"
        _await(lambda: _connects(dsn), "the database", running)
        yield dsn


def _container(image: str):  # type: ignore[no-untyped-def]  # testcontainers is an optional import
    try:
        from testcontainers.core.container import DockerContainer
    except ImportError as missing:
        raise StackError(
            "LIANYUN_STACK=containers needs the testcontainers package",
            "run 'make setup', or unset LIANYUN_STACK",
        ) from missing
    try:
        return DockerContainer(image)
    except Exception as failure:  # docker's client raises what its transport raises
        raise StackError(
            f"no container engine answers: {failure}",
            "start one, or unset LIANYUN_STACK to use plain processes",
        ) from failure


@contextlib.contextmanager
def _running(container):  # type: ignore[no-untyped-def]
    try:
        container.start()
    except Exception as failure:
        raise StackError(f"the container {container.image} did not start: {failure}") from failure
    try:
        yield container
    finally:
        container.stop()


def _await(ready, what: str, container, patience: float = 90.0) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + patience
    while not ready():
        if time.monotonic() > until or not _runs(container):
            out, err = container.get_logs()
            tail = (out + err).decode(errors="replace")[-2_000:]
            raise StackError(f"{what} in its container did not become ready; end of its log:\n{tail}")
        time.sleep(0.3)


def _runs(container) -> bool:  # type: ignore[no-untyped-def]
    wrapped = container.get_wrapped_container()
    wrapped.reload()
    return bool(wrapped.status in ("created", "running"))


def _connects(dsn: str) -> bool:
    # The image starts a first server without TCP to initialise; only the second one answers here.
    try:
        psycopg.connect(dsn, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True
