"""Runs `lianyun publish --watch --once` and kills it at a named point, then runs it again; one process start for all points.

``python -m tests.support.producers.killed FOLDER`` with the broker in the environment; prints per point how both runs ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.cli.main import run
from services.producers import folder_watch
from services.producers.spool import Spool

POINTS: dict[str, tuple[Any, str, bool]] = {
    "before the spool": (Spool, "put", True),
    "after the spool": (Spool, "put", False),
    "before the acknowledgement": (Spool, "acknowledge", True),
    "after the acknowledgement": (Spool, "acknowledge", False),
    "before the report": (folder_watch, "_write", True),
    "after the report": (folder_watch, "_write", False),
    "after the move": (Path, "rename", False),
}


def folder_of(root: Path, point: str) -> Path:
    """Where the files of one point are dropped; its profile and spool lie beside it."""
    return root / point.replace(" ", "-") / "inbox"


def _deadly(point: str) -> None:
    owner, name, before = POINTS[point]
    real = getattr(owner, name)

    def kill(*args: Any, **more: Any) -> None:
        if not before:
            real(*args, **more)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, kill)


def _child(work: Callable[[], None]) -> int:
    """How a forked child that does ``work`` ends, as of a subprocess."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _watch(folder: Path, point: str = "") -> None:
    os.environ["LIANYUN_PARTNERS"] = str(folder.parent)
    sys.argv = ["lianyun", "publish", "--as", "ktz", "--watch", str(folder), "--settle", "0.05", "--once"]
    os.dup2(2, 1)
    if point:
        _deadly(point)
    run()


def main(root: Path) -> None:
    ended = {}
    for point in POINTS:
        folder = folder_of(root, point)
        ended[point] = [
            _child(lambda: _watch(folder, point)),  # noqa: B023
            _child(lambda: _watch(folder)),  # noqa: B023
        ]
    print(json.dumps(ended))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
