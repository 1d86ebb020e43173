"""Kafka and Postgres together: started side by side, stopped together, data in a folder of their own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from services.testbed.localstack.broker import Broker
from services.testbed.localstack.database import NOT_DURABLE, Database
from services.testbed.localstack.process import Guard, StackError


class LocalStack:
    """A context manager that runs a broker and a database for as long as its block lasts.

    Without ``folder`` the data lives in a temporary folder that is removed at the end, also when this program is
    killed; with it the data stays for the next run. ``kafka`` and ``postgres`` choose what runs. ``durable=False``
    turns the database's fsync off. ``broker_settings`` and ``database_settings`` override single settings;
    ``broker_users`` (name -> password) turn on passwords and access rules at the broker, ``broker_secrets`` (a folder
    of `lianyun secrets make`) all that a secured deployment has.
    Both servers listen on 127.0.0.1 only, on free ports that stay the same until ``stop``. Not for several threads.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        kafka: bool = True,
        postgres: bool = True,
        durable: bool = True,
        broker_settings: Mapping[str, str] | None = None,
        broker_users: Mapping[str, str] | None = None,
        broker_secrets: Path | None = None,
        database_settings: Mapping[str, str] | None = None,
    ) -> None:
        self._given = folder.absolute() if folder else None
        self._kafka, self._postgres = kafka, postgres
        self._broker_settings = dict(broker_settings or {})
        self._broker_users = dict(broker_users or {})
        self._broker_secrets = broker_secrets
        self._database_settings = {**({} if durable else NOT_DURABLE), **(database_settings or {})}
        self._guard = Guard()
        self._folder: Path | None = None
        self._broker: Broker | None = None
        self._database: Database | None = None

    @property
    def broker(self) -> Broker:
        """The broker, with kill, pause, start. Raises StackError when it has none or it is not started."""
        if self._broker is None:
            raise StackError("this stack has no broker: start it, and with kafka=True")
        return self._broker

    @property
    def database(self) -> Database:
        """The database, with stop_immediate, kill, start. Raises StackError as ``broker`` does."""
        if self._database is None:
            raise StackError("this stack has no database: start it, and with postgres=True")
        return self._database

    @property
    def bootstrap(self) -> str:
        """``host:port`` of the broker."""
        return self.broker.bootstrap

    @property
    def dsn(self) -> str:
        """URL of the application's database, with its password."""
        return self.database.dsn

    @property
    def folder(self) -> Path:
        """The folder with both servers' data and logs."""
        if self._folder is None:
            raise StackError("the stack is not started")
        return self._folder

    def start(self) -> Self:
        """Start the chosen servers, side by side; return self. Stops everything again when one of them fails."""
        if self._folder is not None:
            raise StackError("the stack is started already")
        try:
            folder = self._make_folder()
            if self._kafka:
                self._broker = Broker(
                    folder / "kafka",
                    self._guard,
                    self._broker_settings,
                    self._broker_users,
                    self._broker_secrets,
                )
            if self._postgres:
                self._database = Database(folder / "postgres", self._guard, self._database_settings)
            servers = [server for server in (self._broker, self._database) if server is not None]
            with ThreadPoolExecutor(max_workers=2) as pool:
                for started in [pool.submit(server.start) for server in servers]:
                    started.result()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop both servers, in order where their data stays, and remove a temporary folder. Harmless when called twice."""
        if self._database is not None:
            self._database.stop() if self._given else self._database.stop_immediate()
        if self._broker is not None:
            # In order it hands over one partition after another: seconds, and of no use where all it holds is removed.
            self._broker.stop() if self._given else self._broker.kill()
        self._broker = self._database = None
        if self._folder is not None and self._given is None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None
        self._guard.release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def _make_folder(self) -> Path:
        if self._given is not None:
            self._given.mkdir(parents=True, exist_ok=True)
            self._folder = self._given
            return self._folder
        folder = self._folder = Path(tempfile.mkdtemp(prefix="lianyun-"))
        # Passable but not readable: the database runs under an account of its own when we are root.
        folder.chmod(0o711)
        self._guard.remove_folder(folder)
        return folder
