"""The demo while it runs: a living picture on a terminal, a line now and then where nobody looks."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from services.testbed.commands.picture import CLOSED, one_line, picture
from services.testbed.demo.run import Flow
from services.testbed.simulator.conditions import Closure
from services.testbed.simulator.tracks import Snapshot

EVERY = 5.0
"""Seconds between two lines where there is no terminal."""


class Screen:
    """A context manager that shows a moment of the demo: :meth:`show` takes the simulated time and the flow.

    ``seen`` gives the snapshot of a time. :meth:`say` prints a line of progress above the picture. :meth:`frames` gives
    the whole of it again, evenly, however busy the machine was.
    """

    def __init__(
        self,
        console: Console,
        seen: Callable[[int], Snapshot],
        closures: Collection[Closure],
        title: str,
    ) -> None:
        self._console, self._seen, self._closures, self._title = console, seen, closures, title
        self._began = time.monotonic()
        self._last = -EVERY
        self._live: Live | None = None
        self._shown: list[tuple[int, Flow]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.still()

    def say(self, line: str) -> None:
        """Print a line of progress with the seconds since the beginning."""
        self._console.print(f"[{time.monotonic() - self._began:6.1f} s] {line}", markup=False)

    def show(self, at: int, flow: Flow) -> None:
        """Show the simulated moment ``at`` (UTC microseconds)."""
        self._shown.append((at, flow))
        if not self._console.is_terminal:
            if time.monotonic() - self._last >= EVERY:
                self._last = time.monotonic()
                self.say(one_line(self._seen(at), flow))
            return
        width, height = self._console.size
        lines = picture(self._seen(at), flow, self._closed(at), self._title, width, height - 1)
        text = Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
        text.highlight_regex(f"{CLOSED}( closed)?", "bold red")
        text.highlight_regex("^SIMULATED", "bold")
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        self._live.update(text, refresh=True)

    def frames(self, since: int, count: int) -> list[list[str]]:
        """``count`` pictures (at least two) from the moment ``since`` to the last one shown, each with the flow of that moment."""
        last = self._shown[-1][0]
        moments = [since + (last - since) * n // (count - 1) for n in range(count)]
        flows = [
            self._shown[max(0, bisect_right(self._shown, at, key=lambda shown: shown[0]) - 1)][1]
            for at in moments
        ]
        return [
            picture(self._seen(at), flow, self._closed(at), self._title)
            for at, flow in zip(moments, flows, strict=True)
        ]

    def _closed(self, at: int) -> frozenset[str]:
        return frozenset(c.crossing for c in self._closures if c.start <= at < c.end)

    def still(self) -> None:
        """End the living picture; its last state stays."""
        if self._live is not None:
            self._live.stop()
            self._live = None
