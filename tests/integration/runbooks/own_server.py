"""A PostgreSQL server that is operated by its own programs, as a runbook operates it: no part of the local stack."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from services.monitoring.artefacts import ROOT
from services.runtime.ports import LOOPBACK, free_port
from services.testbed.localstack.database import postgres_programs
from services.testbed.localstack.home import unprivileged_account
from services.testbed.localstack.process import Guard

NEEDED = (
    "pg_ctl",
    "initdb",
    "psql",
    "pg_dump",
    "pg_dumpall",
    "pg_restore",
    "pg_basebackup",
    "pg_verifybackup",
    "pg_resetwal",
)
_SETTINGS = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
timezone = 'UTC'
shared_buffers = '64MB'
fsync = off
"""


def programs() -> Path | None:
    """The folder with all programs that the runbooks use, None where this machine has none."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in (postgres_programs(unprivileged_account() is not None), *installed):
        if all((folder / name).is_file() for name in NEEDED):
            return folder
    return None


class OwnServer:
    """A server in a folder of its own, with the platform's roles and an empty database ``lianyun`` if ``with_roles``.

    ``epoch`` lets it count as a server does that has been written to for years. ``data`` is its data folder, which a page may replace; ``close`` ends whatever runs on it and removes the folder.
    """

    def __init__(self, programs: Path, *, with_roles: bool, epoch: int = 0) -> None:
        self.programs, self._account = programs, unprivileged_account()
        self.folder = Path(tempfile.mkdtemp(prefix="lianyun-own-"))
        self._guard = Guard()
        self._guard.remove_folder(self.folder)  # a server whose folder is gone ends itself within a minute
        self.data, self.port = self.folder / "data", free_port()
        self.admin = f"postgresql://postgres@{LOOPBACK}:{self.port}/postgres"
        self.dsn = f"postgresql://lianyun_owner@{LOOPBACK}:{self.port}/lianyun"
        if self._account is not None:
            os.chown(self.folder, self._account.uid, self._account.gid)
        self._run(
            "initdb",
            "-D",
            str(self.data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        )
        conf = self.data / "postgresql.conf"
        conf.write_text(conf.read_text() + _SETTINGS.format(port=self.port))
        if epoch:
            self._run("pg_resetwal", f"--epoch={epoch}", "-D", str(self.data))
        self._ctl("start", "-l", str(self.folder / "server.log"))
        if with_roles:
            self._run("psql", self.admin, "-qc", "CREATE DATABASE lianyun")
            superuser = self.dsn.replace("lianyun_owner@", "postgres@")
            self._run(
                "psql", superuser, "-v", "ON_ERROR_STOP=1", "-qf", str(ROOT / "infra/postgres/roles.sql")
            )

    def close(self) -> None:
        """Stop it at once and remove all of it."""
        if (self.data / "postmaster.pid").exists():
            self._ctl("stop", "-m", "immediate")
        shutil.rmtree(self.folder, ignore_errors=True)
        self._guard.release()

    def _ctl(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self.data), "-w", "-t", "240", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        account = self._account
        done = subprocess.run(
            [str(self.programs / program), *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
            env={"PATH": os.defpath, "LC_ALL": "C", "LIANYUN_WAL": str(self.folder / "wal")},
            user=account.uid if account else None, group=account.gid if account else None,
            extra_groups=[] if account else None,
        )  # fmt: skip
        assert done.returncode == 0, f"{program} {arguments}: {done.stdout}"
