"""Ties a supervised process to its supervisor: it never outlives it, however the supervisor ended."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping

VARIABLE = "LIANYUN_WORKER_PARENT"
"""Set by a supervisor to its own process id."""

_PR_SET_PDEATHSIG = 1
_requested = False


def end_with_parent(environment: Mapping[str, str]) -> None:
    """Have this process killed when the supervisor named in `environment` ends; no effect where none is named.

    On Linux by PR_SET_PDEATHSIG; a thread checks every second as well, since that signal is bound to the parent's thread and other
    systems lack it. SIGKILL, as nothing is lost and a stopped process ends too. A second call has no effect.
    """
    global _requested
    parent = environment.get(VARIABLE)
    if not parent or _requested:
        return
    _requested = True
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    expected = int(parent)
    if os.getppid() != expected:  # it ended before the request
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=_watch, args=(expected,), name="parent-watch", daemon=True).start()


def _watch(expected: int) -> None:
    while os.getppid() == expected:
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGKILL)
