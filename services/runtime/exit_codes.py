"""The exit codes of a worker, and the immediate end of its process.

Ending at once loses nothing: what was not committed is consumed again. A supervisor restarts the process.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from enum import IntEnum

log = logging.getLogger(__name__)


class Exit(IntEnum):
    """Exit codes of a worker; 64 to 78 are those of sysexits.h."""

    OK = 0
    UNEXPECTED = 1
    STUCK = 70
    FENCED = 75
    SLOT_LOST = 76
    STATE_MOVED = 77
    MISCONFIGURED = 78


End = Callable[[Exit, str, BaseException | None], None]
"""Ends the process: exit code, one sentence, and the error behind it."""

_ending = threading.Lock()


def end_process(code: Exit, why: str, error: BaseException | None = None) -> None:
    """Log the reason and end the process at once, without unwinding; from any thread, the first call wins."""
    if not _ending.acquire(blocking=False):
        return
    level = logging.WARNING if code in (Exit.FENCED, Exit.SLOT_LOST, Exit.STATE_MOVED) else logging.CRITICAL
    trace = error if code is Exit.UNEXPECTED else None
    log.log(level, "ending: %s", why, exc_info=trace, extra={"action": "end", "exit_code": int(code)})
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)
