"""`lianyun dashboards preview` as an operator runs it, where npm's packages and Chromium are; elsewhere it says what is missing."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.monitoring.dashboards.preview.picture import NAMES, SOURCE, picture
from services.testbed.localstack.engine import DatabaseAddress

pytestmark = pytest.mark.integration
SMALL = Path(__file__).resolve().parents[2] / "data" / "preview"


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for temporary files whose name leaves room for that of a socket."""
    with tempfile.TemporaryDirectory(prefix="lianyun-") as folder:
        yield Path(folder)


def preview(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.cli", "dashboards", "preview", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=300, check=False
    )


def test_a_small_dashboard_is_drawn_whole_and_nothing_is_left_running(
    postgres: DatabaseAddress, tmp_path: Path, short: Path, request: pytest.FixtureRequest
) -> None:
    _needs_chromium()
    if not (SOURCE / "node_modules").is_dir():
        pytest.skip("NOT RUN: npm's packages are not here (once: lianyun dashboards preview)")
    prometheus = request.getfixturevalue("prometheus")
    done = preview(
        *("small", "--folder", str(SMALL), "--out", str(tmp_path / "out")),
        *("--prometheus", prometheus, "--database", postgres.dsn, "--width", "1200"),
        TMPDIR=str(short),
    )
    assert done.returncode == 0, done.stderr
    assert "5 panels with data" in done.stdout
    assert "nothing" not in done.stdout
    drawn = (tmp_path / "out" / "small.png").read_bytes()
    assert drawn.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", drawn[16:24])
    assert (width, height) == (1_200, 17 * 38 + 64)
    assert len(drawn) > 30_000, "an empty page has 5 kB"
    assert not [pid for pid, line in _running() if str(tmp_path) in line or str(short) in line]
    assert not list(short.iterdir())


def test_a_long_name_of_the_folder_for_temporary_files_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chromium aborts where the path of its socket is longer than a socket's may be."""
    _needs_chromium()
    long = tmp_path / ("long" * 20)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.setenv("TMPDIR", str(long))
    picture("data:text/html,<h1>here</h1>", tmp_path / "here.png", 300, 200)
    assert (tmp_path / "here.png").read_bytes().startswith(b"\x89PNG")


def _needs_chromium() -> None:
    if not any(map(shutil.which, NAMES)):
        pytest.skip("NOT RUN: Chromium (Debian's package chromium) is not on this machine")


def _running() -> list[tuple[str, str]]:
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append((each.parent.name, each.read_bytes().replace(b"\0", b" ").decode(errors="replace")))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nothing",), 5, "there is no dashboard 'nothing'; there are small"),
        (("small", "--from", "yesterday"), 2, "'yesterday' is neither like now-6h nor a date"),
        (("small", "--var", "job"), 2, "--var 'job' is not NAME=VALUE"),
        (("small", "--out", "/proc/nowhere"), 1, "give --out a folder that can be written"),
    ],
)
def test_what_cannot_be_drawn_is_told_before_anything_is_started(
    arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = preview(*arguments, "--folder", str(SMALL), LIANYUN_DSN="postgresql://127.0.0.1:9/none")
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert said in done.stderr
