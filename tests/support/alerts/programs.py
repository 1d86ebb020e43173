"""Prometheus and Alertmanager as processes on ports of their own, with the configuration in a test's folder."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from services.monitoring.artefacts import ROOT
from services.runtime.ports import free_port
from services.testbed.localstack.process import Guard, ServerProcess

_NO_TEMPLATES = "failed to parse templates"
PATIENCE = 400.0
"""Seconds until a state that a test waits for must be there, on the busiest machine."""


@contextmanager
def alertmanager(programs: Path, folder: Path, port: int = 0) -> Iterator[str]:
    """Run Alertmanager with ``alertmanager.yml`` in ``folder``; yields its address. The test is skipped where it cannot run."""
    address = f"127.0.0.1:{port or free_port()}"
    command = [
        str(programs / "prometheus-alertmanager"), f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}", f"--web.listen-address={address}", "--cluster.listen-address=",
    ]  # fmt: skip
    with _running("alertmanager", folder, address, command):
        yield f"http://{address}"


@contextmanager
def prometheus(programs: Path, folder: Path, port: int = 0) -> Iterator[str]:
    """Run Prometheus with ``prometheus.yml`` in ``folder``; yields its address, under which it serves the runbooks too."""
    address = f"127.0.0.1:{port or free_port()}"
    command = [
        str(programs / "prometheus"), f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}", f"--web.listen-address={address}",
        f"--web.external-url=http://{address}", f"--web.user-assets={ROOT / 'ops' / 'runbooks'}",
    ]  # fmt: skip
    with _running("prometheus", folder, address, command):
        yield f"http://{address}"


@contextmanager
def _running(name: str, folder: Path, address: str, command: list[str]) -> Iterator[None]:
    guard = Guard()
    process = ServerProcess(name, folder / f"{name}.log", guard)
    process.start(command, {"PATH": "/usr/bin:/bin"}, folder)
    try:
        ready = f"http://{address}/-/ready"
        until(lambda: answers(ready) or _NO_TEMPLATES in process.log_tail(), f"{name} is not ready")
        if _NO_TEMPLATES in process.log_tail():
            pytest.skip(
                "NOT RUN: Debian's Alertmanager reads its templates under /usr/share: install its package"
            )
        yield
    finally:
        process.end(15)
        guard.release()


def answers(url: str) -> bool:
    """Whether ``url`` answers with status 200 now."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def until(done: Callable[[], Any], what: str | Callable[[], str]) -> None:
    """Return when ``done``; fails with ``what`` after PATIENCE."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, what if isinstance(what, str) else what()
        time.sleep(0.1)
