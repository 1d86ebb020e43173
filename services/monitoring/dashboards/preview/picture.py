"""Renders a dashboard to a PNG: the page bundle, headless Chromium, and a report of its panels."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.monitoring.dashboards.preview.board_data import BoardData
from services.monitoring.dashboards.preview.server import PageServer

SOURCE = Path(__file__).resolve().parents[4] / "ops" / "preview"
MEGABYTES = 440
_PARTS = ("package-lock.json", "build.js", "src/**/*.*")


class RenderingError(Exception):
    """The page could not be built or rendered; ``suggestion`` says what to do."""

    def __init__(self, problem: str, suggestion: str) -> None:
        super().__init__(problem)
        self.suggestion = suggestion


def built_page(say: Callable[[str], None], source: Path = SOURCE) -> Path:
    """The folder of the page, rebuilt where its source has changed (about a minute); blocks. Raises RenderingError.

    ``say`` is called before anything is downloaded. Everything stays below ``source``, and no package's install script is run.
    """
    if not (source / "package-lock.json").is_file():
        raise RenderingError(
            f"the page's source is not in {source}", "run it from a checkout, where ops/preview is"
        )
    page, mark = source / "dist", source / "dist" / "built-from"
    digest = _digest(source)
    if mark.is_file() and mark.read_text(encoding="utf-8") == digest:
        return page
    for name, package in (("node", "nodejs"), ("npm", "npm")):
        if shutil.which(name) is None:
            raise RenderingError(f"{name} is not on this machine", f"apt-get install {package} (20 or later)")
    packages = source / "node_modules" / ".package-lock.json"
    if not packages.is_file() or packages.stat().st_mtime < (source / "package-lock.json").stat().st_mtime:
        say(f"fetching Grafana's components by npm, once: about {MEGABYTES} MB in {source / 'node_modules'}")
        _run(
            ["npm", "ci", "--no-audit", "--no-fund"], source, "see whether npm reaches its registry: npm ping"
        )
    say("building the page ...")
    _run(["npm", "run", "--silent", "build"], source, f"remove {source / 'node_modules'} and try again")
    mark.write_text(digest, encoding="utf-8")
    return page


def _digest(source: Path) -> str:
    digest = hashlib.sha256()
    for pattern in _PARTS:
        for path in sorted(source.glob(pattern)):
            digest.update(f"{path.relative_to(source)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _run(command: list[str], folder: Path, suggestion: str) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise RenderingError(f"{command[0]} could not be run: {problem}", suggestion) from None
    if done.returncode != 0:
        text = (done.stderr.strip() or done.stdout.strip())[-1_000:]
        raise RenderingError(f"{' '.join(command)} failed:\n{text}", suggestion)


NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# No requests other than those of the page.
_BROWSER_OPTIONS = (
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
_VIRTUAL_TIME_BUDGET = "--virtual-time-budget=30000"


def chromium() -> str:
    """The path of Chromium. Raises RenderingError."""
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    raise RenderingError("Chromium is not on this machine", "apt-get install chromium")


def picture(url: str, target: Path, width: int, height: int, seconds: float = 120.0) -> None:
    """Write a screenshot of ``url`` to ``target`` (PNG). Blocks; all child processes have ended on return. Raises RenderingError."""
    with tempfile.TemporaryDirectory(
        prefix="lianyun-preview-", dir=_profile_parent(), ignore_cleanup_errors=True
    ) as profile:
        command = [
            chromium(),
            *_BROWSER_OPTIONS,
            _VIRTUAL_TIME_BUDGET,
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
            _, text = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise RenderingError(
                f"Chromium did not finish in {seconds:.0f} s", "try again, or a shorter --from"
            ) from None
        finally:
            # The session contains the browser and its children only.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0 or not target.is_file():
        tail = text.decode(errors="replace").strip()[-600:]
        raise RenderingError(
            f"Chromium failed with exit code {process.returncode}:\n{tail}", "chromium --version"
        )


def _profile_parent() -> str:
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) + _SOCKET <= _ROOM else "/tmp"


HEAD = 64


@dataclass(frozen=True, slots=True)
class PanelReport:
    """What a panel showed: fields and rows, or errors."""

    panel: str
    type: str
    fields: int
    rows: int
    errors: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether its queries returned nothing."""
        return not self.errors and self.rows == 0 and self.type not in ("row", "text")


def render(
    board_data: BoardData, page: Path, target: Path, width: int, height: int | None = None
) -> list[PanelReport]:
    """Write the dashboard of ``board_data`` to ``target`` (PNG), of the height of its panels or ``height``; the report of each panel.

    Blocks for some seconds. Raises RenderingError.
    """
    target.unlink(missing_ok=True)
    with PageServer(page, board_data) as server:
        picture(server.url, target, width, height or board_data.board.height() + HEAD)
        if not server.report.drawn.is_set():
            raise RenderingError(
                f"the page of {board_data.board.name} did not come to its end; {target} shows how far it came",
                "open the picture; if it is empty, remove ops/preview/dist and try again",
            )
        shown = [
            PanelReport(each["title"], each["type"], each["fields"], each["rows"], tuple(each["errors"]))
            for each in server.report.panels
        ]
        return shown + [PanelReport("(annotations)", "row", 0, 0, (each,)) for each in server.report.errors]
