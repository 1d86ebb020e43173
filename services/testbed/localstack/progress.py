"""One line of progress on standard error: what is being fetched, how far, in megabytes."""

from __future__ import annotations

import sys
import time
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
