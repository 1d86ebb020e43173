"""The machine: interpreter, packages, disk, time zones and ports."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo

from packaging.version import Version

from services.cli.checks.check import Check, judged, shortened
from services.runtime import ports

PACKAGES = ("faust-streaming", "aiokafka", "kafka-python", "psycopg", "PyNaCl")
LOCK = Path(__file__).resolve().parents[3] / "requirements.lock"
LEAST_DISK = 2 << 30
OLDEST_ZONES = 3
"""Years after which a table of time zones is too old."""
GIB = 1 << 30


def look(environment: Mapping[str, str] = os.environ) -> Iterator[Check]:
    """Check this machine."""
    yield interpreter(platform.python_version())
    yield from map(package, PACKAGES)
    yield locked(LOCK)
    yield disk(Path.cwd())
    yield time_zones()
    yield zone_data(zone_version(), datetime.now(UTC).year)
    yield free_ports(ports.free_port)
    if environment.get("LIANYUN_METRICS_PORT", "0") != "0":
        yield metrics_port(environment["LIANYUN_METRICS_PORT"])


def interpreter(version: str) -> Check:
    """The Python that runs this."""
    good = (3, 11) <= tuple(int(part) for part in version.split(".")[:2]) <= (3, 13)
    return judged("python", good, version, "make clean; make setup PYTHON=python3.13 (3.11 to 3.13)")


def package(name: str) -> Check:
    """One package whose absence or version shows only when it is used."""
    try:
        return Check(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, False, "not installed", "make setup")


def locked(lock: Path) -> Check:
    """Whether the packages are those that the tests ran with."""
    try:
        pins = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return Check("packages", True, "no list of versions here")
    there = {name: _version(name) for name, _ in pins}
    other = [
        f"{name} {version} instead of {pin}"
        for name, pin in pins
        if (version := there[name]) is not None and Version(version) != Version(pin)
    ]
    found = (
        f"{len(other)} of other versions: {shortened(other)}" if other else f"{len(pins)} versions as locked"
    )
    return judged("packages", not other, found, "make setup")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def disk(folder: Path) -> Check:
    """Room for logs, spools and the data of a platform in this folder."""
    free = shutil.disk_usage(folder).free
    return judged(
        "disk here", free > LEAST_DISK, f"{free / GIB:.1f} GiB free", f"free some disk: du -xh {folder}"
    )


def time_zones() -> Check:
    """Kazakhstan has one zone since 2024: older tables shift every local time of its railway by an hour."""
    offset = datetime(2026, 1, 1, tzinfo=UTC).astimezone(ZoneInfo("Asia/Almaty")).utcoffset()
    fresh = offset is not None and offset.total_seconds() == 5 * 3_600
    return judged("time zones", fresh, f"Kazakhstan is UTC+{offset}", "pip install --upgrade tzdata")


def zone_version() -> str:
    """The version of the time zone database in use, such as 2026b; "" where it does not state one."""
    for folder in map(Path, TZPATH):
        if (folder / "Asia" / "Almaty").exists():  # the first folder that has a zone is the one that is read
            for name in ("tzdata.zi", "+VERSION"):
                with contextlib.suppress(OSError), (folder / name).open(encoding="utf-8") as file:
                    return file.readline().removeprefix("# version").strip()
            return ""
    return str(getattr(importlib.import_module("tzdata"), "IANA_VERSION", ""))


def zone_data(version: str, year: int) -> Check:
    """Whether the table of time zones is younger than three years in ``year``."""
    first = re.match(r"\d{4}", version)
    if first is None:
        return Check("zone data", True, "its version is not told")
    fresh = year - int(first[0]) < OLDEST_ZONES
    return judged(
        "zone data", fresh, version, "update the system's tzdata (apt-get install --only-upgrade tzdata)"
    )


def free_ports(find: Callable[[], int]) -> Check:
    """Whether a server started here would find a port."""
    try:
        find()
    except OSError as taken:
        return Check("ports", False, str(taken), "see who listens: ss -ltnp")
    return Check("ports", True, "free ones on loopback")


def metrics_port(text: str) -> Check:
    """The port for metrics is free, or held by a process of ours."""
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        return Check(
            "metrics port", False, f"LIANYUN_METRICS_PORT={text!r}", "set it to a port number, or unset it"
        )
    port = int(text)
    if not ports.listening(port):
        return Check("metrics port", True, f"{port} is free")
    try:
        with urllib.request.urlopen(f"http://{ports.LOOPBACK}:{port}/health/live", timeout=2) as answer:
            ours = "ok" in json.load(answer)
    except (OSError, ValueError):
        ours = False
    found = f"{port} is served by {'a process of ours' if ours else 'somebody else'}"
    return judged(
        "metrics port",
        ours,
        found,
        f"set LIANYUN_METRICS_PORT to a free one; who has it: ss -ltnp sport = :{port}",
    )
