"""Servers as child processes: started, signalled, awaited, their logs read when they fail, and none left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.testbed.localstack import orphans
from services.testbed.localstack.home import Account


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


class StackError(Exception):
    """A server could not be prepared, started or stopped.

    The text names the problem, where (folder, port, log lines) and, with ``remedy``, what to do.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}\n  To do: {remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy


class ServerProcess:
    """A child process that appends its output to a log file and is addressed by its own pid only.

    It gets a session of its own, so that Ctrl-C reaches the program first and the servers are stopped in order.
    """

    def __init__(self, name: str, log: Path, guard: Guard, account: Account | None = None) -> None:
        self.name = name
        self.log = log
        self._guard = guard
        self._account = account
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id. Raises StackError when it is not running."""
        if self._process is None or self._process.poll() is not None:
            raise StackError(f"{self.name} is not running")
        return self._process.pid

    def start(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        """Start ``command`` in ``folder`` with exactly ``environment``. Raises StackError if it runs already."""
        if self.running:
            raise StackError(f"{self.name} is running already (pid {self.pid})")
        account = self._account
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        self._guard.watch(self._process.pid)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process. Raises StackError when it is not running."""
        os.kill(self.pid, number)

    def end(self, number: signal.Signals, patience: float = 30.0) -> int:
        """Send ``number``, wait up to ``patience`` seconds, then SIGKILL; return the exit code (0 if not started)."""
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
        code = process.wait()
        self._guard.forget(process.pid)
        self._process = None
        return code

    def ended_early(self) -> bool:
        """Whether the process was started and ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def resident_bytes(self) -> int:
        """Return the resident memory of the process, 0 where there is no /proc."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (OSError, StackError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def log_tail(self, lines: int = 15) -> str:
        """Return the last ``lines`` of the log, indented, for an error message."""
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return "  (no log)"
        return "\n".join("  | " + line for line in text.splitlines()[-lines:])


def run_tool(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, account: Account | None
) -> None:
    """Run a short command to its end. Raises StackError with its output when it fails or takes over 2 minutes."""
    try:
        outcome = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=folder,
            env=dict(environment),
            timeout=120,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise StackError(f"{Path(command[0]).name} could not be run: {failure}") from failure
    if outcome.returncode != 0:
        output = (outcome.stderr.strip() or outcome.stdout.strip())[-2_000:]
        raise StackError(f"{Path(command[0]).name} failed with exit code {outcome.returncode}:\n{output}")


class Deadline:
    """Seconds left until a moment, for loops that wait for a server."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def passed(self) -> bool:
        """Whether the moment has come."""
        return time.monotonic() >= self._end
