"""The setup script says in one line what is wrong with a machine, on any Python 3."""

from __future__ import annotations

import ast
import importlib.util
import platform
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "infra" / "bootstrap.py"
Version = namedtuple("Version", "major minor micro releaselevel serial")


@pytest.fixture
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_script_parses_on_python_3_6_and_needs_the_standard_library_only() -> None:
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 6))
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        )
    }
    assert modules <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("version", [(3, 8), (3, 10), (3, 14), (4, 0)])
def test_another_python_is_refused_with_exit_code_2(
    bootstrap: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    version: tuple[int, int],
) -> None:
    monkeypatch.setattr(sys, "version_info", Version(*version, 0, "final", 0))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda _name: None)
    with pytest.raises(SystemExit) as stopped:
        bootstrap.check_python()
    assert stopped.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"error: Lianyun needs Python 3.11, 3.12 or 3.13; this is {version[0]}.{version[1]}"
    assert said[1].startswith("  To do: ")


@pytest.mark.parametrize(
    ("system", "machine", "libc", "expected"),
    [
        ("win32", "AMD64", "", "WSL 2"),
        ("linux", "riscv64", "glibc", "riscv64"),
        ("linux", "x86_64", "", "glibc"),
    ],
)
def test_another_machine_is_refused_with_exit_code_2(
    bootstrap: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    system: str,
    machine: str,
    libc: str,
    expected: str,
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "libc_ver", lambda: (libc, "2.36"))
    with pytest.raises(SystemExit) as stopped:
        bootstrap.check_machine()
    assert stopped.value.code == 2
    assert expected in capsys.readouterr().err


def test_failing_pip_shows_its_end_and_what_to_do(
    bootstrap: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    program = "print('Collecting a'); print('no matching distribution'); raise SystemExit(1)"
    with pytest.raises(SystemExit) as stopped:
        bootstrap.follow([sys.executable, "-c", program], 1)
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert "  | no matching distribution" in said
    assert "PIP_INDEX_URL" in said


def test_this_python_is_accepted(bootstrap: ModuleType) -> None:
    bootstrap.check_python()
    bootstrap.check_machine()


def test_make_help_lists_every_target_a_newcomer_needs() -> None:
    listed = subprocess.run(
        ["make", "help"], cwd=SCRIPT.parents[1], capture_output=True, text=True, check=True
    ).stdout
    for target in ("setup", "lint", "test", "demo", "prove", "bench", "schemas", "clean", "help"):
        assert f"make {target} " in listed


def test_settings_of_compose_are_made_once_and_belong_to_the_deployment(
    bootstrap: ModuleType, tmp_path: Path
) -> None:
    infra = tmp_path / "infra"
    infra.mkdir()
    (infra / "env.example").write_text("COMPOSE_PROFILES=plain\n")
    bootstrap.make_settings(tmp_path)
    assert (infra / ".env").read_text() == "COMPOSE_PROFILES=plain\n"
    (infra / ".env").write_text("COMPOSE_PROFILES=secure\n")
    bootstrap.make_settings(tmp_path)
    assert (infra / ".env").read_text() == "COMPOSE_PROFILES=secure\n"
