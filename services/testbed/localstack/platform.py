"""The whole platform on this machine: broker, database, topics, parties and workers, for as long as a block lasts."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import psycopg

from schemas.schemes import Scheme
from services.audit.fsck.check import fsck
from services.audit.report import Report
from services.ledger.registry import commands, store, trust
from services.ledger.registry.events import NewKey, PartyAdded
from services.ledger.registry.signed import PublicSigner, Root
from services.ledger.storage.migrate import migrate
from services.processors.settings import admission_settings
from services.processors.supervisor import COMMAND, Supervisor
from services.processors.topics import cluster
from services.processors.topics.declaration import read_declaration
from services.runtime.private_file import read_or_create
from services.testbed.localstack.engine import Servers
from services.testbed.localstack.stack import LocalStack


class Platform:
    """A context manager over a LocalStack with migrated database, declared topics and supervised workers.

    ``members`` are registered with their keys where the registry does not know them yet. With ``folder`` the data stays
    for the next run. ``environment`` is added to that of the workers. ``workers=0`` starts none;
    ``command`` is what a worker process runs; ``broker_settings`` take the place of the local broker's own. ``metrics_port`` is that of
    the first worker; each has one of its own, and what starts them again the one after.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        workers: int = 2,
        network: str = "demo",
        members: Iterable[tuple[PartyAdded, tuple[NewKey, ...]]] = (),
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = COMMAND,
        broker_settings: Mapping[str, str] | None = None,
        metrics_port: int | None = None,
    ) -> None:
        self.stack = LocalStack(folder, broker_settings=broker_settings)
        self.network = network
        self._count = workers
        self._members = tuple(members)
        self._environment = dict(environment or {})
        self._command = tuple(command)
        self._metrics = {} if metrics_port is None else {"LIANYUN_METRICS_PORT": str(metrics_port)}
        self.workers: Supervisor | None = None

    def __enter__(self) -> Self:
        self.stack.start()
        try:
            migrate(self.stack.dsn)
            cluster.apply(self.stack.bootstrap, read_declaration(), replication_factor=1)
            register(self.stack.dsn, self._members)
            if self._count:
                self.workers = Supervisor(
                    {**self.worker_environment(), **self._metrics},
                    workers=self._count,
                    logs=self.stack.folder / "logs",
                    command=self._command,
                )
                self.workers.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self.workers is not None:
            self.workers.stop()
            self.workers = None
        self.stack.stop()

    def worker_environment(self) -> dict[str, str]:
        """The settings of a worker of this platform, as environment variables."""
        return {**addresses(self), **self._environment}


@dataclass(frozen=True, slots=True)
class RunningPlatform:
    """A platform that somebody else runs, known by its addresses; nothing here starts or stops it."""

    stack: Servers
    network: str


def checked(platform: Platform | RunningPlatform, processes: int = 1) -> Report:
    """The report of fsck on ``platform``; blocks until everything stored is recomputed, in so many processes."""
    gateways = admission_settings(platform.network).gateway_topics
    return fsck(platform.stack.dsn, platform.network, gateway_topics=gateways, processes=processes)


def addresses(platform: Platform | RunningPlatform) -> dict[str, str]:
    """Where ``platform`` is, as the environment variables of a process that works on it."""
    return {
        "LIANYUN_BOOTSTRAP": platform.stack.bootstrap,
        "LIANYUN_DSN": platform.stack.dsn,
        "LIANYUN_NETWORK": platform.network,
    }


@contextmanager
def signed_registry(folder: Path, network: str) -> Iterator[None]:
    """For a block, this process and all that it starts trust a registry by a root, and sign its changes themselves.

    For development only: the keys of the root and of both administrators are files in ``folder`` on this machine. Without effect where
    a root is configured, and on every network but the one for development.
    """
    if trust.ROOT in os.environ or network != trust.DEVELOPMENT_NETWORK:
        yield
        return
    place = folder.absolute() / "registry"
    files = {name: place / f"{name}.json" for name in ("root", "admin1", "admin2")}
    made = {name: trust.make_signer(path, name) for name, path in files.items()}
    root = Root(network=network, threshold=1, keys=(made["root"],))
    read_or_create(place / "policy.json", root.model_dump_json)
    os.environ[trust.ROOT] = str(place / "policy.json")
    os.environ[trust.DEVELOPMENT] = ",".join(map(str, files.values()))
    try:
        yield
    finally:
        del os.environ[trust.ROOT], os.environ[trust.DEVELOPMENT]


def take_over(connection: psycopg.Connection[Any], now: int) -> None:
    """Let the root of a development profile take over the registry, once; without effect in every other."""
    given = trust.trust()
    if given is None or not given.development or trust.read_chain(connection, given.root).number:
        return
    ours = {each.public.key_id for each in given.root.keys}
    named = tuple(
        PublicSigner(name=f"admin{number}", scheme=Scheme.ED25519, public_key=key.public_key.hex())
        for number, key in enumerate((key for key in given.development if key.key_id not in ours), 1)
    )
    signed = store.appointment(connection, named, now)
    for key in given.development:
        signed = signed.signed_by(key)
    store.append_signed(connection, signed)


def register(dsn: str, members: Iterable[tuple[PartyAdded, tuple[NewKey, ...]]]) -> int:
    """Register the ``members`` that are not known yet, with their keys; returns how many."""
    added = 0
    with psycopg.connect(dsn) as connection:
        now = time.time_ns() // 1_000
        take_over(connection, now)
        known = store.load(connection)
        for party, keys in members:
            if known.party(party.code) is not None:
                continue
            commands.add_party(connection, party, at=now, by="platform")
            for key in keys:
                commands.add_key(connection, party.code, key, at=now, by="platform")
            added += 1
    return added


Environment = Mapping[str, str]
"""Further settings of a process, such as the port of its metrics."""
_NONE: Environment = MappingProxyType({})


def credit_follower(platform: Platform, environment: Environment = _NONE) -> Supervisor:
    """Keeps credit signals up to date."""
    return _process(platform, "credit", "services.credit", environment)


def arrival_follower(platform: Platform, environment: Environment = _NONE) -> Supervisor:
    """Keeps the legs behind arrival times up to date, and publishes the statistics that are due."""
    return _process(platform, "arrival", "services.statistics", environment)


def case_follower(platform: Platform, keys: Path, environment: Environment = _NONE) -> Supervisor:
    """Opens and closes cases by rule, signed by the platform's own key in the file ``keys``, which must be there."""
    settings = {"LIANYUN_FINANCING_KEYS": str(keys.absolute()), **environment}
    return _process(platform, "cases", "services.cases", settings)


def webhooks(platform: Platform, environment: Environment = _NONE) -> Supervisor:
    """Tells parties of what changed."""
    return _process(platform, "webhooks", "services.notifications.webhooks", environment)


def notifications(
    platform: Platform, pages_port: int, mail_from: str, environment: Environment = _NONE
) -> Supervisor:
    """Makes what feeds show, and sends mail from ``mail_from``; "": no mail."""
    settings = {
        "LIANYUN_PAGES_HOST": "127.0.0.1",
        "LIANYUN_PAGES_PORT": str(pages_port),
        "LIANYUN_MAIL_FROM": mail_from,
        **environment,
    }
    return _process(platform, "notifications", "services.pages.subscriptions", settings)


def exporter(platform: Platform, port: int) -> Supervisor:
    """Exports the database's figures as metrics on ``port``."""
    settings = {"LIANYUN_EXPORTER_METRICS_PORT": str(port)}
    return _process(platform, "exporter", "services.monitoring.exporter", settings)


def _process(platform: Platform, name: str, module: str, environment: Environment) -> Supervisor:
    return Supervisor(
        {**platform.worker_environment(), **environment},
        workers=1,
        logs=platform.stack.folder / "logs" / name,
        command=(sys.executable, "-m", module),
    )
