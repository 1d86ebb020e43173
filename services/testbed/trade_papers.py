"""Six papers of one generated shipment, written as messages: honest with the noise of the trade, or with one lie in one field; and trades amended once.

The writer shares no word with the readers. A paper is a mapping of fields; a lie changes one field of one paper. An amendment is a second version of the
trade's dataset that both declarations followed, or all but one, which is the truth to be found.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any
from xml.sax.saxutils import escape

from schemas.identifiers.iso6346 import check_digit
from services.trade.formats.dataset import read as read_dataset

CENT = Decimal("0.01")
_GOODS = (
    ("8471300000", "8471309900", "Ноутбук", "便携式电脑", "C62"),
    ("8504409999", "8504408300", "Преобразователь", "变流器", "C62"),
    ("9403200000", "9403208009", "Мебель металлическая", "金属家具", "C62"),
    ("6403990090", "6403999600", "Обувь", "鞋靴", "PR"),
    ("3926909090", "3926909709", "Изделия из пластмасс", "塑料制品", "C62"),
    ("8708299000", "8708299009", "Части кузова", "车身零件", "C62"),
)
_UNITS = {"C62": ("007", "796", "шт"), "PR": ("025", "715", "пар")}
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
            "invoice.xml": _invoice(self.invoice).encode(),
            "packing.xml": _packing(self.packing).encode(),
            "note.xml": _note(self.note).encode(),
            "cn.xml": _dec_message(self.cn).encode("gb18030"),
            "dt.xml": _esad(self.dt, "ИМ").encode("windows-1251"),
            "td.xml": _esad(self.td, "ТТ").encode(),
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
    goods = [_goods(random, number) for number in range(1, count + 1)]
    total = sum((each["amount"] for each in goods), Decimal(0))
    gross = sum((each["gross"] for each in goods), Decimal(0))
    net = sum((each["net"] for each in goods), Decimal(0))
    packages = sum(each["packages"] for each in goods)
    rate = Decimal(random.randrange(700_000, 1_000_000)) / 10_000
    freight = (total * Decimal("0.06")).quantize(CENT)
    contract = f"XA-{random.randrange(10**5)}"
    declared = [dict(each) for each in goods]
    if random.random() < 0.3:
        declared = _merged(goods)
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
         "seals": list(seals), "lines": [{"hs6": each["hs6"], "ru": each["ru"], "article": each["article"]} for each in items]},
        {**shared, **names, "number": f"90012026{'0'}{random.randrange(10**9):09}", "day": lodged, "export_day": departed,
         "terms": {"FCA": "3", "FOB": "3", "EXW": "7", "CIP": "1", "CPT": "2"}[terms],
         "freight": None if buyer_pays else freight, "gross": gross, "net": net,
         "packages": len(boxes) * 20 if pallets else packages, "level": "92" if pallets else "22", "lines": declared},
        {**shared, **names, "day": departed + timedelta(days=random.randrange(-4, 12)), "terms": terms, "place": place, "total": total,
         "rate": rate, "freight": freight, "packages": packages, "note": note_no, "seals": [], "lines": items},
        {**shared, **names, "day": departed + timedelta(days=6), "terms": "", "place": "", "total": None, "rate": None,
         "packages": packages, "note": note_no, "seals": list(seals), "lines": items},
    )  # fmt: skip


def _goods(random: Random, number: int) -> dict[str, Any]:
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


def _merged(goods: list[dict[str, Any]]) -> list[dict[str, Any]]:
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
_CN_TERMS = {"FCA": "3", "FOB": "3", "EXW": "7", "CIP": "1", "CPT": "2"}
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
        files["kdt.xml"] = _correction(after.dt, at).encode()
        dt["amendments"] = [{"file": "kdt.xml", "version": 2, "at": "2026-05-21T08:00:00Z"}]
    files["filings.json"] = json.dumps({"filings": [cn, dt]}).encode()
    joined = [f"L{n}" for n, number in numbers.items() if number == numbers[at + 1]]
    return AmendedTrade(
        files, behind, AMENDED[name], "" if name in ("boxes", "terms") else "+".join(sorted(joined))
    )


def _line_of(lines: list[dict[str, Any]], goods: dict[str, Any]) -> int:
    return int(next(each["number"] for each in lines if each["cn"] == goods["cn"]))


def _links(numbers: dict[int, int]) -> list[dict[str, str]]:
    return [{"dataset": f"L{n}", "declared": str(number)} for n, number in numbers.items()]


def _amend(random: Random, papers: Papers, at: int, declared: int, name: str) -> None:
    """Both declarations, invoice and packing list with one fact changed: a number by 8 % at least, a code to another of its form."""
    goods = papers.invoice["lines"][at]
    line = next(each for each in papers.cn["lines"] if each["number"] == declared)
    item = papers.dt["lines"][at]
    lines = (goods, papers.packing["lines"][at], line, item)
    if name == "boxes":
        number = box_number(random)
        for paper in (papers.invoice, papers.cn, papers.dt):
            paper["boxes"] = [number, *paper["boxes"][1:]]
    elif name == "terms":
        terms = _NEXT_TERMS[papers.invoice["terms"]]
        papers.invoice["terms"] = papers.dt["terms"] = terms
        papers.cn["terms"] = _CN_TERMS[terms]
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
         "quantity": _plain(each["quantity"]), "unit": each["unit"], "price": _plain(each["price"]), "amount": _plain(each["amount"]),
         "gross": _plain(packed["gross"]), "net": _plain(packed["net"]), "packages": packed["packages"]}
        for each, packed in zip(invoice["lines"], packing["lines"], strict=True)
    ]  # fmt: skip
    stated = {"reference": "T-1", "version": version, "previous": previous, "currency": invoice["currency"], "terms": invoice["terms"],
              "boxes": invoice["boxes"], "lines": lines}  # fmt: skip
    return json.dumps({name: value for name, value in stated.items() if value != ""}).encode()


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _digest(dataset: bytes) -> str:
    return read_dataset(dataset, date(2026, 3, 20)).digest


def _correction(paper: dict[str, Any], at: int) -> str:
    """The correction of a declaration that was amended: its head, and the item at ``at`` alone."""
    text = _esad({**paper, "lines": [paper["lines"][at]]}, "ИМ")
    for old, new in (
        ("windows-1251", "UTF-8"), ("ESADout_CUGoodsShipment", "KDToutGoodsShipment"), ("ESADout_CUGoods>", "KDToutGoods>"),
        ("ESADout_CUMainContractTerms", "KDToutMainContractTerms"), ("ESADout_CUPresentedDocument", "KDToutPresentedDocument"),
        ("ESADout_CUConsign", "KTDoutConsign"), ("ESADout_CU", "KDTout_CU"),
        ("<DocumentID>D1</DocumentID>", "<DocumentID>K1</DocumentID><RefDocumentID>D1</RefDocumentID><KDTNumber>1</KDTNumber>"),
    ):  # fmt: skip
        text = text.replace(old, new)
    return text


def _tag(name: str, value: object) -> str:
    return "" if value is None or value == "" else f"<{name}>{escape(str(value))}</{name}>"


def _organisation(name: str, title: str, inn: str = "") -> str:
    features = f"<RFOrganizationFeatures>{_tag('INN', inn)}</RFOrganizationFeatures>" if inn else ""
    return f"<{name}>{_tag('OrganizationName', title)}{features}</{name}>"


def _document(name: str, number: object, day: object, mode: str = "") -> str:
    return f"<{name}>{_tag('PrDocumentNumber', number)}{_tag('PrDocumentDate', day)}{_tag('PresentedDocumentModeCode', mode)}</{name}>"


_ALBUM = "urn:customs.ru:Information:"


def _invoice(paper: dict[str, Any]) -> str:
    lines = "".join(
        "<InvoiceGoods>"
        + _tag("GoodsDescription", f"{each['ru']} {each['article']}")
        + _tag("GoodsCode", each["hs6"])
        + _tag("GoodsQuantity", each["quantity"])
        + _tag("MeasureUnitQualifierName", _UNITS[each["unit"]][2])
        + _tag("GoodsPrice", each["price"])
        + _tag("GoodsCost", each["amount"])
        + _tag("OriginA3CountryCode", {"CN": "CHN", "VN": "VNM", "TH": "THA", "KR": "KOR"}[each["origin"]])
        + "</InvoiceGoods>"
        for each in paper["lines"]
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><CommercialInvoice xmlns="{_ALBUM}CommercialFinanceDocuments:CommercialInvoice:5.22.0">'
        + _tag("CurrencyCode", paper["currency"])
        + _tag("TotalCost", paper["total"])
        + _organisation("Buyer", paper["buyer"], paper["inn"])
        + _organisation("Seller", paper["seller"])
        + _organisation("Consignee", paper["buyer"], paper["inn"])
        + _organisation("Consignor", paper["seller"])
        + lines
        + _document("Registration", paper["invoice"], paper["day"])
        + "</CommercialInvoice>"
    )


def _packing(paper: dict[str, Any]) -> str:
    lines = "".join(
        "<Goods>"
        + _tag("GoodsDescription", f"{each['ru']} {each['article']}")
        + _tag("GoodsQuantity", each["quantity"])
        + _tag("MeasureUnitQualifierName", _UNITS[each["unit"]][2])
        + _tag("GrossWeightQuantity", each["gross"])
        + _tag("NetWeightQuantity", each["net"])
        + _tag("MeasureUnitQualifierCode", _UNITS[each["unit"]][1])
        + "</Goods>"
        for each in paper["lines"]
    )
    return (
        f'<PackingList xmlns="{_ALBUM}CommercialFinanceDocuments:PackingList:5.22.0">'
        + _tag("GrossWeightQuantity", paper["gross"])
        + _tag("NetWeightQuantity", paper["net"])
        + _organisation("Consignor", paper["seller"])
        + _organisation("Consignee", paper["buyer"], paper["inn"])
        + f"<DeliveryTerms>{_tag('DeliveryPlace', paper['place'])}{_tag('DeliveryTermsStringCode', paper['terms'])}"
        + _document("Contract", paper["contract"], "2026-01-10")
        + _document("Invoice", paper["invoice"], paper["day"])
        + _document("Registration", "PL-" + paper["invoice"], paper["day"])
        + "</DeliveryTerms>"
        + lines
        + f"<TotalPlacesQuantity>{_tag('PlacesQuantity', paper['packages'])}{_tag('PackingCode', paper['level'])}</TotalPlacesQuantity>"
        + "</PackingList>"
    )


def _note(paper: dict[str, Any]) -> str:
    goods = "".join(
        f"<RWBGoods>{_tag('GoodsDescription', each['ru'] + ' ' + each['article'])}{_tag('GoodsNomenclatureCode', each['hs6'])}</RWBGoods>"
        for each in paper["lines"]
    )
    return (
        f'<RailwayBill xmlns="{_ALBUM}TransportDocuments:Railway:RailwayBill:5.23.0">'
        + _tag("Number", paper["number"])
        + _document("RegistrationDocument", paper["number"], paper["day"])
        + _tag("PlacesQuantity", paper["packages"])
        + _tag("GrossWeightQuantity", paper["gross"])
        + _tag("WeightDefinitionModeDescription", "по документам отправителя")
        + _organisation("Consignor", paper["seller"])
        + _organisation("Consignee", paper["buyer"], paper["inn"])
        + goods
        + "".join(f"<Container>{_tag('ContainerID', each)}</Container>" for each in paper["boxes"])
        + "".join(f"<Seal>{_tag('SealID', each)}{_tag('SealQuantity', 1)}</Seal>" for each in paper["seals"])
        + f"<ContractCarrierDate>{_tag('Date', paper['day'])}</ContractCarrierDate>"
        + "</RailwayBill>"
    )


def _dec_message(paper: dict[str, Any]) -> str:
    lines = "".join(
        "<DecList>"
        + _tag("GNo", each["number"])
        + _tag("CodeTS", each["cn"])
        + _tag("GName", each["zh"])
        + _tag("GModel", f"0|0|{each['article']}")
        + _tag("GQty", each["quantity"])
        + _tag("GUnit", _UNITS[each["unit"]][0])
        + _tag("FirstQty", each["net"])
        + _tag("FirstUnit", "035")
        + _tag("DeclTotal", each["amount"])
        + _tag("TradeCurr", paper["currency"])
        + _tag("OriginCountry", {"CN": "CHN", "VN": "VNM", "TH": "THA", "KR": "KOR"}[each["origin"]])
        + "</DecList>"
        for each in paper["lines"]
    )
    fee = (
        _tag("FeeMark", "3") + _tag("FeeRate", paper["freight"]) + _tag("FeeCurr", paper["currency"])
        if paper["freight"]
        else ""
    )
    return (
        '<?xml version="1.0" encoding="GB18030"?><DecMessage xmlns="http://www.chinaport.gov.cn/dec"><DecHead>'
        + _tag("EntryId", paper["number"])
        + _tag("IEFlag", "E")
        + _tag("TradeMode", "0110")
        + _tag("TradeCoScc", paper["uscc"])
        + _tag("TradeName", paper["seller"])
        + _tag("OverseasConsigneeEname", paper["buyer_latin"])
        + _tag("ContrNo", paper["contract"])
        + _tag("TransMode", paper["terms"])
        + fee
        + _tag("PackNo", paper["packages"])
        + _tag("WrapType", paper["level"])
        + _tag("GrossWet", paper["gross"])
        + _tag("NetWt", paper["net"])
        + _tag("TradeAreaCode", "RUS")
        + _tag("DDate", f"{paper['day']:%Y%m%d}")
        + _tag("IEDate", f"{paper['export_day']:%Y%m%d}")
        + f"</DecHead><DecLists>{lines}</DecLists><DecContainers>"
        + "".join(f"<Container>{_tag('ContainerId', each)}</Container>" for each in paper["boxes"])
        + "</DecContainers></DecMessage>"
    )


def _esad(paper: dict[str, Any], procedure: str) -> str:
    goods = "".join(
        "<ESADout_CUGoods>"
        + _tag("GoodsNumeric", each["number"])
        + _tag("GoodsDescription", f"{each['ru']} {each['article']}")
        + _tag("GrossWeightQuantity", each["gross"])
        + (_tag("NetWeightQuantity", each["net"]) if paper["total"] is not None else "")
        + (_tag("InvoicedCost", each["amount"]) if paper["total"] is not None else "")
        + (_tag("CustomsCost", each["customs_value"]) if paper["total"] is not None else "")
        + _tag("GoodsTNVEDCode", each["eaeu"] if paper["total"] is not None else each["hs6"])
        + (_tag("OriginCountryCode", each["origin"]) if paper["total"] is not None else "")
        + _document("ESADout_CUPresentedDocument", paper["contract"], "2026-01-10", "03011")
        + _document("ESADout_CUPresentedDocument", paper["note"], paper["day"], "02013")
        + "<SupplementaryGoodsQuantity1>"
        + _tag("GoodsQuantity", each["quantity"])
        + _tag("MeasureUnitQualifierCode", _UNITS[each["unit"]][1])
        + "</SupplementaryGoodsQuantity1>"
        + "<ESADContainer>"
        + "".join(
            f"<ContainerNumber>{_tag('ContainerIdentificaror', box)}</ContainerNumber>"
            for box in paper["boxes"]
        )
        + "</ESADContainer></ESADout_CUGoods>"
        for each in paper["lines"]
    )
    terms = (
        "<ESADout_CUMainContractTerms>"
        + _tag("ContractCurrencyCode", paper["currency"])
        + _tag("ContractCurrencyRate", paper["rate"])
        + _tag("TotalInvoiceAmount", paper["total"])
        + _tag("TradeCountryCode", "CN")
        + f"<CUESADDeliveryTerms>{_tag('DeliveryPlace', paper['place'])}{_tag('DeliveryTermsStringCode', paper['terms'])}</CUESADDeliveryTerms>"
        + "</ESADout_CUMainContractTerms>"
        if paper["total"] is not None
        else ""
    )
    encoding = "windows-1251" if procedure == "ИМ" else "UTF-8"
    return (
        f'<?xml version="1.0" encoding="{encoding}"?><ESADout_CU xmlns="{_ALBUM}CustomsDocuments:ESADout_CU:5.23.0">'
        + _tag("DocumentID", paper.get("id"))
        + f"<EECEDocHeaderAddInfo>{_tag('EDocDateTime', str(paper['day']) + 'T10:00:00')}</EECEDocHeaderAddInfo>"
        + _tag("CustomsProcedure", procedure)
        + "".join(_tag("SealId", each) for each in paper["seals"])
        + "<ESADout_CUGoodsShipment>"
        + _tag("TotalGoodsNumber", len(paper["lines"]))
        + _tag("TotalPackageNumber", paper["packages"])
        + _organisation("ESADout_CUConsignor", paper["seller"])
        + _organisation("ESADout_CUConsignee", paper["buyer"], paper["inn"])
        + terms
        + goods
        + "</ESADout_CUGoodsShipment></ESADout_CU>"
    )
