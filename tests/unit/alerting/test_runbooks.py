"""Every alert has a runbook, and every command in one is a command."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from services.cli.main import app
from services.observability.alerting.alert import RUNBOOKS
from services.observability.alerting.rules import every_alert
from services.observability.publishing import ROOT
from tests.alerting.runbooks import FILES, commands, statements

SECTIONS = ["What happened", "Look", "Do", "It is over when"]
COMMANDS = sorted({command for file in FILES for command in commands(file)})


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    wanted = {alert.runbook for alert in every_alert()}
    assert {f"{RUNBOOKS}/{file.name}" for file in FILES} == wanted
    for alert in every_alert():
        assert (ROOT / alert.runbook).read_text().startswith(f"# {alert.name}\n")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_runbook_says_what_happened_where_to_look_what_to_do_and_when_it_is_over(file: Path) -> None:
    text = file.read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert commands(file) or statements(file)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (file.parent / target).is_file(), target


def test_the_list_of_runbooks_is_whole() -> None:
    text = (ROOT / RUNBOOKS / "README.md").read_text()
    assert set(re.findall(r"\]\(([^)]+)\)", text)) == {file.name for file in FILES}


def accepted(command: str) -> None:
    """Parse the command as the program would, down to its options, and run nothing. Raises as it would."""
    found: Any = typer.main.get_command(app)
    words = shlex.split(command)[1:]
    context = found.context_class(found, info_name="lianyun")
    while isinstance(found, TyperGroup):
        name, found, words = found.resolve_command(context, words)
        if isinstance(found, TyperGroup):
            context = found.context_class(found, info_name=name, parent=context)
    found.make_context(found.name, words, parent=context)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_a_runbook_is_one(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mended.jsonl").touch()
    accepted(command)


@pytest.mark.parametrize(
    "wrong",
    ["lianyun dlq mend X", "lianyun dlq show", "lianyun fsck --quick", "lianyun offsets accept-loss t zero"],
)
def test_a_command_that_is_none_is_noticed(wrong: str) -> None:
    # Typer brings its own copy of click, so its errors are known by their names.
    with pytest.raises(Exception) as refused:
        accepted(wrong)
    assert {"UsageError", "NoSuchOption", "BadParameter"} & {
        kind.__name__ for kind in type(refused.value).__mro__
    }
