"""The folder of secrets: closed to others as a whole, readable file by file where a container mounts it."""

from __future__ import annotations

import datetime
import os
import stat
from pathlib import Path

from services.runtime.credentials import folder as keeping

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def test_containers_can_read_what_they_mount_whatever_the_umask(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    before = os.umask(0o077)
    try:
        keeping.make(folder, ("worker", "ktz"), (), NOW)
    finally:
        os.umask(before)
    modes = {str(p.relative_to(folder)): stat.S_IMODE(p.stat().st_mode) for p in folder.rglob("*")}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes.pop("ca.key") == 0o600
    assert {
        name: mode
        for name, mode in modes.items()
        if mode & 0o055 != (0o055 if (folder / name).is_dir() else 0o044)
    } == {}
