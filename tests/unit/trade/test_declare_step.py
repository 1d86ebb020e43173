"""`lianyun declare step`: files of one trade, and where its declarations have not followed one another."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.declare import app
from services.pages.languages import LANGUAGES
from services.testbed.trade_papers import honest
from services.trade.domain.crosswalk import NAMED_IN
from services.trade.domain.in_step_elements import ELEMENTS
from services.trade.domain.in_step_filings import Reason
from services.trade.domain.in_step_pair import Status
from services.trade.domain.in_step_rules import step_rules
from services.trade.domain.in_step_words import step_words
from services.trade.domain.values import table
from services.trade.formats.dataset import read
from tests.support.invariants import holds_for
from tests.unit.trade.test_in_step import DAY
from tests.unit.trade.test_readers import correction


def _shipment(folder: Path, moved: bool = True) -> list[str]:
    """A trade of three lines whose second was priced anew in version 2, followed by the ДТ alone."""
    papers = next(
        each
        for seed in range(100)
        if len((each := honest(Random(seed), 3)).cn["lines"]) == 3 and each.dt["terms"] in ("FCA", "FOB")
    )
    files = {name: content for name, content in papers.files().items() if name in ("cn.xml", "dt.xml")}
    original = files["dt.xml"].decode("windows-1251").replace("windows-1251", "UTF-8")
    files["dt.xml"] = original.replace(
        "<CustomsProcedure>", "<DocumentID>D1</DocumentID><CustomsProcedure>", 1
    ).encode()
    lines = [
        {"id": f"L{n}", "description": each["article"], "code": each["cn"], "origin": "CN", "quantity": str(each["quantity"]), "unit": each["unit"],
         "price": str(each["price"]), "amount": str(each["amount"]), "gross": str(each["gross"]), "net": str(each["net"]),
         "packages": each["packages"]}
        for n, each in enumerate(papers.invoice["lines"], 1)
    ]  # fmt: skip
    first: dict[str, Any] = {"reference": "T-1", "version": 1, "currency": papers.invoice["currency"], "terms": papers.invoice["terms"],
             "boxes": papers.invoice["boxes"], "lines": lines}  # fmt: skip
    files["v1.json"] = json.dumps(first).encode()
    links = [{"dataset": f"L{n}", "declared": str(n)} for n in (1, 2, 3)]
    dt: dict[str, Any] = {
        "file": "dt.xml",
        "declaration": "10702070/200326/0001234",
        "version": 1,
        "links": links,
    }
    filings = [
        {"file": "cn.xml", "version": 1, "at": "2026-02-20T08:00:00Z", "phase": "ACCEPTED", "links": links},
        dt,
    ]
    if moved:
        amount = str(Decimal(lines[1]["amount"]) + 100)
        digest = read(files["v1.json"], DAY).digest
        second = {
            **first,
            "version": 2,
            "previous": digest,
            "lines": [lines[0], {**lines[1], "amount": amount}, lines[2]],
        }
        files["v2.json"] = json.dumps(second).encode()
        files["kdt.xml"] = correction(files["dt.xml"], amount)
        dt["amendments"] = [{"file": "kdt.xml", "version": 2, "at": "2026-03-21T08:00:00Z"}]
    files["filings.json"] = json.dumps({"filings": filings}).encode()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return sorted(str(folder / name) for name in files)


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--as-of", "2026-03-20"])


def test_the_side_that_did_not_follow_is_named_with_both_values_who_must_act_and_by_when(
    tmp_path: Path,
) -> None:
    done = _run("step", *_shipment(tmp_path))
    text = " ".join(done.output.split())
    assert done.exit_code == 3, done.output
    assert "STALE" in text
    assert "21 price of the goods L2" in text
    assert "since version 2" in text
    assert "declarant in China" in text
    assert "by when: no term for an application is known here" in text
    assert "nothing was sent to any authority" in text


@pytest.mark.parametrize(("language", "word"), [("en", "STALE"), ("zh", "未随改"), ("ru", "НЕ ОБНОВЛЕНО")])
def test_three_languages(tmp_path: Path, language: str, word: str) -> None:
    assert word in _run("step", *_shipment(tmp_path), "--language", language).output


def test_json_gives_the_same_for_any_order_of_files(tmp_path: Path) -> None:
    files = _shipment(tmp_path)
    one, other = (json.loads(_run("step", *each, "--json").stdout) for each in (files, files[::-1]))
    assert one == other
    (stale,) = [each for each in one["statuses"] if each["status"] == "STALE"]
    assert (stale["element"], stale["lines"], stale["behind"][0]["since"]["version"]) == ("21", "L2", 2)
    assert stale["values"][1][0]["at"] == "/KDTout_CU/KDToutGoodsShipment/KDToutGoods/InvoicedCost"
    assert stale["rule"]["source"] == "crosswalk 21: the price"
    assert one["sent"] is False


def test_declarations_in_step_end_with_nothing_to_do(tmp_path: Path) -> None:
    done = _run("step", *_shipment(tmp_path, moved=False))
    assert (done.exit_code, "the declarations are in step" in done.output) == (0, True), done.output


def test_without_a_statement_nothing_is_guessed(tmp_path: Path) -> None:
    files = [each for each in _shipment(tmp_path) if not each.endswith("filings.json")]
    body = json.loads(_run("step", *files, "--json").stdout)
    assert {each["reason"] for each in body["statuses"] if each["status"] == "QUESTION"} >= {"NO_LINK"}
    assert not [each for each in body["statuses"] if each["element"] == "21"]


def test_a_file_that_a_statement_names_and_is_not_there_is_refused_with_its_place(tmp_path: Path) -> None:
    files = [each for each in _shipment(tmp_path) if not each.endswith("kdt.xml")]
    done = _run("step", *files)
    assert done.exit_code == 1
    assert "filings.json /filings/1/amendments/0/file" in done.output


@holds_for(
    {
        "a class that is none": ({"classes": ["PRICE"]}, "/filings/1/amendments/0/classes"),
        "a version that is not there": ({"version": 7}, "/filings/1/amendments/0/version"),
        "a flag in words": ({"refused": "no"}, "/filings/1/amendments/0/refused"),
        "a member that is not known": ({"person": "X"}, "/filings/1/amendments/0/person"),
        "a moment without a zone": ({"at": "2026-03-21T08:00:00"}, "/filings/1/amendments/0/at"),
    }
)
def test_a_statement_is_read_strictly(case: tuple[dict[str, Any], str]) -> None:
    members, pointer = case
    with TemporaryDirectory() as folder:
        files = _shipment(Path(folder))
        statement = next(Path(each) for each in files if each.endswith("filings.json"))
        body = json.loads(statement.read_text())
        body["filings"][1]["amendments"][0].update(members)
        statement.write_text(json.dumps(body))
        done = _run("step", *files)
        assert done.exit_code == 1, done.output
        assert f"filings.json {pointer}" in " ".join(done.output.split())


def test_two_files_of_one_name_are_both_read(tmp_path: Path) -> None:
    files = _shipment(tmp_path)
    (tmp_path / "again").mkdir()
    copy = tmp_path / "again" / "v1.json"
    copy.write_bytes((tmp_path / "v1.json").read_bytes())
    unstated = tmp_path / "cn (1).xml"
    unstated.write_bytes((tmp_path / "cn.xml").read_bytes())
    more = [*files, str(copy), str(unstated)]
    one, other = (json.loads(_run("step", *each, "--json").stdout) for each in (files, more))
    assert [(len(each["datasets"]), len(each["declarations"])) for each in (one, other)] == [(2, 2), (3, 2)]
    assert one["statuses"] == other["statuses"]


def test_every_status_reason_rule_and_element_has_its_words_and_every_row_its_source() -> None:
    keys = {row["key"] for row in table("in_step_texts")}
    wanted = {*Status, *Reason, *(f"{each}.do" for each in Reason), "element.21v", "element.24n"}
    wanted |= {f"rule.{row['rule']}" for row in table("in_step") if row["element"] != "*"}
    assert wanted <= keys, wanted - keys
    for name in ("in_step", "due_dates", "grounds"):
        assert all(row["source"] and row["valid_from"] for row in table(name))
    assert {row.element for row in step_rules(DAY).rows} >= {*ELEMENTS, *map(str, range(1, 46))}
    assert all(all(row.values()) for row in table("in_step_texts"))


def test_every_text_of_a_status_is_there_in_each_language_of_the_pages() -> None:
    assert {*NAMED_IN} == {*LANGUAGES}
    for name, keys in (("in_step_texts", {"key"}), ("texts", {"key"}), ("crosswalk", {"element"})):
        for row in table(name):
            missing = [language for language in NAMED_IN if not row[language]]
            assert not missing, (name, [row[key] for key in keys], missing)
    words = step_words("kk", DAY)
    assert {f"{reason}{end}" for reason in Reason for end in ("", ".do")} <= words.keys()
