"""Where Prometheus, promtool, Alertmanager and amtool come from: an installation, or Debian's packages taken apart.

Nothing is installed and no right is needed: the packages are fetched by apt's own client into the cache folder, with lists
of its own where the system has none, and only unpacked. They serve checks of rules and tests, not a deployment.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from services.testbed.localstack.home import cache_home, say
from services.testbed.localstack.process import StackError

PROGRAMS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
_PACKAGES = ("prometheus", "prometheus-alertmanager")
_WHAT_TO_DO = (
    "install Debian's packages prometheus and prometheus-alertmanager, or set LIANYUN_PROMETHEUS_BIN to a folder with "
    + ", ".join(PROGRAMS)
)


def watching_programs() -> Path:
    """Return the folder with ``PROGRAMS``: ``LIANYUN_PROMETHEUS_BIN`` if set, else the system's, else unpacked packages.

    The last are fetched once (30 MB) where apt's client is there. Raises StackError.
    """
    chosen = os.environ.get("LIANYUN_PROMETHEUS_BIN")
    if chosen:
        folder = Path(chosen).expanduser()
        if not _complete(folder):
            raise StackError(f"not all of {', '.join(PROGRAMS)} are in {folder}", _WHAT_TO_DO)
        return folder
    installed = shutil.which("promtool")
    if installed and _complete(Path(installed).parent):
        return Path(installed).parent
    unpacked = cache_home() / "watching" / "usr" / "bin"
    if not _complete(unpacked):
        _fetch(cache_home() / "watching")
    return unpacked


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in PROGRAMS)


def _fetch(target: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise StackError("promtool is not on this machine, and no apt-get to fetch it", _WHAT_TO_DO)
    say(f"Fetching Debian's packages of Prometheus (30 MB, once) to {target}; nothing is installed")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="watching-", dir=target.parent) as scratch:
            root = Path(scratch) / "root"
            for package in _downloaded(Path(scratch)):
                _run(["dpkg-deb", "-x", str(package), str(root)], Path(scratch))
            if not _complete(root / "usr" / "bin"):
                raise StackError("Debian's packages do not hold what they used to", _WHAT_TO_DO)
            with contextlib.suppress(OSError):  # another run was first
                root.rename(target)
    except OSError as problem:
        raise StackError(f"{target} cannot be written: {problem}", _WHAT_TO_DO) from problem


def _downloaded(folder: Path) -> list[Path]:
    """The packages by the system's own lists, else by fresh ones in ``folder``."""
    download = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *_PACKAGES]
    try:
        _run(download, folder)
    except StackError:
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        own = ["-o", f"Dir::State::Lists={folder / 'lists'}", "-o", f"Dir::Cache={folder / 'cache'}"]
        _run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", *own, "update"], folder)
        _run([*download[:1], *own, *download[1:]], folder)
    return sorted(folder.glob("*.deb"))


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise StackError(f"{command[0]} could not be run: {problem}", _WHAT_TO_DO) from problem
    if done.returncode != 0:
        raise StackError(f"{command[0]} failed: {done.stderr.strip()[-500:]}", _WHAT_TO_DO)
