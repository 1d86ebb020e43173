"""The demo while it runs: a living picture on a terminal, a line now and then where nobody looks."""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self
from xml.sax.saxutils import escape

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


# Pure: lines in, text out. Each different line is written once and used by the frames that show it; CSS shows one frame after
# another, and whoever asked for less motion sees the last one alone.

_CELL, _LINE, _EDGE = 8.4, 17, 14
_PARTS = re.compile(rf"{CLOSED}(?: closed)?|(?:(?!{CLOSED}|  ).)+")
"""What keeps its own column: text between two or more blanks, and the mark of what is closed."""
_STYLE = """
text{font:14px ui-monospace,'SFMono-Regular',Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#d6d9de;white-space:pre}
.h{font-weight:bold;fill:#ffffff}.c{font-weight:bold;fill:#ff6b5e}
.f{visibility:hidden;animation:f SECONDSs steps(1) infinite}
@keyframes f{0%{visibility:visible}SHARE%,100%{visibility:hidden}}
@media (prefers-reduced-motion:reduce){.f{animation:none}.f:last-of-type{visibility:visible}}
"""


def moving_picture(frames: Sequence[Sequence[str]], seconds: float, title: str) -> str:
    """An SVG document that shows ``frames`` (lines of text each) one after another within ``seconds``, for ever.

    ``title`` is what is read aloud instead of it. Raises ValueError without frames.
    """
    if not frames:
        raise ValueError("there is nothing to show: no frame was recorded")
    width = 2 * _EDGE + _CELL * max(len(line) for frame in frames for line in frame)
    height = 2 * _EDGE + _LINE * max(map(len, frames))
    names = {
        line: f"l{n}"
        for n, line in enumerate(dict.fromkeys(line for frame in frames for line in frame if line.strip()))
    }
    style = _STYLE.replace("SECONDS", f"{seconds:g}").replace("SHARE", f"{100 / len(frames):.4f}")
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}">',
            f"<title>{escape(title)}</title>",
            f"<style>{style}</style>",
            '<rect width="100%" height="100%" rx="8" fill="#15181d"/>',
            "<defs>",
            *(f'<text id="{name}">{_spans(line)}</text>' for line, name in names.items()),
            "</defs>",
            *_frames(frames, names, seconds),
            "</svg>\n",
        )
    )


def _frames(frames: Sequence[Sequence[str]], names: Mapping[str, str], seconds: float) -> Iterator[str]:
    for n, frame in enumerate(frames):
        # A negative delay: each frame is as far in its turn from the beginning on, and none flashes up before.
        delay = seconds * (n - len(frames)) / len(frames)
        uses = "".join(
            f'<use href="#{names[line]}" x="{_EDGE}" y="{_EDGE + _LINE * (row + 0.75):.1f}"/>'
            for row, line in enumerate(frame)
            if line in names
        )
        yield f'<g class="f" style="animation-delay:{delay:.3f}s">{uses}</g>'


def _spans(line: str) -> str:
    """The parts of a line, each at its own column and as wide as its letters: fonts differ in how wide signs are."""
    parts = []
    for found in _PARTS.finditer(line):
        text = found[0].rstrip()
        start = found.start() + len(text) - len(text.lstrip())
        if not (text := text.strip()):
            continue
        kind = (
            ' class="c"' if text.startswith(CLOSED) else ' class="h"' if text.startswith("SIMULATED") else ""
        )
        long = f' textLength="{_CELL * len(text):.1f}"' if len(text) > 1 else ""
        parts.append(f'<tspan x="{_CELL * start:.1f}"{long}{kind}>{escape(text)}</tspan>')
    return "".join(parts)
