"""A headless Chromium that makes one picture of one page and ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from services.monitoring.dashboards.preview.bundle import NotDrawn

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# Nothing but the page is asked for: no updates, no lists, no first steps.
_QUIET = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-default-browser-check"),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-extensions",
    ),
    *("--hide-scrollbars", "--mute-audio", "--force-device-scale-factor=1", "--lang=en-GB"),
)
# The path of a socket has room for so many bytes (108 on Linux), and Chromium, which makes one in its folder, aborts where it has none.
_ROOM = 103
_SOCKET = len("/lianyun-preview-12345678/org.chromium.Chromium.123456/SingletonSocket")
# Of the page's own clock, which stands still while it waits for an answer.
_PATIENCE = "--virtual-time-budget=30000"


def chromium() -> str:
    """Where Chromium is. Raises NotDrawn."""
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    raise NotDrawn("Chromium is not on this machine", "apt-get install chromium")


def picture(url: str, target: Path, width: int, height: int, seconds: float = 120.0) -> None:
    """Write what ``url`` looks like to ``target`` (PNG). Blocks; whatever was started has ended then. Raises NotDrawn."""
    with tempfile.TemporaryDirectory(
        prefix="lianyun-preview-", dir=_ground(), ignore_cleanup_errors=True
    ) as profile:
        command = [
            chromium(),
            *_QUIET,
            _PATIENCE,
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            f"--screenshot={target.absolute()}",
        ]
        if os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium's sandbox refuses root
        process = subprocess.Popen(
            [*command, url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "HOME": profile, "TMPDIR": profile},
        )
        try:
            _, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise NotDrawn(
                f"Chromium did not finish in {seconds:.0f} s", "try again, or a shorter --from"
            ) from None
        finally:
            # Its children are in a session of their own and of nobody else.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0 or not target.is_file():
        tail = said.decode(errors="replace").strip()[-600:]
        raise NotDrawn(f"Chromium failed with exit code {process.returncode}:\n{tail}", "chromium --version")


def _ground() -> str:
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) + _SOCKET <= _ROOM else "/tmp"
