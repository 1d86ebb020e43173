"""The page for partners as somebody follows it: every command works in its order, and prints what the page shows."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.testbed.localstack.platform import Platform
from tests.support.terminal.user import User, departed

pytestmark = [pytest.mark.long, pytest.mark.integration]

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "guides" / "partners.md").read_text(encoding="utf-8")
LISTS = ROOT / "tests" / "data" / "sheets"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def steps() -> Iterator[tuple[str, str, list[str]]]:
    """What the page has one do: ("run", command, what it prints) or ("write", lines of the profile, [])."""
    for language, block in BLOCK.findall(PAGE):
        if language == "toml":
            yield "write", block, []
            continue
        for command, _, printed in (part.partition("\n") for part in block.split("$ ")[1:]):
            yield "run", command, [line for line in printed.splitlines() if line.strip() not in ("", "...")]


def words(line: str) -> str:
    return " ".join(line.split())


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    shutil.copy(LISTS / "02_departure_list_zh.xlsx", tmp_path / "departures.xlsx")
    (tmp_path / "outbox").mkdir()
    with Platform(workers=1) as platform:
        user = User(tmp_path, platform.worker_environment())
        user.write("departures.jsonl", departed("d-1", "2025-09-12T07:55:00+08:00", "railnet:xian-intl-port"))
        yield user


def watched(user: User, command: list[str]) -> str:
    """What a watch prints that is stopped once it has taken a file."""
    shutil.copy(user.folder / "departures.xlsx", user.folder / "outbox")
    environment = {**os.environ, **user.environment, "PYTHONPATH": str(Path.cwd())}
    watch = subprocess.Popen(
        [sys.executable, "-m", "services.cli", *command, "--settle", "0.1"],
        cwd=user.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        user.until(lambda: (user.folder / "outbox" / "done" / "departures.xlsx").exists())
    finally:
        watch.send_signal(signal.SIGINT)
        out, _ = watch.communicate(timeout=120)
    assert watch.returncode == 0, out
    return out


def test_each_step_works_in_its_order_and_prints_what_is_shown(user: User) -> None:
    done = 0
    for kind, text, shown in steps():
        if kind == "write":
            profile = user.folder / ".lianyun" / "partners" / "xianport.toml"
            profile.write_text(f"{profile.read_text()}\n{text}")
            continue
        called, _, target = text.partition(" # ")[0].partition(" > ")
        program, *command = shlex.split(called)
        if program == "python":
            continue  # the examples have tests of their own
        out = watched(user, command) if "--watch" in command else user.run(*command)
        if target:
            (user.folder / target.strip()).write_text(out)
        printed = [words(line) for line in out.splitlines()]
        missing = [line for line in shown if not any(each.startswith(words(line)) for each in printed)]
        assert not missing, f"{text}\n{out}"
        done += 1
    assert done == 10
    user.until(lambda: user.json("dlq", "list", "--publisher", "xianport")["letters"] == [])
