"""Which servers to use: the ones whose addresses are given, containers when asked for, else the local stack.

| setting | meaning |
|---|---|
| ``LIANYUN_BOOTSTRAP`` | address of a broker to use as it is |
| ``LIANYUN_DSN`` | address of a database to use as it is; its role may create databases |
| ``LIANYUN_STACK`` | ``containers``: start containers (an engine must answer); ``local`` or unset: plain processes |
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from services.localstack.database import fresh_database
from services.localstack.errors import StackError
from services.localstack.stack import LocalStack


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
def open_broker(settings: Mapping[str, str] = os.environ) -> Iterator[BrokerAddress]:
    """Yield a broker chosen by ``settings``; stop it at the end if it was started here. Raises StackError."""
    given = settings.get("LIANYUN_BOOTSTRAP")
    if given:
        yield GivenBroker(given)
    elif _containers(settings):
        from services.localstack.containers import broker_container

        with broker_container() as bootstrap:
            yield GivenBroker(bootstrap)
    else:
        with LocalStack(postgres=False) as stack:
            yield stack.broker


@contextlib.contextmanager
def open_database(
    settings: Mapping[str, str] = os.environ, *, durable: bool = True
) -> Iterator[DatabaseAddress]:
    """Yield a database chosen by ``settings``; stop it at the end if it was started here. Raises StackError.

    ``durable=False``: a plain process runs without fsync.
    """
    given = settings.get("LIANYUN_DSN")
    if given:
        yield GivenDatabase(given)
    elif _containers(settings):
        from services.localstack.containers import database_container

        with database_container() as dsn:
            yield GivenDatabase(dsn)
    else:
        with LocalStack(kafka=False, durable=durable) as stack:
            yield stack.database


def told(settings: Mapping[str, str] = os.environ) -> str:
    """One line on where broker and database come from under ``settings``, for a run to say aloud. Raises StackError."""
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
