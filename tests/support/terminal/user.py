"""Somebody at a terminal, and the records that they publish."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.launcher import lianyun

BOX, OTHER = "CSQU3054383", "LYSU1000022"


@dataclass(frozen=True)
class User:
    """Somebody at a terminal: runs `lianyun` in a folder with the platform's addresses."""

    folder: Path
    environment: dict[str, str]

    def run(self, *arguments: str, code: int = 0) -> str:
        exit_code, out, err = self.tried(*arguments)
        assert exit_code == code, f"{arguments}: {exit_code}\n{out}\n{err}"
        return out if code in (0, 1, 3) else out + err

    def tried(self, *arguments: str) -> tuple[int, str, str]:
        """The exit code, the output and the errors of a command, whatever came of it."""
        done = lianyun(*arguments, env={**os.environ, **self.environment}, cwd=self.folder)
        return done.returncode, done.stdout, done.stderr

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*arguments, "--json", code=code))
        return found

    def until(self, look: Callable[[], bool], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not look():
            assert time.monotonic() < end, "it did not become visible in time"
            time.sleep(0.5)

    def write(self, name: str, *records: dict[str, Any]) -> str:
        path = self.folder / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return str(path)


def subprocess_safe(user: User, *arguments: str) -> str:
    """What a command prints, or "" while it finds nothing yet."""
    try:
        return user.run(*arguments)
    except AssertionError:
        return ""


def opened() -> dict[str, Any]:
    return {
        "id": "open-1",
        "type": "cre.link.consignment_opened.v1",
        "time": "2025-09-01T09:00:00+08:00",
        "data": {
            "reference": "XA-1",
            "from": "2025-09-01T09:00:00+08:00",
            "containers": [BOX],
            "parties": [{"party": "cr", "role": "railway"}],
        },
    }


def departed(identity: str, at: str, place: str, box: str = BOX) -> dict[str, Any]:
    return {
        "id": identity,
        "type": "cre.movement.departed.v1",
        "time": at,
        "data": {
            "classifier": "ACT",
            "happened": at,
            "place": place,
            "objects": [{"kind": "container", "id": box}],
        },
    }
