"""Where the local stack keeps what it downloads, and which user may have to read it."""

from __future__ import annotations

import os
import pwd
import stat
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Account:
    """A user id and group id that a server process runs under."""

    uid: int
    gid: int


def cache_home() -> Path:
    """Return the folder for downloads that outlive a run (broker jars, copied binaries), not yet created.

    ``LIANYUN_HOME`` decides if set. Otherwise the user's cache folder; for root a system folder, because
    root's own home is closed to the unprivileged account that Postgres insists on.
    """
    chosen = os.environ.get("LIANYUN_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/cache/lianyun")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "lianyun"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lianyun"


def unprivileged_account() -> Account | None:
    """Return the account to drop to, or None when this process is already unprivileged.

    Postgres refuses to run as root. ``nobody`` exists on every system that we support.
    """
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def reachable_by_others(path: Path) -> bool:
    """Tell whether an account that is neither owner nor in the group can open ``path`` (file or folder).

    Looks at the permission bits of the path and all folders above it; access lists are not considered.
    """
    path = path.resolve()
    if not path.stat().st_mode & stat.S_IROTH:
        return False
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
