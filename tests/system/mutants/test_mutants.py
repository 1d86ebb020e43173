"""Every mutant is noticed: with it the tests named for it fail, without it the same tests pass."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from services.testbed.localstack.engine import DatabaseAddress
from tests.support.launcher import Launcher
from tests.system.mutants.build_in import VARIABLE
from tests.system.mutants.catalogue import MUTANTS, Mutant

pytestmark = [pytest.mark.integration, pytest.mark.long]
ROOT = Path(__file__).resolve().parents[3]
PYTEST = Launcher(
    "pytest", "hypothesis", "psycopg", "pydantic", "pydantic_settings", "nacl.signing", "yaml", "orjson", "kafka",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
)  # fmt: skip
"""Runs tests in forks of a process that knows what they need of others, and nothing of ours: a mutant comes before all of that."""
PASSED, FAILED = 0, 1
"""pytest's exit codes; anything else is a run that never got as far as judging."""


def run(
    suite: Iterable[str], database: DatabaseAddress, mutant: str = ""
) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        VARIABLE: mutant,
        "LIANYUN_DSN": database.dsn,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    arguments = [
        "-q",
        "--tb=line",
        "-p",
        "tests.system.mutants.build_in",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:schemathesis",  # no test of a mutant needs it, and it takes a third of the start
    ]
    return PYTEST.run("pytest", [*arguments, "-x", *suite], env=environment, cwd=ROOT, timeout=300)


@pytest.mark.parametrize("mutant", [pytest.param(each, id=each.name.replace(" ", "-")) for each in MUTANTS])
def test_mutant_is_caught(
    mutant: Mutant, postgres: DatabaseAddress, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(mutant.suite, postgres, mutant.name)
    assert done.returncode == FAILED, (
        f"{mutant.name} ({mutant.breaks}) goes unnoticed:\n{done.stdout}{done.stderr}"
    )
    noticed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert noticed, done.stdout
    with capsys.disabled():
        print(
            f"\nmutant caught: {mutant.name}: {mutant.breaks}\n  by {noticed[0].removeprefix('FAILED ')[:160]}"
        )


def test_without_a_mutant_the_same_tests_pass(postgres: DatabaseAddress) -> None:
    suites = dict.fromkeys(test for mutant in MUTANTS for test in mutant.suite)
    done = run(suites, postgres)
    assert done.returncode == PASSED, done.stdout


def test_there_are_ten_of_them_by_different_names() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 10
