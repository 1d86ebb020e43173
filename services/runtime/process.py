"""The start of a process: bound to its supervisor, imports without garbage collection, logging, first log line."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from services.runtime.parent_process import end_with_parent

if TYPE_CHECKING:
    from services.runtime.connections import Connections


@contextmanager
def imports_without_gc() -> Iterator[None]:
    """Disable garbage collection during imports: module objects stay, and traversing them takes a tenth of the start."""
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
    """Around the imports of a process, which take a second; it is bound to its supervisor before."""
    end_with_parent(os.environ)
    with imports_without_gc():
        yield


def log_start(process: str, settings: SettingsT) -> SettingsT:
    """Configure logging by ``settings``, log that ``process`` began, and return the settings."""
    from services.telemetry import logs

    logs.configure(settings.log_format, settings.log_level)
    logs.log_start(process, settings.lines())
    return settings
