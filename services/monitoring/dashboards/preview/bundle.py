"""The page of the preview, built once from its source: Grafana's components from the npm registry, bundled by esbuild."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[4] / "ops" / "preview"
MEGABYTES = 440
_PARTS = ("package-lock.json", "build.js", "src/**/*.*")


class NotDrawn(Exception):
    """The page could not be built or drawn; ``suggestion`` says what to do."""

    def __init__(self, problem: str, suggestion: str) -> None:
        super().__init__(problem)
        self.suggestion = suggestion


def built_page(say: Callable[[str], None], source: Path = SOURCE) -> Path:
    """The folder of the page, built anew where its source has changed; blocks for a minute or so then. Raises NotDrawn.

    What is fetched is said beforehand. Everything stays below ``source``, and no package's own script is run.
    """
    if not (source / "package-lock.json").is_file():
        raise NotDrawn(
            f"the page's source is not in {source}", "run it from a checkout, where ops/preview is"
        )
    page, mark = source / "dist", source / "dist" / "built-from"
    digest = _digest(source)
    if mark.is_file() and mark.read_text(encoding="utf-8") == digest:
        return page
    for name, package in (("node", "nodejs"), ("npm", "npm")):
        if shutil.which(name) is None:
            raise NotDrawn(f"{name} is not on this machine", f"apt-get install {package} (20 or later)")
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
        raise NotDrawn(f"{command[0]} could not be run: {problem}", suggestion) from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-1_000:]
        raise NotDrawn(f"{' '.join(command)} failed:\n{said}", suggestion)
