"""A fork of the launcher behaves as the process that it stands for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.launcher import ROOT, Launcher, lianyun

PROGRAM = """
import atexit, os, sys, threading, time
atexit.register(print, "at the end")
threading.Thread(target=lambda: (time.sleep(0.05), print("thread"))).start()
print(sys.argv[1:], os.getcwd(), os.environ["WORD"], "x" if "OTHER" in os.environ else "-")
print(repr(sys.stdin.read()), sys.stdout.isatty(), file=sys.stderr)
if sys.argv[1] == "raise":
    raise ValueError("broken")
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize("argument", ["0", "7", "raise"])
def test_environment_folder_output_and_code_are_its_own(tmp_path: Path, argument: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    own = Launcher("json")
    env = {"WORD": "w", "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    real = subprocess.run(
        [sys.executable, "-m", "program", argument, "b c"],
        env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    forked = own.run("program", [argument, "b c"], env=env, cwd=tmp_path, timeout=60)
    own.close()
    assert forked.returncode == real.returncode
    assert forked.stdout == real.stdout
    assert forked.stderr.splitlines()[-1] == real.stderr.splitlines()[-1]


def test_a_run_leaves_no_size_of_a_terminal_by_which_no_command_would_be_forked() -> None:
    assert "COLUMNS" not in os.environ


def test_what_takes_too_long_is_killed(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text("import time; print('here', flush=True); time.sleep(600)")
    own = Launcher("json")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with pytest.raises(subprocess.TimeoutExpired):
        own.run("sleeper", [], env=env, cwd=tmp_path, timeout=1)
    (tmp_path / "next.py").write_text("print('goes on')")
    assert own.run("next", [], env=env, cwd=tmp_path, timeout=60).stdout == "goes on\n"
    own.close()


def test_the_command_says_the_same_as_a_process(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    for words in (["publish", "--help"], ["party", "list"]):
        real = subprocess.run(
            [sys.executable, "-m", "services.cli", *words],
            env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        forked = lianyun(*words, env=env, cwd=tmp_path)
        assert (forked.returncode, forked.stdout, forked.stderr) == (
            real.returncode,
            real.stdout,
            real.stderr,
        )
