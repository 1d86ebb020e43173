"""Bad papers: each is refused with place and remedy, or remarked, or found by a check; nothing is guessed and nothing vanishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from random import Random

import pytest

from schemas.identifiers import eaeu_declaration
from schemas.reasons import Refusal
from services.testbed.trade_messages import stated
from services.testbed.trade_papers import Papers, honest
from services.trade.domain.checks import findings
from services.trade.domain.finding import Finding, Reason, Verdict, rules
from services.trade.domain.paper import Kind, Paper, PaperSet, Reference, ReferenceKind, Remark
from services.trade.formats import MAX_ELEMENTS, read_papers, write_paper
from tests.support.invariants import holds_for
from tests.support.trade_values import f, kdt, priced

DAY = date(2026, 3, 20)
HEADER = "No.,Description of Goods,HS Code,Quantity,Unit price,Amount (USD)"


def read(content: bytes, name: str = "paper") -> Paper:
    (paper,) = read_papers(content, name, DAY)
    return paper


def sheet(*rows: str, encoding: str = "utf-8") -> Paper:
    return read("\n".join(("Invoice No:,INV-7", HEADER, *rows)).encode(encoding), "invoice.csv")


def message(kind: str, text: str, instead: str) -> bytes:
    """An honest message with ``text`` replaced once."""
    papers = honest(Random(1), 2)
    content = papers.files()[f"{kind}.xml"]
    encoding = {"cn": "gb18030", "dt": "windows-1251"}.get(kind, "utf-8")
    whole = content.decode(encoding)
    assert text in whole
    return whole.replace(text, instead, 1).encode(encoding)


def remarks(paper: Paper, about: str) -> list[Remark]:
    return [each for each in paper.remarks if about in each.text]


ROW = '1,Laptop AB-120,8471300000,10,"1,234.50","12,345.00"'


@holds_for(
    {
        "GB18030": (lambda: read("序号,品名 Description of Goods,HS编码,数量 Quantity,单价 Unit price,金额 Amount (USD)\n1,笔记本电脑 AB-120,8471300000,10,5.50,55.00".encode("gb18030")), "55.00"),
        "windows-1251 in a declaration": (lambda: read(message("dt", "<esad:GoodsNumeric>1<", "<esad:GoodsNumeric> 1 <")), ""),
        "a byte order mark": (lambda: sheet(ROW, encoding="utf-8-sig"), "12,345.00"),
        "full-width digits": (lambda: sheet("１,Laptop AB-120,８４７１３０００００,１０,５．５０,５５．００"), "55.00"),
        "German marks": (lambda: sheet('1,Laptop AB-120,8471300000,10,"1.234,50","12.345,00"'), "12.345,00"),
        "Russian blanks": (lambda: sheet('1,Laptop AB-120,8471300000,10,"1 234,50","12 345,00"'), "12 345,00"),
        "dots in a code": (lambda: sheet("1,Laptop AB-120,8471.30.0000,10,5.50,55.00"), "55.00"),
        "thirteen digits": (lambda: sheet("1,Laptop AB-120,8471300000101,10,5.50,55.00"), "55.00"),
    }
)  # fmt: skip
def test_what_is_read_as_it_is_meant(case: tuple[Callable[[], Paper], str]) -> None:
    paper = case[0]()
    assert not [each for each in paper.remarks if each.refused]
    line = paper.lines[0]
    assert line.code is not None
    assert line.amount is not None
    assert not case[1] or (line.code.value.hs6, line.amount.written) == ("847130", case[1])
    if "12" in case[1]:
        assert line.amount.value.amount == 12345


def test_the_currency_in_a_header_is_understood_and_not_remarked() -> None:
    paper = sheet("1,Laptop AB-120,8471300000,10,5.50,55.00")
    assert paper.currency is not None
    assert (paper.currency.value, paper.remarks) == ("USD", ())


def boxed(number: str) -> Paper:
    """A Chinese declaration with that container number beside its own."""
    added = f"<DecContainers><Container><ContainerId>{number}</ContainerId></Container></DecContainers></DecMessage>"
    return read(message("cn", "</DecMessage>", added))


@holds_for(
    {
        "Cyrillic es in a container number": (lambda: boxed("СSQU3054383"), "only looks like a Latin letter", "Latin letters", "ContainerId"),
        "Cyrillic o in a container number": (lambda: boxed("CSQU3О54383"), "only looks like a Latin letter", "Latin letters", "ContainerId"),
        "Cyrillic en in a container number": (lambda: boxed("НZDU2127101"), "only looks like a Latin letter", "Latin letters", "ContainerId"),
        "a yen or yuan sign": (lambda: read("\n".join((HEADER.replace("USD", "¥"), ROW)).encode()), "CNY or JPY", "three letters of ISO 4217", ""),
        "thousands in a message": (lambda: read(message("dt", "<esad:InvoicedCost>", "<esad:InvoicedCost>1,")), "is no number", "decimal point", "InvoicedCost"),
        "one mark that may be either": (lambda: sheet('1,Laptop AB-120,8471300000,10,"1,234","12,345"'), "may be", "two decimals", "F3"),
        "eight digits and a letter": (lambda: sheet("1,Laptop AB-120,84713O00,10,5.50,55.00"), "is no commodity code", "digits", "C3"),
        "seven digits": (lambda: sheet("1,Laptop AB-120,8471300,10,5.50,55.00"), "is no commodity code", "digits", "C3"),
        "a total in words": (lambda: sheet(ROW, 'Total,,,,,"SAY TWELVE THOUSAND ONLY"'), "is no number", "digits", "F4"),
        "a negative line": (lambda: sheet("1,Laptop AB-120,8471300000,10,-5.50,-55.00"), "is negative", "discount", "F3"),
        "a line of nothing": (lambda: sheet("1,Laptop AB-120,8471300000,0,5.50,0.00"), "is not above zero", "Correct", "D3"),
        "a currency out of force": (lambda: read(message("dt", honest(Random(1), 2).dt["currency"] + "</esad:ContractCurrencyCode>", "RUR</esad:ContractCurrencyCode>")), "taken for RUB", "RUB", "ContractCurrencyCode"),
        "a contract number that was cut": (lambda: read(message("cn", "<ContrNo>", f"<ContrNo>{'X' * 32}")), "may be cut off", "", "ContrNo"),
        "a negative mass": (lambda: read(message("dt", "<esad:GrossWeightQuantity>", "<esad:GrossWeightQuantity>-")), "is negative", "zero", "GrossWeightQuantity"),
    }
)  # fmt: skip
def test_what_is_named_with_its_place_and_what_to_do(case: tuple[Callable[[], Paper], str, str, str]) -> None:
    make, about, remedy, at = case
    found = remarks(make(), about)
    assert found
    assert remedy in found[0].remedy
    assert at in found[0].place.at


def amend(papers: Papers, *, of: str, amount: str, number: str = "D1/01") -> Paper:
    """A correction of the price of the first item."""
    declared = stated(Kind.EAEU_DECLARATION, papers.dt)
    money = declared.lines[0].amount
    assert money is not None
    line = replace(
        declared.lines[0], amount=money._replace(value=replace(money.value, amount=Decimal(amount)))
    )
    named = Reference(ReferenceKind.DECLARATION, f(of))
    return read(
        write_paper(
            replace(declared, kind=Kind.EAEU_CORRECTION, id=f"K{amount}", number=f(number), references=(*declared.references, named), lines=(line,)), DAY
        ),
        f"kdt-{amount}.xml",
    )  # fmt: skip


def checked(papers: Papers, *more: Paper) -> tuple[Finding, ...]:
    read_ones = [read(content, name) for name, content in papers.files().items()]
    return findings(PaperSet((*read_ones, *more)), rules(DAY))


def reasons(found: tuple[Finding, ...]) -> set[tuple[str, Verdict, Reason]]:
    return {(each.check, each.verdict, each.reason) for each in found if each.verdict is not Verdict.MATCH}


def test_masses_in_tonnes_are_a_contradiction_that_says_so() -> None:
    papers = honest(Random(4), 3)
    papers.cn["gross"] = (papers.cn["gross"] / 1000).quantize(Decimal("0.001"))
    found = reasons(checked(papers))
    assert {(check, Verdict.CONTRADICTION, Reason.THOUSANDFOLD) for check in ("D18", "D19", "D20")} <= found


def test_an_amendment_without_its_original_twice_with_two_contents_or_in_a_circle() -> None:
    papers = honest(Random(4), 3)
    papers.dt["id"] = "D1"
    stray = amend(papers, of="D9", amount="1")
    assert ("D30", Verdict.REVIEW, Reason.NO_ORIGINAL) in reasons(checked(papers, stray))
    one, other = amend(papers, of="D1", amount="1"), amend(papers, of="D1", amount="2")
    assert ("D31", Verdict.CONTRADICTION, Reason.TWICE) in reasons(checked(papers, one, other))
    assert ("D31", Verdict.CONTRADICTION, Reason.TWICE) not in reasons(checked(papers, one, one))
    circle = (kdt(priced("1"), of="B/01", number=f("A/01")), kdt(priced("2"), of="A/01", number=f("B/01")))
    assert ("D30", Verdict.REVIEW, Reason.NO_ORIGINAL) in reasons(checked(papers, *circle))


def test_one_serial_number_in_two_offices_is_two_declarations() -> None:
    one, other = (
        eaeu_declaration.parse(f"{office}/200326/0001234").text for office in ("10702070", "10131010")
    )
    assert one != other
    papers = honest(Random(4), 3)
    elsewhere = amend(papers, of=other, amount="1", number=f"{other}/01")
    assert ("D30", Verdict.REVIEW, Reason.NO_ORIGINAL) in reasons(checked(papers, elsewhere))


@holds_for(
    {
        "a document type": (b'<!DOCTYPE ESADout_CU SYSTEM "x.dtd"><ESADout_CU/>', "document type", "DOCTYPE"),
        "a billion laughs": (
            b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><DecMessage>&b;</DecMessage>', "document type", "never resolved",
        ),
        "more elements than a declaration has": (b"<DecMessage>" + b"<a/>" * (MAX_ELEMENTS + 1) + b"</DecMessage>", "elements", "one message"),
        "too deep": (b"<DecMessage>" + b"<a>" * 70 + b"</a>" * 70 + b"</DecMessage>", "deeper than", "export it again"),
    }
)  # fmt: skip
def test_what_is_refused_as_a_whole(case: tuple[bytes, str, str]) -> None:
    content, why, remedy = case
    with pytest.raises(Refusal) as refused:
        read_papers(content, "paper", DAY)
    assert why in refused.value.detail
    assert remedy in refused.value.remedy


@pytest.mark.long
def test_a_declaration_of_999_items_is_read_whole() -> None:
    papers = honest(Random(5), 999)
    paper = read(papers.files()["dt.xml"], "dt.xml")
    assert (len(paper.lines), [each for each in paper.remarks if each.refused]) == (999, [])
