"""`lianyun declare amend`: one change, what follows on each side, and drafts that bring the declarations in step again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from services.cli.exits import Failure
from services.trade.domain.amending import Consequence, Doubt, consequences
from services.trade.domain.dataset_changes import Change, changes
from services.trade.domain.filing import Amendment, ChangeClass, Filing, LineLink, Phase
from services.trade.domain.in_step import in_step
from services.trade.domain.in_step_filings import assemble
from services.trade.domain.in_step_pair import Status
from services.trade.formats import read_papers
from services.trade.formats.corrections import box_45a, correction
from tests.support.trade_values import cn, d, dt, f, td, usd
from tests.unit.trade.test_declare_step import _run, _shipment
from tests.unit.trade.test_in_step import DAY, EXPORT, L1, L2, RULES, V1, filed, first, goods, version
from tests.unit.trade.test_readers import DATA

NUMBER = "10702070/200326/0001234"
V2 = version(
    2,
    V1,
    terms="CIP",
    lines=[{**L1, "amount": "15", "quantity": "12", "gross": "6", "code": "8471600000", "packages": 3}, L2],
)


def asked(*filings: Filing, new: Any = V2) -> tuple[Consequence, ...]:
    return consequences(V1, new, assemble(filings)[0], RULES)


def full(number: int, **more: Any) -> Any:
    return goods(
        number,
        "10" if number == 1 else "4",
        "12" if number == 1 else "4.8",
        gross=d("5" if number == 1 else "3"),
        net=d("4" if number == 1 else "2"),
        **more,
    )


DT = filed(dt(full(1), full(2), terms=f("FCA"), currency=f("USD"), total=usd("16.8")), NUMBER)
CN = filed(cn(full(1), full(2), terms=f("3"), gross=d("8"), currencies=(f("USD"),)), "CN1")


def test_the_change_is_named_by_element_and_line() -> None:
    assert [(each.element, each.line, each.before, each.after) for each in changes(V1, V2)] == [
        ("17", "", "FCA", "CIP"), ("21", "L1", "12", "15"), ("24", "L1", "8471300000", "8471600000"), ("30", "L1", "5", "6"),
        ("33", "L1", "10", "12"), ("34", "L1", "2", "3"),
    ]  # fmt: skip
    assert changes(V1, version(2, V1, lines=[L1])) == (Change("23", "L2", "L2", ""),)


def test_both_sides_get_the_entries_of_their_own_form() -> None:
    eaeu, chinese = asked(CN, DT)
    assert {(each.element, each.item, each.before, each.after) for each in chinese.entries} == {
        ("17", "", "3", "1"), ("21", "1", "12", "15"), ("24", "1", "8471300000", "847160"), ("29", "", "8", "9"),
        ("33", "1", "10", "12"),
    }  # fmt: skip
    assert {(each.element, each.item) for each in eaeu.entries} == {
        ("17", ""),
        ("21", "1"),
        ("24", "1"),
        ("30", "1"),
        ("33", "1"),
    }
    assert eaeu.amended.total is not None
    assert str(eaeu.amended.total.value.amount) == "19.8"
    assert {doubt for doubt, _ in eaeu.doubts} == {Doubt.NATIONAL_DIGITS, Doubt.COMPUTE_VALUE}
    assert eaeu.classes == {ChangeClass.OTHER, ChangeClass.COST, ChangeClass.CODE, ChangeClass.QUANTITY}
    assert box_45a(eaeu.entries) == "??1011?1"
    assert (eaeu.due.day, "not confirmed" in eaeu.due.source) == (None, True)


def test_what_only_people_can_say_is_a_doubt_and_changes_nothing() -> None:
    def doubts(*filings: Filing, new: Any = V2) -> set[tuple[Doubt, str]]:
        return {each for consequence in asked(*filings, new=new) for each in consequence.doubts}

    split = replace(EXPORT, links=(LineLink("L1", "1"), LineLink("L1", "2")))
    assert (Doubt.SPLIT, "L1") in doubts(split)
    assert not asked(split)[0].entries
    assert (Doubt.NO_LINK, "L1") in doubts(replace(EXPORT, links=()))
    assert (Doubt.REMOVED, "L2") in doubts(EXPORT, new=version(2, V1, lines=[L1]))
    assert (Doubt.ADDED, "L3") in doubts(EXPORT, new=version(2, V1, lines=[L1, L2, {**L2, "id": "L3"}]))
    assert (Doubt.NOT_AS_STATED, "L1 amount") in doubts(filed(cn(*first("13")), "CN1"))
    assert doubts(replace(EXPORT, phase=Phase.CANCELLED)) == {(Doubt.ENDED, "")}
    (frozen,) = asked(replace(EXPORT, phase=Phase.INSPECTED))
    assert frozen.frozen is not None
    assert frozen.frozen.rule == "INSPECTION"
    (transit,) = asked(filed(td(full(1), full(2)), "TD1"))
    assert (Doubt.NO_FORM, "") in transit.doubts


def test_the_draft_correction_is_read_back_and_brings_the_declaration_in_step() -> None:
    new = version(2, V1, lines=[{**L1, "amount": "15", "quantity": "12"}, L2])
    (eaeu,) = asked(DT, new=new)
    raw = correction(eaeu, DAY)
    (read,) = read_papers(raw, "kdt.xml", DAY)
    (item,) = read.lines
    assert item.amount is not None
    assert item.quantity is not None
    assert (item.number, str(item.amount.value.amount), str(item.quantity.value.number)) == ("1", "15", "12")
    assert item.change is not None
    assert item.change.value == "??1001?0"
    assert NUMBER in [each.number.value for each in read.references]
    assert correction(eaeu, DAY) == raw
    (chinese,) = asked(CN, new=new)
    followed = [
        replace(
            each.current.filing,
            amendments=(
                Amendment(f"{n}", each.current.filing.at, "", each.classes, new.digest, each.amended),
            ),
        )
        for n, each in enumerate((chinese, eaeu))
    ]
    before = in_step([V1, new], [CN, DT], [], RULES)
    after = in_step([V1, new], followed, [], RULES)
    assert {each.element for each in before if each.status is Status.STALE} == {"21", "33"}
    assert {each.status for each in after} <= {Status.SAME, Status.ALLOWED}


def test_the_draft_correction_is_valid_in_the_album() -> None:
    folder = DATA / "eaeu-album"
    if not folder.is_dir():
        pytest.skip("the schemas of the EAEU album (../shared/data/eaeu-album) are not here")
    schema = etree.XMLSchema(etree.parse(str(folder / "KDTout_CU.xsd")))
    boxes = replace(DT, declared=replace(DT.declared, boxes=(f("CSQU3054383"),), rate=d("88.5")))
    only_head = version(2, V1, terms="FOB", terms_place="Xi'an")
    head = correction(asked(boxes, new=only_head)[0], DAY)
    for raw in (correction(asked(boxes)[0], DAY), head):
        schema.assertValid(etree.fromstring(raw))
    (read,) = read_papers(head, "kdt.xml", DAY)
    assert read.change is not None
    assert (read.change.value, read.lines) == ("??000001", ())


def test_from_a_terminal_with_drafts_in_a_folder_and_nothing_sent(tmp_path: Path) -> None:
    files = {Path(each).name: each for each in _shipment(tmp_path)}
    body = json.loads(Path(files["filings.json"]).read_text())
    del body["filings"][1]["amendments"]
    Path(files["filings.json"]).write_text(json.dumps(body))
    given = [files[each] for each in ("v1.json", "v2.json", "cn.xml", "dt.xml", "filings.json")]
    done = _run("amend", *given, "--to", str(tmp_path / "drafts"))
    text = " ".join(done.output.split())
    assert done.exit_code == 3, done.output
    assert "choose a listed ground" in text
    assert "OVER_SHORT: over- or short-shipment" in text
    assert "nothing was sent to any authority" in text
    names = sorted(each.name for each in (tmp_path / "drafts").iterdir())
    assert names[0] == "kdt-10702070-200326-0001234.xml"
    draft = json.loads((tmp_path / "drafts" / names[1]).read_text())
    assert ([each["field"] for each in draft["entries"]], draft["ground"], draft["sent"]) == (
        ["总价"],
        None,
        False,
    )
    assert [each["code"] for each in draft["grounds"]] == [
        "SHUT_OUT",
        "OVER_SHORT",
        "OTHER_FORMALITY",
        "PROVISIONAL_PRICE",
        "SYSTEM_ERROR",
        "CLERICAL",
    ]
    plain = json.loads(_run("amend", *given, "--ground", "CLERICAL", "--json").stdout)
    sides = {each["side"]: each for each in plain["consequences"]}
    assert (sides["CN"]["box_45a"], sides["DT"]["box_45a"]) == (None, "??0001?0")
    assert json.loads(sides["CN"]["draft"]["content"])["ground"]["source"] == "Order 220 of 2014 article 7"
    assert isinstance(_run("amend", *given, "--ground", "BECAUSE").exception, Failure)
    assert isinstance(_run("amend", given[1], given[0], *given[2:]).exception, Failure)
