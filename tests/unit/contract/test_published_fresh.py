"""schemas/published/ is what the models say today; `make schemas` brings it there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from schemas.publishing.__main__ import main
from schemas.publishing.render import PUBLISHED, render, stale, write


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return render()


def test_published_is_fresh(files: dict[str, bytes]) -> None:
    assert stale(files) == [], "stale: run `make schemas`"


def test_rendering_twice_gives_the_same_bytes(files: dict[str, bytes]) -> None:
    assert render() == files


@pytest.mark.parametrize("damage", ["changed", "missing", "left over"])
def test_staleness_is_seen_and_mended(files: dict[str, bytes], tmp_path: Path, damage: str) -> None:
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    victim = "json-schema/cre.movement.departed.v1.json"
    if damage == "changed":
        (tmp_path / victim).write_bytes(files[victim].replace(b"64", b"65"))
    elif damage == "missing":
        (tmp_path / victim).unlink()
    else:
        victim = "json-schema/cre.movement.flown.v1.json"
        (tmp_path / victim).write_text("{}")
    assert stale(files, tmp_path) == [victim]
    assert write(files, tmp_path) == [victim]
    assert stale(files, tmp_path) == []


def test_files_written_by_hand_are_left_alone(files: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "signing.md").write_text("by hand")
    write(files, tmp_path)
    assert (tmp_path / "signing.md").read_text() == "by hand"
    shutil.rmtree(tmp_path / "examples")
    assert all(path.startswith("examples/") for path in stale(files, tmp_path))


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert main(["--chekc"]) == 2
    assert "usage" in capsys.readouterr().err
    assert PUBLISHED.is_dir()
