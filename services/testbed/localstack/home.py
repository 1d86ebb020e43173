"""The folder of downloads, which account has to read it, and progress on standard error."""

from __future__ import annotations

import os
import pwd
import stat
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

MEGABYTE = 1_000_000


def say(text: str, stream: TextIO | None = None) -> None:
    """Write one line for the person at the terminal, at once, to standard error."""
    print(text, file=stream or sys.stderr, flush=True)


class Meter:
    """Counts bytes towards an expected total and shows them.

    On a terminal the line is redrawn; elsewhere (a log) a new line appears every ``interval`` seconds.
    """

    def __init__(
        self, label: str, expected: int, interval: float = 3.0, stream: TextIO | None = None
    ) -> None:
        self._label, self._expected, self._interval = label, expected, interval
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._done = 0
        self._shown = time.monotonic()
        self._written = ""

    def add(self, count: int) -> None:
        """Note ``count`` more bytes."""
        self._done += count
        now = time.monotonic()
        if now - self._shown >= (0.2 if self._live else self._interval):
            self._shown = now
            self._write("\r" if self._live else "", "" if self._live else "\n")

    def finish(self) -> None:
        """Show the final figure and end the line."""
        if self._done:
            self._write("\r" if self._live else "", "\n")

    def _write(self, before: str, after: str) -> None:
        done, expected = self._done / MEGABYTE, max(self._expected, self._done) / MEGABYTE
        text = f"{self._label}: {done:.0f} of {expected:.0f} MB"
        if text == self._written and not self._live:
            return
        self._written = text
        self._stream.write(before + text + after)
        self._stream.flush()


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
