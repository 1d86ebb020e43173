"""Six papers of one generated shipment, written as messages: honest with the noise of the trade, or with one lie in one field; and trades amended once.

A paper is a mapping of fields until it is written; a lie changes one field of one paper.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

from schemas.identifiers.iso6346 import check_digit
from services.testbed.trade_messages import DAY, stated
from services.trade.domain.paper import Kind
from services.trade.formats import write_paper

CENT = Decimal("0.01")
_GOODS = (
    ("8471300000", "8471309900", "Ноутбук", "便携式电脑", "C62"),
    ("8504409999", "8504408300", "Преобразователь", "变流器", "C62"),
    ("9403200000", "9403208009", "Мебель металлическая", "金属家具", "C62"),
    ("6403990090", "6403999600", "Обувь", "鞋靴", "PR"),
    ("3926909090", "3926909709", "Изделия из пластмасс", "塑料制品", "C62"),
    ("8708299000", "8708299009", "Части кузова", "车身零件", "C62"),
)
_COMPANIES = (
    ("91610131MA6TXY8K3D", "XI'AN DRAGON IMPORT AND EXPORT CO., LTD", "7707083893", "ООО «СЕВЕРНЫЙ ИМПОРТ»", "SEVERNY IMPORT LLC"),
    ("91500000MA5U7H2T4C", "CHONGQING WESTERN TRADE CO., LTD", "7812345678", "АО «ВОСТОК-ТЕХНО»", "VOSTOK-TEKHNO JSC"),
)  # fmt: skip


@dataclass
class Papers:
    """The six papers by name, each a mapping of fields with a list of lines."""

    invoice: dict[str, Any]
    packing: dict[str, Any]
    note: dict[str, Any]
    cn: dict[str, Any]
    dt: dict[str, Any]
    td: dict[str, Any]

    def files(self) -> dict[str, bytes]:
        """Each paper as a file."""
        return {
            "invoice.xml": write_paper(stated(Kind.INVOICE, self.invoice), DAY),
            "packing.xml": write_paper(stated(Kind.PACKING_LIST, self.packing), DAY),
            "note.xml": write_paper(stated(Kind.RAIL_NOTE, self.note), DAY),
            "cn.xml": write_paper(stated(Kind.CN_DECLARATION, self.cn), DAY, "GB18030"),
            "dt.xml": write_paper(stated(Kind.EAEU_DECLARATION, self.dt), DAY, "windows-1251"),
            "td.xml": write_paper(stated(Kind.EAEU_TRANSIT, self.td), DAY),
        }


def box_number(random: Random) -> str:
    """A container number with its check digit."""
    stem = random.choice(("TBJU", "RZDU", "CSQU")) + f"{random.randrange(10**6):06}"
    return stem + check_digit(stem)


def honest(random: Random, lines: int = 0) -> Papers:
    """Six papers of one true shipment; what they differ in is lawful: rounding, merged lines, allocation, pre-lodging."""
    count = lines or random.randint(1, 12)
    currency = random.choice(("USD", "CNY", "EUR"))
    uscc, seller, inn, buyer, buyer_latin = random.choice(_COMPANIES)
    terms = random.choice(("FCA", "FOB", "EXW", "CIP", "CPT"))
    buyer_pays = terms in ("FCA", "FOB", "EXW")
    invoiced = date(2026, 2, 2) + timedelta(days=random.randrange(40))
    boxes = [box_number(random) for _ in range(max(1, count // 12))]
    seals = [f"CN{random.randrange(10**7):07}" for _ in boxes]
    goods = [goods_line(random, number) for number in range(1, count + 1)]
    total = sum((each["amount"] for each in goods), Decimal(0))
    gross = sum((each["gross"] for each in goods), Decimal(0))
    net = sum((each["net"] for each in goods), Decimal(0))
    packages = sum(each["packages"] for each in goods)
    rate = Decimal(random.randrange(700_000, 1_000_000)) / 10_000
    freight = (total * Decimal("0.06")).quantize(CENT)
    contract = f"XA-{random.randrange(10**5)}"
    declared = [dict(each) for each in goods]
    if random.random() < 0.3:
        declared = merged_lines(goods)
    items = [dict(each) for each in goods]
    if random.random() < 0.3:  # gross mass allocated to the items by net mass
        for each in items:
            each["gross"] = (gross * each["net"] / net).quantize(Decimal("0.001"))
    for each in items:
        added = freight * each["amount"] / total if buyer_pays else Decimal(0)
        each["customs_value"] = ((each["amount"] + added) * rate).quantize(CENT)
    shared = {
        "currency": currency,
        "contract": contract,
        "invoice": f"INV-{random.randrange(10**4)}",
        "boxes": boxes,
        "day": invoiced,
    }
    lodged = invoiced + timedelta(days=random.randrange(1, 6))
    departed = lodged + timedelta(days=random.randrange(1, 4))
    names = {"seller": seller, "buyer": buyer, "uscc": uscc, "inn": inn, "buyer_latin": buyer_latin}
    place = random.choice(("Xi'an", "Chongqing"))
    pallets = random.random() < 0.2
    note_no = f"{random.randrange(10**7, 10**8)}"
    return Papers(
        {**shared, **names, "terms": terms, "place": place, "total": total, "lines": [dict(each) for each in goods]},
        {**shared, **names, "terms": terms, "place": place, "gross": gross, "net": net, "packages": packages, "level": "CT",
         "lines": [dict(each) for each in goods]},
        {**shared, **names, "number": note_no, "day": departed, "gross": gross.quantize(Decimal(1), ROUND_HALF_UP), "packages": packages,
         "seals": list(seals), "lines": [{"number": each["number"], "hs6": each["hs6"], "ru": each["ru"], "article": each["article"]} for each in items]},
        {**shared, **names, "number": f"90012026{'0'}{random.randrange(10**9):09}", "day": lodged, "export_day": departed,
         "terms": {"FCA": "3", "FOB": "3", "EXW": "7", "CIP": "1", "CPT": "2"}[terms],
         "freight": None if buyer_pays else freight, "gross": gross, "net": net,
         "packages": len(boxes) * 20 if pallets else packages, "level": "92" if pallets else "22", "lines": declared},
        {**shared, **names, "day": departed + timedelta(days=random.randrange(-4, 12)), "terms": terms, "place": place, "total": total,
         "rate": rate, "freight": freight, "packages": packages, "note": note_no, "seals": [], "lines": items},
        {**shared, **names, "day": departed + timedelta(days=6), "terms": "", "place": "", "total": None, "rate": None,
         "packages": packages, "note": note_no, "seals": list(seals), "lines": items},
    )  # fmt: skip


def goods_line(random: Random, number: int) -> dict[str, Any]:
    """The fields of one line of goods that are true on every paper."""
    cn, eaeu, ru, zh, unit = random.choice(_GOODS)
    quantity = Decimal(random.randrange(2, 900))
    price = Decimal(random.randrange(100, 90_000)) / Decimal(random.choice((100, 100, 10_000)))
    net = (quantity * Decimal(random.randrange(200, 4_000)) / 1_000).quantize(Decimal("0.001"))
    gross = (net * Decimal(random.randrange(1_050, 1_350)) / 1_000).quantize(Decimal("0.001"))
    return {
        "number": number, "cn": cn, "hs6": cn[:6], "eaeu": cn[:6] + eaeu[6:], "ru": ru, "zh": zh, "unit": unit, "quantity": quantity,
        "price": price, "amount": (quantity * price).quantize(CENT, ROUND_HALF_UP), "net": net, "gross": gross,
        "packages": random.randrange(1, 60), "article": f"{random.choice('ABCDXZ')}{random.randrange(100, 10_000)}-{number}", "origin": "CN",
    }  # fmt: skip


def merged_lines(goods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line a commodity code, as declarations do."""
    merged: dict[str, dict[str, Any]] = {}
    for each in goods:
        if each["cn"] not in merged:
            merged[each["cn"]] = {**each, "number": len(merged) + 1}
            continue
        line = merged[each["cn"]]
        for name in ("quantity", "amount", "net", "gross", "packages"):
            line[name] += each[name]
    return list(merged.values())


_LIES = {
    "invoice": ("total", "currency", "line.quantity", "line.price", "line.amount", "line.hs6", "line.origin"),
    "packing": ("gross", "net", "packages", "terms", "line.quantity", "line.gross", "line.net"),
    "note": ("gross", "packages", "box", "seal", "line.hs6"),
    "cn": ("gross", "net", "packages", "terms", "currency", "box", "line.quantity", "line.amount", "line.hs6", "line.origin", "line.net"),
    "dt": ("total", "packages", "terms", "currency", "box", "rate", "line.quantity", "line.amount", "line.hs6", "line.origin", "line.net",
           "line.gross", "line.customs_value"),
    "td": ("packages", "box", "seal", "line.hs6", "line.gross"),
}  # fmt: skip
LIES = tuple((paper, name) for paper, names in _LIES.items() for name in names)


def lie(random: Random, papers: Papers, paper: str, name: str) -> Papers:
    """``papers`` with one field of one paper changed: a number by 6 % at least, a code to another of its form."""
    changed = copy.deepcopy(papers)
    told = getattr(changed, paper)
    field = name.removeprefix("line.")
    target = random.choice(told["lines"]) if name.startswith("line.") else told
    if field == "box":
        told["boxes"] = [box_number(random), *told["boxes"][1:]]
    elif field == "seal":
        told["seals"] = [f"XX{random.randrange(10**7):07}", *told["seals"][1:]]
    elif field == "currency":
        told["currency"] = {"USD": "EUR", "EUR": "CNY", "CNY": "USD"}[told["currency"]]
    elif field == "terms":
        told["terms"] = {"3": "1", "7": "3", "1": "3", "2": "1"}.get(told["terms"]) or (
            "DAP" if told["terms"] != "DAP" else "EXW"
        )
    elif field == "origin":
        target["origin"] = random.choice(("VN", "TH", "KR"))
    elif field == "hs6":
        old = target["hs6"]
        new = old[:4] + f"{(int(old[4:]) + random.randrange(1, 99)) % 100:02}"
        target["hs6"], target["cn"], target["eaeu"] = new, new + "0000", new + "0000"
    elif field == "packages":
        told["packages"] += random.choice((-1, 1)) * random.randrange(1, 20) or 1
        told["packages"] = max(told["packages"], 0)
    else:
        value = target[field]
        factor = Decimal(random.choice((random.randrange(40, 94), random.randrange(106, 190)))) / 100
        moved = value * factor
        target[field] = (
            moved.quantize(Decimal(1), ROUND_HALF_UP) if field == "quantity" else moved.quantize(CENT)
        )
        if target[field] == value:
            target[field] += 1
        if field == "rate":
            target[field] = moved.quantize(Decimal("0.0001"))
    return changed
