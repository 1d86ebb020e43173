"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(done: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Return when ``done``; fail after ``seconds``, naming ``what`` did not come."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"no {what} after {seconds} s"
        time.sleep(0.05)
