"""The first lines of a process: it ends with its supervisor, imports, reads its settings and logs that it began."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from services.runtime.parent_process import end_with_parent

if TYPE_CHECKING:
    from services.runtime.connections import Connections
import gc


@contextmanager
def imports_without_gc() -> Iterator[None]:
    """Around the imports of a process that starts; afterwards garbage is collected as it was before."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


SettingsT = TypeVar("SettingsT", bound="Connections")


@contextmanager
def startup_imports() -> Iterator[None]:
    """Around the imports of a process. They take a second, in which its supervisor may end, and it with it."""
    end_with_parent(os.environ)
    with imports_without_gc():
        yield


def log_start(process: str, settings: SettingsT) -> SettingsT:
    """Log from now on as ``settings`` say, and that ``process`` began; return them."""
    from services.telemetry import logs

    logs.configure(settings.log_format, settings.log_level)
    logs.log_start(process, settings.lines())
    return settings
