"""What the preview needs and a machine has not is named with the package that brings it."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.monitoring.dashboards.preview.picture import SOURCE, RenderingError, built_page, chromium


def test_without_chromium(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RenderingError, match="Chromium is not on this machine") as missing:
        chromium()
    assert missing.value.suggestion == "apt-get install chromium"


@pytest.mark.parametrize(("there", "missing", "package"), [((), "node", "nodejs"), (("node",), "npm", "npm")])
def test_without_what_builds_the_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: tuple[str, ...], missing: str, package: str
) -> None:
    (tmp_path / "package-lock.json").write_text("{}")
    for name in there:
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RenderingError, match=f"{missing} is not on this machine") as found:
        built_page(print, tmp_path)
    assert f"apt-get install {package}" in found.value.suggestion


def test_what_is_fetched_is_said_beforehand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "package-lock.json").write_text("{}")
    for name, ends in (("node", 0), ("npm", 1)):
        (tmp_path / name).write_text(f"#!/bin/sh\necho no registry here >&2\nexit {ends}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RenderingError, match="no registry here"):
        built_page(print, tmp_path)
    assert "about 440 MB" in capsys.readouterr().out


def test_outside_of_a_checkout(tmp_path: Path) -> None:
    with pytest.raises(RenderingError, match="source is not in") as found:
        built_page(print, tmp_path)
    assert "checkout" in found.value.suggestion


def test_the_lock_names_no_host_and_nothing_under_a_licence_that_binds_the_whole() -> None:
    lock = (SOURCE / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert "GPL" not in lock
