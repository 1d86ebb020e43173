"""A tiny process that ends the servers when the program that started them is gone, however it went.

Run as a script with the standard library alone. Standard input carries one command a line: ``watch PID``,
``forget PID``, ``folder PATH`` (to be removed), ``done`` (nothing left to do). When the pipe closes without
``done``, or the parent process changes, whatever is still watched is killed and the folder removed.

A death signal set by the kernel (PR_SET_PDEATHSIG) would not do: it follows the *thread* that started the
server, does not exist on macOS, and is cleared when the server changes its user.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import time

_POLL_SECONDS = 1.0


def main() -> int:
    """Watch until ``done`` arrives (exit code 0) or the parent is gone (servers killed, exit code 1)."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    parent = os.getppid()
    watched: set[int] = set()
    folders: set[str] = set()
    pending = b""
    while os.getppid() == parent:
        if not select.select([0], [], [], _POLL_SECONDS)[0]:
            continue
        chunk = os.read(0, 65_536)
        if not chunk:
            break
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            verb, _, operand = line.decode().partition(" ")
            if verb == "done":
                return 0
            if verb == "watch":
                watched.add(int(operand))
            elif verb == "forget":
                watched.discard(int(operand))
            elif verb == "folder":
                folders.add(operand)
    _end(watched)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return 1


def _end(watched: set[int]) -> None:
    # SIGQUIT makes Postgres take its children along; a broker prints a thread dump, hence the SIGKILL after it.
    for number, patience in ((signal.SIGCONT, 0.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 1.0)):
        for pid in watched:
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        until = time.monotonic() + patience
        while time.monotonic() < until and any(_exists(pid) for pid in watched):
            time.sleep(0.05)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
