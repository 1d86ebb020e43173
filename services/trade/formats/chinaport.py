"""DecMessage of China's single window (http://www.chinaport.gov.cn/dec), the message of the declaration form of 2018.

No schema of it is public; the elements are those that implementations agree on. Codes of units and currencies are China's own or
ISO's. A declaration has one gross mass, none for its lines.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.markup import Node
from services.trade.domain.crosswalk import codes, meanings
from services.trade.domain.paper import (
    Charge,
    ChargeKind,
    Kind,
    Line,
    Paper,
    Party,
    Reference,
    ReferenceKind,
    Role,
)
from services.trade.domain.values import Field, Money, Place, Quantity, country_alpha3, number, plain
from services.trade.formats.reading import Reading
from services.trade.formats.writing import Part, Unwritable, always, branch, document, leaf

ROOTS: Final = ("DecMessage",)
_NAMESPACE: Final = "http://www.chinaport.gov.cn/dec"
_CHARGES: Final = (("Fee", ChargeKind.FREIGHT), ("Insur", ChargeKind.INSURANCE), ("Other", ChargeKind.OTHER))


def read(root: Node, file: str, as_of: date) -> Paper:
    """The declaration in a DecMessage; raises Refusal for one of imports, which is another state's export."""
    head = root.require("DecHead")
    reading = Reading(file, as_of)
    declared = reading.date(head, "DDate") or reading.date(head, "IEDate")
    if declared is not None:
        reading.day = declared.value
    if plain(head.value("IEFlag")).upper() == "I":
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The declaration is one of import.",
            f"{head.path}/IEFlag",
            "Give the export declaration.",
        )
    lines = tuple(_line(reading, node) for each in root.all("DecLists") for node in each.all("DecList"))
    currencies = tuple(
        found
        for each in root.all("DecLists")
        for node in each.all("DecList")
        if (found := reading.currency(node, "TradeCurr")) is not None
    )
    contract = reading.text(head, "ContrNo")
    most = int(codes("limit", as_of)["contract"].code("cn"))
    if contract is not None and len(contract.value) >= most:
        reading.remark(
            contract.place.at,
            f"The contract number has {len(contract.value)} characters, the most there can be: it may be cut off.",
        )
    bill = reading.text(head, "BillNo")
    level = meanings("package", "cn", reading.day).get(plain(head.value("WrapType")), "")
    boxes = [
        reading.box(node, "ContainerId")
        for name in ("DecContainers", "DecContainer")
        for each in root.all(name)
        for node in (*each.all("Container"), *each.all("DecContainer"))
    ]
    paper = Paper(
        Kind.CN_DECLARATION,
        Place(file, root.path),
        number=reading.text(head, "EntryId") or reading.text(head, "SeqNo"),
        day=reading.date(head, "DDate"),
        export_day=reading.date(head, "IEDate"),
        parties=_parties(reading, head),
        references=(
            *([Reference(ReferenceKind.CONTRACT, contract)] if contract else []),
            *([Reference(ReferenceKind.TRANSPORT, bill)] if bill else []),
        ),
        terms=reading.text(head, "TransMode"),
        currencies=currencies,
        charges=tuple(charge for name, kind in _CHARGES for charge in _charge(reading, head, name, kind)),
        gross=reading.mass(head, "GrossWet") or reading.mass(head, "GrossWt"),
        net=reading.mass(head, "NetWt"),
        packages=reading.packages(head, "PackNo", level),
        boxes=tuple(each for each in boxes if each),
        trade_country=reading.country(head, "TradeAreaCode", "CN"),
        procedure=reading.text(head, "TradeMode"),
        mode=reading.listed(head, "TrafMode", "mode", "cn"),
        destination=reading.country(head, "TradeCountry", "CN"),
        lines=lines,
    )
    return replace(paper, remarks=tuple(reading.remarks))


def _parties(reading: Reading, head: Node) -> tuple[Party, ...]:
    consignor = reading.party(
        Role.CONSIGNOR, reading.text(head, "TradeCoScc"), reading.text(head, "TradeName")
    )
    consignee = reading.party(Role.CONSIGNEE, None, reading.text(head, "OverseasConsigneeEname"))
    return tuple(each for each in (consignor, consignee) if each)


def _charge(reading: Reading, head: Node, name: str, kind: ChargeKind) -> tuple[Charge, ...]:
    """A charge by its mark: 1 a percentage, 2 an amount for each tonne, 3 an amount."""
    mark = plain(head.value(f"{name}Mark"))
    rate = reading.number(head, f"{name}Rate")
    if rate is None or not mark:
        return ()
    if mark == "1":
        return (Charge(kind, share=Field(rate.value / Decimal(100), rate.written, rate.place)),)
    money = reading.currency(head, f"{name}Curr")
    if mark == "3" and money is not None:
        return (Charge(kind, Field(Money(rate.value, money.value), rate.written, rate.place)),)
    reading.remark(
        rate.place.at,
        f"The charge of mark {mark[:4]!r} has no total that can be compared.",
        "Give it as a total, mark 3.",
    )
    return ()


def _line(reading: Reading, node: Node) -> Line:
    money = reading.currency(node, "TradeCurr")
    first = reading.quantity(node.find("FirstQty"), node.find("FirstUnit"), "CN")
    second = reading.quantity(node.find("SecondQty"), node.find("SecondUnit"), "CN")
    number = reading.text(node, "GNo")
    name, model = reading.text(node, "GName"), reading.text(node, "GModel")
    description = name
    if name is not None and model is not None:
        description = Field(f"{name.value} {model.value}", f"{name.written} {model.written}", name.place)
    kilograms = next((each for each in (first, second) if each and _is_mass(each.value)), None)
    return Line(
        number.value if number else "?",
        Place(reading.file, node.path),
        description=description,
        code=reading.code(node, "CodeTS", "CN"),
        origin=reading.country(node, "OriginCountry", "CN"),
        quantity=reading.quantity(node.find("GQty"), node.find("GUnit"), "CN"),
        further=tuple(each for each in (first, second) if each),
        price=reading.number(node, "DeclPrice"),
        amount=reading.amount(node, "DeclTotal", money.value if money else ""),
        net=None if kilograms is None else Field(kilograms.value.in_base, kilograms.written, kilograms.place),
    )


def _is_mass(quantity: Quantity) -> bool:
    return quantity.unit is not None and quantity.unit.base == "KGM"


def write(paper: Paper, as_of: date, encoding: str = "UTF-8") -> bytes:
    """The DecMessage of ``paper`` with the codes in force on ``as_of``: what it states, nothing made up. Raises Unwritable."""
    level = codes("package", as_of).get(paper.packages[0].level) if paper.packages else None
    mode = codes("mode", as_of).get(paper.mode.value) if paper.mode else None
    consignor, consignee = paper.party(Role.CONSIGNOR), paper.party(Role.CONSIGNEE)
    root = always(
        "DecMessage",
        always(
            "DecHead",
            leaf("EntryId", paper.number),
            leaf("IEFlag", "E"),
            leaf("TradeMode", paper.procedure),
            leaf("TrafMode", mode.code("cn") if mode else ""),
            leaf("TradeCoScc", consignor.id if consignor else None),
            leaf("TradeName", consignor.name if consignor else None),
            leaf("OverseasConsigneeEname", consignee.name if consignee else None),
            leaf("ContrNo", _number_of(paper, ReferenceKind.CONTRACT)),
            leaf("BillNo", _number_of(paper, ReferenceKind.TRANSPORT)),
            leaf("TransMode", paper.terms),
            *(part for charge in paper.charges for part in _charged(charge)),
            leaf("PackNo", paper.packages[0].number if paper.packages else None),
            leaf("WrapType", level.code("cn") if level else ""),
            leaf("GrossWet", number(paper.gross.value) if paper.gross else None),
            leaf("NetWt", number(paper.net.value) if paper.net else None),
            leaf("TradeAreaCode", country_alpha3(paper.trade_country.value) if paper.trade_country else None),
            leaf("TradeCountry", country_alpha3(paper.destination.value) if paper.destination else None),
            leaf("DDate", f"{paper.day.value:%Y%m%d}" if paper.day else None),
            leaf("IEDate", f"{paper.export_day.value:%Y%m%d}" if paper.export_day else None),
        ),
        always("DecLists", *(_listed(line) for line in paper.lines)),
        branch("DecContainers", *(branch("Container", leaf("ContainerId", box)) for box in paper.boxes)),
    )
    return document(root, {"": _NAMESPACE}, encoding)


def _number_of(paper: Paper, kind: ReferenceKind) -> Field[str] | None:
    return next((each.number for each in paper.references if each.kind is kind), None)


def _charged(charge: Charge) -> tuple[Part | None, ...]:
    name = next((name for name, kind in _CHARGES if kind is charge.kind), None)
    if name is None:
        raise Unwritable(f"The form has no field for {charge.kind}", "leave the charge out")
    if charge.share is not None:
        share = number(charge.share.value * 100)
        return leaf(f"{name}Mark", "1"), leaf(f"{name}Rate", share)
    if charge.amount is None:
        return ()
    money = charge.amount.value
    return (
        leaf(f"{name}Mark", "3"),
        leaf(f"{name}Rate", number(money.amount)),
        leaf(f"{name}Curr", money.currency),
    )


def _listed(line: Line) -> Part:
    first, second, *more = (*line.further, None, None)
    if [each for each in more if each]:
        raise Unwritable(
            f"Item {line.number} has more than two statutory quantities", "leave out all but two"
        )
    return always(
        "DecList",
        leaf("GNo", line.number),
        leaf("CodeTS", line.code.value.digits if line.code else None),
        leaf("GName", line.description),
        *_quantity("G", line.quantity),
        *_quantity("First", first),
        *_quantity("Second", second),
        leaf("DeclPrice", number(line.price.value) if line.price else None),
        leaf("DeclTotal", number(line.amount.value.amount) if line.amount else None),
        leaf("TradeCurr", line.amount.value.currency if line.amount else None),
        leaf("OriginCountry", country_alpha3(line.origin.value) if line.origin else None),
    )


def _quantity(name: str, quantity: Field[Quantity] | None) -> tuple[Part | None, ...]:
    if quantity is None:
        return ()
    return leaf(f"{name}Qty", number(quantity.value.number)), leaf(f"{name}Unit", quantity.value.unit_written)
