"""A moving picture of a terminal as one SVG file: frames of text that follow one another, without a script.

Pure: lines in, text out. Each different line is written once and used by the frames that show it; CSS shows one frame after
another, and whoever asked for less motion sees the last one alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from services.testbed.commands.picture import CLOSED

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
