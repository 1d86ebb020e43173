"""A terminal as far as the command line uses one: what stands on it after the bytes that were written to it.

Enough of ECMA-48 for rich: text with automatic wrapping, line feeds that scroll, the cursor up, lines erased, colours
ignored. Anything else that begins with ESC is an error, so that nothing goes by unseen.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Callable, Sequence

_SEQUENCE = re.compile(r"\x1b\[(\?25[hl]|\d*(?:;\d+)*[mAK])")


class Terminal:
    """A grid of ``width`` by ``height`` characters; ``wrapped`` holds the lines that were too long for it, cut there."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._cells = [[" "] * width for _ in range(height)]
        self._row = self._column = 0
        self.above: list[str] = []
        self.wrapped: list[str] = []

    @property
    def lines(self) -> list[str]:
        """What stands on the screen, from above."""
        return ["".join(row).rstrip() for row in self._cells]

    def write(self, text: str) -> None:
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                found = _SEQUENCE.match(text, at)
                assert found is not None, f"an unknown sequence: {text[at : at + 12]!r}"
                self._obey(found[1])
                at = found.end()
                continue
            self._put(text[at])
            at += 1

    def _obey(self, sequence: str) -> None:
        if sequence.endswith("A"):
            self._row = max(0, self._row - int(sequence[:-1] or 1))
        elif sequence.endswith("K"):
            assert sequence == "2K", sequence
            self._cells[self._row] = [" "] * self._width

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._down()
        else:
            if self._column == self._width:
                self.wrapped.append("".join(self._cells[self._row]))
                self._column = 0
                self._down()
            self._cells[self._row][self._column] = character
            self._column += 1

    def _down(self) -> None:
        if self._row + 1 < self._height:
            self._row += 1
            return
        self.above.append("".join(self._cells.pop(0)).rstrip())
        self._cells.append([" "] * self._width)


def run(
    command: Sequence[str],
    width: int,
    height: int,
    look: Callable[[Terminal], None],
    *,
    stdout: bool = False,
    timeout: float = 400,
    **how: str,
) -> tuple[Terminal, str, int]:
    """Run ``command`` with its errors (with ``stdout`` its output, too) on a terminal of that size; ``look`` after each write.

    Returns the terminal, what went to a pipe instead, and the exit code.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", **how}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave if stdout else subprocess.PIPE,
        stderr=slave,
        env=environment,
    )
    os.close(slave)
    terminal, rest = Terminal(width, height), b""
    try:
        while True:
            try:
                rest += os.read(master, 65_536)
            except OSError:  # the other side has ended
                break
            whole = rest.rfind(b"\n") + 1  # a sequence is never cut in two by a line's end
            terminal.write(rest[:whole].decode())
            rest = rest[whole:]
            look(terminal)
        out, _ = process.communicate(timeout=timeout)
    finally:
        process.kill()
        os.close(master)
    terminal.write(re.sub(r"\x1b\[[\d;?]*$", "", rest.decode()))
    return terminal, "" if out is None else out.decode(), process.returncode
