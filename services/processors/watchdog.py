"""The watchdog: ends a worker that makes no progress although messages wait, whatever it hangs on.

A thread, because an event loop that hangs cannot watch itself. It goes by the ledger alone; Faust's own detectors look
at streams and commits that we do not use.
"""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections.abc import Callable

from services.runtime.exit_codes import End, Exit


class Watchdog:
    """Ends the process with STUCK when there was no progress for `after` seconds while the worker was behind.

    `beat` must be called from the event loop about once a second; a loop that does not turn counts as stuck too.
    """

    def __init__(self, after: float, end: End, clock: Callable[[], float] = time.monotonic) -> None:
        self._after, self._end, self._clock = after, end, clock
        self._beaten = clock()
        self._good = clock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    @property
    def idle_for(self) -> float:
        """Seconds since the worker was last known to be well."""
        return self._clock() - min(self._beaten, self._good)

    def start(self) -> None:
        """Begin watching; returns at once."""
        self._beaten = self._good = self._clock()
        self._thread.start()

    def stop(self) -> None:
        """End watching."""
        self._stop.set()

    def beat(self, behind: bool, progress_at: float) -> None:
        """Note from the event loop whether messages wait, and when (on the clock) progress was made last."""
        now = self._clock()
        self._beaten = now
        self._good = max(self._good, progress_at) if behind else now

    def check(self) -> None:
        """Judge once; the thread calls it every second."""
        if self.idle_for > self._after:
            # Where everything hangs is the one thing that a restart would lose.
            faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
            what = "the event loop hangs" if self._clock() - self._beaten > self._after else "messages wait"
            self._end(Exit.STUCK, f"no progress for {self.idle_for:.0f} s: {what}", None)

    def _run(self) -> None:
        while not self._stop.wait(min(1.0, self._after / 4)):
            self.check()
