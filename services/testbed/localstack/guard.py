"""The parent's end of the process that cleans up after it (see ``orphans``)."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from pathlib import Path

from services.testbed.localstack import orphans


class Guard:
    """Promises that no watched server outlives this program, even when it is killed with SIGKILL.

    One small Python process (about 10 MB) per guard; it is started by the first call and ended by ``release``.
    Safe to call from several threads.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def watch(self, pid: int) -> None:
        """Have ``pid`` killed should this program end without ``forget`` or ``release``."""
        self._tell(f"watch {pid}")

    def forget(self, pid: int) -> None:
        """Stop watching ``pid``: it has ended and its number may be given to someone else."""
        self._tell(f"forget {pid}")

    def remove_folder(self, folder: Path) -> None:
        """Have the temporary ``folder`` removed should this program end without ``release``."""
        self._tell(f"folder {folder}")

    def release(self) -> None:
        """End the guarding process; nothing is killed. Harmless when called twice."""
        with self._lock:
            process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.write(b"done\n")
            process.stdin.close()
        process.wait(timeout=10)

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._process is None:
                # A session of its own: Ctrl-C at the terminal must reach the program, not its guard.
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(Path(orphans.__file__))],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )
            assert self._process.stdin is not None
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
