"""`lianyun simulate` as people call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.exits import Exit, Failure
from services.cli.main import app
from services.testbed.simulator.corridors import simulate
from services.testbed.simulator.scenarios import names

ARGUMENTS = ("simulate", "--scenario", "tiny", "--scale", "0.006")


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == Exit.OK, done.output
    return done.stdout


def test_scenarios_are_listed_with_what_they_assume() -> None:
    shown = run("simulate", "--list")
    assert all(name in shown for name in names())
    assert "simulated" in shown
    listed = json.loads(run("simulate", "--list", "--json"))
    assert [each["scenario"] for each in listed["scenarios"]] == list(names())
    assert all(each["assumptions"]["scale"]["source"] for each in listed["scenarios"])


def test_a_folder_holds_one_file_per_party_and_says_that_it_is_simulated(tmp_path: Path) -> None:
    about = json.loads(run(*ARGUMENTS, "--out", str(tmp_path / "out"), "--json"))
    written = {path.stem for path in (tmp_path / "out").glob("*.jsonl")}
    assert written == set(about["messages"])
    again = json.loads(run(*ARGUMENTS, "--out", str(tmp_path / "again"), "--json"))
    assert again == about
    for party in written:
        one, other = (tmp_path / folder / f"{party}.jsonl" for folder in ("out", "again"))
        assert one.read_bytes() == other.read_bytes()
    assert "simulated" in run(*ARGUMENTS, "--out", str(tmp_path / "out"))


def test_files_in_own_formats_are_read_with_what_each_party_declares(tmp_path: Path) -> None:
    about = json.loads(run(*ARGUMENTS, "--formats", "--out", str(tmp_path), "--json"))
    assert {name.partition("/")[2] for name in about["files"]} > {"border_handover", "taf", "natural_list"}
    for declaration in sorted(tmp_path.glob("*/files.toml")):
        paths = [str(path) for path in sorted(declaration.parent.iterdir()) if path != declaration]
        told = json.loads(run("convert", "--declared", str(declaration), "--json", *paths))
        assert sum(bool(file["records"]) for file in told["files"]) == len(paths)
    with pytest.raises(Failure) as raised:
        CliRunner().invoke(
            app,
            ["convert", "--declared", str(tmp_path / "world.json"), *paths],
            catch_exceptions=False,
        )
    assert raised.value.code is Exit.USAGE


def test_the_stream_has_all_parties_in_the_order_of_publication() -> None:
    lines = [json.loads(line) for line in run(*ARGUMENTS, "--out", "-").splitlines()]
    assert len(lines) == sum(m.copies for m in simulate("tiny", 1, 0.006).messages())
    assert all(line["simulated"] for line in lines)
    assert [line["sent"] for line in lines] == sorted(line["sent"] for line in lines)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--scenario", "nowhere"), Exit.NOT_FOUND), (("--scale", "0"), Exit.USAGE)],
)
def test_what_cannot_be_simulated_is_said_with_a_way_out(arguments: tuple[str, ...], code: Exit) -> None:
    with pytest.raises(Failure) as raised:
        CliRunner().invoke(app, ["simulate", *arguments], catch_exceptions=False)
    assert raised.value.code is code
    assert raised.value.suggestion.startswith("lianyun simulate")
