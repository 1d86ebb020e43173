"""`lianyun declare check`: a broker finds the wrong line of six papers from a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from services.cli.declare import app
from services.testbed.trade_papers import honest, lie


def papers(folder: Path, wrong: bool) -> list[str]:
    shipment = honest(Random(3), 6)
    if wrong:
        shipment = lie(Random(1), shipment, "dt", "line.amount")
    for name, content in shipment.files().items():
        (folder / name).write_bytes(content)
    return [str(folder / name) for name in shipment.files()]


def test_the_wrong_line_is_named_with_both_values_and_their_places(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["check", *papers(tmp_path, wrong=True), "--as-of", "2026-03-20"])
    assert done.exit_code == 3
    assert "most contradictions are about: 705625.55, dt.xml ESADout_CUGoods[2]/InvoicedCost" in done.output
    assert "|618969.78 - 705625.55| = 86655.77 > 0.01" in done.output


@pytest.mark.parametrize(
    ("language", "word"), [("en", "CONTRADICTION"), ("zh", "矛盾"), ("ru", "ПРОТИВОРЕЧИЕ")]
)
def test_three_languages(tmp_path: Path, language: str, word: str) -> None:
    done = CliRunner().invoke(app, ["check", *papers(tmp_path, wrong=True), "--language", language])
    assert word in done.output


def test_honest_papers_end_with_nothing_to_do(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["check", *papers(tmp_path, wrong=False), "--as-of", "2026-03-20"])
    assert (done.exit_code, "no contradiction and nothing to review" in done.output) == (0, True), done.output


def test_json_has_values_places_rule_and_tolerance_with_its_source(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["check", *papers(tmp_path, wrong=True), "--json", "--as-of", "2026-03-20"]
    )
    body = json.loads(done.stdout)
    wrong = next(
        each
        for each in body["findings"]
        if (each["check"], each["verdict"], each["line"]) == ("D04", "CONTRADICTION", "2")
    )
    assert wrong["values"][1] == {
        "written": "705625.55",
        "file": "dt.xml",
        "at": "/ESADout_CU/ESADout_CUGoodsShipment/ESADout_CUGoods[2]/InvoicedCost",
    }
    assert wrong["tolerance"]["source"]
    assert (body["as_of"], len(body["papers"])) == ("2026-03-20", 6)


def test_a_file_that_cannot_be_read_fails_and_the_others_are_still_checked(tmp_path: Path) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_bytes(b'<!DOCTYPE a [<!ENTITY b "bb">]><DecMessage/>')
    done = CliRunner().invoke(app, ["check", str(bad), *papers(tmp_path, wrong=True)])
    assert done.exit_code == 1
    assert "document type" in done.output.replace("\n", " ")
    assert "D04" in done.output
