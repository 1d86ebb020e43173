"""Readers of papers: values with their places; what is damaged, ambiguous or of a person is refused or remarked, never guessed."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random

import openpyxl
import pytest
from lxml import etree

from schemas.reasons import Refusal
from services.testbed.trade_papers import honest
from services.trade.domain.checks import findings
from services.trade.domain.finding import Reason, Verdict, rules
from services.trade.domain.paper import ChargeKind, Kind, Paper, PaperSet, Reference, ReferenceKind, Role
from services.trade.domain.values import Money, Unreadable, code, country_code, currency, decimal, unit
from services.trade.formats import MAX_BYTES, read_papers, write_paper
from services.trade.formats.sheets import decimal_mark, unmarked
from tests.support.invariants import holds_for
from tests.support.trade_values import f, usd

DAY = date(2026, 3, 20)
DATA = Path(__file__).parents[4] / "shared" / "data"
HEAD = "<DecHead><EntryId>900120260123456789</EntryId><IEFlag>E</IEFlag>{}</DecHead><DecLists>{}</DecLists>"


def only(content: bytes, name: str = "paper") -> Paper:
    (paper,) = read_papers(content, name, DAY)
    return paper


def declaration(head: str = "", lines: str = "", after: str = "") -> Paper:
    return only(f"<DecMessage>{HEAD.format(head, lines)}{after}</DecMessage>".encode())


def doubts(paper: Paper) -> str:
    return " | ".join(f"{remark.place.at}: {remark.text}" for remark in paper.remarks)


def test_a_message_without_namespace_and_one_in_another_encoding_are_read_alike() -> None:
    files = honest(Random(1), 3).files()
    bare = files["dt.xml"].decode("windows-1251").replace("windows-1251", "UTF-8")
    bare = bare.replace(' xmlns="urn:customs.ru:Information:CustomsDocuments:ESADout_CU:5.23.0"', "")
    marked = "\ufeff" + bare
    one, other, third = (only(each).lines for each in (files["dt.xml"], bare.encode(), marked.encode()))
    assert one == other == third
    first = only(files["dt.xml"]).lines[0].amount
    assert first is not None
    assert first.place.at == "/ESADout_CU/ESADout_CUGoodsShipment/ESADout_CUGoods/InvoicedCost"


@holds_for(
    {
        "Cyrillic in a box": ("", "", "<DecContainers><Container><ContainerId>СSQU3054383</ContainerId></Container></DecContainers>", "only looks like"),
        "a box lacks nothing but is small": ("", "", "<DecContainers><Container><ContainerId>csqu 305438-3</ContainerId></Container></DecContainers>", ""),
        "full-width digits": ("<GrossWet>１２３．５</GrossWet>", "", "", ""),
        "a decimal comma": ("<GrossWet>123,5</GrossWet>", "", "", "is no number"),
        "a negative mass": ("<GrossWet>-5</GrossWet>", "", "", "is negative"),
        "finer than a milligram": ("<GrossWet>5.0000001</GrossWet>", "", "", "more than 6 decimals"),
        "a currency sign of two": ("", "<DecList><TradeCurr>¥</TradeCurr></DecList>", "", "CNY or JPY"),
        "a currency out of force": ("", "<DecList><TradeCurr>RUR</TradeCurr></DecList>", "", "taken for RUB"),
        "China's number of a currency": ("", "<DecList><TradeCurr>502</TradeCurr></DecList>", "", ""),
        "seven digits": ("", "<DecList><CodeTS>8471300</CodeTS></DecList>", "", "is no commodity code"),
        "dots in a code": ("", "<DecList><CodeTS>8471.30.0000</CodeTS></DecList>", "", ""),
        "thirteen digits": ("", "<DecList><CodeTS>8471300000101</CodeTS></DecList>", "", ""),
        "a contract number at its limit": (f"<ContrNo>{'A' * 32}</ContrNo>", "", "", "cut off"),
        "a line below zero": ("", "<DecList><GQty>-1</GQty><GUnit>007</GUnit></DecList>", "", "not above zero"),
        "a unit that is not known": ("", "<DecList><GQty>1</GQty><GUnit>999</GUnit></DecList>", "", "not in the table"),
        "no such day": ("<DDate>20260231</DDate>", "", "", "is no date"),
        "a country in words": ("<TradeAreaCode>Russia</TradeAreaCode>", "", "", "is no country"),
        "a person as exporter": ("<TradeCoScc>110105199001011234</TradeCoScc><TradeName>X</TradeName>", "", "", "natural person"),
    }
)  # fmt: skip
def test_what_is_remarked(case: tuple[str, str, str, str]) -> None:
    head, lines, after, remarked = case
    paper = declaration(head, lines, after)
    assert (remarked in doubts(paper)) if remarked else not paper.remarks, doubts(paper)


def test_a_natural_person_leaves_nothing_behind() -> None:
    invoice = (
        "<CommercialInvoice><CurrencyCode>RUB</CurrencyCode><TotalCost>1</TotalCost><Buyer><OrganizationName>ИП Петров Пётр</OrganizationName>"
        "<RFOrganizationFeatures><INN>500100732259</INN></RFOrganizationFeatures></Buyer>"
        "<Seller><OrganizationName>XIAN DRAGON</OrganizationName></Seller></CommercialInvoice>"
    )
    paper = only(invoice.encode())
    assert [party.role for party in paper.parties] == [Role.SELLER]
    assert "Петров" not in repr(paper)
    assert "500100732259" not in repr(paper)


@holds_for(
    {
        "an entity bomb": (b'<!DOCTYPE a [<!ENTITY b "bb">]><DecMessage>&b;</DecMessage>', "document type"),
        "an external entity": (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><DecMessage/>', "document type"),
        "cut off": (b"<DecMessage><DecHead>", "not well-formed"),
        "an answer of customs": (b"<MetaData><Response><Declaration/></Response></MetaData>", "answer of customs"),
        "another message": (b"<Order/>", "is not read"),
        "a cancellation": (b"<Declaration><TypeCode>INV</TypeCode></Declaration>", "cancels"),
        "an import": (b"<DecMessage><DecHead><IEFlag>I</IEFlag></DecHead></DecMessage>", "import"),
        "nothing": (b"", "empty"),
        "too much": (b"<" + b"a" * (MAX_BYTES + 1), "more than"),
        "an encoding that it is not": ('<?xml version="1.0" encoding="UTF-8"?><DecMessage>箱</DecMessage>'.encode("gb18030"), "utf-8"),
        "a sheet of something else": ("箱号,车号,发站\nCSQU3054383,123,西安\n".encode(), "invoice or a packing list"),
    }
)  # fmt: skip
def test_what_is_refused_as_a_whole(case: tuple[bytes, str]) -> None:
    content, why = case
    with pytest.raises(Refusal) as refused:
        read_papers(content, "paper", DAY)
    assert why in str(refused.value), refused.value
    assert refused.value.remedy


def test_structure_by_date() -> None:
    files = honest(Random(1), 1).files()
    text = files["dt.xml"].decode("windows-1251").replace("windows-1251", "UTF-8")
    before = text.index("<rus:EDocDateTime>") + len("<rus:EDocDateTime>")
    for day, remarked in (
        ("2026-03-31", ""),
        ("2026-04-01", "until 2026-03-31"),
        ("2026-10-01", "no size and type"),
    ):
        paper = only((text[:before] + day + text[before + 10 :]).encode())
        assert remarked in doubts(paper) if remarked else not paper.remarks


def correction(declaration: bytes, amount: str) -> bytes:
    """The correction of a declaration: its second item at another price, what it is of by the id of the message."""
    declared = only(declaration)
    line = replace(declared.lines[1], amount=usd(amount, "USD"), change=f("10000100"))
    assert line.amount is not None
    return write_paper(
        replace(
            declared,
            kind=Kind.EAEU_CORRECTION,
            id="",
            number=f("D1/01"),
            references=(*declared.references, Reference(ReferenceKind.DECLARATION, f("D1"))),
            lines=(line,),
        ),
        DAY,
    )


def test_a_correction_is_applied_to_the_declaration_that_it_names_and_the_other_side_is_stale() -> None:
    files = honest(Random(3), 3).files()
    text = files["dt.xml"].decode("windows-1251").replace("windows-1251", "UTF-8")
    original = text.replace("<CustomsProcedure>", "<DocumentID>D1</DocumentID><CustomsProcedure>", 1).encode()
    corrected = correction(original, "77.00")
    papers = (only(files["cn.xml"], "cn.xml"), only(original, "dt.xml"), only(corrected, "kdt.xml"))
    assert papers[2].kind is Kind.EAEU_CORRECTION
    change = papers[2].lines[0].change
    assert (papers[2].lines[0].number, change and change.value) == ("2", "10000100")
    found = findings(PaperSet(papers), rules(DAY))
    stale = next(each for each in found if each.reason is Reason.STALE)
    assert (stale.line, [value.place.file for value in stale.values]) == (
        "2",
        ["cn.xml", "dt.xml", "kdt.xml"],
    )
    assert [each.line for each in found if (each.check, each.verdict) == ("D04", Verdict.CONTRADICTION)] == [
        "2"
    ]
    alone = findings(PaperSet((papers[0], papers[2])), rules(DAY))
    assert Reason.NO_ORIGINAL in {each.reason for each in alone}


INVOICE = """发票号 Invoice No:,INV-7,,,,
日期 Date:,2026-03-02,,,,
卖方 Seller:,XIAN DRAGON CO LTD,,,,
Terms of delivery:,FCA Xi'an,,,,
序号,品名 Description of Goods,HS编码,数量 Quantity,单价 Unit price,金额 Amount (USD)
1,电脑 AB-120,8471300000,10,"1,234.50","12,345.00"
2,电源,8504409999,20,"1,250","25,000.00"
,运费 Freight,,,,"1,000.00"
合计 Total,,,,,"38,345.00"
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_an_invoice_as_text(encoding: str) -> None:
    paper = only(INVOICE.encode(encoding), "invoice.csv")
    assert paper.kind is Kind.INVOICE
    assert paper.number is not None
    assert (paper.number.value, paper.day and paper.day.value) == ("INV-7", date(2026, 3, 2))
    assert paper.terms is not None
    assert (paper.terms.value, paper.terms_place and paper.terms_place.value) == ("FCA", "Xi'an")
    assert [line.amount and line.amount.value for line in paper.lines] == [
        Money(Decimal("12345.00"), "USD"),
        Money(Decimal("25000.00"), "USD"),
    ]
    assert paper.lines[1].price is not None
    assert (paper.lines[1].price.value, paper.lines[1].price.written, paper.lines[1].price.place.at) == (
        1250,
        "1,250",
        "E7",
    )
    assert [charge.kind for charge in paper.charges] == [ChargeKind.FREIGHT]
    assert paper.total is not None
    assert paper.total.value == Money(Decimal("38345.00"), "USD")


def test_a_packing_list_as_workbook() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["Packing list No:", "PL-7"],
        ["No.", "Description of Goods", "Quantity", "Unit", "CTNS", "G.W.", "N.W."],
        [1, "Laptop AB-120", 10, "pcs", 2, 37.45, 0.1 + 0.2],
        ["Total", None, 10, None, 2, 37.45, 0.3],
    ):
        sheet.append(row)
    raw = io.BytesIO()
    book.save(raw)
    paper = only(raw.getvalue(), "packing.xlsx")
    assert paper.kind is Kind.PACKING_LIST
    line = paper.lines[0]
    assert line.gross is not None
    assert line.net is not None
    assert (line.gross.value, line.net.value) == (Decimal("37.45"), Decimal("0.3"))
    assert line.quantity is not None
    assert (line.quantity.value.in_base, line.quantity.value.unit) == (10, unit("шт", "WORD"))
    assert [packages.number.value for packages in paper.packages] == [2]
    assert paper.gross is not None
    assert paper.gross.value == Decimal("37.45")


@holds_for(
    {
        "both marks": ("1.234,56", "", "1234.56"),
        "English": ("1,234.56", "", "1234.56"),
        "spaces": ("1 234,56", "", "1234.56"),
        "a group by its file": ("1,234", ".", "1234"),
        "a decimal by its file": ("1,234", ",", "1.234"),
        "two groups": ("1.234.567", "", "1234567"),
        "below one": ("0,125", "", "0.125"),
    }
)
def test_marks_of_numbers(case: tuple[str, str, str]) -> None:
    text, mark, number = case
    assert unmarked(text, mark) == number


def test_a_number_that_may_be_two_is_not_guessed() -> None:
    with pytest.raises(Unreadable, match=r"may be 1234 or 1\.234"):
        unmarked("1,234", "")
    assert decimal_mark(["1,234", "5.50", "итого"]) == "."
    assert decimal_mark(["1,50", "5.50"]) == ""


def test_values() -> None:
    assert decimal("１２．５") == Decimal("12.5")
    assert currency("RMB") == ("CNY", "RMB is no code in force; it was taken for CNY.")
    assert (country_code("CHN"), country_code("643"), country_code("344", "CN"), country_code("eu")) == (
        "CN",
        "RU",
        "RU",
        "EU",
    )
    assert (
        code("8471.30", "HS", date(2027, 12, 31)).edition,
        code("847130", "HS", date(2028, 1, 1)).edition,
    ) == (2022, 2028)
    gram, kilogram = unit("163", "OKEI"), unit("035", "CN")
    assert gram is not None
    assert kilogram is not None
    assert (gram.base, gram.factor) == ("KGM", Decimal("0.001"))
    assert kilogram == unit("KGM", "REC20") == unit("кг", "WORD")


@pytest.mark.parametrize(
    ("file", "root"),
    [
        ("note.xml", "RailwayBill"),
        ("packing.xml", "PackingList"),
        ("invoice.xml", "CommercialInvoice"),
        ("dt.xml", "ESADout_CU"),
    ],
)
def test_every_element_that_the_readers_are_tested_with_is_one_of_the_album(file: str, root: str) -> None:
    folder = DATA / "eaeu-album"
    if not folder.is_dir():
        pytest.skip("the schemas of the EAEU album (../shared/data/eaeu-album) are not here")
    known: set[str] = set()
    for each in folder.glob("*.xsd"):
        known |= {str(found) for found in etree.parse(str(each)).xpath("//*[local-name()='element']/@name")}
    written = {
        etree.QName(node).localname for node in etree.fromstring(honest(Random(2), 2).files()[file]).iter()
    }
    assert root in written
    assert written <= known | {root}


def test_declarations_of_the_wco_data_model() -> None:
    folder = DATA / "wco-dec" / "examples"
    if not folder.is_dir():
        pytest.skip("the examples of the WCO data model (../shared/data/wco-dec) are not here")
    read, amendments, cancellations, others = [], 0, 0, 0
    for each in sorted(folder.glob("*.xml")):
        try:
            papers = read_papers(each.read_bytes(), each.name, DAY)
        except Refusal as refusal:
            cancellations += "cancels" in refusal.detail
            others += "cancels" not in refusal.detail
            continue
        read += papers
        amendments += any("amendment" in remark.text for paper in papers for remark in paper.remarks)
    assert (len(read), amendments, cancellations, others) == (73, 16, 3, 80)
    rivets = next(paper for paper in read if paper.place.file.endswith("TT_EX005a__TT_EX005a.xml"))
    (line,) = rivets.lines
    assert line.gross is not None
    assert line.net is not None
    assert line.code is not None
    assert (line.gross.value, line.net.value, line.code.value.hs6) == (48, 43, "731816")
    assert rivets.total is not None
    assert rivets.total.value == Money(Decimal(9500), "GBP")
    assert [box.value for box in rivets.boxes] == ["AHFB9384274"]
