"""The list of commands is true, and what one command needs does not slow down another."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from services.cli.commands import COMMANDS
from services.cli.main import app

SLOW = {"faust", "mode", "aiokafka", "kafka", "aiohttp", "psycopg", "pydantic", "nacl", "cryptography", "jgo"}
"""Packages that cost more time to import than the whole command line has."""


def imported(program: str) -> set[str]:
    """The modules that a fresh interpreter has imported after ``program``."""
    told = "import json, sys; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{told}"], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


HELP = """
import sys
from services.cli.main import app
try:
    app(["--help"])
except SystemExit as ended:
    assert ended.code == 0
"""


@pytest.mark.parametrize("program", ["import services.cli.main", HELP], ids=["import", "help"])
def test_the_command_line_imports_nothing_of_what_its_commands_need(program: str) -> None:
    modules = imported(program)
    assert not packages(modules) & SLOW
    own = {module for module in modules if module.startswith(("services.", "schemas"))}
    assert own == {
        "services.cli",
        "services.runtime",
        "services.runtime.parent_process",
        "services.runtime.process",
        *(f"services.cli.{name}" for name in ("main", "commands", "exits", "output")),
    }


def test_tracking_a_consignment_imports_no_kafka() -> None:
    modules = imported("import services.cli.track")
    assert not packages(modules) & {
        "faust",
        "mode",
        "aiokafka",
        "kafka",
        "aiohttp",
        "jgo",
        "openpyxl",
        "lxml",
    }
    assert "services.query.views" in modules


@pytest.mark.parametrize("name", COMMANDS)
def test_what_the_list_says_of_a_command_is_what_the_command_says(name: str) -> None:
    command = COMMANDS[name].load(name)
    assert command.name == name
    assert COMMANDS[name].help == command.help.splitlines()[0]


def test_the_list_names_every_command_and_a_mistyped_one_is_put_right() -> None:
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    assert all(f" {name} " in shown.stdout for name in COMMANDS)
    wrong = CliRunner().invoke(app, ["trak"])
    assert wrong.exit_code == 2
    assert "Did you mean 'track'?" in wrong.output


@pytest.mark.parametrize("arguments", [["track", "--help"], ["db", "retain", "--help"], ["key", "--help"]])
def test_a_command_runs_when_it_is_asked_for(arguments: list[str]) -> None:
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    assert f"lianyun {' '.join(arguments[:-1])}" in shown.stdout
