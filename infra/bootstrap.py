"""Sets up a working copy: checks this machine, makes .venv, installs the locked packages, fetches the broker.

Standard library only, and written so that an old Python gets a clear sentence instead of a syntax error.
Usage: python3 infra/bootstrap.py    (or: make setup). Run again it finds everything done and returns at once.
Exit codes: 0 ready, 1 a step failed (the text says which), 2 this machine or Python will not do.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".lianyun-setup"
LOCK = ROOT / "requirements.lock"
OLDEST, NEWEST = (3, 11), (3, 13)
# Measured on Linux x86_64; macOS is about the same.
PACKAGES_MB, JARS_MB, DISK_MB = 115, 45, 620


def say(text):
    """Write one line to standard error at once."""
    print(text, file=sys.stderr, flush=True)


def stop(code, problem, remedy):
    """End with one line that says what is wrong and one that says what to do."""
    say("error: " + problem)
    say("  To do: " + remedy)
    sys.exit(code)


def suitable(version):
    """Tell whether a (major, minor) version of Python is one that the locked packages are made for."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def check_python():
    """Go on with this Python, or start over with a suitable one from PATH, or stop with exit code 2."""
    if suitable(sys.version_info):
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and version_of(found) == (3, minor):
            os.execv(found, [found, str(Path(__file__).resolve())])
    stop(
        2,
        f"Lianyun needs Python 3.11, 3.12 or 3.13; this is {sys.version_info[0]}.{sys.version_info[1]}",
        "install one of them and run 'make setup', or name it: make setup PYTHON=/path/to/python3.12",
    )


def version_of(python):
    """Return (major, minor) of an interpreter, or None if it does not run."""
    try:
        out = subprocess.check_output([str(python), "-c", "import sys; print(*sys.version_info[:2])"])
        return tuple(int(part) for part in out.split())
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None


def check_machine():
    """Stop with exit code 2 on a platform that some locked package has no build for."""
    if sys.platform not in ("linux", "darwin"):
        stop(
            2,
            "Lianyun runs on Linux and macOS; this is " + sys.platform,
            "on Windows use WSL 2 (Ubuntu) and run it there",
        )
    machine = platform.machine().lower()
    if machine not in ("x86_64", "amd64", "aarch64", "arm64"):
        stop(
            2, "there are no builds of Java and PostgreSQL for " + machine, "use a 64-bit x86 or ARM machine"
        )
    if sys.platform == "linux" and platform.libc_ver()[0] != "glibc":
        stop(
            2, "this Linux has no glibc (Alpine?)", "use a Debian, Ubuntu, Fedora or similar system or image"
        )
    free = shutil.disk_usage(ROOT).free // 1000000
    if free < DISK_MB and not STAMP.exists():
        stop(2, f"{free} MB free on this disk, about {DISK_MB} are needed", "make room")
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        stop(
            2,
            f"this Python ({sys.executable}) cannot make virtual environments: venv or ensurepip is missing",
            "on Debian or Ubuntu: apt install python3-venv; or use another Python: make setup PYTHON=/path/to/python3",
        )


def fingerprint():
    """Return a digest of everything that decides what is installed."""
    digest = hashlib.sha256()
    for name in ("requirements.lock", "pyproject.toml", "infra/bootstrap.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def stamped():
    """Return the digest that the last complete setup left, or an empty string."""
    try:
        return STAMP.read_text().strip()
    except OSError:
        return ""


def make_venv():
    """Make .venv, or keep the one that is there if its Python runs and suits."""
    if VENV.exists():
        version = version_of(VENV_PYTHON)
        if version and suitable(version):
            return
        say("The old .venv does not run (its Python is gone or too old): making a new one")
        shutil.rmtree(VENV)
    say(f"[1/3] Making .venv with Python {sys.version_info[0]}.{sys.version_info[1]}")
    if subprocess.call([sys.executable, "-m", "venv", str(VENV)]) != 0:
        stop(
            1,
            "making .venv failed (see above)",
            "check that the folder is writable; rm -rf .venv and try again",
        )


def install_packages():
    """Install the locked packages with one line of progress each, then the project itself."""
    total = len(re.findall(r"^[a-z0-9][^ =]*==", LOCK.read_text(), re.MULTILINE | re.IGNORECASE))
    say(f"[2/3] Installing {total} packages, each checked against its hash")
    pip = [
        str(VENV_PYTHON),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        "install",
        "--progress-bar",
        "off",
    ]
    follow([*pip, "--require-hashes", "-r", str(LOCK)], total)
    follow([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], 0)


def follow(command, total):
    """Run pip, turn its output into short lines, and show the end of it should it fail."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True
    )
    lines, seen, megabytes = [], 0, 0.0
    for line in process.stdout:
        lines.append(line.rstrip())
        if re.match(r"(Collecting|Requirement already satisfied:?) ", line):
            seen += 1
        size = re.search(r"Downloading (\S+?)-\d\S* \(([\d.]+) (kB|MB)\)", line)
        if size:
            amount = float(size.group(2)) / (1000 if size.group(3) == "kB" else 1)
            megabytes += amount
            if amount >= 1:
                say(f"  {seen:>3}/{total}  {size.group(1):<24} {amount:5.1f} MB  ({megabytes:.0f} MB so far)")
        if total and line.startswith("Installing collected packages"):
            say(f"  unpacking {total} packages (about 10 s, longer on a slow disk)")
    if process.wait() != 0:
        say("\n".join("  | " + line for line in lines[-15:]))
        stop(
            1,
            "pip could not install the packages",
            "check the network; behind a proxy set HTTPS_PROXY, with a mirror set PIP_INDEX_URL; then run 'make setup' again",
        )


def fetch_servers():
    """Fetch what the local stack needs beyond the packages."""
    if subprocess.call([str(VENV_PYTHON), "-m", "services.testbed.localstack.downloads"], cwd=str(ROOT)) != 0:
        stop(
            1,
            "the broker or the database could not be prepared (see above)",
            "do what it says and run 'make setup' again",
        )


MOUNTED = (
    "infra/alertmanager",
    "infra/grafana",
    "infra/kafka",
    "infra/postgres",
    "infra/prometheus",
    "ops/alerts",
    "ops/dashboards",
)
"""Folders whose files containers read, each as a user of its own."""


def open_mounts(root):
    """Let everybody read what containers mount: a working copy made under umask 077 keeps it from them."""
    for folder in MOUNTED:
        for path in [root / folder, *sorted((root / folder).rglob("*"))]:
            mode = path.stat().st_mode
            wanted = mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444)
            if wanted != mode:
                path.chmod(wanted)


def make_settings(root):
    """Make the settings file of Compose from its example where there is none; it is the deployment's, not the release's."""
    settings = root / "infra" / ".env"
    if not settings.exists():
        settings.write_text((root / "infra" / "env.example").read_text())


def main():
    """Run all steps; the second time only the quick checks."""
    check_python()
    check_machine()
    began = time.time()
    wanted = fingerprint()
    fresh = stamped() != wanted or version_of(VENV_PYTHON) is None
    if fresh:
        say(
            f"Setting up Lianyun in .venv: about {PACKAGES_MB + JARS_MB} MB to download once, {DISK_MB} MB on disk; "
            "1 minute at 100 Mbit/s, 2 at 20 Mbit/s. No root, no Docker and no Java needed."
        )
        make_venv()
        install_packages()
        say("[3/3] Preparing the broker and the database")
    fetch_servers()
    open_mounts(ROOT)
    make_settings(ROOT)
    if fresh:
        STAMP.write_text(wanted + "\n")
        say(f"Ready after {time.time() - began:.0f} s. Next: make demo, make test, make help")


if __name__ == "__main__":
    main()
