"""Trades that were amended once: both declarations followed the second version of the dataset, or all but one, which is the truth to be found."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

from services.testbed.trade_messages import stated
from services.testbed.trade_papers import Papers, box_number, honest
from services.trade.domain.checks.amounts import CN_TERMS
from services.trade.domain.paper import Kind, Reference, ReferenceKind
from services.trade.domain.values import Field, Place, number
from services.trade.formats import write_paper
from services.trade.formats.dataset import read as read_dataset

DAY = date(2026, 3, 20)
AMENDED = {
    "amount": "21",
    "quantity": "33",
    "net": "31",
    "origin": "27",
    "hs6": "24",
    "boxes": "37",
    "terms": "17",
}
"""What is amended, with the number of its element in the crosswalk."""
_NEXT_TERMS = {"FCA": "CPT", "FOB": "CIP", "EXW": "FCA", "CIP": "FOB", "CPT": "EXW"}
_REGISTERED = "10702070/200326/0001234"


@dataclass(frozen=True)
class AmendedTrade:
    """The files of a trade that was amended once; ``behind`` did not follow ("cn", "dt", "" for none), in ``element`` of dataset line ``line``."""

    files: dict[str, bytes]
    behind: str
    element: str
    line: str


def amended(random: Random, name: str, behind: str) -> AmendedTrade:
    """A trade of which ``name`` was amended: two versions of its dataset, both declarations, the amendments of those that followed, and what was filed."""
    papers = honest(random)
    while name in ("hs6", "origin") and len(papers.cn["lines"]) != len(papers.invoice["lines"]):
        papers = honest(random)  # merged lines have one code and one origin
    papers.dt["id"] = "D1"
    goods = papers.invoice["lines"]
    merged = len(papers.cn["lines"]) != len(goods)
    numbers = {
        each["number"]: _line_of(papers.cn["lines"], each) if merged else each["number"] for each in goods
    }
    at = random.randrange(len(goods))
    after = copy.deepcopy(papers)
    _amend(random, after, at, numbers[at + 1], name)
    first = _dataset(papers.invoice, papers.packing, 1, "")
    second = _dataset(after.invoice, after.packing, 2, _digest(first))
    files = papers.files()
    files = {"v1.json": first, "v2.json": second, "cn.xml": files["cn.xml"], "dt.xml": files["dt.xml"]}
    cn: dict[str, Any] = {"file": "cn.xml", "version": 1, "phase": "ACCEPTED", "links": _links(numbers)}
    dt: dict[str, Any] = {
        "file": "dt.xml", "declaration": _REGISTERED, "version": 1, "links": _links({n: n for n in numbers})
    }  # fmt: skip
    if behind != "cn":
        files["cn-2.xml"] = after.files()["cn.xml"]
        cn["amendments"] = [{"file": "cn-2.xml", "number": "M-1", "version": 2, "at": "2026-05-20T08:00:00Z"}]
    if behind != "dt":
        files["kdt.xml"] = _correction(after.dt, at)
        dt["amendments"] = [{"file": "kdt.xml", "version": 2, "at": "2026-05-21T08:00:00Z"}]
    files["filings.json"] = json.dumps({"filings": [cn, dt]}).encode()
    joined = [f"L{n}" for n, declared in numbers.items() if declared == numbers[at + 1]]
    return AmendedTrade(
        files, behind, AMENDED[name], "" if name in ("boxes", "terms") else "+".join(sorted(joined))
    )


def _line_of(lines: list[dict[str, Any]], goods: dict[str, Any]) -> int:
    return int(next(each["number"] for each in lines if each["cn"] == goods["cn"]))


def _links(numbers: dict[int, int]) -> list[dict[str, str]]:
    return [{"dataset": f"L{n}", "declared": str(declared)} for n, declared in numbers.items()]


def _amend(random: Random, papers: Papers, at: int, declared: int, name: str) -> None:
    """Both declarations, invoice and packing list with one fact changed: a number by 8 % at least, a code to another of its form."""
    goods = papers.invoice["lines"][at]
    line = next(each for each in papers.cn["lines"] if each["number"] == declared)
    item = papers.dt["lines"][at]
    lines = (goods, papers.packing["lines"][at], line, item)
    if name == "boxes":
        box = box_number(random)
        for paper in (papers.invoice, papers.cn, papers.dt):
            paper["boxes"] = [box, *paper["boxes"][1:]]
    elif name == "terms":
        terms = _NEXT_TERMS[papers.invoice["terms"]]
        papers.invoice["terms"] = papers.dt["terms"] = terms
        papers.cn["terms"] = CN_TERMS[terms]
    elif name == "origin":
        for each in lines:
            each["origin"] = "VN"
    elif name == "hs6":
        new = goods["hs6"][:4] + f"{(int(goods['hs6'][4:]) + 1) % 100:02}"
        for each in lines:
            each["hs6"], each["cn"], each["eaeu"] = new, new + "0000", new + "0000"
    else:
        added = max((goods[name] * Decimal(random.randrange(8, 60)) / 100).quantize(Decimal(1)), Decimal(1))
        if name == "net":  # half a percent is within what two definitions of net mass explain
            added = max(added, (line[name] * Decimal("0.02")).quantize(Decimal(1)))
        for each in lines:
            each[name] += added
        if name == "amount":
            papers.dt["total"] += added


def _dataset(invoice: dict[str, Any], packing: dict[str, Any], version: int, previous: str) -> bytes:
    lines = [
        {"id": f"L{each['number']}", "description": f"{each['ru']} {each['article']}", "code": each["cn"], "origin": each["origin"],
         "quantity": number(each["quantity"]), "unit": each["unit"], "price": number(each["price"]), "amount": number(each["amount"]),
         "gross": number(packed["gross"]), "net": number(packed["net"]), "packages": packed["packages"]}
        for each, packed in zip(invoice["lines"], packing["lines"], strict=True)
    ]  # fmt: skip
    stated = {"reference": "T-1", "version": version, "previous": previous, "currency": invoice["currency"], "terms": invoice["terms"],
              "boxes": invoice["boxes"], "lines": lines}  # fmt: skip
    return json.dumps({name: value for name, value in stated.items() if value != ""}).encode()


def _digest(dataset: bytes) -> str:
    return read_dataset(dataset, DAY).digest


def _correction(paper: dict[str, Any], at: int) -> bytes:
    """The correction of a declaration that was amended: its head, and the item at ``at`` alone."""
    amended = stated(Kind.EAEU_DECLARATION, paper)
    place = Place("", "")
    named = Reference(ReferenceKind.DECLARATION, Field("D1", "D1", place))
    correction = replace(
        amended, kind=Kind.EAEU_CORRECTION, id="K1", number=Field("D1/01", "D1/01", place), references=(*amended.references, named),
        lines=(amended.lines[at],),
    )  # fmt: skip
    return write_paper(correction, DAY)
