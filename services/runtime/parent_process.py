"""A worker that somebody supervises never outlives its supervisor, however that one went."""

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
    """Have this process killed when the supervisor named in `environment` is gone; nothing where none is named.

    On Linux the kernel does it; a thread looks every second as well, since the kernel goes by the thread that
    started us and other systems know nothing of the kind. SIGKILL: nothing is lost, and a stopped process ends too.
    A second call does nothing.
    """
    global _requested
    parent = environment.get(VARIABLE)
    if not parent or _requested:
        return
    _requested = True
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    expected = int(parent)
    if os.getppid() != expected:  # it went before we could ask
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=_watch, args=(expected,), name="parent-watch", daemon=True).start()


def _watch(expected: int) -> None:
    while os.getppid() == expected:
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGKILL)
