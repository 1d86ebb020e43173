"""Every alert has a runbook, every command in one is a command, and every other runbook is walked through by a test."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from services.cli.main import app
from services.monitoring.alerting.alerts import RUNBOOKS
from services.monitoring.alerting.rules import all_alerts
from services.monitoring.artefacts import ROOT
from tests.support.alerts.runbooks import ALERTS, FILES, PROCEDURES, commands, statements
from tests.support.runbooks.page import Block, Command, blocks, variables

SECTIONS = ["What happened", "Look", "Do", "It is over when"]
COMMANDS = sorted({command for file in FILES for command in commands(file)})


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    wanted = {alert.runbook for alert in all_alerts()}
    assert {f"{RUNBOOKS}/{file.name}" for file in ALERTS} == wanted
    for alert in all_alerts():
        assert (ROOT / alert.runbook).read_text().startswith(f"# {alert.name}\n")


@pytest.mark.parametrize("file", ALERTS, ids=lambda file: file.stem)
def test_a_runbook_says_what_happened_where_to_look_what_to_do_and_when_it_is_over(file: Path) -> None:
    text = file.read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert commands(file) or statements(file)


@pytest.mark.parametrize("file", PROCEDURES, ids=lambda file: file.stem)
def test_a_runbook_for_work_that_is_planned_says_when_and_explains_its_variables(file: Path) -> None:
    headings = re.findall(r"^## (.*)$", file.read_text(), re.MULTILINE)
    assert (headings[0], headings[-1]) == ("When", "It is over when")
    assert len(set(headings)) == len(headings)
    used, explained = variables(file)
    assert used - {"LIANYUN_DSN", "USER"} <= explained, "each variable is in the table"
    assert explained - used <= {"LIANYUN_WAL", "MOMENT", "LIANYUN_DSN"}, "and no other"


@pytest.mark.parametrize("file", PROCEDURES, ids=lambda file: file.stem)
def test_a_runbook_for_work_that_is_planned_is_walked_through(file: Path) -> None:
    assert blocks(file)
    walks = "".join(test.read_text() for test in (ROOT / "tests/integration/runbooks").glob("test_*.py"))
    assert re.search(rf'[wW]alk\(\s*"{file.stem}"', walks), (
        "no test in tests/integration/runbooks walks through it"
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_runbook_points_to_is_there(file: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", file.read_text()):
        path, _, anchor = target.partition("#")
        assert (file.parent / path).is_file() or not path, target
        if anchor:
            headings = re.findall(r"^## (.*)$", (file.parent / (path or file.name)).read_text(), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, target


def test_a_page_is_read_as_its_blocks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# T\n## A\n```\none --x \\\n  --y # exits 3\ntwo # why\n```\n## B\ntext\n```\n  three\n```\n"
    )
    assert blocks(page) == [
        Block("A", (Command("one --x  --y", 3), Command("two"))),
        Block("B", (Command("three"),)),
    ]


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
