"""`lianyun declare draft`: a draft from a dataset, in three forms and languages."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from services.cli.declare import app
from services.cli.exits import Failure
from services.trade.domain.paper import Kind
from services.trade.formats import read_papers
from tests.support.trade_values import schema, tree

DAY = date(2026, 3, 20)
LINE = {
    "id": "L1", "description": "Laptop AB-120", "code": "8471300000", "origin": "CN", "quantity": "10", "unit": "C62", "price": "1.20",
    "amount": "12.00", "gross": "5.000001", "net": "4", "packages": 2,
}  # fmt: skip
PARTY = {"role": "CONSIGNEE", "scheme": "INN", "number": "7707083893", "name": "SEVERNY IMPORT LLC"}


def dataset(folder: Path, lines: int = 1, **changed: object) -> str:
    body = {
        "reference": "T-1", "version": 1, "currency": "USD", "terms": "FCA", "terms_place": "Xi'an", "parties": [PARTY],
        "lines": [{**LINE, "id": f"L{n}", "description": f"Laptop {n}", **changed} for n in range(lines)], "package_level": "CARTON",
        "boxes": ["CSQU3054383"], "papers": [{"kind": "INVOICE", "number": "INV-7", "day": "2026-03-02"}],
    }  # fmt: skip
    (folder / "dataset.json").write_bytes(orjson.dumps(body))
    return str(folder / "dataset.json")


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["draft", *arguments, "--as-of", "2026-03-20"])
    failed = done.exception if isinstance(done.exception, Failure) else None
    return failed.code if failed else done.exit_code, done.stdout


def test_the_message_is_valid_and_read_again(tmp_path: Path) -> None:
    code, text = run(dataset(tmp_path), "--side", "eaeu", "--format", "xml", "--mode", "rail", "--to", "RUS")
    (paper,) = read_papers(text.encode(), "draft", DAY)
    assert code == 3
    assert paper.lodged_in is not None
    assert paper.lodged_in.value == "RU"
    schema(Kind.EAEU_DECLARATION).assertValid(tree(text.encode()))


def test_json_has_value_source_rule_table_and_who_can_give_what_is_missing(tmp_path: Path) -> None:
    (draft,) = json.loads(run(dataset(tmp_path), "--side", "cn", "--format", "json")[1])["drafts"]
    terms = next(each for each in draft["values"] if each["tag"] == "TransMode")
    assert (terms["value"], terms["sources"], terms["table"]["valid_from"]) == ("3", ["/terms"], "2018-08-01")
    assert {each["giver"] for each in draft["missing"]} == {"SHIPPER", "CARRIER", "BROKER", "CUSTOMS"}
    assert draft["links"] == [{"dataset": "L0", "declared": "1"}]


@pytest.mark.parametrize(
    ("language", "words"), [("en", "who can give it"), ("zh", "由谁提供"), ("ru", "кто может сообщить")]
)
def test_three_languages(tmp_path: Path, language: str, words: str) -> None:
    assert words in run(dataset(tmp_path), "--side", "transit", "--lang", language)[1]


def test_several_declarations_are_chosen_by_part_and_a_broken_file_is_refused(tmp_path: Path) -> None:
    many = dataset(tmp_path, 51)
    assert run(many, "--side", "cn", "--format", "xml")[0] == 2
    code, text = run(many, "--side", "cn", "--format", "xml", "--part", "2")
    assert (code, len(read_papers(text.encode(), "draft", DAY)[0].lines)) == (3, 1)
    assert run(many, "--side", "cn", "--part", "3")[0] == 2
    for broken in ({"description": "bell \u0007"}, {"quantity": "many"}):
        assert run(dataset(tmp_path, **broken), "--side", "cn", "--format", "xml")[0] == 1
