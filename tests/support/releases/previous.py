"""The release that is deployed already, as its commit has it, the one that comes, and processes of both."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.ledger.storage.migration import released
from services.monitoring.artefacts import ROOT


def previous_release(folder: Path, commit: str | None = None) -> Path:
    """The code of the release before, or of ``commit``, in ``folder``; skips, aloud, where this copy of the repository has no history."""
    commit = commit or released().commit
    archive = _git("archive", commit, "services", "schemas", "infra/kafka")
    if archive is None and _git("fetch", "--depth=1", "origin", commit) is not None:
        archive = _git("archive", commit, "services", "schemas", "infra/kafka")
    if archive is None:
        pytest.skip(f"NOT RUN: commit {commit} of the release before is not in this copy of the repository")
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    asked = [
        sys.executable,
        "-P",
        "-c",
        "import services; print(services.__file__)",
    ]
    found = subprocess.run(
        asked, env=environment(str(folder), {}), capture_output=True, text=True, check=True
    ).stdout
    assert Path(found.strip()).is_relative_to(folder), "the processes would be of this release"
    return folder


NEXT_FORMAT = "of the next release"
"""What makes all versions of code others in it."""


def next_release(folder: Path) -> str:
    """The module path of a release that is this working copy with other rules of the fold, made in ``folder``."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        f"from services.runtime import code_digest\n\ncode_digest.FORMAT = {NEXT_FORMAT!r}\n"
    )
    return os.pathsep.join((str(folder), str(ROOT)))


def command(module: str, *arguments: str) -> tuple[str, ...]:
    """What runs ``module`` of whichever release the environment names, never the one of the working folder."""
    return (sys.executable, "-P", "-m", module, *arguments)


def environment(release: str, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process of the ``release`` on that module path, with the settings ``given``."""
    return {**os.environ, "PYTHONPATH": release, **given}


def _git(*arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, timeout=120, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
